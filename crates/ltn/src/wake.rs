//! Everything that can wake a node's driver, in one enum, so that a new reason is seen in review.
//!
//! There is one bounded channel per node and the driver drains it with `recv_many`. Because it is
//! bounded, a driver that is behind slows down whoever sends into it, the readers of its links
//! first of all, and through them the other ends. This room knows no mind and no sockets.

use ltn_proto::{CloseReason, DialError, DialId, Direction, Frame, LinkId, NodeId, Role, WriteId};
use tokio::sync::mpsc;

use crate::link::LinkHandle;
use crate::tls::DataConnection;

/// How many wakes may wait. Each holds at most what one read of a link brought, about 64 KiB, so
/// this bounds the memory between the links and the driver.
pub(crate) const WAKES_MAX: usize = 512;

/// The driver's end that others send into.
pub(crate) type WakeSender = mpsc::Sender<Wake>;

/// One reason for the driver to wake up.
#[derive(Debug)]
pub(crate) enum Wake {
    /// An authenticated link stands. Nothing else is said of a link before this.
    LinkOpened {
        /// The number it has from now on.
        link: LinkId,
        /// The answer to which dial, or accepted by a listener.
        direction: Direction,
        /// Who the other end proved to be.
        peer: NodeId,
        /// What it was invited to be, by its certificate; nothing in an open network.
        invited_as: Option<Role>,
        /// The way to send on it. When the last clone is dropped the link closes.
        handle: LinkHandle,
    },
    /// One read of a link brought these frames, in their order; never none.
    Frames {
        /// By which link they came.
        link: LinkId,
        /// What was said.
        frames: Vec<Frame>,
    },
    /// A link is gone: exactly once for each that was opened, and nothing is said of it afterwards.
    LinkClosed {
        /// Which one.
        link: LinkId,
        /// The reason that was given to [`LinkHandle::close`], else what the link found.
        why: CloseReason,
        /// The finding in words for people; empty where this node closed it.
        text: String,
    },
    /// The queue towards a link stayed congested for too long to wait for, or has room again.
    LinkStalled {
        /// Which one.
        link: LinkId,
        /// Is it stalled now?
        stalled: bool,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Which one.
        dial: DialId,
        /// Why, for programs.
        why: DialError,
        /// Why, for people: a sentence without a full stop.
        text: String,
    },
    /// A write of the state directory is done.
    Persisted {
        /// Which one.
        write: WriteId,
        /// If it could not be done: why, in words.
        done: Result<(), String>,
    },
    /// Somebody opened a data connection and presented a ticket that nobody has checked yet. Drop
    /// the stream to turn it away.
    DataOpened {
        /// Who the other end proved to be.
        peer: NodeId,
        /// The one-use ticket: its first sixteen bytes, already taken from the stream.
        ticket: [u8; 16],
        /// The rest of what it says, and the way to answer.
        stream: DataConnection,
    },
}

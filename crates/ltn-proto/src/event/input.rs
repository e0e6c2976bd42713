//! All that goes into the mind.

use super::{DialError, Direction, Op};
use crate::address::Address;
use crate::durable::WriteId;
use crate::frame::Frame;
use crate::id::{DialId, LinkId, NodeId, SigningId};
use crate::outcome::CloseReason;
use crate::role::Role;
use crate::signature::SIGNATURE_BYTES;

/// What can happen to a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// An authenticated connection stands. `peer` is who the other end proved to be.
    LinkOpened {
        /// The shell's number for it.
        link: LinkId,
        /// Which way it leads: the answer to a dial leads up, what was accepted leads down.
        direction: Direction,
        /// The id of the other end, taken from its key.
        peer: NodeId,
        /// Where the other end speaks from.
        remote: Address,
    },
    /// The other end's certificate, made by the network's authority, says what that node was
    /// invited to be. Comes right behind `LinkOpened`, in networks with members only.
    Vouched {
        /// On which link.
        link: LinkId,
        /// What it was invited to be.
        role: Role,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Which one.
        dial: DialId,
        /// Why.
        why: DialError,
    },
    /// A frame arrived.
    Frame {
        /// On which link.
        link: LinkId,
        /// What it says.
        frame: Frame,
    },
    /// A connection is gone, or was found to break the rules of the wire. Comes exactly once for
    /// each link that was opened, also after the mind itself asked for its closing.
    LinkClosed {
        /// Which one.
        link: LinkId,
        /// Why, as far as the shell can tell.
        why: CloseReason,
    },
    /// The queue towards a link became too full to wait for, or has room again.
    LinkStalled {
        /// Which one.
        link: LinkId,
        /// Is it stalled now?
        stalled: bool,
    },
    /// The program on this node wants something.
    Op(Op),
    /// What `Output::Persist` asked for is written, so that no power cut takes it away; or it could
    /// not be. Where a node keeps nothing, this comes at once.
    Persisted {
        /// Which write.
        write: WriteId,
        /// If it could not be written: why, in words.
        done: Result<(), String>,
    },
    /// The answer to `Output::Sign`. Comes as soon as the outputs are drained, and once for each.
    Signed {
        /// What was to be signed.
        signing: SigningId,
        /// The signature by this node's key; none if it could not be made.
        signature: Option<[u8; SIGNATURE_BYTES]>,
    },
    /// The machine of this node slept and is awake again. Time went on meanwhile, and `now` says
    /// how much; comes before anything that waited.
    Slept,
    /// The moment that `poll_timeout` named has come.
    Timeout,
}

//! What the mind wants done.

use super::Event;
use crate::address::Address;
use crate::durable::{Durable, WriteId};
use crate::frame::Frame;
use crate::id::{DialId, LinkId};
use crate::outcome::CloseReason;

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this frame on this link, in order.
    Transmit {
        /// On which link.
        link: LinkId,
        /// What to send.
        frame: Frame,
    },
    /// Close this link after everything that was transmitted before has left.
    Close {
        /// Which link.
        link: LinkId,
        /// Why.
        reason: CloseReason,
    },
    /// Try to reach this address and answer with `LinkOpened` or `DialFailed`.
    Dial {
        /// The mind's number for it.
        dial: DialId,
        /// Where to.
        to: Address,
    },
    /// Write this so that it survives a power cut, in the order of these outputs, and answer with
    /// `Persisted`.
    Persist {
        /// The mind's number for it.
        write: WriteId,
        /// What.
        what: Durable,
    },
    /// Tell the program on this node.
    Event(Event),
}

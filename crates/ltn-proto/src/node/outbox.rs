//! What the shell has to do, in order, with gaps for what is being signed.
//!
//! The mind does not sign, and yet nothing may overtake what it says signed: an answer must leave
//! before the link closes that it travels by. So a frame that waits for its signature keeps its
//! place, and all that comes after it waits behind. Signatures come as soon as the outputs are
//! drained, so that is for a moment only.

use std::collections::VecDeque;

use crate::event::Output;
use crate::frame::Header;
use crate::id::{LinkId, SigningId};

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    slots: VecDeque<Slot>,
}

#[derive(Debug, Clone)]
enum Slot {
    Ready(Output),
    Unsigned(SigningId, Unsigned),
}

/// A frame that waits for its signature.
#[derive(Debug, Clone)]
pub(super) struct Unsigned {
    /// The way that it will take.
    pub(super) link: LinkId,
    pub(super) header: Header,
    pub(super) what: What,
}

/// What the frame will say.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A command, with what its issuer signs.
    Call { call: crate::body::Call, command: Vec<u8> },
    /// The end of one.
    End(crate::frame::Frame),
    /// That an order still holds.
    Go { go: crate::body::OrderGo, words: Vec<u8> },
    /// Words that are signed as they are.
    Words(Vec<u8>),
}

impl Outbox {
    pub(super) fn push_back(&mut self, output: Output) {
        self.slots.push_back(Slot::Ready(output));
    }

    /// Nothing that is pushed from now on leaves before this frame.
    pub(super) fn wait_for(&mut self, signing: SigningId, unsigned: Unsigned) {
        self.slots.push_back(Slot::Unsigned(signing, unsigned));
    }

    pub(super) fn pop_front(&mut self) -> Option<Output> {
        match self.slots.pop_front()? {
            Slot::Ready(output) => Some(output),
            waiting @ Slot::Unsigned(..) => {
                self.slots.push_front(waiting);
                None
            }
        }
    }

    /// Is there nothing that could be done now?
    pub(super) fn is_drained(&self) -> bool {
        !matches!(self.slots.front(), Some(Slot::Ready(_)))
    }

    /// The frame that waits for this signature, and its place.
    pub(super) fn take(&mut self, signing: SigningId) -> Option<(usize, Unsigned)> {
        let is_it = |slot: &Slot| matches!(slot, Slot::Unsigned(id, _) if *id == signing);
        let at = self.slots.iter().position(is_it)?;
        match self.slots.remove(at) {
            Some(Slot::Unsigned(_, unsigned)) => Some((at, unsigned)),
            _ => None,
        }
    }

    /// Puts these where that frame waited.
    pub(super) fn put(&mut self, at: usize, outputs: impl IntoIterator<Item = Output>) {
        for (further, output) in outputs.into_iter().enumerate() {
            self.slots.insert(at + further, Slot::Ready(output));
        }
    }
}

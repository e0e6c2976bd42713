//! The way up: the parent, the attempt to get one, and the pause until the next attempt.
//!
//! This room remembers; dialing, registering and telling people is done by `node/joining.rs`.

use std::time::Duration;

use crate::address::Address;
use crate::body::Welcome;
use crate::durable::{KeptParent, WriteId};
use crate::id::{DialId, InboundId, LinkId, NodeId, OpId};
use crate::limits::{RECONNECT_PAUSE_MAX, RECONNECT_PAUSE_MIN};
use crate::moment::Moment;
use crate::name::Name;

/// The server that this node is registered at.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    pub(crate) link: LinkId,
    pub(crate) id: NodeId,
    pub(crate) name: Name,
    pub(crate) address: Address,
}

/// Who wants to get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The program on this node.
    Op {
        op: OpId,
        /// Try until it works?
        persist: bool,
    },
    /// Somebody who ran a command on this node.
    Command(InboundId),
    /// Somebody who wants this node below that one.
    Move {
        inbound: InboundId,
        under: NodeId,
        /// Come back by oneself if the new parent is lost within this time.
        return_after: Option<Duration>,
    },
    /// The node itself, after it lost its parent.
    Return,
}

/// An attempt to join a server.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) dial: DialId,
    pub(crate) to: Address,
    pub(crate) wish: Wish,
    /// The link, once the dial succeeded.
    pub(crate) link: Option<LinkId>,
    /// The welcome, once it came; the place is taken when the new parent is written down.
    pub(crate) committing: Option<Box<Committing>>,
}

/// A parent that has let us in and is being written down.
#[derive(Debug, Clone)]
pub(crate) struct Committing {
    pub(crate) write: WriteId,
    pub(crate) parent: Parent,
    pub(crate) kept: KeptParent,
    pub(crate) welcome: Welcome,
}

/// An attempt that failed and comes again.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    pub(crate) at: Moment,
    pub(crate) to: Address,
    pub(crate) wish: Wish,
}

/// A move that is taken back if the new parent is lost too soon.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) until: Moment,
    /// The parent before.
    pub(crate) former: Parent,
}

/// All that concerns the way up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uplink {
    pub(crate) parent: Option<Parent>,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) retry: Option<Retry>,
    /// Where to come back to after a loss.
    pub(crate) home: Option<Address>,
    /// The parent that is written down.
    pub(crate) kept: Option<KeptParent>,
    /// The last move, while it may still be taken back.
    pub(crate) trial: Option<Trial>,
    /// Failures since the last success.
    failures: u32,
}

impl Uplink {
    /// Nothing yet but what an earlier life wrote down.
    pub(crate) fn remembering(kept: Option<KeptParent>) -> Self {
        Self { kept, ..Self::default() }
    }

    /// The pause before the next attempt, without jitter; longer with each failure.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let doubled = RECONNECT_PAUSE_MIN * 2_u32.pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        doubled.min(RECONNECT_PAUSE_MAX)
    }

    /// It worked.
    pub(crate) fn succeed(&mut self, parent: Parent) -> Option<Parent> {
        self.failures = 0;
        self.retry = None;
        self.attempt = None;
        self.trial = None;
        self.home = Some(parent.address.clone());
        self.parent.replace(parent)
    }

    /// Is this the link of the parent?
    pub(crate) fn is_parent_link(&self, link: LinkId) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.link == link)
    }

    /// Is this the link of the attempt under way?
    pub(crate) fn is_attempt_link(&self, link: LinkId) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.link == Some(link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let mut uplink = Uplink::default();
        let pauses: Vec<Duration> = (0..40).map(|_| uplink.next_pause()).collect();
        assert_eq!(pauses[0], RECONNECT_PAUSE_MIN);
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(pauses[39], RECONNECT_PAUSE_MAX);
    }
}

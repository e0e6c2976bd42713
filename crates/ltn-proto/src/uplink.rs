//! The way up: the parent, the attempt to get one, and the pause until the next attempt. Whom to
//! try next is for `goals.rs`.
//!
//! This room remembers; dialing, registering and telling people is done by `node/joining.rs`.

use std::time::Duration;

use crate::address::Address;
use crate::body::Welcome;
use crate::durable::{KeptParent, WriteId};
use crate::id::{DialId, InboundId, LinkId, NodeId, OpId};
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
    /// The node itself, which lives elsewhere and tries where it belongs.
    Home,
}

impl Wish {
    /// Does it give way to whatever somebody wants?
    pub(crate) const fn is_background(self) -> bool {
        matches!(self, Self::Return | Self::Home)
    }
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
    /// The last move, while it may still be taken back.
    pub(crate) trial: Option<Trial>,
    /// The parent that is written down.
    pub(crate) kept: Option<KeptParent>,
}

impl Uplink {
    /// Nothing yet but what an earlier life wrote down.
    pub(crate) fn remembering(kept: Option<KeptParent>) -> Self {
        Self { kept, ..Self::default() }
    }

    /// It worked.
    pub(crate) fn succeed(&mut self, parent: Parent) -> Option<Parent> {
        self.retry = None;
        self.attempt = None;
        self.trial = None;
        self.parent.replace(parent)
    }

    /// Where somebody wants this node, however long that takes.
    pub(crate) fn sought(&self) -> Option<Address> {
        let lasting = |wish: Wish| matches!(wish, Wish::Op { persist: true, .. });
        let attempt = self.attempt.as_ref().filter(|a| lasting(a.wish)).map(|a| &a.to);
        let retry = self.retry.as_ref().filter(|retry| lasting(retry.wish)).map(|r| &r.to);
        attempt.or(retry).cloned()
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

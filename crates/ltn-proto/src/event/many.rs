//! What a program asks of many nodes at once, and what it hears of each.

use std::time::Duration;

use super::Content;
use crate::id::{NodeId, OpId};
use crate::outcome::Outcome;
use crate::path::NodePath;
use crate::role::Role;
use crate::selector::Selector;
use crate::snapshot::{PresenceKind, TreeNode};
use crate::value::Value;

/// What the program can ask about all nodes that fit a selector.
#[derive(Debug, Clone, PartialEq)]
pub enum ManyOp {
    /// Who fits? Told page by page in [`ManyEvent::Selected`]. Ends with `Outcome::Reply(Null)`
    /// after the last one; as refused if nobody fits; as no route where nobody can tell.
    Select {
        /// Its outcome names it.
        op: OpId,
        /// Who.
        selector: Selector,
        /// How long to wait for the whole of it.
        timeout: Duration,
    },
    /// Says one thing to all of these and tells how each one ended: first
    /// [`ManyEvent::Counted`], then [`ManyEvent::Gathered`] for each, as they come. Ends with
    /// `Outcome::Reply(Null)` when everybody has been told of; as refused or no route if they could
    /// not be found, or not all of them.
    Gather {
        /// Its outcome names it.
        op: OpId,
        /// To whom.
        whom: Whom,
        /// What.
        what: Wording,
        /// How long to wait for the whole of it.
        timeout: Duration,
    },
    /// Tells of all who come, go and move at places that fit, from [`ManyEvent::Watching`] on and
    /// until it is abandoned; also after this node has moved or was cut off. Ends only as refused
    /// or no route, if it never began, and when this node stops.
    Watch {
        /// Its outcome names it.
        op: OpId,
        /// Which places: a path or a pattern.
        places: Selector,
    },
    /// The program has looked at so many of the answers. Only so many wait for it at one time.
    Taken {
        /// Of what.
        op: OpId,
        /// How many more.
        count: usize,
    },
    /// The program does not want to hear of this any more. What was said stays said.
    Abandon {
        /// Of what.
        op: OpId,
    },
}

/// To whom something is said.
#[derive(Debug, Clone, PartialEq)]
pub enum Whom {
    /// All who fit, also those who are known and out of reach.
    Fitting(Selector),
    /// These, the lowest layers first and each layer only when the one below has ended; the servers
    /// above this node come last, the highest first, so that the way to the others stays open.
    These(Vec<Addressee>),
}

/// One node that was named before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Who.
    pub id: NodeId,
    /// Where it was found.
    pub path: NodePath,
    /// The token that it gave for a dangerous command.
    pub token: Option<[u8; 16]>,
}

/// What is said to many.
#[derive(Debug, Clone, PartialEq)]
pub enum Wording {
    /// A message that is acknowledged.
    Send(Content),
    /// A question to a requestable.
    Request {
        /// Which.
        name: String,
        /// With what.
        argument: Value,
    },
    /// A command.
    Call {
        /// Which.
        command: String,
        /// With what.
        arguments: Vec<Value>,
    },
}

/// How one of many ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// Who.
    pub id: NodeId,
    /// Where it was found.
    pub path: NodePath,
    /// How it ended. Who is out of reach is `NoRoute`, with since when and behind whom.
    pub outcome: Outcome,
    /// How long that took.
    pub took: Duration,
}

impl ManyEvent {
    /// What it is about.
    #[must_use]
    pub const fn op(&self) -> OpId {
        match self {
            Self::Selected { op, .. }
            | Self::Counted { op, .. }
            | Self::Gathered { op, .. }
            | Self::Watching { op }
            | Self::Presence { op, .. }
            | Self::Gap { op, .. }
            | Self::Part { op, .. }
            | Self::Interrupted { op, .. } => *op,
        }
    }
}

/// Something happened to a node that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// What.
    pub kind: PresenceKind,
    /// To whom.
    pub id: NodeId,
    /// What it was configured to be.
    pub role: Role,
    /// Where it is, or was last.
    pub path: NodePath,
    /// Where it was before, if it moved or has another name.
    pub from: Option<NodePath>,
}

/// What the program hears of many nodes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ManyEvent {
    /// A part of the answer to a command, before it ends. All of it may stand in the answer again.
    Part {
        /// Which operation.
        op: OpId,
        /// What.
        value: Value,
    },
    /// These fit.
    Selected {
        /// Which operation.
        op: OpId,
        /// Each before what is below it.
        nodes: Vec<TreeNode>,
        /// How many fit in all, on the first page.
        total: Option<usize>,
        /// The version of the map they were read from. Another one on the next page means that
        /// something changed meanwhile.
        version: u64,
    },
    /// So many will be told of.
    Counted {
        /// Which operation.
        op: OpId,
        /// How many.
        total: usize,
    },
    /// One of them has ended.
    Gathered {
        /// Which operation.
        op: OpId,
        /// Who, and how.
        entry: Gathered,
    },
    /// A server tells of these places from now on (again, if it was interrupted).
    Watching {
        /// Which operation.
        op: OpId,
    },
    /// Something happened there.
    Presence {
        /// Which operation.
        op: OpId,
        /// What.
        news: Presence,
    },
    /// Something happened that was not told: look at the list anew.
    Gap {
        /// Which operation.
        op: OpId,
        /// How much, where that is known.
        missed: Option<u64>,
    },
    /// Nobody tells of these places now; it is tried again without end.
    Interrupted {
        /// Which operation.
        op: OpId,
        /// Why.
        why: String,
    },
}

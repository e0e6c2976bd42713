//! What is said to hear of nodes that come, go and move: the wish, its confirmation, and the news.

use minicbor::{Decode, Encode};

use crate::id::NodeId;
use crate::path::NodePath;
use crate::role::Role;
use crate::selector::Pattern;
use crate::snapshot::PresenceKind;

/// `WATCH`: tell me of these from now on; also that so many news were taken, and that I am there.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Watch {
    /// Of whom.
    #[n(0)]
    pub(crate) pattern: Pattern,
    /// How many of the news of this watch were taken.
    #[n(1)]
    pub(crate) taken: u64,
    /// No more of it?
    #[n(2)]
    pub(crate) over: bool,
}

/// `WATCHING`: the server that holds these confirms.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Watching {
    /// How many news of this watch it has told so far.
    #[n(0)]
    pub(crate) told: u64,
    /// Does it tell of it only from now on?
    #[n(1)]
    pub(crate) anew: bool,
}

/// `PRESENCE`: news of a watch, in order.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Presence {
    /// How many were told with these; those that were left out do not count.
    #[n(0)]
    pub(crate) told: u64,
    /// How many were left out before these, because the watcher took none for too long.
    #[n(1)]
    pub(crate) missed: u64,
    /// They.
    #[n(2)]
    pub(crate) news: Vec<News>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct News {
    /// What happened.
    #[n(0)]
    pub(crate) kind: PresenceKind,
    /// To whom.
    #[n(1)]
    pub(crate) id: NodeId,
    #[n(2)]
    pub(crate) role: Role,
    /// Where it is, or was last.
    #[n(3)]
    pub(crate) path: NodePath,
    /// Where it was before, if it moved or has another name.
    #[n(4)]
    pub(crate) from: Option<NodePath>,
}

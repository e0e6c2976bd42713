//! How things end. Every send, request and call ends in exactly one [`Outcome`].
//!
//! The words are chosen by what is *certain*: `Refused` and `NoRoute` mean certainly not done,
//! `Unknown` says that nobody can tell.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::id::NodeId;
use crate::path::NodePath;
use crate::value::Value;

/// The one end of a send, a request or a call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The target's application took the message.
    Delivered,
    /// The target answered.
    Reply(Value),
    /// The target's handler ran and answered with an error.
    Failed(String),
    /// Nothing was done yet: the command is dangerous and wants its token back.
    Confirm(Confirmation),
    /// Certainly not done, by the word of the one who refused.
    Refused(Refusal),
    /// Certainly not done, by the word of the servers on the way: it never reached its target.
    NoRoute(NoRoute),
    /// It may or may not have been done; the text says why nobody can tell.
    Unknown(String),
}

impl Outcome {
    /// One word for it, as in statistics and JSON.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Reply(_) => "reply",
            Self::Failed(_) => "failed",
            Self::Confirm(_) => "confirm",
            Self::Refused(_) => "refused",
            Self::NoRoute(_) => "no-route",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What a dangerous command will do, and the token that makes it do so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// Send the same command with this token, within 30 seconds, once.
    pub token: [u8; 16],
    /// What will happen, in words.
    pub text: String,
    /// Whom it will happen to.
    pub targets: Vec<NodeId>,
}

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The target has too much to do; it may go well later.
    #[n(0)]
    Busy,
    /// There is no such requestable or command at the target.
    #[n(1)]
    NotOffered,
    /// The arguments do not fit.
    #[n(2)]
    BadArguments,
    /// The one who asks lacks a permission.
    #[n(3)]
    NoPermission,
    /// It is larger than one message may be.
    #[n(4)]
    TooLarge,
    /// The token is unknown, used, too old, or was given for something else.
    #[n(5)]
    BadToken,
    /// The tree would have a cycle.
    #[n(6)]
    Cycle,
    /// The tree would be too deep.
    #[n(7)]
    TooDeep,
    /// The tree, or the server, can hold no more.
    #[n(8)]
    Full,
    /// The server has no way to the root now, and only the root can allow this.
    #[n(9)]
    NoRoot,
    /// The server does not take this role below it.
    #[n(10)]
    WrongRole,
    /// The versions do not fit.
    #[n(11)]
    WrongVersion,
    /// Another running node has the same key.
    #[n(12)]
    DuplicateKey,
    /// The id was kicked a moment ago.
    #[n(13)]
    Kicked,
    /// The node is stopping.
    #[n(14)]
    Stopping,
    /// It makes no sense for this node, as it is now; the text says why.
    #[n(15)]
    NotPossible,
    /// The local node is not connected to anybody.
    #[n(16)]
    NotConnected,
    /// The target named nobody, or more than one node.
    #[n(17)]
    BadTarget,
    /// The peer said something that was not expected at this point.
    #[n(18)]
    Misbehaved,
    /// Nobody listens at this address.
    #[n(19)]
    NoServer,
    /// Nothing answered at this address in time.
    #[n(20)]
    NoAnswer,
    /// The address cannot be used.
    #[n(21)]
    Unsuited,
    /// What listens there is no server of this kind of network.
    #[n(22)]
    NotLtn,
    /// It is the node's own address.
    #[n(23)]
    OwnAddress,
    /// The connection broke before the answer came.
    #[n(24)]
    Lost,
    /// An attempt of the same kind is under way.
    #[n(25)]
    AlreadyConnecting,
    /// The one who asks is muted at a server that it would have to pass or reach.
    #[n(26)]
    Muted,
}

/// A certain "no".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Why, for programs.
    pub kind: RefusalKind,
    /// Why, for people: a sentence without a full stop.
    pub text: String,
}

impl Refusal {
    /// A refusal with its reason in words.
    #[must_use]
    pub fn new(kind: RefusalKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// Where the way ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} (said by {at})")]
pub struct NoRoute {
    /// The node that knew no further, by its path.
    pub at: String,
    /// Why, for people: a sentence without a full stop.
    pub text: String,
}

/// Why a link was closed, as one end tells the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum CloseReason {
    /// The child leaves by its own wish.
    #[n(0)]
    Leaving,
    /// The child has another parent now.
    #[n(1)]
    Moved,
    /// The node stops and does not come back by itself. Nobody who hears it reconnects.
    #[n(2)]
    Stopping,
    /// The node restarts: come back in a moment.
    #[n(3)]
    Restarting,
    /// The child was thrown out. It does not come back by itself.
    #[n(4)]
    Kicked,
    /// A newer link of the same node takes over.
    #[n(5)]
    Replaced,
    /// The child was not let in; a [`RefusalKind`] says why.
    #[n(6)]
    Refused,
    /// The other end broke the rules of the wire.
    #[n(7)]
    Misbehaved,
    /// Nothing was heard for the length of the lease.
    #[n(8)]
    Silent,
    /// The other end did not read what it was sent.
    #[n(9)]
    SlowReader,
    /// The link would close a cycle.
    #[n(10)]
    Cycle,
    /// The connection broke, without a word.
    #[n(11)]
    Lost,
    /// The network's charter refuses this key, for ever.
    #[n(20)]
    Revoked,
    /// The node's process ends and may be started again: whoever belongs to it looks for it.
    #[n(12)]
    Away,
}

impl CloseReason {
    /// Does the child try to come back by itself after this?
    #[must_use]
    pub const fn invites_return(self) -> bool {
        !matches!(self, Self::Kicked | Self::Stopping | Self::Leaving | Self::Moved | Self::Revoked)
    }

    /// How a parent tells those above what a node said last, if that says how its process ends.
    pub(crate) const fn last_word(self) -> Option<u8> {
        match self {
            Self::Stopping => Some(2),
            Self::Restarting => Some(3),
            _ => None,
        }
    }

    /// What such a number means.
    pub(crate) fn read_last_word(number: u8) -> Option<Self> {
        [Self::Stopping, Self::Restarting].into_iter().find(|r| r.last_word() == Some(number))
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leaving => "left",
            Self::Moved => "moved to another server",
            Self::Stopping => "is shutting down",
            Self::Restarting => "is restarting",
            Self::Kicked => "kicked",
            Self::Replaced => "replaced by a newer connection of the same node",
            Self::Refused => "refused",
            Self::Misbehaved => "broke the rules of the protocol",
            Self::Silent => "nothing heard for the length of the lease",
            Self::SlowReader => "did not read what it was sent",
            Self::Cycle => "the link would close a cycle",
            Self::Lost => "connection lost",
            Self::Revoked => "revoked",
            Self::Away => "went away and may come back",
        })
    }
}

/// How a node ended in a roll call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum RollCallOutcome {
    /// A server that said it stops, closed its link, and was not back for three seconds.
    #[n(0)]
    Stopped,
    /// A server that said it restarts, and closed its link.
    #[n(1)]
    Restarting,
    /// A server that is ready and goes last, because the report travels through it.
    #[n(2)]
    Stopping,
    /// A client whose server told it.
    #[n(3)]
    Told,
    /// Certainly not done, by its own word.
    #[n(4)]
    Refused,
    /// It could not be reached when the order was given.
    #[n(5)]
    Unreachable,
    /// It was told and did not say how it went.
    #[n(6)]
    Unknown,
}

impl RollCallOutcome {
    const ALL: [Self; 7] = [
        Self::Stopped,
        Self::Restarting,
        Self::Stopping,
        Self::Told,
        Self::Refused,
        Self::Unreachable,
        Self::Unknown,
    ];

    /// The word for it in lists and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
            Self::Told => "told",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }
}

/// One line of a roll call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollCallEntry {
    /// Which node.
    pub id: NodeId,
    /// Where it was when the roll was called.
    pub path: NodePath,
    /// Is it a server (else a client)?
    pub is_server: bool,
    /// How it ended.
    pub outcome: RollCallOutcome,
    /// Since when, behind whom, why; may be empty.
    pub detail: String,
}

impl RollCallEntry {
    /// One line of what a command with a roll call answers (`roll_call`, a list of maps).
    #[must_use]
    pub fn from_value(line: &Value) -> Option<Self> {
        let text = |key: &str| line.get(key).and_then(Value::as_text);
        let outcome = text("outcome")?;
        Some(Self {
            id: text("id")?.parse().ok()?,
            path: text("path")?.parse().ok()?,
            is_server: text("role")? == "server",
            outcome: RollCallOutcome::ALL.into_iter().find(|known| known.as_str() == outcome)?,
            detail: text("detail").unwrap_or_default().to_owned(),
        })
    }
}

/// What is told of a roll call before its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollCallNews {
    /// How many nodes the report will name.
    pub total: u64,
    /// Those that have ended since the last news; the first news have none. Who is told of once
    /// more has ended otherwise than it was thought.
    pub ended: Vec<RollCallEntry>,
}

impl RollCallNews {
    /// A part of the answer to an order, if it is one.
    #[must_use]
    pub fn from_value(part: &Value) -> Option<Self> {
        let ended = part.get("ended")?.as_list()?.iter();
        let Value::Int(total) = part.get("total")? else { return None };
        Some(Self {
            total: u64::try_from(*total).ok()?,
            ended: ended.filter_map(RollCallEntry::from_value).collect(),
        })
    }
}

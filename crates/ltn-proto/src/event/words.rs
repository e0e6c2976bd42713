//! The smaller words of the front page: what stands inside inputs, outputs, operations and events.

use std::time::Duration;

use bytes::Bytes;

use crate::id::{DialId, InboundId, NodeId};
use crate::name::Name;
use crate::outcome::{CloseReason, Refusal};
use crate::secret::Secret;
use crate::value::Value;

/// Which way a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To a higher server; it is the outcome of this dial.
    Up(DialId),
    /// To a node below.
    Down,
}

/// Why an address could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Nobody listens there.
    #[error("no server at this address")]
    NoServer,
    /// Nothing answered in time.
    #[error("no answer in time")]
    Timeout,
    /// The text is no address of this carrier, or not one that may be used.
    #[error("this address cannot be used")]
    Unsuited,
    /// Somebody listens there and speaks something else, or another network mode.
    #[error("what listens there is no server of this kind of network")]
    NotLtn,
}

/// What a message carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text, for people.
    Text(String),
    /// A value, for programs.
    Value(Value),
    /// Bytes that only the two ends understand.
    Bytes(Bytes),
}

/// What the shell has to say about admin keys. Only it ever holds their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyNews {
    /// There is one, or none.
    Known(bool),
    /// The key of [`KeyWish::Check`] was looked at.
    Checked {
        /// Which one.
        inbound: InboundId,
        /// Is it the key of this node?
        right: bool,
    },
    /// The key of [`KeyWish::Keep`] holds from here on, or why not.
    Kept {
        /// Which one.
        inbound: InboundId,
        /// What went wrong, if something did; the old key holds then.
        error: Option<String>,
    },
}

/// What the shell has to do with an admin key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyWish {
    /// Is this the key? Answer with [`KeyNews::Checked`].
    Check(Secret),
    /// Have this key from now on. Answer with [`KeyNews::Kept`].
    Keep(Secret),
}

/// What the program on this node can want of its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceWish {
    /// Have this service from now on, in place of an earlier one of the program's of this name. It
    /// is due at once.
    Keep {
        /// What it is called.
        name: String,
        /// How often it runs.
        interval: Duration,
    },
    /// Have this service of the program's no longer.
    Remove {
        /// Which one.
        name: String,
    },
    /// Switch services on or off.
    Enable {
        /// Which one; `None` for all.
        name: Option<String>,
        /// On or off?
        enabled: bool,
    },
    /// Run this service now, whether it is due or enabled or not.
    RunNow {
        /// Which one.
        name: String,
    },
}

/// The answer to something that came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The message was taken into the application's queue.
    Taken,
    /// The value that was asked for, or the command's result.
    Value(Value),
    /// What a command would do, and to whom: the answer to [`CallStep::Rehearsal`].
    Foretold(Box<Foretold>),
    /// The handler ran and failed.
    Failed(String),
    /// The handler did not run.
    Refused(Refusal),
}

/// How far a command of the program's has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallStep {
    /// Nothing is to be done yet: what would it do, and to whom? Asked of commands that are
    /// [declared](crate::CommandSpec::foretold) to know.
    Rehearsal,
    /// It is to be done. Whom the confirmation showed, if it wanted one.
    Run(Vec<NodeId>),
}

/// What a command would do, in words, and to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Foretold {
    /// Who called it.
    pub actor: NodeId,
    /// The command.
    pub command: String,
    /// With what.
    pub arguments: Vec<Value>,
    /// What would be done.
    pub text: String,
    /// To whom.
    pub targets: Vec<NodeId>,
}

/// An order to stop or restart, as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenOrder {
    /// Its number; all servers that it goes through use the same.
    pub number: u64,
    /// To restart, or to stop?
    pub restart: bool,
    /// With everything below those who are ordered?
    pub subtree: bool,
    /// Who gave it.
    pub issuer: NodeId,
}

/// A directly registered node whose link is over, whether it is on lists or not. Of one that is
/// `Event::Left` follows, unless it registered elsewhere below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parted {
    /// Who.
    pub child: NodeId,
    /// Which name it had.
    pub name: Option<Name>,
    /// Why.
    pub reason: CloseReason,
}

/// The branch that has most of a map that is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowded {
    /// The child of this server that it hangs below.
    pub branch: NodeId,
    /// Which name that has.
    pub name: Option<Name>,
    /// The nodes in the map.
    pub nodes: usize,
}

//! A read-only picture of a node: what lists, drawings and tests look at.
//!
//! Plain data, copied out of the mind; nothing here can change anything.

use std::fmt;
use std::time::Duration;

use minicbor::{Decode, Encode};

use crate::address::Address;
use crate::id::NodeId;
use crate::name::Name;
use crate::path::NodePath;
use crate::role::Role;
use crate::text::span;

/// What a node knows at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Who it is.
    pub id: NodeId,
    /// What it was configured to be.
    pub role: Role,
    /// What it is called.
    pub name: Name,
    /// Where it is; in a fragment with the last known prefix.
    pub path: NodePath,
    /// Is there a way to the root?
    pub rooted: bool,
    /// The higher server, if it is connected now.
    pub parent: Option<NodeId>,
    /// All servers above it, the root first, as last heard.
    pub ancestors: Vec<NodeId>,
    /// Its subtree, itself first, each node before its children, siblings in the order of names
    /// (clients before servers). Sessions are left out.
    pub tree: Vec<TreeNode>,
    /// Sessions in its subtree.
    pub sessions: usize,
    /// Links that are registered.
    pub links: usize,
    /// Links that are not registered yet.
    pub pending_links: usize,
    /// Requests of its own that have not ended.
    pub open_requests: usize,
    /// Requests of others that have not been answered.
    pub inbound_requests: usize,
    /// What happened so far, for tests and metrics.
    pub counters: Counters,
    /// Its periodic routines, in the order of their names.
    pub services: Vec<ServiceStatus>,
}

/// How one service is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// What it is called.
    pub name: String,
    /// How often it runs; `None` for one that runs when there is something to do.
    pub interval: Option<Duration>,
    /// Does it come with every node of this kind?
    pub built_in: bool,
    /// Does it run by itself? One that failed does not, until it is enabled again.
    pub enabled: bool,
    /// Is it running now?
    pub running: bool,
    /// How often it was started.
    pub runs: u64,
    /// How long ago it was started last.
    pub last_run: Option<Duration>,
    /// What the last run failed with, if it did.
    pub last_error: Option<String>,
    /// Ticks that passed while it ran, or while the machine slept.
    pub skipped: u64,
}

impl fmt::Display for ServiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.running, self.enabled, &self.last_error) {
            (true, ..) => "running",
            (false, true, _) => "on",
            (false, false, None) => "off",
            (false, false, Some(_)) => "disabled, it failed",
        };
        write!(f, "{}: {state}", self.name)?;
        match self.interval {
            Some(interval) => write!(f, ", every {interval:?}")?,
            None => f.write_str(", when something changes")?,
        }
        match self.last_run {
            Some(ago) => write!(f, ", last run {} ago", span(ago))?,
            None => f.write_str(", not run yet")?,
        }
        if self.skipped > 0 {
            write!(f, ", {} ticks skipped", self.skipped)?;
        }
        if let Some(error) = &self.last_error {
            write!(f, ", error: {error}")?;
        }
        Ok(())
    }
}

/// One node of a subtree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeNode {
    /// Who.
    pub id: NodeId,
    /// The node above it; its own id for the top of a snapshot.
    pub parent: NodeId,
    /// What it is called.
    pub name: Name,
    /// Where it is.
    pub path: NodePath,
    /// What it was configured to be.
    pub role: Role,
    /// Which of its places this is: a higher number is a newer place.
    pub edition: u64,
    /// Where it listens, if it does.
    pub address: Option<Address>,
    /// For how long nothing was heard of it, if its branch is lost.
    pub stale_for: Option<Duration>,
    /// How many servers are directly below it and in reach.
    pub servers: usize,
    /// How many clients are directly below it and in reach.
    pub clients: usize,
}

/// What can happen to a node that somebody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum PresenceKind {
    /// It is here, and was not before.
    #[n(0)]
    Joined,
    /// It is gone, and does not come back by itself.
    #[n(1)]
    Left,
    /// It is at another place now, or one of those above it moved or has another name. Who was lost
    /// stays so, with its place in the list elsewhere.
    #[n(2)]
    Moved,
    /// It has another name now, below the same server.
    #[n(3)]
    Renamed,
    /// It is out of reach, and may come back.
    #[n(4)]
    Lost,
    /// It was out of reach, and is here again, perhaps at another place.
    #[n(5)]
    Back,
}

impl PresenceKind {
    /// The word for it in lists and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Moved => "moved",
            Self::Renamed => "renamed",
            Self::Lost => "lost",
            Self::Back => "back",
        }
    }
}

/// How often things happened that nobody is told about one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Frames that were passed on.
    pub forwarded: u64,
    /// Frames refused because their source is not below the link they came by.
    pub forged_sources: u64,
    /// Places that were announced without the word of the node itself.
    pub unsigned_places: u64,
    /// Nodes that were left out of a map that was full.
    pub crowded_out: u64,
    /// Commands that were not run because their issuers did not sign them as they came.
    pub unproven_commands: u64,
    /// Answers to commands that who was called did not sign.
    pub unsealed_answers: u64,
    /// Frames that nobody could deliver and nobody waited for.
    pub dropped: u64,
    /// Replies that came after their request had ended.
    pub late_replies: u64,
    /// Frames of a kind that this version does not know.
    pub unknown_kinds: u64,
}

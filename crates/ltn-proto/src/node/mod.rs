//! The mind of one node. See the crate documentation for the drive contract.

use crate::address::Address;
use crate::event::{Input, Output};
use crate::id::NodeId;
use crate::limits::Limits;
use crate::moment::Moment;
use crate::name::Name;
use crate::permissions::Permissions;
use crate::role::Role;
use crate::snapshot::Snapshot;

/// What a node is made of.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Who it is.
    pub id: NodeId,
    /// What it was configured to be.
    pub role: Role,
    /// The name it wants; without one it is called by its kind and five characters of its id.
    pub name: Option<Name>,
    /// One line about it.
    pub description: String,
    /// The version of the program, for metadata.
    pub version: String,
    /// Where its listener is reached, if it has one.
    pub address: Option<Address>,
    /// The port of its data socket (`Maindata`), if it has one.
    pub data_port: Option<u16>,
    /// A number that no earlier run of this node had.
    pub incarnation: u64,
    /// How often this node was started with this key; 1 where keys are thrown away.
    pub starts: u32,
    /// All the randomness that the mind ever gets: for tokens, request numbers and pauses.
    pub seed: [u8; 32],
    /// What everybody who registers anywhere in the tree may do here.
    pub newcomers: Permissions,
    /// The maxima.
    pub limits: Limits,
}

/// Where a data stream goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamHop {
    /// It is for this node.
    Here,
    /// To this neighbour.
    To(NodeId),
}

/// The mind: everything that one node knows and decides.
#[derive(Debug)]
pub struct NodeState {}

impl NodeState {
    /// A node that has just started.
    #[must_use]
    pub fn new(_config: NodeConfig, _now: Moment) -> Self {
        Self {}
    }

    /// Something happened. Afterwards drain [`Self::poll_output`] to the end.
    pub fn handle(&mut self, _now: Moment, _input: Input) {}

    /// The next thing that the shell has to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When [`Input::Timeout`] is due, if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        None
    }

    /// A picture of what the node knows.
    #[must_use]
    pub fn snapshot(&self, _now: Moment) -> Snapshot {
        unimplemented!()
    }

    /// Where a data stream from `source` to `destination` goes next, when it comes from this
    /// neighbour (`None`: from this very node).
    pub fn stream_hop(
        &self,
        _from: Option<NodeId>,
        _source: NodeId,
        _destination: NodeId,
    ) -> Result<StreamHop, crate::outcome::NoRoute> {
        Ok(StreamHop::Here)
    }
}

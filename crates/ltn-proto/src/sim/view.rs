//! What can be seen of a simulated network from outside, without changing anything.

use crate::address::Address;
use crate::id::NodeId;
use crate::moment::Moment;
use crate::node::NodeConfig;
use crate::role::Role;
use crate::snapshot::Snapshot;

use super::HostId;
use super::history::History;
use super::host::{Home, Host};
use super::network::Network;

impl Network {
    /// The simulated time.
    #[must_use]
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.hosts.len()).map(HostId)
    }

    /// What the node on this host was made of.
    #[must_use]
    pub fn config(&self, host: HostId) -> &NodeConfig {
        &self.hosts[host.0].config
    }

    /// The id of the node on this host.
    #[must_use]
    pub fn id(&self, host: HostId) -> NodeId {
        self.hosts[host.0].config.id
    }

    /// The role of the node on this host.
    #[must_use]
    pub fn role(&self, host: HostId) -> Role {
        self.hosts[host.0].config.role
    }

    /// Where the node on this host listens, or would if it did.
    #[must_use]
    pub fn address(&self, host: HostId) -> Address {
        Address::new(&format!("sim:{}", host.0))
    }

    /// The host of the node with this id.
    #[must_use]
    pub fn host_of(&self, id: NodeId) -> Option<HostId> {
        self.hosts.iter().position(|machine| machine.config.id == id).map(HostId)
    }

    /// The host that listens, or would listen, at this address.
    #[must_use]
    pub fn host_at(&self, address: &Address) -> Option<HostId> {
        let at = |machine: &Host| machine.config.address.as_ref() == Some(address);
        self.hosts.iter().position(at).map(HostId)
    }

    /// Does the process run (paused or not)?
    #[must_use]
    pub fn is_up(&self, host: HostId) -> bool {
        self.hosts[host.0].mind.is_some()
    }

    /// Is the process paused?
    #[must_use]
    pub fn is_paused(&self, host: HostId) -> bool {
        self.hosts[host.0].paused.is_some()
    }

    /// How often the process was started.
    #[must_use]
    pub fn run_of(&self, host: HostId) -> u32 {
        self.hosts[host.0].run
    }

    /// Where the node is, by what its program was told.
    #[must_use]
    pub fn home(&self, host: HostId) -> &Home {
        &self.hosts[host.0].home
    }

    /// What the node knows now.
    ///
    /// # Panics
    /// If the process does not run.
    #[must_use]
    pub fn snapshot(&self, host: HostId) -> Snapshot {
        let mind = self.hosts[host.0].mind.as_ref();
        mind.expect("only a running node has a picture of itself").snapshot(self.clock(host))
    }

    /// The nodes that a host's node takes for its children now.
    #[must_use]
    pub fn claimed_children(&self, host: HostId) -> Vec<NodeId> {
        let mind = self.hosts[host.0].mind.as_ref();
        mind.map(|mind| mind.claimed_children().collect()).unwrap_or_default()
    }

    /// All that happened.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }
}

//! Where everybody really is: computed in the plainest way from who hangs on whom.

use std::collections::{BTreeMap, BTreeSet};

use ltn_proto::sim::{HostId, Network};
use ltn_proto::{Name, NodePath};

/// The real tree at one moment.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// Every uplink that stands at both ends.
    pub(crate) parents: BTreeMap<HostId, HostId>,
    /// Hosts with more than one standing uplink.
    pub(crate) torn: BTreeSet<HostId>,
}

impl Truth {
    pub(crate) fn of(network: &Network) -> Self {
        let mut truth = Self::default();
        for (child, parent) in network.standing_wires() {
            if network.home(child).parent != Some(network.id(parent)) {
                continue;
            }
            if truth.parents.insert(child, parent).is_some() {
                truth.torn.insert(child);
            }
        }
        truth
    }

    /// Everybody above, the nearest first; ends where a cycle closes.
    pub(crate) fn above(&self, host: HostId) -> Vec<HostId> {
        let mut above = Vec::new();
        let mut at = host;
        while let Some(parent) = self.parents.get(&at) {
            if above.contains(parent) || *parent == host {
                break;
            }
            above.push(*parent);
            at = *parent;
        }
        above
    }

    /// Is the one somewhere below the other, or the other itself?
    pub(crate) fn is_below(&self, host: HostId, above: HostId) -> bool {
        host == above || self.above(host).contains(&above)
    }

    /// Does a way lead to the root?
    pub(crate) fn is_rooted(&self, network: &Network, host: HostId) -> bool {
        let top = self.above(host).last().copied().unwrap_or(host);
        network.role(top).is_root() && network.is_up(top)
    }

    /// The path of a host whose way leads to the root; sessions have none.
    pub(crate) fn path(&self, network: &Network, host: HostId) -> Option<NodePath> {
        if !self.is_rooted(network, host) {
            return None;
        }
        let above = self.above(host);
        let mut on_the_way = vec![host];
        on_the_way.extend(above.iter().copied());
        let below_root = on_the_way.iter().rev().skip(1);
        let names = below_root.map(|host| network.home(*host).name.clone());
        names.collect::<Option<Vec<Name>>>().map(NodePath::from_names)
    }

    /// The children of a host.
    pub(crate) fn children(&self, host: HostId) -> impl Iterator<Item = HostId> {
        self.parents.iter().filter(move |(_, parent)| **parent == host).map(|(child, _)| *child)
    }

    /// The members of a cycle, if there is one.
    pub(crate) fn cycle(&self) -> Option<BTreeSet<HostId>> {
        for start in self.parents.keys() {
            let mut seen = BTreeSet::from([*start]);
            let mut at = *start;
            while let Some(parent) = self.parents.get(&at) {
                if parent == start {
                    return Some(seen);
                }
                if !seen.insert(*parent) {
                    break;
                }
                at = *parent;
            }
        }
        None
    }
}

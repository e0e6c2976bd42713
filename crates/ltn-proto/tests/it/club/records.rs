//! The maps of its nodes: how much room there is, and who is in them.

use ltn_proto::{NodeId, NodeState};

use super::Club;

impl Club {
    /// Its map has room for so many.
    pub(crate) fn limit_records(&mut self, number: usize, records: usize) {
        let config = &mut self.configs[number];
        config.limits.records = records;
        self.minds[number] = NodeState::new(config.clone(), self.now);
    }

    /// Who is in its map, itself included?
    pub(crate) fn listed(&self, number: usize) -> Vec<usize> {
        let tree = self.minds[number].snapshot(self.now).tree;
        let who = |id: &NodeId| self.ids.iter().position(|known| known == id);
        tree.iter().filter_map(|node| who(&node.id)).collect()
    }
}

//! A map that is full: whoever has most of it gives way to newcomers of others, and people are
//! told.

use super::{NodeState, SWEEP_PAUSE};
use crate::event::{Crowded, Event};
use crate::id::NodeId;
use crate::moment::Moment;

impl NodeState {
    /// Could this node be in the map, below that one?
    pub(super) fn has_room(&self, id: NodeId, parent: NodeId) -> bool {
        let is_direct = parent == self.config.id;
        !self.tree.is_full()
            || self.tree.get(id).is_some()
            || self.tree.gives_way_below(parent).is_some()
            || (is_direct && self.tree.longest_stale().is_some())
    }

    /// Makes room for this node below that one, if it can be made.
    pub(super) fn make_room(&mut self, now: Moment, id: NodeId, parent: NodeId) {
        if !self.tree.is_full() || self.tree.get(id).is_some() {
            return;
        }
        let largest = self.tree.gives_way_below(parent);
        if let Some(victim) = largest.and_then(|below| self.tree.newest_below(below)) {
            self.tell_crowd(now, victim);
            self.forget_node(victim);
            self.after_loss(now);
        } else if let Some(old) = self.tree.longest_stale().filter(|_| parent == self.config.id) {
            // Who is here needs the place more than who has been out of reach the longest.
            self.forget_node(old);
        }
    }

    /// A node of the branch with this node in it is not in the map, for want of room.
    pub(super) fn tell_crowd(&mut self, now: Moment, id: NodeId) {
        self.counters.crowded_out += 1;
        let Some(branch) = self.tree.branch_of(id).filter(|_| self.crowd_told <= now) else {
            return;
        };
        self.crowd_told = now + SWEEP_PAUSE;
        let name = self.tree.get(branch).and_then(|record| record.name.clone());
        let nodes = self.tree.len();
        self.event(Event::Crowded(Crowded { branch, name, nodes }));
    }
}

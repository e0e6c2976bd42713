//! What changes when the machine slept: what was true before may not be true any more, and nobody
//! has said so yet.
//!
//! Deadlines need nothing: they are moments of a clock that goes on during sleep, so what is over
//! ends, and services skip what they missed.

use super::NodeState;
use crate::id::LinkId;
use crate::limits::RECHECK_TIME;
use crate::moment::Moment;

impl NodeState {
    /// Asks every neighbour for a sign of life, and forgets what a person meant to confirm.
    pub(super) fn on_slept(&mut self, now: Moment) {
        self.confirmations.forget_all();
        self.challenges.forget_all();
        self.known.forget_all();
        let registered: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.is_registered()).map(|(id, _)| id).collect();
        for id in registered {
            if let Some(link) = self.links.get_mut(id) {
                link.recheck = Some(now + RECHECK_TIME);
            }
            self.ping_link(now, id);
            self.link_deadlines.set(id, now + RECHECK_TIME);
        }
    }
}

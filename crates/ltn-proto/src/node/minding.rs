//! Questions that were passed on upwards and are not answered: is the node they went to still
//! there? If it is not, they end as unknown, long before their deadline.

use super::NodeState;
use crate::body::Resolve;
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::Outcome;
use crate::path::Target;
use crate::requests::{Open, Origin, Stage};

/// How long the servers above have to say where a node is.
const CHECK_TIME: std::time::Duration = std::time::Duration::from_secs(5);

impl NodeState {
    /// It is time to ask for this node, if anything of it is still awaited.
    pub(super) fn mind_node(&mut self, now: Moment, node: NodeId) {
        let parent = self.uplink.parent.as_ref().map(|parent| parent.link);
        if self.awaited_from_above(node).is_empty() || parent.is_none() {
            return self.requests.vigil.end(node);
        }
        let id = self.random.number();
        let open = Open {
            origin: Origin::Check(node),
            target: Target::Id(node),
            question: None,
            stage: Stage::Resolving,
            link: parent,
            asked: now,
            deadline: now + CHECK_TIME,
            from_memory: false,
            path: None,
            called: None,
        };
        self.requests.open(id, open);
        self.search(now, id, &Resolve::Id(node));
    }

    /// What the servers above say of it.
    pub(super) fn on_minded(&mut self, now: Moment, node: NodeId, asked: Moment, said: &Outcome) {
        // Whom somebody spoke for is said by another than this node.
        let here = self.path().to_string();
        let Outcome::NoRoute(why) = said else { return self.requests.vigil.go_on(node, now) };
        if why.at == here {
            return self.requests.vigil.go_on(node, now);
        }
        if !self.requests.vigil.is_lost(node, now) {
            return;
        }
        self.requests.vigil.end(node);
        for id in self.awaited_from_above(node) {
            let text = format!("{why}, after it was passed on");
            let before = self.requests.get(id).is_some_and(|open| open.asked <= asked);
            if before {
                self.end_request(now, id, Outcome::Unknown(text));
            } else {
                self.requests.vigil.begin(node, now);
            }
        }
    }

    /// The questions that went up to this node and are not answered.
    fn awaited_from_above(&self, node: NodeId) -> Vec<u64> {
        let Some(link) = self.uplink.parent.as_ref().map(|parent| parent.link) else {
            return Vec::new();
        };
        self.requests.sent_to(node, link)
    }
}

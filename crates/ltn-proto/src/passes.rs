//! Passes that were found good: whose the visits are that spoke here last.
//!
//! This room remembers; it does not know what a pass is checked by, nor what a visit may.

use std::collections::{BTreeMap, VecDeque};

use crate::id::NodeId;
use crate::limits::PASSES_KNOWN_MAX;
use crate::pass::Pass;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passes {
    known: BTreeMap<NodeId, Pass>,
    /// The visits, in the order in which they became known.
    order: VecDeque<NodeId>,
}

impl Passes {
    /// The pass of this visit.
    pub(crate) fn get(&self, visit: NodeId) -> Option<Pass> {
        self.known.get(&visit).copied()
    }

    /// The pass of this visit was found good. Of too many the oldest is forgotten: it will be shown
    /// again.
    pub(crate) fn keep(&mut self, visit: NodeId, pass: Pass) {
        if self.known.insert(visit, pass).is_some() {
            return;
        }
        self.order.push_back(visit);
        if self.order.len() > PASSES_KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> NodeId {
        NodeId::of_public_key(&n.to_be_bytes())
    }

    #[test]
    fn the_last_ones_are_known_and_there_is_a_maximum() {
        let mut passes = Passes::default();
        let pass = |owner: usize| Pass::new(id(owner), [0; 64]);
        passes.keep(id(0), pass(1));
        passes.keep(id(0), pass(2));
        assert_eq!(passes.get(id(0)), Some(pass(2)), "the newer one counts");
        for visit in 1..=PASSES_KNOWN_MAX {
            passes.keep(id(visit), pass(0));
            assert!(passes.known.len() == passes.order.len());
        }
        assert_eq!((passes.known.len(), passes.get(id(0))), (PASSES_KNOWN_MAX, None));
        assert_eq!(passes.get(id(1)), Some(pass(0)));
    }
}

//! Places that were left for good: an old statement about one must not bring it back.

use std::collections::{BTreeMap, VecDeque};

use crate::id::NodeId;
use crate::limits::ENDED_PLACES_MAX;
use crate::statement::Signed;

/// The last editions of nodes that left, and what they signed of them. The one that left longest
/// ago gives way.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    editions: BTreeMap<NodeId, (u64, Signed)>,
    order: VecDeque<NodeId>,
}

impl Ended {
    /// This place of this node is over.
    pub(super) fn note(&mut self, id: NodeId, edition: u64, signed: Signed) {
        if let Some(known) = self.editions.get_mut(&id) {
            if known.0 < edition {
                *known = (edition, signed);
            }
            return;
        }
        if self.order.len() >= ENDED_PLACES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.editions.remove(&oldest);
        }
        self.order.push_back(id);
        self.editions.insert(id, (edition, signed));
    }

    /// Is this place of this node over?
    pub(super) fn is_over(&self, id: NodeId, edition: u64) -> bool {
        self.editions.get(&id).is_some_and(|known| edition <= known.0)
    }

    /// What this node said of the last place that it left.
    pub(super) fn newest_of(&self, id: NodeId) -> Option<&Signed> {
        self.editions.get(&id).map(|(_, signed)| signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> NodeId {
        NodeId::of_public_key(&n.to_be_bytes())
    }

    fn signed() -> Signed {
        Signed::new(Vec::new(), Vec::new(), [0; 64])
    }

    #[test]
    fn the_newest_edition_counts_and_the_oldest_place_gives_way() {
        let mut ended = Ended::default();
        ended.note(id(0), 7, signed());
        ended.note(id(0), 3, signed());
        assert!(ended.is_over(id(0), 7));
        assert!(!ended.is_over(id(0), 8));
        for n in 1..=ENDED_PLACES_MAX {
            ended.note(id(n), 1, signed());
        }
        assert!(!ended.is_over(id(0), 7), "others left since, as many as are remembered");
        assert!(ended.is_over(id(1), 1));
        assert_eq!((ended.editions.len(), ended.order.len()), (ENDED_PLACES_MAX, ENDED_PLACES_MAX));
    }
}

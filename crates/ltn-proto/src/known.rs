//! Where nodes outside the own subtree were found to be: a bounded memory of answers.
//!
//! What is remembered may be outdated; who finds out says so and forgets it.

use std::collections::BTreeMap;

use crate::id::NodeId;
use crate::limits::KNOWN_PLACES_MAX;
use crate::path::NodePath;

/// A bounded memory of places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    by_path: BTreeMap<NodePath, NodeId>,
    by_id: BTreeMap<NodeId, NodePath>,
}

impl Known {
    pub(crate) fn remember(&mut self, id: NodeId, path: NodePath) {
        if self.by_id.len() >= KNOWN_PLACES_MAX && !self.by_id.contains_key(&id) {
            // Which one goes does not matter: it is found again by asking.
            if let Some((_, path)) = self.by_id.pop_first() {
                self.by_path.remove(&path);
            }
        }
        self.forget(id);
        if let Some(earlier) = self.by_path.insert(path.clone(), id) {
            self.by_id.remove(&earlier);
        }
        self.by_id.insert(id, path);
    }

    pub(crate) fn forget(&mut self, id: NodeId) {
        if let Some(path) = self.by_id.remove(&id) {
            self.by_path.remove(&path);
        }
    }

    pub(crate) fn forget_all(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn at(&self, path: &NodePath) -> Option<NodeId> {
        self.by_path.get(path).copied()
    }

    pub(crate) fn path_of(&self, id: NodeId) -> Option<&NodePath> {
        self.by_id.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded_and_never_contradicts_itself() {
        let mut known = Known::default();
        for n in 0..3_000_u32 {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            let path: NodePath = format!("/n{}", n % 2_000).parse().unwrap();
            known.remember(NodeId::from_bytes(bytes), path);
        }
        assert!(known.by_id.len() <= KNOWN_PLACES_MAX);
        assert_eq!(known.by_id.len(), known.by_path.len());
        assert!(known.by_path.iter().all(|(path, id)| known.path_of(*id) == Some(path)));
    }
}

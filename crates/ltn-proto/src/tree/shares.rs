//! A full map: who gives way to a newcomer.
//!
//! A server may have as many nodes below it as there is room for. But statements are made by
//! anybody who makes a key, so one server could fill the maps of all servers above it. When a map
//! is full, whoever has most of it gives way: on the way down to the newcomer, the first sibling
//! with more below it than there would be on that way. Nobody gives way to who has as much as he,
//! so nothing goes to and fro.

use super::Tree;
use crate::id::NodeId;

impl Tree {
    /// Has it room for nobody more?
    pub(crate) fn is_full(&self) -> bool {
        self.nodes.len() >= self.records_max
    }

    /// How many there are of this node with all below it.
    pub(super) fn size_of(&self, id: NodeId) -> usize {
        self.nodes.get(&id).map_or(0, |node| node.size)
    }

    /// So many more hang below the nodes above this one.
    pub(super) fn grow_above(&mut self, id: NodeId, by: usize) {
        self.resize_above(id, |size| size + by);
    }

    /// So many less hang below the nodes above this one.
    pub(super) fn shrink_above(&mut self, id: NodeId, by: usize) {
        self.resize_above(id, |size| size.saturating_sub(by));
    }

    fn resize_above(&mut self, id: NodeId, resized: impl Fn(usize) -> usize) {
        let mut at = self.nodes.get(&id).map(|node| node.record.parent);
        while let Some(above) = at.and_then(|id| self.nodes.get_mut(&id)) {
            above.size = resized(above.size);
            at = Some(above.record.parent);
        }
    }

    /// Below whom is somebody who gives way to a newcomer below this node?
    pub(crate) fn gives_way_below(&self, parent: NodeId) -> Option<NodeId> {
        let mut way: Vec<NodeId> = Vec::new();
        let mut at = parent;
        while at != self.top {
            way.push(at);
            at = self.nodes.get(&at)?.record.parent;
        }
        loop {
            let next = way.pop();
            let (size, largest) =
                self.children_of(at).map(|child| (self.size_of(child), child)).max()?;
            let on_the_way = next.map_or(0, |next| self.size_of(next));
            match next {
                Some(next) if on_the_way == size => at = next,
                _ => return (size > on_the_way + 1).then_some(largest),
            }
        }
    }

    /// Who gives way below this node: below who has most of it, one without others below it, the
    /// longest out of reach or else the newest.
    pub(crate) fn newest_below(&self, id: NodeId) -> Option<NodeId> {
        let mut top = id;
        let has_most = |below: &NodeId, top| self.size_of(*below) * 2 > self.size_of(top);
        while let Some(heavy) = self.children_of(top).find(|below| has_most(below, top)) {
            top = heavy;
        }
        let ends =
            self.subtree(top).into_iter().filter(|id| self.children_of(*id).next().is_none());
        let order = |id: NodeId| {
            let node = self.nodes.get(&id)?;
            let stale = node.record.stale_since.map(std::cmp::Reverse);
            Some(((stale, node.came), id))
        };
        ends.filter_map(order).max().map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;
    use crate::moment::Moment;

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    fn put(tree: &mut Tree, n: u8, parent: u8) -> bool {
        tree.put(record(n, parent, &format!("n{n}"), 1)).is_ok()
    }

    /// Who gives way to a newcomer there?
    fn victim(tree: &Tree, parent: u8) -> Option<NodeId> {
        tree.gives_way_below(id(parent)).and_then(|below| tree.newest_below(below))
    }

    /// 0 is above 1 and 2; 3 to 9 are below 1, in the order of coming.
    fn full() -> Tree {
        let mut tree = Tree::new(id(0), 9);
        assert!(put(&mut tree, 1, 0) && put(&mut tree, 2, 0));
        assert!((3..10).all(|n| put(&mut tree, n, 1)) && tree.is_full());
        tree
    }

    #[test]
    fn whoever_has_most_gives_way_until_he_has_no_more_than_others() {
        let mut tree = full();
        assert_eq!(victim(&tree, 1), None, "not to one of its own");
        for (n, gone) in [(20, 9), (21, 8), (22, 7)] {
            assert!(!put(&mut tree, n, 2));
            assert_eq!(victim(&tree, 2), Some(id(gone)));
            tree.remove(id(gone));
            assert!(put(&mut tree, n, 2));
        }
        assert_eq!((victim(&tree, 1), victim(&tree, 2)), (None, None), "nothing goes to and fro");
        assert_eq!(victim(&tree, 0), Some(id(6)), "to who has nothing the largest still does");
    }

    #[test]
    fn below_a_server_it_is_who_fills_it_that_gives_way() {
        // 0 ── 1 ── 2 ── 5 to 9, and below 1 also 3, and 4, which came last.
        let mut tree = Tree::new(id(0), 9);
        assert!(put(&mut tree, 1, 0) && put(&mut tree, 2, 1) && put(&mut tree, 3, 1));
        assert!((5..10).all(|n| put(&mut tree, n, 2)) && put(&mut tree, 4, 1));
        assert_eq!(victim(&tree, 0), Some(id(9)));
        assert_eq!(victim(&tree, 3), Some(id(9)));
        assert_eq!(victim(&tree, 2), None);
        tree.mark_stale(id(6), Moment::ZERO);
        assert_eq!(victim(&tree, 3), Some(id(6)), "who is out of reach goes first");
    }

    #[test]
    fn sizes_are_those_of_what_is_there() {
        let mut tree = full();
        tree.put(record(5, 2, "n5", 2)).unwrap();
        tree.put(record(1, 2, "n1", 2)).unwrap();
        tree.remove(id(4));
        tree.put(record(5, 1, "n5", 3)).unwrap();
        tree.clear_below(id(5));
        for record in tree.records() {
            assert_eq!(tree.size_of(record.id), tree.subtree(record.id).len(), "{:?}", record.id);
        }
    }

    #[test]
    fn nobody_gives_way_where_each_has_one() {
        let mut tree = Tree::new(id(0), 2);
        assert!(put(&mut tree, 1, 0) && put(&mut tree, 2, 0));
        assert_eq!(victim(&tree, 0), None);
    }
}

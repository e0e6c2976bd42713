//! The live map of one node's subtree: who hangs below whom, by which name, under which branch.
//!
//! This room keeps records and answers questions about them. It does not know links, frames or
//! time-outs, and it trusts its caller to have checked that a change came from the branch it
//! speaks of.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::id::NodeId;
use crate::moment::Moment;
use crate::name::Name;
use crate::role::Role;

/// What is known of one node below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: NodeId,
    /// The node above it.
    pub(crate) parent: NodeId,
    /// What it is called; sessions have no name.
    pub(crate) name: Option<Name>,
    pub(crate) role: Role,
    /// Which of its places this is; a higher one is newer.
    pub(crate) edition: u64,
    pub(crate) address: Option<Address>,
    /// Since when its branch is lost, if it is.
    pub(crate) stale_since: Option<Moment>,
}

/// The map of a subtree. The top itself has no record in it.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    top: NodeId,
    nodes: BTreeMap<NodeId, Node>,
    children: BTreeMap<NodeId, Children>,
    records_max: usize,
}

#[derive(Debug, Clone)]
struct Node {
    record: Record,
    /// The direct child of the top that it hangs below, or is.
    branch: NodeId,
}

#[derive(Debug, Clone, Default)]
struct Children {
    by_name: BTreeMap<String, NodeId>,
    nameless: BTreeSet<NodeId>,
}

impl Children {
    fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.by_name.values().chain(&self.nameless).copied()
    }

    fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.nameless.is_empty()
    }
}

/// Why a change was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// A newer place of this node is known.
    Outdated,
    /// The node above it is not known here.
    Orphan,
    /// It would hang a node below itself.
    Cycle,
    /// The map is full.
    Full,
}

impl Tree {
    pub(crate) const fn new(top: NodeId, records_max: usize) -> Self {
        Self { top, nodes: BTreeMap::new(), children: BTreeMap::new(), records_max }
    }

    /// Takes a record; whatever was known of this node before gives way, unless it was newer.
    pub(crate) fn put(&mut self, record: Record) -> Result<(), NotTaken> {
        let id = record.id;
        if id == self.top || self.is_below(record.parent, id) {
            return Err(NotTaken::Cycle);
        }
        let branch = if record.parent == self.top {
            id
        } else {
            self.nodes.get(&record.parent).ok_or(NotTaken::Orphan)?.branch
        };
        match self.nodes.get(&id) {
            Some(known) if known.record.edition > record.edition => return Err(NotTaken::Outdated),
            Some(_) => self.unlink(id),
            None if self.nodes.len() >= self.records_max => return Err(NotTaken::Full),
            None => {}
        }
        let siblings = self.children.entry(record.parent).or_default();
        match &record.name {
            // A name that somebody else holds here was given twice by a server that should not
            // have; the id stays reachable, the name keeps its first holder.
            Some(name) if !siblings.by_name.contains_key(&name.folded()) => {
                siblings.by_name.insert(name.folded(), id);
            }
            _ => {
                siblings.nameless.insert(id);
            }
        }
        self.nodes.insert(id, Node { record, branch });
        self.rebranch(id, branch);
        Ok(())
    }

    /// Forgets a node and all below it.
    pub(crate) fn remove(&mut self, id: NodeId) -> Vec<Record> {
        let mut removed = Vec::new();
        for id in self.subtree(id) {
            self.unlink(id);
            self.children.remove(&id);
            removed.extend(self.nodes.remove(&id).map(|node| node.record));
        }
        removed
    }

    /// Forgets all below a node, but not the node.
    pub(crate) fn clear_below(&mut self, id: NodeId) {
        for child in self.children_of(id).collect::<Vec<_>>() {
            self.remove(child);
        }
    }

    /// Marks a node and all below it as out of reach.
    pub(crate) fn mark_stale(&mut self, id: NodeId, since: Moment) {
        for id in self.subtree(id) {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.record.stale_since.get_or_insert(since);
            }
        }
    }

    /// The tops of branches that have been out of reach since this moment or longer.
    pub(crate) fn stale_since_before(&self, moment: Moment) -> Vec<NodeId> {
        let old = |r: &Record| r.stale_since.is_some_and(|since| since <= moment);
        self.nodes.values().map(|node| &node.record).filter(|r| old(r)).map(|r| r.id).collect()
    }

    /// What is known of this node.
    pub(crate) fn get(&self, id: NodeId) -> Option<&Record> {
        self.nodes.get(&id).map(|node| &node.record)
    }

    /// The direct child of the top that this node hangs below, or is.
    pub(crate) fn branch_of(&self, id: NodeId) -> Option<NodeId> {
        self.nodes.get(&id).map(|node| node.branch)
    }

    /// Is the first node in the subtree of the second (or the same)?
    pub(crate) fn is_below(&self, id: NodeId, above: NodeId) -> bool {
        let mut at = id;
        loop {
            if at == above {
                return true;
            }
            match self.nodes.get(&at) {
                Some(node) => at = node.record.parent,
                None => return false,
            }
        }
    }

    /// The children of a node: those with names in the order of names, then the others.
    pub(crate) fn children_of(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.children.get(&id).into_iter().flat_map(Children::ids)
    }

    /// The child of this name, compared case-folded.
    pub(crate) fn child_named(&self, parent: NodeId, name: &Name) -> Option<NodeId> {
        self.children.get(&parent)?.by_name.get(&name.folded()).copied()
    }

    /// A node and all below it, each before its children.
    pub(crate) fn subtree(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            found.push(id);
            let from = open.len();
            open.extend(self.children_of(id));
            open[from..].reverse();
        }
        found
    }

    /// All records, each node before its children.
    pub(crate) fn records(&self) -> Vec<&Record> {
        self.subtree(self.top).into_iter().filter_map(|id| self.get(id)).collect()
    }

    /// The names from the top down to this node; a session stands as a dash and its id.
    pub(crate) fn names_to(&self, id: NodeId) -> Option<Vec<Name>> {
        let mut names = Vec::new();
        let mut at = id;
        while at != self.top {
            let record = self.get(at)?;
            names.push(record.name.clone().unwrap_or_else(|| Name::unnamed(&at)));
            at = record.parent;
        }
        names.reverse();
        Some(names)
    }

    /// The node that these names lead to from the top, or the number of names that led somewhere
    /// and the last node they led to.
    pub(crate) fn find(&self, names: &[Name]) -> Result<NodeId, (usize, NodeId)> {
        let mut at = self.top;
        for (index, name) in names.iter().enumerate() {
            at = self.child_named(at, name).ok_or((index, at))?;
        }
        Ok(at)
    }

    /// All nodes of this name.
    pub(crate) fn named(&self, name: &Name) -> Vec<NodeId> {
        let wanted = name.folded();
        let by_name = self.children.values().filter_map(|c| c.by_name.get(&wanted));
        by_name.copied().collect()
    }

    /// How many layers are below the top.
    pub(crate) fn height(&self) -> usize {
        self.height_below(self.top)
    }

    /// How many layers are below this node.
    pub(crate) fn height_below(&self, id: NodeId) -> usize {
        self.children_of(id).map(|child| 1 + self.height_below(child)).max().unwrap_or(0)
    }

    /// The number of records.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn unlink(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get(&id) else { return };
        let parent = node.record.parent;
        let Some(siblings) = self.children.get_mut(&parent) else { return };
        siblings.nameless.remove(&id);
        if let Some(name) = &node.record.name
            && siblings.by_name.get(&name.folded()) == Some(&id)
        {
            siblings.by_name.remove(&name.folded());
        }
        if siblings.is_empty() {
            self.children.remove(&parent);
        }
    }

    fn rebranch(&mut self, id: NodeId, branch: NodeId) {
        for id in self.subtree(id) {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.branch = branch;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    fn record(n: u8, parent: u8, name: &str, edition: u64) -> Record {
        Record {
            id: id(n),
            parent: id(parent),
            name: Some(Name::known(name).unwrap()),
            role: Role::SubServer,
            edition,
            address: None,
            stale_since: None,
        }
    }

    /// 0 ── 1 ── 2 ── 3, and 4 below 0.
    fn sample() -> Tree {
        let mut tree = Tree::new(id(0), 10);
        for (n, parent, name) in [(1, 0, "a"), (2, 1, "b"), (3, 2, "c"), (4, 0, "d")] {
            tree.put(record(n, parent, name, 1)).unwrap();
        }
        tree
    }

    #[test]
    fn a_moved_subtree_changes_its_branch_as_a_whole() {
        let mut tree = sample();
        assert_eq!(tree.branch_of(id(3)), Some(id(1)));
        tree.put(record(2, 4, "b", 2)).unwrap();
        assert_eq!(tree.branch_of(id(3)), Some(id(4)));
        assert_eq!(tree.names_to(id(3)).unwrap().len(), 3);
        assert_eq!(tree.put(record(2, 1, "b", 1)), Err(NotTaken::Outdated));
    }

    #[test]
    fn nobody_hangs_below_himself() {
        let mut tree = sample();
        assert_eq!(tree.put(record(1, 3, "a", 2)), Err(NotTaken::Cycle));
        assert_eq!(tree.put(record(0, 3, "top", 2)), Err(NotTaken::Cycle));
        assert_eq!(tree.put(record(7, 6, "x", 1)), Err(NotTaken::Orphan));
    }

    #[test]
    fn removing_takes_the_whole_subtree_and_frees_the_names() {
        let mut tree = sample();
        assert_eq!(tree.remove(id(1)).len(), 3);
        assert_eq!(tree.len(), 1);
        tree.put(record(9, 0, "A", 1)).unwrap();
        assert_eq!(tree.child_named(id(0), &Name::known("a").unwrap()), Some(id(9)));
        assert!(tree.named(&Name::known("c").unwrap()).is_empty());
    }

    #[test]
    fn the_map_has_a_maximum() {
        let mut tree = Tree::new(id(0), 1);
        tree.put(record(1, 0, "a", 1)).unwrap();
        assert_eq!(tree.put(record(2, 0, "b", 1)), Err(NotTaken::Full));
        tree.put(record(1, 0, "c", 2)).unwrap();
    }

    #[test]
    fn a_path_that_ends_early_says_where() {
        let tree = sample();
        let names: Vec<Name> = ["a", "b", "x"].iter().map(|n| Name::known(n).unwrap()).collect();
        assert_eq!(tree.find(&names), Err((2, id(2))));
        assert_eq!(tree.find(&names[..2]), Ok(id(2)));
    }
}

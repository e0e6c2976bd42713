//! The live map of one node's subtree: who hangs below whom, by which name, under which branch.
//!
//! This room keeps records and answers questions about them. It does not know links, frames or
//! time-outs, and it trusts its caller to have checked that a change came from the branch it
//! speaks of.

mod ended;
mod pages;
mod shares;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::address::Address;
use crate::id::NodeId;
use crate::limits::DEPTH_MAX;
use crate::moment::Moment;
use crate::name::Name;
use crate::role::Role;
use crate::statement::Signed;

use ended::Ended;

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
    /// What it says itself of its place.
    pub(crate) signed: Signed,
    /// The name in that, which is what others are told: a new name holds here at once, elsewhere
    /// when the node has said it.
    pub(crate) stated_name: Option<Name>,
}

impl Record {
    /// Its name; what has none is called by its kind and id.
    pub(crate) fn called(&self) -> Name {
        self.label().into_owned()
    }

    /// The same, only looked at.
    pub(crate) fn label(&self) -> Cow<'_, Name> {
        let made_up = || Cow::Owned(Name::default_for(self.role, &self.id));
        self.name.as_ref().map_or_else(made_up, Cow::Borrowed)
    }
}

/// The map of a subtree. The top itself has no record in it.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    top: NodeId,
    nodes: BTreeMap<NodeId, Node>,
    children: BTreeMap<NodeId, Children>,
    records_max: usize,
    ended: Ended,
    /// Grows with every change.
    version: u64,
    /// What changed since somebody looked, if somebody does.
    touched: Option<BTreeSet<NodeId>>,
}

#[derive(Debug, Clone)]
struct Node {
    record: Record,
    /// The direct child of the top that it hangs below, or is.
    branch: NodeId,
    /// Layers below the top: what recurses over the map is bounded by this.
    depth: usize,
    /// How many there are of it with all below it.
    size: usize,
    /// When it came into the map, as the number of the change.
    came: u64,
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
    /// It would be further below the top than a tree is deep.
    TooDeep,
}

impl Tree {
    pub(crate) fn new(top: NodeId, records_max: usize) -> Self {
        Self {
            top,
            nodes: BTreeMap::new(),
            children: BTreeMap::new(),
            records_max,
            ended: Ended::default(),
            version: 0,
            touched: None,
        }
    }

    /// Takes a record; whatever was known of this node before gives way, unless it was newer.
    pub(crate) fn put(&mut self, record: Record) -> Result<(), NotTaken> {
        let id = record.id;
        if id == self.top || self.is_below(record.parent, id) {
            return Err(NotTaken::Cycle);
        }
        let (branch, depth) = if record.parent == self.top {
            (id, 1)
        } else {
            let above = self.nodes.get(&record.parent).ok_or(NotTaken::Orphan)?;
            (above.branch, above.depth + 1)
        };
        if depth + self.height_below(id) > DEPTH_MAX {
            return Err(NotTaken::TooDeep);
        }
        if self.is_outdated(id, record.edition) {
            return Err(NotTaken::Outdated);
        }
        let known = self.nodes.get(&id).map(|known| (known.size, known.came));
        match known {
            Some((size, _)) => {
                self.shrink_above(id, size);
                self.unlink(id);
            }
            None if self.is_full() => return Err(NotTaken::Full),
            None => {}
        }
        self.version += 1;
        let (size, came) = known.unwrap_or((1, self.version));
        if let Some(name) = &record.name {
            self.take_name_of_stale(record.parent, name);
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
        self.nodes.insert(id, Node { record, branch, depth, size, came });
        self.grow_above(id, size);
        self.rebranch(id, branch);
        self.touch_subtree(id);
        Ok(())
    }

    /// Is a newer place of this node known, or has this one ended?
    pub(crate) fn is_outdated(&self, id: NodeId, edition: u64) -> bool {
        let newer = self.nodes.get(&id).is_some_and(|known| known.record.edition > edition);
        newer || self.ended.is_over(id, edition)
    }

    /// Its place is over: whoever tells of it again is not believed. What is below it may be told
    /// of again, from wherever it goes.
    pub(crate) fn end(&mut self, id: NodeId) {
        // The edition that is known here counts, not one that somebody says: else a node could be
        // kept out for ever.
        if let Some(record) = self.nodes.get(&id).map(|node| &node.record) {
            self.ended.note(id, record.edition, record.signed.clone());
        }
    }

    /// The newest that this node signed of its place, as far as it is known here.
    pub(crate) fn newest_of(&self, id: NodeId) -> Option<Signed> {
        // No place that is known is older than one that is over.
        self.get(id).map(|record| &record.signed).or_else(|| self.ended.newest_of(id)).cloned()
    }

    /// Somebody wants to know what changes, or nobody does any more.
    pub(crate) fn record_changes(&mut self, wanted: bool) {
        if wanted != self.touched.is_some() {
            self.touched = wanted.then(BTreeSet::new);
        }
    }

    /// What changed since this was asked for last.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<NodeId> {
        self.touched.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// All has changed.
    pub(crate) fn touch_all(&mut self) {
        self.touch_subtree(self.top);
    }

    fn touch_subtree(&mut self, id: NodeId) {
        if self.touched.is_some() {
            let all = self.subtree(id);
            self.touched.get_or_insert_default().extend(all);
        }
    }

    /// Forgets a node and all below it.
    pub(crate) fn remove(&mut self, id: NodeId) -> Vec<Record> {
        let mut removed = Vec::new();
        self.version += 1;
        self.touch_subtree(id);
        self.shrink_above(id, self.size_of(id));
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
        self.version += 1;
        self.touch_subtree(id);
        for id in self.subtree(id) {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.record.stale_since.get_or_insert(since);
            }
        }
    }

    /// What has been out of reach for this long or longer.
    pub(crate) fn stale_for(&self, now: Moment, span: Duration) -> Vec<NodeId> {
        let old = |r: &Record| r.stale_since.is_some_and(|since| now.since(since) >= span);
        self.nodes.values().map(|node| &node.record).filter(|r| old(r)).map(|r| r.id).collect()
    }

    /// What has been out of reach for the longest time.
    pub(crate) fn longest_stale(&self) -> Option<NodeId> {
        let stale = self.nodes.values().filter_map(|n| Some((n.record.stale_since?, n.record.id)));
        stale.min().map(|(_, id)| id)
    }

    /// A number that is another one after every change.
    pub(crate) const fn version(&self) -> u64 {
        self.version
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

    /// The names from the top down to this node; what has no name stands by its kind and id.
    pub(crate) fn names_to(&self, id: NodeId) -> Option<Vec<Name>> {
        let mut names = Vec::new();
        let mut at = id;
        while at != self.top {
            let record = self.get(at)?;
            names.push(record.called());
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

    /// A node out of reach does not keep its name from one that is there: it stays listed, by id.
    fn take_name_of_stale(&mut self, parent: NodeId, name: &Name) {
        let Some(holder) = self.child_named(parent, name) else { return };
        let Some(node) = self.nodes.get_mut(&holder) else { return };
        if node.record.stale_since.is_some() {
            node.record.name = None;
            if let Some(touched) = &mut self.touched {
                touched.insert(holder);
            }
            let siblings = self.children.entry(parent).or_default();
            siblings.by_name.remove(&name.folded());
            siblings.nameless.insert(holder);
        }
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
            let above = self.nodes.get(&id).map(|node| node.record.parent);
            let depth = above.and_then(|above| self.nodes.get(&above)).map_or(0, |n| n.depth) + 1;
            if let Some(node) = self.nodes.get_mut(&id) {
                (node.branch, node.depth) = (branch, depth);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! All nodes of a map that fit a pattern, a page at a time. Nothing is kept between two pages: each
//! says where it ended, and the next one goes on from there in whatever the map is by then.

use std::ops::Bound;

use super::{Record, Tree};
use crate::body::{Key, PageMark};
use crate::id::NodeId;
use crate::name::Name;
use crate::selector::{Pattern, Progress};

/// What one record takes beside its name and address, in bytes.
const RECORD_BYTES: usize = 64;
/// What the head of a group takes beside its path.
const GROUP_BYTES: usize = 48;

/// Nodes that fit, and where to go on.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) groups: Vec<Group<'a>>,
    pub(crate) next: Option<PageMark>,
}

/// Children of one node that fit.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) parent: NodeId,
    /// The names from the top to that node.
    pub(crate) names: Vec<Name>,
    /// The uppermost stale node on the way to them.
    pub(crate) lost_at: Option<NodeId>,
    pub(crate) records: Vec<&'a Record>,
}

/// A node whose children are to be looked at.
#[derive(Debug, Clone)]
struct Open {
    id: NodeId,
    progress: Progress,
    names: Vec<Name>,
    keys: Vec<Key>,
    lost_at: Option<NodeId>,
    /// Only its children behind this one.
    after: Option<Key>,
}

impl Open {
    /// The same for one of its children.
    fn below(&self, key: &Key, record: &Record, pattern: &Pattern) -> Self {
        let name = record.called();
        let mut below = Self {
            id: record.id,
            progress: pattern.step(self.progress, &name),
            names: self.names.clone(),
            keys: self.keys.clone(),
            lost_at: self.lost_at.or_else(|| record.stale_since.map(|_| record.id)),
            after: None,
        };
        below.names.push(name);
        below.keys.push(key.clone());
        below
    }
}

impl Tree {
    /// The nodes below the top that fit, behind `after`, as many as fit into so many bytes. The top
    /// itself has come as far in the pattern as `progress` says.
    pub(crate) fn page(
        &self,
        pattern: &Pattern,
        progress: Progress,
        after: Option<&PageMark>,
        bytes_max: usize,
    ) -> Page<'_> {
        let mut page = Page { groups: Vec::new(), next: None };
        let mut bytes = 0;
        let mut stack = self.resume(pattern, progress, after);
        while let Some(open) = stack.pop() {
            let mut records = Vec::new();
            let mut last = open.after.clone();
            for (key, record) in self.children_behind(open.id, open.after.as_ref()) {
                let progress = pattern.step(open.progress, &record.called());
                if pattern.is_whole(progress) && pattern.fits_role(record.role) {
                    if bytes >= bytes_max {
                        page.next = Some(PageMark { way: open.keys.clone(), last });
                        break;
                    }
                    bytes += RECORD_BYTES
                        + record.name.as_ref().map_or(16, |name| name.as_str().len())
                        + record.address.as_ref().map_or(0, |address| address.as_str().len());
                    records.push(record);
                }
                last = Some(key);
            }
            let (parent, lost_at) = (open.id, open.lost_at);
            if !records.is_empty() {
                let path: usize = open.names.iter().map(|name| name.as_str().len() + 2).sum();
                bytes += GROUP_BYTES + path;
                page.groups.push(Group { parent, names: open.names.clone(), lost_at, records });
            }
            if page.next.is_some() {
                break;
            }
            self.push_parents(&mut stack, pattern, &open, None);
        }
        page
    }

    /// How many nodes below the top fit.
    pub(crate) fn count(&self, pattern: &Pattern, progress: Progress) -> usize {
        let all = self.page(pattern, progress, None, usize::MAX);
        all.groups.iter().map(|group| group.records.len()).sum()
    }

    /// What is still to be looked at, the next one on top.
    fn resume(&self, pattern: &Pattern, progress: Progress, after: Option<&PageMark>) -> Vec<Open> {
        let (names, keys) = (Vec::new(), Vec::new());
        let mut at = Open { id: self.top, progress, names, keys, lost_at: None, after: None };
        let mut stack = Vec::new();
        let Some(mark) = after else { return vec![at] };
        for key in &mark.way {
            self.push_parents(&mut stack, pattern, &at, Some(key));
            // What has gone meanwhile has nothing below it any more.
            let Some(record) = self.child_at(at.id, key) else { return stack };
            at = at.below(key, record, pattern);
        }
        at.after.clone_from(&mark.last);
        stack.push(at);
        stack
    }

    /// Puts those children on the stack that have something below them, the first one on top.
    fn push_parents(
        &self,
        stack: &mut Vec<Open>,
        pattern: &Pattern,
        open: &Open,
        after: Option<&Key>,
    ) {
        let from = stack.len();
        for (key, record) in self.children_behind(open.id, after) {
            if self.children.contains_key(&record.id) {
                let below = open.below(&key, record, pattern);
                if !below.progress.is_lost() {
                    stack.push(below);
                }
            }
        }
        stack[from..].reverse();
    }

    fn child_at(&self, parent: NodeId, key: &Key) -> Option<&Record> {
        let siblings = self.children.get(&parent)?;
        let id = match key {
            Key::Named(name) => *siblings.by_name.get(name)?,
            Key::Nameless(id) => *siblings.nameless.get(id)?,
        };
        self.get(id)
    }

    fn children_behind<'a>(
        &'a self,
        parent: NodeId,
        after: Option<&Key>,
    ) -> impl Iterator<Item = (Key, &'a Record)> + use<'a> {
        let (name, id) = match after {
            None => (Bound::Unbounded, Bound::Unbounded),
            Some(Key::Named(name)) => (Bound::Excluded(name.clone()), Bound::Unbounded),
            Some(Key::Nameless(id)) => {
                // Behind the last one that has a name.
                (Bound::Excluded(LAST_NAME.to_owned()), Bound::Excluded(*id))
            }
        };
        let siblings = self.children.get(&parent);
        let named = siblings.into_iter().flat_map(move |siblings| {
            let range = siblings.by_name.range((name.clone(), Bound::Unbounded));
            range.map(|(name, id)| (Key::Named(name.clone()), *id))
        });
        let nameless = siblings.into_iter().flat_map(move |siblings| {
            siblings.nameless.range((id, Bound::Unbounded)).map(|id| (Key::Nameless(*id), *id))
        });
        named.chain(nameless).filter_map(|(key, id)| Some((key, self.get(id)?)))
    }
}

/// No name stands behind this text.
const LAST_NAME: &str = "\u{10ffff}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;
    use crate::path::NodePath;
    use crate::role::Role;
    use crate::selector::Selector;

    fn id(n: u8, m: u8) -> NodeId {
        let mut bytes = [0; 32];
        (bytes[0], bytes[1]) = (n, m);
        NodeId::from_bytes(bytes)
    }

    fn put(tree: &mut Tree, id: NodeId, parent: NodeId, name: Option<&str>, role: Role) {
        let name = name.map(|name| Name::known(name).unwrap());
        let (edition, address, stale_since) = (1, None, None);
        tree.put(Record { id, parent, name, role, edition, address, stale_since }).unwrap();
    }

    /// Ten servers with ten clients each, two of them without a name.
    fn sample() -> Tree {
        let mut tree = Tree::new(id(0, 0), 1_000);
        for n in 1..=10 {
            put(&mut tree, id(n, 0), id(0, 0), Some(&format!("s{n}")), Role::SubServer);
            for m in 1..=10 {
                let name = format!("c{m}");
                let name = (m > 2).then_some(name.as_str());
                put(&mut tree, id(n, m), id(n, 0), name, Role::Client);
            }
        }
        tree
    }

    fn pattern(text: &str) -> Pattern {
        match text.parse().unwrap() {
            Selector::Many(pattern) => pattern,
            Selector::One(_) => panic!("{text} is one node"),
        }
    }

    /// All pages of so many bytes, with something that happens after each of them.
    fn read(
        tree: &mut Tree,
        text: &str,
        bytes: usize,
        mut then: impl FnMut(&mut Tree),
    ) -> Vec<NodeId> {
        let pattern = pattern(text);
        let (mut found, mut mark) = (Vec::new(), None);
        loop {
            let page = tree.page(&pattern, pattern.begin(), mark.as_ref(), bytes);
            found.extend(page.groups.iter().flat_map(|group| &group.records).map(|r| r.id));
            let Some(next) = page.next else { return found };
            mark = Some(next);
            then(tree);
        }
    }

    #[test]
    fn pages_of_any_size_name_everybody_once() {
        let mut tree = sample();
        let all = read(&mut tree, "/**", usize::MAX, |_| {});
        assert_eq!(all.len(), 110);
        for bytes in [1, 100, 500, 3_000] {
            assert_eq!(read(&mut tree, "/**", bytes, |_| {}), all, "{bytes}");
        }
        assert_eq!(read(&mut tree, "role=client", 200, |_| {}).len(), 100);
        assert_eq!(read(&mut tree, "/*/c5", 1, |_| {}).len(), 10);
        assert_eq!(read(&mut tree, "/s7/**", 1, |_| {})[0], id(7, 0));
        assert_eq!(tree.count(&pattern("/*"), pattern("/*").begin()), 10);
    }

    #[test]
    fn what_stays_is_named_once_whatever_goes_and_comes_between_two_pages() {
        let mut tree = sample();
        let mut gone = 10;
        let found = read(&mut tree, "/**", 300, |tree| {
            if gone > 0 {
                tree.remove(id(gone, 0));
                put(tree, id(gone, 99), id(0, 0), Some(&format!("new{gone}")), Role::SubServer);
                gone -= 2;
            }
        });
        let mut once = found.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), found.len());
        for stays in [1, 3, 5, 7, 9] {
            assert!((0..=10).all(|m| found.contains(&id(stays, m))), "s{stays}");
        }
    }

    #[test]
    fn a_group_says_behind_whom_it_is_out_of_reach() {
        let mut tree = sample();
        tree.mark_stale(id(4, 0), Moment::ZERO);
        let pattern = pattern("/s4/*");
        let page = tree.page(&pattern, pattern.begin(), None, usize::MAX);
        assert_eq!(page.groups[0].lost_at, Some(id(4, 0)));
        assert_eq!(NodePath::from_names(page.groups[0].names.clone()).to_string(), "/s4");
    }
}

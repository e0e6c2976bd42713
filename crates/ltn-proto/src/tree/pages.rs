//! All nodes of a map that fit a pattern, a page at a time. Nothing is kept between two pages: each
//! says where it ended, and the next one goes on from there in whatever the map is by then.
//!
//! A large map has tens of pages, so what a page costs must not grow with what is not on it: the
//! walk goes into one branch after the other, and copies nothing but what it tells of.

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

/// The place of a node among its siblings, where it lies in the map.
#[derive(Debug, Clone, Copy)]
enum Spot<'a> {
    Named(&'a str),
    Nameless(NodeId),
}

impl Spot<'_> {
    fn to_key(self) -> Key {
        match self {
            Self::Named(name) => Key::Named(name.to_owned()),
            Self::Nameless(id) => Key::Nameless(id),
        }
    }
}

/// Children of one node, in their order.
type Siblings<'a> = Box<dyn Iterator<Item = (Spot<'a>, &'a Record)> + 'a>;

/// A node on the way from the top to where a walk is, itself included.
struct Level<'a> {
    id: NodeId,
    /// The node, and its place among its siblings; the top has neither.
    came_by: Option<(Spot<'a>, &'a Record)>,
    progress: Progress,
    lost_at: Option<NodeId>,
    /// Its children that are still to be gone into.
    rest: Siblings<'a>,
}

/// The way through all nodes that have something below them that may fit, each before those below
/// it.
struct Walk<'a> {
    tree: &'a Tree,
    pattern: &'a Pattern,
    levels: Vec<Level<'a>>,
}

impl<'a> Walk<'a> {
    /// A walk that is at the top, and goes into those children that come behind this one.
    fn new(tree: &'a Tree, pattern: &'a Pattern, progress: Progress, after: Option<&Key>) -> Self {
        let rest = tree.children_behind(tree.top, after);
        let top = Level { id: tree.top, came_by: None, progress, lost_at: None, rest };
        Self { tree, pattern, levels: vec![top] }
    }

    /// The walk that comes behind a page: is it at the node that the page ended in? That one may
    /// have gone meanwhile, and then has nothing below it any more.
    fn resume(
        tree: &'a Tree,
        pattern: &'a Pattern,
        progress: Progress,
        mark: &PageMark,
    ) -> (Self, bool) {
        let mut walk = Self::new(tree, pattern, progress, mark.way.first());
        for (at, key) in mark.way.iter().enumerate() {
            let above = walk.levels.last().map_or(tree.top, |level| level.id);
            let Some(child) = tree.child_at(above, key) else { return (walk, false) };
            walk.go_into(child, mark.way.get(at + 1));
        }
        (walk, true)
    }

    fn go_into(&mut self, (spot, record): (Spot<'a>, &'a Record), after: Option<&Key>) -> bool {
        let Some(above) = self.levels.last() else { return false };
        let progress = self.pattern.step(above.progress, &record.label());
        if progress.is_lost() {
            return false;
        }
        let lost_at = above.lost_at.or_else(|| record.stale_since.map(|_| record.id));
        let rest = self.tree.children_behind(record.id, after);
        let came_by = Some((spot, record));
        self.levels.push(Level { id: record.id, came_by, progress, lost_at, rest });
        true
    }

    /// Goes on to the next node that has something below it. Is there one?
    fn advance(&mut self) -> bool {
        while let Some(level) = self.levels.last_mut() {
            match level.rest.next() {
                Some(child) => {
                    if self.tree.children.contains_key(&child.1.id) && self.go_into(child, None) {
                        return true;
                    }
                }
                None => drop(self.levels.pop()),
            }
        }
        false
    }

    /// Does this child of the node where the walk is fit?
    fn fits(&self, record: &Record, progress: Progress) -> bool {
        self.pattern.fits_role(record.role)
            && self.pattern.is_whole(self.pattern.step(progress, &record.label()))
    }

    fn names(&self) -> Vec<Name> {
        let came_by = self.levels.iter().filter_map(|level| level.came_by);
        came_by.map(|(_, record)| record.called()).collect()
    }

    fn way(&self) -> Vec<Key> {
        let came_by = self.levels.iter().filter_map(|level| level.came_by);
        came_by.map(|(spot, _)| spot.to_key()).collect()
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
        let mut behind = after.and_then(|mark| mark.last.clone());
        let (mut walk, is_there) = match after {
            Some(mark) => Walk::resume(self, pattern, progress, mark),
            None => (Walk::new(self, pattern, progress, None), true),
        };
        if !is_there {
            behind = None;
            walk.advance();
        }
        while let Some(&Level { id: parent, progress, lost_at, .. }) = walk.levels.last() {
            let mut records = Vec::new();
            let mut last = None;
            for (spot, record) in self.children_behind(parent, behind.as_ref()) {
                if walk.fits(record, progress) {
                    if bytes >= bytes_max {
                        let last = last.map(Spot::to_key).or(behind.take());
                        page.next = Some(PageMark { way: walk.way(), last });
                        break;
                    }
                    bytes += RECORD_BYTES
                        + record.name.as_ref().map_or(16, |name| name.as_str().len())
                        + record.address.as_ref().map_or(0, |address| address.as_str().len());
                    records.push(record);
                }
                last = Some(spot);
            }
            if !records.is_empty() {
                let names = walk.names();
                let path: usize = names.iter().map(|name| name.as_str().len() + 2).sum();
                bytes += GROUP_BYTES + path;
                page.groups.push(Group { parent, names, lost_at, records });
            }
            if page.next.is_some() {
                break;
            }
            behind = None;
            walk.advance();
        }
        page
    }

    /// How many nodes below the top fit.
    pub(crate) fn count(&self, pattern: &Pattern, progress: Progress) -> usize {
        let mut walk = Walk::new(self, pattern, progress, None);
        let mut count = 0;
        while let Some(&Level { id, progress, .. }) = walk.levels.last() {
            let children = self.children_behind(id, None);
            count += children.filter(|(_, record)| walk.fits(record, progress)).count();
            walk.advance();
        }
        count
    }

    fn child_at(&self, parent: NodeId, key: &Key) -> Option<(Spot<'_>, &Record)> {
        let siblings = self.children.get(&parent)?;
        let (spot, id) = match key {
            Key::Named(name) => {
                let (name, id) = siblings.by_name.get_key_value(name)?;
                (Spot::Named(name), *id)
            }
            Key::Nameless(id) => (Spot::Nameless(*id), *siblings.nameless.get(id)?),
        };
        Some((spot, self.get(id)?))
    }

    fn children_behind(&self, parent: NodeId, after: Option<&Key>) -> Siblings<'_> {
        let Some(siblings) = self.children.get(&parent) else { return Box::new([].into_iter()) };
        let (name, id) = match after {
            None => (Bound::Unbounded, Bound::Unbounded),
            Some(Key::Named(name)) => (Bound::Excluded(name.as_str()), Bound::Unbounded),
            // Behind the last one that has a name.
            Some(Key::Nameless(id)) => (Bound::Excluded(LAST_NAME), Bound::Excluded(*id)),
        };
        let named = siblings.by_name.range::<str, _>((name, Bound::Unbounded));
        let nameless = siblings.nameless.range((id, Bound::Unbounded));
        let named = named.map(|(name, id)| (Spot::Named(name), *id));
        let nameless = nameless.map(|id| (Spot::Nameless(*id), *id));
        Box::new(named.chain(nameless).filter_map(|(spot, id)| Some((spot, self.get(id)?))))
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
    use crate::statement::Signed;

    fn id(n: u8, m: u8) -> NodeId {
        let mut bytes = [0; 32];
        (bytes[0], bytes[1]) = (n, m);
        NodeId::from_bytes(bytes)
    }

    fn put(tree: &mut Tree, id: NodeId, parent: NodeId, name: Option<&str>, role: Role) {
        let name = name.map(|name| Name::known(name).unwrap());
        let (edition, address, stale_since) = (1, None, None);
        let (signed, stated_name) = (Signed::blank(), None);
        let record =
            Record { id, parent, name, role, edition, address, stale_since, signed, stated_name };
        tree.put(record).unwrap();
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
    fn pages_of_a_deep_tree_end_and_go_on_at_any_layer() {
        let mut tree = Tree::new(id(0, 0), 1_000);
        for n in 1..=6 {
            put(&mut tree, id(n, 0), id(n - 1, 0), Some(&format!("s{n}")), Role::SubServer);
            for m in 1..=4 {
                let (name, above) = (format!("a{m}"), id(n - 1, 0));
                let named = (m > 1).then_some(name.as_str());
                put(&mut tree, id(n, m), above, named, Role::SubServer);
                put(&mut tree, id(n, 10 + m), id(n, m), Some("leaf"), Role::Client);
            }
        }
        let all = read(&mut tree, "/**", usize::MAX, |_| {});
        assert_eq!(all.len(), 6 * 9);
        for bytes in [1, 150, 400] {
            assert_eq!(read(&mut tree, "/**", bytes, |_| {}), all, "{bytes}");
        }
        assert_eq!(read(&mut tree, "/**/leaf", 1, |_| {}).len(), 24);
        let of_the_last = read(&mut tree, "/s1/s2/s3/s4/s5/**", 1, |_| {});
        assert_eq!(of_the_last.len(), 10, "s5, s6, and four with a leaf each");
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

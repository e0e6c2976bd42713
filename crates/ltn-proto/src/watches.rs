//! Who wants to hear of which nodes, what they were told last of everybody, and what waits for
//! them.
//!
//! One picture of the map serves all watchers: what differs from it is news. This room compares and
//! keeps; it does not know the map, nor how anything is sent.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::body::News;
use crate::expiring::Deadlines;
use crate::id::NodeId;
use crate::limits::{
    WATCH_LEASE, WATCH_QUEUE_MAX, WATCH_WINDOW, WATCHES_MAX, WATCHES_PER_NODE_MAX,
};
use crate::moment::Moment;
use crate::path::NodePath;
use crate::role::Role;
use crate::selector::Pattern;
use crate::snapshot::PresenceKind;

/// So long a node is only doubtful that is not in the map any more: it may be on its way to another
/// place, or be told of anew with all that is there. Then it is gone.
const DOUBT: Duration = Duration::from_secs(2);
/// News in one frame: far below its size even with the longest paths.
const NEWS_PER_FRAME: usize = 16;

/// What watchers were told of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) path: NodePath,
    pub(crate) parent: NodeId,
    pub(crate) role: Role,
    pub(crate) lost: bool,
}

/// Which watch: whose, and his number for it.
pub(crate) type WatchKey = (NodeId, u64);

#[derive(Debug, Clone)]
struct Watch {
    pattern: Pattern,
    told: u64,
    taken: u64,
    missed: u64,
    waiting: VecDeque<News>,
}

/// News that can be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) told: u64,
    pub(crate) missed: u64,
    pub(crate) news: Vec<News>,
}

/// All watches at one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watches {
    watches: BTreeMap<WatchKey, Watch>,
    leases: Deadlines<WatchKey>,
    shown: BTreeMap<NodeId, Shown>,
    doubts: Deadlines<NodeId>,
}

impl Watches {
    /// A watch begins, or goes on. `None` if there is no room for another one; else how much it
    /// was told so far, and whether it begins.
    pub(crate) fn renew(
        &mut self,
        key: WatchKey,
        pattern: &Pattern,
        taken: u64,
        now: Moment,
    ) -> Option<(u64, bool)> {
        let anew = !self.watches.contains_key(&key);
        if anew {
            let of_this = self.watches.keys().filter(|(watcher, _)| *watcher == key.0).count();
            if self.watches.len() >= WATCHES_MAX || of_this >= WATCHES_PER_NODE_MAX {
                return None;
            }
        }
        let watch = self.watches.entry(key).or_insert_with(|| Watch {
            pattern: pattern.clone(),
            told: 0,
            taken: 0,
            missed: 0,
            waiting: VecDeque::new(),
        });
        watch.taken = taken.min(watch.told).max(watch.taken);
        self.leases.set(key, now + WATCH_LEASE);
        Some((watch.told, anew))
    }

    /// Nobody watches this any more.
    pub(crate) fn end(&mut self, key: WatchKey) {
        self.watches.remove(&key);
        self.leases.cancel(key);
        if self.watches.is_empty() {
            self.shown.clear();
            self.doubts = Deadlines::default();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// What is there already when the first watch begins is no news.
    pub(crate) fn show(&mut self, id: NodeId, shown: Shown) {
        self.shown.insert(id, shown);
    }

    /// It is not there. Perhaps it is in a moment.
    pub(crate) fn doubt(&mut self, id: NodeId, now: Moment) {
        if self.shown.contains_key(&id) {
            self.doubts.set(id, now + DOUBT);
        }
    }

    /// A node is as it is now; `None` if it is not there. Notes what is new for whom.
    pub(crate) fn compare(&mut self, id: NodeId, is: Option<Shown>) {
        self.doubts.cancel(id);
        let was = match &is {
            Some(is) => self.shown.insert(id, is.clone()),
            None => self.shown.remove(&id),
        };
        let Some(news) = difference(id, was, is) else { return };
        for watch in self.watches.values_mut() {
            let fits = |path: &NodePath| watch.pattern.fits(path, news.role);
            if fits(&news.path) || news.from.as_ref().is_some_and(fits) {
                watch.waiting.push_back(news.clone());
                if watch.waiting.len() > WATCH_QUEUE_MAX {
                    watch.waiting.pop_front();
                    watch.missed += 1;
                }
            }
        }
    }

    /// The next news that can be sent to somebody.
    pub(crate) fn next_batch(&mut self) -> Option<(WatchKey, Batch)> {
        let ready =
            |watch: &Watch| !watch.waiting.is_empty() && watch.told - watch.taken < WATCH_WINDOW;
        let (key, watch) = self.watches.iter_mut().find(|(_, watch)| ready(watch))?;
        let count = watch.waiting.len().min(NEWS_PER_FRAME);
        let news: Vec<News> = watch.waiting.drain(..count).collect();
        let missed = std::mem::take(&mut watch.missed);
        watch.told += count as u64;
        Some((*key, Batch { told: watch.told, missed, news }))
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.leases.next().into_iter().chain(self.doubts.next()).min()
    }

    /// A node that was doubtful for long enough.
    pub(crate) fn pop_doubt(&mut self, now: Moment) -> Option<NodeId> {
        self.doubts.pop_due(now)
    }

    /// Ends the watches of those who have not been heard for long.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some(key) = self.leases.pop_due(now) {
            self.end(key);
        }
    }
}

fn difference(id: NodeId, was: Option<Shown>, is: Option<Shown>) -> Option<News> {
    let news = |kind, of: Shown, from| Some(News { kind, id, role: of.role, path: of.path, from });
    match (was, is) {
        (None, None) => None,
        // Who is known only as lost has not come.
        (None, Some(is)) if is.lost => None,
        (None, Some(is)) => news(PresenceKind::Joined, is, None),
        (Some(was), None) => news(PresenceKind::Left, was, None),
        // Whether it is there matters more than where: whoever is lost stays so wherever its place
        // is now, until this says that it is back.
        (Some(was), Some(is)) if was.lost != is.lost => {
            let kind = if is.lost { PresenceKind::Lost } else { PresenceKind::Back };
            let from = Some(was.path).filter(|from| *from != is.path);
            news(kind, is, from)
        }
        (Some(was), Some(is)) if was.path != is.path => {
            let other_name = was.path.names().last() != is.path.names().last();
            let renamed = was.parent == is.parent && other_name;
            let kind = if renamed { PresenceKind::Renamed } else { PresenceKind::Moved };
            news(kind, is, Some(was.path))
        }
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selector::Selector;

    fn id(n: usize) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    fn shown(path: &str, lost: bool) -> Option<Shown> {
        let (path, parent): (NodePath, _) = (path.parse().unwrap(), id(0));
        Some(Shown { path, parent, role: Role::Client, lost })
    }

    fn room(watches: usize) -> Watches {
        let Ok(Selector::Many(pattern)) = "/a/**".parse() else { panic!("a pattern") };
        let mut room = Watches::default();
        for n in 0..watches {
            room.renew((id(n), 1), &pattern, 0, Moment::ZERO);
        }
        room
    }

    fn kinds(room: &mut Watches) -> Vec<PresenceKind> {
        std::iter::from_fn(|| room.next_batch())
            .flat_map(|(_, batch)| batch.news)
            .map(|news| news.kind)
            .collect()
    }

    #[test]
    fn what_happens_has_one_word_each() {
        use PresenceKind::{Back, Joined, Left, Lost, Moved, Renamed};
        let mut room = room(1);
        let states = [
            shown("/a/x", false),
            shown("/a/x", false),
            shown("/a/x", true),
            shown("/a/x", false),
            shown("/a/y", false),
            shown("/b/y", false),
            shown("/b/z", false),
            None,
        ];
        states.into_iter().for_each(|is| room.compare(id(7), is));
        assert_eq!(kinds(&mut room), [Joined, Lost, Back, Renamed, Moved], "and no more of /b");
        room.compare(id(8), shown("/a/k", true));
        room.compare(id(8), None);
        assert_eq!(kinds(&mut room), [Left], "who was never there has not come, and goes");
    }

    #[test]
    fn whoever_is_lost_stays_so_wherever_its_place_is_until_it_is_back() {
        use PresenceKind::{Back, Joined, Lost, Moved};
        let mut room = room(1);
        let mut told = |path: &str, lost| {
            room.compare(id(7), shown(path, lost));
            kinds(&mut room)
        };
        assert_eq!(told("/a/x", false), [Joined]);
        assert_eq!(told("/a/b/x", true), [Lost], "and not only that it moved");
        assert_eq!(told("/a/c/x", true), [Moved], "the server above it has another name");
        assert_eq!(told("/a/x", false), [Back], "and not only that it moved");
    }

    #[test]
    fn who_takes_nothing_costs_a_bounded_queue_and_hears_how_much_is_missing() {
        let mut room = room(1);
        for n in 0..5_000 {
            room.compare(id(n + 10), shown(&format!("/a/n{n}"), false));
        }
        let watch = room.watches.values().next().unwrap();
        assert!(watch.waiting.len() <= WATCH_QUEUE_MAX);
        let pattern = watch.pattern.clone();
        let (mut told, mut missed, mut heard) = (0, 0, 0);
        loop {
            let batches: Vec<_> = std::iter::from_fn(|| room.next_batch()).collect();
            for (_, batch) in &batches {
                told = batch.told;
                missed += batch.missed;
                heard += batch.news.len();
            }
            let at_once: usize = batches.iter().map(|(_, batch)| batch.news.len()).sum();
            assert!(at_once as u64 <= WATCH_WINDOW + NEWS_PER_FRAME as u64);
            if batches.is_empty() {
                break;
            }
            assert_eq!(room.renew((id(0), 1), &pattern, told, Moment::ZERO), Some((told, false)));
        }
        assert_eq!((heard, missed), (WATCH_QUEUE_MAX, 5_000 - WATCH_QUEUE_MAX as u64));
    }

    #[test]
    fn there_is_room_for_so_many_and_a_silent_watcher_gives_his_up() {
        let mut room = room(WATCHES_MAX + 10);
        assert_eq!(room.watches.len(), WATCHES_MAX);
        room.expire(Moment::ZERO + WATCH_LEASE);
        assert!(room.is_empty() && room.shown.is_empty());
        let Ok(Selector::Many(all)) = "/**".parse() else { panic!("a pattern") };
        let mine = (0..100).filter(|n| room.renew((id(1), *n), &all, 0, Moment::ZERO).is_some());
        assert_eq!(mine.count(), WATCHES_PER_NODE_MAX);
    }

    #[test]
    fn who_was_only_told_of_anew_never_left() {
        let mut room = room(1);
        room.compare(id(7), shown("/a/x", false));
        assert_eq!(kinds(&mut room), [PresenceKind::Joined]);
        room.doubt(id(7), Moment::ZERO);
        room.compare(id(7), shown("/a/x", false));
        assert_eq!(room.pop_doubt(Moment::ZERO + DOUBT), None);
        assert!(kinds(&mut room).is_empty());
    }
}

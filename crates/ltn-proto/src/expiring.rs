//! Deadlines by key: what is due when. Used by every room that waits for something.

use std::collections::{BTreeMap, BTreeSet};

use crate::moment::Moment;

/// Deadlines of things named by `K`, each with at most one.
#[derive(Debug, Clone)]
pub(crate) struct Deadlines<K> {
    in_order: BTreeSet<(Moment, K)>,
    by_key: BTreeMap<K, Moment>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { in_order: BTreeSet::new(), by_key: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Deadlines<K> {
    /// From here on `key` is due at this moment, whatever was said before.
    pub(crate) fn set(&mut self, key: K, at: Moment) {
        if let Some(earlier) = self.by_key.insert(key, at) {
            self.in_order.remove(&(earlier, key));
        }
        self.in_order.insert((at, key));
    }

    /// `key` is not due any more.
    pub(crate) fn cancel(&mut self, key: K) {
        if let Some(at) = self.by_key.remove(&key) {
            self.in_order.remove(&(at, key));
        }
    }

    /// Does it have a deadline?
    pub(crate) fn is_set(&self, key: K) -> bool {
        self.by_key.contains_key(&key)
    }

    /// When the first one is due.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// Takes the earliest, due or not.
    pub(crate) fn pop_first(&mut self) -> Option<K> {
        let (_, key) = *self.in_order.first()?;
        self.cancel(key);
        Some(key)
    }

    /// Takes one that is due, the earliest first.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<K> {
        let (at, key) = *self.in_order.first()?;
        if at > now {
            return None;
        }
        self.cancel(key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_zero(Duration::from_secs(seconds))
    }

    #[test]
    fn the_earliest_comes_first_and_only_when_due() {
        let mut deadlines = Deadlines::default();
        deadlines.set('b', at(2));
        deadlines.set('a', at(5));
        deadlines.set('a', at(1));
        assert_eq!(deadlines.next(), Some(at(1)));
        assert_eq!(deadlines.pop_due(at(1)), Some('a'));
        assert_eq!(deadlines.pop_due(at(1)), None);
        deadlines.cancel('b');
        assert_eq!(deadlines.next(), None);
    }
}

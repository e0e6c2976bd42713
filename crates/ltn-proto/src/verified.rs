//! Statements whose signatures were found good: a branch that comes back tells thousands of them
//! again, and none has to be checked twice.
//!
//! This room remembers digests. It does not know what a statement says, nor whether it still holds.

use std::collections::BTreeSet;

type Fingerprint = [u8; 32];

/// What is known to be signed. Holds the last `most` at least, and twice as many at most.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    recent: BTreeSet<Fingerprint>,
    /// Those before, which are dropped when there are enough recent ones.
    earlier: BTreeSet<Fingerprint>,
    most: usize,
}

impl Verified {
    pub(crate) const fn new(most: usize) -> Self {
        Self { recent: BTreeSet::new(), earlier: BTreeSet::new(), most }
    }

    /// Was it found good before, or is it now? `check` is asked only if it must be, and what it
    /// finds bad is not kept: whoever sends that pays for it himself.
    pub(crate) fn is_good(&mut self, what: Fingerprint, check: impl FnOnce() -> bool) -> bool {
        if self.recent.contains(&what) {
            return true;
        }
        if !self.earlier.contains(&what) && !check() {
            return false;
        }
        if self.recent.len() >= self.most {
            self.earlier = std::mem::take(&mut self.recent);
        }
        self.recent.insert(what);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(n: u8) -> Fingerprint {
        [n; 32]
    }

    #[test]
    fn what_was_good_is_not_checked_again_and_what_was_bad_is() {
        let mut verified = Verified::new(10);
        assert!(verified.is_good(print(1), || true));
        assert!(verified.is_good(print(1), || unreachable!("it is known")));
        assert!(!verified.is_good(print(2), || false));
        assert!(verified.is_good(print(2), || true));
    }

    #[test]
    fn it_holds_the_last_ones_and_has_a_maximum() {
        let mut verified = Verified::new(10);
        for n in 0..200 {
            assert!(verified.is_good(print(n), || true));
            assert!(verified.recent.len() + verified.earlier.len() <= 20);
        }
        for n in 190..200 {
            assert!(verified.is_good(print(n), || unreachable!("it is one of the last ten")));
        }
        assert!(!verified.is_good(print(0), || false), "it was dropped long ago");
    }
}

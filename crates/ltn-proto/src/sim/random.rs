//! Reproducible dice. What the simulator rolls decides only what happens to a network under test,
//! never a key or a token of a real one, so a small generator of our own is enough (splitmix64).

use std::time::Duration;

/// A stream of numbers that its seed decides altogether.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A stream of its own for one purpose, so that rolling more often for another purpose leaves
    /// this one as it is.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.number())
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if `end` is 0. The tiny bias of the remainder does not matter here.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end as u64;
        // The remainder is below a `usize`, so it fits into one.
        self.number().checked_rem(end).unwrap_or(0) as usize
    }

    /// True this many times in a hundred.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of these, or `None` if there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// A time from `shortest` up to `longest`.
    pub fn time(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let span = longest.saturating_sub(shortest).as_micros();
        let span = u64::try_from(span).unwrap_or(u64::MAX).saturating_add(1);
        shortest + Duration::from_micros(self.number() % span)
    }

    /// 32 bytes, as a node's seed.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.number().to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_one_stream() {
        let roll = |seed| {
            let mut random = Random::new(seed);
            (0..8).map(|_| random.number()).collect::<Vec<_>>()
        };
        assert_eq!(roll(7), roll(7));
        assert_ne!(roll(7), roll(8));
    }

    #[test]
    fn everything_stays_within_its_bounds() {
        let mut random = Random::new(1);
        let (short, long) = (Duration::from_millis(1), Duration::from_millis(3));
        for _ in 0..1_000 {
            assert!(random.below(3) < 3);
            let time = random.time(short, long);
            assert!(short <= time && time <= long);
        }
        assert_eq!(random.below(0), 0);
        assert_eq!(random.pick::<u8>(&[]), None);
        assert_eq!(random.time(long, long), long);
    }
}

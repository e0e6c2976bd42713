//! The mind's only source of randomness: a seed from the shell, stretched.
//!
//! Tokens and request numbers must not be guessable by peers, so they come from SHA-256 in counter
//! mode over a secret seed. The same seed gives the same numbers, which makes runs repeatable.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Numbers that follow from a secret seed.
#[derive(Clone)]
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").field("counter", &self.counter).finish_non_exhaustive()
    }
}

impl Random {
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0, block: [0; 32], used: 32 }
    }

    /// Eight bytes that nobody can guess.
    pub(crate) fn number(&mut self) -> u64 {
        if self.used == self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.counter.to_be_bytes());
            self.block = hash.finalize().into();
            self.counter += 1;
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_be_bytes(bytes)
    }

    /// Sixteen bytes that nobody can guess.
    pub(crate) fn token(&mut self) -> [u8; 16] {
        let mut token = [0; 16];
        token[..8].copy_from_slice(&self.number().to_be_bytes());
        token[8..].copy_from_slice(&self.number().to_be_bytes());
        token
    }

    /// A time between half of this one and all of it: enough to spread a crowd.
    pub(crate) fn jitter(&mut self, pause: Duration) -> Duration {
        let share = self.number() % 1_000;
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX / 1_000);
        Duration::from_micros(micros / 2 + micros / 2 * share / 1_000)
    }
}

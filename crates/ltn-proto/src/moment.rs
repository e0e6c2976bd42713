//! Time as the mind sees it: an argument, counted from a zero that only the shell knows.
//!
//! There is no clock here. All decisions about leases and deadlines compare two [`Moment`]s that
//! came in from outside, so a simulated second costs nothing and a wrong wall clock changes
//! nothing.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the shell's monotonic clock, as the time since the shell's own zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The shell's zero.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment this long after the shell's zero.
    #[must_use]
    pub const fn after_zero(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time since the shell's zero.
    #[must_use]
    pub const fn since_zero(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

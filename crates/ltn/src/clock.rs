//! The clock of a node: it goes on while the machine sleeps, and it notices that it did.
//!
//! No wall clock is ever asked: setting the time of day changes nothing. Deadlines are moments of
//! this clock; timers are of the other kind, which stands still during sleep, so one that was set
//! before rings too late, and [`Clock::read`] says so.

use std::time::Duration;

use ltn_proto::Moment;
use tokio::time::Instant;

/// What is shorter is the noise of reading two clocks one after the other.
const NOISE: Duration = Duration::from_millis(100);

/// Tells how long this machine has been up, sleep included, and without it.
type Source = Box<dyn FnMut() -> Reading + Send>;

/// Two clocks at one instant; only differences mean anything.
#[derive(Debug, Clone, Copy)]
struct Reading {
    awake: Duration,
    with_sleep: Duration,
}

/// See the module.
pub(crate) struct Clock {
    source: Source,
    first: Reading,
    zero: Instant,
    /// How long the machine slept since the clock was made.
    slept: Duration,
}

/// What the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) now: Moment,
    /// Has the machine slept since the last reading? Then timers have to be set anew.
    pub(crate) slept: bool,
}

impl Clock {
    /// A clock that begins at zero.
    pub(crate) fn new() -> Self {
        let first = std::time::Instant::now();
        Self::with(Box::new(move || Reading {
            with_sleep: since_boot().unwrap_or_else(|| first.elapsed()),
            awake: first.elapsed(),
        }))
    }

    fn with(mut source: Source) -> Self {
        let first = source();
        Self { source, first, zero: Instant::now(), slept: Duration::ZERO }
    }

    /// What time is it, and was there a sleep?
    pub(crate) fn read(&mut self) -> Time {
        let Reading { awake, with_sleep } = (self.source)();
        let with_sleep = with_sleep.saturating_sub(self.first.with_sleep);
        let slept = with_sleep.saturating_sub(awake.saturating_sub(self.first.awake));
        let more = slept > self.slept + NOISE;
        if more {
            self.slept = slept;
        }
        Time { now: Moment::after_zero(self.zero.elapsed() + self.slept), slept: more }
    }

    /// When a timer has to ring for this moment, if the machine stays awake.
    pub(crate) fn instant_of(&self, moment: Moment) -> Instant {
        self.zero + moment.since_zero().saturating_sub(self.slept)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").field("slept", &self.slept).finish_non_exhaustive()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn since_boot() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    Some(Duration::new(seconds, nanos))
}

/// Elsewhere we do not know which clock counts sleep: leases are then noticed a little later.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn since_boot() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_is_noticed_once_and_counts() {
        let time = Arc::new(Mutex::new(Reading {
            awake: Duration::from_secs(50),
            with_sleep: Duration::from_secs(70),
        }));
        let shown = Arc::clone(&time);
        let mut clock = Clock::with(Box::new(move || *shown.lock().unwrap()));
        let pass = |awake: u64, asleep: u64| {
            let mut time = time.lock().unwrap();
            time.awake += Duration::from_millis(awake);
            time.with_sleep += Duration::from_millis(awake + asleep);
        };
        assert_eq!(clock.read(), Time { now: Moment::ZERO, slept: false });
        pass(10, 3_600_000);
        let hour = Moment::ZERO + Duration::from_secs(3_600);
        assert_eq!(clock.read(), Time { now: hour, slept: true });
        assert_eq!(clock.read(), Time { now: hour, slept: false });
        // A timer for in a second rings in a second, not in an hour and a second.
        let due = hour + Duration::from_secs(1);
        assert_eq!(clock.instant_of(due), clock.zero + Duration::from_secs(1));
        // Two clocks are never read at quite the same instant.
        pass(500, 3);
        assert!(!clock.read().slept);
    }

    #[test]
    fn the_real_clock_goes_forward_and_this_machine_is_awake() {
        let mut clock = Clock::new();
        let first = clock.read();
        let second = clock.read();
        assert!(second.now >= first.now && !second.slept);
    }
}

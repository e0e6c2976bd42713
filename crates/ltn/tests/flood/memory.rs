//! How much memory this process uses, as the kernel counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How often it is looked at.
const LOOKS: Duration = Duration::from_millis(20);

/// The resident memory in bytes; 0 where the kernel does not tell.
pub(crate) fn used() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}

/// Looks for the highest use until it is stopped.
pub(crate) struct Peak {
    highest: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Peak {
    pub(crate) fn watch() -> Self {
        let peak = Self { highest: Arc::default(), stop: Arc::default() };
        let (highest, stop) = (Arc::clone(&peak.highest), Arc::clone(&peak.stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                highest.fetch_max(used(), Ordering::Relaxed);
                std::thread::sleep(LOOKS);
            }
        });
        peak
    }

    /// The highest use so far.
    pub(crate) fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.highest.load(Ordering::Relaxed)
    }
}

//! Random networks against a plain model of what was promised.
//!
//! Each seed is one network: it grows, lives through some two hundred operations and five faults,
//! is healed, and has to be right again. Everything that programs said and heard is kept in books
//! (`books.rs`), where everybody really is follows from who hangs on whom (`truth.rs`), and the
//! judges (`verdicts.rs`, `settled.rs`) compare the two with what the minds claimed.
//!
//! `LTN_SIM_START` and `LTN_SIM_SEEDS` say which seeds run, `LTN_SIM_TRACE=1` prints every step.

pub(crate) mod books;
mod many;
mod operations;
mod settled;
pub(crate) mod totals;
mod trouble;
mod truth;
mod verdicts;
pub(crate) mod violation;
pub(crate) mod world;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ltn_proto::sim::Network;

use self::totals::Totals;
use self::world::play;

/// Seeds of one test run, unless `LTN_SIM_SEEDS` says another number.
const SEEDS: u64 = 1_000;
/// One in so many seeds is run twice.
const TWICE: u64 = 100;

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`, which is no number")))
}

/// Prints every step if `LTN_SIM_TRACE` asks for it.
pub(crate) fn trace_if_wanted(network: &mut Network) {
    if number_from("LTN_SIM_TRACE").is_some_and(|wanted| wanted > 0) {
        network.trace(|line| {
            // A trace that nobody reads is no failure.
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }
}

/// What all threads found.
#[derive(Default)]
struct Findings {
    totals: Totals,
    failures: Vec<(u64, String)>,
}

#[test]
#[expect(clippy::print_stdout, reason = "the totals are for the reader of the test's output")]
fn random_networks_keep_their_promises() {
    let start = number_from("LTN_SIM_START").unwrap_or(0);
    let seeds = number_from("LTN_SIM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(start);
    let findings = Mutex::new(Findings::default());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= start + seeds {
                        break;
                    }
                    run_one(seed, &findings);
                }
            });
        }
    });
    let findings = findings.into_inner().expect("no thread dies with the findings in its hands");
    println!("{seeds} seeds from {start}\n{}", findings.totals);
    report(&findings);
    if seeds >= SEEDS {
        assert_eq!(findings.totals.zeros(), [""; 0], "these were never put to the test");
    }
}

fn run_one(seed: u64, findings: &Mutex<Findings>) {
    let run = || play(seed, None);
    let failure = match catch_unwind(AssertUnwindSafe(run)) {
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Some(format!("panicked: {}", text.unwrap_or_default()))
        }
        Ok(report) => {
            let mut found = findings.lock().expect("no thread panics here");
            found.totals.add(&report.totals);
            drop(found);
            let mut lines: Vec<String> =
                report.violations.iter().take(5).map(ToString::to_string).collect();
            if seed.is_multiple_of(TWICE) {
                let again = play(seed, None);
                if again.digest != report.digest {
                    lines.push("a second run of this seed tells another history".to_owned());
                }
                let mut found = findings.lock().expect("no thread panics here");
                Totals::count(&mut found.totals.checks, "seed run twice", 1);
            }
            (!lines.is_empty()).then(|| format!("{}\n{}", lines.join("\n"), report.picture))
        }
    };
    if let Some(failure) = failure {
        findings.lock().expect("no thread panics here").failures.push((seed, failure));
    }
}

fn report(findings: &Findings) {
    let mut failures = findings.failures.clone();
    failures.sort();
    let shown: Vec<String> = failures
        .iter()
        .take(5)
        .map(|(seed, what)| {
            format!(
                "seed {seed}: {what}\nreplay with LTN_SIM_START={seed} LTN_SIM_SEEDS=1 cargo test \
                 -p ltn-proto --test it random_networks -- --nocapture"
            )
        })
        .collect();
    assert!(failures.is_empty(), "{} seeds failed:\n{}", failures.len(), shown.join("\n\n"));
}

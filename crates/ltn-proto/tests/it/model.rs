//! Random networks against a plain model of what was promised.
//!
//! Each seed is one network: it grows, lives through operations and faults (`plan.rs` draws how
//! many and which), is healed, and has to be right again. Everything that programs said and heard
//! is kept in books (`books.rs`), where everybody really is follows from who hangs on whom
//! (`truth.rs`), and the judges (`watched.rs`, `settled.rs`, `verdicts.rs`) compare the two with
//! what the minds claimed.
//!
//! `LTN_SIM_START` and `LTN_SIM_SEEDS` say which seeds run (a quarter as many large ones, unless
//! `LTN_SIM_LARGE` is set), `LTN_SIM_TRACE=1` tells the story of a run in words, and
//! `LTN_SIM_TRACE=2` every frame as well.

pub(crate) mod books;
mod gathered;
mod operations;
pub(crate) mod plan;
mod presence;
mod rolled;
mod settled;
mod skew;
pub(crate) mod totals;
mod trouble;
pub(crate) mod truth;
mod verdicts;
pub(crate) mod violation;
mod watched;
pub(crate) mod world;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ltn_proto::sim::Network;

use self::plan::Size;
use self::totals::Totals;
use self::world::play;

/// Small networks of one test run, unless `LTN_SIM_SEEDS` says another number.
const SMALL_SEEDS: u64 = 1_000;
/// Large ones.
const LARGE_SEEDS: u64 = 500;
/// One in so many seeds is run twice.
const TWICE: u64 = 100;

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`, which is no number")))
}

/// The seeds that are asked for; as many as usual, if none are.
pub(crate) fn seeds_or(usual: u64) -> std::ops::Range<u64> {
    let start = number_from("LTN_SIM_START").unwrap_or(0);
    start..start + number_from("LTN_SIM_SEEDS").unwrap_or(usual)
}

/// Prints every step if `LTN_SIM_TRACE` asks for it.
pub(crate) fn trace_if_wanted(network: &mut Network) {
    let wanted = number_from("LTN_SIM_TRACE").unwrap_or(0);
    if wanted > 0 {
        network.trace(move |line| {
            // Frames have their place after an arrow, stories have none.
            if wanted < 2 && (line.contains(" → #") || line.contains(" ⇒ #")) {
                return;
            }
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

/// What liars say.
const LIES: [&str; 2] = ["forged-frame", "false-claim"];

#[test]
fn random_networks_keep_their_promises() {
    let totals = run(Size::Small, SMALL_SEEDS);
    if let Some(totals) = totals {
        let faults = [&plan::FAULTS[..], &LIES].concat();
        assert_eq!(totals.zeros(&faults), [""; 0], "these were never put to the test");
    }
}

#[test]
fn large_networks_keep_their_promises() {
    let totals = run(Size::Large, LARGE_SEEDS);
    if let Some(totals) = totals {
        let faults = [&plan::FAULTS[..], &plan::MORE_FAULTS, &LIES].concat();
        assert_eq!(totals.zeros(&faults), [""; 0], "these were never put to the test");
    }
}

/// Runs the seeds that are asked for, on all cores; hands back what they exercised, if they were
/// as many as usual.
#[expect(clippy::print_stdout, reason = "the totals are for the reader of the test's output")]
fn run(size: Size, usual: u64) -> Option<Totals> {
    let wanted = seeds_or(usual);
    let (start, mut seeds) = (wanted.start, wanted.end - wanted.start);
    if size == Size::Large && seeds != usual && number_from("LTN_SIM_LARGE").is_none() {
        // One number for all tests at once: large networks take their time.
        seeds = seeds.div_ceil(4);
    }
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
                    run_one(size, seed, &findings);
                }
            });
        }
    });
    let findings = findings.into_inner().expect("no thread dies with the findings in its hands");
    println!("{size:?}: {seeds} seeds from {start}\n{}", findings.totals);
    report(size, &findings);
    (seeds >= usual).then_some(findings.totals)
}

fn run_one(size: Size, seed: u64, findings: &Mutex<Findings>) {
    let run = || play(size, seed, None);
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
                let again = play(size, seed, None);
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

fn report(size: Size, findings: &Findings) {
    let large = match size {
        Size::Small => "",
        Size::Large => " --large",
    };
    let mut failures = findings.failures.clone();
    failures.sort();
    let shown: Vec<String> = failures
        .iter()
        .take(5)
        .map(|(seed, what)| {
            format!(
                "seed {seed}: {what}\nreplay it, told in words: \
                 cargo xtask sim{large} --seeds 1 --start {seed} --trace"
            )
        })
        .collect();
    assert!(failures.is_empty(), "{} seeds failed:\n{}", failures.len(), shown.join("\n\n"));
}

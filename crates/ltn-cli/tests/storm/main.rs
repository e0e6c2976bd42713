//! Real processes, each in a network namespace of its own, joined by relays that delay, stall, cut
//! one way and clog; killed, and frozen. What the simulator shows of minds, this shows of programs.
//!
//! A namespace has nothing but its own loopback, so the relays are the only way between two nodes.
//! Where namespaces are not to be had the test says so aloud and shows nothing.
//!
//! `LTN_STORM_SECONDS` lets it go on with cases drawn from `LTN_STORM_SEED` (`cargo xtask storm`).
#![cfg(target_os = "linux")]

mod cases;
mod field;
mod relay;
mod space;

use std::io::Write;
use std::time::{Duration, Instant};

use self::field::{Dice, Field, Plan};

/// The longest storm.
const SECONDS_MAX: u64 = 600;

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`, which is no number")))
}

/// Says something to whoever reads the output of a test that passes, too.
fn say(what: &str) {
    // If nobody reads it, nothing is lost.
    let _ = writeln!(std::io::stdout(), "{what}");
}

#[test]
fn a_network_of_processes_comes_through_a_storm() {
    if let Err(why) = space::can_be_had() {
        say(&format!("SKIPPED: no network namespaces here ({why}); the storm shows nothing"));
        return;
    }
    let seed = number_from("LTN_STORM_SEED").unwrap_or(1);
    let Some(seconds) = number_from("LTN_STORM_SECONDS") else {
        return short(seed);
    };
    let end = Instant::now() + Duration::from_secs(seconds.min(SECONDS_MAX));
    let mut dice = Dice::new(seed);
    let mut field = Field::grow(&Plan::LONG, seed);
    let mut played = 0;
    while Instant::now() < end {
        cases::any(&mut field, &mut dice);
        played += 1;
    }
    say(&format!("{played} cases from seed {seed}\n{}", field.figures()));
}

/// The cases that fit into half a minute.
fn short(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut field = Field::grow(&Plan::SHORT, seed);
    cases::freeze_for_a_moment(&mut field, 1, Duration::from_secs(3));
    cases::kill(&mut field, 1, &mut dice);
    cases::cut_silently(&mut field, 1);
    say(&field.figures());
}

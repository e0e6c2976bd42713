//! Real processes in network namespaces, for longer than an ordinary test run.
//!
//! It knows the name of the test and of its two variables, and that a run without a test is no run.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result};

use crate::shell;

/// The test that plays it.
const TEST: &str = "a_network_of_processes_comes_through_a_storm";

/// What can be said about a storm.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long it goes on (at most 600; a case that has begun is played to its end)
    #[arg(long, default_value_t = 480, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// What decides which cases come
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Plays it; a broken promise is printed by the test with what every process said last.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let test = ["test", "--package", "ltn-cli", "--test", "storm"];
    let only = ["--", TEST, "--nocapture"];
    let mut child = shell::cargo(&[&test[..], &only].concat())?
        .env("LTN_STORM_SECONDS", arguments.seconds.to_string())
        .env("LTN_STORM_SEED", arguments.seed.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().context("its output was asked for")?;
    let (mut played, mut skipped) = (false, false);
    for line in BufReader::new(output).lines() {
        let line = line?;
        played |= line.starts_with("test result: ok. 1 passed");
        skipped |= line.contains("SKIPPED");
        println!("{line}");
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "the storm was not come through ({status})");
    anyhow::ensure!(played, "no test named `{TEST}` was run");
    anyhow::ensure!(!skipped, "it was skipped: nothing was shown");
    Ok(())
}

//! Random networks in the simulator, more of them than an ordinary test run plays.
//!
//! It knows the names of the tests and of their variables, and that a run without a test is no run.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::shell;

/// The tests that play them.
const SMALL: &str = "random_networks_keep_their_promises";
const LARGE: &str = "large_networks_keep_their_promises";

/// What can be said about a simulation.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many networks to play
    #[arg(long)]
    seeds: u64,
    /// The seed of the first; the others follow it
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Play large networks: 20 to 60 nodes, up to six layers, all kinds of faults
    #[arg(long)]
    large: bool,
    /// Tell the story of each network in words; twice (`-tt`): every frame as well
    #[arg(long, short, action = clap::ArgAction::Count)]
    trace: u8,
}

/// Plays them; a failing seed is printed by the test together with how to play it again.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let test = ["test", "--package", "ltn-proto", "--all-features", "--test", "it"];
    let name = if arguments.large { LARGE } else { SMALL };
    let only = ["--", name, "--nocapture"];
    let mut cargo = shell::cargo(&[&test[..], &only].concat())?;
    if arguments.large {
        cargo.env("LTN_SIM_LARGE", "1");
    }
    let mut child = cargo
        .env("LTN_SIM_SEEDS", arguments.seeds.to_string())
        .env("LTN_SIM_START", arguments.start.to_string())
        .env("LTN_SIM_TRACE", arguments.trace.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().context("its output was asked for")?;
    let mut played = false;
    for line in BufReader::new(output).lines() {
        let line = line?;
        played |= line.starts_with("test result: ok. 1 passed");
        println!("{line}");
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "the simulation failed ({status})");
    anyhow::ensure!(played, "no test named `{name}` was run");
    let seconds = start.elapsed().as_secs_f32();
    println!("{} networks from seed {}, {seconds:.1} s", arguments.seeds, arguments.start);
    Ok(())
}

//! Measuring over loopback: what this product does, beside bare tokio and rustls doing the same
//! work without any protocol, in the same run. Ratios matter, not absolutes.
//!
//! This file reads the arguments and sees to a release build; the measuring below it is compiled
//! with the feature `bench` only. docs/benchmarks.md says how to read the figures.

#[cfg(feature = "bench")]
mod compare;
#[cfg(feature = "bench")]
mod crowd;
#[cfg(feature = "bench")]
mod floor;
#[cfg(feature = "bench")]
mod listing;
#[cfg(feature = "bench")]
mod ours;
#[cfg(feature = "bench")]
mod table;
#[cfg(feature = "bench")]
mod works;

use std::net::SocketAddr;

use anyhow::Result;

use crate::shell;

/// What can be said about measuring.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object per figure instead of a table
    #[arg(long)]
    json: bool,
    /// How long each side of each work is measured, after warming up
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// Leave this product out and measure the floors only
    #[arg(long)]
    floors_only: bool,
    /// All in one thread; the caller sees to it that this is on one core
    #[arg(long, hide = true)]
    pinned: bool,
    /// Be the crowd that comes to this address
    #[arg(long, hide = true)]
    crowd_to: Option<SocketAddr>,
    /// Be a door where each is hung up on
    #[arg(long, hide = true)]
    hang_up: bool,
    /// What to measure; everything if nothing is named
    works: Vec<Work>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    let fits = (0.1..=600.0).contains(&seconds);
    if fits { Ok(seconds) } else { Err("between 0.1 and 600 seconds".to_owned()) }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// A request of 64 bytes and its reply, one in flight
    Request,
    /// The same across three servers
    RequestFar,
    /// Requests of 64 bytes, 64 in flight
    Flight,
    /// The same across three servers
    FlightFar,
    /// Messages of 128 bytes that nobody acknowledges
    OneWay,
    /// Connecting, with both certificates checked, and registering
    Connect,
    /// 256 MiB in pieces of 64 KiB and of 1 MiB
    Stream,
    /// Reading the list of 10 servers with 10 clients each, and of 1,000 with 10 each
    Listing,
    /// What 100 members wait for answers while a crowd of strangers comes, here or elsewhere
    Crowd,
}

/// Measures, in a release build: builds one and hands over to it if this is none.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    if cfg!(debug_assertions) || cfg!(not(feature = "bench")) {
        let cargo = ["run", "--quiet", "--release", "--package", "xtask", "--features", "bench"];
        let mut command = shell::cargo(&cargo)?;
        return shell::run(command.arg("--").args(std::env::args_os().skip(1)));
    }
    measure(arguments)
}

#[cfg(feature = "bench")]
fn measure(arguments: Arguments) -> Result<()> {
    works::measure(arguments)
}

#[cfg(not(feature = "bench"))]
fn measure(_: Arguments) -> Result<()> {
    anyhow::bail!("this build cannot measure")
}

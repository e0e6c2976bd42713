//! All automation of this repository, in Rust and with nothing but cargo: `cargo xtask ci` checks
//! everything, `tidy` what no other tool checks, `sim` plays random networks, `storm` real ones,
//! `fuzz` tries hostile bytes, `attacks` takes out defences, `bench` measures.
//!
//! It knows the shape of the repository. It does not know what the product does: only `bench` uses
//! it, behind a feature, so that everything else here builds in seconds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these are programs for a terminal")]

mod attacks;
mod bench;
mod ci;
mod fuzz;
mod shell;
mod sim;
mod storm;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The automation of this repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check everything that a change must pass; what is run elsewhere is exactly this
    Ci,
    /// Check what no other tool checks: floors, budgets, invariants, the protocol page
    Tidy(tidy::Arguments),
    /// Play random networks in the simulator, as many as you like
    Sim(sim::Arguments),
    /// Take out one defence after the other, and see the test of its attack fail
    Attacks(attacks::Arguments),
    /// Try hostile bytes on whatever reads them, as many as you like
    Fuzz(fuzz::Arguments),
    /// Let a network of real processes come through cuts, kills, freezes and partitions
    Storm(storm::Arguments),
    /// Measure over loopback, beside bare tokio and rustls doing the same work
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Ci => ci::run(),
        Task::Tidy(arguments) => tidy::run(&arguments),
        Task::Sim(arguments) => sim::run(&arguments),
        Task::Attacks(arguments) => attacks::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Storm(arguments) => storm::run(&arguments),
        Task::Bench(arguments) => bench::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

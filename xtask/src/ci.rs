//! The one command: everything that a change must pass, in the order in which it fails soonest.
//!
//! Every build step takes the same packages with the same features, so that they share what they
//! build. The tests come last and nothing is printed after them: whoever reads only the end of a
//! log reads how many tests passed. It needs cargo only; `cargo deny` is run where it is installed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::shell::{self, cargo};
use crate::tidy;

/// What every build step builds.
const EVERYTHING: [&str; 2] = ["--workspace", "--all-features"];
/// An example that takes longer than this hangs.
const EXAMPLE_TIME: Duration = Duration::from_secs(60);

struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: [Step; 8] = [
    Step { name: "format", run: format },
    Step { name: "tidy", run: tidy::check },
    Step { name: "clippy", run: clippy },
    Step { name: "docs", run: docs },
    Step { name: "examples", run: examples },
    Step { name: "deny", run: deny },
    Step { name: "doctests", run: doctests },
    Step { name: "tests", run: tests },
];

/// Runs all steps and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    for (number, step) in STEPS.iter().enumerate() {
        let place = format!("ci {}/{}", number + 1, STEPS.len());
        let so_far = start.elapsed().as_secs_f32();
        eprintln!("{place} {} (after {so_far:.1} s)", step.name);
        (step.run)().with_context(|| format!("{place} {} failed, ci stops here", step.name))?;
    }
    Ok(())
}

fn build_command(verb: &str, more: &[&str]) -> Result<Command> {
    let arguments = [&[verb, "--quiet"][..], &EVERYTHING, more].concat();
    let command = cargo(&arguments)?;
    eprintln!("  $ {}", shell::shown(&command));
    Ok(command)
}

fn format() -> Result<()> {
    shell::run(&mut cargo(&["fmt", "--all", "--check"])?)
}

fn clippy() -> Result<()> {
    shell::run(&mut build_command("clippy", &["--all-targets", "--", "-D", "warnings"])?)
}

fn docs() -> Result<()> {
    let mut command = build_command("doc", &["--no-deps"])?;
    shell::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn examples() -> Result<()> {
    shell::run(&mut build_command("build", &["--examples"])?)?;
    for name in example_names()? {
        let mut command = Command::new(built_examples()?.join(&name));
        eprintln!("  example {name}");
        command.current_dir(shell::root()?).stdin(Stdio::null()).stdout(Stdio::null());
        shell::run_within(EXAMPLE_TIME, &mut command)?;
    }
    Ok(())
}

/// Every example of `ltn`, by its file or folder.
fn example_names() -> Result<Vec<String>> {
    let folder = shell::root()?.join("crates/ltn/examples");
    let entries = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_example = path.extension().is_some_and(|end| end == "rs") || path.is_dir();
        if let Some(stem) = path.file_stem().filter(|_| is_example) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Where cargo puts examples: beside the folder that this very program was built into.
fn built_examples() -> Result<PathBuf> {
    let us = std::env::current_exe()?;
    let target = us.parent().and_then(|profile| profile.parent());
    Ok(target.context("cargo builds into target/<profile>")?.join("debug").join("examples"))
}

fn deny() -> Result<()> {
    let installed = cargo(&["deny", "--version"])?
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        eprintln!("  SKIPPED: cargo-deny is not installed; licences and advisories go unchecked");
        return Ok(());
    }
    shell::run(&mut cargo(&["deny", "check"])?)
}

fn doctests() -> Result<()> {
    shell::run(&mut build_command("test", &["--doc"])?)
}

fn tests() -> Result<()> {
    // Without the doctests, whose summaries may count nothing, and not verbose: what failed is
    // told in full anyway, and the summaries of all packages stand together at the end.
    let kinds = ["--lib", "--bins", "--tests", "--no-fail-fast"];
    shell::run(&mut build_command("test", &kinds)?)
}

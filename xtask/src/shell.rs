//! Running other programs from the root of the repository.
//!
//! It knows how to call cargo from inside cargo. It does not know what for.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often a program with a time limit is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// The root of the repository. Cargo says where this package is; it lies directly below.
pub(crate) fn root() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = Path::new(&here).parent().context("xtask lies below the root")?;
    Ok(root.to_owned())
}

/// A cargo command in the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()?).args(arguments);
    // What cargo tells us of this package would look to build scripts (ring's, for one) like a
    // change of their own surroundings, and they would build anew each time that we and a person
    // take turns.
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let about_us = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if about_us.iter().any(|start| name.starts_with(start)) {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// Runs to the end and fails if the program did.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{program}`"))?;
    anyhow::ensure!(status.success(), "`{program}` failed ({status})");
    Ok(())
}

/// As [`run`], but ends the program when its time is over.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    let program = shown(command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{program}`"))?;
    let Some(status) = wait_within(limit, &mut child)? else {
        child.kill()?;
        child.wait()?;
        anyhow::bail!("`{program}` did not end within {} s", limit.as_secs());
    };
    anyhow::ensure!(status.success(), "`{program}` failed ({status})");
    Ok(())
}

fn wait_within(limit: Duration, child: &mut Child) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(GLANCE);
    }
    Ok(None)
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let words = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

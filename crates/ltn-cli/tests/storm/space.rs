//! Network namespaces: made, entered by one thread, and taken away again.

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const PREFIX: &str = "ltn-storm-";
/// Where `ip netns` keeps them.
const NAMES: &str = "/run/netns";

/// A namespace with nothing but its own loopback.
#[derive(Debug)]
pub(crate) struct Space {
    name: String,
}

/// Are namespaces to be had here? Also takes away those that a killed run left behind.
pub(crate) fn can_be_had() -> Result<()> {
    sweep();
    Space::new("probe").map(drop)
}

fn sweep() {
    let Ok(names) = std::fs::read_dir(NAMES) else { return };
    for name in names.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let process = rest.split('-').next().unwrap_or_default();
        if !std::path::Path::new("/proc").join(process).exists() {
            // It may be gone meanwhile.
            let _ = ip(&["netns", "del", &name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::other(format!("ip {}: {said}", arguments.join(" "))))
}

impl Space {
    pub(crate) fn new(label: &str) -> Result<Self> {
        let name = format!("{PREFIX}{}-{label}", std::process::id());
        ip(&["netns", "add", &name])?;
        let space = Self { name };
        ip(&["-n", &space.name, "link", "set", "lo", "up"])?;
        space.enter_in_a_thread()?;
        Ok(space)
    }

    fn enter_in_a_thread(&self) -> Result<()> {
        let entered = std::thread::scope(|scope| scope.spawn(|| self.enter()).join());
        entered.map_err(|_| Error::other("entering it panicked"))?
    }

    /// Lets this thread live in the namespace from now on.
    pub(crate) fn enter(&self) -> Result<()> {
        let file = File::open(format!("{NAMES}/{}", self.name))?;
        Ok(move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?)
    }

    /// A command that runs inside.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }
}

impl Space {
    /// Takes its name away; the system keeps it until its last socket is gone.
    pub(crate) fn remove(&self) {
        // It may have been taken away already.
        let _ = ip(&["netns", "del", &self.name]);
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.remove();
    }
}

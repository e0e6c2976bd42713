//! The processes beside the one that is measured: the crowd, and another door for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinHandle;

use super::strangers;

fn this_program(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bench").args(arguments).stdout(Stdio::piped());
    Ok(command)
}

/// Sends a crowd; done when it is gone.
pub(super) fn send_crowd(to: SocketAddr) -> JoinHandle<Result<()>> {
    tokio::task::spawn_blocking(move || {
        let output = this_program(&["--crowd-to", &to.to_string()])?.output()?;
        ensure!(output.status.success(), "the crowd failed ({})", output.status);
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    })
}

/// The crowd, with one thread for all of it.
pub(crate) fn be_the_crowd(to: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let came = runtime.block_on(strangers::come(to));
    println!("{came}");
    Ok(())
}

/// A process that hangs up on whoever comes.
pub(super) struct OtherDoor {
    process: Child,
    address: SocketAddr,
}

impl OtherDoor {
    pub(super) fn open() -> Result<Self> {
        let mut process = this_program(&["--hang-up"])?.stdin(Stdio::piped()).spawn()?;
        let mut says = BufReader::new(process.stdout.take().context("it has an output")?);
        let mut line = String::new();
        says.read_line(&mut line)?;
        let address = line.trim().parse().context("it says where it listens")?;
        Ok(Self { process, address })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for OtherDoor {
    fn drop(&mut self) {
        // It ends by itself when its input does, so nothing is lost if this fails.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Hangs up on whoever comes, until its input ends.
pub(crate) fn hang_up() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            drop(stream);
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

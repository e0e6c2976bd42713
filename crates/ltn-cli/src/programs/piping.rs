//! A program behind a data socket: what the other node writes is its standard input, and what it
//! writes to its standard output goes back. One run for each connection.
//!
//! It runs as long as the connection does, whatever a file says of time-outs; only the number of
//! programs at one time holds here too.

use std::process::Stdio;
use std::sync::Arc;

use ltn::{DataSocket, DataStream, Node};
use tokio::io::{AsyncWriteExt, copy, split};

use super::{Process, Program, Runner, command_of};

impl Runner {
    /// Opens the data socket and runs the program for everybody who connects.
    pub(crate) async fn serve_socket(
        &self,
        node: &Node,
        socket: DataSocket,
        program: Program,
    ) -> Result<(), ltn::TalkError> {
        let (runner, of, program) = (self.clone(), node.clone(), Arc::new(program));
        let serve = move |stream: DataStream| {
            let (runner, of, program) = (runner.clone(), of.clone(), Arc::clone(&program));
            async move { runner.serve(&of, &program, stream).await }
        };
        node.new_data_socket(socket, serve).await.map(drop)
    }

    async fn serve(&self, node: &Node, program: &Program, stream: DataStream) {
        let Ok(_place) = self.places.try_acquire() else {
            return stream.abort("too many programs run there already");
        };
        let path = node.snapshot().await.map(|seen| seen.path.to_string());
        let mut command = command_of(program, &[]);
        command
            .env("LTN_CALLER", stream.peer().to_string())
            .env("LTN_NODE", path.unwrap_or_default())
            .stdin(Stdio::piped())
            .stderr(Stdio::null());
        match Process::start(&program.name, command) {
            Ok(process) => pipe(&program.name, process, stream).await,
            Err(_) => stream.abort(&format!("`{}` cannot be started", program.name)),
        }
    }
}

/// Until the program closes its output, or the other node gives up: then the program is killed with
/// all that it started.
async fn pipe(name: &str, mut process: Process, stream: DataStream) {
    let (Some(mut stdin), Some(mut stdout)) =
        (process.child.stdin.take(), process.child.stdout.take())
    else {
        return;
    };
    let (mut from, mut to) = split(stream);
    let ended = {
        let inward = async move {
            let copied = copy(&mut from, &mut stdin).await;
            // A program that reads no further has what it needs.
            let gone = copied.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe);
            drop(stdin);
            if !gone {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            copied = copy(&mut stdout, &mut to) => copied.is_ok(),
            () = inward => false,
        }
    };
    if !ended {
        tracing::info!(name, "the other end of a data socket has gone, and so goes the program");
        return;
    }
    match process.child.wait().await {
        Ok(status) => {
            process.ended = true;
            // Dropped without that, it has failed for the other end.
            if status.success() {
                let _ = to.shutdown().await;
            } else {
                tracing::info!(name, %status, "a program behind a data socket failed");
            }
        }
        Err(error) => tracing::warn!(name, %error, "a program cannot be waited for"),
    }
}

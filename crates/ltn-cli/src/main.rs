//! The program `ltn`: words in, text out, exit codes.
//!
//! What was typed is read by `args.rs`, understood by `settings.rs` and `network_file.rs`, done by
//! `commands/` through the library's public face, and told by `output.rs`. This file puts them in a
//! row and is the only one that knows exit codes:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | all of it was done |
//! | 1 | some of it was done, or it was tried and failed |
//! | 2 | nothing was done: refused, no way there, or asked for in the wrong way |
//! | 3 | nobody can tell |
//! | 78 | nothing was done: what is on disk cannot be trusted, and stays so until somebody looks |

mod args;
mod commands;
mod console;
mod editor;
mod logging;
mod network_file;
mod output;
mod programs;
mod settings;
mod trouble;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::Args;
use output::Output;
use trouble::{Ending, Trouble};

/// What still runs at the end gets this long.
const LAST_MOMENT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(asked) => return explain(&asked),
    };
    let output = Output::new(args.verb.wants_json());
    let is_a_server = args.verb.is_a_server();
    let mut ending = run(args).unwrap_or_else(|trouble| {
        output.trouble(&trouble);
        trouble.ending
    });
    // Whoever asked for something has not got all of it; a server is there to serve, not to print.
    if output::is_broken() && ending == Ending::All && !is_a_server {
        ending = Ending::Some;
    }
    exit_code(ending)
}

/// Prints help, the version, or what is wrong with the command line.
fn explain(asked: &clap::Error) -> ExitCode {
    match asked.print() {
        Ok(()) if !asked.use_stderr() => exit_code(Ending::All),
        Ok(()) => exit_code(Ending::Nothing),
        Err(_) => exit_code(Ending::Some),
    }
}

fn run(args: Args) -> Result<Ending, Trouble> {
    logging::start(args.verbose, args.log.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Trouble::failed(format!("the program cannot run here: {error}")))?;
    let ending = runtime.block_on(commands::perform(args.verb));
    runtime.shutdown_timeout(LAST_MOMENT);
    ending
}

fn exit_code(ending: Ending) -> ExitCode {
    ExitCode::from(match ending {
        Ending::All => 0,
        Ending::Some => 1,
        Ending::Nothing => 2,
        Ending::Unknown => 3,
        // `EX_CONFIG`: what starts programs anew after a failure knows that it need not try.
        Ending::Untrusted => 78,
    })
}

//! Where the program tells what happens inside: nowhere unless asked, then stderr or a file.

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;

use crate::trouble::Trouble;

/// Starts logging as the flags say.
///
/// Text from others was sanitised by those who log it, and the formatter escapes whatever could
/// steer a terminal once more. A log that cannot be written (a full disk, a pipe whose reader has
/// gone) must not stop a node, so its errors go nowhere.
pub(crate) fn start(verbose: u8, file: Option<&Path>) -> Result<(), Trouble> {
    let asked = match verbose {
        0 => LevelFilter::ERROR,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let started = match file {
        None => tracing_subscriber::fmt()
            .with_max_level(asked)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .log_internal_errors(false)
            .try_init(),
        Some(path) => {
            let file =
                OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
                    Trouble::usage(format!("--log {}: {error}", path.display()))
                })?;
            tracing_subscriber::fmt()
                // Whoever names a file wants something in it.
                .with_max_level(asked.max(LevelFilter::INFO))
                .with_ansi(false)
                .with_writer(Mutex::new(file))
                .log_internal_errors(false)
                .try_init()
        }
    };
    started.map_err(|error| Trouble::failed(format!("no log: {error}")))
}

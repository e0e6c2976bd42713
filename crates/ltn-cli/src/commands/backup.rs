//! `ltn backup` and `ltn restore`: a network in one sealed file, and back.
//!
//! The passphrase comes from the terminal or from a file, never from the command line, where every
//! user of the machine could read it.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;

use ltn::{Value, restore_network_at, seal_backup};

use crate::args::{RestoreArgs, SealArgs};
use crate::commands::members::in_secret;
use crate::commands::rights::line_in;
use crate::output::{Output, ask_secret};
use crate::settings;
use crate::trouble::{Ending, Trouble};

/// No backup is larger, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

pub(crate) async fn backup(args: &SealArgs) -> Result<Ending, Trouble> {
    let name = args.file.display();
    if args.file.exists() {
        return Err(Trouble::usage(format!("{name} is there already, and is not replaced")));
    }
    let passphrase = passphrase(args.passphrase_file.as_deref(), true)?;
    let order = ("s.backup", Vec::new());
    let (output, content) = in_secret(&args.visit, "ltn backup FILE", order).await?;
    let content = content.as_bytes().ok_or_else(|| Trouble::failed("there came no backup"))?;
    // Here, so that the passphrase goes nowhere.
    let sealed = seal_backup(content, &passphrase)
        .map_err(|error| Trouble::usage(format!("{error}; nothing was written")))?;
    write(&args.file, &sealed)
        .map_err(|error| Trouble::failed(format!("{name} cannot be written: {error}")))?;
    output.map(
        &Value::map([("file", Value::from(name.to_string()))]),
        &format!("The network is in {name}; without the passphrase it is of no use to anybody."),
    );
    Ok(Ending::All)
}

pub(crate) async fn restore(args: &RestoreArgs) -> Result<Ending, Trouble> {
    let name = args.file.display();
    let mut sealed = Vec::new();
    std::fs::File::open(&args.file)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut sealed))
        .map_err(|error| Trouble::usage(format!("{name} cannot be read: {error}")))?;
    let passphrase = passphrase(args.passphrase_file.as_deref(), false)?;
    let directory = settings::state_or_default(args.state.as_ref())?;
    let place = directory.clone();
    let restored =
        tokio::task::spawn_blocking(move || restore_network_at(&sealed, &passphrase, &place));
    let network =
        restored.await.map_err(|error| Trouble::failed(error.to_string()))?.map_err(|error| {
            match error {
                ltn::RestoreError::State(error) => Trouble::state(&error),
                other => Trouble::usage(format!("{name}: {other}")),
            }
        })?;
    let output = Output::words();
    let flags = args
        .state
        .as_ref()
        .map_or_else(String::new, |directory| format!(" --state {}", directory.display()));
    output.say(&format!("The network {network} is in {}.", directory.display()));
    output.say(&format!(
        "`ltn main{flags}` starts its main server. For the first minute it learns from its members \
         what was\nsigned after the backup, and signs nothing itself. The old one must not run any \
         more."
    ));
    Ok(Ending::All)
}

/// Only the owner may read it, and it is on the disk when this returns.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The passphrase in this file, or what a person types; a new one is typed twice.
fn passphrase(file: Option<&Path>, new: bool) -> Result<String, Trouble> {
    if let Some(file) = file {
        return line_in(file, "passphrase");
    }
    let file = "give it in a file that nobody else can read: --passphrase-file FILE";
    let ask = |question: &str| {
        ask_secret(question).map_err(|why| Trouble::unanswered(why, "a passphrase", file))
    };
    let typed = ask("Passphrase: ")?;
    if new && ask("The same again: ")? != typed {
        return Err(Trouble::usage("the two are not the same, so nothing was done"));
    }
    Ok(typed)
}

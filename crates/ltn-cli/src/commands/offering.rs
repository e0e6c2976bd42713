//! The requestables and commands of a network file, put on offer.
//!
//! This is where it is decided that programs may run: in the open mode every user of this machine
//! may ask for them, so the person who starts the network has to say that on the command line.

use std::path::{Path, PathBuf};

use ltn::{Node, TalkError};

use crate::args::UpArgs;
use crate::network_file::{OfferEntry, Offered, ProgramEntry};
use crate::programs::{Program, Runner};
use crate::trouble::Trouble;

/// How the offers of one network file are put up.
#[derive(Debug)]
pub(crate) struct Offering {
    /// The file, as it was typed.
    file: String,
    /// The folder it lies in, where its programs run.
    folder: PathBuf,
    programs: Programs,
    runner: Runner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Programs {
    Allowed,
    Unwanted,
}

impl Offering {
    pub(crate) fn new(args: &UpArgs) -> Result<Self, Trouble> {
        let file = args.file.display().to_string();
        let whole = std::path::absolute(&args.file)
            .map_err(|error| Trouble::failed(format!("{file} has no place: {error}")))?;
        let folder = whole.parent().map_or_else(PathBuf::new, PathBuf::from);
        let programs = if args.allow_programs { Programs::Allowed } else { Programs::Unwanted };
        Ok(Self { file, folder, programs, runner: Runner::default() })
    }

    /// The folder that the file lies in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Before anything starts: may the programs run, and are they there?
    pub(crate) fn check(&self, offers: &[OfferEntry]) -> Result<(), Trouble> {
        for offer in offers {
            let Some(entry) = offer.program() else { continue };
            if self.programs == Programs::Unwanted {
                return Err(self.trouble(
                    offer,
                    "runs a program, and in the open mode all users of this machine may ask for it",
                )
                .hint(format!("if that is wanted: `ltn up {} --allow-programs`", self.file)));
            }
            let executable = self.program(offer, entry).executable();
            // What is looked for in the PATH is found, or not, when it is needed.
            if executable.is_absolute() && !executable.is_file() {
                let what = format!("runs {}, and there is no such file", executable.display());
                return Err(self.trouble(offer, &what));
            }
            if executable.is_absolute() && !may_run(&executable) {
                let shown = executable.display();
                let what = format!("runs {shown}, and that file is not executable");
                return Err(self.trouble(offer, &what).hint(format!("`chmod +x {shown}`")));
            }
        }
        Ok(())
    }

    /// Offers all of these at this node.
    pub(crate) async fn put_up(&self, node: &Node, offers: &[OfferEntry]) -> Result<(), Trouble> {
        for offer in offers {
            let offered = match &offer.offered {
                Offered::Value(value) => node.offer(&offer.name, value.clone()).await,
                Offered::Requestable(entry) => {
                    self.runner.answer_with(node, self.program(offer, entry)).await
                }
                Offered::Command(spec, entry) => {
                    let program = self.program(offer, entry);
                    self.runner.command_with(node, spec.clone(), program).await
                }
                Offered::DataSocket(socket, entry) => {
                    let program = self.program(offer, entry);
                    self.runner.serve_socket(node, socket.clone(), program).await
                }
                Offered::Service(interval, entry) => {
                    let program = self.program(offer, entry);
                    self.runner.serve_often(node, *interval, program).await
                }
            };
            offered.map_err(|error| self.not_offered(offer, &error))?;
        }
        Ok(())
    }

    fn program(&self, offer: &OfferEntry, entry: &ProgramEntry) -> Program {
        Program {
            name: offer.name.clone(),
            command: entry.command.clone(),
            folder: self.folder.clone(),
            output: entry.output,
            timeout: entry.timeout,
        }
    }

    fn not_offered(&self, offer: &OfferEntry, error: &TalkError) -> Trouble {
        self.trouble(offer, &format!("cannot be offered: {error}"))
    }

    fn trouble(&self, offer: &OfferEntry, what: &str) -> Trouble {
        Trouble::usage(format!("{}:{}: {} {what}", self.file, offer.line, offer.shown()))
    }
}

/// May the system run this file?
#[cfg(unix)]
fn may_run(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|known| known.permissions().mode() & 0o111 != 0)
}

/// May the system run this file?
#[cfg(not(unix))]
fn may_run(_file: &Path) -> bool {
    // There it is the name that decides, at the start.
    true
}

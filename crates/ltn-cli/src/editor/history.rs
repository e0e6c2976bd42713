//! What was typed before, in a file that only its owner can read.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::Lines;

/// So many lines are remembered.
pub(super) const LINES_MAX: usize = 1_000;

/// The file, if there is a place for it. What goes wrong with it is logged, once: a console works
/// without a history.
#[derive(Debug)]
pub(super) struct HistoryFile(Option<PathBuf>);

impl HistoryFile {
    /// Below the state directory of the XDG standard.
    pub(super) fn find() -> Self {
        let absolute = |variable: &str| {
            std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let state = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local").join("state")));
        Self(state.map(|state| state.join("ltn").join("console-history")))
    }

    /// Reads it, and makes it where there is none.
    pub(super) fn load(&mut self, lines: &mut Lines) {
        self.attempt(|path| {
            prepare(path)?;
            lines.load_history(path).map_err(io::Error::other)
        });
    }

    /// Adds what was remembered since.
    pub(super) fn append(&mut self, lines: &mut Lines) {
        self.attempt(|path| lines.append_history(path).map_err(io::Error::other));
    }

    fn attempt(&mut self, step: impl FnOnce(&Path) -> io::Result<()>) {
        let Some(path) = &self.0 else { return };
        if let Err(error) = step(path) {
            tracing::warn!(path = %path.display(), %error, "no history is kept");
            self.0 = None;
        }
    }
}

/// Makes the file if there is none, for its owner alone; one that others can read is closed to
/// them.
fn prepare(path: &Path) -> io::Result<()> {
    let mut directory = DirBuilder::new();
    directory.recursive(true);
    let mut file = OpenOptions::new();
    file.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        directory.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent() {
        directory.create(parent)?;
    }
    let file = file.open(path)?;
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::Error::other("this is no file"));
    }
    #[cfg(unix)]
    {
        use std::fs::Permissions;
        use std::os::unix::fs::PermissionsExt;
        if facts.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

//! The event log as files: one JSON object per line, a new file when the old one is large.
//!
//! This is the only file of this crate that knows JSON, and the only one that writes to a disk. It
//! does its work at once and in place: who calls it sees to it that nobody waits meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::notice::{Notice, time_in_words};

/// How large a log file may become before a new one is begun, unless said.
pub(crate) const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Older files that are kept beside the newest: `log.1`, the youngest of them, to `log.3`.
const OLDER_FILES: u32 = 3;
/// A name in the log directory, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Names that are devices on Windows, whatever follows behind a dot.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// A log that is written on and on.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl LogFile {
    /// Goes on behind what is in this file, or begins it.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = readable_by_owner().append(true).create(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, bytes_max })
    }

    /// Writes these, each on a line of its own. After an error the next ones are tried anew.
    pub(crate) fn write(&mut self, notices: &[Notice]) -> io::Result<()> {
        let mut text = String::new();
        for notice in notices {
            let line = json(notice);
            let together = self.bytes + (text.len() + line.len()) as u64;
            if together > self.bytes_max && self.bytes + text.len() as u64 > 0 {
                self.append(&std::mem::take(&mut text))?;
                self.begin_anew()?;
            }
            text += &line;
        }
        self.append(&text)
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// The file becomes the first of the older ones, and the oldest goes.
    fn begin_anew(&mut self) -> io::Result<()> {
        for number in (1..OLDER_FILES).rev() {
            // There may be none of this number yet.
            let _ = std::fs::rename(self.older(number), self.older(number + 1));
        }
        std::fs::rename(&self.path, self.older(1))?;
        self.file = readable_by_owner().append(true).create(true).open(&self.path)?;
        self.bytes = 0;
        Ok(())
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

/// Writes all of these into a new file of this name; one that is there already stays as it is.
pub(crate) fn store(directory: &Path, name: &str, notices: &[Notice]) -> Result<(), String> {
    check_name(name)?;
    let new = readable_by_owner().write(true).create_new(true).open(directory.join(name));
    let mut file = new.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("there is a file called {name} already; give another name")
        }
        _ => format!("{name} cannot be written: {error}"),
    })?;
    let text: String = notices.iter().map(json).collect();
    file.write_all(text.as_bytes()).map_err(|error| format!("{name} is not complete: {error}"))
}

/// A name is a name, on every system: it leads nowhere and means nothing but a file.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = stem.strip_prefix("COM").or(stem.strip_prefix("LPT"));
    let is_device = DEVICES.contains(&stem.as_str())
        || numbered.is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()));
    let is_odd = name.starts_with(['.', '-']) || name.ends_with('.') || name.contains("..");
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_plain);
    if fits && !is_device && !is_odd {
        return Ok(());
    }
    Err(format!(
        "a log is stored by name, not by path: 1 to {NAME_BYTES_MAX} letters, digits, `_`, `-` and \
         single dots between"
    ))
}

/// Who may read what others wrote here is for the owner to say.
fn readable_by_owner() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// One line, its fields in the order in which people read them.
fn json(notice: &Notice) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let from =
        notice.from.as_deref().map_or(String::new(), |from| format!(",\"from\":{}", text(from)));
    format!(
        "{{\"time\":\"{}\",\"number\":{},\"kind\":\"{}\"{from},\"text\":{}}}\n",
        time_in_words(notice.time),
        notice.number,
        notice.kind,
        text(&notice.text)
    )
}

#[cfg(test)]
mod tests;

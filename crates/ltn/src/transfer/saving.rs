//! A transfer that becomes a file, in a folder that the receiving program has chosen.
//!
//! Of what the sender says only a file name is left: it never leads out of the folder and never
//! replaces what is there. A file that has its name is whole; until then it ends with `.part`.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File, OpenOptions};

use super::{IncomingTransfer, Receipt};
use crate::error::TransferError;

/// What a file is called whose sender gave it no name that can be used.
const UNNAMED: &str = "unnamed";
/// So many files of one name are numbered; a further one is refused.
const NUMBERED_MAX: u32 = 1_000;
/// File systems take names of 255 bytes; the number and `.part` need some of them.
const NAME_BYTES_MAX: usize = 200;

impl IncomingTransfer {
    /// Takes all of it into a new file in this folder, under the name that the sender proposes as
    /// far as it is safe; if that name is taken, under `name (2)`, `name (3)`, ….
    ///
    /// # Errors
    /// See [`Self::write_to`]; nothing is left in the folder then.
    pub async fn save_in(
        self,
        folder: &Path,
        bytes_max: u64,
    ) -> Result<(PathBuf, Receipt), TransferError> {
        let name = safe_name(self.name().unwrap_or_default());
        let created = create(folder, &format!("{name}.part")).await;
        let (part, mut file) = match created {
            Ok(created) => created,
            Err(error) => {
                let error = TransferError::writer(error);
                self.refuse(&error.to_string()).await;
                return Err(error);
            }
        };
        let mut saved = folder.join(&name);
        let settle = async |file: &mut File| {
            file.sync_all().await?;
            // The name is taken first and then filled, so that nothing that is there is replaced.
            saved = create(folder, &name).await?.0;
            fs::rename(&part, &saved).await
        };
        let taken = self.write_and_settle(&mut file, bytes_max, settle).await;
        if taken.is_err() {
            // It may have its name already; if it cannot be removed it still ends with `.part`.
            let _ = fs::remove_file(&part).await;
        }
        Ok((saved, taken?))
    }
}

/// A new file of this name, or of the next numbered one.
async fn create(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    for number in 1..=NUMBERED_MAX {
        let path = folder.join(numbered(name, number));
        // Follows no link and opens nothing that exists.
        match OpenOptions::new().write(true).create_new(true).open(&path).await {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let text = format!("there are {NUMBERED_MAX} files of this name already");
    Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
}

fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.to_owned();
    }
    match name.split_once('.') {
        Some((stem, rest)) if !stem.is_empty() => format!("{stem} ({number}).{rest}"),
        _ => format!("{name} ({number})"),
    }
}

/// One name in a folder, on any system: no separators, nothing hidden, nothing special.
fn safe_name(proposed: &str) -> String {
    let tame = |c: char| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let name: String = proposed.chars().map(tame).collect();
    let name = name.trim_start_matches(['.', ' ']);
    let name = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
    let name = name.trim_end_matches(['.', ' ']);
    if name.is_empty() { UNNAMED.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder_or_hides() {
        for (proposed, safe) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("/etc/passwd", "_etc_passwd"),
            ("C:\\temp\\x", "C__temp_x"),
            (".bashrc", "bashrc"),
            ("..", UNNAMED),
            ("", UNNAMED),
            (" . ", UNNAMED),
            ("a\u{0}b\n", "a_b_"),
            ("Grüße.txt", "Grüße.txt"),
        ] {
            assert_eq!(safe_name(proposed), safe, "{proposed:?}");
        }
        assert!(safe_name(&"ü".repeat(400)).len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn a_taken_name_is_numbered_before_its_endings() {
        assert_eq!(numbered("a.tar.gz", 2), "a (2).tar.gz");
        assert_eq!(numbered("a", 3), "a (3)");
        assert_eq!(numbered("a.txt.part", 2), "a (2).txt.part");
    }
}

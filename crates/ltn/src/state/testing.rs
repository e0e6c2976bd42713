//! Directories for tests, gone when the test is over.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// An empty directory of its own.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ltn-state-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // It may be left from a process of this number that was killed.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is in the system's own place for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a directory as it stands at this moment.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // A file that was renamed meanwhile is there under its other name.
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = fs::copy(entry.path(), to.join(entry.file_name()));
        }
    }
}

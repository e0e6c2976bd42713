//! The files of the repository, read once.
//!
//! It knows which folders are not ours. It does not know any rule.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::code;

/// Folders that hold nothing of ours, wherever they lie.
const FOREIGN: [&str; 3] = [".git", "target", "node_modules"];

/// A text file of the repository.
#[derive(Debug)]
pub(super) struct File {
    /// Its path from the root, with `/`.
    pub(super) path: String,
    /// What it says.
    pub(super) text: String,
    /// For Rust: the text without comments and without what strings hold. Else empty.
    pub(super) code: String,
}

/// All text files of the repository, by path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

impl File {
    fn new(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { code::only(&text) } else { String::new() };
        Self { path, text, code }
    }

    /// A problem in this file; `line` counts from 0, as enumerations do.
    pub(super) fn problem(&self, line: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, line + 1)
    }

    /// The lines of the code, numbered from 0.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate()
    }
}

impl Tree {
    /// Reads all text below `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, inside: &str) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{inside}{name}");
            if entry.file_type()?.is_dir() {
                if !FOREIGN.contains(&name.as_str()) {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                // What is not UTF-8 is no text of ours: pictures and the like.
                self.files.push(File::new(path, text));
            }
        }
        Ok(())
    }

    /// The file at this path.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files whose path starts like this.
    pub(super) fn rust(&self, start: &str) -> impl Iterator<Item = &File> {
        let is_ours = move |file: &&File| file.path.starts_with(start);
        self.files.iter().filter(|file| file.path.ends_with(".rs")).filter(is_ours)
    }

    /// A repository of these files, for tests of the rules.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File::new((*path).to_owned(), (*text).to_owned());
        Self { files: files.iter().map(file).collect() }
    }
}

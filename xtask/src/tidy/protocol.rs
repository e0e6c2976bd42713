//! The page of the wire and the code of the wire change together.
//!
//! The page carries a hash of the code that it describes; whoever changes that code reads the page,
//! corrects it, and has the new hash written. It compares; it cannot tell whether the page is
//! right.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::tree::{File, Tree};

/// The page.
const PAGE: &str = "docs/protocol.md";
/// What stands around the hash, in a comment that no reader sees.
const BEFORE: &str = "<!-- describes frame.rs and codec.rs as of ";
const AFTER: &str = " -->";
/// The code that it describes, as files or folders.
const CODE: [&str; 2] = ["crates/ltn-proto/src/frame", "crates/ltn-proto/src/codec"];

/// The page describes the frames as they are.
pub(super) fn page_matches_code(tree: &Tree) -> Vec<String> {
    let Some(page) = tree.file(PAGE) else {
        return vec![format!("{PAGE}: missing; it describes the wire byte by byte")];
    };
    let hash = hash(tree);
    match noted(&page.text) {
        Some(noted) if noted == hash => vec![],
        Some(noted) => vec![format!(
            "{PAGE}: frame.rs or codec.rs changed ({noted} is {hash} by now): correct the page, \
             then `cargo xtask tidy --update-protocol-hash`"
        )],
        None => vec![format!(
            "{PAGE}: does not say which frames it describes: `cargo xtask tidy \
             --update-protocol-hash`"
        )],
    }
}

/// Writes into the page that it describes the code as it is.
pub(super) fn note_hash(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let page = tree.file(PAGE).with_context(|| format!("there is no {PAGE}"))?;
    fs::write(root.join(PAGE), with_hash(&page.text, &hash(&tree)))?;
    Ok(())
}

fn is_described(file: &&File) -> bool {
    let end = |start| file.path.strip_prefix(start);
    CODE.iter().filter_map(end).any(|end| end == ".rs" || end.starts_with('/'))
}

/// The first half of a SHA-256, in 16 digits, whatever line ends the files were checked out with.
fn hash(tree: &Tree) -> String {
    let mut hasher = Sha256::new();
    for file in tree.rust("").filter(is_described) {
        hasher.update(&file.path);
        hasher.update(file.text.replace("\r\n", "\n"));
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn noted(page: &str) -> Option<&str> {
    page.split_once(BEFORE)?.1.split_once(AFTER).map(|(hash, _)| hash)
}

fn with_hash(page: &str, hash: &str) -> String {
    match page.split_once(BEFORE).and_then(|(head, tail)| Some((head, tail.split_once(AFTER)?.1))) {
        Some((head, tail)) => format!("{head}{BEFORE}{hash}{AFTER}{tail}"),
        None => format!("{}\n\n{BEFORE}{hash}{AFTER}\n", page.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_behind_is_found() {
        let tree = |code: &str, page: &str| {
            Tree::of(&[("crates/ltn-proto/src/frame.rs", code), (PAGE, page)])
        };
        assert_eq!(page_matches_code(&tree("a", "# The wire\n")).len(), 1);
        let page = with_hash("# The wire\n", &hash(&tree("a", "")));
        assert_eq!(page_matches_code(&tree("a", &page)).len(), 0);
        assert_eq!(page_matches_code(&tree("b", &page)).len(), 1);
        let page = with_hash(&page, &hash(&tree("b", "")));
        assert_eq!(page_matches_code(&tree("b", &page)).len(), 0);
        assert_eq!(page.matches(BEFORE).count(), 1);
    }

    #[test]
    fn only_the_wire_counts() {
        let wire = ("crates/ltn-proto/src/codec/parts.rs", "a");
        let with = hash(&Tree::of(&[wire, ("crates/ltn-proto/src/frames.rs", "b")]));
        assert_eq!(with, hash(&Tree::of(&[wire])));
        assert_ne!(with, hash(&Tree::of(&[])));
        assert_eq!(with.len(), 16);
    }
}

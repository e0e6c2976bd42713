//! What must not be left behind: unfinished code, sleeping tests, the paths of somebody's machine.

use super::code::mentions;
use super::tree::Tree;

/// In code: what stands for something that is not there.
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "#[ignore"];
/// In any text. Put together here, so that this file does not find itself.
const MARK: &str = concat!("FIX", "ME");
/// Where people's homes are on the systems that we know.
const HOMES: [&str; 3] =
    [concat!("/", "home/"), concat!("/", "Users/"), concat!("C:", "\\Users\\")];

/// Nothing is left for later without being written down as such elsewhere.
pub(super) fn nothing_unfinished(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in &tree.files {
        for (number, line) in file.code_lines() {
            for word in UNFINISHED.iter().filter(|word| mentions(line, word)) {
                problems.push(file.problem(number, &format!("`{word}` is no code")));
            }
        }
        for (number, line) in file.text.lines().enumerate() {
            if mentions(line, MARK) {
                problems.push(file.problem(number, &format!("{MARK}: then do it")));
            }
        }
    }
    problems
}

/// No file knows whose machine it was written on.
pub(super) fn no_private_paths(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in &tree.files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(home) = HOMES.iter().find(|home| starts_a_path(line, home)) {
                let what = format!("`{home}…` is on somebody's machine: write `~/…`");
                problems.push(file.problem(number, &what));
            }
        }
    }
    problems
}

/// Does a path start like this here, and not just go on like this (as in a web address)?
fn starts_a_path(line: &str, home: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "._-~".contains(c);
    line.match_indices(home).any(|(at, _)| !line[..at].chars().next_back().is_some_and(goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfinished_is_found() {
        let code = "fn a() { todo!() }\n// A todo! in a comment is a word.\n#[ignore]\nfn b() {}";
        let tree = Tree::of(&[("a.rs", code), ("b.md", &format!("{MARK} soon"))]);
        assert_eq!(nothing_unfinished(&tree).len(), 3);
    }

    #[test]
    fn homes_are_found() {
        let home = format!("see {}ada/x", HOMES[0]);
        let web = format!("see example.org{}x", HOMES[0]);
        assert_eq!(no_private_paths(&Tree::of(&[("a.md", &home), ("b.md", &web)])).len(), 1);
    }
}

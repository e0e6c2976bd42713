//! How long things may be, so that they can be read at one sitting.

use super::code::functions;
use super::tree::Tree;

/// The lines of a function's body, without blank ones and comments.
const FUNCTION_LINES_MAX: usize = 70;
/// The lines of a file, all counted.
const FILE_LINES_MAX: usize = 500;
/// The characters of a line.
const COLUMNS_MAX: usize = 100;

/// Functions fit on a screen, those in tests too.
pub(super) fn functions_are_short(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.rust("") {
        for (line, name, length) in functions(&file.code) {
            if length > FUNCTION_LINES_MAX {
                let what = format!("`{name}` has {length} lines, {FUNCTION_LINES_MAX} are enough");
                problems.push(file.problem(line, &what));
            }
        }
    }
    problems
}

/// Files fit in a head, and lines on half a screen.
pub(super) fn files_are_short_and_narrow(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.rust("") {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            let what = format!("the file has {lines} lines, {FILE_LINES_MAX} are enough");
            problems.push(file.problem(FILE_LINES_MAX, &what));
        }
        for (number, line) in file.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                let what = format!("{columns} columns, {COLUMNS_MAX} are enough");
                problems.push(file.problem(number, &what));
            }
        }
    }
    problems
}

/// Every source file opens with what it is for.
pub(super) fn files_say_what_they_are(tree: &Tree) -> Vec<String> {
    let is_source = |path: &str| path.starts_with("crates/") && path.contains("/src/");
    tree.rust("")
        .filter(|file| is_source(&file.path) || file.path.starts_with("xtask/src/"))
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.problem(0, "open with `//!`: what it is for, what it does not know"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_found() {
        let body = "    a();\n".repeat(71);
        let long = format!("//! Doc.\nfn long() {{\n{body}}}\nfn short() {{}}\n");
        let tree = Tree::of(&[("a.rs", &long), ("b.rs", &"x\n".repeat(501))]);
        assert_eq!(functions_are_short(&tree), ["a.rs:2: `long` has 71 lines, 70 are enough"]);
        let problems = files_are_short_and_narrow(&tree);
        assert_eq!(problems, ["b.rs:501: the file has 501 lines, 500 are enough"]);
    }

    #[test]
    fn what_is_too_wide_is_found() {
        let tree = Tree::of(&[("a.rs", &format!("{}\n{}", "ä".repeat(100), "ä".repeat(101)))]);
        assert_eq!(files_are_short_and_narrow(&tree), ["a.rs:2: 101 columns, 100 are enough"]);
    }

    #[test]
    fn files_without_a_word_are_found() {
        let files = [("crates/x/src/a.rs", "use b;"), ("crates/x/tests/it/a.rs", "use b;")];
        assert_eq!(files_say_what_they_are(&Tree::of(&files)).len(), 1);
    }
}

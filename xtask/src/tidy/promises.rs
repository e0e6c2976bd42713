//! What the documents promise: invariants with the tests that hold them, and news told.

use super::code::mentions;
use super::tree::Tree;
use crate::attacks;

/// The page of the invariants.
const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// The pages, and the folder of pages, for people who come from another system.
const COMING_FROM: &str = "docs/coming-from";
/// How an invariant names its test or tests: "(test: `name`)" or "(tests: `one`, `two`)".
const MARKS: [&str; 2] = ["(test: ", "(tests: "];

/// Every test that an invariant names exists, so that no invariant is only a wish.
pub(super) fn invariants_have_tests(tree: &Tree) -> Vec<String> {
    let Some(page) = tree.file(ARCHITECTURE) else {
        return vec![format!("{ARCHITECTURE}: missing; it lists the invariants and their tests")];
    };
    let mut problems = Vec::new();
    let mut named = 0;
    for (number, line) in page.text.lines().enumerate() {
        for test in tests_named(line) {
            named += 1;
            let function = format!("fn {test}");
            if !tree.rust("").any(|file| mentions(&file.code, &function)) {
                problems.push(page.problem(number, &format!("there is no test `{test}`")));
            }
        }
    }
    if named == 0 {
        problems.push(page.problem(0, "no invariant names its test as *(test: `name`)*"));
    }
    problems
}

fn tests_named(line: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for mark in MARKS {
        for (at, _) in line.match_indices(mark) {
            let list = &line[at + mark.len()..];
            let list = &list[..list.find(')').unwrap_or(list.len())];
            names.extend(list.split('`').skip(1).step_by(2));
        }
    }
    names
}

/// Every test named on the pages for people who come from elsewhere exists: what is in backticks in
/// the last column of a table, if that is its column of tests.
pub(super) fn rows_have_tests(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for page in tree.files.iter().filter(|file| file.path.starts_with(COMING_FROM)) {
        let mut names_tests = false;
        for (number, line) in page.text.lines().enumerate() {
            let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
                names_tests = false;
                continue;
            };
            let last = cells.rsplit('|').next().unwrap_or_default();
            names_tests |= last.trim() == "test";
            let tests = last.split('`').skip(1).step_by(2).filter(|_| names_tests);
            for test in tests {
                let function = format!("fn {test}");
                if !tree.rust("").any(|file| mentions(&file.code, &function)) {
                    problems.push(page.problem(number, &format!("there is no test `{test}`")));
                }
            }
        }
    }
    problems
}

/// Every attack on the list has its test, and says of a defence that stands where it says.
pub(super) fn attacks_have_tests(tree: &Tree) -> Vec<String> {
    let Some(list) = tree.file(attacks::LIST) else { return Vec::new() };
    let attacks = match attacks::read(&list.text) {
        Ok(attacks) => attacks,
        Err(error) => return vec![format!("{error:#}")],
    };
    let mut problems = Vec::new();
    for attack in attacks {
        let what = &attack.what;
        for test in attack.mutant.iter().chain([&attack.test]) {
            let function = format!("fn {test}");
            if !tree.rust("").any(|file| mentions(&file.code, &function)) {
                problems.push(format!("{}: {what}: there is no test `{test}`", list.path));
            }
        }
        for change in &attack.without {
            let file = tree.file(&change.file).map_or("", |file| file.text.as_str());
            let found = file.matches(&change.find).count();
            if found != 1 {
                let text = format!("its defence stands {found} times in {}", change.file);
                problems.push(format!("{}: {what}: {text}", list.path));
            }
        }
        if attack.without.is_empty() && attack.mutant.is_none() {
            problems.push(format!("{}: {what}: nothing shows that it helps", list.path));
        }
    }
    problems
}

/// The change log has a place where a change says what it brings.
pub(super) fn changelog_has_a_place_for_news(tree: &Tree) -> Vec<String> {
    let heading = "## [Unreleased]";
    let has_it = tree
        .file("CHANGELOG.md")
        .is_some_and(|page| page.text.lines().any(|line| line.starts_with(heading)));
    if has_it { vec![] } else { vec![format!("CHANGELOG.md: needs a section `{heading}`")] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invariant_without_its_test_is_found() {
        let page = "1. No cycle. *(test: `cycles_are_refused`)*\n\
                    2. Same seed. *(tests: `same_seed`, `missing`)*\n";
        let code = "fn cycles_are_refused() {}\nfn same_seed() {}\n// fn missing() {}";
        let tree = Tree::of(&[("ARCHITECTURE.md", page), ("tests/a.rs", code)]);
        assert_eq!(invariants_have_tests(&tree), ["ARCHITECTURE.md:2: there is no test `missing`"]);
    }

    #[test]
    fn a_page_without_tests_is_found() {
        assert_eq!(invariants_have_tests(&Tree::of(&[("ARCHITECTURE.md", "# Words")])).len(), 1);
        assert_eq!(invariants_have_tests(&Tree::of(&[])).len(), 1);
    }

    #[test]
    fn a_row_without_its_test_is_found() {
        let page = "| there | here |\n|---|---|\n| a | `no_test` |\n\n\
                    | there | test |\n|---|---|\n| a | `rows_hold` |\n| b | `gone` |\n";
        let code = "fn rows_hold() {}";
        let tree = Tree::of(&[("docs/coming-from/tests.md", page), ("tests/a.rs", code)]);
        assert_eq!(
            rows_have_tests(&tree),
            ["docs/coming-from/tests.md:8: there is no test `gone`"]
        );
    }

    #[test]
    fn an_attack_without_its_test_or_its_defence_is_found() {
        let list = "[[attack]]\nwhat = 'a'\ntest = 'gone'\nmutant = 'there'\n\
                    [[attack]]\nwhat = 'b'\ntest = 'there'\n\
                    [[attack.without]]\nfile = 'a.rs'\nfind = 'if'\n\
                    replace = ''\n\
                    [[attack]]\nwhat = 'c'\ntest = 'there'\n";
        let tree = Tree::of(&[("xtask/attacks.toml", list), ("a.rs", "fn there() {}")]);
        assert_eq!(
            attacks_have_tests(&tree),
            [
                "xtask/attacks.toml: a: there is no test `gone`",
                "xtask/attacks.toml: b: its defence stands 0 times in a.rs",
                "xtask/attacks.toml: c: nothing shows that it helps",
            ]
        );
    }

    #[test]
    fn a_change_log_without_news_is_found() {
        let with = Tree::of(&[("CHANGELOG.md", "# Changes\n\n## [Unreleased]\n")]);
        let without = Tree::of(&[("CHANGELOG.md", "# Changes\n\n## [1.0.0]\n")]);
        assert_eq!(changelog_has_a_place_for_news(&with).len(), 0);
        assert_eq!(changelog_has_a_place_for_news(&without).len(), 1);
    }
}

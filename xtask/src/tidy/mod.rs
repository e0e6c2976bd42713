//! What no other tool checks: floors, budgets, invariants and the pages that must keep up with the
//! code. Runs as `cargo xtask tidy`, as a step of `cargo xtask ci` and as a test.
//!
//! Each rule is one function from the files to a list of problems; a problem is one line that says
//! where, what, and what to do.

mod budgets;
mod code;
mod floors;
mod leftovers;
mod promises;
mod protocol;
mod tree;

use anyhow::Result;

use crate::shell;
use tree::Tree;

/// What can be said about tidying.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Note in docs/protocol.md that it describes the frames as they are; read it first
    #[arg(long)]
    update_protocol_hash: bool,
}

/// `cargo xtask tidy`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.update_protocol_hash {
        protocol::note_hash(&shell::root()?)?;
    }
    check()?;
    println!("tidy");
    Ok(())
}

/// Fails with every problem of the repository.
pub(crate) fn check() -> Result<()> {
    let tree = Tree::read(&shell::root()?)?;
    let problems = problems(&tree);
    anyhow::ensure!(problems.is_empty(), "{} to tidy up:\n{}", problems.len(), problems.join("\n"));
    Ok(())
}

fn problems(tree: &Tree) -> Vec<String> {
    let rules = [
        floors::mind_is_pure,
        floors::rooms_stay_apart,
        floors::one_place_for_each_tool,
        budgets::functions_are_short,
        budgets::files_are_short_and_narrow,
        budgets::files_say_what_they_are,
        promises::invariants_have_tests,
        promises::rows_have_tests,
        promises::attacks_have_tests,
        promises::changelog_has_a_place_for_news,
        protocol::page_matches_code,
        leftovers::nothing_unfinished,
        leftovers::no_private_paths,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        if let Err(problems) = super::check() {
            panic!("{problems}");
        }
    }
}

//! Concurrent moves, exhaustively: every order in which what was said can arrive, in which links
//! can break, in which grants can come late or twice, and in which the root can restart.
//!
//! Six servers, up to three moves. The book of edges is the real one (`edges.rs`); what a server
//! does on its links is written down in `steps.rs` after the joining rules, with fewer checks than
//! they have. `search.rs` walks through the states; this file says which trees, which moves and
//! which mishaps, and that a broken root is found out.
//!
//! `LTN_MOVES=all` searches all sets with more mishaps, for hours; `LTN_SIM_SEEDS` below a thousand
//! shortens this search, too.

mod search;
mod sets;
mod state;
mod steps;

use ltn_proto::sim::Mutant;

use self::search::{Findings, check};
use self::sets::{Moves, Tree, could_close_a_cycle, sets};
use self::state::Left;

/// A chain of four with a single one beside it.
const DEEP: Tree = [0, 0, 1, 2, 3];
/// A branch with two below its top, and one with one.
const TWIN: Tree = [0, 0, 1, 2, 1];
/// Two branches of two, and a single one beside them.
const PAIRS: Tree = [0, 0, 0, 1, 2];
/// Everybody below the root.
const FLAT: Tree = [0, 0, 0, 0, 0];

const NOTHING: Left = Left { aborts: 0, duplicates: 0, restarts: 0 };
const ABORT: Left = Left { aborts: 1, ..NOTHING };
const TWICE: Left = Left { duplicates: 1, ..NOTHING };
const RESTART: Left = Left { restarts: 1, ..NOTHING };

/// Is the long search asked for?
fn all_of_it() -> bool {
    std::env::var("LTN_MOVES").is_ok_and(|wanted| wanted == "all")
}

/// Is everything that is random or long to be short, as in builds that are not optimised?
fn in_short() -> bool {
    let seeds = std::env::var("LTN_SIM_SEEDS").ok().and_then(|seeds| seeds.parse::<u64>().ok());
    seeds.is_some_and(|seeds| seeds < 1_000)
}

/// Every so-many-eth set; all of them if the long search is asked for, one if the short one is.
fn some(sets: Vec<Moves>, every: usize) -> Vec<Moves> {
    let step = match every {
        _ if all_of_it() => 1,
        _ if in_short() => sets.len().max(1),
        every => every,
    };
    sets.into_iter().step_by(step).collect()
}

#[expect(clippy::print_stdout, reason = "the counts are for the reader of the test's output")]
fn all_is_well(name: &str, tree: Tree, sets: &[Moves], left: Left) {
    let Findings { states, broken } = check(tree, sets, left, None);
    println!("{name}: {} sets, {states} states, {left:?}", sets.len());
    assert_eq!(broken, None, "{name}");
    assert!(states > sets.len() as u64, "{name}: nothing was searched");
}

const TREES: [(&str, Tree); 4] = [("deep", DEEP), ("twin", TWIN), ("pairs", PAIRS), ("flat", FLAT)];

#[test]
fn two_moves_in_any_order_close_no_cycle_and_end() {
    for (name, tree) in TREES {
        all_is_well(name, tree, &sets(tree, 2, false), NOTHING);
    }
}

#[test]
fn three_moves_in_any_order_close_no_cycle_and_end() {
    for (name, tree) in TREES {
        all_is_well(name, tree, &some(sets(tree, 3, true), 6), NOTHING);
    }
}

#[test]
fn moves_whose_questions_or_grants_are_heard_twice_close_no_cycle_and_end() {
    for (name, tree) in TREES {
        all_is_well(name, tree, &some(sets(tree, 2, true), 2), TWICE);
    }
}

#[test]
fn moves_during_which_a_link_breaks_or_a_wait_runs_out_close_no_cycle_and_end() {
    all_is_well("flat", FLAT, &sets(FLAT, 2, true), ABORT);
    all_is_well("twin", TWIN, &some(sets(TWIN, 2, true), 5), ABORT);
}

#[test]
fn moves_during_which_the_root_restarts_close_no_cycle_and_end() {
    all_is_well("twin", TWIN, &some(sets(TWIN, 2, true), 3), RESTART);
}

#[test]
fn moves_with_several_mishaps_close_no_cycle_and_end() {
    let left = Left { duplicates: 1, restarts: 1, ..NOTHING };
    let crossing = [vec![(1, 4), (4, 1)]];
    all_is_well("twin", TWIN, &crossing, left);
    if in_short() {
        return;
    }
    let three = [vec![(1, 2), (2, 3), (4, 0)]];
    all_is_well("twin", TWIN, &three, RESTART);
    if !all_of_it() {
        return;
    }
    let left = Left { aborts: 1, ..left };
    for (name, tree) in TREES {
        all_is_well(name, tree, &sets(tree, 2, true), left);
        all_is_well(name, tree, &sets(tree, 3, true), RESTART);
    }
}

/// Two moves that cross are enough to find a broken root out.
fn caught(mutant: Mutant, tree: Tree, left: Left) -> Option<String> {
    check(tree, &sets(tree, 2, true), left, Some(mutant)).broken
}

#[test]
fn a_root_that_looks_at_committed_edges_only_is_caught() {
    assert!(caught(Mutant::NoPendingEdges, FLAT, NOTHING).is_some());
}

#[test]
fn servers_that_look_at_their_own_path_only_are_caught() {
    assert!(caught(Mutant::PathCheckOnly, FLAT, NOTHING).is_some());
}

#[test]
fn a_root_that_is_not_quiet_after_a_restart_is_caught() {
    assert!(caught(Mutant::NoQuietTime, TWIN, RESTART).is_some());
}

#[test]
fn the_sets_of_moves_are_those_that_could_close_a_cycle() {
    assert!(could_close_a_cycle(FLAT, &[(1, 2), (2, 1)]));
    assert!(!could_close_a_cycle(FLAT, &[(1, 2), (2, 3)]));
    assert_eq!(sets(FLAT, 2, true), [vec![(1, 2), (2, 1)]], "all others are the same, renamed");
    assert_eq!(sets(TWIN, 2, false).len(), 49);
}

//! The checkers of the random runs are checked themselves: deliberately broken minds must not get
//! past them, and sound ones must. A checker without a mind that it caught does not count.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ltn_proto::sim::Mutant;

use crate::model::plan::Size;
use crate::model::violation::ViolationKind;
use crate::model::world::play;

/// A mutant has to be caught within so many seeds.
const SEEDS: u64 = 200;
/// Seeds whose sound runs are looked at, to see that it is the mutant that is caught.
const SOUND: u64 = 10;

/// What is wrong with a mind, what it must be accused of, and in which runs.
const CAUGHT: [(Mutant, ViolationKind, Size); 26] = [
    (Mutant::ForgetsUnknown, ViolationKind::NeverEnded, Size::Small),
    (Mutant::EndsTwice, ViolationKind::EndedTwice, Size::Small),
    (Mutant::WaitsTooLong, ViolationKind::EndedLate, Size::Small),
    (Mutant::SaysTwice, ViolationKind::EnteredTwice, Size::Small),
    (Mutant::GuessesNo, ViolationKind::SaidNoButEntered, Size::Small),
    (Mutant::TakesUnread, ViolationKind::SaidDoneButNot, Size::Small),
    (Mutant::TakesForeign, ViolationKind::WrongTarget, Size::Small),
    (Mutant::Overtakes, ViolationKind::OutOfOrder, Size::Small),
    (Mutant::NoOriginCheck, ViolationKind::Forged, Size::Small),
    (Mutant::LostReply, ViolationKind::LostAnswer, Size::Small),
    (Mutant::HidesWays, ViolationKind::NoWay, Size::Small),
    (Mutant::NoCycleCheck, ViolationKind::Cycle, Size::Small),
    (Mutant::NeverReturns, ViolationKind::NotConnected, Size::Small),
    (Mutant::HidesPlaces, ViolationKind::WrongPlace, Size::Small),
    (Mutant::HidesLosses, ViolationKind::WrongTree, Size::Small),
    (Mutant::KeepsPlaces, ViolationKind::Leak, Size::Small),
    (Mutant::NoNameCheck, ViolationKind::SameName, Size::Small),
    (Mutant::NoLease, ViolationKind::TwoParents, Size::Small),
    (Mutant::NoLease, ViolationKind::NoticedLate, Size::Small),
    (Mutant::LeavesOut, ViolationKind::FalseGathering, Size::Small),
    (Mutant::CountsAllAsStopped, ViolationKind::FalseRollCall, Size::Small),
    (Mutant::ObeysAtOnce, ViolationKind::LateOrder, Size::Small),
    (Mutant::HastyMove, ViolationKind::NotWritten, Size::Small),
    (Mutant::HidesNews, ViolationKind::FalsePresence, Size::Small),
    (Mutant::MendsStrange, ViolationKind::Altered, Size::Small),
    (Mutant::IgnoresStrange, ViolationKind::Unanswered, Size::Small),
];

/// The first seed at which the broken mind is accused of this. A run that a broken mind brings down
/// is no accusation.
fn caught(mutant: Mutant, kind: ViolationKind, size: Size) -> Option<u64> {
    (0..SEEDS).find(|seed| {
        let report = catch_unwind(AssertUnwindSafe(|| play(size, *seed, Some(mutant))));
        report.is_ok_and(|report| report.violations.iter().any(|found| found.kind == kind))
    })
}

#[test]
fn every_checker_has_caught_a_broken_mind() {
    let missed: Vec<_> = CAUGHT
        .into_iter()
        .filter(|(mutant, kind, size)| caught(*mutant, *kind, *size).is_none())
        .collect();
    assert_eq!(missed, [], "these got past their checkers");
    let checked: BTreeSet<ViolationKind> = CAUGHT.into_iter().map(|(_, kind, _)| kind).collect();
    let unchecked = ViolationKind::ALL.into_iter().filter(|kind| !checked.contains(kind));
    assert_eq!(unchecked.collect::<Vec<_>>(), [], "these checkers have caught nobody");
}

#[test]
fn a_mind_that_takes_one_stalled_queue_for_all_is_caught() {
    let kinds = [ViolationKind::NoWay, ViolationKind::LostAnswer];
    assert!(kinds.iter().any(|kind| caught(Mutant::StallsAll, *kind, Size::Large).is_some()));
}

#[test]
fn a_mind_that_does_not_hear_what_has_a_field_that_it_does_not_know_is_caught() {
    let strict = |seed: &u64| {
        let run = || play(Size::Small, *seed, Some(Mutant::StrictFields));
        catch_unwind(AssertUnwindSafe(run)).is_ok_and(|report| !report.violations.is_empty())
    };
    assert!((0..SEEDS).any(|seed| strict(&seed)));
}

#[test]
fn a_mind_without_origin_check_is_caught() {
    assert!(caught(Mutant::NoOriginCheck, ViolationKind::Forged, Size::Small).is_some());
}

#[test]
fn a_mind_without_cycle_check_is_caught() {
    assert!(caught(Mutant::NoCycleCheck, ViolationKind::Cycle, Size::Small).is_some());
}

#[test]
fn a_mind_that_believes_what_others_say_of_a_node_is_caught() {
    assert!(caught(Mutant::NoStatementCheck, ViolationKind::WrongTree, Size::Small).is_some());
}

#[test]
fn a_mind_that_loses_replies_is_caught() {
    assert!(caught(Mutant::LostReply, ViolationKind::LostAnswer, Size::Small).is_some());
}

#[test]
fn sound_minds_are_not_accused() {
    let large = (0..SOUND / 4).map(|seed| (Size::Large, seed));
    for (size, seed) in (0..SOUND).map(|seed| (Size::Small, seed)).chain(large) {
        let report = play(size, seed, None);
        let said: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
        assert_eq!(said, [""; 0], "{size:?} seed {seed}");
    }
}

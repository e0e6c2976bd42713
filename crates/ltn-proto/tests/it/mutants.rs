//! The checkers of the random runs are checked themselves: deliberately broken minds must not get
//! past them, and sound ones must.

use ltn_proto::sim::Mutant;

use crate::model::violation::ViolationKind;
use crate::model::world::play;

/// A mutant has to be caught within so many seeds.
const SEEDS: u64 = 60;
/// Seeds whose sound runs are looked at, to see that it is the mutant that is caught.
const SOUND: u64 = 10;

/// The first seed at which the broken mind is accused of this.
fn caught(mutant: Mutant, kind: ViolationKind) -> Option<u64> {
    (0..SEEDS).find(|seed| {
        let report = play(*seed, Some(mutant));
        report.violations.iter().any(|violation| violation.kind == kind)
    })
}

#[test]
fn a_mind_without_origin_check_is_caught() {
    assert!(caught(Mutant::NoOriginCheck, ViolationKind::Forged).is_some());
}

#[test]
fn a_mind_without_cycle_check_is_caught() {
    assert!(caught(Mutant::NoCycleCheck, ViolationKind::Cycle).is_some());
}

#[test]
fn a_mind_that_loses_replies_is_caught() {
    assert!(caught(Mutant::LostReply, ViolationKind::LostAnswer).is_some());
}

#[test]
fn a_mind_that_leaves_somebody_out_of_a_roll_call_is_caught() {
    assert!(caught(Mutant::LostEntry, ViolationKind::FalseRollCall).is_some());
}

#[test]
fn sound_minds_are_not_accused() {
    for seed in 0..SOUND {
        let report = play(seed, None);
        let said: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
        assert_eq!(said, [""; 0], "seed {seed}");
    }
}

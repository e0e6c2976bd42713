//! Answers that nobody on the way may read are closed for a key that goes along as an argument: a
//! server that puts its own key in its place must get nothing for it.

use ltn_proto::sim::Mutant;
use ltn_proto::{Kind, Outcome, Role};

use crate::club::{Club, ROOT};

/// How often the main server answers for the key that a server on the way has put in.
fn answered(mutant: Option<Mutant>) -> usize {
    let mut club = Club::new();
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let ann = club.member(Role::Client, "ann", hall);
    club.make_admin(ann, ROOT);
    club.offer(ROOT, "gate", false);
    if let Some(mutant) = mutant {
        club.minds[ROOT].set_mutant(mutant);
    }
    // In everything that it passes on: the question, and the same with its proof.
    club.tap = Some(Box::new(move |one, other, frame| {
        if (one, other) == (hall, ROOT) && frame.header.kind == Kind::CALL {
            let (mine, yours) = (b"key of hall", b"key of anna");
            let mut bytes = frame.payload.to_vec();
            let at = bytes.windows(yours.len()).position(|part| part == yours);
            let at = at.expect("it is in it");
            bytes[at..at + mine.len()].copy_from_slice(mine);
            frame.payload = bytes.into();
        }
        true
    }));
    let op = club.begin_call(ann, ROOT, ("gate", "key of anna"), None);
    assert!(!matches!(club.ended(op), Some(Outcome::Reply(_))), "ann believes no such answer");
    club.entered(ROOT).len()
}

#[test]
fn no_answer_is_closed_for_a_key_that_a_server_put_in_place_of_another() {
    assert_eq!(answered(None), 0);
    assert_eq!(answered(Some(Mutant::NoArgumentCheck)), 1);
}

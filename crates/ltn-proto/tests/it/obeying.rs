//! Orders to stop, and commands upwards, between members: what a server in between may try. As in
//! `attacks.rs`, each attack is also tried on a mind that lacks the defence.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ltn_proto::sim::Mutant;
use ltn_proto::{Event, Flags, Frame, Header, Input, Kind, NodeId, Outcome, Role, RollCallOutcome};
use minicbor::{Decoder, Encoder};

use crate::club::{Club, ROOT};

/// The root, a server below it, one below that, and an admin.
fn scene() -> (Club, usize, usize, usize) {
    let mut club = Club::new();
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let attic = club.member(Role::SubServer, "attic", hall);
    let ann = club.member(Role::Client, "ann", ROOT);
    club.make_admin(ann, ROOT);
    (club, hall, attic, ann)
}

fn is_stopping(club: &Club, number: usize) -> bool {
    let stopping = |event: &Event| matches!(event, Event::Stopping { .. });
    club.events.iter().any(|(who, event)| *who == number && stopping(event))
}

/// The last frame of this kind that goes this way from here on; it does not arrive.
fn catch(club: &mut Club, way: (usize, usize), kind: Kind) -> Rc<RefCell<Option<Frame>>> {
    let caught = Rc::new(RefCell::new(None));
    let tape = Rc::clone(&caught);
    club.tap = Some(Box::new(move |from, to, frame| {
        let is_it = (from, to) == way && frame.header.kind == kind;
        if is_it {
            *tape.borrow_mut() = Some(frame.clone());
        }
        !is_it
    }));
    caught
}

fn numbers(frame: &Frame) -> (u64, u64) {
    let mut decoder = Decoder::new(&frame.payload);
    let mut read = || -> Result<(u64, u64), minicbor::decode::Error> {
        decoder.map()?;
        decoder.u8()?;
        let order = decoder.u64()?;
        decoder.u8()?;
        Ok((order, decoder.u64()?))
    };
    read().expect("an order and a nonce")
}

fn frame(kind: Kind, (from, to): (NodeId, NodeId), payload: Vec<u8>) -> Frame {
    let mut header = Header::new(kind, from, to);
    header.time_left_ms = 20_000;
    Frame { header, payload: payload.into() }
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn written(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Written) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut Encoder::new(&mut bytes)).expect("writing to memory");
    bytes
}

/// The root's report on the order that it led, once it is over.
fn outcome_of(club: &Club, node: NodeId) -> Option<RollCallOutcome> {
    club.events.iter().rev().find_map(|(who, event)| match event {
        Event::RollCall { entries, .. } if *who == ROOT => {
            entries.iter().find(|entry| entry.id == node).map(|entry| entry.outcome)
        }
        _ => None,
    })
}

fn let_time_pass(club: &mut Club, seconds: u64) {
    club.now = club.now + Duration::from_secs(seconds);
    club.feed(ROOT, Input::Timeout);
}

/// The hall speaks for whoever lives below it, also for an admin: it can ask in his name, and sign
/// nothing.
#[test]
fn a_server_commands_nobody_in_the_name_of_an_admin_below_it() {
    let attack = |mutant: Option<Mutant>| {
        let (mut club, hall, attic, _) = scene();
        club.make_admin(attic, ROOT);
        club.offer(ROOT, "gate", false);
        if let Some(mutant) = mutant {
            club.minds[ROOT].set_mutant(mutant);
        }
        let mut call = frame(Kind::CALL, (club.ids[attic], club.ids[ROOT]), Vec::new());
        (call.header.id, call.header.flags) = (77, Flags::ANSWER_WANTED);
        // `{0: "gate", 1: ["open"]}`
        call.payload = Bytes::from_static(b"\xa2\x00\x64gate\x01\x81\x64open");
        club.inject(hall, ROOT, call);
        club.entered(ROOT).len()
    };
    assert_eq!([attack(None), attack(Some(Mutant::NoProofCheck))], [0, 1]);
}

#[test]
fn an_admin_stops_a_part_of_the_network_and_each_signs_that_it_goes() {
    let (mut club, hall, attic, ann) = scene();
    let Outcome::Confirm(shown) = club.call(ann, ROOT, ("s.shutdownsubtree", "/hall")) else {
        panic!("it is dangerous")
    };
    let op = club.begin_call(ann, ROOT, ("s.shutdownsubtree", "/hall"), Some(shown.token));
    assert!(is_stopping(&club, attic) && is_stopping(&club, hall));
    let_time_pass(&mut club, 4);
    assert!(matches!(club.ended(op), Some(Outcome::Reply(_))), "{:?}", club.ended(op));
    for server in [hall, attic] {
        let ended = outcome_of(&club, club.ids[server]);
        assert_eq!(ended, Some(RollCallOutcome::Stopped));
    }
}

#[test]
fn a_higher_server_does_not_stop_its_children_by_an_order_that_it_made_up() {
    let attack = |mutant: Option<Mutant>| {
        let (mut club, hall, attic, ann) = scene();
        if let Some(mutant) = mutant {
            club.minds[attic].set_mutant(mutant);
        }
        let way = (club.ids[hall], club.ids[attic]);
        let issuer = club.ids[ann];
        let check = catch(&mut club, (attic, hall), Kind::ORDER_CHECK);
        let order = written(|e| {
            e.map(4)?.u8(0)?.u64(5)?.u8(1)?.bool(false)?.u8(2)?.bool(true)?;
            e.u8(3)?.bytes(issuer.as_bytes())?.ok()
        });
        club.inject(hall, attic, frame(Kind::ORDER, way, order));
        let (number, nonce) = numbers(check.borrow().as_ref().expect("it asks"));
        let go =
            written(|e| e.map(3)?.u8(0)?.u64(number)?.u8(1)?.u64(nonce)?.u8(2)?.u64(20_000)?.ok());
        club.inject(hall, attic, frame(Kind::ORDER_GO, way, go));
        let reported = |event: &Event| matches!(event, Event::Ordered { .. });
        club.events.iter().any(|(who, event)| *who == attic && reported(event))
    };
    assert_eq!([None, Some(Mutant::NoOrderCheck)].map(attack), [false, true]);
}

#[test]
fn nor_by_the_main_servers_word_for_an_earlier_question() {
    let (mut club, hall, attic, ann) = scene();
    let word = catch(&mut club, (hall, attic), Kind::ORDER_GO);
    club.call_and_confirm_later(ann, ROOT, ("s.shutdownsubtree", "/hall"));
    let word = word.borrow().clone().expect("the main server wants it to go");
    assert!(!is_stopping(&club, attic), "its word was kept back");
    club.tap = None;
    // The hall is lost, which ends the order; both come back as new processes.
    club.restart(hall, ROOT);
    club.restart(attic, hall);
    let way = (club.ids[hall], club.ids[attic]);
    let (number, _) = numbers(&word);
    let issuer = club.ids[ann];
    let check = catch(&mut club, (attic, hall), Kind::ORDER_CHECK);
    let order = written(|e| {
        e.map(4)?.u8(0)?.u64(number)?.u8(1)?.bool(false)?.u8(2)?.bool(true)?;
        e.u8(3)?.bytes(issuer.as_bytes())?.ok()
    });
    club.inject(hall, attic, frame(Kind::ORDER, way, order));
    assert!(check.borrow().is_some(), "it asks with another nonce");
    club.inject(hall, attic, word);
    assert!(!is_stopping(&club, attic));
}

#[test]
fn a_server_that_did_not_stop_is_not_reported_as_stopped() {
    let attack = |mutant: Option<Mutant>| {
        let (mut club, hall, attic, ann) = scene();
        if let Some(mutant) = mutant {
            club.minds[ROOT].set_mutant(mutant);
        }
        let order = catch(&mut club, (hall, attic), Kind::ORDER);
        club.call_and_confirm_later(ann, ROOT, ("s.shutdownsubtree", "/hall"));
        let number = order.borrow().as_ref().expect("it is passed on").header.id;
        let id = club.ids[attic];
        let report = written(|e| {
            e.map(3)?.u8(0)?.u64(number)?.u8(1)?.array(1)?;
            e.map(5)?.u8(0)?.bytes(id.as_bytes())?.u8(1)?.array(2)?.str("hall")?.str("attic")?;
            // The outcome is `Stopped`.
            e.u8(2)?.bool(true)?.u8(3)?.u8(0)?.u8(4)?.str("")?.u8(2)?.bool(true)?.ok()
        });
        let way = (club.ids[hall], club.ids[ROOT]);
        club.inject(hall, ROOT, frame(Kind::ORDER_REPORT, way, report));
        let_time_pass(&mut club, 4);
        assert!(!is_stopping(&club, attic), "nobody told it to");
        outcome_of(&club, id)
    };
    let ended = [None, Some(Mutant::NoFarewellCheck)].map(attack);
    assert_eq!(ended, [Some(RollCallOutcome::Unknown), Some(RollCallOutcome::Stopped)]);
}

//! What may be tried with the root's book of edges by a server that asks it about others.

use std::cell::RefCell;
use std::rc::Rc;

use ltn_proto::{Flags, Frame, Header, Input, Kind, NodeId, Op, OpId, Role};

use crate::club::{Club, ROOT};

/// A server that is not to be trusted, and three more, all below the root.
struct Scene {
    club: Club,
    hall: usize,
    yard: usize,
    shed: usize,
    cellar: usize,
}

fn scene() -> Scene {
    let mut club = Club::new();
    let [hall, yard, shed, cellar] =
        ["hall", "yard", "shed", "cellar"].map(|name| club.member(Role::SubServer, name, ROOT));
    Scene { club, hall, yard, shed, cellar }
}

impl Scene {
    /// The shed joins that server and comes back; what was the root asked for it?
    fn visit(&mut self, server: usize) -> Frame {
        let asked = Rc::new(RefCell::new(None));
        let tape = asked.clone();
        self.club.tap = Some(Box::new(move |one, other, frame| {
            if (one, other, frame.header.kind) == (server, ROOT, Kind::EDGE_ASK) {
                *tape.borrow_mut() = Some(frame.clone());
            }
            true
        }));
        assert!(self.club.join(self.shed, server) && self.club.join(self.shed, ROOT));
        self.club.tap = None;
        asked.take().expect("the root was asked")
    }

    /// The hall says this to the root; is it refused?
    fn is_refused(&mut self, frame: Frame) -> bool {
        let (hall, answer) = (self.hall, Rc::new(RefCell::new(Vec::new())));
        let tape = answer.clone();
        self.club.tap = Some(Box::new(move |one, other, frame| {
            if (one, other, frame.header.kind) == (ROOT, hall, Kind::EDGE_ANSWER) {
                *tape.borrow_mut() = frame.payload.to_vec();
            }
            true
        }));
        self.club.inject(hall, ROOT, frame);
        self.club.tap = None;
        let answer = answer.take();
        assert!(!answer.is_empty(), "the root answers");
        contains(&answer, b"a server has to sign below whom it wants to be")
    }

    /// The hall asks for the shed, hears nothing of it any more and tells nobody.
    fn leave_undecided(&mut self) {
        let (hall, shed) = (self.hall, self.shed);
        self.club.tap = Some(Box::new(move |one, other, frame| {
            let kind = frame.header.kind;
            let is_kept = (one, other, kind) == (hall, shed, Kind::WELCOME)
                || (one, other, kind) == (hall, ROOT, Kind::EDGE_DONE);
            !is_kept
        }));
        assert!(!self.club.join(shed, hall));
        self.club.let_time_pass(30);
        assert!(self.club.is_joined(shed, ROOT));
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Its question with this attempt in place of the one that it is about, in so many places.
fn with_attempt(mut frame: Frame, attempt: u64, places: usize) -> Frame {
    let mut bytes = frame.payload.to_vec();
    let known = bytes.windows(9).find(|part| part.starts_with(&[0x1b, 0, 0, 0, 1]));
    let known = known.expect("the attempt is in it").to_vec();
    for _ in 0..places {
        let at = bytes.windows(9).position(|part| part == known).expect("it is there so often");
        bytes[at + 1..at + 9].copy_from_slice(&attempt.to_be_bytes());
    }
    frame.payload = bytes.into();
    frame
}

/// `EDGE_ASK` about this child: {0: child, 1: the highest attempt, 5: 0, 6: nonce, 7: starts}.
fn made_up_ask(from: NodeId, to: NodeId, child: NodeId) -> Frame {
    let mut header = Header::new(Kind::EDGE_ASK, from, to);
    (header.id, header.time_left_ms, header.flags) = (77, 10_000, Flags::ANSWER_WANTED);
    let head = [&[0xa5, 0x00, 0x58, 32][..], child.as_bytes()].concat();
    let rest = [&[0x01, 0x1b][..], &[0xff; 8], &[0x05, 0, 0x06, 1, 0x07, 1]].concat();
    Frame { header, payload: [head, rest].concat().into() }
}

#[test]
fn no_server_asks_for_a_place_that_the_node_itself_does_not_want() {
    let mut scene = scene();
    let [root, hall, yard, shed] = [ROOT, scene.hall, scene.yard, scene.shed];
    let genuine = scene.visit(hall);
    let mut of_another = scene.visit(yard);
    of_another.header.source = scene.club.ids[hall];
    let made_up = made_up_ask(scene.club.ids[hall], scene.club.ids[root], scene.club.ids[shed]);
    let attacks = [
        made_up,
        of_another,
        with_attempt(genuine.clone(), u64::MAX, 1),
        with_attempt(genuine.clone(), u64::MAX, 2),
    ];
    for (number, attack) in attacks.into_iter().enumerate() {
        assert!(scene.is_refused(attack), "{number}");
        assert!(scene.club.join(shed, yard) && scene.club.join(shed, ROOT), "{number}");
    }
}

#[test]
fn what_a_server_wanted_once_keeps_nobody_from_anything_when_it_is_said_again() {
    let mut scene = scene();
    let [hall, yard, shed] = [scene.hall, scene.yard, scene.shed];
    let genuine = scene.visit(hall);
    // Whoever lies does not say either that nothing came of it.
    scene.club.tap = Some(Box::new(move |one, other, frame| {
        (one, other, frame.header.kind) != (hall, ROOT, Kind::EDGE_DONE)
    }));
    scene.club.inject(hall, ROOT, genuine);
    assert!(scene.club.join(hall, shed), "it is not above the shed, and never will be by that");
    assert!(scene.club.join(shed, yard) && scene.club.join(shed, ROOT));
    assert!(scene.club.join(scene.cellar, shed));
}

#[test]
fn what_a_revoked_server_asked_for_stands_in_nobodys_way() {
    let mut scene = scene();
    scene.leave_undecided();
    let out = scene.club.ids[scene.hall];
    scene.club.declare(|charter| charter.revoked.push(out));
    assert!(scene.club.join(scene.cellar, scene.shed));
}

#[test]
fn what_a_server_asked_for_that_is_gone_stands_in_nobodys_way_for_ever() {
    let mut scene = scene();
    scene.leave_undecided();
    scene.club.feed(scene.hall, Input::Op(Op::Disconnect { op: OpId(900) }));
    assert!(!scene.club.join(scene.cellar, scene.shed), "it may have taken the shed along");
    scene.club.let_time_pass(1_300);
    assert!(scene.club.join(scene.cellar, scene.shed));
}

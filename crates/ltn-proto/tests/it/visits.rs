//! Visits in a network with members: whose they are they prove, what their owner may they may, and
//! they go out with him.

use ltn_proto::{Event, Kind, NodeId, Outcome, Pass, RefusalKind, Role, Value};

use crate::club::{Club, ROOT};
use crate::signer::Signer;

/// The root, two servers below one another, and somebody who may everything.
struct Scene {
    club: Club,
    hall: usize,
    attic: usize,
    ann: usize,
}

impl Scene {
    fn new() -> Self {
        let (club, [hall, attic, ann]) = Club::guarded();
        Self { club, hall, attic, ann }
    }

    fn revoke(&mut self, who: usize) {
        let out = self.club.ids[who];
        self.club.declare(|charter| charter.revoked.push(out));
    }

    /// What a visit with this pass hears at the door of the root; nothing if it is let in.
    fn turned_away(&mut self, pass: impl FnOnce(&Club, NodeId) -> Option<Pass>) -> Option<String> {
        let visit = self.club.visit_with(pass);
        let joined = self.club.join(visit, ROOT);
        let refused = self.club.events.iter().rev().find_map(|(who, event)| match event {
            Event::Ended { outcome: Outcome::Refused(refusal), .. } if *who == visit => {
                Some(refusal.text.clone())
            }
            _ => None,
        });
        assert_eq!(joined, refused.is_none());
        refused
    }
}

fn done() -> Outcome {
    Outcome::Reply(Value::from("done"))
}

/// The new parent had never heard of it, and nobody told it whose visit it is.
#[test]
fn a_visit_moves_a_node_below_a_server_that_it_never_spoke_with() {
    let mut scene = Scene::new();
    let club = &mut scene.club;
    let yard = club.member(Role::SubServer, "yard", ROOT);
    let eve = club.member(Role::Client, "eve", ROOT);
    let (anns, eves) = (club.visit_of(scene.ann), club.visit_of(eve));
    assert!(club.join(anns, scene.hall) && club.join(eves, scene.hall));
    let there = club.ids[yard].to_string();
    for (visit, moves) in [(eves, false), (anns, true)] {
        let moved = club.call_and_confirm(visit, scene.attic, ("move", &there));
        assert_eq!(matches!(moved, Outcome::Reply(_)), moves, "{moved:?}");
        assert_eq!(club.is_joined(scene.attic, yard), moves);
    }
}

#[test]
fn a_visit_may_what_its_owner_may_near_and_far_and_confirms_what_is_dangerous() {
    let mut scene = Scene::new();
    let club = &mut scene.club;
    let (anns, eve) = (club.visit_of(scene.ann), club.member(Role::Client, "eve", ROOT));
    let eves = club.visit_of(eve);
    assert!(club.join(anns, ROOT) && club.join(eves, ROOT));
    for server in [ROOT, scene.hall, scene.attic] {
        assert_eq!(club.call(anns, server, ("gate", "open")), done());
        assert_eq!(club.call_and_confirm(anns, server, ("vault", "open")), done());
        let Outcome::Refused(refusal) = club.call(eves, server, ("gate", "open")) else {
            panic!("eve may nothing, and her visits no more")
        };
        assert_eq!(refusal.kind, RefusalKind::NoPermission);
    }
    // The charter changed since: what a visit may changes with it, without another visit.
    club.make_admin(eve, scene.attic);
    assert_eq!(club.call(eves, scene.attic, ("gate", "open")), done());
    assert!(matches!(club.call(eves, ROOT, ("gate", "open")), Outcome::Refused(_)));
    assert!(club.charter.grants.iter().all(|grant| grant.who != club.ids[eves]));
}

#[test]
fn a_visit_without_a_pass_is_not_let_in() {
    let mut scene = Scene::new();
    let text = scene.turned_away(|_, _| None).expect("it is refused");
    assert!(text.contains("showed no pass"), "{text}");
}

#[test]
fn a_visit_with_somebody_elses_pass_is_not_let_in() {
    let mut scene = Scene::new();
    let anns = scene.club.visit_of(scene.ann);
    let (ann, other) = (scene.club.ids[scene.ann], scene.club.ids[anns]);
    let text = scene.turned_away(|club, _| Some(club.authority.sign_pass(other, ann)));
    let text = text.expect("it is refused");
    assert!(text.contains("for another key, or of another network"), "{text}");
}

#[test]
fn a_visit_with_a_pass_of_another_network_is_not_let_in() {
    let mut scene = Scene::new();
    let ann = scene.club.ids[scene.ann];
    let text = scene.turned_away(|_, visit| Some(Signer::new().sign_pass(visit, ann)));
    let text = text.expect("it is refused");
    assert!(text.contains("for another key, or of another network"), "{text}");
    // Nor does a good signature for anything else make one.
    let text = scene.turned_away(|club, visit| {
        let message = Pass::message(club.charter.network, visit, ann);
        let purpose = ltn_proto::signature::Purpose::Charter;
        Some(Pass::new(ann, club.authority.sign(purpose, &message)))
    });
    assert!(text.is_some());
    assert_eq!(scene.turned_away(|club, visit| Some(club.authority.sign_pass(visit, ann))), None);
}

#[test]
fn a_visit_of_who_is_revoked_is_not_let_in() {
    let mut scene = Scene::new();
    scene.revoke(scene.ann);
    let ann = scene.club.ids[scene.ann];
    let text = scene.turned_away(|club, visit| Some(club.authority.sign_pass(visit, ann)));
    assert!(text.is_some_and(|text| text.contains("was revoked")));
}

#[test]
fn a_visit_ends_at_once_when_its_owner_is_revoked() {
    let mut scene = Scene::new();
    let eve = scene.club.member(Role::Client, "eve", ROOT);
    let (near, far) = (scene.club.visit_of(scene.ann), scene.club.visit_of(scene.ann));
    let eves = scene.club.visit_of(eve);
    assert!(scene.club.join(near, ROOT) && scene.club.join(far, scene.attic));
    assert!(scene.club.join(eves, scene.attic));
    scene.revoke(scene.ann);
    assert!(!scene.club.is_joined(near, ROOT) && !scene.club.is_joined(far, scene.attic));
    assert!(scene.club.is_joined(eves, scene.attic), "others stay");
}

/// A server that does not throw the visit out passes its commands on; they end where they are to be
/// run.
#[test]
fn a_command_of_a_visit_whose_owner_is_revoked_is_refused_far_away() {
    let mut scene = Scene::new();
    let (hall, attic, ann) = (scene.hall, scene.attic, scene.ann);
    let visit = scene.club.visit_of(ann);
    assert!(scene.club.join(visit, hall));
    assert_eq!(scene.club.call(visit, attic, ("gate", "open")), done());
    // The hall does not hear of it; the attic does.
    let out = scene.club.ids[ann];
    let mut later = scene.club.charter.clone();
    later.revoked.push(out);
    later.edition.version += 1;
    let charter = scene.club.signed(&later);
    scene.club.tap = Some(Box::new(|_, _, frame| frame.header.kind != Kind::CHARTER));
    scene.club.feed(attic, ltn_proto::Input::Op(ltn_proto::Op::Charter { charter }));
    assert!(scene.club.is_joined(visit, hall), "nobody told the hall");
    // Whether or not the command needs a right.
    for (command, argument) in [("gate", "open"), ("s.ping", "")] {
        let outcome = scene.club.call(visit, attic, (command, argument));
        let Outcome::Refused(refusal) = outcome else { panic!("{command}: {outcome:?}") };
        assert_eq!(refusal.kind, RefusalKind::NoPermission, "{refusal}");
        assert!(refusal.text.contains("a visit of") && refusal.text.contains("was revoked"));
    }
    assert_eq!(scene.club.entered(attic).len(), 1);
}

#[test]
fn a_pass_that_a_server_puts_in_between_proves_nothing() {
    let mut scene = Scene::new();
    let (hall, attic) = (scene.hall, scene.attic);
    let eve = scene.club.member(Role::Client, "eve", ROOT);
    let (anns, eves) = (scene.club.visit_of(scene.ann), scene.club.visit_of(eve));
    assert!(scene.club.join(eves, hall));
    // A server puts the admin's pass, which it saw, where the visit's own is.
    let (ids, authority) = (&scene.club.ids, &scene.club.authority);
    let anothers = authority.sign_pass(ids[anns], ids[scene.ann]).to_bytes();
    assert_eq!(anothers.len(), ltn_proto::PASS_BYTES);
    let owner = ids[eve];
    scene.club.tap = Some(Box::new(move |from, to, frame| {
        let at = frame.payload.windows(32).position(|part| part == owner.as_bytes());
        if let (true, Kind::CALL, Some(at)) = ((from, to) == (hall, attic), frame.header.kind, at) {
            let mut bytes = frame.payload.to_vec();
            bytes[at..at + 32].copy_from_slice(&anothers[..32]);
            let signature = at + 32 + 3;
            bytes[signature..signature + 64].copy_from_slice(&anothers[32..]);
            frame.payload = bytes.into();
        }
        true
    }));
    // She may nothing, and of this answer she does not know whether it is one to her question.
    let outcome = scene.club.call(eves, attic, ("gate", "open"));
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert_eq!(scene.club.entered(attic).len(), 0);
}

#[test]
fn who_is_revoked_by_his_id_alone_makes_no_more_visits() {
    // A main server from a backup: it never knew him, nor the keys that he visits with.
    let mut scene = Scene::new();
    let (late, key) = (Signer::new().id(), scene.club.authority.public.clone());
    let visit = scene.club.visit_with(|club, visit| Some(club.authority.sign_pass(visit, late)));
    assert!(scene.club.join(visit, ROOT), "he is a member");
    let mut book = ltn_proto::registry::Registry::new(&key, scene.club.ids[ROOT], Vec::new());
    book.begin_learning();
    book.run_on(std::time::Duration::from_secs(60));
    assert!(book.members().all(|(id, _)| id != late));
    book.revoke(late).expect("his id is enough");
    scene.club.charter = book.charter().clone();
    scene.club.declare(|_| {});
    assert!(!scene.club.is_joined(visit, ROOT), "thrown out");
    assert!(!scene.club.join(visit, ROOT) && !scene.club.join(visit, scene.attic));
}

#[test]
fn an_order_of_a_visit_is_obeyed_everywhere_as_its_owners() {
    let mut scene = Scene::new();
    let visit = scene.club.visit_of(scene.ann);
    assert!(scene.club.join(visit, ROOT));
    scene.club.call_and_confirm_later(visit, ROOT, ("s.shutdownsubtree", "hall"));
    for server in [scene.hall, scene.attic] {
        let stops = |(who, event): &(usize, Event)| {
            *who == server && matches!(event, Event::Stopping { .. })
        };
        assert!(scene.club.events.iter().any(stops), "{server}");
    }
}

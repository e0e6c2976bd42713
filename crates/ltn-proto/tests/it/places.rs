//! What may be tried with places: who is meant by one, and who comes into whose scope by one. Where
//! an attack is tried on a mind that lacks the defence, it works there: so that is what is tested.

use ltn_proto::sim::Mutant;
use ltn_proto::{
    Event, Frame, Header, Kind, NodeId, Outcome, Refusal, RefusalKind, Role, Target, Value,
};

use crate::club::{Club, ROOT};

/// A yard that a friend is admin of, a hall elsewhere with a lamp, and an admin of everything.
struct Scene {
    club: Club,
    yard: usize,
    hall: usize,
    lamp: usize,
    friend: usize,
    ann: usize,
}

fn scene() -> Scene {
    let mut club = Club::new();
    let yard = club.member(Role::SubServer, "yard", ROOT);
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let lamp = club.member(Role::Client, "lamp", hall);
    let friend = club.member(Role::Client, "friend", ROOT);
    let ann = club.member(Role::Client, "ann", ROOT);
    club.make_admin(friend, yard);
    club.make_admin(ann, ROOT);
    for node in [yard, hall, lamp] {
        club.offer(node, "gate", false);
    }
    Scene { club, yard, hall, lamp, friend, ann }
}

impl Scene {
    /// Can this one command that one? Who is not sure of its place asks when it is refused once.
    fn commands(&mut self, who: usize, node: usize) -> bool {
        let mut try_it = || self.club.call(who, node, ("gate", "open")) == done();
        try_it() || try_it()
    }

    fn settle(&mut self, by: usize, node: usize, parent: usize) -> Outcome {
        let ids = [node, parent].map(|number| Value::from(self.club.ids[number].to_string()));
        let call = ("s.settle", ids.to_vec());
        let op = self.club.begin_call_with(by, Target::Root, call, None);
        self.club.ended(op).expect("everything happens at once").clone()
    }
}

fn done() -> Outcome {
    Outcome::Reply(Value::from("done"))
}

fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_moves_by_itself_brings_nobody_into_a_scope() {
    let attack = |mutant: Option<Mutant>| {
        let mut scene = scene();
        if let Some(mutant) = mutant {
            scene.club.minds[ROOT].set_mutant(mutant);
        }
        assert!(scene.club.join(scene.hall, scene.yard));
        [scene.lamp, scene.hall].map(|node| scene.commands(scene.friend, node))
    };
    assert_eq!(attack(None), [false, false]);
    assert_eq!(attack(Some(Mutant::NoHomeCheck)), [true, true]);
    // Whose scope reached it before has lost nothing, and who may do everything neither.
    let mut scene = scene();
    scene.club.make_admin(scene.friend, scene.hall);
    assert!(scene.club.join(scene.hall, scene.yard));
    assert!(scene.commands(scene.friend, scene.lamp) && scene.commands(scene.ann, scene.lamp));
}

#[test]
fn an_admin_of_both_says_where_a_server_belongs() {
    let mut scene = scene();
    let (yard, hall, friend, ann) = (scene.yard, scene.hall, scene.friend, scene.ann);
    let text = refused(scene.settle(ann, hall, yard)).text;
    assert!(text.contains("is not below"), "{text}");
    let there = scene.club.ids[yard].to_string();
    let moved = scene.club.call_and_confirm(ann, hall, ("move", &there));
    assert!(matches!(moved, Outcome::Reply(_)), "{moved:?}");
    // An admin of the new place alone is not asked.
    let refusal = refused(scene.settle(friend, hall, yard));
    assert_eq!(refusal.kind, RefusalKind::NoPermission);
    assert!(!scene.commands(friend, scene.lamp));
    let settled = scene.settle(ann, hall, yard);
    assert!(matches!(settled, Outcome::Reply(_)), "{settled:?}");
    assert!(scene.commands(friend, scene.lamp) && scene.commands(friend, hall));
    // Away by itself and back: it belongs there still.
    assert!(scene.club.join(hall, ROOT));
    assert!(!scene.commands(friend, scene.lamp));
    assert!(scene.club.join(hall, yard));
    assert!(scene.commands(friend, scene.lamp));
}

#[test]
fn a_server_belongs_where_it_was_invited_to_wherever_it_joins_first() {
    let mut scene = scene();
    let (yard, friend) = (scene.yard, scene.friend);
    let shed = scene.club.node(Role::SubServer, Some(Role::SubServer));
    let place = "/yard".parse().expect("a path");
    scene.club.write_home(scene.club.ids[shed], ltn_proto::registry::Home::Invited(place));
    assert!(scene.club.join(shed, scene.hall));
    scene.club.make_admin(friend, scene.hall);
    let bulb = scene.club.member(Role::Client, "bulb", shed);
    scene.club.offer(bulb, "gate", false);
    assert!(!scene.commands(friend, bulb));
    assert!(scene.club.join(shed, yard));
    assert!(scene.commands(friend, bulb));
}

/// The server above this one says who is there.
fn resolved(club: &Club, (from, to): (usize, usize), request: u64, id: NodeId) -> Frame {
    let mut header = Header::new(Kind::RESOLVED, club.ids[from], club.ids[to]);
    header.id = request;
    // {0: id, 1: ["cellar"]}
    let payload = [&[0xa2, 0x00, 0x58, 32][..], id.as_bytes(), b"\x01\x81\x66cellar"].concat();
    Frame { header, payload: payload.into() }
}

/// Asks for this, and hears from the server above that it is that node.
fn call_and_be_told(
    club: &mut Club,
    (by, above): (usize, usize),
    target: &str,
    node: usize,
) -> Outcome {
    let asked = std::rc::Rc::new(std::cell::Cell::new(0));
    let tape = asked.clone();
    club.tap = Some(Box::new(move |one, other, frame| {
        let is_it = (one, other) == (by, above) && frame.header.kind == Kind::RESOLVE;
        if is_it {
            tape.set(frame.header.id);
        }
        !is_it
    }));
    let target = target.parse().expect("a target");
    let op = club.begin_call_to(by, target, ("gate", "open"), None);
    club.tap = None;
    let lie = resolved(club, (above, by), asked.get(), club.ids[node]);
    club.inject(above, by, lie);
    club.ended(op).expect("everything happens at once").clone()
}

#[test]
fn nobody_above_names_a_node_below_me_for_another_place() {
    let attack = |mutant: Option<Mutant>, target: &str| {
        let mut scene = scene();
        let hall = scene.hall;
        let attic = scene.club.member(Role::SubServer, "attic", hall);
        let bulb = scene.club.member(Role::Client, "bulb", attic);
        scene.club.offer(bulb, "gate", false);
        scene.club.member(Role::SubServer, "cellar", ROOT);
        scene.club.make_admin(attic, ROOT);
        if let Some(mutant) = mutant {
            scene.club.minds[attic].set_mutant(mutant);
        }
        let outcome = call_and_be_told(&mut scene.club, (attic, hall), target, bulb);
        (outcome, scene.club.entered(bulb).len())
    };
    for target in ["/cellar", "cellar", "../cellar", "/hall/cellar"] {
        let (outcome, ran) = attack(None, target);
        assert_eq!((refused(outcome).kind, ran), (RefusalKind::BadTarget, 0), "{target}");
    }
    assert_eq!(attack(Some(Mutant::NoPlaceCheck), "/cellar"), (done(), 1));
}

#[test]
fn a_second_node_of_a_name_is_not_signed_for() {
    let mut scene = scene();
    let (yard, hall, ann) = (scene.yard, scene.hall, scene.ann);
    let other = scene.club.member(Role::Client, "lamp", yard);
    scene.club.offer(other, "gate", false);
    assert!(scene.club.join(ann, yard));
    let outcome = call_and_be_told(&mut scene.club, (ann, yard), "lamp", other);
    let refusal = refused(outcome);
    assert_eq!(refusal.kind, RefusalKind::BadTarget);
    assert!(refusal.text.contains("/yard/lamp"), "{}", refusal.text);
    assert_eq!(scene.club.entered(other).len(), 0);
    // By its whole path, or where it is the only one, it is.
    for (target, node) in [("/hall/lamp", scene.lamp), ("hall", hall), ("../../hall", hall)] {
        let before = scene.club.entered(node).len();
        let target = target.parse().expect("a target");
        let op = scene.club.begin_call_to(ann, target, ("gate", "open"), None);
        assert_eq!(scene.club.ended(op), Some(&done()));
        assert_eq!(scene.club.entered(node).len(), before + 1);
    }
}

#[test]
fn a_scope_that_was_left_is_left_by_those_below() {
    // The attic goes and does not tell those below it; then it does not even let them ask.
    for lets_them_ask in [true, false] {
        let mut scene = scene();
        let (hall, friend) = (scene.hall, scene.friend);
        let attic = scene.club.member(Role::SubServer, "attic", hall);
        let bulb = scene.club.member(Role::Client, "bulb", attic);
        scene.club.offer(bulb, "gate", false);
        scene.club.make_admin(friend, hall);
        assert!(scene.commands(friend, bulb));
        scene.club.let_time_pass(1_000);
        assert!(scene.commands(friend, bulb), "what is confirmed again and again stays");
        scene.club.tap = Some(Box::new(move |one, other, frame| {
            let is_told = (one, other) == (attic, bulb) && frame.header.kind == Kind::PLACE;
            let is_asked = (one, other) == (bulb, attic) && frame.header.kind == Kind::WHERE;
            !is_told && (lets_them_ask || !is_asked)
        }));
        assert!(scene.club.join(attic, ROOT));
        assert!(scene.commands(friend, bulb), "it does not know yet");
        scene.club.let_time_pass(if lets_them_ask { 80 } else { 15 * 60 });
        assert!(!scene.commands(friend, bulb), "{lets_them_ask}");
    }
}

#[test]
fn an_answer_that_comes_late_puts_nobody_back_into_a_scope_that_he_left() {
    let mut scene = scene();
    let (yard, hall, friend) = (scene.yard, scene.hall, scene.friend);
    let kept = std::rc::Rc::new(std::cell::RefCell::new(None));
    let tape = kept.clone();
    let bulb = scene.club.node(Role::Client, Some(Role::Client));
    // The yard keeps the main server's word, and does not close the link by which the bulb leaves.
    scene.club.tap = Some(Box::new(move |one, other, frame| {
        let kind = frame.header.kind;
        if (one, other, kind) == (yard, bulb, Kind::WHEREABOUTS) {
            *tape.borrow_mut() = Some(frame.clone());
            return false;
        }
        (one, other, kind) != (bulb, yard, Kind::CLOSE)
    }));
    assert!(scene.club.join(bulb, yard));
    scene.club.offer(bulb, "gate", false);
    let late = kept.take().expect("the bulb asked where it is");
    assert!(scene.club.join(bulb, hall));
    scene.club.inject(yard, bulb, late);
    assert!(!scene.commands(friend, bulb));
    // Where it is now it asks anew.
    scene.club.make_admin(friend, hall);
    assert!(scene.commands(friend, bulb));
}

/// It asks for this name; has it got it?
fn rename(club: &mut Club, node: usize, name: &str) -> bool {
    let op = club.begin_rename(node, name);
    matches!(club.ended(op), Some(Outcome::Reply(_)))
}

fn is_at(club: &mut Club, place: &str, node: usize) -> bool {
    let target = place.parse().expect("a place");
    let op = club.begin_locate(ROOT, target);
    let id = Value::from(club.ids[node].to_string());
    matches!(club.ended(op), Some(Outcome::Reply(found)) if found.get("id") == Some(&id))
}

#[test]
fn an_invited_name_is_its_members_alone() {
    let attack = |mutant: Option<Mutant>| {
        let mut club = Club::new();
        let hall = club.member(Role::SubServer, "hall", ROOT);
        if let Some(mutant) = mutant {
            club.minds[ROOT].set_mutant(mutant);
            club.minds[hall].set_mutant(mutant);
        }
        // Invited, and not there yet.
        let lamp = club.node(Role::Client, Some(Role::Client));
        club.name(lamp, "Lamp");
        let by_wish = club.member(Role::Client, "lamp", ROOT);
        let by_name = club.member(Role::Client, "eve", hall);
        let early = club.member(Role::Client, "torch", hall);
        assert!(rename(&mut club, by_name, "candle"), "what nobody was invited by is free");
        let lies = [
            is_at(&mut club, "/lamp", by_wish),
            rename(&mut club, by_name, "LAMP"),
            is_at(&mut club, "/hall/lamp", by_name),
            // It was called so before somebody was invited by that name.
            {
                let torch = club.node(Role::Client, Some(Role::Client));
                club.name(torch, "torch");
                is_at(&mut club, "/hall/torch", early)
            },
        ];
        let joins = club.join(lamp, hall) && is_at(&mut club, "/hall/lamp", lamp);
        (lies, joins)
    };
    assert_eq!(attack(None), ([false; 4], true));
    assert_eq!(attack(Some(Mutant::NoOwnNames)), ([true; 4], false));
    // A server that lets it be so is not believed by those above.
    let mut club = Club::new();
    let hall = club.member(Role::SubServer, "hall", ROOT);
    club.minds[hall].set_mutant(Mutant::NoOwnNames);
    let lamp = club.node(Role::Client, Some(Role::Client));
    club.name(lamp, "lamp");
    let eve = club.member(Role::Client, "lamp", hall);
    assert!(!is_at(&mut club, "/hall/lamp", eve));
    // Who is away has no claim to a name that became another's.
    let mut club = Club::new();
    let [eve, lamp] = [0; 2].map(|_| club.node(Role::Client, Some(Role::Client)));
    club.wants_name(eve, "lamp", true);
    assert!(club.join(eve, ROOT) && is_at(&mut club, "/lamp", eve));
    club.begin_anew(eve);
    club.name(lamp, "lamp");
    assert!(club.join(lamp, ROOT) && is_at(&mut club, "/lamp", lamp));
}

#[test]
fn a_server_that_fills_the_map_above_it_keeps_nobody_else_out() {
    let mut club = Club::new();
    club.limit_records(ROOT, 10);
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let yard = club.member(Role::SubServer, "yard", ROOT);
    let crowd: Vec<usize> =
        (0..10).map(|n| club.member(Role::Client, &format!("lamp{n}"), hall)).collect();
    assert_eq!(club.listed(ROOT).len(), 1 + 10);
    assert!(!club.listed(ROOT).contains(&crowd[8]), "there was no room any more");
    // Newcomers elsewhere, directly below and further down, are let in and in the map.
    let others = [(Role::Client, ROOT), (Role::SubServer, ROOT), (Role::Client, yard)];
    for (n, (role, to)) in others.into_iter().enumerate() {
        let newcomer = club.member(role, &format!("new{n}"), to);
        assert!(club.listed(ROOT).contains(&newcomer), "{n}");
        let answer = club.call(newcomer, ROOT, ("s.ping", ""));
        assert!(matches!(answer, Outcome::Reply(_)), "{n}: {answer:?}");
    }
    // The newest of the crowd gave way, and those that were there before did not.
    let left: Vec<bool> = crowd.iter().map(|lamp| club.listed(ROOT).contains(lamp)).collect();
    assert_eq!(left[..6], [true, true, true, true, true, false]);
    let counted = club.minds[ROOT].snapshot(club.now).counters.crowded_out;
    assert!(counted >= 5, "{counted}");
    let told = |event: &&(usize, Event)| matches!(event, (ROOT, Event::Crowded(_)));
    assert_eq!(club.events.iter().filter(told).count(), 1);
}

/// They were cut off for good, and looked for nobody: the link had ended as *revoked*, and they
/// took that for themselves.
#[test]
fn who_hangs_below_a_server_that_is_put_out_goes_to_those_above_it() {
    let mut club = Club::new();
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let attic = club.member(Role::SubServer, "attic", hall);
    let ann = club.member(Role::Client, "ann", hall);
    let lamp = club.member(Role::Client, "lamp", attic);
    let out = club.ids[hall];
    club.declare(|charter| charter.revoked.push(out));
    club.let_time_pass(3);
    assert!(club.is_joined(ann, ROOT) && club.is_joined(attic, ROOT));
    assert!(club.is_joined(lamp, attic), "nothing happened to it");
    // Who is out himself looks for nobody.
    let out = club.ids[ann];
    club.declare(|charter| charter.revoked.push(out));
    club.let_time_pass(60);
    assert!(!club.is_joined(ann, ROOT));
    let lost = club.events.iter().rev().find_map(|(who, event)| match event {
        Event::Disconnected { returning, .. } if *who == ann => Some(*returning),
        _ => None,
    });
    assert_eq!(lost, Some(false));
}

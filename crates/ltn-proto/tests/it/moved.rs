//! What servers on the way may try when somebody moves a node, or says where a server belongs: in
//! both it is ids that are signed, so what is tried is to have others' ids signed than were meant.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use ltn_proto::sim::Mutant;
use ltn_proto::{
    Durable, Event, Flags, Frame, Header, Input, Kind, ManyEvent, ManyOp, NodeId, Op, OpId,
    Outcome, Refusal, RefusalKind, Role, Value, Whom, Wording,
};

use crate::club::{Club, ROOT};

/// A hall that is not to be trusted, with a den of its own, and below it an attic and the admin
/// of everything; elsewhere a yard and a cellar.
struct Scene {
    club: Club,
    hall: usize,
    den: usize,
    attic: usize,
    yard: usize,
    ann: usize,
}

impl Scene {
    fn with(mutant: Option<Mutant>) -> Self {
        let mut club = Club::new();
        let hall = club.member(Role::SubServer, "hall", ROOT);
        let den = club.member(Role::SubServer, "den", hall);
        let attic = club.member(Role::SubServer, "attic", hall);
        let yard = club.member(Role::SubServer, "yard", ROOT);
        club.member(Role::SubServer, "cellar", ROOT);
        let ann = club.member(Role::Client, "ann", hall);
        club.make_admin(ann, ROOT);
        if let Some(mutant) = mutant {
            club.minds[ann].set_mutant(mutant);
            club.minds[attic].set_mutant(mutant);
        }
        Self { club, hall, den, attic, yard, ann }
    }

    fn id(&self, number: usize) -> NodeId {
        self.club.ids[number]
    }

    /// The hall keeps back what this one below it asks of others, but for these kinds.
    fn keep_back(&mut self, from: usize, kinds: &'static [Kind]) -> Kept {
        let (kept, hall) = (Kept::default(), self.hall);
        let tape = kept.clone();
        self.club.tap = Some(Box::new(move |one, other, frame| {
            let is_it = (one, other) == (from, hall) && kinds.contains(&frame.header.kind);
            if is_it {
                tape.0.borrow_mut().push_back(frame.clone());
            }
            !is_it
        }));
        kept
    }

    /// Who is there, as the hall says it to this one.
    fn resolve(&mut self, asked: &Frame, to: usize, id: NodeId) {
        let mut header = Header::new(Kind::RESOLVED, self.id(self.hall), self.id(to));
        header.id = asked.header.id;
        // {0: id, 1: ["yard"]}
        let payload = [&[0xa2, 0x00, 0x58, 32][..], id.as_bytes(), b"\x01\x81\x64yard"].concat();
        self.club.inject(self.hall, to, Frame { header, payload: payload.into() });
    }

    /// A new parent that would take the attic, as the hall says it in the name of who was asked.
    fn take(&mut self, asked: &Frame, (server, path): (usize, &str)) {
        let mut header = Header::new(Kind::REPLY, asked.header.destination, self.id(self.attic));
        (header.id, header.flags) = (asked.header.id, Flags::VALUE);
        let id = self.id(server).to_string();
        let address = format!("192.0.2.{server}:4000");
        let offer = [("id", id.as_str()), ("address", &address), ("path", path)];
        let offer = Value::map(offer.map(|(key, text)| (key, Value::from(text))));
        self.club.inject(self.hall, self.attic, Frame { header, payload: offer.to_cbor().into() });
    }

    /// The admin tells the attic to go there, and the hall says who is there and what it says.
    fn move_attic(&mut self, under: &str, there: usize, says: (usize, &str)) -> Outcome {
        let kept = self.keep_back(self.attic, &[Kind::RESOLVE, Kind::TAKE_ASK]);
        let op = self.club.begin_call(self.ann, self.attic, ("move", under), None);
        while let Some(asked) = kept.next() {
            if asked.header.kind == Kind::RESOLVE {
                self.resolve(&asked, self.attic, self.id(there));
            } else {
                self.take(&asked, says);
            }
        }
        self.club.ended(op).expect("everything happens at once").clone()
    }
}

#[derive(Clone, Default)]
struct Kept(Rc<RefCell<VecDeque<Frame>>>);

impl Kept {
    fn next(&self) -> Option<Frame> {
        self.0.borrow_mut().pop_front()
    }
}

fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// What the admin is shown, and whom it is about.
fn shown(outcome: Outcome) -> (String, Vec<NodeId>) {
    match outcome {
        Outcome::Confirm(shown) => (shown.text, shown.targets),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_on_the_way_does_not_choose_the_id_that_a_typed_place_becomes() {
    let attack = |mutant: Option<Mutant>, target: &str| {
        let mut scene = Scene::with(mutant);
        let kept = scene.keep_back(scene.ann, &[Kind::RESOLVE]);
        let op = scene.club.begin_confirming(scene.ann, target.parse().expect("a target"));
        let asked = kept.next().expect("the hall is asked");
        scene.resolve(&asked, scene.ann, scene.id(scene.den));
        // Once it was told so, nothing more is believed of it.
        scene.resolve(&asked, scene.ann, scene.id(scene.yard));
        let den = Value::from(scene.id(scene.den).to_string());
        (scene.club.ended(op).expect("it ended").clone(), den)
    };
    for target in ["/yard", "yard", "../../yard"] {
        let refusal = refused(attack(None, target).0);
        assert_eq!(refusal.kind, RefusalKind::BadTarget, "{target}");
        assert!(refusal.text.contains("/hall/den"), "{}", refusal.text);
    }
    let (outcome, den) = attack(Some(Mutant::NoPlaceCheck), "/yard");
    assert!(matches!(&outcome, Outcome::Reply(found) if found.get("id") == Some(&den)));
    // Whom nobody lies about is found, with the place that the main server says.
    let mut scene = Scene::with(None);
    let (ann, yard) = (scene.ann, scene.id(scene.yard));
    let id = yard.to_string();
    for target in ["/yard", "yard", "../../yard", &id] {
        let op = scene.club.begin_confirming(ann, target.parse().expect("a target"));
        let found = scene.club.ended(op).expect("everything happens at once").clone();
        let Outcome::Reply(found) = found else { panic!("{target}: {found:?}") };
        let place = ["id", "path"].map(|key| found.get(key).and_then(Value::as_text));
        assert_eq!(place, [Some(yard.to_string().as_str()), Some("/yard")], "{target}");
    }
}

#[test]
fn who_is_looked_for_by_id_is_found_or_nobody() {
    let mut scene = Scene::with(None);
    let kept = scene.keep_back(scene.ann, &[Kind::RESOLVE]);
    let yard = ltn_proto::Target::Id(scene.id(scene.yard));
    let op = scene.club.begin_locate(scene.ann, yard);
    let asked = kept.next().expect("the hall is asked");
    scene.resolve(&asked, scene.ann, scene.id(scene.den));
    let outcome = scene.club.ended(op).expect("it ended").clone();
    assert_eq!(refused(outcome).kind, RefusalKind::Misbehaved);
}

#[test]
fn a_node_does_not_go_below_another_server_than_its_admin_named() {
    // By an id: nobody else answers for it.
    let mut scene = Scene::with(None);
    let yard = scene.id(scene.yard).to_string();
    let outcome = scene.move_attic(&yard, scene.yard, (scene.den, "/yard"));
    assert_eq!(refused(outcome).kind, RefusalKind::Misbehaved);
    // By a place: who is there, the main server says.
    let attack = |mutant: Option<Mutant>| {
        let mut scene = Scene::with(mutant);
        let outcome = scene.move_attic("/yard", scene.den, (scene.den, "/yard"));
        (outcome, [scene.id(scene.attic), scene.id(scene.den)])
    };
    let refusal = refused(attack(None).0);
    assert_eq!(refusal.kind, RefusalKind::BadTarget);
    assert!(refusal.text.contains("/hall/den"), "{}", refusal.text);
    let (outcome, both) = attack(Some(Mutant::NoPlaceCheck));
    assert_eq!(
        shown(outcome),
        ("/hall/attic will be /yard/attic; it stays in layer 2".into(), both.into())
    );
}

#[test]
fn where_a_node_goes_is_said_by_the_main_server() {
    let mut scene = Scene::with(None);
    let (attic, yard) = (scene.id(scene.attic), scene.id(scene.yard));
    let id = yard.to_string();
    for under in [&id, "/yard", "yard", "../../yard"] {
        let outcome = scene.move_attic(under, scene.yard, (scene.yard, "/cellar"));
        let (text, targets) = shown(outcome);
        assert_eq!(text, "/hall/attic will be /yard/attic; it stays in layer 2", "{under}");
        assert_eq!(targets, [attic, yard]);
    }
    for under in ["/", "../..", "mainserver"] {
        let outcome = scene.move_attic(under, ROOT, (ROOT, "/cellar"));
        let (text, targets) = shown(outcome);
        assert_eq!(text, "/hall/attic will be /attic; from layer 2 to layer 1", "{under}");
        assert_eq!(targets, [attic, scene.id(ROOT)]);
    }
    // Nobody can tell: then an id means who it means, and a place nobody.
    for (under, goes) in [(&*id, true), ("/yard", false)] {
        let kept = scene.keep_back(scene.attic, &[Kind::RESOLVE, Kind::TAKE_ASK, Kind::WHERE]);
        let op = scene.club.begin_call(scene.ann, scene.attic, ("move", under), None);
        while let Some(asked) = kept.next() {
            match asked.header.kind {
                Kind::RESOLVE => scene.resolve(&asked, scene.attic, yard),
                Kind::TAKE_ASK => scene.take(&asked, (scene.yard, "/cellar")),
                _ => scene.club.let_time_pass(6),
            }
        }
        let outcome = scene.club.ended(op).expect("it ended").clone();
        if goes {
            let (text, targets) = shown(outcome);
            assert!(text.contains("did not confirm"), "{text}");
            assert_eq!(targets, [attic, yard]);
        } else {
            let refusal = refused(outcome);
            assert_eq!(refusal.kind, RefusalKind::NoRoot);
            assert!(refusal.text.contains("keeps its place below"), "{}", refusal.text);
        }
    }
}

/// Puts the one text in place of the other, which is as long.
fn replace(frame: &mut Frame, this: &str, that: &str) {
    let mut bytes = frame.payload.to_vec();
    let at = bytes.windows(this.len()).position(|part| part == this.as_bytes());
    let at = at.expect("the text is in it");
    bytes[at..at + this.len()].copy_from_slice(that.as_bytes());
    frame.payload = bytes.into();
}

/// Calls a command of all who fit: how many were told of, and how all of it ended.
fn order_many(club: &mut Club, by: usize, whom: &str, what: (&str, &str)) -> (usize, Outcome) {
    let op = OpId(1_000_000 + club.events.len() as u64);
    let whom = Whom::Fitting(whom.parse().expect("a selector"));
    let arguments = vec![Value::from(what.1)];
    let what = Wording::Call { command: what.0.to_owned(), arguments };
    let gather = ManyOp::Gather { op, whom, what, timeout: Duration::from_secs(20) };
    club.feed(by, Input::Op(Op::Many(gather)));
    let is_told = |(_, event): &&(usize, Event)| match event {
        Event::Many(ManyEvent::Gathered { op: of, .. }) => *of == op,
        _ => false,
    };
    let told = club.events.iter().filter(is_told).count();
    (told, club.ended(op).expect("everything happens at once").clone())
}

#[test]
fn of_many_those_are_commanded_who_fit_what_was_typed() {
    let mut scene = Scene::with(None);
    let lamp = scene.club.member(Role::Client, "lamp", scene.yard);
    for node in [scene.den, lamp] {
        scene.club.offer(node, "gate", false);
    }
    // The hall asks the main server for its own instead.
    let (ann, hall) = (scene.ann, scene.hall);
    let lies = Rc::new(std::cell::Cell::new(true));
    let lying = lies.clone();
    scene.club.tap = Some(Box::new(move |one, other, frame| {
        if lying.get() && (one, other) == (ann, hall) && frame.header.kind == Kind::SELECT {
            replace(frame, "yard", "hall");
        }
        true
    }));
    let order = |scene: &mut Scene| {
        let (nodes, end) = order_many(&mut scene.club, ann, "/yard/*", ("gate", "open"));
        (nodes, end, [scene.den, lamp].map(|node| scene.club.entered(node).len()))
    };
    let (nodes, end, ran) = order(&mut scene);
    assert_eq!((nodes, refused(end).kind, ran), (0, RefusalKind::Misbehaved, [0, 0]));
    lies.set(false);
    let (nodes, end, ran) = order(&mut scene);
    assert_eq!((nodes, end, ran), (1, Outcome::Reply(Value::Null), [0, 1]));
}

#[test]
fn who_is_commanded_as_one_of_many_by_a_name_is_alone_called_so() {
    let mut scene = Scene::with(None);
    let other = scene.club.member(Role::Client, "yard", scene.hall);
    for node in [scene.yard, other] {
        scene.club.offer(node, "gate", false);
    }
    let (told, end) = order_many(&mut scene.club, scene.ann, "yard", ("gate", "open"));
    assert_eq!((told, refused(end).kind), (0, RefusalKind::BadTarget));
    let id = scene.id(scene.yard).to_string();
    let (told, end) = order_many(&mut scene.club, scene.ann, &id, ("gate", "open"));
    assert_eq!((told, end), (1, Outcome::Reply(Value::Null)));
    assert_eq!([scene.yard, other].map(|node| scene.club.entered(node).len()), [1, 0]);
}

/// How this one wrote down that commands ended.
fn endings(club: &Club, number: usize) -> Vec<String> {
    let written = club.written.iter().filter(|(who, _, _)| *who == number);
    let ended = written.filter_map(|(_, what, _)| match what {
        Durable::Ended { what, .. } => what.ended.clone(),
        _ => None,
    });
    ended.collect()
}

#[test]
fn who_loses_his_right_while_another_server_is_asked_moves_nobody() {
    let mut scene = Scene::with(None);
    let (attic, ann) = (scene.attic, scene.ann);
    let yard = scene.id(scene.yard).to_string();
    let Outcome::Confirm(word) = scene.club.call(ann, attic, ("move", &yard)) else {
        panic!("it is dangerous")
    };
    // The new parent takes its time with the second answer.
    let kept = scene.keep_back(attic, &[Kind::TAKE_ASK]);
    let op = scene.club.begin_call(ann, attic, ("move", &yard), Some(word.token));
    scene.club.tap = None;
    scene.club.declare(|charter| charter.grants.clear());
    scene.take(&kept.next().expect("it asks again"), (scene.yard, "/yard"));
    let refusal = refused(scene.club.ended(op).expect("it ended").clone());
    assert_eq!(refusal.kind, RefusalKind::NoPermission);
    assert!(refusal.text.contains("nothing was done; attic keeps its place"), "{}", refusal.text);
    assert!(scene.club.is_joined(attic, scene.hall));
    let endings = endings(&scene.club, attic);
    assert!(endings.len() == 1 && endings[0].starts_with("refused: "), "{endings:?}");
}

#[test]
fn who_loses_his_right_while_his_command_is_written_down_has_given_none() {
    let commands = ["gate", "vault", "s.mute", "s.shutdown", "move"];
    for (command, revoked) in commands.into_iter().flat_map(|one| [(one, false), (one, true)]) {
        let mut scene = Scene::with(None);
        let (attic, ann) = (scene.attic, scene.ann);
        scene.club.offer(attic, "gate", false);
        scene.club.offer(attic, "vault", true);
        let lamp = scene.club.member(Role::Client, "lamp", attic);
        let argument = match command {
            "s.mute" => "lamp".to_owned(),
            "s.shutdown" => String::new(),
            _ => scene.id(scene.yard).to_string(),
        };
        let is_dangerous = !matches!(command, "gate" | "s.mute");
        let token = is_dangerous.then(|| {
            let Outcome::Confirm(word) = scene.club.call(ann, attic, (command, &argument)) else {
                panic!("{command} is dangerous")
            };
            word.token
        });
        scene.club.slow = Some(attic);
        let op = scene.club.begin_call(ann, attic, (command, &argument), token);
        assert_eq!(scene.club.ended(op), None, "{command} waits");
        let out = scene.id(ann);
        scene.club.declare(|charter| {
            charter.grants.clear();
            charter.revoked.extend(revoked.then_some(out));
        });
        scene.club.catch_up();
        if !revoked {
            let refusal = refused(scene.club.ended(op).expect("it ended").clone());
            assert_eq!(refusal.kind, RefusalKind::NoPermission, "{command}");
            assert!(refusal.text.contains("nothing was done"), "{}", refusal.text);
        }
        let endings = endings(&scene.club, attic);
        assert!(endings.len() == 1 && endings[0].starts_with("refused: "), "{endings:?}");
        assert_eq!(scene.club.entered(attic), [], "{command}");
        assert!(scene.club.is_joined(attic, scene.hall), "{command}");
        assert!(matches!(scene.club.call(lamp, attic, ("s.ping", "")), Outcome::Reply(_)));
    }
}

//! What a server in between, a member without rights, or somebody who recorded what was said may
//! try with commands. Each attack is tried on a sound mind, where nothing comes of it, and on one
//! that lacks the defence, where it works: so it is the defence that is tested.

use std::cell::RefCell;
use std::rc::Rc;

use ltn_proto::sim::Mutant;
use ltn_proto::{
    Flags, Frame, Header, Input, Kind, NodeId, Op, Outcome, Permission, RefusalKind, Role, Value,
};

use crate::club::{Club, ROOT};

/// The root, a server below it that is not to be trusted, one below that, and two clients: an
/// admin of everything, and somebody.
struct Scene {
    club: Club,
    hall: usize,
    attic: usize,
    ann: usize,
    eve: usize,
}

impl Scene {
    fn new() -> Self {
        let (mut club, [hall, attic, ann]) = Club::guarded();
        let eve = club.member(Role::Client, "eve", ROOT);
        Self { club, hall, attic, ann, eve }
    }

    fn with(mutant: Option<Mutant>, of: fn(&Self) -> usize) -> Self {
        let mut scene = Self::new();
        let broken = of(&scene);
        if let Some(mutant) = mutant {
            scene.club.minds[broken].set_mutant(mutant);
        }
        scene
    }

    /// Everything of this kind that goes from the one to the other from here on, and whether it
    /// arrives.
    fn listen(&mut self, (from, to): (usize, usize), kind: Kind, arrives: bool) -> Recorded {
        let recorded = Recorded::default();
        let tape = recorded.clone();
        self.club.tap = Some(Box::new(move |one, other, frame| {
            let is_it = (one, other) == (from, to) && frame.header.kind == kind;
            if is_it {
                tape.0.borrow_mut().push(frame.clone());
            }
            !is_it || arrives
        }));
        recorded
    }

    /// The admin's signed call of `gate` at the attic, as the hall passes it on.
    fn record_call(&mut self, arrives: bool) -> Frame {
        let (hall, attic, ann) = (self.hall, self.attic, self.ann);
        let calls = Recorded::default();
        let tape = calls.clone();
        self.club.tap = Some(Box::new(move |one, other, frame| {
            let is_it = (one, other) == (hall, attic) && frame.header.kind == Kind::CALL;
            if is_it {
                tape.0.borrow_mut().push(frame.clone());
            }
            // The first one is the question that is not signed yet.
            !is_it || arrives || tape.0.borrow().len() < 2
        }));
        self.club.begin_call(ann, attic, ("gate", "open"), None);
        self.club.tap = None;
        calls.last()
    }

    fn id(&self, number: usize) -> NodeId {
        self.club.ids[number]
    }
}

#[derive(Clone, Default)]
struct Recorded(Rc<RefCell<Vec<Frame>>>);

impl Recorded {
    fn last(&self) -> Frame {
        self.0.borrow().last().expect("something was said").clone()
    }
}

/// A frame with a command that nobody signed: `{0: command, 1: [argument], 2: null, 3: null}`.
fn unsigned_call(from: NodeId, to: NodeId, command: &str, argument: &str) -> Frame {
    let mut header = Header::new(Kind::CALL, from, to);
    (header.id, header.time_left_ms, header.flags) = (77, 20_000, Flags::ANSWER_WANTED);
    let text = |text: &str| {
        let length = u8::try_from(text.len()).ok().filter(|length| *length < 24).expect("short");
        [&[0x60 + length], text.as_bytes()].concat()
    };
    let payload = [&[0xa2, 0x00][..], &text(command), &[0x01, 0x81], &text(argument)].concat();
    Frame { header, payload: payload.into() }
}

/// Puts the one text in place of the other, which is as long.
fn replace(frame: &mut Frame, this: &str, that: &str) {
    let mut bytes = frame.payload.to_vec();
    let at = bytes.windows(this.len()).position(|part| part == this.as_bytes());
    let at = at.expect("the text is in it");
    bytes[at..at + this.len()].copy_from_slice(that.as_bytes());
    frame.payload = bytes.into();
}

/// How often the attic ran something: with all its defences, and without this one.
fn at_the_attic(without: Mutant, attack: fn(&mut Scene)) -> [usize; 2] {
    [None, Some(without)].map(|mutant| {
        let mut scene = Scene::with(mutant, |scene| scene.attic);
        attack(&mut scene);
        scene.club.entered(scene.attic).len()
    })
}

#[test]
fn an_admin_runs_commands_and_others_do_not() {
    let mut scene = Scene::new();
    let (ann, eve, attic) = (scene.ann, scene.eve, scene.attic);
    let done = Outcome::Reply(Value::from("done"));
    assert_eq!(scene.club.call(ann, attic, ("gate", "open")), done);
    assert_eq!(scene.club.call_and_confirm(ann, attic, ("vault", "open")), done);
    for command in ["gate", "vault"] {
        let outcome = scene.club.call(eve, attic, (command, "open"));
        let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert_eq!(refusal.kind, RefusalKind::NoPermission);
    }
    let ran = scene.club.entered(attic);
    assert_eq!(ran, [(scene.id(ann), "open".to_owned()), (scene.id(ann), "open".to_owned())]);
}

#[test]
fn what_a_server_says_in_the_name_of_an_admin_is_not_run() {
    // From outside of what is below it: the next server does not even look at it.
    let mut scene = Scene::new();
    let (ann, hall) = (scene.id(scene.ann), scene.hall);
    let forged = unsigned_call(ann, scene.id(ROOT), "gate", "open");
    scene.club.inject(hall, ROOT, forged);
    assert_eq!(scene.club.entered(ROOT).len(), 0);
    // To those below it a server speaks for everybody: they want a signature.
    let forge = |scene: &mut Scene| {
        let forged = unsigned_call(scene.id(scene.ann), scene.id(scene.attic), "gate", "open");
        scene.club.inject(scene.hall, scene.attic, forged);
    };
    assert_eq!(at_the_attic(Mutant::NoProofCheck, forge), [0, 1]);
}

#[test]
fn what_needs_an_admin_only_for_others_is_not_run_unsigned_either() {
    let mut scene = Scene::new();
    let (ann, attic, hall) = (scene.id(scene.ann), scene.attic, scene.hall);
    let lamp = scene.club.member(Role::Client, "lamp", attic);
    for command in ["s.removeadmin", "s.mute"] {
        let forged = unsigned_call(ann, scene.id(attic), command, "lamp");
        let answers = scene.listen((attic, hall), Kind::CHALLENGE, true);
        scene.club.inject(hall, attic, forged);
        assert_eq!(answers.last().header.kind, Kind::CHALLENGE, "{command}");
    }
    assert!(scene.club.is_joined(lamp, attic));
}

#[test]
fn a_signed_command_is_run_once_and_not_again_in_the_same_session() {
    let replay = |scene: &mut Scene| {
        let call = scene.record_call(true);
        scene.club.inject(scene.hall, scene.attic, call);
    };
    assert_eq!(at_the_attic(Mutant::NoNonceCheck, replay), [1, 2]);
}

#[test]
fn nor_in_a_new_session() {
    let replay = |scene: &mut Scene| {
        let call = scene.record_call(true);
        assert!(scene.club.join(scene.attic, ROOT) && scene.club.join(scene.attic, scene.hall));
        scene.club.inject(scene.hall, scene.attic, call);
    };
    assert_eq!(at_the_attic(Mutant::NoNonceCheck, replay), [1, 2]);
}

#[test]
fn nor_after_its_target_was_restarted() {
    let replay = |mutant: Option<Mutant>| {
        let mut scene = Scene::new();
        let call = scene.record_call(true);
        scene.club.restart(scene.attic, scene.hall);
        scene.club.offer(scene.attic, "gate", false);
        if let Some(mutant) = mutant {
            scene.club.minds[scene.attic].set_mutant(mutant);
        }
        let answers = scene.listen((scene.attic, scene.hall), Kind::SEALED, true);
        scene.club.inject(scene.hall, scene.attic, call);
        assert_eq!(answers.last().header.kind, Kind::SEALED);
        scene.club.entered(scene.attic).len()
    };
    assert_eq!([None, Some(Mutant::NoNonceCheck)].map(replay), [1, 2]);
}

#[test]
fn nor_at_another_node() {
    let replay = |mutant: Option<Mutant>| {
        let mut scene = Scene::with(mutant, |scene| scene.hall);
        let mut call = scene.record_call(false);
        call.header.destination = scene.id(scene.hall);
        scene.club.inject(ROOT, scene.hall, call);
        scene.club.entered(scene.hall).len()
    };
    assert_eq!([None, Some(Mutant::NoTargetCheck)].map(replay), [0, 1]);
}

#[test]
fn nor_after_its_issuer_was_revoked() {
    let replay = |scene: &mut Scene| {
        let call = scene.record_call(false);
        let ann = scene.id(scene.ann);
        scene.club.declare(|charter| charter.revoked.push(ann));
        scene.club.inject(scene.hall, scene.attic, call);
    };
    assert_eq!(at_the_attic(Mutant::NoCharterCheck, replay), [0, 1]);
}

#[test]
fn nor_after_the_rights_of_its_issuer_ended_though_he_stays_joined() {
    let replay = |scene: &mut Scene| {
        let call = scene.record_call(false);
        scene.club.declare(|charter| charter.grants.clear());
        assert!(scene.club.is_joined(scene.ann, ROOT));
        scene.club.inject(scene.hall, scene.attic, call);
        scene.club.call(scene.ann, scene.attic, ("gate", "open"));
    };
    assert_eq!(at_the_attic(Mutant::NoCharterCheck, replay), [0, 2]);
}

#[test]
fn nor_at_a_later_time_of_the_network() {
    let replay = |scene: &mut Scene| {
        let call = scene.record_call(false);
        scene.club.declare(|charter| charter.edition.epoch += 1);
        scene.club.inject(scene.hall, scene.attic, call);
    };
    assert_eq!(at_the_attic(Mutant::NoEpochCheck, replay), [0, 1]);
}

/// The admin's second word for `vault` at the attic, kept back by the hall.
fn record_confirmation(scene: &mut Scene) -> Frame {
    let (ann, attic) = (scene.ann, scene.attic);
    let Outcome::Confirm(shown) = scene.club.call(ann, attic, ("vault", "open")) else {
        panic!("it is dangerous")
    };
    let said = scene.listen((scene.hall, attic), Kind::CALL, false);
    scene.club.begin_call(ann, attic, ("vault", "open"), Some(shown.token));
    scene.club.tap = None;
    said.last()
}

#[test]
fn a_confirmation_is_for_the_arguments_that_were_shown() {
    let attack = |scene: &mut Scene| {
        let mut word = record_confirmation(scene);
        replace(&mut word, "open", "burn");
        scene.club.inject(scene.hall, scene.attic, word);
    };
    assert_eq!(at_the_attic(Mutant::NoArgumentCheck, attack), [0, 1]);
    // The admin's own mind would not sign it in the first place.
    let mut scene = Scene::new();
    let (ann, attic) = (scene.ann, scene.attic);
    let Outcome::Confirm(shown) = scene.club.call(ann, attic, ("vault", "open")) else {
        panic!("it is dangerous")
    };
    let op = scene.club.begin_call(ann, attic, ("vault", "burn"), Some(shown.token));
    let Some(Outcome::Refused(refusal)) = scene.club.ended(op) else { panic!("not refused") };
    assert_eq!(refusal.kind, RefusalKind::BadToken);
}

#[test]
fn a_confirmation_is_good_once() {
    let attack = |scene: &mut Scene| {
        let word = record_confirmation(scene);
        scene.club.inject(scene.hall, scene.attic, word.clone());
        scene.club.inject(scene.hall, scene.attic, word);
    };
    assert_eq!(at_the_attic(Mutant::NoNonceCheck, attack), [1, 2]);
}

#[test]
fn a_confirmation_is_its_issuers_alone() {
    let attack = |scene: &mut Scene| {
        // Another admin: he may do as much, and it has to be in his own name.
        scene.club.make_admin(scene.eve, ROOT);
        let mut word = record_confirmation(scene);
        word.header.source = scene.id(scene.eve);
        scene.club.inject(scene.hall, scene.attic, word);
    };
    assert_eq!(at_the_attic(Mutant::NoIssuerCheck, attack), [0, 1]);
}

#[test]
fn a_command_about_nobody_is_refused() {
    let mut scene = Scene::new();
    for command in ["s.mute", "s.kickuser", "s.shutdownserver", "s.shutdownsubtree"] {
        let outcome = scene.club.call(scene.ann, ROOT, (command, ""));
        let Outcome::Refused(refusal) = outcome else { panic!("{command}: {outcome:?}") };
        assert_eq!(refusal.kind, RefusalKind::BadArguments);
    }
}

#[test]
fn a_result_that_a_server_made_up_is_believed_by_nobody() {
    let lie = |mutant: Option<Mutant>| {
        let mut scene = Scene::with(mutant, |scene| scene.ann);
        let (hall, attic, ann) = (scene.hall, scene.attic, scene.ann);
        let call = scene.listen((hall, attic), Kind::CALL, false);
        let op = scene.club.begin_call(ann, attic, ("gate", "open"), None);
        scene.club.tap = None;
        let mut header = Header::new(Kind::REPLY, scene.id(attic), scene.id(ann));
        (header.id, header.flags) = (call.last().header.id, Flags::VALUE);
        let payload = Value::from("done").to_cbor().into();
        scene.club.inject(hall, ROOT, Frame { header, payload });
        scene.club.ended(op).expect("it ended").clone()
    };
    let said = lie(None);
    assert!(matches!(&said, Outcome::Unknown(why) if why.contains("not signed")), "{said:?}");
    assert_eq!(lie(Some(Mutant::NoSealCheck)), Outcome::Reply(Value::from("done")));
}

#[test]
fn a_refusal_that_a_server_made_up_does_not_hide_what_was_done() {
    let lie = |mutant: Option<Mutant>| {
        let mut scene = Scene::with(mutant, |scene| scene.ann);
        let (hall, attic, ann) = (scene.hall, scene.attic, scene.ann);
        // The command arrives and is run; its answer is kept, and another one told.
        let answer = scene.listen((attic, hall), Kind::SEALED, false);
        let op = scene.club.begin_call(ann, attic, ("gate", "open"), None);
        scene.club.tap = None;
        assert_eq!(scene.club.entered(attic).len(), 1);
        let mut header = Header::new(Kind::NO_ROUTE, scene.id(hall), scene.id(ann));
        header.id = answer.last().header.id;
        let payload = vec![0xa2, 0x00, 0x61, b'/', 0x01, 0x62, b'n', b'o'].into();
        scene.club.inject(hall, ROOT, Frame { header, payload });
        scene.club.ended(op).expect("it ended").clone()
    };
    assert!(matches!(lie(None), Outcome::Unknown(_)));
    assert!(matches!(lie(Some(Mutant::NoSealCheck)), Outcome::NoRoute(_)));
}

#[test]
fn a_signed_answer_is_for_one_question_and_changes_in_no_byte() {
    let mut scene = Scene::new();
    let (hall, attic, ann) = (scene.hall, scene.attic, scene.ann);
    let first = scene.listen((attic, hall), Kind::SEALED, true);
    scene.club.call(ann, attic, ("gate", "open"));
    let earlier = first.last();
    for turn in 0..2 {
        let answer = scene.listen((attic, hall), Kind::SEALED, false);
        let op = scene.club.begin_call(ann, attic, ("gate", "shut"), None);
        scene.club.tap = None;
        let mut lie = answer.last();
        if turn == 0 {
            lie.payload = earlier.payload.clone();
        } else {
            replace(&mut lie, "done", "gone");
        }
        scene.club.inject(hall, ROOT, lie);
        let outcome = scene.club.ended(op);
        assert!(matches!(outcome, Some(Outcome::Unknown(_))), "{turn}: {outcome:?}");
    }
}

/// A server answers who is at a place with a node of its own.
fn answer_with_another(scene: &mut Scene, mutant: Option<Mutant>) -> Outcome {
    let (hall, attic, ann) = (scene.hall, scene.attic, scene.ann);
    let cellar = scene.club.member(Role::SubServer, "cellar", ROOT);
    scene.club.offer(cellar, "gate", false);
    assert!(scene.club.join(ann, hall));
    if let Some(mutant) = mutant {
        scene.club.minds[ann].set_mutant(mutant);
    }
    let asked = scene.listen((ann, hall), Kind::RESOLVE, false);
    let target = "/cellar".parse().expect("a path");
    let op = scene.club.begin_call_to(ann, target, ("gate", "open"), None);
    scene.club.tap = None;
    let mut header = Header::new(Kind::RESOLVED, scene.id(hall), scene.id(ann));
    header.id = asked.last().header.id;
    // {0: id, 1: ["cellar"]}
    let id = scene.id(attic);
    let payload = [&[0xa2, 0x00, 0x58, 32][..], id.as_bytes(), b"\x01\x81\x66cellar"].concat();
    scene.club.inject(hall, ann, Frame { header, payload: payload.into() });
    scene.club.ended(op).expect("it ended").clone()
}

#[test]
fn who_is_at_a_place_is_said_by_the_main_server_before_anything_is_signed() {
    let mut scene = Scene::new();
    let outcome = answer_with_another(&mut scene, None);
    let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refusal.kind, RefusalKind::BadTarget);
    let told = refusal.text.contains("/cellar") && refusal.text.contains("/hall/attic");
    assert!(told, "{}", refusal.text);
    assert_eq!(scene.club.entered(scene.attic).len(), 0);
    let mut scene = Scene::new();
    let outcome = answer_with_another(&mut scene, Some(Mutant::NoPlaceCheck));
    assert_eq!(outcome, Outcome::Reply(Value::from("done")));
    // Whom nobody lies about is commanded by his place.
    let mut scene = Scene::new();
    assert!(scene.club.join(scene.ann, scene.hall));
    for place in ["/", "/hall", "/hall/attic", "attic"] {
        let target = place.parse().expect("a place");
        let op = scene.club.begin_call_to(scene.ann, target, ("gate", "open"), None);
        let outcome = scene.club.ended(op);
        assert_eq!(outcome, Some(&Outcome::Reply(Value::from("done"))), "{place}");
    }
}

/// `PLACE`, as a server tells it to its child: the ids and names of all above it, the top first.
fn place(from: NodeId, to: NodeId, above: &[(NodeId, &str)]) -> Frame {
    let mut payload = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut payload);
    let mut write = || -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        encoder.map(2)?.u8(0)?.array(above.len() as u64)?;
        for (id, name) in above {
            encoder.map(2)?.u8(0)?.bytes(id.as_bytes())?.u8(1)?.str(name)?;
        }
        encoder.u8(1)?.bool(true)?;
        Ok(())
    };
    write().expect("writing to memory");
    Frame { header: Header::new(Kind::PLACE, from, to), payload: payload.into() }
}

#[test]
fn a_server_cannot_put_its_children_into_the_scope_of_a_friend() {
    let attack = |mutant: Option<Mutant>| {
        let mut scene = Scene::new();
        let (eve, hall) = (scene.eve, scene.hall);
        let cellar = scene.club.member(Role::SubServer, "cellar", ROOT);
        let lamp = scene.club.member(Role::Client, "lamp", cellar);
        let bulb = scene.club.member(Role::Client, "bulb", hall);
        for client in [lamp, bulb] {
            scene.club.offer(client, "gate", false);
        }
        scene.club.make_admin(eve, hall);
        assert_eq!(scene.club.call(eve, bulb, ("gate", "open")), Outcome::Reply("done".into()));
        if let Some(mutant) = mutant {
            scene.club.minds[lamp].set_mutant(mutant);
        }
        let above = [(ROOT, "Mainserver"), (hall, "hall"), (cellar, "cellar")];
        let above = above.map(|(number, name)| (scene.id(number), name));
        let lie = place(scene.id(cellar), scene.id(lamp), &above);
        scene.club.inject(cellar, lamp, lie);
        scene.club.call(eve, lamp, ("gate", "open"));
        scene.club.entered(lamp).len()
    };
    assert_eq!([None, Some(Mutant::NoScopeCheck)].map(attack), [0, 1]);
}

#[test]
fn a_higher_server_sends_its_children_nowhere_unless_they_asked_for_it() {
    let mut scene = Scene::new();
    let (hall, attic) = (scene.hall, scene.attic);
    let lamp = scene.club.member(Role::Client, "lamp", attic);
    let forged = unsigned_call(scene.id(attic), scene.id(lamp), "connect", "192.0.2.1:4000");
    scene.club.inject(attic, lamp, forged);
    assert!(scene.club.is_joined(lamp, attic), "it was not asked to go");
    let outcome = scene.club.call(lamp, attic, ("s.connectto", "192.0.2.1:4000"));
    assert!(matches!(outcome, Outcome::Reply(_)), "{outcome:?}");
    assert!(scene.club.is_joined(lamp, hall));
}

#[test]
fn one_word_at_one_server_is_enough_for_what_needs_that_word() {
    let mut scene = Scene::new();
    let (eve, attic) = (scene.eve, scene.attic);
    assert!(scene.club.join(eve, attic));
    let word = Permission::word("gate").expect("a word");
    let who = scene.id(eve);
    let scope = scene.id(attic);
    scene.club.declare(|charter| {
        charter.grants.push(ltn_proto::Grant { who, what: vec![word.clone()], scope });
    });
    let spec = ltn_proto::CommandSpec::new("door", "for tests").permission(word);
    let spec = spec.required("what", ltn_proto::ParameterKind::Text);
    scene.club.feed(attic, Input::Op(Op::OfferCommand { spec }));
    let done = Outcome::Reply(Value::from("done"));
    assert_eq!(scene.club.call(eve, attic, ("door", "open")), done);
    assert_eq!(scene.club.entered(attic).len(), 1);
}

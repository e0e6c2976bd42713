//! Signed commands, as a sequence: what an admin gives, and what a hostile server between her and
//! everybody else makes of the words. Whatever it keeps back, changes, makes up or says again:
//!
//! - only what she gave is run, where she gave it, and once;
//! - what ended as done was done, what ended as certainly not done is never done;
//! - nobody stops whom she did not stop, nor is anybody told that somebody stopped who did not;
//! - what is run is written down before, and nobody's log has lines about others but the main
//!   server's, as copies of those who may have sent them;
//! - everything that was asked ends.
//!
//! An input is a sequence of steps, see [`step`]; what is said is none of it, so it means the same
//! after a change of the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ltn_proto::sim::Mutant;
use ltn_proto::{
    AUDIT_TEXT_CHARS_MAX, CopyOf, Durable, Event, Flags, Frame, Header, Kind, NodeId, Op, OpId,
    Outcome, RollCallEntry, RollCallOutcome, Target, Value,
};

use crate::feed::Feed;
use crate::hall::{
    ANN, ATTIC, COMMANDS, EVE, End, HALL, Hall, ROOT, Word, answer_to, end_of, number_in,
};
use crate::world::id_of;

/// No more than this is played of one input.
const STEPS_MAX: usize = 200;
/// How long whoever calls waits.
const TIMEOUT: Duration = Duration::from_secs(20);
/// After so much time every question has ended.
const ALL_DEADLINES: Duration = Duration::from_secs(60);
/// How much time passes at once then: less than a lease, and than a roll call waits.
const PAUSE: Duration = Duration::from_secs(2);
/// When all have ended, so much more shows what is done too late; a roll call waits three seconds.
const CALM: Duration = Duration::from_secs(4);
/// Of so many inputs one is looked at for the whole time.
const PATIENT: usize = 16;
/// What the main server may be ordered.
const ORDERS: [&str; 2] = ["s.shutdownsubtree", "s.restartsubtree"];
/// The attic alone, and the hall with it.
const PLACES: [&str; 2] = ["/hall/attic", "/hall"];

/// What the first byte of a step says. The others follow it.
pub(crate) mod step {
    /// Everything arrives that was said.
    pub(crate) const PASS_ALL: u8 = 0;
    /// What was said first of all that has not arrived arrives.
    pub(crate) const PASS: u8 = 1;
    /// It never does.
    pub(crate) const DROP: u8 = 2;
    /// What was said last arrives before the rest.
    pub(crate) const OVERTAKE: u8 = 3;
    /// What was said first arrives with another byte: where (2), how it differs.
    pub(crate) const CHANGE: u8 = 4;
    /// It arrives with another header, see `rewritten`.
    pub(crate) const REWRITE: u8 = 5;
    /// Something arrives again: which.
    pub(crate) const AGAIN: u8 = 6;
    /// Something arrives with the payload of something else: which of which.
    pub(crate) const GRAFT: u8 = 7;
    /// Something is made up: where it arrives, its header, its payload.
    pub(crate) const MAKE_UP: u8 = 8;
    /// A program gives a command: whose, which, and how its node is named.
    pub(crate) const CALL: u8 = 9;
    /// The admin confirms what she was shown last.
    pub(crate) const CONFIRM: u8 = 10;
    /// The admin asks the main server to stop the attic.
    pub(crate) const STOP: u8 = 11;
    /// Time passes: how much, in units of 50 ms.
    pub(crate) const TICK: u8 = 12;
    /// A wire breaks: which.
    pub(crate) const CUT: u8 = 13;
    /// Somebody gives the main server an order: who, what it is, and whom it is about.
    pub(crate) const ORDER: u8 = 14;
    /// How many kinds there are.
    pub(crate) const KINDS: u8 = 15;
}

/// What was asked with one word, and with the second one that confirmed it.
#[derive(Clone)]
struct Given {
    by: u8,
    to: Target,
    command: String,
    arguments: Vec<Value>,
}

/// See the module.
struct Play {
    hall: Hall,
    ops: u64,
    /// What was asked and has not ended.
    open: BTreeMap<OpId, u64>,
    /// Each has a number, which is its argument where it is one of the attic's commands.
    given: BTreeMap<u64, Given>,
    /// What the admin was shown and has not confirmed.
    shown: Vec<(u64, [u8; 16])>,
    /// How often each was run.
    ran: BTreeMap<u64, u32>,
    /// Those that ended as certainly not done.
    not_done: Vec<u64>,
    /// Whom the admin has confirmed to stop.
    ordered: BTreeSet<u8>,
    /// Who does.
    stopping: BTreeSet<u8>,
    /// Commands of which the attic has written down that they run, and which have not.
    accepted: BTreeSet<String>,
}

/// How a sequence went.
#[derive(Debug)]
pub struct Played {
    /// How many commands were run.
    pub ran: usize,
    /// The numbers of the kinds of words that have arrived.
    pub heard: BTreeSet<u8>,
}

/// Lets these steps be done; panics if a promise is broken.
pub(crate) fn play(data: &[u8]) {
    let _ = commands_played(data, None);
}

/// The same, where the attic may lack a defence; says how it went.
#[must_use]
pub fn commands_played(data: &[u8], without: Option<Mutant>) -> Played {
    let mut play = Play {
        hall: Hall::new(),
        ops: 100,
        open: BTreeMap::new(),
        given: BTreeMap::new(),
        shown: Vec::new(),
        ran: BTreeMap::new(),
        not_done: Vec::new(),
        ordered: BTreeSet::new(),
        stopping: BTreeSet::new(),
        accepted: BTreeSet::new(),
    };
    if let Some(mutant) = without {
        play.hall.break_attic(mutant);
    }
    let mut feed = Feed::new(data);
    for _ in 0..STEPS_MAX {
        if feed.is_empty() {
            break;
        }
        play.step(&mut feed);
        play.look();
    }
    play.end(data.len().is_multiple_of(PATIENT))
}

impl Play {
    fn step(&mut self, feed: &mut Feed<'_>) {
        let hall = &mut self.hall;
        match feed.byte() % step::KINDS {
            step::PASS_ALL => hall.pass_all_on(),
            step::DROP => drop(hall.held.pop_front()),
            step::AGAIN => {
                if let Some((end, frame)) = self.said(feed) {
                    self.hall.arrive(end, frame);
                }
            }
            step::GRAFT => {
                if let (Some((end, Frame { header, .. })), Some((_, Frame { payload, .. }))) =
                    (self.said(feed), self.said(feed))
                {
                    self.hall.arrive(end, Frame { header, payload });
                }
            }
            step::MAKE_UP => {
                let Some(end) = end_of(&hall.wires, feed) else { return };
                let header = Header::new(Kind(feed.byte()), NodeId::NOBODY, NodeId::NOBODY);
                let header = (0..4).fold(header, |header, _| self.rewritten(header, feed));
                let payload = bytes::Bytes::copy_from_slice(feed.piece());
                self.hall.arrive(end, Frame { header, payload });
            }
            step::CALL => self.call(feed),
            step::CONFIRM => self.confirm(),
            step::STOP => self.order(ANN, ORDERS[0], PLACES[0]),
            step::ORDER => {
                let [by, which, whom] = feed.array();
                let by = if by % 4 == 0 { EVE } else { ANN };
                let place = PLACES[usize::from(whom) % PLACES.len()];
                self.order(by, ORDERS[usize::from(which) % ORDERS.len()], place);
            }
            step::TICK => hall.pass(Duration::from_millis(u64::from(feed.byte()) * 50)),
            step::CUT => {
                if let Some(end) = end_of(&hall.wires, feed) {
                    hall.cut(end);
                }
            }
            how @ (step::PASS | step::OVERTAKE | step::CHANGE | step::REWRITE) => {
                self.pass_on(how, feed);
            }
            _ => unreachable!("there are no more kinds"),
        }
    }

    /// The oldest word that was held back arrives, or the newest; as it is or changed.
    fn pass_on(&mut self, how: u8, feed: &mut Feed<'_>) {
        let held = &mut self.hall.held;
        let word = if how == step::OVERTAKE { held.pop_back() } else { held.pop_front() };
        let Some((end, word)) = word else { return };
        let Word::Said(mut frame) = word else { return self.hall.deliver(end, word) };
        if how == step::CHANGE {
            let mut payload = frame.payload.to_vec();
            let at = usize::from(u16::from_be_bytes(feed.array())) % payload.len().max(1);
            let byte = feed.byte();
            payload.iter_mut().skip(at).take(1).for_each(|changed| *changed ^= byte);
            frame.payload = payload.into();
        }
        if how == step::REWRITE {
            frame.header = self.rewritten(frame.header, feed);
        }
        self.hall.arrive(end, frame);
    }

    /// One field is another: which, and what it is.
    fn rewritten(&self, mut header: Header, feed: &mut Feed<'_>) -> Header {
        let node = |byte: u8| if byte % 8 <= EVE { id_of(byte % 8) } else { NodeId::NOBODY };
        match feed.byte() % 7 {
            0 => header.kind = Kind(feed.byte()),
            1 => header.flags = Flags(feed.byte()),
            2 => header.hops_left = feed.byte(),
            3 => header.source = node(feed.byte()),
            4 => header.destination = node(feed.byte()),
            5 => header.time_left_ms = u32::from(feed.byte()) * 1_000,
            _ => header.id = self.said(feed).map_or(1, |(_, said)| said.header.id),
        }
        header
    }

    /// Something that was said before, counted from the last.
    fn said(&self, feed: &mut Feed<'_>) -> Option<(End, Frame)> {
        let tape = &self.hall.tape;
        tape.iter().rev().nth(usize::from(feed.byte()) % tape.len().max(1)).cloned()
    }

    fn call(&mut self, feed: &mut Feed<'_>) {
        let [by, which, named] = feed.array();
        let to = match named % 3 {
            0 => Target::Id(id_of(ATTIC)),
            1 => "/hall/attic".parse().expect("it is a place"),
            _ => "attic".parse().expect("it is a name"),
        };
        let by = if by % 4 == 0 { EVE } else { ANN };
        let command = COMMANDS[usize::from(which % 2)].to_owned();
        self.give(Given { by, to, command, arguments: vec![Value::from(&*self.ops.to_string())] });
    }

    fn order(&mut self, by: u8, command: &str, place: &str) {
        let (command, arguments) = (command.to_owned(), vec![Value::from(place)]);
        self.give(Given { by, to: Target::Root, command, arguments });
    }

    fn give(&mut self, given: Given) {
        let number = self.ops;
        self.given.insert(number, given);
        self.say(number, None);
    }

    fn confirm(&mut self) {
        let Some((number, token)) = self.shown.pop() else { return };
        let Given { command, arguments, .. } = &self.given[&number];
        if ORDERS.contains(&&**command) {
            let is_both = arguments[..] == [Value::from(PLACES[1])];
            self.ordered.extend([ATTIC].into_iter().chain(is_both.then_some(HALL)));
        }
        self.say(number, Some(token));
    }

    fn say(&mut self, number: u64, token: Option<[u8; 16]>) {
        let op = OpId(self.ops);
        self.ops += 1;
        let Given { by, to, command, arguments } = self.given[&number].clone();
        self.open.insert(op, number);
        self.hall.want(by, Op::Call { op, to, command, arguments, token, timeout: TIMEOUT });
    }

    /// Looks at what was written down, and at what the programs have heard.
    fn look(&mut self) {
        while let Some((who, what)) = self.hall.written.pop_front() {
            self.wrote(who, &what);
        }
        while let Some((who, event)) = self.hall.events.pop_front() {
            match event {
                Event::Called { from, command, arguments, .. } => {
                    assert_eq!(who, ATTIC, "nobody gave {command} there");
                    self.run(from, &command, &arguments);
                }
                Event::Ended { op, outcome } => {
                    // What it did to join, and to come back, was nobody's wish here.
                    if let Some(number) = self.open.remove(&op) {
                        self.ended(number, outcome);
                    }
                }
                Event::Stopping { .. } => {
                    assert!(self.ordered.contains(&who), "{who} was stopped");
                    self.stopping.insert(who);
                }
                _ => {}
            }
        }
    }

    fn wrote(&mut self, who: u8, what: &Durable) {
        let Some((copy_of, line)) = what.audited() else { return };
        if let Some(CopyOf { branch, node }) = copy_of {
            let below = [HALL, ATTIC, ANN, EVE].map(id_of);
            let is_theirs = below.contains(&node) && below.contains(&branch);
            assert!(who == ROOT && is_theirs, "{who} wrote a copy of {node}'s, by {branch}");
        }
        for text in [&line.command, &line.arguments] {
            assert!(text.chars().count() <= AUDIT_TEXT_CHARS_MAX, "{text}");
        }
        if let (Durable::Accepted { deed, .. }, ATTIC) = (what, who) {
            assert_eq!(deed.actor, id_of(ANN), "who has no rights was obeyed");
            self.accepted.insert(line.arguments.clone());
        }
    }

    fn run(&mut self, from: NodeId, command: &str, arguments: &[Value]) {
        let number = number_in(arguments).expect("nobody gave that argument");
        let given = self.given.get(&number).expect("nobody gave that command");
        assert_eq!((from, given.by), (id_of(ANN), ANN), "who has no rights was obeyed");
        assert_eq!((&*given.command, &*given.arguments), (command, arguments), "it was changed");
        let is_written = self.accepted.remove(&number.to_string());
        assert!(is_written, "{command} {number} is run, and was not written down before");
        let ran = self.ran.entry(number).or_default();
        *ran += 1;
        assert_eq!(*ran, 1, "{command} {number} was run again");
    }

    fn ended(&mut self, number: u64, outcome: Outcome) {
        let given = &self.given[&number];
        let of_attic = COMMANDS.contains(&&*given.command);
        match outcome {
            Outcome::Reply(answer) if of_attic => {
                assert_eq!(self.ran.get(&number), Some(&1), "an answer to what was not run");
                assert_eq!(answer, answer_to(&given.arguments), "another answer");
            }
            Outcome::Reply(report) => self.reported(&report),
            Outcome::Refused(_) | Outcome::NoRoute(_) => self.not_done.push(number),
            Outcome::Confirm(shown) if given.by == ANN => self.shown.push((number, shown.token)),
            _ => {}
        }
    }

    /// How the nodes ended that an order was about.
    fn reported(&self, report: &Value) {
        let lines = report.get("roll_call").and_then(Value::as_list).unwrap_or_default();
        for entry in lines.iter().filter_map(RollCallEntry::from_value) {
            let went =
                matches!(entry.outcome, RollCallOutcome::Stopped | RollCallOutcome::Restarting);
            let goes = self.stopping.iter().any(|who| id_of(*who) == entry.id);
            assert!(!went || goes, "{entry:?} is told, and it goes on");
        }
    }

    /// Time passes, and whatever was asked ends. When all has, and nothing waits on any wire, minds
    /// have nothing left to do but what takes time.
    fn end(mut self, is_patient: bool) -> Played {
        let (mut left, mut calm) = (ALL_DEADLINES, Duration::ZERO);
        while !left.is_zero() && (calm < CALM || is_patient) {
            left -= PAUSE;
            self.hall.pass(PAUSE);
            self.hall.pass_all_on();
            self.look();
            calm = if self.open.is_empty() { calm + PAUSE } else { Duration::ZERO };
        }
        assert!(self.open.is_empty(), "never ended: {:?}", self.open);
        for number in &self.not_done {
            assert_eq!(self.ran.get(number), None, "certainly not done, and it was");
        }
        Played { ran: self.ran.len(), heard: self.hall.heard }
    }
}

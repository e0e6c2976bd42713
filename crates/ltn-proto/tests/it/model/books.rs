//! The reference model's books: every word that was said in a run, where it was heard, how it was
//! answered, and when anything disturbed the network. Plain tables, filled by looking on.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use ltn_proto::sim::{HostId, Network, Observer, Passage, Record, What};
use ltn_proto::{Content, Event, Frame, Kind, Moment, NodeId, OpId, Target, Value};

use super::skew::{self, Strange};
use super::truth::Truth;
use super::violation::{Violation, ViolationKind};

/// What kind of word it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WordKind {
    Send,
    Cast,
    Request,
    Call,
}

/// One word that a program said: each carries a number that nobody else's does.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) kind: WordKind,
    pub(crate) by: HostId,
    pub(crate) op: Option<OpId>,
    pub(crate) to: Target,
    /// The host that was meant, where that was certain.
    pub(crate) meant: Option<HostId>,
    pub(crate) said: Moment,
    /// Is the handler one of the program's own (so that it shows in these books)?
    pub(crate) entered_by_program: bool,
}

/// A word reached a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) host: HostId,
    pub(crate) at: Moment,
}

/// How a program answers a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Taken,
    Value,
    Failed,
    Refused,
    Never,
}

/// The tables.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) now: Moment,
    pub(crate) words: BTreeMap<u64, Word>,
    pub(crate) entries: BTreeMap<u64, Vec<Entry>>,
    /// How each word is answered, and when.
    pub(crate) replies: BTreeMap<u64, (Reply, Moment)>,
    pub(crate) violations: Vec<Violation>,
    /// Some frames of applications, as material for liars.
    pub(crate) samples: Vec<Frame>,
    /// What was said that nobody here knows, by number.
    pub(crate) strange: BTreeMap<u64, Strange>,
    /// Hosts whose program was told that they lost their server, or that just started.
    adrift: BTreeSet<HostId>,
    /// Runs of processes that ended by their own will.
    pub(crate) stopped: BTreeSet<(HostId, u32)>,
    /// When each host's process stood still.
    pub(crate) pauses: Vec<(HostId, Moment, Moment)>,
    /// Hosts behind a link that was not read, and when.
    pub(crate) behind_slow: Vec<(BTreeSet<HostId>, Moment, Moment)>,
    /// When something disturbed the network.
    disturbances: Vec<(Moment, Moment)>,
    /// What every node really said, by fingerprint.
    said: BTreeSet<Fingerprint>,
    /// The last cast heard, by sender, receiver and the target as it was spelled.
    last_casts: BTreeMap<(HostId, HostId, String), u64>,
}

type Fingerprint = (NodeId, u8, u64, u64);

fn fingerprint(frame: &Frame) -> Fingerprint {
    let header = &frame.header;
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in header.destination.as_bytes().iter().chain(frame.payload.iter()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (header.source, header.kind.0, header.id, hash)
}

impl Books {
    pub(crate) fn disturb(&mut self, from: Moment, until: Moment) {
        // Neighbouring disturbances are one: the list stays short.
        if let Some(last) = self.disturbances.last_mut()
            && from <= last.1
            && last.0 <= from
        {
            last.1 = last.1.max(until);
            return;
        }
        self.disturbances.push((from, until));
    }

    /// Did nothing disturb the network between these moments?
    pub(crate) fn is_calm(&self, from: Moment, until: Moment) -> bool {
        !self.disturbances.iter().any(|(start, end)| *start <= until && from <= *end)
    }

    /// Was one of the two behind a link that was not read between these moments?
    pub(crate) fn is_behind_slow(&self, ends: [HostId; 2], from: Moment, until: Moment) -> bool {
        self.behind_slow.iter().any(|(hosts, start, end)| {
            let concerns = ends.iter().any(|host| hosts.contains(host));
            concerns && *start <= until && from <= *end
        })
    }

    /// How long this host's process stood still between these moments.
    pub(crate) fn paused_between(&self, host: HostId, from: Moment, until: Moment) -> Duration {
        let overlap = |(_, start, end): &(HostId, Moment, Moment)| {
            (*end).min(until).since((*start).max(from))
        };
        self.pauses.iter().filter(|pause| pause.0 == host).map(overlap).sum()
    }

    pub(crate) fn accuse(&mut self, kind: ViolationKind, what: impl Into<String>) {
        self.violations.push(Violation { at: self.now, kind, what: what.into() });
    }

    /// Something is said that nobody here knows.
    pub(crate) fn say_strange(&mut self, strange: Strange) {
        self.said.insert(fingerprint(&strange.frame));
        self.strange.insert(strange.frame.header.id, strange);
    }

    fn hear(&mut self, network: &Network, host: HostId, from: NodeId, number: u64) {
        let at = self.now;
        let Some(word) = self.words.get(&number).cloned() else {
            self.accuse(ViolationKind::Forged, format!("{host:?} heard a word nobody said"));
            return;
        };
        if network.id(word.by) != from {
            let text = format!("{host:?} took the word {number} of {:?} for {from:?}'s", word.by);
            self.accuse(ViolationKind::Forged, text);
        }
        let entries = self.entries.entry(number).or_default();
        entries.push(Entry { host, at });
        if entries.len() > 1 {
            self.accuse(ViolationKind::EnteredTwice, format!("the word {number}: {word:?}"));
        }
        if let Target::Id(id) = &word.to
            && *id != network.id(host)
        {
            let text = format!("{host:?} heard the word {number}, meant for {id:?}");
            self.accuse(ViolationKind::WrongTarget, text);
        }
        if word.kind == WordKind::Cast {
            self.check_order(&word, host, number);
        }
    }

    fn check_order(&mut self, word: &Word, host: HostId, number: u64) {
        let way = (word.by, host, word.to.to_string());
        let last = self.last_casts.insert(way, number);
        let Some(last) = last.filter(|last| *last > number) else { return };
        if self.is_calm(word.said, self.now) {
            let text = format!("{host:?} heard cast {number} of {:?} after {last}", word.by);
            self.accuse(ViolationKind::OutOfOrder, text);
        }
    }
}

/// The number in what a program was told, if it is one of ours.
pub(crate) fn number_in(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::List(items) => number_in(items.first()?),
        _ => None,
    }
}

/// The number in a message.
pub(crate) fn number_of(content: &Content) -> Option<u64> {
    match content {
        Content::Text(text) => text.strip_prefix("word ")?.parse().ok(),
        Content::Value(value) => number_in(value),
        Content::Bytes(_) => None,
    }
}

/// The pen that fills the books.
#[derive(Debug, Clone)]
pub(crate) struct Keeper(pub(crate) Rc<RefCell<Books>>);

impl Observer for Keeper {
    fn sent(&mut self, network: &Network, passage: &Passage<'_>) {
        let frame = passage.frame;
        skew::passed(&mut self.0.borrow_mut(), passage);
        if !frame.header.kind.is_routed() || passage.injected {
            return;
        }
        let mut books = self.0.borrow_mut();
        books.now = passage.at;
        if frame.header.source == network.id(passage.from) {
            let talk = [Kind::SEND, Kind::CAST, Kind::REQUEST, Kind::CALL];
            if books.samples.len() < 64 && talk.contains(&frame.header.kind) {
                books.samples.push(frame.clone());
            }
            books.said.insert(fingerprint(frame));
        } else if !books.said.contains(&fingerprint(frame)) {
            let text = format!("{:?} passed on what nobody said: {frame:?}", passage.from);
            books.accuse(ViolationKind::Forged, text);
        }
    }

    fn received(&mut self, network: &Network, passage: &Passage<'_>) {
        skew::received(&mut self.0.borrow_mut(), network, passage);
    }

    fn happened(&mut self, network: &Network, record: &Record) {
        let mut books = self.0.borrow_mut();
        books.now = record.at;
        look_at_disk(&mut books, network, record);
        if let What::Told(Event::Connected { parent, .. }) = &record.what {
            look_for_cycle(&mut books, network, record.host, *parent);
        }
        match &record.what {
            What::Told(event) => told(&mut books, network, record.host, event),
            What::Stopped => {
                books.stopped.insert((record.host, network.run_of(record.host)));
                books.disturb(record.at, record.at);
            }
            // Who does not read disturbs nobody but those behind that link.
            What::Fault("reads nothing") => {}
            What::Started(_) | What::Crashed | What::Fault(_) => {
                books.disturb(record.at, record.at);
            }
            What::Asked(_) => {}
        }
    }
}

/// Whoever says that it has another server has written that down. Who lost its own and found
/// another one by itself may still belong where it belonged.
fn look_at_disk(books: &mut Books, network: &Network, record: &Record) {
    let host = record.host;
    match &record.what {
        What::Told(Event::Connected { parent, .. }) => {
            let returning = books.adrift.remove(&host);
            let kept = network.on_disk(host).parent.as_ref().map(|kept| kept.id);
            if kept != Some(*parent) && !(returning && kept.is_some()) {
                let text = format!("{host:?} says that it joined {parent:?} and wrote {kept:?}");
                books.accuse(ViolationKind::NotWritten, text);
            }
        }
        What::Told(Event::Disconnected { .. }) | What::Started(_) => {
            books.adrift.insert(host);
        }
        _ => {}
    }
}

/// The root allows no edge that could ever close a circle, so there is none for a single moment.
fn look_for_cycle(books: &mut Books, network: &Network, host: HostId, parent: NodeId) {
    let Some(parent) = network.host_of(parent) else { return };
    let mut truth = Truth::of(network);
    truth.parents.insert(host, parent);
    if let Some(members) = truth.cycle() {
        books.accuse(ViolationKind::Cycle, format!("{members:?} when {host:?} joined {parent:?}"));
    }
}

fn told(books: &mut Books, network: &Network, host: HostId, event: &Event) {
    let at = books.now;
    match event {
        Event::Message { from, content, .. } => match number_of(content) {
            Some(number) => books.hear(network, host, *from, number),
            None => books.accuse(ViolationKind::Forged, format!("{host:?} heard {content:?}")),
        },
        Event::Requested { from, argument, .. } => match number_in(argument) {
            Some(number) => books.hear(network, host, *from, number),
            None => books.accuse(ViolationKind::Forged, format!("{host:?} heard {argument:?}")),
        },
        Event::Called { from, arguments, .. } => match arguments.first().and_then(number_in) {
            Some(number) => books.hear(network, host, *from, number),
            None => books.accuse(ViolationKind::Forged, format!("{host:?} heard {arguments:?}")),
        },
        Event::Connected { .. }
        | Event::Disconnected { .. }
        | Event::Placed { .. }
        | Event::Renamed { .. }
        | Event::Joined { .. }
        | Event::Left { .. }
        | Event::Ordered { .. }
        | Event::Stopped { .. } => books.disturb(at, at),
        _ => {}
    }
}

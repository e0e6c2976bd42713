//! The queue of all that will happen, and the one loop that lets it happen.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::address::Address;
use crate::durable::{Durable, WriteId};
use crate::event::{Answer, DialError, Input, Op, Output};
use crate::frame::Frame;
use crate::id::{DialId, InboundId, LinkId, NodeId, OpId};
use crate::moment::Moment;
use crate::name::Name;
use crate::node::{NodeConfig, NodeState};
use crate::outcome::CloseReason;
use crate::role::Role;

use super::faults::Latency;
use super::history::{History, OpRecord, Record, What};
use super::host::Host;
use super::mutant::Mutant;
use super::program::Manners;
use super::random::Random;
use super::wire::{Parcel, Side, Wire, WireId};
use super::{HostId, draw};

/// A mind that is stepped this often in one simulated second goes round in circles.
const STEPS_PER_SECOND_MAX: u32 = 100_000;

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// A parcel reaches the end of its lane.
    Arrive { wire: WireId, from: Side, parcel: Parcel },
    /// What a healed lane had kept back arrives.
    Release { wire: WireId, from: Side },
    /// A dial reaches the listener, if there is one.
    Knock { from: HostId, run: u32, dial: DialId, to: Address },
    /// A dial has come to nothing.
    DialFails { host: HostId, run: u32, dial: DialId, why: DialError },
    /// A mind is told that a link it closed itself is closed.
    Closed { host: HostId, run: u32, link: LinkId, why: CloseReason },
    /// A mind is told that a link broke.
    Lost { host: HostId, run: u32, link: LinkId },
    /// A mind may have something to do.
    Wake { host: HostId, run: u32 },
    /// A program answers.
    Answer { host: HostId, run: u32, inbound: InboundId, answer: Answer },
    /// A disk has taken something.
    Written { host: HostId, run: u32, write: WriteId, what: Durable },
    /// A program goes on.
    Goes { host: HostId, run: u32, op: Op },
    /// A process starts.
    Start { host: HostId },
    /// A paused process goes on.
    Resume { host: HostId },
    /// A lane between two hosts is whole again.
    Heal { from: HostId, to: HostId },
    /// A host reads again what this neighbour sends it.
    Read { host: HostId, from: HostId },
    /// A host has not read for too long: its neighbour gives it up.
    GiveUpOn { host: HostId, from: HostId },
    /// Lines have their usual speed again.
    Calm,
}

/// A frame on its way between two hosts, as observers see it.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    /// When it left, or arrived.
    pub at: Moment,
    /// Who transmitted it.
    pub from: HostId,
    /// Who receives it.
    pub to: HostId,
    /// Does it come from below (a child speaks to its parent)?
    pub upwards: bool,
    /// Was it put on the wire past the mind, by [`Network::inject`]?
    pub injected: bool,
    /// What it says.
    pub frame: &'a Frame,
}

/// Somebody who looks on. Frames are seen when they leave a host and when a mind is handed them.
pub trait Observer {
    /// A host transmits a frame.
    fn sent(&mut self, _network: &Network, _passage: &Passage<'_>) {}
    /// A mind is handed a frame.
    fn received(&mut self, _network: &Network, _passage: &Passage<'_>) {}
    /// Something worth remembering happened.
    fn happened(&mut self, _network: &Network, _record: &Record) {}
}

/// Where lines of a trace go.
pub(super) type TraceSink = Box<dyn FnMut(&str)>;

/// A simulated network. See the [module](super) documentation.
pub struct Network {
    pub(super) now: Moment,
    pub(super) random: Random,
    pub(super) latency: Latency,
    /// The time on the way while lines are slow.
    pub(super) slow: Option<Latency>,
    pub(super) slow_until: Moment,
    pub(super) hosts: Vec<Host>,
    pub(super) wires: BTreeMap<WireId, Wire>,
    /// Which ways are cut, and until when.
    pub(super) cuts: BTreeMap<(HostId, HostId), Moment>,
    pub(super) history: History,
    pub(super) ops: BTreeMap<OpId, OpRecord>,
    pub(super) manners: Manners,
    pub(super) lively: Moment,
    queue: BTreeMap<(Moment, u64), Happening>,
    numbers: u64,
    observers: Vec<Box<dyn Observer>>,
    trace: Option<TraceSink>,
    pub(super) mutant: Option<Mutant>,
    network_seed: u64,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Network {
    /// An empty network of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: Moment::ZERO,
            random: Random::new(seed),
            latency: Latency::default(),
            slow: None,
            slow_until: Moment::ZERO,
            hosts: Vec::new(),
            wires: BTreeMap::new(),
            cuts: BTreeMap::new(),
            history: History::default(),
            ops: BTreeMap::new(),
            manners: Manners::default(),
            lively: Moment::ZERO,
            queue: BTreeMap::new(),
            numbers: 0,
            observers: Vec::new(),
            trace: None,
            mutant: None,
            network_seed: seed,
        }
    }

    /// Adds a host whose node has this role and name, and starts it. An empty name is none.
    pub fn add(&mut self, role: Role, name: &str) -> HostId {
        self.add_with(role, name, |_| {})
    }

    /// As [`Self::add`], with a configuration that differs from the usual one.
    ///
    /// # Panics
    /// If the name is none that can be wanted.
    pub fn add_with(
        &mut self,
        role: Role,
        name: &str,
        configure: impl FnOnce(&mut NodeConfig),
    ) -> HostId {
        let host = HostId(self.hosts.len());
        let name = (!name.is_empty())
            .then(|| Name::wanted(name).expect("a simulated node has a proper name"));
        let id = self.make_id(host);
        let mut machine = Host::new(id, role, name, host.0);
        configure(&mut machine.config);
        self.hosts.push(machine);
        self.start(host);
        host
    }

    pub(super) fn make_id(&self, host: HostId) -> NodeId {
        let key = format!("simulated node {} of network {}", host.0, self.network_seed);
        NodeId::of_public_key(key.as_bytes())
    }

    /// Lets this broken mind run on every host that starts from now on.
    pub const fn set_mutant(&mut self, mutant: Mutant) {
        self.mutant = Some(mutant);
    }

    /// Lets somebody look on.
    pub fn observe(&mut self, observer: impl Observer + 'static) {
        self.observers.push(Box::new(observer));
    }

    /// Hands every line of a trace to `sink`.
    pub fn trace(&mut self, sink: impl FnMut(&str) + 'static) {
        self.trace = Some(Box::new(sink));
    }

    /// Lets simulated time pass.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
    }

    /// Lets time pass until this holds, for so long at most. Says whether it holds.
    pub fn run_until(&mut self, most: Duration, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now + most;
        loop {
            if holds(self) {
                return true;
            }
            if !self.step(until) {
                self.now = until;
                return holds(self);
            }
        }
    }

    /// Lets time pass until nothing but pings was said for a second and nobody waits for an
    /// outcome, for a minute at most. Says whether it came to rest.
    pub fn run_until_quiet(&mut self) -> bool {
        let second = Duration::from_secs(1);
        let rests = |network: &Self| {
            network.now.since(network.lively) >= second && network.open_ops().next().is_none()
        };
        for _ in 0..240 {
            if rests(self) {
                return true;
            }
            self.run_for(second / 4);
        }
        rests(self)
    }

    /// Lets the next thing happen, if it happens before `until`.
    fn step(&mut self, until: Moment) -> bool {
        let Some(entry) = self.queue.first_entry() else { return false };
        let at = entry.key().0;
        if at > until {
            return false;
        }
        let happening = entry.remove();
        self.now = self.now.max(at);
        self.happen(happening);
        true
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        let Some(happening) = self.keep_for_paused(happening) else { return };
        match happening {
            Happening::Arrive { wire, from, parcel } => self.arrive(wire, from, parcel),
            Happening::Release { wire, from } => self.release(wire, from),
            Happening::Knock { from, run, dial, to } => self.knock(from, run, dial, &to),
            Happening::DialFails { host, run, dial, why } => self.dial_fails(host, run, dial, why),
            Happening::Closed { host, run, link, why } => self.tell_closed(host, run, link, why),
            Happening::Lost { host, run, link } => self.tell_lost(host, run, link),
            Happening::Wake { host, run } => self.wake(host, run),
            Happening::Answer { host, run, inbound, answer } => {
                if self.hosts[host.0].run == run && self.is_up(host) {
                    self.tell(host, Op::Answer { inbound, answer });
                }
            }
            Happening::Written { host, run, write, what } => self.written(host, run, write, what),
            Happening::Goes { host, run, op } => {
                if self.hosts[host.0].run == run && self.is_up(host) {
                    self.tell(host, op);
                }
            }
            Happening::Start { host } => self.start_again(host),
            Happening::Resume { host } => self.resume(host),
            Happening::Heal { from, to } => self.heal_if_due(from, to),
            Happening::Read { host, from } => self.read_again(host, from),
            Happening::GiveUpOn { host, from } => self.give_up_on(host, from),
            Happening::Calm => self.calm(),
        }
    }

    /// What concerns a paused process waits until it goes on.
    fn keep_for_paused(&mut self, happening: Happening) -> Option<Happening> {
        let host = match &happening {
            Happening::Arrive { wire, from, .. } | Happening::Release { wire, from } => {
                self.wires.get(wire)?.ways(*from).1
            }
            Happening::DialFails { host, .. }
            | Happening::Closed { host, .. }
            | Happening::Lost { host, .. }
            | Happening::Wake { host, .. }
            | Happening::Written { host, .. }
            | Happening::Goes { host, .. }
            | Happening::Answer { host, .. } => *host,
            Happening::Knock { .. }
            | Happening::Start { .. }
            | Happening::Resume { .. }
            | Happening::Heal { .. }
            | Happening::Read { .. }
            | Happening::GiveUpOn { .. }
            | Happening::Calm => return Some(happening),
        };
        match &mut self.hosts[host.0].paused {
            Some(waiting) => {
                waiting.push_back(happening);
                None
            }
            None => Some(happening),
        }
    }

    /// Enters something that will happen at this moment.
    pub(super) fn at(&mut self, at: Moment, happening: Happening) {
        let number = self.number();
        self.queue.insert((at.max(self.now), number), happening);
    }

    /// Enters something that will happen after this time.
    pub(super) fn after(&mut self, time: Duration, happening: Happening) {
        self.at(self.now + time, happening);
    }

    /// A number that was not used before.
    pub(super) const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Starts a host's process for the first time or anew.
    pub(super) fn start(&mut self, host: HostId) {
        let seed = self.random.bytes();
        let (clock, mutant) = (self.clock(host), self.mutant);
        let machine = &mut self.hosts[host.0];
        machine.run += 1;
        machine.config.seed = seed;
        machine.config.incarnation = u64::from(machine.run);
        machine.config.starts = machine.run;
        machine.config.remembered = machine.disk.clone();
        if let Some(mutant) = mutant {
            mutant.spoil(&mut machine.config);
        }
        let mut mind = NodeState::new(machine.config.clone(), clock);
        if let Some(mutant) = mutant {
            mind.set_mutant(mutant);
        }
        machine.mind = Some(mind);
        let run = machine.run;
        self.note(host, What::Started(run));
        self.drain(host);
    }

    /// One mutation, one full drain: the drive contract.
    pub(super) fn handle(&mut self, host: HostId, input: Input) {
        self.count_step(host);
        let clock = self.clock(host);
        let Some(mind) = &mut self.hosts[host.0].mind else { return };
        mind.handle(clock, input);
        self.drain(host);
    }

    fn drain(&mut self, host: HostId) {
        while let Some(mind) = &mut self.hosts[host.0].mind {
            let Some(output) = mind.poll_output() else { break };
            self.count_step(host);
            match output {
                Output::Transmit { link, frame } => self.utter(host, link, frame),
                Output::Close { link, reason } => self.close(host, link, reason),
                Output::Dial { dial, .. } if self.leaves_dial(host, dial) => {}
                Output::Dial { dial, to } => self.dial(host, dial, to),
                Output::Persist { write, what } => self.persist(host, write, what),
                Output::Event(event) => self.tell_program(host, event),
            }
        }
        self.set_alarm(host);
    }

    /// Wakes the mind no later than it asked for.
    fn set_alarm(&mut self, host: HostId) {
        let machine = &mut self.hosts[host.0];
        let Some(due) = machine.mind.as_ref().and_then(NodeState::poll_timeout) else { return };
        let due = (due - machine.skew).max(self.now);
        if machine.wake.is_none_or(|wake| due < wake) {
            machine.wake = Some(due);
            let run = machine.run;
            self.at(due, Happening::Wake { host, run });
        }
    }

    fn wake(&mut self, host: HostId, run: u32) {
        let (now, clock) = (self.now, self.clock(host));
        let machine = &mut self.hosts[host.0];
        // An earlier alarm has replaced this one, or the process is another one.
        if machine.run != run || machine.wake.is_none_or(|wake| now < wake) {
            return;
        }
        machine.wake = None;
        let due = machine.mind.as_ref().and_then(NodeState::poll_timeout);
        if due.is_some_and(|due| due <= clock) {
            self.handle(host, Input::Timeout);
        } else {
            self.set_alarm(host);
        }
    }

    fn count_step(&mut self, host: HostId) {
        let second = self.now.since_zero().as_secs();
        let steps = &mut self.hosts[host.0].steps;
        if steps.0 != second {
            *steps = (second, 0);
        }
        steps.1 += 1;
        assert!(
            steps.1 <= STEPS_PER_SECOND_MAX,
            "{host:?} goes round in circles at {:?}",
            self.now
        );
    }

    pub(super) fn see(&mut self, passage: &Passage<'_>, arrived: bool) {
        if self.trace.is_some() {
            let line = draw::passage(self, passage, arrived);
            self.say(&line);
        }
        let mut observers = std::mem::take(&mut self.observers);
        for observer in &mut observers {
            if arrived {
                observer.received(self, passage);
            } else {
                observer.sent(self, passage);
            }
        }
        self.observers = observers;
    }

    /// Remembers that something happened.
    pub(super) fn note(&mut self, host: HostId, what: What) {
        let record = Record { at: self.now, host, what };
        if self.trace.is_some() {
            let line = draw::record(self, &record);
            self.say(&line);
        }
        let mut observers = std::mem::take(&mut self.observers);
        for observer in &mut observers {
            observer.happened(self, &record);
        }
        self.observers = observers;
        self.history.add(record);
    }

    fn say(&mut self, line: &str) {
        if let Some(sink) = &mut self.trace {
            sink(line);
        }
    }
}

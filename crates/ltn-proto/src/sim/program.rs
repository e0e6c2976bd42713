//! The program on each node, as the simulator plays it: it is told things, answers as its manners
//! say, and keeps the books.

use std::fmt;
use std::time::Duration;

use crate::event::{Answer, Content, Event, Input, ManyEvent, ManyOp, Op};
use crate::id::{InboundId, NodeId, OpId};
use crate::outcome::{CloseReason, Outcome};
use crate::value::Value;

use super::HostId;
use super::history::{OpRecord, What, numbered, word};
use super::host::Home;
use super::mutant::Mutant;
use super::network::{Happening, Network};

/// A process that restarts itself is away this long.
const RESTART_PAUSE: Duration = Duration::from_millis(300);

/// Something that waits for the program's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// A message whose sender waits.
    Message(Content),
    /// A question to a requestable.
    Request {
        /// Which.
        name: String,
        /// With what.
        argument: Value,
    },
    /// A command.
    Call {
        /// Which.
        command: String,
        /// With what.
        arguments: Vec<Value>,
    },
}

/// What the program does about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    /// Answers after this time.
    After(Duration, Answer),
    /// Never answers.
    Never,
}

impl Reaction {
    /// Answers at once.
    #[must_use]
    pub const fn now(answer: Answer) -> Self {
        Self::After(Duration::ZERO, answer)
    }

    /// Takes messages, answers questions with their argument and commands with their arguments.
    #[must_use]
    pub fn usual(asked: &Asked) -> Self {
        Self::now(match asked {
            Asked::Message(_) => Answer::Taken,
            Asked::Request { argument, .. } => Answer::Value(argument.clone()),
            Asked::Call { arguments, .. } => Answer::Value(Value::List(arguments.clone())),
        })
    }
}

type React = Box<dyn FnMut(HostId, NodeId, &Asked) -> Reaction>;

/// How programs react.
pub(super) struct Manners(React);

impl Default for Manners {
    fn default() -> Self {
        Self(Box::new(|_, _, asked| Reaction::usual(asked)))
    }
}

impl fmt::Debug for Manners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manners").finish_non_exhaustive()
    }
}

impl Network {
    /// Decides how programs react: on which host, who asks, what is asked.
    pub fn react(&mut self, react: impl FnMut(HostId, NodeId, &Asked) -> Reaction + 'static) {
        self.manners = Manners(Box::new(react));
    }

    /// A number for the next thing that a program asks for.
    pub const fn op_id(&mut self) -> OpId {
        OpId(self.number())
    }

    /// A program asks for something.
    ///
    /// # Panics
    /// If the process does not run, or is paused: nobody is there to ask.
    pub fn tell(&mut self, host: HostId, op: Op) {
        assert!(self.is_up(host) && !self.is_paused(host), "nobody runs on {host:?}");
        self.keep_books(host, &op);
        if !matches!(op, Op::Answer { .. } | Op::Many(ManyOp::Taken { .. })) {
            self.note(host, What::Asked(op.clone()));
        }
        self.lively = self.now;
        let op = self.wanting(op);
        self.handle(host, Input::Op(op));
    }

    fn keep_books(&mut self, host: HostId, op: &Op) {
        let machine = &mut self.hosts[host.0];
        match op {
            Op::OfferRequestable { name } => {
                machine.offers.insert(name.clone(), op.clone());
            }
            Op::OfferCommand { spec } => {
                machine.offers.insert(spec.name.clone(), op.clone());
            }
            Op::Withdraw { name } => {
                machine.offers.remove(name);
            }
            Op::Connect { op, to, persist: true } if machine.home.parent.is_none() => {
                machine.home.address = Some(to.clone());
                machine.home.wanted = true;
                machine.seeking = Some(*op);
            }
            Op::GoAway | Op::GiveWay => machine.goes_away = true,
            Op::Disconnect { .. } => {
                machine.home.wanted = false;
            }
            _ => {}
        }
        let Some((number, timeout)) = numbered(op) else { return };
        let record = OpRecord {
            op: number,
            host,
            run: machine.run,
            word: word(op),
            started: self.now,
            due: timeout.map(|timeout| self.now + timeout),
            persists: matches!(
                op,
                Op::Connect { persist: true, .. } | Op::Many(ManyOp::Watch { .. })
            ),
            outcome: None,
            endings: 0,
        };
        let known = self.ops.insert(number, record);
        assert!(known.is_none(), "{number:?} was used before");
    }

    pub(super) fn tell_program(&mut self, host: HostId, event: Event) {
        let Some(event) = self.telling(event) else { return };
        self.note(host, What::Told(event.clone()));
        match event {
            Event::Ended { op, outcome } => {
                if self.mutant == Some(Mutant::EndsTwice) && outcome == Outcome::Delivered {
                    self.op_ended(host, op, outcome.clone());
                }
                self.op_ended(host, op, outcome);
            }
            Event::Message { inbound: Some(inbound), from, content, .. } => {
                if self.mutant == Some(Mutant::TakesUnread) {
                    let (run, answer) = (self.hosts[host.0].run, Answer::Taken);
                    self.at(self.now, Happening::Answer { host, run, inbound, answer });
                }
                self.answer(host, from, inbound, &Asked::Message(content));
            }
            Event::Requested { inbound, from, name, argument, .. } => {
                self.answer(host, from, inbound, &Asked::Request { name, argument });
            }
            Event::Called { inbound, from, command, arguments, .. } => {
                self.answer(host, from, inbound, &Asked::Call { command, arguments });
            }
            Event::Connected { parent, address, name, .. } => {
                let (parent, address) = (Some(parent), Some(address));
                self.hosts[host.0].home = Home { parent, address, name, wanted: true };
            }
            Event::Disconnected { reason, returning, .. } => {
                let home = &mut self.hosts[host.0].home;
                home.parent = None;
                // A process that stops itself in order to come back keeps its place in mind.
                let thrown_out = matches!(reason, CloseReason::Kicked | CloseReason::Stopping);
                home.wanted = returning || (home.wanted && !thrown_out);
            }
            Event::Many(ManyEvent::Gathered { op, .. } | ManyEvent::Presence { op, .. }) => {
                let (run, op) = (self.hosts[host.0].run, Op::Many(ManyOp::Taken { op, count: 1 }));
                self.after(Duration::ZERO, Happening::Goes { host, run, op });
            }
            Event::Renamed { node, name, .. } if node == self.id(host) => {
                self.hosts[host.0].home.name = Some(name);
            }
            Event::Stopped { restart } => self.process_ended(host, restart),
            _ => {}
        }
    }

    fn op_ended(&mut self, host: HostId, op: OpId, outcome: Outcome) {
        let now = self.now;
        let record = self.ops.get_mut(&op).filter(|record| record.host == host);
        let record = record.unwrap_or_else(|| panic!("{host:?} ends {op:?}, which it never got"));
        record.endings += 1;
        let found = matches!(outcome, Outcome::Reply(_));
        record.outcome.get_or_insert((now, outcome));
        // A search that was given up is not taken up again by itself.
        let machine = &mut self.hosts[host.0];
        if machine.seeking == Some(op) {
            machine.seeking = None;
            machine.home.wanted &= found || machine.home.parent.is_some();
        }
    }

    fn answer(&mut self, host: HostId, from: NodeId, inbound: InboundId, asked: &Asked) {
        let run = self.hosts[host.0].run;
        if let Reaction::After(time, answer) = (self.manners.0)(host, from, asked) {
            self.after(time, Happening::Answer { host, run, inbound, answer });
        }
    }

    fn process_ended(&mut self, host: HostId, restart: bool) {
        let last_words = self.hosts[host.0].mind.as_mut().and_then(|mind| mind.poll_output());
        assert_eq!(last_words, None, "nothing follows {host:?}'s `Stopped`");
        self.note(host, What::Stopped);
        self.end_process(host, true);
        if restart {
            self.restart(host, RESTART_PAUSE);
        } else if !std::mem::take(&mut self.hosts[host.0].goes_away) {
            self.hosts[host.0].home = Home::default();
        }
    }

    /// A process starts again on its host: it offers what it offered, and joins where it was.
    pub(super) fn start_again(&mut self, host: HostId) {
        if self.is_up(host) {
            return;
        }
        self.start(host);
        let offers: Vec<Op> = self.hosts[host.0].offers.values().cloned().collect();
        for offer in offers {
            self.tell(host, offer);
        }
        let machine = &self.hosts[host.0];
        let kept = machine.disk.parent.as_ref().and_then(|kept| kept.addresses.first());
        // Who was told to look elsewhere, and has not got there, goes on with that.
        let to = if machine.seeking.is_some() { None } else { kept };
        let to = to.or(machine.home.address.as_ref());
        if let Some(to) = to.cloned().filter(|_| machine.home.wanted) {
            let op = self.op_id();
            self.tell(host, Op::Connect { op, to, persist: true });
        }
    }

    /// What programs asked for that has not ended; what a process took with it is not counted.
    pub fn open_ops(&self) -> impl Iterator<Item = &OpRecord> {
        self.ops.values().filter(|record| {
            let machine = &self.hosts[record.host.0];
            // A watch has no end of its own.
            let ends = record.word != "watch";
            ends && record.outcome.is_none() && machine.mind.is_some() && machine.run == record.run
        })
    }

    /// Everything that programs asked for.
    pub fn ops(&self) -> impl Iterator<Item = &OpRecord> {
        self.ops.values()
    }

    /// How something ended that a program asked for; `None` while it has not.
    #[must_use]
    pub fn outcome(&self, op: OpId) -> Option<&Outcome> {
        self.ops.get(&op)?.outcome.as_ref().map(|(_, outcome)| outcome)
    }
}

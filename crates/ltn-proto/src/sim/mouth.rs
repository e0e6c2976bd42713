//! What a broken mind says in place of what it should: its words are changed on their way out or
//! in.

use std::time::Duration;

use crate::body;
use crate::event::{Event, Input, ManyEvent, Op};
use crate::frame::{Frame, Kind};
use crate::id::{DialId, LinkId};
use crate::node::NodeConfig;
use crate::outcome::{NoRoute, Outcome};
use crate::value::Value;

use super::HostId;
use super::mutant::Mutant;
use super::network::Network;
use super::skew::STRANGE_KIND;

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

impl Network {
    /// What a mind transmits, or what a broken one makes of it.
    pub(super) fn utter(&mut self, host: HostId, link: LinkId, frame: Frame) {
        let mut frame = self.in_its_version(host, frame);
        let kind = frame.header.kind;
        let passed_on = frame.header.source != self.id(host);
        match self.mutant {
            Some(Mutant::SaysTwice) if kind == Kind::CAST && passed_on => {
                self.transmit(host, link, frame.clone(), false);
            }
            Some(Mutant::Overtakes) if kind == Kind::CAST => {
                let Some((held, before)) = self.hosts[host.0].held.take() else {
                    self.hosts[host.0].held = Some((link, frame));
                    return;
                };
                self.transmit(host, link, frame, false);
                if self.hosts[host.0].links.contains_key(&held) {
                    self.transmit(host, held, before, false);
                }
                return;
            }
            Some(Mutant::HidesWays)
                if kind == Kind::RESOLVE && frame.header.id.is_multiple_of(4) =>
            {
                return;
            }
            Some(Mutant::MendsStrange) if kind == STRANGE_KIND => frame.header.flags.0 &= 0x7f,
            Some(Mutant::HidesPlaces) if kind == Kind::PLACE => return,
            Some(Mutant::HidesLosses) if kind == Kind::TREE => {
                return self.transmit(host, link, without_losses(frame), false);
            }
            _ => {}
        }
        self.transmit(host, link, frame, false);
    }

    /// What a mind is handed, or what a broken one makes of it.
    pub(super) fn hear(&mut self, host: HostId, link: LinkId, mut frame: Frame) {
        let ignored = match self.mutant {
            Some(Mutant::IgnoresStrange) => frame.header.kind == STRANGE_KIND,
            Some(Mutant::StrictFields) => Self::has_strange_field(&frame),
            _ => false,
        };
        if ignored {
            return;
        }
        let header = &mut frame.header;
        if self.mutant == Some(Mutant::TakesForeign)
            && header.kind == Kind::CAST
            && header.hops_left.is_multiple_of(2)
        {
            header.destination = self.id(host);
        }
        self.handle(host, Input::Frame { link, frame });
    }

    /// Does a mind dial, or does a broken one leave it?
    pub(super) fn leaves_dial(&mut self, host: HostId, _dial: DialId) -> bool {
        let machine = &self.hosts[host.0];
        let returns = machine.seeking.is_none() && machine.home.parent.is_none();
        self.mutant == Some(Mutant::NeverReturns) && returns && machine.home.wanted
    }

    /// What a program is told, or what a broken mind makes of it.
    pub(super) fn telling(&mut self, event: Event) -> Option<Event> {
        if let Event::Many(ManyEvent::Gathered { entry, .. }) = &event {
            let left_out = entry.id.as_bytes()[0].is_multiple_of(4);
            return (self.mutant != Some(Mutant::LeavesOut) || !left_out).then_some(event);
        }
        if let Event::Many(ManyEvent::Presence { news, .. }) = &event {
            let hidden = news.id.as_bytes()[0].is_multiple_of(4);
            return (self.mutant != Some(Mutant::HidesNews) || !hidden).then_some(event);
        }
        let Event::Ended { op, outcome } = event else { return Some(event) };
        let outcome = match (self.mutant, outcome) {
            (Some(Mutant::ForgetsUnknown), Outcome::Unknown(_)) => return None,
            (Some(Mutant::GuessesNo), Outcome::Unknown(text)) => {
                Outcome::NoRoute(NoRoute { at: "/".to_owned(), text })
            }
            (Some(Mutant::CountsAllAsStopped), Outcome::Reply(value)) => {
                Outcome::Reply(all_stopped(value))
            }
            (_, outcome) => outcome,
        };
        Some(Event::Ended { op, outcome })
    }

    /// What a program wants, or what a broken mind understands.
    pub(super) fn wanting(&self, mut op: Op) -> Op {
        if let (
            Some(Mutant::WaitsTooLong),
            Op::Send { timeout, .. } | Op::Request { timeout, .. } | Op::Call { timeout, .. },
        ) = (self.mutant, &mut op)
        {
            *timeout *= 2;
        }
        op
    }
}

impl Mutant {
    /// What a broken mind is made of.
    pub(super) const fn spoil(self, config: &mut NodeConfig) {
        if matches!(self, Self::NoLease) {
            config.limits.lease = FOR_EVER;
        }
    }
}

fn without_losses(frame: Frame) -> Frame {
    let Ok(body::Tree { mut changes }) = body::read(&frame.payload) else { return frame };
    changes.retain(|change| matches!(change, body::Change::Put(_)));
    Frame { payload: body::write(&body::Tree { changes }), ..frame }
}

fn all_stopped(value: Value) -> Value {
    let Value::Map(mut reply) = value else { return value };
    if let Some(Value::List(lines)) = reply.get_mut("roll_call") {
        for line in lines {
            if let Value::Map(line) = line {
                line.insert("outcome".to_owned(), Value::from("stopped"));
            }
        }
    }
    Value::Map(reply)
}

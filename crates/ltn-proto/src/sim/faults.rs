//! What goes wrong in networks, on demand.

use std::collections::VecDeque;
use std::time::Duration;

use crate::event::Input;

use super::HostId;
use super::history::What;
use super::network::{Happening, Network};
use super::wire::{Side, Stage, Wire, WireId};

/// How long a parcel is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// At least.
    pub shortest: Duration,
    /// At most, but for a few stragglers that take four times as long.
    pub longest: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self { shortest: Duration::from_millis(1), longest: Duration::from_millis(20) }
    }
}

impl Network {
    pub(super) fn draw_latency(&mut self) -> Duration {
        let latency = self.slow.unwrap_or(self.latency);
        let time = self.random.time(latency.shortest, latency.longest);
        if self.random.percent(2) { time * 4 } else { time }
    }

    /// The usual time on the way from now on.
    pub const fn set_latency(&mut self, latency: Latency) {
        self.latency = latency;
    }

    /// Every line is slow for so long.
    pub fn slow_down(&mut self, latency: Latency, time: Duration) {
        self.slow = Some(latency);
        self.slow_until = self.slow_until.max(self.now + time);
        self.note(HostId(0), What::Fault("slow lines"));
        self.after(time, Happening::Calm);
    }

    /// Lines have their usual speed again, unless they were slowed down anew.
    pub(super) fn calm(&mut self) {
        if self.slow_until <= self.now {
            self.slow = None;
        }
    }

    /// Breaks every connection between the two: both ends learn it.
    pub fn break_wires(&mut self, one: HostId, other: HostId) {
        self.note(one, What::Fault("broken link"));
        for (wire, _) in self.ways_between(one, other) {
            // Whatever was on its way is lost with the connection.
            let Some(both) = self.wires.remove(&wire) else { continue };
            for end in [both.dialer, both.listener] {
                if end.stage == Stage::Open {
                    let (host, link) = (end.host, end.link);
                    let run = self.hosts[host.0].run;
                    let latency = self.draw_latency();
                    self.after(latency, Happening::Lost { host, run, link });
                }
            }
        }
    }

    /// Nothing arrives from the one at the other for so long, and nobody is told.
    pub fn cut(&mut self, from: HostId, to: HostId, time: Duration) {
        self.note(from, What::Fault("silent cut"));
        self.cut_quietly(from, to, time);
        self.after(time, Happening::Heal { from, to });
    }

    pub(super) fn cut_quietly(&mut self, from: HostId, to: HostId, time: Duration) {
        let until = self.now + time;
        let known = self.cuts.entry((from, to)).or_insert(until);
        *known = until.max(*known);
    }

    /// A cut is over, unless another one of the same way goes on.
    pub(super) fn heal_if_due(&mut self, from: HostId, to: HostId) {
        if self.cuts.get(&(from, to)).is_some_and(|until| *until <= self.now) {
            self.heal(from, to);
        }
    }

    /// Nothing arrives at either from the other for so long, and nobody is told.
    pub fn cut_both_ways(&mut self, one: HostId, other: HostId, time: Duration) {
        self.cut(one, other, time);
        self.cut(other, one, time);
    }

    /// The way from the one to the other is whole again; what was kept back arrives.
    pub fn heal(&mut self, from: HostId, to: HostId) {
        self.cuts.remove(&(from, to));
        let lanes = |(wire, both): (&WireId, &Wire)| {
            let side = match both.ways(Side::Dialer) {
                ways if ways == (from, to) => Some(Side::Dialer),
                ways if ways == (to, from) => Some(Side::Listener),
                _ => None,
            };
            side.map(|side| (*wire, side))
        };
        let healed: Vec<_> = self.wires.iter().filter_map(lanes).collect();
        for (wire, from) in healed {
            self.at(self.now, Happening::Release { wire, from });
        }
    }

    /// Heals every cut, lets paused processes go on, and gives lines their usual speed.
    pub fn heal_all(&mut self) {
        for (from, to) in self.cuts.keys().copied().collect::<Vec<_>>() {
            self.heal(from, to);
        }
        for host in self.hosts() {
            if self.is_paused(host) {
                self.resume(host);
            }
        }
        self.slow = None;
    }

    /// Is the way from the one to the other cut?
    #[must_use]
    pub fn is_cut(&self, from: HostId, to: HostId) -> bool {
        self.cuts.contains_key(&(from, to))
    }

    /// The process vanishes with its memory. Its system tells the peers that the connections are
    /// gone.
    pub fn crash(&mut self, host: HostId) {
        self.vanish(host, true);
    }

    /// The whole machine vanishes: nobody is told anything.
    pub fn power_off(&mut self, host: HostId) {
        self.vanish(host, false);
    }

    fn vanish(&mut self, host: HostId, told: bool) {
        if !self.is_up(host) {
            return;
        }
        self.note(host, What::Crashed);
        self.end_process(host, told);
    }

    /// The process of this host is no more.
    pub(super) fn end_process(&mut self, host: HostId, told: bool) {
        let machine = &mut self.hosts[host.0];
        let mut ways: Vec<_> = machine.links.values().copied().collect();
        ways.extend(machine.dials.values().flatten().map(|wire| (*wire, Side::Dialer)));
        machine.forget();
        for (wire, side) in ways {
            self.give_up(wire, side, told);
        }
    }

    /// Starts the process of this host after so long: same key, a further start. It joins again
    /// where it was, and goes on trying until that works.
    pub fn restart(&mut self, host: HostId, after: Duration) {
        self.after(after, Happening::Start { host });
    }

    /// The process stands still for so long; what arrives waits.
    pub fn pause(&mut self, host: HostId, time: Duration) {
        if self.is_up(host) && !self.is_paused(host) {
            self.note(host, What::Fault("paused"));
            self.hosts[host.0].paused = Some(VecDeque::new());
            self.after(time, Happening::Resume { host });
        }
    }

    /// The machine sleeps for so long: as a pause, but the process is told when it wakes.
    pub fn put_to_sleep(&mut self, host: HostId, time: Duration) {
        if self.is_up(host) && !self.is_paused(host) {
            self.note(host, What::Fault("asleep"));
            self.hosts[host.0].paused = Some(VecDeque::new());
            self.hosts[host.0].asleep = true;
            self.after(time, Happening::Resume { host });
        }
    }

    /// A paused process goes on with what waited for it.
    pub fn resume(&mut self, host: HostId) {
        let Some(waiting) = self.hosts[host.0].paused.take() else { return };
        if std::mem::take(&mut self.hosts[host.0].asleep) {
            self.handle(host, Input::Slept);
        }
        for happening in waiting {
            self.happen(happening);
        }
    }

    /// The queue from one host towards another has become too full to wait for, or has room.
    pub fn stall(&mut self, host: HostId, towards: HostId, stalled: bool) {
        for (wire, side) in self.ways_between(host, towards) {
            if let Some(both) = self.wires.get(&wire) {
                let link = both.end(side).link;
                self.handle(host, Input::LinkStalled { link, stalled });
            }
        }
    }

    /// The wires between two hosts, and which side the first one has.
    pub(super) fn ways_between(&self, one: HostId, other: HostId) -> Vec<(WireId, Side)> {
        let mut ways = Vec::new();
        for (wire, both) in &self.wires {
            for side in [Side::Dialer, Side::Listener] {
                if both.ways(side) == (one, other) {
                    ways.push((*wire, side));
                }
            }
        }
        ways
    }

    /// Are parcels kept back anywhere by a cut?
    #[must_use]
    pub fn holds_parcels(&self) -> bool {
        self.wires.values().any(Wire::holds)
    }
}

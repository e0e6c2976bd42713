//! What happens to whole machines: suspended and woken, not reading, cloned.

use std::time::Duration;

use crate::body::{self, Hello};
use crate::event::Input;
use crate::frame::{Frame, Header, Kind, PROTOCOL_VERSION};
use crate::moment::Moment;
use crate::outcome::CloseReason;
use crate::signature::Purpose;
use crate::statement::{Intent, Signed, toy_signature};

use super::HostId;
use super::history::What;
use super::mutant::Mutant;
use super::network::{Happening, Network};

impl Network {
    /// What a host's clock shows.
    pub(super) fn clock(&self, host: HostId) -> Moment {
        self.now + self.hosts[host.0].skew
    }

    /// A machine was asleep for so long, by its own clock; for everybody else it was a moment.
    pub fn jump_clock(&mut self, host: HostId, by: Duration) {
        if self.is_up(host) && !self.is_paused(host) {
            self.note(host, What::Fault("clock jump"));
            self.hosts[host.0].skew += by;
            self.handle(host, Input::Timeout);
        }
    }

    /// A host does not read what this neighbour sends for so long: the neighbour's queue fills, it
    /// is told so, and gives the host up if that lasts.
    pub fn stop_reading(&mut self, host: HostId, from: HostId, time: Duration) {
        self.note(host, What::Fault("reads nothing"));
        let patience = self.config(from).limits.stalled_link_timeout;
        self.cut_quietly(from, host, time);
        if self.mutant == Some(Mutant::StallsAll) {
            for other in self.hosts() {
                self.stall(from, other, true);
            }
        }
        self.stall(from, host, true);
        self.after(time, Happening::Read { host, from });
        if time > patience {
            self.after(patience, Happening::GiveUpOn { host, from });
        }
    }

    pub(super) fn read_again(&mut self, host: HostId, from: HostId) {
        self.heal_if_due(from, host);
        if self.mutant == Some(Mutant::StallsAll) {
            for other in self.hosts() {
                self.stall(from, other, false);
            }
        }
        self.stall(from, host, false);
    }

    pub(super) fn give_up_on(&mut self, host: HostId, from: HostId) {
        if !self.is_cut(from, host) || self.is_paused(from) {
            return;
        }
        for (wire, side) in self.ways_between(from, host) {
            let Some(end) = self.wires.get(&wire).map(|both| both.end(side)) else { continue };
            let link = end.link;
            if self.hosts[from.0].links.remove(&link).is_some() {
                self.give_up(wire, side, true);
                let why = CloseReason::SlowReader;
                self.handle(from, Input::LinkClosed { link, why });
            }
        }
    }

    /// Another machine with this host's very key (a cloned card) introduces itself to a server.
    /// It says nothing more: the one that was there first must keep its place.
    pub fn clone_machine(&mut self, victim: HostId, server: HostId) {
        self.note(victim, What::Fault("cloned"));
        let clone = self.add_puppet();
        let config = self.config(victim).clone();
        let (me, peer) = (config.id, self.id(server));
        let intent = Intent {
            network: config.network,
            node: me,
            parent: peer,
            attempt: 1,
            current_parent: None,
            root_incarnation: None,
        };
        let intent = intent.to_bytes();
        let signature = toy_signature(&config.public_key, Purpose::Edge, &intent);
        let intent = Signed::new(intent, config.public_key.clone(), signature);
        let hello = Hello {
            version: PROTOCOL_VERSION,
            role: config.role,
            wanted: config.name.as_ref().map(ToString::to_string),
            incarnation: config.incarnation + 1_000,
            attempt: 1,
            address: config.address.clone(),
            current_parent: None,
            root_incarnation: None,
            height: 0,
            features: 0,
            charter: None,
            pass: None,
            intent: config.role.is_server().then_some(intent),
        };
        self.hosts[clone.0].config = config;
        self.connect_puppet(clone, server);
        let header = Header::new(Kind::HELLO, me, peer);
        self.inject(clone, server, Frame { header, payload: body::write(&hello) });
    }

    /// A machine that is off is set back to a backup of its disk from so many starts ago as it had
    /// then: it counts on from there.
    pub fn set_back(&mut self, host: HostId, starts: u32) {
        self.note(host, What::Fault("set back"));
        self.hosts[host.0].run = starts;
    }

    /// Everything between these hosts and all others is cut both ways for so long.
    pub fn part(&mut self, these: &[HostId], time: Duration) {
        self.note(these.first().copied().unwrap_or(HostId(0)), What::Fault("partition"));
        let others: Vec<HostId> = self.hosts().filter(|host| !these.contains(host)).collect();
        for (one, other) in these.iter().flat_map(|one| others.iter().map(move |o| (*one, *o))) {
            for (from, to) in [(one, other), (other, one)] {
                self.cut_quietly(from, to, time);
                self.after(time, Happening::Heal { from, to });
            }
        }
    }

    /// All lines of a host stop, one after the other, and go on in another order.
    pub fn clog(&mut self, host: HostId, random: &mut super::Random) {
        self.note(host, What::Fault("clogged"));
        let at_it = |(one, other): (HostId, HostId)| match (one == host, other == host) {
            (true, _) => Some(other),
            (_, true) => Some(one),
            _ => None,
        };
        let others: Vec<HostId> = self.standing_wires().into_iter().filter_map(at_it).collect();
        for other in others {
            for (from, to) in [(host, other), (other, host)] {
                let time = random.time(Duration::from_millis(200), Duration::from_secs(5));
                self.cut_quietly(from, to, time);
                self.after(time, Happening::Heal { from, to });
            }
        }
    }
}

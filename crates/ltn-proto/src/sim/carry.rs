//! What the shell does in a real network: dialing, carrying frames, closing.

use std::time::Duration;

use bytes::BytesMut;

use crate::address::Address;
use crate::codec;
use crate::event::{DialError, Direction, Input};
use crate::frame::{Frame, Kind};
use crate::id::{DialId, LinkId};
use crate::limits::FRAME_PAYLOAD_BYTES_MAX;
use crate::outcome::CloseReason;
use crate::role::Role;

use super::HostId;
use super::host::Host;
use super::network::{Happening, Network, Passage};
use super::wire::{End, Parcel, Side, Stage, Wire, WireId};

/// A dial without any answer has failed after this time.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

impl Network {
    pub(super) fn dial(&mut self, host: HostId, dial: DialId, to: Address) {
        self.lively = self.now;
        let run = self.hosts[host.0].run;
        let known = self.hosts[host.0].dials.insert(dial, None);
        assert!(known.is_none(), "{host:?} uses the number {dial:?} for two dials");
        if !to.as_str().starts_with("sim:") {
            let why = DialError::Unsuited;
            self.at(self.now, Happening::DialFails { host, run, dial, why });
            return;
        }
        let latency = self.draw_latency();
        self.after(latency, Happening::Knock { from: host, run, dial, to });
        let why = DialError::Timeout;
        self.after(DIAL_TIMEOUT, Happening::DialFails { host, run, dial, why });
    }

    pub(super) fn knock(&mut self, from: HostId, run: u32, dial: DialId, to: &Address) {
        let dialer = &self.hosts[from.0];
        if dialer.run != run || !dialer.dials.contains_key(&dial) {
            return;
        }
        let listener = self.host_at(to);
        if let Some(to) = listener
            && (self.is_cut(from, to) || self.is_cut(to, from) || self.is_paused(to))
        {
            return; // The dial's own timeout tells it.
        }
        let Some(to) = listener.filter(|to| self.is_up(*to)) else {
            let why = DialError::NoServer;
            let latency = self.draw_latency();
            self.after(latency, Happening::DialFails { host: from, run, dial, why });
            return;
        };
        let wire = WireId(self.number());
        let (up, down) = (LinkId(self.number()), LinkId(self.number()));
        let end = |host, link, stage| End { host, link, stage };
        let both = Wire::new(end(from, up, Stage::Opening(dial)), end(to, down, Stage::Open));
        self.wires.insert(wire, both);
        self.hosts[from.0].dials.insert(dial, Some(wire));
        self.hosts[to.0].links.insert(down, (wire, Side::Listener));
        self.put(wire, Side::Listener, Parcel::Opened);
        let (direction, peer, remote) = (Direction::Down, self.id(from), place_of(from));
        self.handle(to, Input::LinkOpened { link: down, direction, peer, remote });
    }

    pub(super) fn dial_fails(&mut self, host: HostId, run: u32, dial: DialId, why: DialError) {
        let machine = &mut self.hosts[host.0];
        if machine.run != run {
            return;
        }
        let Some(wire) = machine.dials.remove(&dial) else { return };
        // The listener may have let us in already: it learns that nobody came.
        if let Some(wire) = wire {
            self.give_up(wire, Side::Dialer, true);
        }
        self.lively = self.now;
        self.handle(host, Input::DialFailed { dial, why });
    }

    /// A mind transmits a frame, or somebody does it in its name.
    ///
    /// # Panics
    /// If the mind uses a link that it closed, or one that it never had.
    pub(super) fn transmit(&mut self, host: HostId, link: LinkId, frame: Frame, injected: bool) {
        let machine = &self.hosts[host.0];
        let Some((wire, side)) = machine.links.get(&link).copied() else {
            panic!("{host:?} transmits {:?} on {link:?}, which it does not have", frame.header.kind)
        };
        let frame = through_the_codec(frame);
        if !matches!(frame.header.kind, Kind::PING | Kind::PONG) {
            self.lively = self.now;
        }
        self.history.frame(self.now, host, &frame);
        // The connection may be broken already without this mind knowing it.
        let Some(to) = self.wires.get(&wire).map(|both| both.end(side.other()).host) else {
            return;
        };
        let upwards = side == Side::Dialer;
        let passage = Passage { at: self.now, from: host, to, upwards, injected, frame: &frame };
        self.see(&passage, false);
        self.put(wire, side, Parcel::Frame(frame));
    }

    /// Puts a frame on the wire to a neighbour as if this host's mind had transmitted it: the host
    /// of a liar. Says whether there is such a wire.
    pub fn inject(&mut self, from: HostId, to: HostId, frame: Frame) -> bool {
        let leads_there = |(_, (wire, side)): &(&LinkId, &(WireId, Side))| {
            self.wires.get(wire).is_some_and(|w| w.end(side.other()).host == to && w.is_open())
        };
        let link = self.hosts[from.0].links.iter().find(leads_there).map(|(link, _)| *link);
        if let Some(link) = link {
            self.transmit(from, link, frame, true);
        }
        link.is_some()
    }

    /// Adds a host without a mind: whatever it says is injected, and it hears without a thought.
    pub fn add_puppet(&mut self) -> HostId {
        let puppet = HostId(self.hosts.len());
        let id = self.make_id(puppet);
        self.hosts.push(Host::new(id, Role::Client, None, puppet.0));
        puppet
    }

    /// Opens a connection from a puppet to a server, on which nothing is said by itself.
    pub fn connect_puppet(&mut self, puppet: HostId, to: HostId) {
        let wire = WireId(self.number());
        let (up, down) = (LinkId(self.number()), LinkId(self.number()));
        let end = |host, link| End { host, link, stage: Stage::Open };
        self.wires.insert(wire, Wire::new(end(puppet, up), end(to, down)));
        self.hosts[puppet.0].links.insert(up, (wire, Side::Dialer));
        self.hosts[to.0].links.insert(down, (wire, Side::Listener));
        let (direction, peer, remote) = (Direction::Down, self.id(puppet), place_of(puppet));
        self.handle(to, Input::LinkOpened { link: down, direction, peer, remote });
    }

    /// A mind wants a link closed after all that it transmitted.
    ///
    /// # Panics
    /// If the mind closes a link that it does not have.
    pub(super) fn close(&mut self, host: HostId, link: LinkId, why: CloseReason) {
        let machine = &mut self.hosts[host.0];
        let Some(way) = machine.links.remove(&link) else {
            panic!("{host:?} closes {link:?}, which it does not have")
        };
        machine.closing.insert(link, way);
        let run = machine.run;
        self.give_up(way.0, way.1, true);
        self.at(self.now, Happening::Closed { host, run, link, why });
    }

    pub(super) fn tell_closed(&mut self, host: HostId, run: u32, link: LinkId, why: CloseReason) {
        let machine = &mut self.hosts[host.0];
        if machine.run == run && machine.closing.remove(&link).is_some() {
            self.lively = self.now;
            self.handle(host, Input::LinkClosed { link, why });
        }
    }

    pub(super) fn tell_lost(&mut self, host: HostId, run: u32, link: LinkId) {
        let machine = &mut self.hosts[host.0];
        if machine.run == run && machine.links.remove(&link).is_some() {
            self.lively = self.now;
            self.handle(host, Input::LinkClosed { link, why: CloseReason::Lost });
        }
    }

    /// This end is used no more; the other one learns it, or not.
    pub(super) fn give_up(&mut self, wire: WireId, side: Side, told: bool) {
        let Some(both) = self.wires.get_mut(&wire) else { return };
        if both.end(side).stage == Stage::Gone {
            return;
        }
        both.end_mut(side).stage = Stage::Gone;
        if both.is_gone() {
            self.wires.remove(&wire);
        } else if told {
            self.put(wire, side, Parcel::Closed);
        }
    }

    /// Sends a parcel on its way from this side.
    pub(super) fn put(&mut self, wire: WireId, from: Side, parcel: Parcel) {
        let wanted = self.now + self.draw_latency();
        let Some(both) = self.wires.get_mut(&wire) else { return };
        let arrival = both.lane_from(from).arrival(wanted);
        self.at(arrival, Happening::Arrive { wire, from, parcel });
    }

    pub(super) fn arrive(&mut self, wire: WireId, from: Side, parcel: Parcel) {
        let Some(both) = self.wires.get_mut(&wire) else { return };
        let (speaker, listener) = both.ways(from);
        let cut = self.cuts.contains_key(&(speaker, listener));
        if let Some(parcel) = both.lane_from(from).pass(cut, parcel) {
            self.receive(wire, from, parcel);
        }
    }

    pub(super) fn release(&mut self, wire: WireId, from: Side) {
        let Some(both) = self.wires.get_mut(&wire) else { return };
        let (speaker, listener) = both.ways(from);
        if self.cuts.contains_key(&(speaker, listener)) {
            return;
        }
        for parcel in both.lane_from(from).release() {
            self.receive(wire, from, parcel);
        }
    }

    fn receive(&mut self, wire: WireId, from: Side, parcel: Parcel) {
        let side = from.other();
        let Some(both) = self.wires.get(&wire) else { return };
        let (host, link, stage) = {
            let end = both.end(side);
            (end.host, end.link, end.stage)
        };
        match (stage, parcel) {
            (Stage::Gone, Parcel::Closed) => self.give_up(wire, from, false),
            (Stage::Gone, _) => {
                // A host that runs answers for a connection it does not know; a dead one does not.
                if self.is_up(host) {
                    self.put(wire, side, Parcel::Closed);
                }
            }
            (Stage::Opening(dial), Parcel::Opened) => self.open(wire, host, link, dial),
            (Stage::Opening(_), _) | (Stage::Open, Parcel::Opened) => {
                unreachable!("nothing overtakes on a lane, and each link opens once")
            }
            (Stage::Open, Parcel::Closed) => {
                self.give_up(wire, side, false);
                self.tell_lost(host, self.hosts[host.0].run, link);
            }
            (Stage::Open, Parcel::Frame(frame)) => self.deliver(host, link, from, frame),
        }
    }

    fn open(&mut self, wire: WireId, host: HostId, link: LinkId, dial: DialId) {
        self.hosts[host.0].dials.remove(&dial);
        let Some(both) = self.wires.get_mut(&wire) else { return };
        both.dialer.stage = Stage::Open;
        let peer = both.listener.host;
        self.hosts[host.0].links.insert(link, (wire, Side::Dialer));
        let (direction, peer, remote) = (Direction::Up(dial), self.id(peer), place_of(peer));
        self.handle(host, Input::LinkOpened { link, direction, peer, remote });
    }

    fn deliver(&mut self, host: HostId, link: LinkId, from: Side, frame: Frame) {
        let Some((wire, _)) = self.hosts[host.0].links.get(&link) else { return };
        let Some(speaker) = self.wires.get(wire).map(|both| both.end(from).host) else { return };
        let upwards = from == Side::Dialer;
        let passage = Passage {
            at: self.now,
            from: speaker,
            to: host,
            upwards,
            injected: false,
            frame: &frame,
        };
        self.see(&passage, true);
        self.hear(host, link, frame);
    }

    /// The pairs of child and parent whose connection stands at both ends.
    #[must_use]
    pub fn standing_wires(&self) -> Vec<(HostId, HostId)> {
        let open = self.wires.values().filter(|wire| wire.is_open());
        open.map(|wire| (wire.dialer.host, wire.listener.host)).collect()
    }
}

/// Every frame goes through the bytes that a real link would carry.
fn through_the_codec(frame: Frame) -> Frame {
    let mut bytes = BytesMut::new();
    codec::encode(&frame, &mut bytes);
    let read = codec::Decoder::new(FRAME_PAYLOAD_BYTES_MAX).decode(&mut bytes);
    let read = read.expect("what a mind says can be sent").expect("a whole frame was written");
    assert!(read == frame && bytes.is_empty(), "the codec changed {frame:?} into {read:?}");
    read
}

/// Where a host speaks from, whether it listens or not.
fn place_of(host: HostId) -> Address {
    Address::new(&format!("sim:{}", host.0))
}

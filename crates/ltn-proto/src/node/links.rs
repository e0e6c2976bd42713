//! What happens to connections: opened, spoken on, silent, closed.

use bytes::Bytes;

use super::NodeState;
use crate::address::Address;
use crate::body::{self, Close};
use crate::event::{DialError, Direction, Event, Output, Parted};
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::{DialId, LinkId, NodeId};
use crate::limits::EDGE_LIFETIME;
use crate::links::{ExpectHello, ExpectWelcome, Link, Misbehaved, Phase, Times};
use crate::moment::Moment;
use crate::outcome::{CloseReason, RefusalKind};
use crate::text::sanitise_line;

/// How long a former parent has to send what was on its way.
const DRAIN_TIME: std::time::Duration = std::time::Duration::from_secs(2);

impl NodeState {
    pub(super) fn on_link_opened(
        &mut self,
        now: Moment,
        link: LinkId,
        direction: Direction,
        (peer, remote): (NodeId, Address),
    ) {
        let phase = match direction {
            Direction::Up(dial) => Phase::ExpectWelcome(ExpectWelcome { dial }),
            Direction::Down => Phase::ExpectHello(ExpectHello),
        };
        let wait = match direction {
            Direction::Up(_) => self.config.limits.hello_timeout + EDGE_LIFETIME,
            Direction::Down => self.config.limits.hello_timeout,
        };
        self.links.open(link, (peer, remote), phase, Times { now, due: now + wait });
        self.link_deadlines.set(link, now + wait);
        match direction {
            Direction::Up(dial) => self.on_dialed(now, dial, link, peer),
            Direction::Down => self.on_accepted(now, link),
        }
    }

    fn on_accepted(&mut self, now: Moment, link: LinkId) {
        let limits = &self.config.limits;
        let full = self.links.pending() > limits.pending_links || self.links.len() > limits.links;
        if self.stopping.is_some() {
            self.close_link(now, link, CloseReason::Stopping, "this server is stopping");
        } else if !self.config.role.accepts_children() {
            self.turn_away(now, link, RefusalKind::WrongRole, "a client takes nobody below it");
        } else if full {
            self.turn_away(now, link, RefusalKind::Full, "this server has no free place");
        }
    }

    pub(super) fn on_link_closed(&mut self, now: Moment, link: LinkId, why: CloseReason) {
        // From here on there is nobody to say anything to, so nothing will be said any more.
        let known = self.links.get_mut(link);
        let said = known.map(|known| known.said.get_or_insert((why, String::new())).clone());
        let (reason, text) = said.unwrap_or((why, String::new()));
        self.link_is_over(now, link, reason, &text);
        self.links.close(link);
        self.people.distrust_link(link);
        self.link_deadlines.cancel(link);
    }

    pub(super) fn on_frame(&mut self, now: Moment, link: LinkId, frame: Frame) {
        let Some(known) = self.links.get_mut(link) else { return };
        known.heard = now;
        known.recheck = None;
        if known.is_registered() || matches!(known.phase, Phase::Draining) {
            if frame.header.kind.is_routed() {
                self.on_routed(now, link, frame);
            } else if let Err(misbehaved) = self.on_link_frame(now, link, &frame) {
                self.blame(now, link, misbehaved);
            }
        } else if let Err(misbehaved) = self.on_early_frame(now, link, &frame) {
            self.blame(now, link, misbehaved);
        }
    }

    /// A frame on a link that is not registered: only what its state expects is understood.
    fn on_early_frame(
        &mut self,
        now: Moment,
        link: LinkId,
        frame: &Frame,
    ) -> Result<(), Misbehaved> {
        let waits_below = |l: &Link| !matches!(l.phase, Phase::ExpectWelcome(_) | Phase::Closing);
        if frame.header.kind == Kind::CLOSE && self.links.get(link).is_some_and(waits_below) {
            return self.on_close(now, link, frame);
        }
        match self.links.take_phase(link) {
            Some(Phase::ExpectHello(state)) => {
                let hello = state.hello(frame)?;
                self.on_hello(now, link, hello)
            }
            Some(Phase::ExpectRegister(state)) => {
                // Whatever comes, what was promised to this child has to be taken back properly.
                self.links.set_phase(link, Phase::ExpectRegister(state.clone()));
                let (state, register) = state.register(frame)?;
                self.on_register(now, link, state, register);
                Ok(())
            }
            Some(Phase::ExpectWelcome(state)) => {
                let (state, answer) = state.answer(frame)?;
                self.on_answer(now, link, state, answer)
            }
            Some(phase @ (Phase::Probing(_) | Phase::AwaitingGrant(_))) => {
                self.links.set_phase(link, phase);
                Err(Misbehaved("speaks before it was let in".to_owned()))
            }
            // What comes on a link that is about to be closed does not count any more.
            Some(Phase::Closing | Phase::Draining | Phase::Child | Phase::Parent) | None => Ok(()),
        }
    }

    /// A frame between the two ends of a registered link.
    fn on_link_frame(
        &mut self,
        now: Moment,
        link: LinkId,
        frame: &Frame,
    ) -> Result<(), Misbehaved> {
        let from_parent = self.uplink.is_parent_link(link);
        match frame.header.kind {
            Kind::PING => self.say(link, Kind::PONG, Bytes::new()),
            Kind::PONG => self.on_pong(now, link),
            Kind::NEWS => self.on_news(link),
            Kind::CLOSE => return self.on_close(now, link, frame),
            Kind::PLACE if from_parent => {
                let place = body::read(&frame.payload)?;
                self.on_place(now, link, place)?;
            }
            Kind::TICKET if from_parent => {
                let body::Ticket { tickets, port } = body::read(&frame.payload)?;
                let tickets = tickets.into_iter().map(|token| token.0).collect();
                self.event(Event::DataTicket { tickets, port });
            }
            Kind::RENAME if from_parent || self.is_child_link(link) => {
                self.on_rename(now, link, &frame.payload)?;
            }
            Kind::CHARTER => self.on_charter(now, link, &frame.payload)?,
            Kind::TREE if self.is_server_below(link) => {
                let body::Tree { changes } = body::read(&frame.payload)?;
                self.on_tree(now, link, changes)?;
            }
            Kind::STATEMENT if self.is_child_link(link) => {
                let body::Stated { signed } = body::read(&frame.payload)?;
                self.on_stated(now, link, signed)?;
            }
            // A former parent does not know yet that it is one.
            Kind::PLACE | Kind::TICKET | Kind::RENAME if self.links.is_draining(link) => {}
            kind @ (Kind::HELLO
            | Kind::WELCOME
            | Kind::REGISTER
            | Kind::PLACE
            | Kind::TICKET
            | Kind::RENAME
            | Kind::STATEMENT
            | Kind::TREE) => {
                return Err(Misbehaved(format!("kind {:#04x} at the wrong time", kind.0)));
            }
            _ => self.counters.unknown_kinds += 1,
        }
        Ok(())
    }

    fn is_child_link(&self, link: LinkId) -> bool {
        self.links.get(link).is_some_and(|known| matches!(known.phase, Phase::Child))
    }

    /// Is a registered server at the other end, below this node? Only servers have subtrees.
    fn is_server_below(&self, link: LinkId) -> bool {
        let Some(known) = self.links.get(link) else { return false };
        let role = self.tree.get(known.peer).map(|record| record.role);
        matches!(known.phase, Phase::Child) && role.is_some_and(|role| role.is_server())
    }

    fn on_close(&mut self, now: Moment, link: LinkId, frame: &Frame) -> Result<(), Misbehaved> {
        let close: Close = body::read(&frame.payload)?;
        let text = sanitise_line(&close.text);
        if let Some(known) = self.links.get_mut(link) {
            known.said = Some((close.reason, text.clone()));
            known.last_word = Some(close.reason);
        }
        self.link_is_over(now, link, close.reason, &text);
        self.outputs.push_back(Output::Close { link, reason: close.reason });
        Ok(())
    }

    fn blame(&mut self, now: Moment, link: LinkId, misbehaved: Misbehaved) {
        if let Some(peer) = self.links.get(link).map(|l| l.peer) {
            let why = format!("broke the rules of the protocol: {}", misbehaved.0);
            self.event(Event::TurnedAway { peer, why });
        }
        self.close_link(now, link, CloseReason::Misbehaved, &misbehaved.0);
    }

    /// Does not let a child in, and says why.
    pub(super) fn turn_away(&mut self, now: Moment, link: LinkId, kind: RefusalKind, text: &str) {
        if let Some(known) = self.links.get(link) {
            let event = Event::TurnedAway { peer: known.peer, why: text.to_owned() };
            self.event(event);
        }
        self.close_with(now, link, CloseReason::Refused, Some(kind), text);
    }

    pub(super) fn close_link(
        &mut self,
        now: Moment,
        link: LinkId,
        reason: CloseReason,
        text: &str,
    ) {
        self.close_with(now, link, reason, None, text);
    }

    #[expect(clippy::too_many_arguments, reason = "a close frame has this many parts")]
    fn close_with(
        &mut self,
        now: Moment,
        link: LinkId,
        reason: CloseReason,
        refusal: Option<RefusalKind>,
        text: &str,
    ) {
        let Some(known) = self.links.get_mut(link) else { return };
        if matches!(known.phase, Phase::Draining) {
            self.outputs.push_back(Output::Close { link, reason });
        }
        let first_word = known.said.is_none();
        if first_word {
            known.said = Some((reason, text.to_owned()));
            let close = Close { reason, refusal, text: text.to_owned() };
            self.say(link, Kind::CLOSE, body::write(&close));
            self.outputs.push_back(Output::Close { link, reason });
        }
        self.link_is_over(now, link, reason, text);
    }

    /// Leaves a former parent: it is told so, and what is on its way from there still counts.
    pub(super) fn drain_link(&mut self, now: Moment, link: LinkId) {
        let text = "moved to another server".to_owned();
        let close = Close { reason: CloseReason::Moved, refusal: None, text: text.clone() };
        self.say(link, Kind::CLOSE, body::write(&close));
        let due = now + DRAIN_TIME;
        self.links.drain(link, (CloseReason::Moved, text), due);
        self.link_deadlines.set(link, due);
    }

    /// What a link meant to this node ends here, whoever ended it. The link itself may take a
    /// moment longer to go.
    fn link_is_over(&mut self, now: Moment, link: LinkId, reason: CloseReason, text: &str) {
        let Some(known) = self.links.get(link) else { return };
        let (peer, phase, last_word) = (known.peer, known.phase.clone(), known.last_word);
        let is_its_link = self.links.child(peer) == Some(link);
        self.links.retire(link);
        if matches!(phase, Phase::Draining) {
            return;
        }
        if self.uplink.is_attempt_link(link) {
            self.on_attempt_over(now, reason, text);
            return;
        }
        if self.uplink.is_parent_link(link) {
            self.on_parent_lost(now, reason, text);
            return;
        }
        match phase {
            Phase::Child if is_its_link => {
                let name = self.tree.get(peer).and_then(|record| record.name.clone());
                self.event(Event::Parted(Parted { child: peer, name, reason }));
                self.on_child_lost(now, peer, (reason, last_word));
            }
            Phase::ExpectRegister(state) if state.hello.role.is_server() => {
                self.edge_is_over(now, peer, (state.hello.attempt, state.nonce));
            }
            // Who waits for the root's word is taken care of when it comes.
            _ => {}
        }
    }

    /// Says something to the other end of a link.
    pub(super) fn say(&mut self, link: LinkId, kind: Kind, payload: Bytes) {
        let Some(known) = self.links.get(link) else { return };
        let mut header = Header::new(kind, self.config.id, known.peer);
        header.flags = Flags(0);
        self.outputs.push_back(Output::Transmit { link, frame: Frame { header, payload } });
    }

    pub(super) fn on_dial_failed(&mut self, now: Moment, dial: DialId, why: DialError) {
        if self.uplink.attempt.as_ref().is_some_and(|attempt| attempt.dial == dial) {
            let kind = match why {
                DialError::NoServer => RefusalKind::NoServer,
                DialError::Timeout => RefusalKind::NoAnswer,
                DialError::Unsuited => RefusalKind::Unsuited,
                DialError::NotLtn => RefusalKind::NotLtn,
            };
            self.attempt_failed(now, kind, &why.to_string());
        }
    }

    pub(super) fn set_link_due(&mut self, link: LinkId, at: Moment) {
        if let Some(known) = self.links.get_mut(link) {
            known.due = Some(at);
            self.link_deadlines.set(link, at);
        }
    }

    /// A registered link is watched: pinged when idle, closed when silent.
    pub(super) fn watch_link(&mut self, now: Moment, link: LinkId) {
        self.link_deadlines.set(link, now + self.config.limits.ping_interval);
    }

    pub(super) fn on_link_due(&mut self, now: Moment, link: LinkId) {
        let Some(known) = self.links.get(link) else { return };
        if let Some(due) = known.due {
            if due <= now {
                self.on_registration_due(now, link);
            } else {
                self.link_deadlines.set(link, due);
            }
            return;
        }
        if !known.is_registered() {
            return;
        }
        if known.recheck.is_some_and(|by| by <= now) {
            let text = "nothing heard since this machine slept";
            self.close_link(now, link, CloseReason::Silent, text);
            return;
        }
        let silent_for = now.since(known.heard);
        let limits = &self.config.limits;
        if silent_for >= limits.lease {
            self.close_link(now, link, CloseReason::Silent, "nothing heard for the lease");
            return;
        }
        // Next look: when the lease may be over, or when it is time to ping, whatever is first.
        let until_lease = limits.lease - silent_for;
        let pause = limits.ping_interval;
        if silent_for >= pause {
            self.ping_link(now, link);
            self.link_deadlines.set(link, now + pause.min(until_lease));
        } else {
            self.link_deadlines.set(link, now + (pause - silent_for).min(until_lease));
        }
    }

    fn on_registration_due(&mut self, now: Moment, link: LinkId) {
        match self.links.get(link).map(|l| l.phase.clone()) {
            Some(Phase::Probing(admission)) => self.on_probe_due(now, link, admission),
            Some(Phase::Draining) => {
                self.links.retire(link);
                self.outputs.push_back(Output::Close { link, reason: CloseReason::Moved });
            }
            Some(Phase::ExpectWelcome(_)) => {
                self.close_link(now, link, CloseReason::Silent, "no welcome in time");
            }
            Some(_) => {
                self.turn_away(now, link, RefusalKind::Misbehaved, "it did not register in time")
            }
            None => {}
        }
    }
}

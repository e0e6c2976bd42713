//! The way up: joining a server, moving to another one, coming back after a loss.
//!
//! A move is make-before-break: the old parent is left only when the new one has taken us.

use std::time::Duration;

use super::NodeState;
use crate::address::Address;
use crate::body::{self, Hello, KEEPS_KEY, Place, Welcome};
use crate::durable::{Durable, KeptParent};
use crate::event::{Event, Output};
use crate::frame::{Kind, PROTOCOL_VERSION};
use crate::id::{DialId, LinkId, NodeId, OpId};
use crate::limits::DEPTH_MAX;
use crate::links::{Answer, ExpectWelcome, Misbehaved, Phase};
use crate::moment::Moment;
use crate::outcome::{CloseReason, Outcome, Refusal, RefusalKind};
use crate::text::sanitise_line;
use crate::uplink::{Attempt, Committing, Parent, Retry, Trial, Wish};
use crate::value::Value;

impl NodeState {
    pub(super) fn connect_by_op(&mut self, now: Moment, op: OpId, to: Address, persist: bool) {
        if let Err(refusal) = self.check_connect(&to) {
            self.event(Event::Ended { op, outcome: Outcome::Refused(refusal) });
            return;
        }
        if persist && self.uplink.parent.is_none() {
            self.goals.seek(to.clone(), now);
        }
        self.connect(now, to, Wish::Op { op, persist });
    }

    /// What can be said against joining this server before anything is tried.
    pub(super) fn check_connect(&self, to: &Address) -> Result<(), Refusal> {
        let me = &self.name;
        if !self.config.role.has_uplink() {
            let text = format!("a {} joins nobody", self.config.role);
            return Err(Refusal::new(RefusalKind::WrongRole, text));
        }
        if self.stopping.is_some() {
            return Err(Refusal::new(RefusalKind::Stopping, format!("{me} is stopping")));
        }
        if self.config.address.as_ref().is_some_and(|own| own.same_listener(to)) {
            let text = format!("{to} is the address of {me} itself");
            return Err(Refusal::new(RefusalKind::OwnAddress, text));
        }
        let is_there = |a: &Option<Address>| a.as_ref().is_some_and(|a| a.same_listener(to));
        if let Some(below) = self
            .tree
            .records()
            .into_iter()
            .find(|r| r.stale_since.is_none() && r.role.is_server() && is_there(&r.address))
            && self.looks_for_cycles()
        {
            return Err(self.below_me(below.id));
        }
        if let Some(attempt) = &self.uplink.attempt
            && !attempt.wish.is_background()
        {
            let text = format!("{me} is already connecting to {}", attempt.to);
            return Err(Refusal::new(RefusalKind::AlreadyConnecting, text));
        }
        Ok(())
    }

    /// The refusal to hang below a node of one's own subtree, with the members of the cycle.
    fn below_me(&self, id: NodeId) -> Refusal {
        let mut members = vec![self.name.to_string()];
        let names = self.tree.names_to(id).unwrap_or_default();
        members.extend(names.iter().map(ToString::to_string));
        members.push(self.name.to_string());
        let text = format!("the tree would have a cycle: {}", members.join(" – "));
        Refusal::new(RefusalKind::Cycle, text)
    }

    /// Starts an attempt; one that runs in the background gives way.
    pub(super) fn connect(&mut self, now: Moment, to: Address, wish: Wish) {
        let refusal = Refusal::new(RefusalKind::NotPossible, "another server was asked for");
        self.give_up_search(now, &refusal);
        let dial = self.next_dial();
        self.uplink.attempt =
            Some(Attempt { dial, to: to.clone(), wish, link: None, committing: None });
        self.outputs.push_back(Output::Dial { dial, to });
    }

    /// Looks for no server any more: neither now nor after a pause. Whoever wanted it is told this.
    pub(super) fn give_up_search(&mut self, now: Moment, refusal: &Refusal) {
        let retry = self.uplink.retry.take().map(|retry| retry.wish);
        let attempt = self.uplink.attempt.take();
        if let Some(attempt) = &attempt {
            self.drop_attempt(now, attempt);
        }
        for wish in retry.into_iter().chain(attempt.map(|attempt| attempt.wish)) {
            let refused = Outcome::Refused(refusal.clone());
            match wish {
                Wish::Op { op, .. } => self.event(Event::Ended { op, outcome: refused }),
                Wish::Command(inbound) | Wish::Move { inbound, .. } => {
                    self.answer_with(now, inbound, refused);
                }
                Wish::Return | Wish::Home => {}
            }
        }
    }

    pub(super) fn on_dialed(&mut self, now: Moment, dial: DialId, link: LinkId, peer: NodeId) {
        let Some(attempt) = self.uplink.attempt.as_mut().filter(|a| a.dial == dial) else {
            self.close_link(now, link, CloseReason::Leaving, "not needed any more");
            return;
        };
        attempt.link = Some(link);
        let attempt = attempt.clone();
        let to = attempt.to;
        if peer == self.config.id {
            let text = format!("{to} is the address of {} itself", self.name);
            self.attempt_failed(now, RefusalKind::OwnAddress, &text);
        } else if self.is_live(peer) && self.looks_for_cycles() {
            let refusal = self.below_me(peer);
            self.attempt_failed(now, refusal.kind, &refusal.text);
        } else if let Some(parent) = self.uplink.parent.as_ref().filter(|p| p.id == peer) {
            let text = format!("{} is already joined to {}", self.name, parent.name);
            self.attempt_failed(now, RefusalKind::NotPossible, &text);
        } else if let Wish::Move { under, .. } = attempt.wish
            && under != peer
        {
            let text = format!("another server than {under} answers at {to}");
            self.attempt_failed(now, RefusalKind::NotPossible, &text);
        } else {
            self.attempts += 1;
            if self.config.role.is_server() {
                self.sign_intent(link, peer);
            } else {
                self.say(link, Kind::HELLO, body::write(&self.hello()));
            }
        }
    }

    pub(super) fn hello(&self) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            role: self.config.role,
            wanted: self.config.name.as_ref().map(ToString::to_string),
            incarnation: self.config.incarnation,
            attempt: self.attempts,
            address: self.config.address.clone(),
            current_parent: self.uplink.parent.as_ref().map(|parent| parent.id),
            root_incarnation: self.place.root_incarnation,
            height: u8::try_from(self.tree.height()).unwrap_or(u8::MAX),
            features: if self.config.keeps_key { KEEPS_KEY } else { 0 },
            charter: self.charter_mark(),
            pass: self.own_pass(),
            intent: None,
        }
    }

    pub(super) fn on_answer(
        &mut self,
        now: Moment,
        link: LinkId,
        state: ExpectWelcome,
        answer: Answer,
    ) -> Result<(), Misbehaved> {
        match answer {
            Answer::Welcome(welcome) => self.on_welcome(now, link, state, *welcome),
            Answer::Close(close) => {
                let kind = close.refusal.unwrap_or(match close.reason {
                    CloseReason::Stopping => RefusalKind::Stopping,
                    _ => RefusalKind::Lost,
                });
                let text = sanitise_line(&close.text);
                if let Some(known) = self.links.get_mut(link) {
                    known.said = Some((close.reason, text.clone()));
                }
                if self.uplink.is_attempt_link(link) {
                    if kind == RefusalKind::DuplicateKey
                        && let Some(attempt) = &self.uplink.attempt
                    {
                        let at = attempt.to.to_string();
                        self.event(Event::ClonedKey { id: self.config.id, at });
                    }
                    self.attempt_failed(now, kind, &text);
                }
                self.outputs.push_back(Output::Close { link, reason: close.reason });
                Ok(())
            }
        }
    }

    fn on_welcome(
        &mut self,
        now: Moment,
        link: LinkId,
        state: ExpectWelcome,
        welcome: Welcome,
    ) -> Result<(), Misbehaved> {
        let peer = self.links.get(link).map(|l| l.peer);
        let Some(above) = welcome.place.ancestors.last().filter(|a| Some(a.id) == peer) else {
            return Err(Misbehaved("a welcome to another server's place".to_owned()));
        };
        let Some(attempt) = self.uplink.attempt.clone().filter(|a| a.dial == state.dial) else {
            return Ok(());
        };
        if attempt.committing.is_some() {
            return Err(Misbehaved("a second welcome".to_owned()));
        }
        if welcome.place.ancestors.len() > DEPTH_MAX {
            return Err(Misbehaved("a welcome to a place that cannot be".to_owned()));
        }
        self.check_root(&welcome.place)?;
        let is_above = welcome.place.ancestors.iter().any(|a| a.id == self.config.id);
        if is_above && self.looks_for_cycles() {
            let text = "the tree would have a cycle: this node is above that server";
            self.attempt_failed(now, RefusalKind::Cycle, text);
            return Ok(());
        }
        self.recall_edition(welcome.newest.as_ref());
        let parent =
            Parent { link, id: above.id, name: above.name.clone(), address: attempt.to.clone() };
        let goals = &self.goals;
        let addresses = [attempt.to].into_iter().chain(above.address.clone());
        let kept = match &self.uplink.kept {
            // Who found another parent by itself still belongs where it belonged.
            Some(kept) if attempt.wish == Wish::Return && goals.is_elsewhere(&parent.address) => {
                kept.clone()
            }
            _ => KeptParent::new(above.id, above.name.clone(), addresses),
        };
        // The link waits as it did before; a parent that closes it meanwhile is understood.
        self.links.set_phase(link, Phase::ExpectWelcome(state));
        let write = self.persist(Durable::Parent(Some(kept.clone())));
        let committing = Committing { write, parent, kept, welcome };
        if let Some(attempt) = &mut self.uplink.attempt {
            attempt.committing = Some(Box::new(committing));
        }
        if self.leaves_before_it_is_written() {
            self.on_persisted(now, write, Ok(()));
        }
        Ok(())
    }

    pub(super) fn wish_came_true(
        &mut self,
        now: Moment,
        wish: Wish,
        (parent, old): (&Parent, Option<Parent>),
    ) {
        match wish {
            Wish::Op { op, .. } => {
                self.event(Event::Ended { op, outcome: Outcome::Reply(Value::Null) });
            }
            Wish::Command(inbound) => {
                let text = format!("{} is joined to {} now", self.name, parent.name);
                self.answer_with(now, inbound, Outcome::Reply(Value::from(text)));
            }
            Wish::Move { inbound, return_after, .. } => {
                self.uplink.trial =
                    return_after.zip(old).map(|(time, former)| Trial { until: now + time, former });
                let path = self.path().to_string();
                let text = format!("{} is joined to {} now, at {path}", self.name, parent.name);
                let moved = [("path", path), ("text", text)];
                let moved = Value::map(moved.map(|(key, text)| (key, Value::from(text))));
                self.answer_with(now, inbound, Outcome::Reply(moved));
            }
            Wish::Return | Wish::Home => {}
        }
    }

    /// The link of the attempt closed before there was a welcome.
    pub(super) fn on_attempt_over(&mut self, now: Moment, reason: CloseReason, text: &str) {
        let why = if text.is_empty() { reason.to_string() } else { text.to_owned() };
        self.attempt_failed(now, RefusalKind::Lost, &why);
    }

    /// The attempt came to nothing; everything is as it was.
    pub(super) fn attempt_failed(&mut self, now: Moment, kind: RefusalKind, why: &str) {
        let Some(attempt) = self.uplink.attempt.take() else { return };
        self.drop_attempt(now, &attempt);
        let refusal = Refusal::new(kind, why);
        match attempt.wish {
            Wish::Op { op, persist: false } => {
                self.event(Event::Ended { op, outcome: Outcome::Refused(refusal) });
            }
            Wish::Command(inbound) | Wish::Move { inbound, .. } => {
                let kept = match &self.uplink.parent {
                    Some(parent) => {
                        format!("; {} keeps its place below {}", self.name, parent.name)
                    }
                    None => String::new(),
                };
                let refusal = Refusal::new(kind, format!("{why}{kept}"));
                self.answer_with(now, inbound, Outcome::Refused(refusal));
            }
            // It lives elsewhere, and home will be tried again.
            Wish::Home => {}
            wish @ Wish::Op { persist: true, .. } if self.uplink.parent.is_some() => {
                let pause = self.goals.next_pause();
                return self.try_later(now, (attempt.to, pause), wish, why);
            }
            wish @ (Wish::Return | Wish::Op { persist: true, .. }) => {
                return self.search_on(now, wish, why);
            }
        }
        // A wish by hand failed while the node had no parent: the search for one goes on.
        if self.uplink.parent.is_none() && self.uplink.retry.is_none() {
            self.search_on(now, Wish::Return, why);
        }
    }

    /// Tries whoever is next among those that may be this node's parent, after a pause.
    fn search_on(&mut self, now: Moment, wish: Wish, why: &str) {
        if let Some(goal) = self.goals.next(now) {
            self.try_later(now, goal, wish, why);
        }
    }

    fn try_later(&mut self, now: Moment, (to, pause): (Address, Duration), wish: Wish, why: &str) {
        if self.stopping.is_some() {
            return;
        }
        let pause = self.random.jitter(pause);
        self.uplink.retry = Some(Retry { at: now + pause, to: to.clone(), wish });
        self.event(Event::Retrying { address: to, why: why.to_owned(), pause });
    }

    /// It lives elsewhere than where it belongs: is home there again? Nothing is left for it before
    /// home has taken it.
    pub(super) fn on_homing_due(&mut self, now: Moment) {
        let Some(home) = self.goals.try_home(now) else { return };
        let uplink = &self.uplink;
        let is_busy = uplink.attempt.is_some() || uplink.retry.is_some();
        if uplink.parent.is_some() && !is_busy && self.stopping.is_none() {
            self.connect(now, home, Wish::Home);
        }
    }

    pub(super) fn on_retry_due(&mut self, now: Moment) {
        let Some(retry) = self.uplink.retry.take() else { return };
        if self.uplink.attempt.is_some() {
            // A wish by hand is under way; if it fails the search is taken up again.
            return;
        }
        self.connect(now, retry.to, retry.wish);
    }

    /// The parent is gone: this node is the top of a fragment now.
    pub(super) fn on_parent_lost(&mut self, now: Moment, reason: CloseReason, text: &str) {
        let Some(parent) = self.uplink.parent.take() else { return };
        let trial = self.uplink.trial.take().filter(|trial| now < trial.until);
        let trial = trial.filter(|_| self.stopping.is_none());
        let above = self.place.ancestors.iter().rev().skip(1);
        let above = above.filter_map(|ancestor| ancestor.address.clone()).collect();
        match &trial {
            // The one who moved it wished it back, for whatever reason the new one is lost.
            Some(trial) => {
                self.goals.lose(now, &parent.address, CloseReason::Lost, above);
                self.goals.take_back(trial.former.address.clone());
            }
            None if self.is_revoked(parent.id) && !self.is_revoked(self.config.id) => {
                self.goals.forsake(now, &parent.address, above);
            }
            None => self.goals.lose(now, &parent.address, reason, above),
        }
        if let Some(sought) = self.uplink.sought() {
            // Somebody wants it elsewhere, and that search goes on.
            self.goals.seek(sought, now);
        }
        let returning = self.goals.is_searching() && self.stopping.is_none();
        self.changes.clear();
        self.known.forget_all();
        self.end_requests_by(now, parent.link, &format!("{} {reason}", parent.name));
        // Who stops leaves by his own wish; the parent did nothing.
        let reason = if self.stopping.is_some() { CloseReason::Leaving } else { reason };
        self.event(Event::Disconnected {
            parent: parent.id,
            parent_name: parent.name.clone(),
            reason,
            text: text.to_owned(),
            returning,
        });
        if self.stopping.is_none() {
            let adrift = Place { rooted: false, ..self.place.clone() };
            self.set_place(now, adrift);
        }
        self.roll_call_lost_its_giver(now, parent.id);
        if let Some(trial) = trial {
            return self.move_back(now, &parent, trial.former);
        }
        // A search by hand that is under way goes on; it ends with a parent, too.
        let searching = self.uplink.attempt.is_some() || self.uplink.retry.is_some();
        if returning && !searching {
            self.search_on(now, Wish::Return, &reason.to_string());
        }
    }

    /// The new parent was lost so soon that the move is taken back.
    fn move_back(&mut self, now: Moment, lost: &Parent, former: Parent) {
        let (lost, to) = (lost.name.clone(), former.name);
        let address = former.address;
        self.event(Event::MovingBack { lost, to, address: address.clone() });
        let by_hand = self.uplink.attempt.as_ref().is_some_and(|a| !a.wish.is_background());
        if !by_hand {
            self.connect(now, address, Wish::Return);
        }
    }

    pub(super) fn disconnect(&mut self, now: Moment, op: OpId) {
        self.leave_parent(now, "left");
        self.event(Event::Ended { op, outcome: Outcome::Reply(Value::Null) });
    }

    /// Leaves the parent for good and stops looking for one.
    pub(super) fn leave_parent(&mut self, now: Moment, text: &str) {
        self.give_up_search(now, &Refusal::new(RefusalKind::NotPossible, text));
        self.uplink.trial = None;
        if let Some(parent) = &self.uplink.parent {
            self.close_link(now, parent.link, CloseReason::Leaving, text);
        }
        self.goals.leave();
        if self.uplink.kept.take().is_some() {
            self.persist(Durable::Parent(None));
        }
    }
}

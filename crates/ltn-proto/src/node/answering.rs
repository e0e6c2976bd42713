//! What others ask of this node, and what they answer to its own questions.

use std::time::Duration;

use bytes::Bytes;

use super::NodeState;
use super::builtin::Checks;
use super::journal::How;
use super::proving::Checked;
use crate::body::{self, Confirm, Refused, Resolve};
use crate::event::{Answer, Content, Event};
use crate::fragments::FragmentError;
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::InboundId;
use crate::inbound::Caller;
use crate::limits::ANSWER_TIME_MAX;
use crate::moment::Moment;
use crate::offers::Runner;
use crate::outcome::{Confirmation, NoRoute, Outcome, Refusal, RefusalKind};
use crate::requests::Stage;
use crate::text::sanitise_line;
use crate::value::Value;

impl NodeState {
    /// A frame for this node, from whoever its header says.
    pub(super) fn deliver(&mut self, now: Moment, frame: Frame) {
        let header = frame.header;
        let whole = match self.reassembly.accept(now, frame) {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => return self.refuse_parts(now, &header, &error),
        };
        match whole.header.kind {
            Kind::CAST => self.on_cast(&whole),
            Kind::SEND => self.on_send(now, &whole),
            Kind::REQUEST => self.on_request(now, &whole),
            Kind::CALL => self.on_call(now, &whole),
            Kind::REPLY | Kind::REFUSED | Kind::NO_ROUTE if self.is_unsealed(&whole) => {
                self.on_unsealed(now, &whole);
            }
            Kind::CHALLENGE => self.on_challenge(now, &whole),
            Kind::SEALED => self.on_sealed(now, &whole),
            Kind::WHERE => self.on_where(now, &whole),
            Kind::WHEREABOUTS => self.on_whereabouts(now, &whole),
            Kind::FAREWELL => self.on_farewell(&whole),
            Kind::AUDIT => self.on_audit(now, &whole),
            Kind::REPLY => self.on_reply(now, &whole),
            Kind::PART => self.on_part(now, &whole),
            Kind::REFUSED => self.on_refused(now, &whole),
            Kind::NO_ROUTE => self.on_no_route(now, &whole),
            Kind::RESOLVED => self.on_resolved(now, &whole),
            Kind::SELECT => self.on_select(now, whole),
            Kind::WATCH => self.on_watch(now, whole),
            Kind::WATCHING => self.on_watching(now, &whole),
            Kind::PRESENCE => self.on_presence(&whole),
            Kind::SELECTED => self.on_selected(now, &whole),
            Kind::EDGE_ASK => self.on_edge_ask(now, &whole),
            Kind::EDGE_ANSWER => self.on_edge_answer(now, &whole),
            Kind::EDGE_DONE => self.on_edge_done(&whole),
            Kind::TAKE_ASK => self.on_take_ask(now, &whole),
            Kind::ORDER => self.on_order(now, &whole),
            Kind::ORDER_CHECK => self.on_order_check(now, &whole),
            Kind::ORDER_GO => self.on_order_go(now, &whole),
            Kind::ORDER_REPORT => self.on_order_report(now, &whole),
            Kind::ORDER_NOTED => self.on_order_noted(now, &whole),
            _ => {
                self.counters.unknown_kinds += 1;
                self.bounce(now, &whole.header, "this node does not know that kind of frame");
            }
        }
    }

    /// A message in parts that cannot be put together. Its sender hears so once, if it waits: the
    /// parts that still come only say that they are out of order.
    fn refuse_parts(&mut self, now: Moment, header: &Header, error: &FragmentError) {
        let kind = match error {
            FragmentError::TooLarge { .. } => RefusalKind::TooLarge,
            FragmentError::OutOfOrder => {
                self.counters.dropped += 1;
                return;
            }
            _ => RefusalKind::Busy,
        };
        if header.flags.has(Flags::ANSWER_WANTED) {
            let caller = Caller { node: header.source, request: header.id, question: None };
            let refusal = Refusal::new(kind, error.to_string());
            self.reply(now, caller, Outcome::Refused(refusal));
        }
    }

    fn on_cast(&mut self, frame: &Frame) {
        let Some(content) = content_of(frame) else {
            self.counters.dropped += 1;
            return;
        };
        let from = frame.header.source;
        // Programs that talk by the million know each other by id; people want to know who speaks.
        let sender = matches!(content, Content::Text(_)).then(|| self.path_of(from)).flatten();
        self.event(Event::Message { inbound: None, from, sender, content });
    }

    fn on_send(&mut self, now: Moment, frame: &Frame) {
        let from = frame.header.source;
        let Some(content) = content_of(frame) else {
            let refusal = Refusal::new(RefusalKind::BadArguments, "a content that cannot be read");
            return self.reply(now, caller_of(frame), Outcome::Refused(refusal));
        };
        if let Some(inbound) = self.take_in(now, caller_of(frame), frame) {
            let (inbound, sender) = (Some(inbound), self.path_of(from));
            self.event(Event::Message { inbound, from, sender, content });
        }
    }

    fn on_request(&mut self, now: Moment, frame: &Frame) {
        let Ok(body::Request { name, argument }) = body::read(&frame.payload) else {
            let refusal = Refusal::new(RefusalKind::BadArguments, "a request that cannot be read");
            return self.reply(now, caller_of(frame), Outcome::Refused(refusal));
        };
        if let Some(value) = self.built_in_requestable(now, &name) {
            let outcome = if value.to_cbor().len() <= crate::limits::MESSAGE_BYTES_MAX {
                Outcome::Reply(value)
            } else {
                let text = format!(
                    "{} knows too much for one value: {} nodes; select them, which is done in \
                     pages, as `ltn tree` does",
                    self.name,
                    self.tree.len()
                );
                Outcome::Refused(Refusal::new(RefusalKind::TooLarge, text))
            };
            return self.reply(now, caller_of(frame), outcome);
        }
        if !self.offers.has_requestable(&name) {
            let name = sanitise_line(&name);
            let text = format!("{} offers no requestable called `{name}`", self.name);
            let refusal = Refusal::new(RefusalKind::NotOffered, text);
            return self.reply(now, caller_of(frame), Outcome::Refused(refusal));
        }
        if let Some(inbound) = self.take_in(now, caller_of(frame), frame) {
            let (from, time_left) = (frame.header.source, time_left(frame));
            self.event(Event::Requested { inbound, from, name, argument, time_left });
        }
    }

    fn on_call(&mut self, now: Moment, frame: &Frame) {
        let caller = self.caller_of_call(frame);
        let Ok(call) = body::read::<body::Call>(&frame.payload) else {
            let refusal = Refusal::new(RefusalKind::BadArguments, "a command that cannot be read");
            return self.reply(now, caller, Outcome::Refused(refusal));
        };
        if let Err(refusal) = self.check_caller(caller.node, &call) {
            return self.refuse_call(now, caller, &call, Outcome::Refused(refusal));
        }
        if let Some(used) = self.used_before(caller, &call) {
            return self.refuse_call(now, caller, &call, used);
        }
        let Checks { runner, arguments, dangerous, to_prove } =
            match self.check_call(frame.header.source, &call) {
                Ok(checks) => checks,
                Err(refusal) => {
                    // It may be in the scope of a grant, and not know it yet.
                    self.confirm_own_place(now);
                    return self.refuse_call(now, caller, &call, Outcome::Refused(refusal));
                }
            };
        let mut proven = None;
        if to_prove {
            let deed = self.deed(caller.node, &call.command, &arguments);
            match self.check_proof(now, caller, &call, (&deed, dangerous)) {
                Checked::Ask => return self.challenge(now, caller, deed),
                Checked::Prepare => {}
                Checked::Proven(targets) => proven = Some(targets),
                Checked::Not(outcome) => return self.refuse_call(now, caller, &call, outcome),
            }
        }
        let Some(inbound) = self.take_in(now, caller, frame) else { return };
        let (from, token) = (frame.header.source, call.token.map(|token| token.0));
        let run = super::running::Run { inbound, actor: from, arguments, token, proven };
        match runner {
            Runner::BuiltIn if proven.is_some() && !dangerous => {
                self.write_down(now, call.command, run, How::Plain);
            }
            Runner::BuiltIn => self.run_built_in(now, &call.command, run),
            Runner::Program => {
                let direct = self.links.child(from).is_some()
                    || self.uplink.parent.as_ref().is_some_and(|parent| parent.id == from);
                self.run_offered(now, call.command, run, (direct, time_left(frame)));
            }
        }
    }

    /// Takes a question into the table; refuses it where there is no place.
    pub(super) fn take_in(
        &mut self,
        now: Moment,
        caller: Caller,
        frame: &Frame,
    ) -> Option<InboundId> {
        let room = if self.stopping.is_some() {
            None
        } else {
            self.inbound.open(caller, now + time_left(frame))
        };
        if room.is_none() {
            let me = &self.name;
            let refusal = if self.stopping.is_some() {
                Refusal::new(RefusalKind::Stopping, format!("{me} is stopping"))
            } else {
                let text = format!("{me} has too many open requests of this caller, or of all");
                Refusal::new(RefusalKind::Busy, text)
            };
            self.reply(now, caller, Outcome::Refused(refusal));
        }
        room
    }

    /// The program's answer to what came in.
    pub(super) fn answer(&mut self, now: Moment, inbound: InboundId, answer: Answer) {
        let outcome = match answer {
            Answer::Foretold(said) => return self.offer_foretold(now, inbound, *said),
            Answer::Taken => Outcome::Delivered,
            Answer::Value(value) => Outcome::Reply(value),
            Answer::Failed(text) => Outcome::Failed(text),
            Answer::Refused(refusal) => Outcome::Refused(refusal),
        };
        self.answer_with(now, inbound, outcome);
    }

    pub(super) fn answer_with(&mut self, now: Moment, inbound: InboundId, outcome: Outcome) {
        self.deed_is_over(now, inbound, &outcome);
        match self.inbound.close(inbound) {
            Some(caller) => self.reply(now, caller, outcome),
            // The caller's deadline passed; it knows already that nobody can tell.
            None => self.counters.late_replies += 1,
        }
    }

    /// Sends an outcome back to who waits for it.
    pub(super) fn reply(&mut self, now: Moment, caller: Caller, outcome: Outcome) {
        #[cfg(feature = "sim")]
        if self.mutant == Some(crate::sim::Mutant::LostReply) && caller.request.is_multiple_of(8) {
            return;
        }
        let (kind, flags, payload) = match outcome {
            Outcome::Delivered => (Kind::REPLY, Flags::default(), Bytes::new()),
            Outcome::Reply(value) if value.check().is_err() => {
                (Kind::REPLY, Flags::FAILED, Bytes::from_static(NOT_A_VALUE))
            }
            Outcome::Reply(value) => match Bytes::from(value.to_cbor()) {
                bytes if bytes.len() <= Self::answer_bytes_max(caller) => {
                    (Kind::REPLY, Flags::VALUE, bytes)
                }
                _ => (Kind::REPLY, Flags::FAILED, Bytes::from_static(TOO_LARGE)),
            },
            Outcome::Failed(text) => (Kind::REPLY, Flags::FAILED, Bytes::from(text)),
            Outcome::Confirm(Confirmation { token, text, targets }) => {
                let confirm = Confirm { token: body::Token(token), text, targets };
                (Kind::REPLY, Flags::CONFIRM, body::write(&confirm))
            }
            Outcome::Refused(Refusal { kind, text }) => {
                (Kind::REFUSED, Flags::default(), body::write(&Refused { kind, text }))
            }
            Outcome::NoRoute(NoRoute { at, text }) => {
                (Kind::NO_ROUTE, Flags::default(), body::write(&body::NoRoute { at, text }))
            }
            Outcome::Unknown(text) => (Kind::REPLY, Flags::UNKNOWN, Bytes::from(text)),
        };
        let mut header = Header::new(kind, self.config.id, caller.node);
        header.id = caller.request;
        header.flags = flags;
        let answer = Frame { header, payload };
        if let Some(question) = caller.question {
            self.seal(caller, question, answer);
        } else if self.send_out(now, answer).is_err() {
            self.counters.dropped += 1;
        }
    }

    /// The answer of the target, if it is the one that was asked.
    pub(super) fn take_answer(&mut self, frame: &Frame) -> Option<()> {
        let asked = self.requests.get(frame.header.id).map(|open| &open.stage);
        if asked == Some(&Stage::Sent(frame.header.source)) {
            return Some(());
        }
        self.counters.late_replies += 1;
        None
    }

    fn on_reply(&mut self, now: Moment, frame: &Frame) {
        if self.take_answer(frame).is_some() {
            self.end_request(now, frame.header.id, outcome_of(frame));
        }
    }

    fn on_refused(&mut self, now: Moment, frame: &Frame) {
        let resolving = self.requests.get(frame.header.id).map(|open| open.stage.clone());
        let outcome = refused_of(frame);
        // Who is muted hears so from any server on the way.
        let is_muted =
            matches!(&outcome, Outcome::Refused(refusal) if refusal.kind == RefusalKind::Muted);
        let muted = is_muted && matches!(resolving, Some(Stage::Sent(_)));
        if resolving.is_none() && self.watch_failed(now, frame.header.id, outcome.clone()) {
            return;
        }
        if !muted && resolving != Some(Stage::Resolving) && self.take_answer(frame).is_none() {
            return;
        }
        self.end_request(now, frame.header.id, outcome);
    }

    fn on_no_route(&mut self, now: Moment, frame: &Frame) {
        let id = frame.header.id;
        let Some(open) = self.requests.get_mut(id) else {
            if !self.watch_failed(now, id, no_route_of(frame)) {
                self.counters.late_replies += 1;
            }
            return;
        };
        if let (Stage::Sent(node), true) = (open.stage.clone(), open.from_memory) {
            // Certainly not done, and perhaps only because it moved: look for it once more.
            open.from_memory = false;
            open.stage = Stage::Resolving;
            self.known.forget(node);
            return self.look_again(now, id, frame);
        }
        let outcome = no_route_of(frame);
        self.end_request(now, id, outcome);
    }

    fn look_again(&mut self, now: Moment, id: u64, frame: &Frame) {
        let path = self.requests.get(id).and_then(|open| {
            let by_place = open.target.absolute(&self.speaker());
            by_place.filter(|path| self.find_path(path).is_err())
        });
        match path {
            Some(path) if self.uplink.parent.is_some() => {
                // A new number: what comes back of the first try says nothing of the second.
                let second = self.random.number();
                self.requests.renumber(id, second);
                self.search(now, second, &Resolve::Path(path));
            }
            _ => {
                let outcome = no_route_of(frame);
                self.end_request(now, id, outcome);
            }
        }
    }
}

const NOT_A_VALUE: &[u8] = b"it ran, and its answer is nested too deep to be sent";
const TOO_LARGE: &[u8] = b"it ran, and its answer is larger than one message can be";

pub(super) const fn caller_of(frame: &Frame) -> Caller {
    Caller { node: frame.header.source, request: frame.header.id, question: None }
}

fn time_left(frame: &Frame) -> Duration {
    Duration::from_millis(frame.header.time_left_ms.into()).min(ANSWER_TIME_MAX)
}

fn content_of(frame: &Frame) -> Option<Content> {
    if frame.header.flags.has(Flags::TEXT) {
        String::from_utf8(frame.payload.to_vec()).ok().map(Content::Text)
    } else if frame.header.flags.has(Flags::VALUE) {
        Value::from_cbor(&frame.payload).ok().map(Content::Value)
    } else {
        Some(Content::Bytes(frame.payload.clone()))
    }
}

/// What an answer says, of whichever kind it is.
pub(super) fn outcome_of(frame: &Frame) -> Outcome {
    let flags = frame.header.flags;
    match frame.header.kind {
        Kind::NO_ROUTE => return no_route_of(frame),
        Kind::REFUSED => return refused_of(frame),
        _ => {}
    }
    if flags.has(Flags::FAILED) {
        return Outcome::Failed(sanitise_line(&String::from_utf8_lossy(&frame.payload)));
    }
    if flags.has(Flags::UNKNOWN) {
        return Outcome::Unknown(sanitise_line(&String::from_utf8_lossy(&frame.payload)));
    }
    if flags.has(Flags::CONFIRM) {
        return match body::read::<Confirm>(&frame.payload) {
            Ok(Confirm { token, text, targets }) => {
                Outcome::Confirm(Confirmation { token: token.0, text, targets })
            }
            Err(bad) => Outcome::Unknown(bad.to_string()),
        };
    }
    if flags.has(Flags::VALUE) {
        return match Value::from_cbor(&frame.payload) {
            Ok(value) => Outcome::Reply(value),
            Err(bad) => Outcome::Unknown(format!("it answered with what cannot be read: {bad}")),
        };
    }
    Outcome::Delivered
}

fn refused_of(frame: &Frame) -> Outcome {
    match body::read::<Refused>(&frame.payload) {
        Ok(Refused { kind, text }) => Outcome::Refused(Refusal::new(kind, sanitise_line(&text))),
        Err(bad) => Outcome::Unknown(bad.to_string()),
    }
}

fn no_route_of(frame: &Frame) -> Outcome {
    match body::read::<body::NoRoute>(&frame.payload) {
        Ok(body::NoRoute { at, text }) => {
            Outcome::NoRoute(NoRoute { at: sanitise_line(&at), text: sanitise_line(&text) })
        }
        Err(bad) => Outcome::Unknown(bad.to_string()),
    }
}

//! Commands of this node to other members: signed where who is called asks for it, and believed to
//! have ended only as who was called signed it.

use super::NodeState;
use super::answering::outcome_of;
use super::asking::milliseconds;
use super::broken::Duty;
use super::outbox::{Unsigned, What};
use crate::body::{self, Call, Challenge, Sealed, Token};
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::{LinkId, NodeId};
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::proof::{
    Command, Ended, Fingerprint, fingerprint, fingerprint_of, fingerprint_of_nodes,
};
use crate::requests::{Called, Question, Stage};
use crate::shown::Given;
use crate::signature::Purpose;

impl NodeState {
    /// Says a command to another member: signed, if it is a second word.
    pub(super) fn call_member(&mut self, now: Moment, id: u64, node: NodeId, question: &Question) {
        let Ok(call) = body::read::<Call>(&question.payload) else { return };
        let Some(token) = call.token else {
            let question_was = fingerprint(&question.payload);
            if let Some(open) = self.requests.get_mut(id) {
                open.called = Some(Called { question: question_was, proven: false });
            }
            return self.say_question(now, id, node, question);
        };
        let arguments = fingerprint_of(&call.arguments);
        let given = Given { at: node, command: call.command.clone(), arguments };
        match self.shown.take(now, token.0, &given) {
            Ok(targets) => self.sign_at_place(now, (id, node), call, (token, targets)),
            Err(why) => {
                let refusal = Refusal::new(RefusalKind::BadToken, why.to_string());
                self.end_request(now, id, Outcome::Refused(refusal));
            }
        }
    }

    /// It went by this link.
    pub(super) fn question_left(
        &mut self,
        now: Moment,
        id: u64,
        node: NodeId,
        link: Option<LinkId>,
    ) {
        let went_up = link.is_some_and(|link| self.uplink.is_parent_link(link));
        if let Some(open) = self.requests.get_mut(id) {
            open.link = link;
            if went_up {
                self.requests.vigil.begin(node, now);
            }
        }
    }

    /// Who was called wants it signed.
    pub(super) fn on_challenge(&mut self, now: Moment, frame: &Frame) {
        let (id, node) = (frame.header.id, frame.header.source);
        let open = self.requests.get(id).filter(|open| open.stage == Stage::Sent(node));
        let unsigned = open.filter(|open| open.called.is_some_and(|called| !called.proven));
        let question = unsigned.and_then(|open| open.question.clone());
        let (Some(question), Ok(Challenge { nonce })) = (question, body::read(&frame.payload))
        else {
            self.counters.late_replies += 1;
            return;
        };
        let Ok(call) = body::read::<Call>(&question.payload) else { return };
        // A new number: what comes back of the question that was not signed says nothing of this.
        let second = self.random.number();
        self.requests.renumber(id, second);
        self.sign_at_place(now, (second, node), call, (nonce, fingerprint_of_nodes(&[node])));
    }

    /// Signs a command and says it.
    pub(super) fn sign_call(
        &mut self,
        now: Moment,
        (id, node): (u64, NodeId),
        call: Call,
        (nonce, targets): (Token, Fingerprint),
    ) {
        let (Some((network, edition)), Some(open)) = (self.membership(), self.requests.get_mut(id))
        else {
            return;
        };
        open.stage = Stage::Sent(node);
        let mut header = Header::new(Kind::CALL, self.config.id, node);
        header.id = id;
        header.flags = Flags::ANSWER_WANTED;
        header.time_left_ms = milliseconds(open.deadline.since(now));
        let command = Command {
            network,
            by: self.config.id,
            at: node,
            command: call.command.clone(),
            arguments: fingerprint_of(&call.arguments).into(),
            targets: targets.into(),
            edition,
            nonce,
            request: id,
        };
        let command = command.to_bytes();
        let link = match self.way_to(node) {
            Ok(Some(link)) => link,
            Ok(None) => return,
            Err(why) => {
                let outcome = self.no_route(why);
                return self.end_request(now, id, outcome);
            }
        };
        self.question_left(now, id, node, Some(link));
        let call = Call { token: Some(nonce), ..call };
        let message = command.clone();
        let what = What::Call { call, command };
        self.have_frame_signed((Purpose::Command, message), Unsigned { link, header, what });
    }

    /// An answer to one of our commands that nobody signed.
    pub(super) fn is_unsealed(&self, frame: &Frame) -> bool {
        let Header { kind, id, source, .. } = frame.header;
        if source == self.config.id || !self.does(Duty::Seals) {
            return false;
        }
        let called = self.requests.get(id).and_then(|open| open.called);
        called.is_some_and(|called| kind == Kind::REPLY || called.proven)
    }

    /// It may be a lie of somebody on the way, so it ends with what is certain: nothing.
    pub(super) fn on_unsealed(&mut self, now: Moment, frame: &Frame) {
        let Header { kind, id, source, .. } = frame.header;
        let asked = match self.requests.get(id).map(|open| &open.stage) {
            Some(Stage::Sent(node)) => *node,
            _ => return,
        };
        if kind == Kind::REPLY && asked != source {
            self.counters.late_replies += 1;
            return;
        }
        let (target, by) = (self.where_is(asked), self.where_is(source));
        let text = match outcome_of(frame) {
            Outcome::Refused(Refusal { text, .. }) => format!(
                "{by} says that it was refused ({text}), and {target} has not signed that; it \
                 may have been done"
            ),
            Outcome::NoRoute(why) => format!(
                "{by} says that it did not get to {target} ({}), and {target} cannot sign that; \
                 it may have been done",
                why.text
            ),
            _ => format!(
                "an answer came that {target} has not signed; somebody on the way may have made \
                 it up"
            ),
        };
        self.counters.unsealed_answers += 1;
        self.end_request(now, id, Outcome::Unknown(text));
    }

    /// A signed answer to one of our commands.
    pub(super) fn on_sealed(&mut self, now: Moment, frame: &Frame) {
        let Header { id, source, .. } = frame.header;
        let open = self.requests.get(id).filter(|open| open.stage == Stage::Sent(source));
        let Some(Called { question, .. }) = open.and_then(|open| open.called) else {
            self.counters.late_replies += 1;
            return;
        };
        let Some((network, _)) = self.membership() else { return };
        let checked = body::read::<Sealed>(&frame.payload).ok().filter(|sealed| {
            let ended = Ended {
                network,
                by: source,
                to: self.config.id,
                request: id,
                question: question.into(),
                kind: sealed.kind,
                flags: sealed.flags,
                content: fingerprint(&sealed.content).into(),
            };
            ended.check(self.scheme, &sealed.public_key, &sealed.signature).is_ok()
        });
        let Some(Sealed { kind, flags, content, .. }) = checked else {
            self.counters.unsealed_answers += 1;
            let target = self.where_is(source);
            let text = format!(
                "the answer that came is not signed by {target}, or is one to another question; \
                 somebody on the way may have changed it"
            );
            return self.end_request(now, id, Outcome::Unknown(text));
        };
        let header = Header { kind: Kind(kind), flags: Flags(flags), ..frame.header };
        let outcome = outcome_of(&Frame { header, payload: content.into() });
        self.note_shown(now, id, source, &outcome);
        self.end_request(now, id, outcome);
    }

    /// Remembers what a token was given for, so that its second word can be signed.
    fn note_shown(&mut self, now: Moment, id: u64, at: NodeId, outcome: &Outcome) {
        let Outcome::Confirm(confirmation) = outcome else { return };
        let question = self.requests.get(id).and_then(|open| open.question.as_ref());
        let call = question.and_then(|question| body::read::<Call>(&question.payload).ok());
        let Some(Call { command, arguments, .. }) = call else { return };
        let given = Given { at, command, arguments: fingerprint_of(&arguments) };
        let targets = fingerprint_of_nodes(&confirmation.targets);
        self.shown.remember(now, confirmation.token, given, targets);
    }
}

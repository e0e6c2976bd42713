//! Commands between members of a network: signed by who gives them, answered with the signature of
//! who was called.
//!
//! Whoever is called asks for a signature where the command needs more than `user`, and gives a
//! nonce for it (CHALLENGE); for dangerous commands the token of the confirmation is the nonce. The
//! issuer's mind signs by itself. Servers in between can lose what is said, and nothing else: what
//! they make up, change or say again does nothing and is believed by nobody.

use super::NodeState;
use super::answering::caller_of;
use super::broken::Duty;
use super::outbox::{Unsigned, What};
use crate::body::{self, Call, Challenge, Sealed, Token, Words};
use crate::confirmations::Deed;
use crate::event::Output;
use crate::fragments;
use crate::frame::{Frame, Header, Kind};
use crate::id::{LinkId, NetworkId, NodeId, SigningId};
use crate::inbound::Caller;
use crate::limits::{CONFIRMATION_LIFETIME, MESSAGE_BYTES_MAX, SEAL_BYTES_MAX};
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::proof::{
    Command, Ended, Fingerprint, Proof, fingerprint, fingerprint_of, fingerprint_of_nodes,
};
use crate::requests::Called;
use crate::signature::{Purpose, SIGNATURE_BYTES};
use crate::value::Value;

/// What is to come of a call that needs its issuer's signature.
pub(super) enum Checked {
    /// It has none yet: ask for it.
    Ask,
    /// It is only asked what would happen.
    Prepare,
    /// It is signed, about targets of this fingerprint.
    Proven(Fingerprint),
    /// It is not run.
    Not(Outcome),
}

impl NodeState {
    /// Whom to answer, and whether it is to be signed.
    pub(super) fn caller_of_call(&self, frame: &Frame) -> Caller {
        let caller = caller_of(frame);
        let sealed = self.wants_seals() && caller.node != self.config.id;
        Caller { question: sealed.then(|| fingerprint(&frame.payload)), ..caller }
    }

    /// A token that was used: whoever hears this may be the one who used it, and his answer may
    /// have been lost on the way.
    pub(super) fn used_before(&self, caller: Caller, call: &Call) -> Option<Outcome> {
        let known = caller.question.is_some() && self.does(Duty::Nonces);
        let token = call.token.filter(|_| known)?;
        self.deeds.past(token.0, caller.node)?;
        Some(self.in_doubt())
    }

    pub(super) fn in_doubt(&self) -> Outcome {
        let seconds = CONFIRMATION_LIFETIME.as_secs();
        Outcome::Unknown(format!(
            "this confirmation is not good at {} (any more): it was used, is older than {seconds} \
             s, or was given for something else; nothing was done now",
            self.name
        ))
    }

    /// A call that needs its issuer's signature: has it a good one?
    pub(super) fn check_proof(
        &mut self,
        now: Moment,
        caller: Caller,
        call: &Call,
        (deed, dangerous): (&Deed, bool),
    ) -> Checked {
        let Some(proof) = &call.proof else {
            return match call.token {
                None if dangerous => Checked::Prepare,
                None => Checked::Ask,
                Some(_) => self.unproven("it is not signed"),
            };
        };
        let command = match proof.read(self.scheme) {
            Ok(command) => command,
            Err(why) => return self.unproven(&why.to_string()),
        };
        if let Err(what) = self.fits(&command, caller, call) {
            return self.unproven(&format!("what is signed is for another {what}"));
        }
        let targets = *command.targets;
        if dangerous {
            return Checked::Proven(targets);
        }
        let mine = fingerprint_of_nodes(&[self.config.id]);
        let token = command.nonce.0;
        let fresh = self.challenges.take(token, deed, now).is_some() || !self.does(Duty::Nonces);
        let about_me = targets == mine || !self.does(Duty::Targets);
        if fresh && about_me { Checked::Proven(targets) } else { Checked::Not(self.in_doubt()) }
    }

    /// Is this very call what was signed? If not, what is another.
    fn fits(&self, command: &Command, caller: Caller, call: &Call) -> Result<(), &'static str> {
        let Some((network, edition)) = self.membership() else { return Err("network") };
        let arguments = fingerprint_of(&call.arguments);
        let checks = [
            (command.network == network, "network"),
            (command.by == caller.node || !self.does(Duty::Issuers), "issuer"),
            (command.at == self.config.id || !self.does(Duty::Targets), "node"),
            (command.command == call.command, "command"),
            (*command.arguments == arguments || !self.does(Duty::Arguments), "list of arguments"),
            (
                command.edition.epoch == edition.epoch || !self.does(Duty::Epochs),
                "time of the network",
            ),
            (Some(command.nonce) == call.token, "token"),
            (command.request == caller.request || !self.does(Duty::Nonces), "question"),
        ];
        let wrong = checks.into_iter().find(|(fits, _)| !fits);
        wrong.map_or(Ok(()), |(_, what)| Err(what))
    }

    fn unproven(&mut self, why: &str) -> Checked {
        self.counters.unproven_commands += 1;
        let text = format!("{} runs this only as its issuer signed it, and {why}", self.name);
        Checked::Not(Outcome::Refused(Refusal::new(RefusalKind::NoPermission, text)))
    }

    /// Asks the issuer for its signature.
    pub(super) fn challenge(&mut self, now: Moment, caller: Caller, deed: Deed) {
        let nonce = self.random.token();
        self.challenges.offer(nonce, deed, Vec::new(), now);
        let mut header = Header::new(Kind::CHALLENGE, self.config.id, caller.node);
        header.id = caller.request;
        let payload = body::write(&Challenge { nonce: Token(nonce) });
        if self.send_out(now, Frame { header, payload }).is_err() {
            self.counters.dropped += 1;
        }
    }

    /// What a token is given for.
    pub(super) fn deed(&self, actor: NodeId, command: &str, arguments: &[Value]) -> Deed {
        let counted = if self.does(Duty::Arguments) { arguments } else { &[] };
        let arguments = fingerprint_of(&Value::list(counted.iter().cloned()));
        let actor = if self.does(Duty::Issuers) { actor } else { NodeId::NOBODY };
        Deed { actor, command: command.to_owned(), arguments }
    }

    /// Are these the targets that the issuer was shown, and signed? Where nothing is signed they
    /// are.
    pub(super) fn signed_for(
        &self,
        actor: NodeId,
        signed: Option<Fingerprint>,
        targets: &[NodeId],
    ) -> bool {
        let free = !self.wants_seals() || actor == self.config.id || !self.does(Duty::Proofs);
        free || signed == Some(fingerprint_of_nodes(targets))
    }

    /// Answers a command with this node's signature.
    pub(super) fn seal(&mut self, caller: Caller, question: Fingerprint, answer: Frame) {
        let (Some((network, _)), Ok(Some(link))) = (self.membership(), self.way_to(caller.node))
        else {
            self.counters.dropped += 1;
            return;
        };
        let message = Ended {
            network,
            by: self.config.id,
            to: caller.node,
            request: caller.request,
            question: question.into(),
            kind: answer.header.kind.0,
            flags: answer.header.flags.0,
            content: fingerprint(&answer.payload).into(),
        };
        let mut header = Header::new(Kind::SEALED, self.config.id, caller.node);
        header.id = caller.request;
        let unsigned = Unsigned { link, header, what: What::End(answer) };
        self.have_frame_signed((Purpose::Result, message.to_bytes()), unsigned);
    }
}

impl NodeState {
    pub(super) fn membership(&self) -> Option<(NetworkId, crate::charter::Edition)> {
        self.config.network.zip(self.charter_edition())
    }

    /// Are commands between different nodes signed, and their answers?
    pub(super) const fn wants_seals(&self) -> bool {
        self.standing.is_some()
    }

    /// The largest answer to a command of this caller.
    pub(super) const fn answer_bytes_max(caller: Caller) -> usize {
        if caller.question.is_some() {
            MESSAGE_BYTES_MAX - SEAL_BYTES_MAX
        } else {
            MESSAGE_BYTES_MAX
        }
    }

    pub(super) fn have_frame_signed(
        &mut self,
        (purpose, message): (Purpose, Vec<u8>),
        frame: Unsigned,
    ) {
        self.signings += 1;
        let signing = SigningId(self.signings);
        self.outputs.push_back(Output::Sign { signing, purpose, message });
        self.outputs.wait_for(signing, frame);
    }

    /// The signature of a frame has come: it leaves. Was it one of a frame?
    pub(super) fn on_frame_signed(
        &mut self,
        now: Moment,
        signing: SigningId,
        signature: Option<[u8; SIGNATURE_BYTES]>,
    ) -> bool {
        let Some((at, Unsigned { link, header, what })) = self.outputs.take(signing) else {
            return false;
        };
        let public_key = self.config.public_key.clone();
        let payload = match (what, signature) {
            (What::Call { mut call, command }, Some(signature)) => {
                call.proof = Some(Proof::new(command, public_key, signature));
                let payload = body::write(&call);
                if let Some(open) = self.requests.get_mut(header.id) {
                    let question = fingerprint(&payload);
                    open.called = Some(Called { question, proven: true });
                }
                payload
            }
            (What::End(answer), Some(signature)) => body::write(&Sealed {
                kind: answer.header.kind.0,
                flags: answer.header.flags.0,
                content: answer.payload.to_vec(),
                public_key,
                signature: signature.to_vec(),
            }),
            (What::Words(words), Some(signature)) => {
                body::write(&Words { words: Proof::new(words, public_key, signature) })
            }
            (What::Go { mut go, words }, Some(signature)) => {
                go.words = Some(Proof::new(words, public_key, signature));
                body::write(&go)
            }
            // Who waits for them asks again, or does without.
            (What::Words(_) | What::Go { .. }, None) => return true,
            (What::Call { .. }, None) => {
                let text =
                    "this node cannot sign: the system gives no randomness; nothing was done";
                let refusal = Refusal::new(RefusalKind::NotPossible, text);
                self.end_request(now, header.id, Outcome::Refused(refusal));
                return true;
            }
            // Who waits for it hears that nobody signed it.
            (What::End(answer), None) => {
                self.put_frame(at, link, (answer.header, answer.payload));
                return true;
            }
        };
        if payload.len() > MESSAGE_BYTES_MAX {
            let text = "with its signature it is larger than one message can be";
            let refusal = Refusal::new(RefusalKind::TooLarge, text);
            self.end_request(now, header.id, Outcome::Refused(refusal));
            return true;
        }
        self.put_frame(at, link, (header, payload));
        true
    }

    fn put_frame(&mut self, at: usize, link: LinkId, (header, payload): (Header, bytes::Bytes)) {
        let frames = fragments::split(header, payload);
        self.outputs.put(at, frames.map(|frame| Output::Transmit { link, frame }));
    }
}

//! What of commands between members is written down for those who look later: run or refused, by
//! whom, about what, and how it ended. Lines of those that run are written before they do, and
//! another one when they are over; a copy of each goes to the main server, as far as there is a
//! way.

use super::NodeState;
use crate::audit::{AUDIT_TEXT_CHARS_MAX, AuditKind, Audited, CopyOf};
use crate::body;
use crate::commands::ParameterKind;
use crate::durable::{Durable, KeptDeed};
use crate::frame::{Frame, Kind};
use crate::id::NodeId;
use crate::inbound::Caller;
use crate::moment::Moment;
use crate::outcome::Outcome;
use crate::rollcall::Order;
use crate::standing::Standing;
use crate::text::shorten;
use crate::value::Value;

impl NodeState {
    /// What is written of this command, in one more line.
    pub(super) fn audited(
        &mut self,
        now: Moment,
        actor: NodeId,
        command: &str,
        of: &[Value],
    ) -> Audited {
        let spec = self.offers.command(command).map(|(spec, _)| spec);
        let running_ms = u64::try_from(now.since(self.started).as_millis()).unwrap_or(u64::MAX);
        let what = Audited::new(actor, command, spec, of);
        let (owner, count) = (self.visit_of(actor), Some(self.audit_desk.count()));
        Audited { running_ms, owner, count, ..what }
    }

    /// A call of another member is not run: it is told so, and that is written down.
    pub(super) fn refuse_call(
        &mut self,
        now: Moment,
        caller: Caller,
        call: &body::Call,
        outcome: Outcome,
    ) {
        let arguments = call.arguments.as_list().unwrap_or_default();
        if self.is_privileged_call(&call.command, arguments) {
            self.audit_refusal(now, caller.node, (&call.command, arguments), &outcome);
        }
        self.reply(now, caller, outcome);
    }

    /// A command that needs more than `user` was not run.
    pub(super) fn audit_refusal(
        &mut self,
        now: Moment,
        actor: NodeId,
        (command, arguments): (&str, &[Value]),
        outcome: &Outcome,
    ) {
        if !self.wants_seals() || actor == self.config.id {
            return;
        }
        let why = match outcome {
            Outcome::Refused(refusal) => &refusal.text,
            Outcome::Unknown(text) => text,
            _ => return,
        };
        let who = self.owner_of(actor);
        let Some(left_out) = self.audit_desk.takes_refusal(now, who) else { return };
        let refused = Some(shorten(why, AUDIT_TEXT_CHARS_MAX));
        let audited = self.audited(now, actor, command, arguments);
        let what = Audited { refused, left_out, ..audited };
        self.persist(Durable::Audit { copy: None, what: what.clone() });
        self.copy_to_root(now, what);
    }

    /// A command that was run is over: one more line, which names the same deed. Of one that takes
    /// a key it is not told why it failed, because that may say the key.
    pub(super) fn audit_end(&mut self, now: Moment, deed: KeptDeed, outcome: &Outcome) {
        let spec = self.offers.command(&deed.command).map(|(spec, _)| spec);
        let takes_secret = spec.is_none_or(|spec| {
            spec.parameters.iter().any(|parameter| parameter.kind == ParameterKind::Secret)
        });
        let (how, why) = match outcome {
            Outcome::Delivered | Outcome::Reply(_) | Outcome::Confirm(_) => ("done", None),
            Outcome::Failed(why) => ("failed", Some(why)),
            Outcome::Refused(refusal) => ("refused", Some(&refusal.text)),
            Outcome::NoRoute(no) => ("failed", Some(&no.text)),
            Outcome::Unknown(why) => ("not known", Some(why)),
        };
        let ended = match why.filter(|_| !takes_secret) {
            Some(why) => shorten(&format!("{how}: {why}"), AUDIT_TEXT_CHARS_MAX),
            None => how.to_owned(),
        };
        let audited = self.audited(now, deed.actor, &deed.command, &[]);
        let what = Audited { deed: Some(deed.number), ended: Some(ended), ..audited };
        self.copy_to_root(now, what.clone());
        self.persist(Durable::Ended { deed, what });
    }

    /// An order to stop is obeyed.
    pub(super) fn audit_order(&mut self, now: Moment, order: Order) {
        if self.wants_seals() {
            let command = if order.restart { "restart, as ordered" } else { "stop, as ordered" };
            let what = self.audited(now, order.issuer, command, &[]);
            self.persist(Durable::Audit { copy: None, what: what.clone() });
            self.copy_to_root(now, what);
        }
    }

    /// A copy for the main server: sent at once, or when there is a way again.
    pub(super) fn copy_to_root(&mut self, now: Moment, audited: Audited) {
        if self.config.role.is_root() || self.standing.is_none() {
            return;
        }
        self.audit_desk.wait(audited);
        self.send_audit_copies(now);
    }

    pub(super) fn send_audit_copies(&mut self, now: Moment) {
        let Some(root) = self.standing.as_ref().map(Standing::root) else { return };
        while self.place.rooted
            && self.uplink.parent.is_some()
            && let Some(audited) = self.audit_desk.next()
        {
            self.tell(now, Kind::AUDIT, root, body::write(&audited));
        }
    }

    /// The main server's part: the copy of another node's line.
    pub(super) fn on_audit(&mut self, now: Moment, frame: &Frame) {
        let node = frame.header.source;
        let Ok(what) = body::read::<Audited>(&frame.payload) else { return };
        let others = [&what.refused, &what.ended].map(|text| text.as_deref().unwrap_or_default());
        let texts = [what.command.as_str(), what.arguments.as_str(), others[0], others[1]];
        let small = texts.iter().all(|text| text.chars().count() <= AUDIT_TEXT_CHARS_MAX);
        let branch = self.tree.branch_of(node).filter(|_| self.config.role.is_root() && small);
        let copy = branch.map(|branch| CopyOf { branch, node });
        let kind = AuditKind::of(&what);
        if copy.is_some_and(|copy| self.audit_desk.takes_copy(now, copy, kind)) {
            self.persist(Durable::Audit { copy, what });
        } else {
            self.counters.dropped += 1;
        }
    }
}

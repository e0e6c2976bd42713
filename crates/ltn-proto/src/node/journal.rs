//! Commands that are dangerous, or signed, are written down before they run, so that after a power
//! cut nobody is told that nothing was done where something may have been; and so are roll calls.

use super::NodeState;
use super::running::Run;
use crate::audit::Audited;
use crate::confirmations::NOT_CONFIRMED;
use crate::deeds::Past;
use crate::durable::{Durable, KeptDeed, KeptReport, WriteId};
use crate::event::CallStep;
use crate::id::{InboundId, LinkId, NodeId};
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::value::Value;

/// A confirmed or signed command that waits until it is written down.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    command: String,
    run: Run,
    how: How,
    /// The link that it came by.
    arrived: Option<LinkId>,
    /// The number of the deed.
    number: u64,
}

/// How a command runs once it is written down.
#[derive(Debug, Clone)]
pub(super) enum How {
    /// It comes with this node and is dangerous, and this is whom it is meant for.
    Dangerous(Vec<NodeId>),
    /// It is one of the program's; after the moment its answer is of no use.
    Offered { direct: bool, until: Moment, confirmed: Vec<NodeId> },
    /// It comes with this node and is not dangerous.
    Plain,
}

impl NodeState {
    /// Writes a command down; it runs when that is done.
    pub(super) fn write_down(&mut self, now: Moment, command: String, run: Run, how: How) {
        let (inbound, actor) = (run.inbound, run.actor);
        let Some(token) = run.token else { return };
        // Who sees the process gone knows that these were done.
        let done = matches!(command.as_str(), "s.shutdown" | "s.restart");
        let number = self.next_write().0;
        let deed = KeptDeed { number, token, actor, command: command.clone(), done };
        self.deeds.begin(inbound, deed.clone(), run.proven.is_some());
        let what = if run.proven.is_some() {
            let audited = self.audited(now, actor, &command, &run.arguments);
            let what = Audited { deed: Some(number), ..audited };
            self.copy_to_root(now, what.clone());
            Durable::Accepted { deed, what }
        } else {
            Durable::Deed(deed)
        };
        let write = self.persist(what);
        let arrived = self.arrived;
        self.accepted.insert(write, Accepted { command, run, how, arrived, number });
    }

    /// A command is written down: now it runs. If it could not be, it certainly does not; neither
    /// if who gave it may not run it any more.
    pub(super) fn on_deed_written(
        &mut self,
        now: Moment,
        write: WriteId,
        done: Result<(), String>,
    ) {
        let Some(accepted) = self.accepted.remove(&write) else { return };
        let refusal = match done {
            _ if self.stopping.is_some() => {
                let text = format!("{} is stopping; nothing was done", self.name);
                Some(Refusal::new(RefusalKind::Stopping, text))
            }
            Ok(()) => None,
            Err(why) => {
                let text = format!("it could not be written down ({why}), so it was not done");
                Some(Refusal::new(RefusalKind::NotPossible, text))
            }
        };
        if let Some(refusal) = refusal {
            let inbound = accepted.run.inbound;
            self.deeds.forget(inbound);
            return self.answer_with(now, inbound, Outcome::Refused(refusal));
        }
        self.arrived = accepted.arrived.filter(|link| self.links.get(*link).is_some());
        match self.check_still(accepted.run.actor, &accepted.command) {
            Ok(()) => self.run_accepted(now, accepted),
            Err(refusal) => {
                let inbound = accepted.run.inbound;
                self.deeds.is_not_done(inbound, accepted.number);
                self.answer_with(now, inbound, Outcome::Refused(refusal));
            }
        }
        self.arrived = None;
    }

    fn run_accepted(&mut self, now: Moment, accepted: Accepted) {
        let Accepted { command, run, how, .. } = accepted;
        match how {
            How::Dangerous(targets) => self.carry_out(now, &command, &run, &targets),
            How::Plain => self.run_built_in(now, &command, run),
            How::Offered { direct, until, confirmed } => {
                let time = (direct, until.since(now));
                self.event(run.called(command, time, CallStep::Run(confirmed)));
            }
        }
    }

    /// May it still run what it was allowed to run when it said so? Its right may have ended while
    /// that was written down, or while another server was asked.
    pub(super) fn check_still(&self, actor: NodeId, command: &str) -> Result<(), Refusal> {
        let Some((spec, runner)) = self.offers.command(command) else { return Ok(()) };
        if !self.is_revoked(actor) && self.may_call(actor, spec, *runner) {
            return Ok(());
        }
        let (who, needed, me) = (self.call(actor), &spec.permission, &self.name);
        let text = format!(
            "{who} may not run `{command}` at {me} any more, for which one needs the permission \
             `{needed}`; nothing was done"
        );
        Err(Refusal::new(RefusalKind::NoPermission, text))
    }

    /// This was answered. If it was a dangerous command, that is written down too, and how it ended
    /// in the audit log.
    pub(super) fn deed_is_over(&mut self, now: Moment, inbound: InboundId, outcome: &Outcome) {
        match self.deeds.end(inbound) {
            Some((deed, true)) => self.audit_end(now, deed, outcome),
            Some((deed, false)) => _ = self.persist(Durable::Deed(deed)),
            None => {}
        }
    }

    /// The answer to a token that does not work: what is known of it, in truth.
    pub(super) fn answer_to_token(&self, token: [u8; 16], actor: NodeId) -> Outcome {
        let refused = |text: String| Outcome::Refused(Refusal::new(RefusalKind::BadToken, text));
        match self.deeds.past(token, actor) {
            None => refused(NOT_CONFIRMED.to_owned()),
            Some((Past::Done, command)) => refused(format!(
                "this confirmation of `{command}` was used and carried out before; nothing was \
                 done a second time"
            )),
            Some((Past::UnderWay, command)) => refused(format!(
                "`{command}` is under way with this confirmation; nothing was begun a second time"
            )),
            Some((Past::Unknown, command)) => Outcome::Unknown(format!(
                "{} went down while `{command}` was under way with this confirmation; nobody can \
                 tell whether it was done, and nothing was done now",
                self.name
            )),
        }
    }

    /// Writes down a roll call that begins (without a number), or how it ended.
    pub(super) fn keep_report(&mut self, number: Option<u64>, report: Value) -> (u64, WriteId) {
        let finished = number.is_some();
        let number = number.unwrap_or_else(|| self.next_write().0);
        let what = Durable::Report(KeptReport { number, finished, report });
        self.config.remembered.take_in(&what);
        (number, self.persist(what))
    }

    /// `s.report()`: the last roll call that this server led.
    pub(super) fn last_report(&self) -> Result<Value, Refusal> {
        match self.config.remembered.reports.last() {
            Some(kept) => Ok(kept.told()),
            None => {
                let text = format!("{} has led no roll call that it remembers", self.name);
                Err(Refusal::new(RefusalKind::NotPossible, text))
            }
        }
    }
}

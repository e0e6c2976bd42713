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

/// A confirmed command that waits until it is written down.
#[derive(Debug, Clone)]
pub(super) enum Accepted {
    /// One that comes with this node, and whom it is meant for.
    BuiltIn { command: String, run: Run, targets: Vec<NodeId> },
    /// One of the program's; after the moment its answer is of no use.
    Offered { run: Run, command: String, direct: bool, until: Moment, confirmed: Vec<NodeId> },
    /// One that comes with this node and is not dangerous; it came by this link.
    Plain { command: String, run: Run, arrived: Option<LinkId> },
}

impl Accepted {
    fn command(&self) -> &str {
        match self {
            Self::BuiltIn { command, .. }
            | Self::Offered { command, .. }
            | Self::Plain { command, .. } => command,
        }
    }

    const fn run(&self) -> &Run {
        match self {
            Self::BuiltIn { run, .. } | Self::Offered { run, .. } | Self::Plain { run, .. } => run,
        }
    }
}

impl NodeState {
    /// Writes a confirmed command down; it runs when that is done.
    pub(super) fn write_down(&mut self, now: Moment, accepted: Accepted) {
        let (run, command) = (accepted.run(), accepted.command());
        let (inbound, actor) = (run.inbound, run.actor);
        let Some(token) = run.token else { return };
        // Who sees the process gone knows that these were done.
        let done = matches!(command, "s.shutdown" | "s.restart");
        let number = self.next_write().0;
        let deed = KeptDeed { number, token, actor, command: command.to_owned(), done };
        self.deeds.begin(inbound, deed.clone(), run.proven.is_some());
        let what = if run.proven.is_some() {
            let audited = self.audited(now, actor, command, &run.arguments);
            let what = Audited { deed: Some(number), ..audited };
            self.copy_to_root(now, what.clone());
            Durable::Accepted { deed, what }
        } else {
            Durable::Deed(deed)
        };
        let write = self.persist(what);
        self.accepted.insert(write, accepted);
    }

    /// A confirmed command is written down: now it runs. If it could not be, it certainly does not.
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
            let inbound = accepted.run().inbound;
            self.deeds.forget(inbound);
            return self.answer_with(now, inbound, Outcome::Refused(refusal));
        }
        match accepted {
            Accepted::BuiltIn { command, run, targets } => {
                self.carry_out(now, &command, &run, &targets);
            }
            Accepted::Plain { command, run, arrived } => {
                self.arrived = arrived.filter(|link| self.links.get(*link).is_some());
                self.run_built_in(now, &command, run);
                self.arrived = None;
            }
            Accepted::Offered { run, command, direct, until, confirmed } => {
                let time = (direct, until.since(now));
                self.event(run.called(command, time, CallStep::Run(confirmed)));
            }
        }
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

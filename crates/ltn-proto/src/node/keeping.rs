//! What a node holds of people, what it is called, and where it looks for help: written down, so
//! that a power cut changes none of it, and told to who wanted it only then.

use super::renaming::NamedBy;
use super::running::Run;
use super::{NodeConfig, NodeState};
use crate::address::Address;
use crate::durable::{Durable, WriteId};
use crate::goals::Goals;
use crate::id::{InboundId, NodeId};
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::{Outcome, Refusal};
use crate::value::Value;

/// What holds already and is being written down.
#[derive(Debug, Clone)]
pub(super) struct Promised {
    whose: Whose,
    text: String,
}

/// Who is told.
#[derive(Debug, Clone, Copy)]
enum Whose {
    Caller(InboundId),
    Namer(NamedBy),
}

/// What an earlier life was called, and whom it asked in bad times, unless this one is told.
pub(super) fn recall(config: &mut NodeConfig) {
    if let Some(name) = config.remembered.name.clone().filter(|_| !config.role.is_root()) {
        config.name = Some(name);
    }
    if config.backup_parents.is_empty() {
        config.backup_parents.clone_from(&config.remembered.backup_parents);
    }
}

/// Where a parent is looked for.
pub(super) fn goals_of(config: &NodeConfig) -> Goals {
    let mut goals = Goals::new(config.address.clone(), config.backup_parents.clone());
    if let Some(parent) = &config.remembered.parent {
        goals.know_home(&parent.addresses);
    }
    goals
}

impl NodeState {
    /// The disk has answered.
    pub(super) fn on_written(&mut self, now: Moment, write: WriteId, done: Result<(), String>) {
        if self.accepted.contains_key(&write) {
            self.on_deed_written(now, write, done);
        } else if self.awaits_plan(write) {
            self.on_plan_written(now, done);
        } else if let Some(promised) = self.promised.remove(&write) {
            self.keep_promise(now, promised, done);
        } else {
            self.on_persisted(now, write, done);
        }
    }

    /// Answers that this was done to these nodes, when it is written down.
    pub(super) fn answer_when_kept(
        &mut self,
        now: Moment,
        run: &Run,
        done: Result<(String, Vec<NodeId>), Refusal>,
    ) {
        match done {
            Ok((text, nodes)) => {
                let write = self.keep_people(&nodes);
                let whose = Whose::Caller(run.inbound);
                self.promised.insert(write, Promised { whose, text });
            }
            Err(Refusal { kind, text }) => self.refuse(now, run, kind, &text),
        }
    }

    fn keep_people(&mut self, nodes: &[NodeId]) -> WriteId {
        let people = nodes.iter().map(|node| self.people.kept(*node)).collect();
        self.persist(Durable::People(people))
    }

    /// Those whose kick is over need not be remembered.
    pub(super) fn end_kicks(&mut self, now: Moment) {
        if self.people.next_end().is_some_and(|end| end <= now) {
            let over = self.people.end_kicks(now);
            self.keep_people(&over);
        }
    }

    /// This node is called so from now on; whoever wanted it hears of it when it is written down.
    pub(super) fn keep_name(&mut self, name: Name, by: Option<NamedBy>) {
        let text = format!("{} is the name now", self.name);
        let write = self.persist(Durable::Name(name));
        if let Some(by) = by {
            self.promised.insert(write, Promised { whose: Whose::Namer(by), text });
        }
    }

    /// The program names these for bad times.
    pub(super) fn back_up(&mut self, parents: Vec<Address>) {
        self.goals.give(parents);
        self.persist(Durable::BackupParents(self.goals.given().to_vec()));
    }

    fn keep_promise(&mut self, now: Moment, promised: Promised, done: Result<(), String>) {
        let Promised { whose, text } = promised;
        let outcome = match done {
            Ok(()) => Outcome::Reply(Value::Text(text)),
            Err(why) => Outcome::Failed(format!(
                "{text}, but only until {} ends: it could not be written down ({why})",
                self.name
            )),
        };
        match whose {
            Whose::Caller(inbound) => self.answer_with(now, inbound, outcome),
            Whose::Namer(by) => self.rename_ended(now, by, outcome),
        }
    }
}

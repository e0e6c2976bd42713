//! What this node offers to others: requestables and commands, built in or the program's own.
//!
//! One registry answers who may call what, what help says and what peers are told.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::CommandSpec;
use crate::limits::DECLARATIONS_MAX;
use crate::value::Value;

/// Who runs a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// The mind.
    BuiltIn,
    /// The program on this node.
    Program,
}

/// The registry of one node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offers {
    built_in_requestables: BTreeSet<String>,
    requestables: BTreeSet<String>,
    commands: BTreeMap<String, (CommandSpec, Runner)>,
    /// Is what others can see another than when [`Offers::take_changed`] was asked last?
    changed: bool,
}

impl Offers {
    pub(crate) fn new(
        requestables: impl IntoIterator<Item = &'static str>,
        commands: impl IntoIterator<Item = CommandSpec>,
    ) -> Self {
        let built_in = |spec: CommandSpec| (spec.name.clone(), (spec, Runner::BuiltIn));
        Self {
            built_in_requestables: requestables.into_iter().map(str::to_owned).collect(),
            requestables: BTreeSet::new(),
            commands: commands.into_iter().map(built_in).collect(),
            changed: false,
        }
    }

    /// The program offers a requestable; beyond the maximum it is not taken.
    pub(crate) fn offer_requestable(&mut self, name: String) {
        if self.requestables.len() < DECLARATIONS_MAX {
            self.changed |= self.requestables.insert(name);
        }
    }

    /// The program offers a command. A built-in one of this name keeps its place.
    pub(crate) fn offer_command(&mut self, spec: CommandSpec) {
        let has_room = match self.commands.get(&spec.name) {
            Some((_, runner)) => *runner == Runner::Program,
            None => {
                let of_program = |(_, runner): &&(_, Runner)| *runner == Runner::Program;
                self.commands.values().filter(of_program).count() < DECLARATIONS_MAX
            }
        };
        if has_room {
            let program = (spec, Runner::Program);
            let before = self.commands.insert(program.0.name.clone(), program.clone());
            self.changed |= before != Some(program);
        }
    }

    /// The program offers this no longer.
    pub(crate) fn withdraw(&mut self, name: &str) {
        self.changed |= self.requestables.remove(name);
        if self.commands.get(name).is_some_and(|(_, runner)| *runner == Runner::Program) {
            self.commands.remove(name);
            self.changed = true;
        }
    }

    /// Has it changed since this was asked last? To offer the same thing again is no change.
    pub(crate) const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }

    /// Does the program offer this requestable?
    pub(crate) fn has_requestable(&self, name: &str) -> bool {
        self.requestables.contains(name)
    }

    /// Does this node come with a requestable or command of this name?
    pub(crate) fn has_built_in(&self, name: &str) -> bool {
        let command = self.commands.get(name).map(|(_, runner)| *runner);
        command == Some(Runner::BuiltIn) || self.built_in_requestables.contains(name)
    }

    pub(crate) fn command(&self, name: &str) -> Option<&(CommandSpec, Runner)> {
        self.commands.get(name)
    }

    pub(crate) fn commands(&self) -> impl Iterator<Item = &CommandSpec> {
        self.commands.values().map(|(spec, _)| spec)
    }

    pub(crate) fn requestables(&self) -> impl Iterator<Item = &str> {
        self.built_in_requestables.iter().chain(&self.requestables).map(String::as_str)
    }

    /// The names of both, for metadata.
    pub(crate) fn names(&self) -> (Value, Value) {
        let commands = self.commands().map(|spec| Value::from(spec.name.as_str()));
        let requestables = self.requestables().map(Value::from);
        (Value::List(commands.collect()), Value::List(requestables.collect()))
    }
}

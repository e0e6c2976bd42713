//! What a command is: its name, its parameters, who may run it. One declaration serves the checks,
//! the help text and what peers see.
//!
//! This room knows declarations and arguments, never effects: what a command does is decided in
//! `node/builtin.rs` or by the program that offers it.

use crate::permissions::Permission;
use crate::value::Value;

/// What one parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any text.
    Text,
    /// A whole number.
    Int,
    /// Any value.
    Any,
}

/// How often one parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly once.
    Required,
    /// Once or not at all; only behind all required ones.
    Optional,
    /// Once or more often; only as the last.
    OneOrMore,
    /// Any number of times; only as the last.
    Any,
}

/// One parameter of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in help texts.
    pub name: String,
    /// What it takes.
    pub kind: ParameterKind,
    /// How often it stands.
    pub arity: Arity,
}

/// The declaration of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// Its name; those of servers start with `s.`.
    pub name: String,
    /// One line.
    pub description: String,
    /// The heading that help lists it under.
    pub category: String,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// What one must hold to run it.
    pub permission: Permission,
    /// Does it want a confirmation first?
    pub dangerous: bool,
}

/// Arguments that passed a declaration, in its order.
pub type Arguments = Vec<Value>;

//! The audit log: which commands that need more than `user` arrived at a node of a network with
//! members, run or refused, each line chained to the one before by its digest.
//!
//! The mind says what is to be written ([`Audited`]); the body adds the time of day, writes the
//! line before the command runs, and keeps the last of them ([`AuditLog`]). Nothing here knows
//! where lines are kept.

mod log;

pub use log::{AuditKind, AuditLog, BrokenChain, Pushed};

use std::time::Duration;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::body;
use crate::commands::{CommandSpec, ParameterKind};
use crate::id::NodeId;
use crate::text::{quotable, shorten};
use crate::value::Value;

/// What is told of the arguments, and of why something was refused, in characters.
pub const AUDIT_TEXT_CHARS_MAX: usize = 200;

/// What is written of one command.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Audited {
    /// Who gave it.
    #[n(0)]
    pub actor: NodeId,
    /// Which command.
    #[n(1)]
    pub command: String,
    /// Its arguments in words: keys and secrets are left out.
    #[n(2)]
    pub arguments: String,
    /// Why it was refused; nothing if it was run.
    #[n(3)]
    pub refused: Option<String>,
    /// For how long the node had run, in milliseconds of the clock that goes on in sleep.
    #[n(4)]
    pub running_ms: u64,
    /// Refusals before this one that were only counted, because there were too many.
    #[n(5)]
    pub left_out: u64,
    /// The node's own number of a command that was run; the line about its end has the same.
    #[n(6)]
    pub deed: Option<u64>,
    /// How it ended, where this line is about the end of a command that was run.
    #[n(7)]
    pub ended: Option<String>,
    /// Whose visit it was that gave it, if it was one.
    #[n(8)]
    pub owner: Option<NodeId>,
    /// Counts what the node wrote of itself, over all its lives: who keeps the copies sees by it
    /// what did not arrive.
    #[n(9)]
    pub count: Option<u64>,
}

impl Audited {
    /// What is written of this command, of which `spec` says what its arguments are; nothing is
    /// said yet of how it went.
    #[must_use]
    pub fn new(
        actor: NodeId,
        command: &str,
        spec: Option<&CommandSpec>,
        arguments: &[Value],
    ) -> Self {
        Self {
            actor,
            command: command.to_owned(),
            arguments: arguments_in_words(spec, arguments),
            refused: None,
            running_ms: 0,
            left_out: 0,
            deed: None,
            ended: None,
            owner: None,
            count: None,
        }
    }
}

/// The arguments as people may read them later, whoever they are.
fn arguments_in_words(spec: Option<&CommandSpec>, arguments: &[Value]) -> String {
    let kind = |at: usize| {
        let parameters = spec.map(|spec| &spec.parameters);
        parameters.and_then(|all| all.get(at).or(all.last())).map(|parameter| parameter.kind)
    };
    let word = |(at, argument): (usize, &Value)| match (kind(at), argument) {
        // Nobody knows what it would have been.
        (None | Some(ParameterKind::Secret), _) => "…".to_owned(),
        (_, Value::Text(text)) => quotable(text),
        (_, Value::Bytes(bytes)) => format!("{} bytes", bytes.len()),
        (_, other) => shorten(&other.to_string(), AUDIT_TEXT_CHARS_MAX),
    };
    let words: Vec<String> = arguments.iter().enumerate().map(word).collect();
    shorten(&words.join(", "), AUDIT_TEXT_CHARS_MAX)
}

/// One line of the log, chained to the one before of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AuditLine {
    /// Counts the lines of this log, from 1, whatever their kind.
    #[n(0)]
    pub number: u64,
    #[n(1)]
    previous: ByteArray<32>,
    /// Whose line it is a copy of; nothing if it is about the node itself.
    #[n(2)]
    pub node: Option<NodeId>,
    /// The time of day, in milliseconds since 1970, as far as the machine knows it.
    #[n(3)]
    pub time_ms: u64,
    /// What arrived.
    #[n(4)]
    pub what: Audited,
    /// The number of the line about the beginning of what ended; nothing if that is not kept any
    /// more, or nothing ended.
    #[n(5)]
    pub of: Option<u64>,
    /// In a copy: so many lines that the node wrote before this one did not arrive.
    #[n(6)]
    pub missing: Option<u64>,
    /// In a copy: by which node directly below this one it came.
    #[n(7)]
    pub branch: Option<NodeId>,
}

/// Whose line a copy is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CopyOf {
    /// By which node directly below the main server it came: that one answers for all behind it.
    pub branch: NodeId,
    /// Who says that it is its line.
    pub node: NodeId,
}

impl AuditLine {
    /// The bytes to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        body::write(self).to_vec()
    }

    fn copy_of(&self) -> Option<CopyOf> {
        Some(CopyOf { branch: self.branch?, node: self.node? })
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// The running time of the node when it arrived.
    #[must_use]
    pub const fn running(&self) -> Duration {
        Duration::from_millis(self.what.running_ms)
    }
}

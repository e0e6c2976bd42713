//! The audit log of a node: the mind says what is to be written, here it gets the time of day and
//! its place in the chain. The last lines are in memory for who looks; where there is a state
//! directory they are written there, before the command runs. What was run and what was refused
//! are kept apart, and told as one log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ltn_proto::limits::{AUDIT_LINES_IN_MEMORY, AUDIT_LINES_MAX};
use ltn_proto::{
    AuditKind, AuditLine, AuditLog, Audited, BrokenChain, CopyOf, NodeId, Pushed, Value,
};

use crate::notice::time_in_words;
use crate::store::{Change, Shelf};

/// Which of the two logs a line belongs to, and which chain of it, as the first byte of its key.
const fn shelf_of(copies: bool, kind: AuditKind) -> u8 {
    match (copies, kind) {
        (false, AuditKind::Run) => 0,
        (true, AuditKind::Run) => 1,
        (false, AuditKind::Refused) => 2,
        (true, AuditKind::Refused) => 3,
    }
}

/// A line, and what makes room for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry(Pushed);

impl Entry {
    /// What is to be changed in the store.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let Pushed { line, dropped } = &self.0;
        // Logs of earlier versions have refused commands among those that were run.
        let shelf = shelf_of(line.node.is_some(), AuditKind::of(&line.what));
        let key = |line: &AuditLine| {
            let mut key = [shelf; 9];
            key[1..].copy_from_slice(&line.number.to_be_bytes());
            key
        };
        let dropped = dropped.as_ref().map(|line| Change::remove(Shelf::Audit, key(line)));
        [Change::put(Shelf::Audit, key(line), line.to_bytes())].into_iter().chain(dropped)
    }
}

/// The log of what arrived here and, at the main server, that of what arrived elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct AuditBook(Arc<Mutex<[AuditLog; 2]>>);

impl AuditBook {
    /// For a node that keeps nothing.
    pub(crate) fn in_memory() -> Self {
        let log = || AuditLog::new(AUDIT_LINES_IN_MEMORY);
        Self(Arc::new(Mutex::new([log(), log()])))
    }

    /// What was written in earlier lives, by key, if all of it hangs together.
    pub(crate) fn read(entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, BrokenChain> {
        let read = |copies| {
            let of = |kind| {
                let shelf = shelf_of(copies, kind);
                let on_it = entries.iter().filter(|(key, _)| key.first() == Some(&shelf));
                on_it.map(|(_, bytes)| bytes.clone()).collect()
            };
            AuditLog::read(of(AuditKind::Run), of(AuditKind::Refused), AUDIT_LINES_MAX)
        };
        Ok(Self(Arc::new(Mutex::new([read(false)?, read(true)?]))))
    }

    /// Takes one more line; `copy` says whose it is a copy of.
    pub(crate) fn take(&self, copy: Option<CopyOf>, what: &Audited) -> Entry {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Entry(self.logs()[usize::from(copy.is_some())].push(copy, what.clone(), time_ms))
    }

    /// The line could not be written after all.
    pub(crate) fn take_back(&self, Entry(pushed): Entry) {
        self.logs()[usize::from(pushed.line.node.is_some())].take_back(pushed);
    }

    /// How far the node has counted its lines.
    pub(crate) fn counted(&self) -> u64 {
        self.logs()[0].counted()
    }

    /// The last lines of one of the logs, the oldest first; and where it does not hang together any
    /// more, if so.
    pub(crate) fn last(&self, count: usize, copies: bool) -> (Vec<AuditLine>, Option<u64>) {
        let log = &self.logs()[usize::from(copies)];
        let lines = log.last(count).into_iter().cloned().collect();
        (lines, log.verify().err().map(|BrokenChain(line)| line))
    }

    /// The last lines of one of the logs, as `s.audit` answers.
    /// Where names of nodes are known, they are told too.
    pub(crate) fn told(&self, count: usize, copies: bool, names: &Names) -> Value {
        let (lines, broken) = self.last(count, copies);
        let mut words: Vec<String> = lines.iter().map(|line| in_words(line, names)).collect();
        if words.is_empty() {
            words.push("no command that needs more than `user` has arrived".to_owned());
        }
        if let Some(line) = broken {
            words.push(format!(
                "the chain of this log is broken before line {line}: a line was changed or taken \
                 out"
            ));
        }
        Value::map([
            ("text", Value::from(words.join("\n"))),
            ("lines", Value::list(lines.iter().map(|line| value_of(line, names)))),
            ("broken_before", broken.into()),
        ])
    }

    fn logs(&self) -> MutexGuard<'_, [AuditLog; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What nodes are called.
pub(crate) type Names = BTreeMap<NodeId, String>;

/// A line for people.
fn in_words(line: &AuditLine, names: &Names) -> String {
    let call = |id: NodeId| match names.get(&id) {
        Some(name) => name.clone(),
        None => format!("id:{}…", id.short()),
    };
    let what = &line.what;
    let time = time_in_words(UNIX_EPOCH + Duration::from_millis(line.time_ms));
    let at = line.node.map_or_else(String::new, |node| format!(" at {}", call(node)));
    let how = match (&what.refused, &what.ended) {
        (Some(why), _) => format!("refused: {why}"),
        (None, Some(how)) => {
            let of = line.of.map_or_else(String::new, |line| format!(", begun in line {line}"));
            format!("ended: {how}{of}")
        }
        (None, None) => "run".to_owned(),
    };
    let more = match what.left_out {
        0 => String::new(),
        more => format!(" ({more} refusals before it were only counted)"),
    };
    let gap = match line.missing {
        None => String::new(),
        Some(missing) => format!(" ({missing} lines of that node before it did not arrive)"),
    };
    let (actor, command) = (call(what.actor), &what.command);
    let whose =
        what.owner.map_or_else(String::new, |owner| format!(" (a visit of {})", call(owner)));
    format!(
        "{} {time}{at} {actor}{whose} {command}({}) {how}{more}{gap}",
        line.number, what.arguments
    )
}

/// The same for programs.
fn value_of(line: &AuditLine, names: &Names) -> Value {
    let what = &line.what;
    let name = |id: Option<NodeId>| id.and_then(|id| names.get(&id)).cloned();
    Value::map([
        ("number", Value::from(line.number)),
        ("time", time_in_words(UNIX_EPOCH + Duration::from_millis(line.time_ms)).into()),
        ("running_s", line.running().as_secs_f64().into()),
        ("node", line.node.map(|node| node.to_string()).into()),
        ("actor", what.actor.to_string().into()),
        ("actor_name", name(what.owner.or(Some(what.actor))).into()),
        ("node_name", name(line.node).into()),
        ("visit_of", what.owner.map(|owner| owner.to_string()).into()),
        ("command", what.command.as_str().into()),
        ("arguments", what.arguments.as_str().into()),
        ("refused", what.refused.clone().into()),
        ("left_out", what.left_out.into()),
        ("ended", what.ended.clone().into()),
        ("of", line.of.into()),
        ("missing", line.missing.into()),
    ])
}

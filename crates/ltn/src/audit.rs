//! The audit log of a node: the mind says what is to be written, here it gets the time of day and
//! its place in the chain. The last lines are in memory for who looks; where there is a state
//! directory they are written there, before the command runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ltn_proto::limits::{AUDIT_LINES_IN_MEMORY, AUDIT_LINES_MAX};
use ltn_proto::{AuditLine, AuditLog, BrokenChain, Durable, Value};

use crate::notice::time_in_words;

/// Which of the two logs a line belongs to, as the first byte of its key.
const OWN: u8 = 0;
const COPIES: u8 = 1;

/// What is to be written of a line, and what makes room for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: [u8; 9],
    pub(crate) bytes: Vec<u8>,
    /// The key of the line that is dropped for it.
    pub(crate) dropped: Option<[u8; 9]>,
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
        let (own, copies): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(key, _)| key.first() == Some(&OWN));
        let read = |lines: Vec<(Vec<u8>, Vec<u8>)>| {
            AuditLog::read(lines.into_iter().map(|(_, bytes)| bytes), AUDIT_LINES_MAX)
        };
        Ok(Self(Arc::new(Mutex::new([read(own)?, read(copies)?]))))
    }

    /// Takes the line that is in this, if there is one.
    pub(crate) fn take(&self, what: &Durable) -> Option<Entry> {
        let (node, audited) = what.audited()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let book = if node.is_none() { OWN } else { COPIES };
        let line = self.logs()[usize::from(book)].push(node, audited.clone(), time_ms);
        let most = u64::try_from(AUDIT_LINES_MAX).unwrap_or(u64::MAX);
        let dropped = line.number.checked_sub(most).filter(|number| *number > 0);
        Some(Entry {
            key: key(book, line.number),
            bytes: line.to_bytes(),
            dropped: dropped.map(|number| key(book, number)),
        })
    }

    /// The line could not be written after all.
    pub(crate) fn take_back(&self, entry: &Entry) {
        self.logs()[usize::from(entry.key[0])].pop();
    }

    /// The last lines of one of the logs, the oldest first; and where it does not hang together any
    /// more, if so.
    pub(crate) fn last(&self, count: usize, copies: bool) -> (Vec<AuditLine>, Option<u64>) {
        let log = &self.logs()[usize::from(copies)];
        let mut lines: Vec<AuditLine> = log.lines().rev().take(count).cloned().collect();
        lines.reverse();
        (lines, log.verify().err().map(|BrokenChain(line)| line))
    }

    /// The last lines of one of the logs, as `s.audit` answers.
    pub(crate) fn told(&self, count: usize, copies: bool) -> Value {
        let (lines, broken) = self.last(count, copies);
        let mut words: Vec<String> = lines.iter().map(in_words).collect();
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
            ("lines", Value::list(lines.iter().map(value_of))),
            ("broken_before", broken.into()),
        ])
    }

    fn logs(&self) -> MutexGuard<'_, [AuditLog; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(book: u8, number: u64) -> [u8; 9] {
    let mut key = [book; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// A line for people.
pub(crate) fn in_words(line: &AuditLine) -> String {
    let what = &line.what;
    let time = time_in_words(UNIX_EPOCH + Duration::from_millis(line.time_ms));
    let at = line.node.map_or_else(String::new, |node| format!(" at id:{}…", node.short()));
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
    let (actor, command) = (what.actor.short(), &what.command);
    let whose =
        what.owner.map_or_else(String::new, |owner| format!(" (a visit of id:{}…)", owner.short()));
    format!(
        "{} {time}{at} id:{actor}…{whose} {command}({}) {how}{more}",
        line.number, what.arguments
    )
}

/// The same for programs.
pub(crate) fn value_of(line: &AuditLine) -> Value {
    let what = &line.what;
    Value::map([
        ("number", Value::from(line.number)),
        ("time", time_in_words(UNIX_EPOCH + Duration::from_millis(line.time_ms)).into()),
        ("running_s", line.running().as_secs_f64().into()),
        ("node", line.node.map(|node| node.to_string()).into()),
        ("actor", what.actor.to_string().into()),
        ("visit_of", what.owner.map(|owner| owner.to_string()).into()),
        ("command", what.command.as_str().into()),
        ("arguments", what.arguments.as_str().into()),
        ("refused", what.refused.clone().into()),
        ("left_out", what.left_out.into()),
        ("ended", what.ended.clone().into()),
        ("of", line.of.into()),
    ])
}

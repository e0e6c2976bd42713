//! The audit log: which commands that need more than `user` arrived at a node of a network with
//! members, run or refused, each line chained to the one before by its digest.
//!
//! The mind says what is to be written ([`Audited`]); the body adds the time of day, writes the
//! line before the command runs, and keeps the last of them ([`AuditLog`]). Nothing here knows
//! where lines are kept.

use std::collections::VecDeque;
use std::time::Duration;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::body;
use crate::id::NodeId;

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
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AuditLine {
    /// Counts the lines of this log, from 1.
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
}

impl AuditLine {
    /// The bytes to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        body::write(self).to_vec()
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

/// A line that does not follow from the one before it: something was changed or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken before line {0}")]
pub struct BrokenChain(pub u64);

/// The last lines of a log. What is older is dropped; what is left still hangs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLog {
    lines: VecDeque<AuditLine>,
    most: usize,
}

impl AuditLog {
    /// A log that keeps so many lines.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { lines: VecDeque::new(), most }
    }

    /// The log in these lines, the oldest first.
    ///
    /// # Errors
    /// Says where it does not hang together.
    pub fn read(
        lines: impl IntoIterator<Item = Vec<u8>>,
        most: usize,
    ) -> Result<Self, BrokenChain> {
        let mut log = Self::new(most);
        for bytes in lines {
            let number = log.lines.back().map_or(1, |last| last.number + 1);
            let line: AuditLine = body::read(&bytes).map_err(|_| BrokenChain(number))?;
            if line.to_bytes() != bytes {
                return Err(BrokenChain(number));
            }
            log.lines.push_back(line);
        }
        log.verify()?;
        Ok(log)
    }

    /// Does each line follow from the one before?
    ///
    /// # Errors
    /// Says which one is the first that does not.
    pub fn verify(&self) -> Result<(), BrokenChain> {
        let follows = |before: &AuditLine, line: &AuditLine| {
            line.number == before.number + 1 && *line.previous == before.digest()
        };
        let pairs = self.lines.iter().zip(self.lines.iter().skip(1));
        match pairs.into_iter().find(|(before, line)| !follows(before, line)) {
            Some((_, line)) => Err(BrokenChain(line.number)),
            None => Ok(()),
        }
    }

    /// Adds a line and gives it back, to be written.
    pub fn push(&mut self, node: Option<NodeId>, what: Audited, time_ms: u64) -> AuditLine {
        let last = self.lines.back();
        let number = last.map_or(1, |last| last.number + 1);
        let previous = last.map_or([0; 32], AuditLine::digest).into();
        let of = what.ended.as_ref().and_then(|_| self.begun(node, what.deed?));
        let line = AuditLine { number, previous, node, time_ms, what, of };
        self.lines.push_back(line.clone());
        while self.lines.len() > self.most {
            self.lines.pop_front();
        }
        line
    }

    /// The line about the beginning of this command.
    fn begun(&self, node: Option<NodeId>, deed: u64) -> Option<u64> {
        let is_it = |line: &&AuditLine| {
            line.node == node && line.what.deed == Some(deed) && line.what.ended.is_none()
        };
        self.lines.iter().rev().find(is_it).map(|line| line.number)
    }

    /// Takes the last line back: it could not be written.
    pub fn pop(&mut self) {
        self.lines.pop_back();
    }

    /// The lines, the oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &AuditLine> {
        self.lines.iter()
    }

    /// The number of the oldest line that is kept.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.lines.front().map_or(1, |line| line.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audited(command: &str) -> Audited {
        Audited {
            actor: NodeId::of_public_key(b"ann"),
            command: command.to_owned(),
            arguments: "lamp".to_owned(),
            refused: None,
            running_ms: 7,
            left_out: 0,
            deed: None,
            ended: None,
            owner: None,
        }
    }

    fn log() -> (AuditLog, Vec<Vec<u8>>) {
        let mut log = AuditLog::new(4);
        let write = |n: u64| log.push(None, audited(&format!("s.{n}")), n).to_bytes();
        let written = (0..9).map(write).collect();
        (log, written)
    }

    #[test]
    fn a_log_that_was_rotated_hangs_together_and_is_read_again() {
        let (log, written) = log();
        assert_eq!((log.first(), log.lines().count()), (6, 4));
        assert_eq!(log.verify(), Ok(()));
        assert_eq!(AuditLog::read(written[5..].to_vec(), 4), Ok(log));
    }

    #[test]
    fn an_end_names_the_line_of_its_beginning_in_the_same_log() {
        let mut log = AuditLog::new(4);
        let hall = Some(NodeId::of_public_key(b"hall"));
        let begun = Audited { deed: Some(7), ..audited("s.x") };
        let ended = Audited { ended: Some("done".to_owned()), ..begun.clone() };
        let mut of = |node, what: &Audited| log.push(node, what.clone(), 1).of;
        assert_eq!((of(None, &begun), of(hall, &begun)), (None, None));
        assert_eq!((of(hall, &ended), of(None, &ended)), (Some(2), Some(1)));
        // The first line is not kept any more.
        of(None, &audited("s.y"));
        assert_eq!(of(None, &ended), None);
        assert_eq!(log.verify(), Ok(()));
    }

    #[test]
    fn a_line_of_a_time_without_ends_has_the_bytes_that_it_had() {
        let (log, _) = log();
        let line = log.lines().next().expect("there are some").to_bytes();
        // Maps of five and six keys: nothing is written of what is not there.
        assert_eq!((line[0], log.lines().count()), (0xa4, 4));
    }

    #[test]
    fn no_byte_of_it_changes_and_no_line_goes_without_being_noticed() {
        let (_, written) = log();
        for line in 0..8 {
            for at in 0..written[line].len() {
                let mut changed = written.clone();
                changed[line][at] ^= 1;
                assert!(AuditLog::read(changed, 9).is_err(), "line {line}, byte {at}");
            }
            let mut fewer = written.clone();
            fewer.remove(line);
            assert_eq!(AuditLog::read(fewer, 9).is_err(), line > 0, "without line {line}");
        }
    }
}

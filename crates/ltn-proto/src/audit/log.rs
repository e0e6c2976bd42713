//! The lines of an audit log that are kept: the last that were run and the last that were refused,
//! each in chains of their own.
//!
//! Whoever may nothing can have many commands refused; of what was run no line makes room for them.
//! And who floods the main server with copies pushes out his own first: each node's copies are a
//! chain, and room is made by the branch that has most of them.

use std::collections::{BTreeMap, VecDeque};

use crate::body;
use crate::id::NodeId;

use super::{AuditLine, Audited, CopyOf};

/// A line that does not follow from the one before it: something was changed or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken before line {0}")]
pub struct BrokenChain(pub u64);

/// What a line is about; there is one chain of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditKind {
    /// A command that was run, or is over. In logs of earlier versions refused ones are among them.
    Run,
    /// A command that was refused.
    Refused,
}

impl AuditKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Run, Self::Refused];

    /// What this is about.
    #[must_use]
    pub const fn of(what: &Audited) -> Self {
        if what.refused.is_some() { Self::Refused } else { Self::Run }
    }
}

/// What came of one more line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The line, to be written.
    pub line: AuditLine,
    /// The line that is not kept any more; of the same kind.
    pub dropped: Option<AuditLine>,
}

/// Whose chain it is: what it is about and, of copies, whose, behind the branch they came by. In
/// logs of earlier versions all copies are one chain.
type ChainKey = (AuditKind, Option<CopyOf>);

/// The last lines of a log. What is older is dropped; what is left still hangs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLog {
    chains: BTreeMap<ChainKey, Chain>,
    most: usize,
    last: u64,
}

type Chain = VecDeque<AuditLine>;

impl AuditLog {
    /// A log that keeps so many lines of each kind.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { chains: BTreeMap::new(), most, last: 0 }
    }

    /// The log in these lines of each kind, the oldest first.
    ///
    /// # Errors
    /// Says where it does not hang together.
    pub fn read(
        runs: Vec<Vec<u8>>,
        refused: Vec<Vec<u8>>,
        most: usize,
    ) -> Result<Self, BrokenChain> {
        let mut log = Self::new(most);
        for (kind, lines) in [(AuditKind::Run, runs), (AuditKind::Refused, refused)] {
            let mut before = 0;
            for bytes in lines {
                let broken = BrokenChain(before + 1);
                let line: AuditLine = body::read(&bytes).map_err(|_| broken)?;
                if line.to_bytes() != bytes {
                    return Err(broken);
                }
                before = line.number;
                log.last = log.last.max(before);
                log.chains.entry((kind, line.copy_of())).or_default().push_back(line);
            }
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
            line.number > before.number && *line.previous == before.digest()
        };
        let broken = self.chains.values().filter_map(|chain| {
            let mut pairs = chain.iter().zip(chain.iter().skip(1));
            pairs.find(|(before, line)| !follows(before, line)).map(|(_, line)| line.number)
        });
        broken.min().map_or(Ok(()), |number| Err(BrokenChain(number)))
    }

    /// Adds a line; `copy` says whose it is a copy of.
    pub fn push(&mut self, copy: Option<CopyOf>, what: Audited, time_ms: u64) -> Pushed {
        let node = copy.map(|copy| copy.node);
        let of = what.ended.as_ref().and_then(|_| self.begun(node, what.deed?));
        let missing = node.and_then(|node| self.missing_before(node, what.count?));
        let kind = AuditKind::of(&what);
        let number = self.last + 1;
        self.last = number;
        let chain = self.chains.entry((kind, copy)).or_default();
        let previous = chain.back().map_or([0; 32], AuditLine::digest).into();
        let branch = copy.map(|copy| copy.branch);
        let line = AuditLine { number, previous, node, time_ms, what, of, missing, branch };
        chain.push_back(line.clone());
        Pushed { line, dropped: self.drop_one_of_many(kind) }
    }

    /// How many lines of this node's did not arrive before the one with that count. One that counts
    /// anew keeps nothing, or was set back.
    fn missing_before(&self, node: NodeId, count: u64) -> Option<u64> {
        let its =
            self.chains.iter().filter(|((_, copy), _)| copy.is_some_and(|of| of.node == node));
        let last = its.filter_map(|(_, chain)| chain.back()).max_by_key(|line| line.number)?;
        count.checked_sub(last.what.count?.saturating_add(1)).filter(|missing| *missing > 0)
    }

    /// The line about the beginning of this command.
    fn begun(&self, node: Option<NodeId>, deed: u64) -> Option<u64> {
        let is_it = |line: &&AuditLine| {
            line.node == node && line.what.deed == Some(deed) && line.what.ended.is_none()
        };
        let runs = self.chains.iter().filter(|((kind, _), _)| *kind == AuditKind::Run);
        let found = runs.filter_map(|(_, chain)| chain.iter().rev().find(is_it));
        found.map(|line| line.number).max()
    }

    /// If there are too many of this kind, the oldest of the longest chain is dropped, in the
    /// branch that has most.
    fn drop_one_of_many(&mut self, kind: AuditKind) -> Option<AuditLine> {
        let of_kind = |(key, _): &(&ChainKey, &Chain)| key.0 == kind;
        let lines = |(_, chain): (&ChainKey, &Chain)| chain.len();
        if self.chains.iter().filter(of_kind).map(lines).sum::<usize>() <= self.most {
            return None;
        }
        let mut branches: BTreeMap<Option<NodeId>, usize> = BTreeMap::new();
        for ((_, copy), chain) in self.chains.iter().filter(of_kind) {
            *branches.entry(copy.map(|copy| copy.branch)).or_default() += chain.len();
        }
        let (branch, _) = branches.into_iter().max_by_key(|(_, lines)| *lines)?;
        let is_there = |(key, _): &(&ChainKey, &Chain)| key.1.map(|copy| copy.branch) == branch;
        let there = self.chains.iter().filter(of_kind).filter(is_there);
        let oldest = |chain: &Chain| std::cmp::Reverse(chain.front().map(|line| line.number));
        let longest = there.max_by_key(|(_, chain)| (chain.len(), oldest(chain)));
        let key = *longest?.0;
        let dropped = self.chains.get_mut(&key)?.pop_front();
        self.chains.retain(|_, chain| !chain.is_empty());
        dropped
    }

    /// Takes the last line back, which could not be written; what was dropped for it is kept on.
    pub fn take_back(&mut self, Pushed { line, dropped }: Pushed) {
        // Logs of earlier versions have refused commands among those that were run.
        let kind = AuditKind::of(&line.what);
        let key = |line: &AuditLine| (kind, line.copy_of());
        if let Some(chain) = self.chains.get_mut(&key(&line)) {
            chain.pop_back();
        }
        self.last = line.number - 1;
        if let Some(line) = dropped {
            self.chains.entry(key(&line)).or_default().push_front(line);
        }
        self.chains.retain(|_, chain| !chain.is_empty());
    }

    /// The last lines of both kinds, the oldest first.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<&AuditLine> {
        let ends = self.chains.values().flat_map(|chain| chain.iter().rev().take(count));
        let mut lines: Vec<&AuditLine> = ends.collect();
        lines.sort_unstable_by_key(|line| line.number);
        lines.split_off(lines.len().saturating_sub(count))
    }

    /// How far the node has counted of itself.
    #[must_use]
    pub fn counted(&self) -> u64 {
        let last = |chain: &Chain| chain.iter().rev().find_map(|line| line.what.count);
        self.chains.values().filter_map(last).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audited(command: &str) -> Audited {
        let actor = NodeId::of_public_key(b"ann");
        Audited {
            running_ms: 7,
            arguments: "lamp".to_owned(),
            ..Audited::new(actor, command, None, &[])
        }
    }

    fn refused(count: u64) -> Audited {
        Audited { refused: Some("no".to_owned()), count: Some(count), ..audited("s.x") }
    }

    fn log() -> (AuditLog, Vec<Vec<u8>>) {
        let mut log = AuditLog::new(4);
        let write = |n: u64| log.push(None, audited(&format!("s.{n}")), n).line.to_bytes();
        let written = (0..9).map(write).collect();
        (log, written)
    }

    fn numbers(log: &AuditLog) -> Vec<u64> {
        log.last(usize::MAX).iter().map(|line| line.number).collect()
    }

    fn node(key: &[u8]) -> NodeId {
        NodeId::of_public_key(key)
    }

    /// A copy of a line of this node's, directly below the main server.
    fn near(key: &[u8]) -> Option<CopyOf> {
        Some(CopyOf { node: node(key), branch: node(key) })
    }

    /// A copy of a line of this node's, somewhere below the hall.
    fn below_hall(key: &[u8]) -> Option<CopyOf> {
        Some(CopyOf { node: node(key), branch: node(b"hall") })
    }

    #[test]
    fn a_log_that_was_rotated_hangs_together_and_is_read_again() {
        let (log, written) = log();
        assert_eq!(numbers(&log), [6, 7, 8, 9]);
        assert_eq!(log.verify(), Ok(()));
        assert_eq!(AuditLog::read(written[5..].to_vec(), Vec::new(), 4), Ok(log));
    }

    /// Adds a line and keeps its bytes with those of its kind.
    fn keep(log: &mut AuditLog, kept: &mut [Vec<Vec<u8>>; 2], copy: Option<CopyOf>, what: Audited) {
        let Pushed { line, dropped } = log.push(copy, what, 1);
        let kind = &mut kept[AuditKind::of(&line.what) as usize];
        kind.push(line.to_bytes());
        kind.retain(|bytes| dropped.as_ref().is_none_or(|line| line.to_bytes() != *bytes));
    }

    #[test]
    fn refused_commands_push_out_nothing_that_was_run_and_stand_where_they_came() {
        let (mut log, mut kept) = (AuditLog::new(4), [Vec::new(), Vec::new()]);
        keep(&mut log, &mut kept, None, audited("s.grant"));
        (0..9).for_each(|n| keep(&mut log, &mut kept, None, refused(n)));
        keep(&mut log, &mut kept, None, audited("s.revoke"));
        assert_eq!(numbers(&log), [1, 7, 8, 9, 10, 11]);
        assert_eq!(log.verify(), Ok(()));
        let last: Vec<u64> = log.last(3).iter().map(|line| line.number).collect();
        assert_eq!((last, log.counted()), (vec![9, 10, 11], 8));
        let [runs, others] = kept;
        assert_eq!(AuditLog::read(runs, others, 4), Ok(log));
    }

    #[test]
    fn who_floods_the_main_server_with_copies_pushes_out_those_of_its_own_branch_only() {
        let (mut log, mut kept) = (AuditLog::new(12), [Vec::new(), Vec::new()]);
        for (copy, lines) in [(near(b"lamp"), 3), (below_hall(b"ann"), 2)] {
            (0..lines).for_each(|_| keep(&mut log, &mut kept, copy, audited("s.grant")));
        }
        // One node that says much, and then many that say little, in the same branch.
        (0..50).for_each(|_| keep(&mut log, &mut kept, below_hall(b"eve"), audited("s.x")));
        let of = |log: &AuditLog, of: &[u8]| {
            let is_its = |line: &&&AuditLine| line.node == Some(node(of));
            log.last(99).iter().filter(is_its).count()
        };
        assert_eq!((of(&log, b"lamp"), of(&log, b"ann"), of(&log, b"eve")), (3, 2, 7));
        for made_up in 0..50_u8 {
            keep(&mut log, &mut kept, below_hall(&[made_up]), audited("s.x"));
        }
        assert_eq!((of(&log, b"lamp"), log.last(99).len()), (3, 12));
        assert_eq!(log.verify(), Ok(()));
        let [runs, others] = kept;
        assert_eq!(AuditLog::read(runs, others, 12), Ok(log));
    }

    #[test]
    fn a_line_that_could_not_be_written_leaves_the_log_as_it_was() {
        let mut log = AuditLog::new(2);
        for _ in 0..4 {
            let before = log.clone();
            let pushed = log.push(near(b"hall"), audited("s.x"), 1);
            log.take_back(pushed);
            assert_eq!(log, before);
            log.push(None, audited("s.x"), 1);
        }
    }

    #[test]
    fn copies_that_did_not_arrive_are_counted_also_after_a_restart() {
        let (mut log, mut kept) = (AuditLog::new(9), Vec::new());
        let mut missing = |log: &mut AuditLog, copy, count| {
            let Pushed { line, .. } = log.push(copy, refused(count), 1);
            kept.push(line.to_bytes());
            line.missing
        };
        let (hall, lamp) = (near(b"hall"), near(b"lamp"));
        assert_eq!(missing(&mut log, hall, 5), None, "what was before nobody knows");
        assert_eq!(missing(&mut log, lamp, 1), None);
        assert_eq!(missing(&mut log, hall, 6), None);
        assert_eq!(missing(&mut log, hall, 10), Some(3));
        let mut log = AuditLog::read(Vec::new(), kept, 9).expect("it hangs together");
        let mut missing = |copy, count| log.push(copy, refused(count), 1).line.missing;
        assert_eq!((missing(hall, 13), missing(lamp, 2)), (Some(2), None));
        assert_eq!((missing(hall, 1), missing(hall, 2)), (None, None), "it counts anew");
        assert_eq!((missing(hall, u64::MAX), missing(hall, 7)), (Some(u64::MAX - 3), None));
    }

    #[test]
    fn an_end_names_the_line_of_its_beginning_in_the_same_log() {
        let mut log = AuditLog::new(4);
        let hall = near(b"hall");
        let begun = Audited { deed: Some(7), ..audited("s.x") };
        let ended = Audited { ended: Some("done".to_owned()), ..begun.clone() };
        let mut of = |node, what: &Audited| log.push(node, what.clone(), 1).line.of;
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
        let line = log.last(1)[0].to_bytes();
        // A map of four keys: nothing is written of what is not there.
        assert_eq!(line[0], 0xa4);
    }

    #[test]
    fn no_byte_of_it_changes_and_no_line_goes_without_being_noticed() {
        let (_, written) = log();
        let read = |lines| AuditLog::read(lines, Vec::new(), 9);
        for line in 0..8 {
            for at in 0..written[line].len() {
                let mut changed = written.clone();
                changed[line][at] ^= 1;
                assert!(read(changed).is_err(), "line {line}, byte {at}");
            }
            let mut fewer = written.clone();
            fewer.remove(line);
            assert_eq!(read(fewer).is_err(), line > 0, "without line {line}");
        }
    }
}

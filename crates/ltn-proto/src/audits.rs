//! How much is written for the audit log: refusals and copies of other nodes have a maximum, so
//! that nobody fills a disk by asking, and copies wait for a way up.
//!
//! This room counts and keeps; what a line says is decided in `node/auditing.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::audit::{AuditKind, Audited, CopyOf};
use crate::id::NodeId;
use crate::limits::{
    AUDIT_BRANCH_COPIES_MAX, AUDIT_COPIERS_MAX, AUDIT_COPIES_EACH, AUDIT_COPIES_WAITING_MAX,
    AUDIT_REFUSALS_EACH, AUDIT_REFUSALS_MAX,
};
use crate::moment::Moment;

/// What is counted is counted anew after this time.
const SPAN: Duration = Duration::from_secs(60);

/// The refusals of one span.
#[derive(Debug, Clone)]
struct Refusals {
    since: Moment,
    taken: u32,
    /// Of each member; no more of them than are taken.
    each: BTreeMap<NodeId, u32>,
    left_out: u64,
}

/// The lines that came by one node directly below in one span.
#[derive(Debug, Clone)]
struct Copies {
    since: Moment,
    taken: [u32; 2],
    each: BTreeMap<NodeId, [u32; 2]>,
}

impl Copies {
    const fn new(since: Moment) -> Self {
        Self { since, taken: [0; 2], each: BTreeMap::new() }
    }

    fn is_over(&self, now: Moment) -> bool {
        now.since(self.since) >= SPAN
    }
}

/// The most that one node is taken, of each kind.
const EACH: [u32; 2] = [AUDIT_COPIES_EACH, AUDIT_REFUSALS_MAX];

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct AuditDesk {
    count: u64,
    refusals: Refusals,
    copies: BTreeMap<NodeId, Copies>,
    waiting: VecDeque<Audited>,
}

impl AuditDesk {
    /// A desk of a node that has counted this far.
    pub(crate) const fn new(now: Moment, count: u64) -> Self {
        Self {
            count,
            refusals: Refusals { since: now, taken: 0, each: BTreeMap::new(), left_out: 0 },
            copies: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// The count of one more line about the node itself.
    pub(crate) const fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Is one more refusal of this member's written? If so, how many before it were not.
    pub(crate) fn takes_refusal(&mut self, now: Moment, who: NodeId) -> Option<u64> {
        let all = &mut self.refusals;
        if now.since(all.since) >= SPAN {
            (all.since, all.taken) = (now, 0);
            all.each.clear();
        }
        let of_this = all.each.get(&who).copied().unwrap_or_default();
        if all.taken >= AUDIT_REFUSALS_MAX || of_this >= AUDIT_REFUSALS_EACH {
            all.left_out += 1;
            return None;
        }
        all.taken += 1;
        all.each.insert(who, of_this + 1);
        Some(std::mem::take(&mut all.left_out))
    }

    /// Is one more copy written? A branch may say a lot, and each node in it less.
    pub(crate) fn takes_copy(&mut self, now: Moment, copy: CopyOf, kind: AuditKind) -> bool {
        self.copies.retain(|_, copies| !copies.is_over(now));
        let counted: usize = self.copies.values().map(|copies| copies.each.len()).sum();
        let copies = self.copies.entry(copy.branch).or_insert(Copies::new(now));
        let kind = kind as usize;
        let is_counted = counted < AUDIT_COPIERS_MAX || copies.each.contains_key(&copy.node);
        let mut uncounted = [0; 2];
        let each = match is_counted {
            true => copies.each.entry(copy.node).or_default(),
            false => &mut uncounted,
        };
        if copies.taken[kind] >= AUDIT_BRANCH_COPIES_MAX[kind] || each[kind] >= EACH[kind] {
            return false;
        }
        copies.taken[kind] += 1;
        each[kind] += 1;
        true
    }

    /// This one is to be told; of too many, those about refusals are not, and then the oldest.
    pub(crate) fn wait(&mut self, audited: Audited) {
        if self.waiting.len() >= AUDIT_COPIES_WAITING_MAX {
            let refused = |waits: &Audited| AuditKind::of(waits) == AuditKind::Refused;
            let at = self.waiting.iter().position(refused).unwrap_or_default();
            self.waiting.remove(at);
        }
        self.waiting.push_back(audited);
    }

    pub(crate) fn next(&mut self) -> Option<Audited> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> NodeId {
        NodeId::of_public_key(&n.to_be_bytes())
    }

    #[test]
    fn refusals_beyond_the_maximum_are_counted_and_told_with_the_next_one() {
        let mut desk = AuditDesk::new(Moment::ZERO, 0);
        let mut takes = |now, n| desk.takes_refusal(now, id(n));
        let taken = (0..1_000).filter(|n| takes(Moment::ZERO, *n).is_some()).count();
        assert_eq!(taken, AUDIT_REFUSALS_MAX as usize);
        assert_eq!(takes(Moment::ZERO + SPAN, 0), Some(1_000 - taken as u64));
    }

    #[test]
    fn who_has_many_commands_refused_leaves_room_for_those_of_others() {
        let mut desk = AuditDesk::new(Moment::ZERO, 0);
        let (eve, ann) = (id(0), id(1));
        let taken = (0..1_000).filter(|_| desk.takes_refusal(Moment::ZERO, eve).is_some()).count();
        assert_eq!(taken, AUDIT_REFUSALS_EACH as usize);
        assert_eq!(desk.takes_refusal(Moment::ZERO, ann), Some(1_000 - taken as u64));
    }

    #[test]
    fn one_node_does_not_fill_the_log_of_the_main_server_and_tables_have_an_end() {
        let mut desk = AuditDesk::new(Moment::ZERO, 0);
        let mut taken = |kind| {
            let eve = CopyOf { branch: id(0), node: id(1) };
            (0..1_000).filter(|_| desk.takes_copy(Moment::ZERO, eve, kind)).count()
        };
        assert_eq!(taken(AuditKind::Refused), AUDIT_REFUSALS_MAX as usize);
        assert_eq!(taken(AuditKind::Run), AUDIT_COPIES_EACH as usize, "refusals take no room");
    }

    #[test]
    fn a_server_that_makes_up_nodes_takes_the_room_of_its_own_branch_only() {
        let mut desk = AuditDesk::new(Moment::ZERO, 0);
        let mut takes = |now, branch, node| {
            desk.takes_copy(now, CopyOf { branch: id(branch), node: id(node) }, AuditKind::Run)
        };
        for branch in 0..3 {
            let taken = (0..5_000).filter(|n| takes(Moment::ZERO, branch, *n)).count();
            assert_eq!(taken, AUDIT_BRANCH_COPIES_MAX[0] as usize);
        }
        assert!(takes(Moment::ZERO, 9, 9), "another branch has its own room");
        assert!(takes(Moment::ZERO + SPAN, 0, 0));
        let counted = |desk: &AuditDesk| desk.copies.values().map(|copies| copies.each.len()).sum();
        let before: usize = counted(&desk);
        assert_eq!(before, 1, "what is over is not counted any more");
        let take = |n| CopyOf { branch: id(n % 7), node: id(n) };
        (0..20_000).for_each(|n| _ = desk.takes_copy(Moment::ZERO + SPAN, take(n), AuditKind::Run));
        let after: usize = counted(&desk);
        assert_eq!(after, AUDIT_COPIERS_MAX);
    }

    #[test]
    fn copies_of_what_was_run_wait_longer_than_those_of_refusals() {
        let mut desk = AuditDesk::new(Moment::ZERO, 0);
        let mut what = |refused: bool| {
            let refused = refused.then(String::new);
            Audited { refused, count: Some(desk.count()), ..Audited::new(id(0), "s.x", None, &[]) }
        };
        let all: Vec<Audited> = (0..1_000).map(|n| what(n != 3)).collect();
        all.iter().for_each(|what| desk.wait(what.clone()));
        let told: Vec<Audited> = std::iter::from_fn(|| desk.next()).collect();
        assert_eq!((told.len(), &told[0]), (AUDIT_COPIES_WAITING_MAX, &all[3]));
        assert_eq!(told.last(), all.last());
        assert!(told.is_sorted_by_key(|what| what.count));
    }
}

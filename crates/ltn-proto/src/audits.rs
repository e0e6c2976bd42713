//! How much is written for the audit log: refusals and copies of other nodes have a maximum, so
//! that nobody fills a disk by asking, and copies wait for a way up.
//!
//! This room counts and keeps; what a line says is decided in `node/auditing.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::audit::Audited;
use crate::id::NodeId;
use crate::limits::{AUDIT_COPIES_EACH, AUDIT_COPIES_WAITING_MAX, AUDIT_REFUSALS_MAX, PEOPLE_MAX};
use crate::moment::Moment;

/// What is counted is counted anew after this time.
const SPAN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Moment,
    taken: u32,
}

impl Count {
    const fn new(now: Moment) -> Self {
        Self { since: now, taken: 0 }
    }

    fn takes(&mut self, now: Moment, most: u32) -> bool {
        if now.since(self.since) >= SPAN {
            *self = Self::new(now);
        }
        self.taken += u32::from(self.taken < most + 1);
        self.taken <= most
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct AuditDesk {
    refusals: Count,
    left_out: u64,
    copies: BTreeMap<NodeId, Count>,
    waiting: VecDeque<Audited>,
}

impl AuditDesk {
    pub(crate) const fn new(now: Moment) -> Self {
        Self {
            refusals: Count::new(now),
            left_out: 0,
            copies: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Is one more refusal written? If so, how many before it were not.
    pub(crate) fn takes_refusal(&mut self, now: Moment) -> Option<u64> {
        if self.refusals.takes(now, AUDIT_REFUSALS_MAX) {
            Some(std::mem::take(&mut self.left_out))
        } else {
            self.left_out += 1;
            None
        }
    }

    /// Is one more copy of this node's written?
    pub(crate) fn takes_copy(&mut self, now: Moment, node: NodeId) -> bool {
        if self.copies.len() >= PEOPLE_MAX && !self.copies.contains_key(&node) {
            self.copies.retain(|_, count| now.since(count.since) < SPAN);
            if self.copies.len() >= PEOPLE_MAX {
                return false;
            }
        }
        self.copies.entry(node).or_insert(Count::new(now)).takes(now, AUDIT_COPIES_EACH)
    }

    /// This one is to be told; of too many the oldest are not.
    pub(crate) fn wait(&mut self, audited: Audited) {
        if self.waiting.len() >= AUDIT_COPIES_WAITING_MAX {
            self.waiting.pop_front();
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
        let mut desk = AuditDesk::new(Moment::ZERO);
        let taken = (0..1_000).filter(|_| desk.takes_refusal(Moment::ZERO).is_some()).count();
        assert_eq!(taken, AUDIT_REFUSALS_MAX as usize);
        assert_eq!(desk.takes_refusal(Moment::ZERO + SPAN), Some(1_000 - taken as u64));
    }

    #[test]
    fn one_node_does_not_fill_the_log_of_the_main_server_and_tables_have_an_end() {
        let mut desk = AuditDesk::new(Moment::ZERO);
        let taken = (0..1_000).filter(|_| desk.takes_copy(Moment::ZERO, id(0))).count();
        assert_eq!(taken, AUDIT_COPIES_EACH as usize);
        (0..5_000).for_each(|n| _ = desk.takes_copy(Moment::ZERO, id(n)));
        assert_eq!(desk.copies.len(), PEOPLE_MAX);
        assert!(desk.takes_copy(Moment::ZERO + SPAN, id(9_999)));
    }
}

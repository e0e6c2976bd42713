//! What others asked of this node and has not been answered yet.
//!
//! This room remembers whom to answer and counts per caller. It does not know what was asked.

use std::collections::BTreeMap;

use crate::expiring::Deadlines;
use crate::id::{InboundId, NodeId};
use crate::moment::Moment;

/// Whom to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) node: NodeId,
    /// The caller's number for it.
    pub(crate) request: u64,
    /// The fingerprint of the question, where the answer is to be signed.
    pub(crate) question: Option<[u8; 32]>,
}

/// All that waits for an answer of this node.
#[derive(Debug, Clone)]
pub(crate) struct Inbound {
    waiting: BTreeMap<InboundId, Caller>,
    per_caller: BTreeMap<NodeId, usize>,
    deadlines: Deadlines<InboundId>,
    last: u64,
    per_caller_max: usize,
    all_max: usize,
}

impl Inbound {
    pub(crate) fn new(per_caller_max: usize, all_max: usize) -> Self {
        Self {
            waiting: BTreeMap::new(),
            per_caller: BTreeMap::new(),
            deadlines: Deadlines::default(),
            last: 0,
            per_caller_max,
            all_max,
        }
    }

    /// Takes a place; `None` if the caller, or all callers together, have too many.
    pub(crate) fn open(&mut self, caller: Caller, deadline: Moment) -> Option<InboundId> {
        let count = self.per_caller.entry(caller.node).or_default();
        if *count >= self.per_caller_max || self.waiting.len() >= self.all_max {
            if *count == 0 {
                self.per_caller.remove(&caller.node);
            }
            return None;
        }
        *count += 1;
        self.last += 1;
        let id = InboundId(self.last);
        self.waiting.insert(id, caller);
        self.deadlines.set(id, deadline);
        Some(id)
    }

    /// Who waits for this answer, if still somebody does.
    pub(crate) fn close(&mut self, id: InboundId) -> Option<Caller> {
        let caller = self.waiting.remove(&id)?;
        self.deadlines.cancel(id);
        if let Some(count) = self.per_caller.get_mut(&caller.node) {
            *count -= 1;
            if *count == 0 {
                self.per_caller.remove(&caller.node);
            }
        }
        Some(caller)
    }

    /// Who waits for this answer, and goes on waiting.
    pub(crate) fn caller(&self, id: InboundId) -> Option<Caller> {
        self.waiting.get(&id).copied()
    }

    /// Frees the places of callers who gave up by now.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some(id) = self.deadlines.pop_due(now) {
            self.close(id);
        }
    }

    /// What a deliberately broken mind does in its place.
    #[cfg(feature = "sim")]
    pub(crate) fn forget_deadlines(&mut self, now: Moment) {
        while self.deadlines.pop_due(now).is_some() {}
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.next()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_cannot_take_all_places_and_gets_them_back() {
        let caller = |n| Caller { node: NodeId::from_bytes([n; 32]), request: 7, question: None };
        let mut inbound = Inbound::new(2, 3);
        let first = inbound.open(caller(1), Moment::ZERO).unwrap();
        inbound.open(caller(1), Moment::ZERO).unwrap();
        assert_eq!(inbound.open(caller(1), Moment::ZERO), None);
        inbound.open(caller(2), Moment::ZERO).unwrap();
        assert_eq!(inbound.open(caller(3), Moment::ZERO), None);
        assert_eq!(inbound.close(first), Some(caller(1)));
        assert_eq!(inbound.close(first), None);
        inbound.expire(Moment::ZERO);
        assert_eq!((inbound.len(), inbound.per_caller.len()), (0, 0));
    }
}

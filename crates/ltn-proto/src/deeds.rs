//! Dangerous commands that were confirmed: which are over, which are under way, and which were
//! under way when an earlier life of this node ended.
//!
//! This room remembers and compares; it neither runs nor writes anything.

use std::collections::BTreeMap;

use crate::durable::{DEEDS_MAX, KeptDeed};
use crate::id::{InboundId, NodeId};

/// What is known of a confirmation that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// What it was for is over.
    Done,
    /// What it was for runs.
    UnderWay,
    /// It ran when this node went down: nobody can tell.
    Unknown,
}

#[derive(Debug, Clone)]
struct Known {
    deed: KeptDeed,
    earlier: bool,
    /// Has it a line in the audit log?
    audited: bool,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deeds {
    known: BTreeMap<u64, Known>,
    under_way: BTreeMap<InboundId, u64>,
}

impl Deeds {
    /// What earlier lives remembered.
    pub(crate) fn new(earlier: &[KeptDeed]) -> Self {
        let known = earlier
            .iter()
            .cloned()
            .map(|deed| (deed.number, Known { deed, earlier: true, audited: false }));
        Self { known: known.collect(), under_way: BTreeMap::new() }
    }

    /// One more begins; its answer is the end of it. `audited` says whether it has a line in the
    /// audit log.
    pub(crate) fn begin(&mut self, inbound: InboundId, deed: KeptDeed, audited: bool) {
        if !deed.done {
            self.under_way.insert(inbound, deed.number);
        }
        self.known.insert(deed.number, Known { deed, earlier: false, audited });
        while self.known.len() > DEEDS_MAX {
            let Some((number, _)) = self.known.pop_first() else { break };
            self.under_way.retain(|_, known| *known != number);
        }
    }

    /// It did not begin after all.
    pub(crate) fn forget(&mut self, inbound: InboundId) {
        if let Some(number) = self.under_way.remove(&inbound) {
            self.known.remove(&number);
        }
    }

    /// It was taken for done when it began, and is not.
    pub(crate) fn is_not_done(&mut self, inbound: InboundId, number: u64) {
        if self.known.contains_key(&number) {
            self.under_way.insert(inbound, number);
        }
    }

    /// This was answered: what is to be written, if it was a dangerous command, and whether it has
    /// a line in the audit log.
    pub(crate) fn end(&mut self, inbound: InboundId) -> Option<(KeptDeed, bool)> {
        let number = self.under_way.remove(&inbound)?;
        let known = self.known.get_mut(&number)?;
        known.deed.done = true;
        Some((known.deed.clone(), known.audited))
    }

    /// What became of this confirmation, if this actor used it before.
    pub(crate) fn past(&self, token: [u8; 16], actor: NodeId) -> Option<(Past, &str)> {
        let is_it = |known: &&Known| known.deed.token == token && known.deed.actor == actor;
        let Known { deed, earlier, .. } = self.known.values().rev().find(is_it)?;
        let past = match (deed.done, earlier) {
            (true, _) => Past::Done,
            (false, false) => Past::UnderWay,
            (false, true) => Past::Unknown,
        };
        Some((past, &deed.command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(number: u64, done: bool) -> KeptDeed {
        let actor = NodeId::of_public_key(b"anna");
        KeptDeed { number, token: [7; 16], actor, command: "s.restart".to_owned(), done }
    }

    #[test]
    fn a_used_confirmation_is_told_apart_by_how_far_it_got() {
        let anna = deed(0, true).actor;
        let mut deeds = Deeds::new(&[deed(1, false)]);
        assert_eq!(deeds.past([7; 16], anna), Some((Past::Unknown, "s.restart")));
        assert_eq!(deeds.past([8; 16], anna), None);
        assert_eq!(deeds.past([7; 16], NodeId::NOBODY), None);
        deeds.begin(InboundId(1), deed(2, false), true);
        assert_eq!(deeds.past([7; 16], anna), Some((Past::UnderWay, "s.restart")));
        assert_eq!(deeds.end(InboundId(1)), Some((deed(2, true), true)));
        assert_eq!(deeds.end(InboundId(1)), None);
        assert_eq!(deeds.past([7; 16], anna), Some((Past::Done, "s.restart")));
        deeds.begin(InboundId(2), deed(3, false), false);
        deeds.forget(InboundId(2));
        assert_eq!(deeds.past([7; 16], anna), Some((Past::Done, "s.restart")));
    }

    #[test]
    fn what_is_known_is_bounded() {
        let mut deeds = Deeds::default();
        for number in 0..1_000 {
            deeds.begin(InboundId(number), deed(number, false), false);
        }
        assert_eq!((deeds.known.len(), deeds.under_way.len()), (DEEDS_MAX, DEEDS_MAX));
    }
}

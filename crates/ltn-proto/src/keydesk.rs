//! Where admin keys are handed in: how often one may try, and what is being checked just now.
//!
//! This room counts tries. It never sees a key: whether one is right is found out by the shell,
//! which alone holds the hash.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::id::{InboundId, LinkId, NodeId};
use crate::limits::{
    KEY_CHECKS_MAX, KEY_PAUSE_MAX, KEY_TRIES_AT_ALL, KEY_TRIES_EACH, KEY_TRIES_SPAN, PEOPLE_MAX,
};
use crate::moment::Moment;

/// Somebody whose key is being checked, or kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtDesk {
    pub(crate) node: NodeId,
    /// The link that the key came by; `None` for the program on this node.
    pub(crate) link: Option<LinkId>,
}

/// Why a key is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotNow {
    /// This node, or all together, tried too often; it may try again after this time.
    TooOften(Duration),
    /// As many keys as may be are being checked.
    Busy,
}

/// The desk of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyDesk {
    /// Is there a key at all?
    pub(crate) has_key: bool,
    /// Tries of each node that were not right, and when the last was.
    tries: BTreeMap<NodeId, (u32, Moment)>,
    /// When the last tries of all were.
    of_all: VecDeque<Moment>,
    at_desk: BTreeMap<InboundId, AtDesk>,
}

impl KeyDesk {
    /// Counts a try, which is wrong until it is found to be right.
    pub(crate) fn try_key(&mut self, now: Moment, node: NodeId) -> Result<(), NotNow> {
        if self.at_desk.len() >= KEY_CHECKS_MAX {
            return Err(NotNow::Busy);
        }
        let (wrong, last) = self.tries.get(&node).copied().unwrap_or((0, Moment::ZERO));
        let wrong = if now.since(last) > KEY_PAUSE_MAX { 0 } else { wrong };
        let again = last + pause_after(wrong);
        if wrong > 0 && again > now {
            return Err(NotNow::TooOften(again.since(now)));
        }
        while self.of_all.front().is_some_and(|at| now.since(*at) >= KEY_TRIES_SPAN) {
            self.of_all.pop_front();
        }
        if let (Some(first), true) = (self.of_all.front(), self.of_all.len() >= KEY_TRIES_AT_ALL) {
            return Err(NotNow::TooOften(KEY_TRIES_SPAN.saturating_sub(now.since(*first))));
        }
        if self.tries.len() >= PEOPLE_MAX
            && let Some((_, oldest)) = self.tries.iter().map(|(id, (_, at))| (*at, *id)).min()
        {
            // With a new id for each try one gets around this count, and never around that of all.
            self.tries.remove(&oldest);
        }
        self.tries.insert(node, (wrong + 1, now));
        self.of_all.push_back(now);
        Ok(())
    }

    /// The key of this node was right: what it tried before does not count.
    pub(crate) fn was_right(&mut self, node: NodeId) {
        self.tries.remove(&node);
        self.of_all.pop_back();
    }

    /// Somebody waits for the shell's word. Not if too many do already.
    pub(crate) fn wait(&mut self, inbound: InboundId, who: AtDesk) -> Result<(), NotNow> {
        if self.at_desk.len() >= KEY_CHECKS_MAX {
            return Err(NotNow::Busy);
        }
        self.at_desk.insert(inbound, who);
        Ok(())
    }

    /// The shell has spoken.
    pub(crate) fn done(&mut self, inbound: InboundId) -> Option<AtDesk> {
        self.at_desk.remove(&inbound)
    }
}

/// How long one has to wait after so many wrong keys: not at first, then twice as long each time.
fn pause_after(wrong: u32) -> Duration {
    match wrong.checked_sub(KEY_TRIES_EACH) {
        None => Duration::ZERO,
        Some(more) => (KEY_TRIES_SPAN * 2_u32.saturating_pow(more.min(16))).min(KEY_PAUSE_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn node(number: usize) -> NodeId {
        NodeId::of_public_key(&number.to_be_bytes())
    }

    #[test]
    fn five_tries_are_free_and_then_each_waits_twice_as_long() {
        let mut desk = KeyDesk::default();
        let mut now = Moment::ZERO + KEY_PAUSE_MAX;
        for _ in 0..KEY_TRIES_EACH {
            assert_eq!(desk.try_key(now, node(1)), Ok(()));
        }
        for wait in [60, 120, 240, 480] {
            let wait = SECOND * wait;
            assert_eq!(desk.try_key(now, node(1)), Err(NotNow::TooOften(wait)));
            assert_eq!(desk.try_key(now, node(2)), Ok(()), "another node may");
            desk.was_right(node(2));
            now = now + wait;
            assert_eq!(desk.try_key(now, node(1)), Ok(()));
        }
        desk.was_right(node(1));
        assert_eq!(desk.try_key(now, node(1)), Ok(()), "who knows the key starts anew");
    }

    #[test]
    fn with_ever_new_ids_one_gets_no_further_than_the_count_of_all() {
        let mut desk = KeyDesk::default();
        let now = Moment::ZERO + SECOND;
        for number in 0..KEY_TRIES_AT_ALL {
            assert_eq!(desk.try_key(now, node(number)), Ok(()));
        }
        let another = node(KEY_TRIES_AT_ALL);
        assert_eq!(desk.try_key(now, another), Err(NotNow::TooOften(KEY_TRIES_SPAN)));
        assert_eq!(desk.try_key(now + KEY_TRIES_SPAN, another), Ok(()));
    }

    #[test]
    fn as_many_are_remembered_and_checked_as_there_is_room_for() {
        let mut desk = KeyDesk::default();
        let mut now = Moment::ZERO;
        for number in 0..PEOPLE_MAX + 8 {
            now = now + KEY_TRIES_SPAN;
            assert_eq!(desk.try_key(now, node(number)), Ok(()));
        }
        assert_eq!(desk.tries.len(), PEOPLE_MAX);
        let who = AtDesk { node: node(1), link: None };
        for number in 0..KEY_CHECKS_MAX {
            assert_eq!(desk.wait(InboundId(number as u64), who), Ok(()));
        }
        assert_eq!(desk.wait(InboundId(99), who), Err(NotNow::Busy));
        assert_eq!(desk.try_key(now + KEY_TRIES_SPAN, node(0)), Err(NotNow::Busy));
        assert_eq!(desk.done(InboundId(0)), Some(who));
        assert_eq!(desk.done(InboundId(0)), None);
    }
}

//! What a server holds of people: who was given which rights, who is muted, who was kicked a
//! moment ago, and who is admin by the key.
//!
//! This room remembers. It knows neither names nor links' ends, and decides nothing. What of it has
//! to be there after a power cut, it tells as a [`KeptPerson`]; the admin key makes admins of
//! links, which no power cut survives.

use std::collections::{BTreeMap, BTreeSet};

use crate::durable::KeptPerson;
use crate::id::{LinkId, NodeId};
use crate::limits::{KICK_LIFETIME, KICKED_MAX, PEOPLE_MAX, RIGHTS_PER_NODE_MAX};
use crate::moment::Moment;
use crate::permissions::{Permission, Permissions};

/// There is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The people of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    rights: BTreeMap<NodeId, Permissions>,
    muted: BTreeSet<NodeId>,
    /// Until when each is refused.
    kicked: BTreeMap<NodeId, Moment>,
    /// When the first of these times ends.
    first_end: Option<Moment>,
    /// The links whose other end gave the admin key.
    by_key: BTreeSet<LinkId>,
}

impl People {
    /// As an earlier life of this server left them. Kicks begin anew.
    pub(crate) fn remembering(people: &BTreeMap<NodeId, KeptPerson>, now: Moment) -> Self {
        let mut all = Self::default();
        for KeptPerson { node, rights, muted, kicked } in people.values() {
            if rights.iter().next().is_some() && all.rights.len() < PEOPLE_MAX {
                all.rights.insert(*node, rights.clone());
            }
            if *muted && all.muted.len() < PEOPLE_MAX {
                all.muted.insert(*node);
            }
            if *kicked {
                all.kick(now, *node);
            }
        }
        all
    }

    /// What has to be remembered of this node.
    pub(crate) fn kept(&self, node: NodeId) -> KeptPerson {
        KeptPerson {
            node,
            rights: self.rights.get(&node).cloned().unwrap_or_default(),
            muted: self.muted.contains(&node),
            kicked: self.kicked.contains_key(&node),
        }
    }

    /// What this node was given here, beyond what everybody has.
    pub(crate) fn rights(&self, node: NodeId) -> Option<&Permissions> {
        self.rights.get(&node)
    }

    /// Gives a node these rights.
    pub(crate) fn give(&mut self, node: NodeId, rights: &[Permission]) -> Result<(), TooMany> {
        let held = self.rights.get(&node).cloned();
        if held.is_none() && self.rights.len() >= PEOPLE_MAX {
            return Err(TooMany);
        }
        let held = rights.iter().cloned().fold(held.unwrap_or_default(), Permissions::with);
        if held.iter().count() > RIGHTS_PER_NODE_MAX {
            return Err(TooMany);
        }
        self.rights.insert(node, held);
        Ok(())
    }

    /// Takes these rights from a node; tells which of them it had been given.
    pub(crate) fn take(&mut self, node: NodeId, rights: &[Permission]) -> Vec<Permission> {
        let Some(held) = self.rights.get_mut(&node) else { return Vec::new() };
        let taken = rights.iter().filter(|right| held.remove(right)).cloned().collect();
        if held.iter().next().is_none() {
            self.rights.remove(&node);
        }
        taken
    }

    /// All who were given something.
    pub(crate) fn with_rights(&self) -> impl Iterator<Item = (NodeId, &Permissions)> {
        self.rights.iter().map(|(node, rights)| (*node, rights))
    }

    /// Nothing of what this node says is to be looked at. Tells whether that is new.
    pub(crate) fn mute(&mut self, node: NodeId) -> Result<bool, TooMany> {
        if self.muted.len() >= PEOPLE_MAX && !self.muted.contains(&node) {
            return Err(TooMany);
        }
        Ok(self.muted.insert(node))
    }

    /// It is heard again. Tells whether it was muted.
    pub(crate) fn unmute(&mut self, node: NodeId) -> bool {
        self.muted.remove(&node)
    }

    pub(crate) fn is_muted(&self, node: NodeId) -> bool {
        // Looked at for every frame that somebody says; mostly nobody is muted.
        !self.muted.is_empty() && self.muted.contains(&node)
    }

    pub(crate) fn muted(&self) -> impl Iterator<Item = NodeId> {
        self.muted.iter().copied()
    }

    /// Refuses this node for a while from now on. Where too many are refused, the one whose time
    /// ends first is let in again, and told.
    pub(crate) fn kick(&mut self, now: Moment, node: NodeId) -> Option<NodeId> {
        let first = self.kicked.iter().map(|(id, until)| (*until, *id)).min();
        let is_full = self.kicked.len() >= KICKED_MAX && !self.kicked.contains_key(&node);
        let freed = first.filter(|_| is_full).map(|(_, first)| first);
        if let Some(freed) = freed {
            self.kicked.remove(&freed);
        }
        self.kicked.insert(node, now + KICK_LIFETIME);
        self.note_first_end();
        freed
    }

    /// Those whose kick is over are let in again; who they are.
    pub(crate) fn end_kicks(&mut self, now: Moment) -> Vec<NodeId> {
        let over = self.kicked.iter().filter(|(_, until)| **until <= now);
        let over: Vec<NodeId> = over.map(|(node, _)| *node).collect();
        self.kicked.retain(|_, until| *until > now);
        self.note_first_end();
        over
    }

    /// When the next kick is over.
    pub(crate) const fn next_end(&self) -> Option<Moment> {
        self.first_end
    }

    fn note_first_end(&mut self) {
        self.first_end = self.kicked.values().min().copied();
    }

    /// Until when this node is refused, if it is.
    pub(crate) fn kicked_until(&self, now: Moment, node: NodeId) -> Option<Moment> {
        self.kicked.get(&node).copied().filter(|until| *until > now)
    }

    /// Whoever speaks on this link gave the admin key. As many as there are links.
    pub(crate) fn trust_link(&mut self, link: LinkId) {
        self.by_key.insert(link);
    }

    /// The link is gone, or its end is no admin any more. Tells whether it was one.
    pub(crate) fn distrust_link(&mut self, link: LinkId) -> bool {
        self.by_key.remove(&link)
    }

    /// Nobody is admin by the key any more but who speaks on this link, if he was one.
    pub(crate) fn trust_only(&mut self, link: Option<LinkId>) {
        self.by_key.retain(|trusted| Some(*trusted) == link);
    }

    pub(crate) fn is_trusted(&self, link: LinkId) -> bool {
        self.by_key.contains(&link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: usize) -> NodeId {
        NodeId::of_public_key(&number.to_be_bytes())
    }

    fn right(text: &str) -> Permission {
        Permission::word(text).unwrap()
    }

    #[test]
    fn rights_are_given_and_taken_and_leave_nothing_behind() {
        let mut people = People::default();
        people.give(node(1), &[right("gate"), right("heat")]).unwrap();
        assert!(people.rights(node(1)).unwrap().allow(&right("gate")));
        assert_eq!(people.take(node(1), &[right("gate"), right("bell")]), [right("gate")]);
        assert_eq!(people.take(node(1), &[right("heat")]), [right("heat")]);
        assert_eq!(people.with_rights().count(), 0);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut people = People::default();
        for number in 0..PEOPLE_MAX {
            people.give(node(number), &[right("gate")]).unwrap();
            assert_eq!(people.mute(node(number)), Ok(true));
        }
        assert_eq!(people.give(node(PEOPLE_MAX), &[right("gate")]), Err(TooMany));
        assert_eq!(people.mute(node(PEOPLE_MAX)), Err(TooMany));
        assert_eq!(people.mute(node(0)), Ok(false));
        for number in 1..RIGHTS_PER_NODE_MAX {
            people.give(node(0), &[right(&format!("r{number}"))]).unwrap();
        }
        assert_eq!(people.give(node(0), &[right("one-more")]), Err(TooMany));
    }

    #[test]
    fn a_kick_ends_by_itself_and_the_oldest_gives_way() {
        let mut people = People::default();
        let (zero, later) = (Moment::ZERO, Moment::ZERO + KICK_LIFETIME / 2);
        people.kick(zero, node(0));
        for number in 1..KICKED_MAX {
            people.kick(later, node(number));
        }
        assert!(people.kicked_until(later, node(0)).is_some());
        assert_eq!(people.kick(later, node(KICKED_MAX)), Some(node(0)));
        assert_eq!(people.kicked_until(later, node(0)), None);
        assert!(people.kicked_until(later, node(KICKED_MAX)).is_some());
        assert_eq!(people.kicked_until(later + KICK_LIFETIME, node(1)), None);
        assert_eq!(people.next_end(), Some(later + KICK_LIFETIME));
        assert_eq!(people.end_kicks(later), []);
        assert_eq!(people.end_kicks(later + KICK_LIFETIME).len(), KICKED_MAX);
        assert_eq!(people.next_end(), None);
    }
}

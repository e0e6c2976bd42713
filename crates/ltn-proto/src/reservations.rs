//! Names that are kept for nodes which are away: for the node's own id, against all others.
//!
//! Only a node that keeps its key can take its name back. One whose key is thrown away with its
//! process comes back as somebody else, and would find its own name taken by itself; so for such a
//! node nothing is reserved, and the newcomer who wants the name is most likely the same device.
//!
//! This room knows names, ids and moments. Who is here now is for the caller to know.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::NodeId;
use crate::limits::{NAME_RESERVATION, NAMES_RESERVED_MAX};
use crate::moment::Moment;
use crate::name::Name;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reservations {
    /// Children that said that they keep their keys.
    keepers: BTreeSet<NodeId>,
    /// By the folded name.
    names: BTreeMap<String, Reserved>,
}

#[derive(Debug, Clone, Copy)]
struct Reserved {
    holder: NodeId,
    until: Moment,
}

impl Reservations {
    /// A child is here: what was kept for it is its own again.
    pub(crate) fn arrived(&mut self, child: NodeId, keeps_key: bool) {
        self.names.retain(|_, reserved| reserved.holder != child);
        if keeps_key {
            self.keepers.insert(child);
        } else {
            self.keepers.remove(&child);
        }
    }

    /// A child is gone; `name` is kept for it if it may come back as itself.
    pub(crate) fn left(&mut self, child: NodeId, name: Option<&Name>, now: Moment) {
        let keeps_key = self.keepers.remove(&child);
        let Some(name) = name.filter(|_| keeps_key) else { return };
        self.expire(now);
        if self.names.len() >= NAMES_RESERVED_MAX {
            // Whoever has been away the longest.
            let oldest = self.names.iter().min_by_key(|(_, reserved)| reserved.until);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.names.remove(&name);
            }
        }
        let reserved = Reserved { holder: child, until: now + NAME_RESERVATION };
        self.names.insert(name.folded(), reserved);
    }

    /// For whom this name is kept.
    pub(crate) fn holder(&self, name: &Name) -> Option<NodeId> {
        self.names.get(&name.folded()).map(|reserved| reserved.holder)
    }

    /// Nothing is kept for ever.
    pub(crate) fn expire(&mut self, now: Moment) {
        self.names.retain(|_, reserved| reserved.until > now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    fn name(text: &str) -> Name {
        Name::known(text).unwrap()
    }

    #[test]
    fn a_name_is_kept_for_a_day_and_given_back_to_its_holder() {
        let mut room = Reservations::default();
        room.arrived(id(1), true);
        room.left(id(1), Some(&name("Lamp")), Moment::ZERO);
        assert_eq!(room.holder(&name("lamp")), Some(id(1)));
        room.arrived(id(1), true);
        assert_eq!(room.holder(&name("lamp")), None);
        room.left(id(1), Some(&name("Lamp")), Moment::ZERO);
        room.expire(Moment::ZERO + NAME_RESERVATION - Duration::from_secs(1));
        assert_eq!(room.holder(&name("lamp")), Some(id(1)));
        room.expire(Moment::ZERO + NAME_RESERVATION);
        assert_eq!(room.holder(&name("lamp")), None);
    }

    #[test]
    fn nothing_is_kept_for_who_throws_its_key_away() {
        let mut room = Reservations::default();
        room.arrived(id(1), false);
        room.left(id(1), Some(&name("lamp")), Moment::ZERO);
        assert_eq!(room.holder(&name("lamp")), None);
    }

    #[test]
    fn so_many_names_are_kept_and_the_oldest_goes_first() {
        let mut room = Reservations::default();
        for n in 0..=NAMES_RESERVED_MAX {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
            let child = NodeId::from_bytes(bytes);
            room.arrived(child, true);
            let now = Moment::ZERO + Duration::from_millis(n as u64);
            room.left(child, Some(&name(&format!("lamp{n}"))), now);
        }
        assert_eq!(room.names.len(), NAMES_RESERVED_MAX);
        assert_eq!(room.holder(&name("lamp0")), None);
        assert!(room.holder(&name("lamp1")).is_some());
    }
}

//! Where servers belong: what the book says of it.

use std::collections::BTreeMap;

use super::{Home, Registry};
use crate::id::NodeId;

impl Registry {
    /// Where each server belongs that the book knows. One that it does not know, because it joined
    /// after a backup was made, belongs nowhere until an admin says so.
    #[must_use]
    pub fn homes(&self) -> BTreeMap<NodeId, Home> {
        let servers = self.members.iter().filter(|(_, member)| member.role.is_server());
        let mut homes: BTreeMap<NodeId, Home> = servers
            .map(|(id, member)| match &member.place {
                Some(place) => (*id, Home::Invited(place.clone())),
                None => (*id, Home::Anywhere),
            })
            .collect();
        homes.extend(self.homes.iter().map(|(id, parent)| (*id, Home::Below(*parent))));
        homes.retain(|id, _| *id != self.charter.root && !self.charter.is_revoked(*id));
        homes
    }

    /// This server belongs below that one from now on.
    pub fn settle(&mut self, server: NodeId, parent: NodeId) {
        if !self.charter.is_revoked(server) {
            self.homes.insert(server, parent);
        }
    }

    /// New hardware belongs where the old one did, and whatever belonged below that one belongs
    /// below it.
    pub(super) fn move_homes(&mut self, old: NodeId, new: NodeId) {
        if let Some(parent) = self.homes.remove(&old) {
            self.homes.insert(new, parent);
        }
        for parent in self.homes.values_mut().filter(|parent| **parent == old) {
            *parent = new;
        }
    }
}

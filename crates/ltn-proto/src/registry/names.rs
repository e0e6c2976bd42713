//! The names that belong to members, as the charter says them to everybody.

use std::collections::BTreeSet;

use super::{InviteWish, Registry};
use crate::charter::OwnName;
use crate::id::NodeId;
use crate::limits::OWN_NAMES_MAX;
use crate::outcome::{Refusal, RefusalKind};

impl Registry {
    /// Each member in force has the name that it was invited with. Names of members that this book
    /// does not know, because they joined after a backup, stay as they are.
    pub(super) fn give_names(&mut self) {
        let members: Vec<NodeId> = self.members.keys().copied().collect();
        let mut names: BTreeSet<OwnName> = self.charter.names.iter().copied().collect();
        names.retain(|own| !members.iter().any(|id| own.is_of(*id)));
        let in_force = self.members.iter().filter(|(id, _)| !self.charter.is_revoked(**id));
        names.extend(
            in_force.filter_map(|(id, member)| Some(OwnName::new(member.name.as_ref()?, *id))),
        );
        let names: Vec<OwnName> = names.into_iter().collect();
        if names != self.charter.names {
            self.charter.names = names;
            self.charter.edition.version += 1;
        }
    }

    /// Is there room for the name of one more member?
    pub(super) fn check_names(&self, wish: &InviteWish) -> Result<(), Refusal> {
        let is_new = wish.name.is_some() && wish.replaces.is_none();
        if !is_new || self.charter.names.len() < OWN_NAMES_MAX {
            return Ok(());
        }
        let text = format!("{OWN_NAMES_MAX} members have names; leave --name out");
        Err(Refusal::new(RefusalKind::Full, text))
    }
}

pub(super) fn too_much() -> Refusal {
    let text = "the charter of this network can hold no more grants, names or revocations";
    Refusal::new(RefusalKind::Full, text)
}

//! The owner of the main server: may do everything everywhere, and nobody takes that away.
//!
//! That right stands in the charter like every other one, so that each node honours it; but no
//! admin gives it an end, takes it, or refuses the keys that it is used with.

use super::{Member, Registry};
use crate::charter::{Charter, Grant};
use crate::id::NodeId;
use crate::outcome::{Refusal, RefusalKind};
use crate::permissions::Permission;

impl Registry {
    /// Is this the main server, or its owner on a visit?
    #[must_use]
    pub fn is_owner(&self, id: NodeId) -> bool {
        self.owner_of(id) == self.charter.root
    }

    /// The member whose key this is, its own or one for visits; else the key itself.
    #[must_use]
    pub fn owner_of(&self, id: NodeId) -> NodeId {
        let visits = |(_, member): &(&NodeId, &Member)| member.visitors.contains(&id);
        self.members.iter().find(visits).map_or(id, |(owner, _)| *owner)
    }

    /// What the owner may is nobody's to change.
    pub(super) fn check_is_not_owners(&self, id: NodeId) -> Result<(), Refusal> {
        if !self.is_owner(id) {
            return Ok(());
        }
        let text = "the owner of the main server may do everything everywhere, for ever: that is \
                    neither given nor taken";
        Err(Refusal::new(RefusalKind::NotPossible, text))
    }

    /// A book that somebody took the owner's right out of, or gave it an end, has it again. Says
    /// whether that changed the charter, which is another edition then.
    pub(super) fn restore_owner(&mut self) -> bool {
        let (root, before) = (self.charter.root, self.ends.len());
        self.ends.retain(|end| end.grant.who != root);
        put_first(&mut self.charter) || self.ends.len() != before
    }
}

/// Puts the owner's right into this charter, if it lacks it and has room for it. Says whether it
/// did.
pub(super) fn put_first(charter: &mut Charter) -> bool {
    let (root, admin) = (charter.root, Permission::admin());
    let is_right =
        |grant: &Grant| (grant.who, grant.scope) == (root, root) && grant.what.contains(&admin);
    if charter.grants.iter().any(is_right) {
        return false;
    }
    charter.grants.insert(0, Grant { who: root, what: vec![admin], scope: root });
    if charter.to_bytes().is_none() {
        charter.grants.remove(0);
        return false;
    }
    true
}

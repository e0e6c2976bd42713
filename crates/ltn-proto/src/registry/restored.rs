//! A book from a backup: it learns what was signed after it before it signs anything itself.

use std::time::Duration;

use super::names::too_much;
use super::{Member, Registry, owner};
use crate::charter::{Charter, Grant};
use crate::id::NodeId;
use crate::name::Name;
use crate::outcome::{Refusal, RefusalKind};
use crate::path::NodePath;
use crate::role::Role;

/// So long a restored main server runs before it signs anything: members that lost it try it again
/// within half a minute.
const LEARNING: Duration = Duration::from_secs(60);

impl Registry {
    /// This book is from a backup. Invites are withdrawn: nobody knows which of them were used
    /// since, or were over.
    pub fn begin_learning(&mut self) {
        self.invites.clear();
        let more = u64::try_from(LEARNING.as_millis()).unwrap_or(u64::MAX);
        self.learns_until_ms = Some(self.running_ms.saturating_add(more));
    }

    /// Is it from a backup, and learns what was signed after it?
    #[must_use]
    pub const fn is_learning(&self) -> bool {
        self.learns_until_ms.is_some()
    }

    /// A member showed a charter of this very authority that this book has not heard of, because it
    /// is from a backup. A later one is taken over; of every other one, whom it refuses: who is out
    /// stays out, whoever comes first and whenever. Says whether anything is new by that.
    ///
    /// # Errors
    /// The charter can hold no more revocations; nothing changed. A later one is taken over as it
    /// is then.
    pub fn adopt(&mut self, other: &Charter) -> Result<bool, Refusal> {
        if other.network != self.network() || other.root != self.charter.root {
            return Ok(false);
        }
        let is_later = other.edition > self.charter.edition;
        let is_twin = other.edition == self.charter.edition;
        let (mut next, older) = match is_later {
            true => (other.clone(), &self.charter),
            false => (self.charter.clone(), other),
        };
        if let Some(ending) = next.ending.take() {
            // When they end stood in the book that was lost.
            let ends = |grant: &Grant| self.ends.iter().any(|end| end.grant == *grant);
            next.grants.retain(|grant| !ending.contains(grant) || ends(grant));
        }
        if is_twin {
            // Nobody can tell which right was given, and which taken away, after the two parted.
            next.grants.retain(|grant| other.grants.contains(grant));
        }
        next.refuse_too(&older.revoked);
        // Whoever has a twin without it is told of a newer one.
        let lacks = owner::put_first(&mut next);
        if next == self.charter && (self.is_learning() || !lacks) {
            return Ok(false);
        }
        if next.to_bytes().is_none() {
            if !is_later {
                return Err(too_much());
            }
            next = Charter { ending: None, ..other.clone() };
        }
        if !self.is_learning() && (is_later || is_twin) {
            // This book was set back without knowing it, by a copy of the whole directory. Whoever
            // was invited before may have joined since.
            self.invites.clear();
        }
        self.charter = next;
        self.ends.retain(|end| !self.charter.is_revoked(end.grant.who));
        self.drop_orphaned_invites();
        if !self.is_learning() {
            self.charter.edition.version += 1;
        }
        Ok(true)
    }

    /// Was a charter signed by a main server that was restored after this one was? Then this one
    /// must not sign any more.
    #[must_use]
    pub const fn is_superseded_by(&self, other: &Charter) -> bool {
        !self.is_learning() && other.edition.epoch > self.charter.edition.epoch
    }

    /// May there be members that this book does not know? Whoever joined after the backup that it
    /// is from is one, until he is recognised; he is put out by his id.
    #[must_use]
    pub const fn may_miss_members(&self) -> bool {
        self.is_learning() || self.charter.edition.epoch > 1
    }

    /// Does the book know this one, as a member or as one who is out?
    #[must_use]
    pub fn knows(&self, id: NodeId) -> bool {
        self.members.contains_key(&id) || self.charter.is_revoked(id)
    }

    /// This one has shown that he was let in, and joined after the backup. He is called so if a
    /// charter says that the name is his, and no other member has it; else he is known by his id. A
    /// server belongs nowhere: nobody's word but its own says where it was invited to. Says whether
    /// he is new in the book.
    ///
    /// # Errors
    /// The network has as many members as it may have; nothing changed.
    pub fn recognise(
        &mut self,
        id: NodeId,
        role: Role,
        (name, place): (Option<Name>, Option<NodePath>),
    ) -> Result<bool, Refusal> {
        let is_invited = matches!(role, Role::SubServer | Role::Client);
        if !self.may_miss_members() || self.knows(id) || !is_invited {
            return Ok(false);
        }
        self.check_members()?;
        let is_his = |name: &Name| self.charter.is_own_name(name, id);
        let name = name.filter(|name| is_his(name) && self.named(name).is_empty());
        let (since_ms, visitors) = (self.running_ms, Vec::new());
        let place = place.filter(|_| !role.is_server());
        if role.is_server() {
            // It may have gone elsewhere since: until an admin says so it belongs nowhere.
            self.homes.insert(id, id);
        }
        self.members.insert(id, Member { role, name, place, since_ms, visitors, by: None });
        if !self.is_learning() {
            self.give_names();
        }
        Ok(true)
    }

    /// What it says counts from now on before all that was said in earlier epochs.
    pub(super) fn end_learning(&mut self) {
        self.learns_until_ms = None;
        self.give_names();
        self.restore_owner();
        self.charter.edition.epoch += 1;
        self.charter.edition.version = 1;
    }

    pub(super) fn check_has_learnt(&self) -> Result<(), Refusal> {
        let Some(until) = self.learns_until_ms else { return Ok(()) };
        let seconds = until.saturating_sub(self.running_ms).div_ceil(1_000);
        let text = format!(
            "this main server was restored from a backup, and first learns from its members what \
             was signed after it: try again when it has run for {seconds} s more"
        );
        Err(Refusal::new(RefusalKind::NotPossible, text))
    }
}

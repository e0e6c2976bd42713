//! The names of members: who is meant by one, and whose each is, as the charter says it to
//! everybody.

use std::collections::{BTreeMap, BTreeSet};

use super::{InviteWish, Registry};
use crate::charter::OwnName;
use crate::id::NodeId;
use crate::limits::OWN_NAMES_MAX;
use crate::name::Name;
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

    /// The member that is meant: by its id, or by the name that it was invited with.
    ///
    /// # Errors
    /// Says that nobody is, or that several are.
    pub fn find(&self, text: &str) -> Result<NodeId, Refusal> {
        let bad = |text: String| Refusal::new(RefusalKind::BadTarget, text);
        if let Ok(id) = text.parse::<NodeId>() {
            let known = self.members.contains_key(&id) || self.may_miss_members();
            return known.then_some(id).ok_or_else(|| bad(format!("{id} is no member")));
        }
        let name = Name::known(text).map_err(|why| bad(why.to_string()))?;
        match self.named(&name).as_slice() {
            [one] => Ok(*one),
            [] if self.has_been(&name) => {
                Err(bad(format!("`{name}` is out: its key is refused, for ever")))
            }
            [] => {
                let text = format!("no member was invited as `{name}`; `ltn members` lists them");
                Err(bad(text))
            }
            several => {
                let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
                let text =
                    format!("several members are called `{name}`; say which: {}", ids.join(", "));
                Err(bad(text))
            }
        }
    }

    /// Who has this name and is not out.
    pub(super) fn named(&self, name: &Name) -> Vec<NodeId> {
        self.all_named(name).filter(|id| !self.charter.is_revoked(*id)).collect()
    }

    /// Was this the name of somebody who is out?
    fn has_been(&self, name: &Name) -> bool {
        self.all_named(name).next().is_some()
    }

    fn all_named(&self, name: &Name) -> impl Iterator<Item = NodeId> {
        let named = self.members.iter().filter(|(_, member)| {
            member.name.as_ref().is_some_and(|known| known.clashes_with(name))
        });
        named.map(|(id, _)| *id)
    }

    /// What to call a member in a text for people.
    #[must_use]
    pub fn call(&self, id: NodeId) -> String {
        self.called(id).unwrap_or_else(|| format!("id:{}…", id.short()))
    }

    fn called(&self, id: NodeId) -> Option<String> {
        match self.members.get(&id)?.name.as_ref() {
            None if id == self.charter.root => Some("the main server".to_owned()),
            name => name.map(ToString::to_string),
        }
    }

    /// What members are called, those who are out included, as far as they have names.
    #[must_use]
    pub fn names(&self) -> BTreeMap<NodeId, String> {
        self.members.keys().filter_map(|id| Some((*id, self.called(*id)?))).collect()
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

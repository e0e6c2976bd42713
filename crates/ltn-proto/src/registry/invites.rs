//! The invites in the root's book: made, seen, withdrawn, and out as soon as who made them may not.

use minicbor::{Decode, Encode};

use super::{InviteWish, Registry};
use crate::id::NodeId;
use crate::invite::{Invite, InviteId, InviteSecret};
use crate::limits::{INVITE_LIFETIME_MAX, INVITES_MAX, MEMBERS_MAX};
use crate::name::Name;
use crate::outcome::{Refusal, RefusalKind};
use crate::permissions::Permission;
use crate::role::Role;

/// An invite, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Invited {
    #[n(0)]
    pub(super) secret: InviteSecret,
    #[n(1)]
    pub(super) wish: InviteWish,
    #[n(2)]
    pub(super) ends_ms: u64,
    /// Who used it.
    #[n(3)]
    pub(super) used_by: Option<NodeId>,
}

/// An invite that nobody has used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvite {
    /// Its number.
    pub id: InviteId,
    /// What it is for, and who made it.
    pub wish: InviteWish,
    /// For how long it is still good, in seconds of the root's running time.
    pub seconds: u64,
}

impl Registry {
    /// Makes an invite of this number and secret. Earlier ones for the same name, or for the place
    /// of the same member, that nobody has used are withdrawn by that: see [`Self::earlier_lines`].
    ///
    /// # Errors
    /// Says what the wish has that cannot be; nothing changed.
    pub fn invite(
        &mut self,
        id: InviteId,
        secret: InviteSecret,
        wish: InviteWish,
    ) -> Result<Invite, Refusal> {
        self.forget_old_invites();
        self.check_has_learnt()?;
        self.check_wish(&wish)?;
        for earlier in self.earlier_lines(&wish) {
            self.invites.remove(&earlier);
        }
        if self.invites.len() >= INVITES_MAX {
            let text = format!("there are {INVITES_MAX} invites; wait until one has ended");
            return Err(Refusal::new(RefusalKind::Full, text));
        }
        self.check_members()?;
        let invite = Invite {
            network: self.network(),
            id,
            secret: secret.clone(),
            role: wish.role,
            name: wish.name.clone(),
            place: wish.place.clone(),
            hints: Vec::new(),
        };
        let lifetime = wish.seconds.saturating_mul(1_000);
        let ends_ms = self.running_ms.saturating_add(lifetime);
        self.invites.insert(id, Invited { secret, wish, ends_ms, used_by: None });
        Ok(invite)
    }

    /// Is there room for one more member?
    pub(super) fn check_members(&self) -> Result<(), Refusal> {
        if self.members.len() < MEMBERS_MAX {
            return Ok(());
        }
        let text = format!("the network has {MEMBERS_MAX} members, and no more fit in");
        Err(Refusal::new(RefusalKind::Full, text))
    }

    fn check_wish(&self, wish: &InviteWish) -> Result<(), Refusal> {
        self.check_names(wish)?;
        let refuse = |text: String| Err(Refusal::new(RefusalKind::BadArguments, text));
        if wish.replaces.is_some_and(|old| self.is_owner(old)) {
            let text = "nobody takes over from the main server by an invite: `ltn backup` and `ltn \
                        restore` bring it to other hardware";
            return refuse(text.to_owned());
        }
        match wish.role {
            Role::SubServer | Role::Client => {}
            Role::Session => {
                let text = "a session is not invited: members make visits, with keys of their own";
                return refuse(text.to_owned());
            }
            role => return refuse(format!("a {role} is not invited: a network has one root")),
        }
        let longest = INVITE_LIFETIME_MAX.as_secs();
        if wish.seconds == 0 || wish.seconds > longest {
            return refuse(format!("an invite is good for 1 to {longest} seconds"));
        }
        if let Some(name) = &wish.name
            && wish.replaces.is_none()
            && let Some(holder) = self.named(name).first().copied()
        {
            let text = format!(
                "{} is called `{name}` already; `ltn replace` gives its name to new hardware",
                self.call(holder)
            );
            return refuse(text);
        }
        Ok(())
    }

    /// What is said of a joining node that names this invite: the role that the proof has to be
    /// about.
    ///
    /// # Errors
    /// Says that the invite is none, or over.
    pub fn expects(&self, invite: InviteId) -> Result<Role, Refusal> {
        self.good(invite).map(|invited| invited.wish.role)
    }

    pub(super) fn good(&self, invite: InviteId) -> Result<&Invited, Refusal> {
        let refuse = |text: &str| Refusal::new(RefusalKind::NoPermission, text.to_owned());
        let invited = self.invites.get(&invite).ok_or_else(|| {
            refuse("this invite is not known here: it has ended, or is of another network")
        })?;
        if invited.ends_ms <= self.running_ms {
            return Err(refuse("this invite has ended; ask for a new one"));
        }
        Ok(invited)
    }

    /// The invites that nobody has used, as they end.
    #[must_use]
    pub fn open_invites(&self) -> Vec<OpenInvite> {
        let open = self.invites.iter().filter(|(_, invited)| invited.used_by.is_none());
        let open = open.map(|(id, Invited { wish, ends_ms, .. })| OpenInvite {
            id: *id,
            wish: wish.clone(),
            seconds: ends_ms.saturating_sub(self.running_ms) / 1_000,
        });
        let mut open: Vec<OpenInvite> = open.filter(|invite| invite.seconds > 0).collect();
        open.sort_by_key(|invite| (invite.seconds, invite.id));
        open
    }

    /// Which open invites a further one of this wish takes the place of: those for the same name,
    /// or for new hardware of the same member. Two of them would let two in.
    #[must_use]
    pub fn earlier_lines(&self, wish: &InviteWish) -> Vec<InviteId> {
        let is_same_name = |other: &InviteWish| match (&wish.name, &other.name) {
            (Some(one), Some(other)) => one.clashes_with(other),
            _ => false,
        };
        let is_same = |other: &InviteWish| {
            is_same_name(other) || wish.replaces.is_some() && wish.replaces == other.replaces
        };
        let open = self.invites.iter().filter(|(_, invited)| invited.used_by.is_none());
        open.filter(|(_, invited)| is_same(&invited.wish)).map(|(id, _)| *id).collect()
    }

    /// Withdraws the open invite that is meant: by the first digits of its number, at least four,
    /// or by the name that it is for. Nobody gets in with it any more.
    ///
    /// # Errors
    /// Says that no open invite is meant, or several; nothing changed.
    pub fn uninvite(&mut self, text: &str) -> Result<OpenInvite, Refusal> {
        let refuse = |text: String| Err(Refusal::new(RefusalKind::BadTarget, text));
        let name = Name::known(text).ok();
        let digits = text.to_ascii_lowercase();
        let is_meant = |invite: &OpenInvite| {
            let named = invite.wish.name.as_ref().zip(name.as_ref());
            digits.len() >= NUMBER_CHARS_MIN && invite.id.to_string().starts_with(&digits)
                || named.is_some_and(|(one, other)| one.clashes_with(other))
        };
        let mut meant: Vec<OpenInvite> = self.open_invites();
        meant.retain(is_meant);
        match (meant.pop(), meant.is_empty()) {
            (Some(invite), true) => {
                self.invites.remove(&invite.id);
                Ok(invite)
            }
            (Some(_), false) => refuse(format!("several open invites are meant by `{text}`")),
            (None, _) => refuse(format!(
                "no open invite has the number `{text}` or is for that name; `ltn members` lists \
                 them"
            )),
        }
    }

    /// Who lets in whoever joins by an invite of this wish. New hardware is let in by whoever let
    /// the old one in, unless another admin made this invite: the key is one that he chose.
    pub(super) fn who_lets_in(&self, wish: &InviteWish) -> Option<NodeId> {
        let old = wish.replaces.and_then(|old| self.members.get(&old));
        match (old, wish.by) {
            (Some(old), by) if by.is_none() || by == wish.replaces => old.by,
            (_, by) => Some(by.unwrap_or(self.charter.root)),
        }
    }

    /// The members that this one let in, but not those that are out.
    #[must_use]
    pub fn let_in_by(&self, who: NodeId) -> Vec<NodeId> {
        let let_in = self.members.iter().filter(|(_, member)| member.by == Some(who));
        let let_in = let_in.map(|(id, _)| *id);
        let_in.filter(|id| *id != who && !self.charter.is_revoked(*id)).collect()
    }

    /// Who invited is an admin no more, or out: what he invited and nobody has used is out too.
    pub(super) fn drop_orphaned_invites(&mut self) {
        let (charter, admin) = (&self.charter, Permission::admin());
        let may_invite =
            |by: NodeId| by == charter.root || charter.granted(by, |_| false).allow(&admin);
        self.invites.retain(|_, invited| {
            invited.used_by.is_some() || invited.wish.by.is_none_or(may_invite)
        });
    }

    pub(super) fn forget_old_invites(&mut self) {
        let now = self.running_ms;
        self.invites.retain(|_, invited| invited.ends_ms > now);
    }
}

/// So many digits of an invite's number say which is meant.
const NUMBER_CHARS_MIN: usize = 4;

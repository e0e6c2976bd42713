//! The root's book of its network: who was invited, who became a member, and the charter.
//!
//! Everything in it is decided here and made durable as one piece before anybody hears of it: a
//! method that changes the book returns the changed book's word, and the caller writes
//! [`Registry::to_bytes`] before he passes that word on. Time is the root's own running time, which
//! the book counts itself, because nobody's clock is trusted. Keys and secrets are made elsewhere.
//! `words.rs` has what it is told and tells.

mod homes;
mod invites;
mod names;
mod owner;
mod restored;
mod words;

use invites::Invited;
pub use invites::OpenInvite;
pub use words::{Home, InviteWish, JoinProof, Member, join_message};

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use minicbor::{Decode, Encode};

use crate::body;
use crate::charter::{Charter, Grant};
use crate::id::{NetworkId, NodeId};
use crate::invite::InviteId;
use crate::outcome::{Refusal, RefusalKind};
use crate::permissions::Permission;
use crate::role::Role;
use crate::signature::{Purpose, is_proof, is_signed};

/// The book.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Registry {
    /// The network's public key: the DER of the authority's `SubjectPublicKeyInfo`.
    #[cbor(n(0), with = "minicbor::bytes")]
    authority_key: Vec<u8>,
    #[n(1)]
    invites: BTreeMap<InviteId, Invited>,
    #[n(2)]
    members: BTreeMap<NodeId, Member>,
    #[n(3)]
    charter: Charter,
    /// For how long the root has run, in milliseconds.
    #[n(4)]
    running_ms: u64,
    /// Grants that end, by their place in time.
    #[n(5)]
    ends: Vec<End>,
    /// The book is from a backup and learns until then what was signed after it, in milliseconds of
    /// running time.
    #[n(6)]
    learns_until_ms: Option<u64>,
    /// Below which server each one belongs.
    #[cbor(n(7), default)]
    homes: BTreeMap<NodeId, NodeId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct End {
    #[n(0)]
    at_ms: u64,
    #[n(1)]
    grant: Grant,
}

impl Registry {
    /// The book of a new network, whose main server is this node. Its owner, who visits with those
    /// keys, may do everything everywhere.
    #[must_use]
    pub fn new(authority_key: &[u8], root: NodeId, visitors: Vec<NodeId>) -> Self {
        let network = NetworkId::of_authority_key(authority_key);
        let mut charter = Charter::first(network, root);
        owner::put_first(&mut charter);
        let role = Role::MainServer;
        let main = Member { role, name: None, place: None, since_ms: 0, visitors, by: None };
        Self {
            authority_key: authority_key.to_vec(),
            invites: BTreeMap::new(),
            members: BTreeMap::from([(root, main)]),
            charter,
            running_ms: 0,
            ends: Vec::new(),
            learns_until_ms: None,
            homes: BTreeMap::new(),
        }
    }

    /// The book in these bytes.
    ///
    /// # Errors
    /// Says that they are none.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let book: Self = body::read(bytes).map_err(|bad| bad.to_string())?;
        let root = book.members.get(&book.charter.root);
        if book.charter.network != NetworkId::of_authority_key(&book.authority_key)
            || root.is_none_or(|root| root.role != Role::MainServer)
        {
            return Err("it is not the book of one network".to_owned());
        }
        Ok(book)
    }

    /// The bytes to be made durable.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        body::write(self)
    }

    /// The network's public key: the DER of the authority's `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn authority_key(&self) -> &[u8] {
        &self.authority_key
    }

    /// How long the root has to run until something ends by that alone, if anything does.
    #[must_use]
    pub fn next_end(&self) -> Option<Duration> {
        let invites = self.invites.values().map(|invited| invited.ends_ms);
        let all = invites.chain(self.ends.iter().map(|end| end.at_ms)).chain(self.learns_until_ms);
        all.min().map(|at| Duration::from_millis(at.saturating_sub(self.running_ms)))
    }

    /// Which network.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.charter.network
    }

    /// Who may do what, and who is out.
    #[must_use]
    pub const fn charter(&self) -> &Charter {
        &self.charter
    }

    /// The charter as the authority signs it: it also says which grants end.
    #[must_use]
    pub fn charter_to_sign(&self) -> Charter {
        let ending: Vec<Grant> = self.ends.iter().map(|end| end.grant.clone()).collect();
        let ending = Some(ending).filter(|ending| !ending.is_empty());
        Charter { ending, ..self.charter.clone() }
    }

    /// Everybody who is a member, those who are out included.
    pub fn members(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    /// The root has run this much longer. Says whether a grant has ended by that, so that the
    /// charter changed.
    pub fn run_on(&mut self, time: Duration) -> bool {
        let more = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.running_ms = self.running_ms.saturating_add(more);
        self.forget_old_invites();
        let now = self.running_ms;
        if let Some(until) = self.learns_until_ms {
            if until > now {
                return false;
            }
            self.end_learning();
            return true;
        }
        let (over, going): (Vec<End>, Vec<End>) =
            std::mem::take(&mut self.ends).into_iter().partition(|end| end.at_ms <= now);
        self.ends = going;
        let before = self.charter.grants.len();
        for End { grant, .. } in over {
            self.charter.grants.retain(|known| *known != grant);
        }
        let ended = self.charter.grants.len() != before;
        let changed = self.restore_owner() || ended;
        if changed {
            self.charter.edition.version += 1;
            self.drop_orphaned_invites();
        }
        changed
    }

    /// Lets a node in that has proved to hold an invite, and burns that. The same key gets the same
    /// answer again for as long as the invite would be good: its first answer may have been lost.
    ///
    /// # Errors
    /// Says why not; nothing changed.
    pub fn admit(&mut self, proof: &JoinProof, nonce: &[u8; 32]) -> Result<Member, Refusal> {
        let refuse = |text: &str| Err(Refusal::new(RefusalKind::NoPermission, text.to_owned()));
        self.check_has_learnt()?;
        let invited = self.good(proof.invite)?.clone();
        let Some(visitors) = proof.visitors() else {
            return refuse("these are no public keys for ECDSA with P-256, each another one");
        };
        let role = invited.wish.role;
        let keys = (proof.public_key.as_slice(), proof.visitor_keys.as_slice());
        let message = join_message(self.network(), proof.invite, role, keys, nonce);
        if !is_proof(&invited.secret.0, &message, &proof.mac) {
            return refuse("the proof does not fit the invite: copy the whole line once more");
        }
        let signed = [message.as_slice(), &proof.mac].concat();
        if !is_signed(&proof.public_key, Purpose::Join, &signed, &proof.signature) {
            return refuse("the new node did not prove that the key is its own");
        }
        let id = NodeId::of_public_key(&proof.public_key);
        if self.charter.is_revoked(id) {
            return refuse("this key was revoked; make a new one");
        }
        match invited.used_by {
            Some(user) if user != id => return refuse("this invite was used already"),
            // Other keys for visits would be some that nobody could revoke.
            Some(_) if self.members.get(&id).is_none_or(|known| known.visitors != visitors) => {
                return refuse("this key has joined already, with other keys for visits");
            }
            Some(_) => {}
            // Nobody has proved to hold the keys for visits: one of somebody else would go out
            // together with this member.
            None if self.knows_one_of(id, &visitors) => {
                return refuse("this key, or one of those for visits, is a member's already");
            }
            None => self.burn(proof.invite, (id, visitors), &invited.wish)?,
        }
        let member = self.members.get(&id).cloned();
        member.ok_or_else(|| Refusal::new(RefusalKind::NotPossible, "it is no member any more"))
    }

    fn burn(
        &mut self,
        invite: InviteId,
        (id, visitors): (NodeId, Vec<NodeId>),
        wish: &InviteWish,
    ) -> Result<(), Refusal> {
        let holder = wish.name.as_ref().and_then(|name| self.named(name).first().copied());
        if let (Some(name), Some(holder)) = (&wish.name, holder)
            && Some(holder) != wish.replaces
        {
            let text = format!("{holder} is called `{name}` by now; ask for a new invite");
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        if let Some(old) = wish.replaces {
            // An invite of an earlier version may say so.
            self.check_is_not_owners(old)?;
        }
        let mut next = self.clone();
        if let Some(invited) = next.invites.get_mut(&invite) {
            invited.used_by = Some(id);
        }
        let member = Member {
            role: wish.role,
            name: wish.name.clone(),
            place: wish.place.clone(),
            since_ms: self.running_ms,
            visitors,
            by: self.who_lets_in(wish),
        };
        next.members.insert(id, member);
        if let Some(old) = wish.replaces {
            next.hand_over(old, id);
        }
        if wish.admin {
            let (what, scope) = (vec![Permission::admin()], next.charter.root);
            next.put_grant(Grant { who: id, what, scope });
        }
        self.become_if_it_fits(next)
    }

    fn hand_over(&mut self, old: NodeId, new: NodeId) {
        self.move_homes(old, new);
        // Whoever came in by the old one's invites came in by those of the same person.
        for member in self.members.values_mut().filter(|member| member.by == Some(old)) {
            member.by = Some(new);
        }
        let ends = self.ends.iter_mut().map(|end| &mut end.grant);
        for grant in self.charter.grants.iter_mut().chain(ends) {
            if grant.who == old {
                grant.who = new;
            }
            // What was granted at a server holds at the new one in its place.
            if grant.scope == old {
                grant.scope = new;
            }
        }
        if !self.charter.is_revoked(old) {
            self.charter.revoked.push(old);
        }
        self.charter.edition.version += 1;
        self.drop_orphaned_invites();
    }

    fn knows_one_of(&self, id: NodeId, visitors: &[NodeId]) -> bool {
        let new = |known: &NodeId| *known == id || visitors.contains(known);
        self.members.iter().any(|(known, member)| new(known) || member.visitors.iter().any(new))
    }

    /// Gives a member this.
    fn put_grant(&mut self, grant: Grant) {
        if !self.charter.grants.contains(&grant) {
            self.charter.grants.push(grant);
            self.charter.edition.version += 1;
        }
    }

    /// Refuses this key from now on, for ever, and takes all its rights.
    ///
    /// # Errors
    /// Says why that cannot be; nothing changed.
    pub fn revoke(&mut self, id: NodeId) -> Result<(), Refusal> {
        let refuse = |text: String| Err(Refusal::new(RefusalKind::NotPossible, text));
        self.check_has_learnt()?;
        if id == self.charter.root {
            return refuse("the main server cannot be revoked: it is who revokes".to_owned());
        }
        self.check_is_not_owners(id)?;
        let member = self.owner_of(id);
        if member != id {
            let called = self.call(member);
            return refuse(format!(
                "{id} is a key that {called} makes visits with: revoke {called}"
            ));
        }
        if !self.members.contains_key(&id) && !self.may_miss_members() {
            return refuse(format!("{id} is no member"));
        }
        if self.charter.is_revoked(id) {
            return refuse(format!("{} is revoked already", self.call(id)));
        }
        let mut next = self.clone();
        next.charter.grants.retain(|grant| grant.who != id);
        next.ends.retain(|end| end.grant.who != id);
        next.charter.revoked.push(id);
        next.homes.remove(&id);
        next.charter.edition.version += 1;
        next.drop_orphaned_invites();
        self.become_if_it_fits(next)
    }

    /// Lets this member do that in the subtree of `scope`; for so long, if that is said.
    ///
    /// # Errors
    /// Says why that cannot be; nothing changed.
    pub fn grant(&mut self, grant: Grant, time: Option<Duration>) -> Result<(), Refusal> {
        let refuse = |text: String| Err(Refusal::new(RefusalKind::NotPossible, text));
        self.check_has_learnt()?;
        self.check_is_not_owners(grant.who)?;
        for id in [grant.who, grant.scope] {
            if !self.members.contains_key(&id) || self.charter.is_revoked(id) {
                return refuse(format!("{} is no member", self.call(id)));
            }
        }
        let ends = self.ends.iter().any(|end| end.grant == grant);
        if self.charter.grants.contains(&grant) && time.is_none() && !ends {
            return refuse(format!("{} may do that already", self.call(grant.who)));
        }
        let mut next = self.clone();
        next.put_grant(grant.clone());
        next.ends.retain(|end| end.grant != grant);
        if let Some(time) = time {
            let more = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            next.ends.push(End { at_ms: self.running_ms.saturating_add(more), grant });
        }
        if next.charter.edition == self.charter.edition {
            // The charter also says which grants end.
            next.charter.edition.version += 1;
        }
        self.become_if_it_fits(next)
    }

    /// How much longer the root has to run until this ends, if it ends by that.
    #[must_use]
    pub fn rest_of(&self, grant: &Grant) -> Option<Duration> {
        let end = self.ends.iter().find(|end| end.grant == *grant)?;
        Some(Duration::from_millis(end.at_ms.saturating_sub(self.running_ms)))
    }

    /// Takes these permissions, wherever they were given. Says how many grants were changed.
    ///
    /// # Errors
    /// Says why that cannot be: the owner of the main server loses none; nothing changed.
    pub fn ungrant(&mut self, who: NodeId, what: &[Permission]) -> Result<usize, Refusal> {
        self.check_has_learnt()?;
        self.check_is_not_owners(who)?;
        let ends = self.ends.iter_mut().map(|end| &mut end.grant);
        for grant in ends.filter(|grant| grant.who == who) {
            grant.what.retain(|word| !what.contains(word));
        }
        let mut changed = 0;
        for grant in self.charter.grants.iter_mut().filter(|grant| grant.who == who) {
            let before = grant.what.len();
            grant.what.retain(|word| !what.contains(word));
            changed += usize::from(grant.what.len() != before);
        }
        self.ends.retain(|end| !end.grant.what.is_empty());
        if changed > 0 {
            self.charter.grants.retain(|grant| !grant.what.is_empty());
            self.charter.edition.version += 1;
            self.drop_orphaned_invites();
        }
        Ok(changed)
    }

    fn become_if_it_fits(&mut self, mut next: Self) -> Result<(), Refusal> {
        next.give_names();
        if next.charter_to_sign().to_bytes().is_none() {
            return Err(names::too_much());
        }
        *self = next;
        Ok(())
    }
}

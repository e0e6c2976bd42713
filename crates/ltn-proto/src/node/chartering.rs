//! The charter on its way through the tree: shown when a link is made, passed on when it is new,
//! and carried out at once, also on links that stand.

use super::broken::Duty;
use super::{NodeConfig, NodeState};
use crate::body::{self, Place};
use crate::charter::{BadCharter, Edition, Mark, SignedCharter};
use crate::durable::Durable;
use crate::event::Event;
use crate::frame::Kind;
use crate::id::{LinkId, NodeId};
use crate::links::{Link, Misbehaved};
use crate::moment::Moment;
use crate::outcome::{CloseReason, Refusal, RefusalKind};
use crate::pass::Pass;
use crate::permissions::Permissions;
use crate::role::Role;
use crate::standing::{Shown, Standing};

/// What a node begins with: the charter that it was given, or the newer one that it was shown in an
/// earlier life.
pub(super) fn standing_of(config: &NodeConfig) -> Option<Standing> {
    let mut standing = config.standing.clone()?;
    if let Some(charter) = &config.remembered.charter {
        // One that is not of this network is none; the shell has checked what it keeps.
        let _ = standing.take(charter.clone());
    }
    let owed = &config.remembered.owed_charters;
    Some(standing.clone().owing(owed).unwrap_or(standing))
}

impl NodeState {
    /// The certificate of the other end says what it was invited to be.
    pub(super) fn on_vouched(&mut self, now: Moment, link: LinkId, role: Role) {
        if let Some(known) = self.links.get_mut(link) {
            known.invited_as = Some(role);
            let peer = known.peer;
            if self.standing.as_ref().is_some_and(|standing| standing.is_revoked(peer)) {
                self.part_with_revoked(now, link);
            }
        }
    }

    pub(super) fn part_with_revoked(&mut self, now: Moment, link: LinkId) {
        let text = "this node was revoked; a new invite lets a new key in";
        self.close_link(now, link, CloseReason::Revoked, text);
    }

    /// May this member be what it says it is? Everybody may make a visit; with a key for visits
    /// only he who shows whose it is.
    pub(super) fn check_invited(
        &mut self,
        link: LinkId,
        (role, pass): (Role, Option<Pass>),
    ) -> Result<(), Refusal> {
        if self.standing.is_none() {
            return Ok(());
        }
        let invited = self.links.get(link).and_then(|known| known.invited_as);
        match invited {
            Some(Role::Session) if role == Role::Session => self.check_visit(link, pass),
            Some(invited) if invited == role || role == Role::Session => Ok(()),
            Some(invited) => {
                let text = format!("it was invited as a {invited} and wants to be a {role}");
                Err(Refusal::new(RefusalKind::WrongRole, text))
            }
            None => Err(Refusal::new(RefusalKind::NoPermission, "it showed no certificate")),
        }
    }

    /// Can a place be believed whose way up ends there? Only the charter's main server is the root.
    pub(super) fn check_root(&self, place: &Place) -> Result<(), Misbehaved> {
        let root = self.standing.as_ref().map(Standing::root);
        let top = place.ancestors.first().map(|above| above.id);
        if place.rooted && root.is_some() && top != root {
            return Err(Misbehaved("a way to another root than the network's".to_owned()));
        }
        Ok(())
    }

    /// Which edition of the charter this node has.
    pub(super) fn charter_edition(&self) -> Option<Edition> {
        self.standing.as_ref().map(Standing::edition)
    }

    /// What others are told of it when a link is made.
    pub(super) fn charter_mark(&self) -> Option<Mark> {
        self.standing.as_ref().map(Standing::mark)
    }

    /// Shows the charter on this link, if the other end has an older one, or another one of the
    /// same edition.
    pub(super) fn show_charter(&mut self, link: LinkId, theirs: Option<Mark>) {
        let Some(standing) = &self.standing else { return };
        let mine = standing.mark();
        if theirs.is_some_and(|theirs| theirs == mine || theirs.edition > mine.edition) {
            return;
        }
        let charter = body::write(&body::Chartered::of(standing.signed()));
        self.say(link, Kind::CHARTER, charter);
    }

    pub(super) fn on_charter(
        &mut self,
        now: Moment,
        link: LinkId,
        payload: &[u8],
    ) -> Result<(), Misbehaved> {
        let chartered: body::Chartered = body::read(payload)?;
        if self.standing.is_none() {
            return Err(Misbehaved("a charter in a network that has none".to_owned()));
        }
        let signed = SignedCharter::try_from(chartered)?;
        self.take_charter(now, signed, Some(link)).map_err(|bad| Misbehaved(bad.to_string()))
    }

    /// The root's book made a charter. If more is known here than its book had heard of when it did
    /// that, the book hears of it once more.
    pub(super) fn take_own_charter(&mut self, now: Moment, signed: SignedCharter) {
        // The root's own authority has just signed it.
        let _ = self.take_charter(now, signed.clone(), None);
        let Some(standing) = self.standing.as_ref().filter(|_| self.config.role.is_root()) else {
            return;
        };
        let newest = [standing.signed()].into_iter().filter(|newest| **newest != signed);
        let unheard: Vec<SignedCharter> = newest.chain(standing.owed()).cloned().collect();
        for charter in unheard {
            self.event(Event::UnheardCharter { charter });
        }
    }

    /// Another main server with this key is in charge. Whoever is joined looks for that one.
    pub(super) fn give_way(&mut self, now: Moment) {
        self.event(Event::Superseded);
        self.stop_because(now, CloseReason::Away);
    }

    /// A charter was made, or shown by somebody.
    fn take_charter(
        &mut self,
        now: Moment,
        signed: SignedCharter,
        from: Option<LinkId>,
    ) -> Result<(), BadCharter> {
        if !self.does(Duty::Charters) {
            return Ok(());
        }
        let Some(standing) = &mut self.standing else { return Ok(()) };
        let before = standing.signed().clone();
        match standing.take(signed.clone())? {
            Shown::Same => {}
            // Its book decides what becomes of the rights in which the two differ.
            Shown::Twin if self.config.role.is_root() && from.is_some() => {
                self.event(Event::UnheardCharter { charter: signed });
            }
            Shown::Twin => {}
            Shown::Older => {
                if let Some(link) = from {
                    self.show_charter(link, None);
                }
            }
            Shown::Refuses => {
                self.keep_charters(&signed, from);
                self.show_upwards(&signed, from);
                if let Some(link) = from {
                    self.show_charter(link, None);
                }
                self.part_with_all_revoked(now);
            }
            Shown::Newer { owes } => {
                self.keep_charters(&signed, from);
                let others: Vec<LinkId> = self.links.registered().map(|(id, _)| id).collect();
                for link in others.into_iter().filter(|link| Some(*link) != from) {
                    self.show_charter(link, None);
                }
                if owes {
                    self.show_back(&before, from);
                }
                self.take_names_back(now);
                self.part_with_all_revoked(now);
                self.confirm_own_place(now);
            }
        }
        Ok(())
    }

    /// What is known is written down, and told: at the root to its book, which makes the charters,
    /// if somebody else knew it first. That was signed after the book was put away as a backup.
    fn keep_charters(&mut self, news: &SignedCharter, from: Option<LinkId>) {
        let Some(standing) = &self.standing else { return };
        let newest = standing.signed().clone();
        let owed = standing.owed().cloned().collect();
        self.persist(Durable::Charter { newest, owed });
        let charter = news.clone();
        self.event(match from {
            Some(_) if self.config.role.is_root() => Event::UnheardCharter { charter },
            _ => Event::Chartered { charter },
        });
    }

    /// Whoever showed a newer charter that lacks somebody gets the one that refuses him, and so
    /// does everybody on the way to the root, which has to sign it anew.
    fn show_back(&mut self, before: &SignedCharter, from: Option<LinkId>) {
        if let Some(link) = from {
            self.say(link, Kind::CHARTER, body::write(&body::Chartered::of(before)));
        }
        self.show_upwards(before, from);
    }

    fn show_upwards(&mut self, charter: &SignedCharter, from: Option<LinkId>) {
        let parent = self.uplink.parent.as_ref().map(|parent| parent.link);
        if let Some(link) = parent.filter(|link| Some(*link) != from) {
            self.say(link, Kind::CHARTER, body::write(&body::Chartered::of(charter)));
        }
    }

    /// A new parent hears of everybody whom the newest charter lacks.
    pub(super) fn show_owed(&mut self, link: LinkId) {
        let Some(standing) = &self.standing else { return };
        let owed: Vec<_> = standing.owed().map(body::Chartered::of).collect();
        for chartered in owed {
            self.say(link, Kind::CHARTER, body::write(&chartered));
        }
    }

    fn part_with_all_revoked(&mut self, now: Moment) {
        let Some(standing) = &self.standing else { return };
        if let Some(edges) = &mut self.edges {
            edges.forget_out(|node| standing.is_revoked(node));
        }
        let is_out = |link: &Link| {
            let owner = link.pass.map(|pass| pass.owner());
            standing.is_revoked(link.peer) || owner.is_some_and(|owner| standing.is_revoked(owner))
        };
        let out: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| is_out(link)).map(|(id, _)| id).collect();
        for link in out {
            self.part_with_revoked(now, link);
        }
    }

    /// What the charter lets this node do here, beyond what everybody may: a visit what its owner
    /// may.
    pub(super) fn granted_to(&self, who: NodeId) -> Permissions {
        let Some(standing) = &self.standing else { return Permissions::none() };
        standing.granted(self.owner_of(who), |scope| self.is_in_scope(scope))
    }

    /// Is this node out by the charter, or whose visit it is? Nothing that it says counts any more.
    pub(super) fn is_revoked(&self, id: NodeId) -> bool {
        let ids = [id, self.owner_of(id)];
        let is_out = |standing: &Standing| ids.iter().any(|id| standing.is_revoked(*id));
        self.standing.as_ref().is_some_and(is_out)
    }
}

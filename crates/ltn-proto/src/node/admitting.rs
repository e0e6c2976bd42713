//! Who is let in below this node: the other half of `joining.rs`.

use super::NodeState;
use super::stating::Claim;
use crate::address::Address;
use crate::body::{self, Hello, KEEPS_KEY, Place, Register, Ticket, Token, Welcome};
use crate::event::Event;
use crate::frame::{Kind, PROTOCOL_VERSION};
use crate::id::{LinkId, NodeId};
use crate::limits::{DEPTH_MAX, DUPLICATE_PROBE};
use crate::links::{Admission, ExpectRegister, Misbehaved, Phase};
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::{CloseReason, Refusal, RefusalKind};
use crate::permissions::Permission;
use crate::role::Role;
use crate::statement::Unsigned;
use crate::text::span;
use crate::tree::Record;

/// Tickets that a child gets when it registers: one to park, the others for streams.
const TICKETS_AT_FIRST: usize = 4;

impl NodeState {
    pub(super) fn on_hello(
        &mut self,
        now: Moment,
        link: LinkId,
        hello: Hello,
    ) -> Result<(), Misbehaved> {
        let Some(known) = self.links.get_mut(link) else { return Ok(()) };
        known.incarnation = hello.incarnation;
        self.reservations.expire(now);
        let peer = known.peer;
        if let Some(until) = self.people.kicked_until(now, peer) {
            let (me, wait) = (&self.name, span(until.since(now)));
            let text = format!("it was kicked; {me} lets it in after {wait}");
            self.turn_away(now, link, RefusalKind::Kicked, &text);
            return Ok(());
        }
        let allowed = self.check_invited(link, (hello.role, hello.pass));
        if let Err(refusal) = allowed.and_then(|()| self.check_hello(peer, &hello)) {
            self.turn_away(now, link, refusal.kind, &refusal.text);
            return Ok(());
        }
        if self.is_revoked(peer) {
            self.part_with_revoked(now, link);
            return Ok(());
        }
        match self.links.child(peer).and_then(|old| Some((old, self.links.get(old)?.incarnation))) {
            // The same run of the same node comes back: its old connection is a leftover.
            Some((old, incarnation)) if incarnation == hello.incarnation => {
                self.close_link(now, old, CloseReason::Replaced, "connected anew");
                self.ask_root(now, link, hello);
            }
            // Another run, or another machine with the same key: only a sign of life tells.
            Some((old, _)) => {
                self.say(old, Kind::PING, bytes::Bytes::new());
                self.links.set_phase(link, Phase::Probing(Admission { hello, nonce: 0 }));
                self.set_link_due(link, now + DUPLICATE_PROBE);
            }
            None => self.ask_root(now, link, hello),
        }
        Ok(())
    }

    pub(super) fn check_hello(&self, peer: NodeId, hello: &Hello) -> Result<(), Refusal> {
        let me = &self.name;
        let refuse = |kind, text: String| Err(Refusal::new(kind, text));
        if hello.version != PROTOCOL_VERSION {
            let theirs = hello.version;
            let text = format!("{me} speaks version {PROTOCOL_VERSION}, not {theirs}");
            return refuse(RefusalKind::WrongVersion, text);
        }
        if peer == self.config.id {
            let text = format!("{me} has this very key, and nobody goes below himself");
            return refuse(RefusalKind::DuplicateKey, text);
        }
        if !hello.role.has_uplink() {
            let text = format!("a {} joins nobody", hello.role);
            return refuse(RefusalKind::WrongRole, text);
        }
        if hello.role.is_server() && !self.config.role.accepts_servers() {
            let text = format!("{me} takes clients only, no servers");
            return refuse(RefusalKind::WrongRole, text);
        }
        let depth = self.place.ancestors.len() + 1 + usize::from(hello.height);
        if depth > DEPTH_MAX {
            let text = format!("the tree would have {depth} layers; {DEPTH_MAX} are allowed");
            return refuse(RefusalKind::TooDeep, text);
        }
        if !self.has_room(peer, self.config.id) {
            return refuse(RefusalKind::Full, format!("the map of {me} is full"));
        }
        Ok(())
    }

    pub(super) fn on_probe_due(&mut self, now: Moment, link: LinkId, admission: Admission) {
        let Some(peer) = self.links.get(link).map(|l| l.peer) else { return };
        if let Some(old) = self.links.child(peer) {
            let heard = self.links.get(old).map(|l| l.heard);
            if heard.is_some_and(|heard| heard > now - DUPLICATE_PROBE) {
                let text = "another running node has the same key; make a new one for this machine";
                self.event(Event::ClonedKey { id: peer, at: self.name.to_string() });
                self.turn_away(now, link, RefusalKind::DuplicateKey, text);
                return;
            }
            self.close_link(now, old, CloseReason::Replaced, "connected anew");
        }
        self.ask_root(now, link, admission.hello);
    }

    /// Lets a child in; `nonce` is that of the question to the root that allowed it.
    pub(super) fn welcome(&mut self, now: Moment, link: LinkId, (hello, nonce): (Hello, u64)) {
        let Some(peer) = self.links.get(link).map(|l| l.peer) else { return };
        let (name, name_reason) = self.name_for(peer, &hello);
        let welcome = Welcome {
            version: PROTOCOL_VERSION,
            name: name.clone(),
            name_reason: name_reason.clone(),
            place: self.place_of_children(),
            metadata: self.metadata_that_fits(),
            admin: self.config.newcomers.allow(&Permission::admin()),
            features: 0,
            newest: self.tree.newest_of(peer),
            charter: self.charter_mark(),
        };
        self.say(link, Kind::WELCOME, body::write(&welcome));
        let state = ExpectRegister { hello, nonce, name, name_reason };
        self.links.set_phase(link, Phase::ExpectRegister(state));
        self.set_link_due(link, now + self.config.limits.hello_timeout);
    }

    /// The name that a child gets, and why it is not the wanted one.
    pub(super) fn name_for(&self, peer: NodeId, hello: &Hello) -> (Option<Name>, Option<String>) {
        if hello.role == Role::Session {
            return (None, None);
        }
        let Some(wanted) = hello.wanted.as_deref() else {
            return (Some(self.free_name(peer, &Name::default_for(hello.role, &peer))), None);
        };
        match self.check_name(peer, hello.role, wanted) {
            Ok(name) => (Some(name), None),
            Err(reason) => (Some(self.free_name(peer, &Name::unnamed(&peer))), Some(reason)),
        }
    }

    /// A name made of the node's id, with as much of the id as makes it the only one here.
    pub(super) fn free_name(&self, peer: NodeId, name: &Name) -> Name {
        let id = peer.to_string();
        let digits = id.trim_start_matches("id:");
        let stem = name.as_str().rsplit_once('_').map_or("node", |(stem, _)| stem);
        let longer = (6..=digits.len()).map(|n| format!("{stem}_{}", &digits[..n]));
        let candidates = std::iter::once(name.to_string()).chain(longer);
        let mut valid = candidates.filter_map(|text| Name::known(&text).ok());
        let is_free = |name: &Name| {
            self.holder_of(peer, name).is_none() && !self.is_anothers_name(name, peer)
        };
        valid.find(is_free).unwrap_or_else(|| name.clone())
    }

    /// Who else has this name here, was promised it, or is away and keeps it.
    fn holder_of(&self, peer: NodeId, name: &Name) -> Option<NodeId> {
        #[cfg(feature = "sim")]
        if self.mutant == Some(crate::sim::Mutant::NoNameCheck) {
            return None;
        }
        let has_it = self.tree.child_named(self.config.id, name).filter(|id| self.is_live(*id));
        let kept = || self.reservations.holder(name).filter(|id| *id != peer);
        let promised =
            || self.promised_names().find(|(_, other)| name.clashes_with(other)).map(|(id, _)| id);
        let has_it = has_it.filter(|id| *id != peer);
        if self.is_own_name(name, peer) {
            // Whoever was here with it before it belonged to this one has no claim to it.
            return has_it;
        }
        has_it.or_else(|| promised().filter(|id| *id != peer)).or_else(kept)
    }

    /// Names of those who were let in and have not taken their place yet.
    fn promised_names(&self) -> impl Iterator<Item = (NodeId, &Name)> {
        self.links.iter().filter_map(|(_, link)| match &link.phase {
            Phase::ExpectRegister(state) => Some((link.peer, state.name.as_ref()?)),
            _ => None,
        })
    }

    /// May this node have this name here? If not, why.
    pub(super) fn check_name(
        &self,
        peer: NodeId,
        role: Role,
        wanted: &str,
    ) -> Result<Name, String> {
        let name = Name::wanted(wanted).map_err(|bad| bad.to_string())?;
        if role == Role::Client && name.is_restricted_for_clients() {
            return Err(format!("the name `{name}` is a word of the network's own"));
        }
        if self.is_anothers_name(&name, peer) {
            return Err(format!("the name `{name}` belongs to another member, who was invited so"));
        }
        if let Some(holder) = self.holder_of(peer, &name) {
            return Err(format!("the name `{name}` is taken here by id:{}…", holder.short()));
        }
        // Plain names never look like one another; only others have to be compared one by one.
        let holders = self.tree.children_of(self.config.id).filter(|id| self.is_live(*id));
        let names = holders.filter_map(|id| Some((id, self.tree.get(id)?.name.as_ref()?)));
        let others = names.chain(self.promised_names()).filter(|(holder, _)| *holder != peer);
        let plain = |other: &Name| name.as_str().is_ascii() && other.as_str().is_ascii();
        let mut unlike = others.filter(|(_, other)| !plain(other));
        if let Some((_, other)) = unlike.find(|(_, other)| name.looks_like(other)) {
            return Err(format!("the name `{name}` looks like `{other}`, which is taken here"));
        }
        Ok(name)
    }

    pub(super) fn on_register(
        &mut self,
        now: Moment,
        link: LinkId,
        state: ExpectRegister,
        register: Register,
    ) {
        let Some(peer) = self.links.get(link).map(|l| l.peer) else { return };
        if self.links.child(peer).is_some_and(|other| other != link) {
            let text = "another running node with the same key registered a moment ago";
            return self.turn_away(now, link, RefusalKind::DuplicateKey, text);
        }
        let ExpectRegister { hello, nonce, name, name_reason } = state;
        if name.as_ref().is_some_and(|name| self.is_anothers_name(name, peer)) {
            let text = "its name was given to a member meanwhile; try again";
            return self.turn_away(now, link, RefusalKind::Busy, text);
        }
        let Register { edition, metadata, signed } = register;
        let claim = Claim { node: peer, parent: self.config.id, role: hello.role, edition };
        let signed = match self.check_claim(signed, claim) {
            Ok((signed, stated)) if stated == name => signed,
            Ok(_) => return self.turn_away_unsigned(now, link, Unsigned::OtherPlace),
            Err(why) => return self.turn_away_unsigned(now, link, why),
        };
        let record = Record {
            id: peer,
            parent: self.config.id,
            name: name.clone(),
            role: hello.role,
            edition,
            address: hello.address.clone(),
            stale_since: None,
            signed,
            stated_name: name.clone(),
        };
        self.make_room(now, peer, self.config.id);
        if self.tree.put(record).is_err() {
            self.turn_away(now, link, RefusalKind::Full, "a newer place of this node is known");
            return;
        }
        self.tree.clear_below(peer);
        self.notice_home(peer);
        self.reservations.arrived(peer, hello.features & KEEPS_KEY != 0);
        self.forget_predecessor(peer, hello.address.as_ref());
        self.links.register_child(link);
        self.watch_link(now, link);
        self.tell_put(peer, true, now);
        self.roll_call_sees(now, peer);
        if hello.role.is_server() {
            self.tell_changes();
            self.edge_is_taken(now, peer, (hello.attempt, nonce));
        }
        self.say(link, Kind::PLACE, body::write(&self.place_of_children()));
        self.show_charter(link, hello.charter);
        self.issue_tickets(peer, TICKETS_AT_FIRST);
        if hello.role.is_listed() {
            let (child, role) = (peer, hello.role);
            self.event(Event::Joined { child, role, name, name_reason, metadata });
        }
    }

    /// Whoever listens where a lost server listened is what became of it.
    fn forget_predecessor(&mut self, peer: NodeId, address: Option<&Address>) {
        let Some(address) = address else { return };
        let same = |id: &NodeId| {
            let record = self.tree.get(*id).filter(|r| r.stale_since.is_some() && r.id != peer);
            record.and_then(|r| r.address.as_ref()).is_some_and(|a| a.same_listener(address))
        };
        let gone: Vec<NodeId> = self.tree.children_of(self.config.id).filter(same).collect();
        for id in gone {
            self.forget_node(id);
        }
    }

    pub(super) fn issue_tickets(&mut self, child: NodeId, count: usize) {
        let Some(link) = self.links.child(child) else { return };
        let tickets: Vec<[u8; 16]> = (0..count).map(|_| self.random.token()).collect();
        let body = Ticket {
            tickets: tickets.iter().copied().map(Token).collect(),
            port: self.config.data_port,
        };
        // The shell must know a ticket before the child can present it.
        self.event(Event::DataTicketIssued { child, tickets });
        self.say(link, Kind::TICKET, body::write(&body));
    }

    /// Where a child of this node is.
    pub(super) fn place_of_children(&self) -> Place {
        let mut ancestors = self.place.ancestors.clone();
        ancestors.push(body::Ancestor {
            id: self.config.id,
            name: self.name.clone(),
            address: self.config.address.clone(),
        });
        let root_incarnation = if self.config.role.is_root() {
            Some(self.config.incarnation)
        } else {
            self.place.root_incarnation
        };
        Place { ancestors, rooted: self.is_rooted(), root_incarnation }
    }
}

//! What this node signs of its own place, and what a server believes of the places of others: only
//! what they signed themselves.
//!
//! A node states its place when it takes one and when its name there changes; servers pass that up
//! as it is. So a server can hide who is below it, which it could do anyway, but it cannot invent
//! a node, call it otherwise, keep it when it went elsewhere, or claim one that hangs elsewhere:
//! each statement names the parent, and the highest edition holds.

use super::NodeState;
use crate::body::{self, Hello, Put, Stated};
use crate::event::Output;
use crate::frame::Kind;
use crate::id::{LinkId, NodeId, SigningId};
use crate::links::Misbehaved;
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::RefusalKind;
use crate::signature::{Purpose, SIGNATURE_BYTES};
use crate::statement::{Intent, Signed, Statement, Unsigned};
use crate::uplink::Committing;

/// No node counts so far; one that did could say nothing newer.
const EDITION_MAX: u64 = u64::MAX >> 1;

/// A statement of this node that waits for its signature.
#[derive(Debug, Clone)]
pub(super) struct Stating {
    signing: SigningId,
    edition: u64,
    statement: Vec<u8>,
    what: What,
}

/// Which statement it is. Of each kind the latest counts, so three wait at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// To be said when registering on this link.
    Place(LinkId),
    /// To be said to the parent on this link.
    Name(LinkId),
    /// To be said in the introduction on this link.
    Intent(LinkId),
}

/// What somebody says of a node's place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) node: NodeId,
    pub(super) parent: NodeId,
    pub(super) role: crate::role::Role,
    pub(super) edition: u64,
}

impl NodeState {
    /// The new parent is written down: before this node takes the place it signs where it will be.
    pub(super) fn sign_for_place(&mut self, committing: Committing) {
        let (parent, link) = (committing.parent.id, committing.parent.link);
        let name = committing.welcome.name.clone();
        if let Some(attempt) = &mut self.uplink.attempt {
            attempt.committing = Some(Box::new(committing));
        }
        self.have_signed(parent, name, What::Place(link));
    }

    /// The parent gave this node another name: it has to say so itself, or nobody above believes
    /// it.
    pub(super) fn state_new_name(&mut self) {
        let Some(parent) = &self.uplink.parent else { return };
        let (parent, link) = (parent.id, parent.link);
        self.have_signed(parent, Some(self.name.clone()), What::Name(link));
    }

    fn have_signed(&mut self, parent: NodeId, name: Option<Name>, what: What) {
        self.edition += 1;
        self.signings += 1;
        let (edition, signing) = (self.edition, SigningId(self.signings));
        let statement = Statement {
            network: self.config.network,
            node: self.config.id,
            parent,
            name,
            role: self.config.role,
            edition,
        };
        let statement = statement.to_bytes();
        self.wait_for_signature(Purpose::Place, Stating { signing, edition, statement, what });
    }

    fn wait_for_signature(&mut self, purpose: Purpose, stating: Stating) {
        let (signing, message) = (stating.signing, stating.statement.clone());
        let kind = std::mem::discriminant(&stating.what);
        self.stating.retain(|earlier| std::mem::discriminant(&earlier.what) != kind);
        self.stating.push(stating);
        self.outputs.push_back(Output::Sign { signing, purpose, message });
    }

    /// A server wants to hang below this one: it signs that before it introduces itself.
    pub(super) fn sign_intent(&mut self, link: LinkId, parent: NodeId) {
        self.signings += 1;
        let intent = Intent {
            network: self.config.network,
            node: self.config.id,
            parent,
            attempt: self.attempts,
            current_parent: self.uplink.parent.as_ref().map(|parent| parent.id),
            root_incarnation: self.place.root_incarnation,
        };
        let (signing, statement) = (SigningId(self.signings), intent.to_bytes());
        let what = What::Intent(link);
        self.wait_for_signature(Purpose::Edge, Stating { signing, edition: 0, statement, what });
    }

    fn on_intent_signed(&mut self, now: Moment, link: LinkId, signed: Option<Signed>) {
        if !self.uplink.is_attempt_link(link) {
            return;
        }
        if signed.is_none() {
            let text = "this node cannot sign where it wants to be: the system gives no randomness";
            return self.attempt_failed(now, RefusalKind::NotPossible, text);
        }
        let hello = Hello { intent: signed, ..self.hello() };
        self.say(link, Kind::HELLO, body::write(&hello));
    }

    /// A parent shows the newest that this node said of its place. One that was set back to an
    /// older state counts on from there, or nobody believes it: what it says next has to be newer.
    /// Nothing but its own signature proves that it said so, so no parent can make it count further
    /// than it once did.
    pub(super) fn recall_edition(&mut self, newest: Option<&Signed>) {
        let said = newest.and_then(|signed| self.check_signed(signed).ok());
        let mine = said.filter(|said| said.node == self.config.id && said.edition < EDITION_MAX);
        if let Some(said) = mine {
            self.edition = self.edition.max(said.edition);
        }
    }

    pub(super) fn on_signed(
        &mut self,
        now: Moment,
        signing: SigningId,
        signature: Option<[u8; SIGNATURE_BYTES]>,
    ) {
        if self.on_frame_signed(now, signing, signature) {
            return;
        }
        let Some(at) = self.stating.iter().position(|stating| stating.signing == signing) else {
            return;
        };
        let Stating { edition, statement, what, .. } = self.stating.remove(at);
        let public_key = self.config.public_key.clone();
        let signed = signature.map(|signature| Signed::new(statement, public_key, signature));
        match what {
            What::Place(link) => self.on_place_signed(now, link, (edition, signed)),
            What::Intent(link) => self.on_intent_signed(now, link, signed),
            What::Name(link) if self.uplink.is_parent_link(link) => {
                if let Some(signed) = signed {
                    self.say(link, Kind::STATEMENT, body::write(&Stated { signed }));
                }
            }
            // It has another parent since, which gave it a name of its own.
            What::Name(_) => {}
        }
    }

    fn on_place_signed(
        &mut self,
        now: Moment,
        link: LinkId,
        (edition, signed): (u64, Option<Signed>),
    ) {
        let Some(attempt) = self.uplink.attempt.as_mut().filter(|a| a.link == Some(link)) else {
            return;
        };
        let Some(signed) = signed else {
            let text = "this node cannot sign where it is: the system gives no randomness";
            return self.attempt_failed(now, RefusalKind::NotPossible, text);
        };
        let wish = attempt.wish;
        let Some(committing) = attempt.committing.take() else { return };
        if edition == self.edition {
            self.take_place(now, (*committing, wish), (edition, signed));
        } else {
            // A name was stated meanwhile, and what is said last must have the highest edition.
            self.sign_for_place(*committing);
        }
    }

    /// What it says, if it is a statement of the node that it is about, for this network.
    fn check_signed(&mut self, signed: &Signed) -> Result<Statement, Unsigned> {
        let statement = signed.read(self.config.network)?;
        let scheme = self.scheme;
        let good = self.verified.is_good(signed.fingerprint(), || signed.is_signed_by(scheme));
        if good { Ok(statement) } else { Err(Unsigned::BadSignature) }
    }

    /// Does the node itself say the same? If so, what it signed, and the name that it says it has.
    pub(super) fn check_claim(
        &mut self,
        signed: Option<Signed>,
        claim: Claim,
    ) -> Result<(Signed, Option<Name>), Unsigned> {
        let signed = signed.ok_or(Unsigned::Missing)?;
        let Statement { node, parent, name, role, edition, .. } = self.check_signed(&signed)?;
        let same =
            (node, parent, role, edition) == (claim.node, claim.parent, claim.role, claim.edition);
        if same { Ok((signed, name)) } else { Err(Unsigned::OtherPlace) }
    }

    /// What a server below says of a node must be what the node says. A name may be missing: one
    /// that was out of reach had to give it up.
    pub(super) fn check_put(&mut self, put: &Put) -> Result<(Signed, Option<Name>), Misbehaved> {
        #[cfg(feature = "sim")]
        if self.mutant == Some(crate::sim::Mutant::NoStatementCheck) {
            let signed = put.signed.clone().unwrap_or_else(Signed::blank);
            return Ok((signed, put.name.clone()));
        }
        let claim =
            Claim { node: put.id, parent: put.parent, role: put.role, edition: put.edition };
        let checked = match self.check_claim(put.signed.clone(), claim) {
            Ok((_, stated)) if put.name.is_some() && put.name != stated => {
                Err(Unsigned::OtherPlace)
            }
            checked => checked,
        };
        checked.map_err(|why| {
            self.counters.unsigned_places += 1;
            let id = put.id.short();
            Misbehaved(format!("it announced id:{id}…, but {why}"))
        })
    }

    /// A child says that it has the name it was given.
    pub(super) fn on_stated(
        &mut self,
        now: Moment,
        link: LinkId,
        signed: Signed,
    ) -> Result<(), Misbehaved> {
        let Some(child) = self.links.get(link).map(|l| l.peer) else { return Ok(()) };
        let Some(mut record) = self.tree.get(child).cloned() else { return Ok(()) };
        let said = self.check_signed(&signed).and_then(|said| {
            let same = (said.node, said.parent, said.role) == (child, self.config.id, record.role);
            if same { Ok(said) } else { Err(Unsigned::OtherPlace) }
        });
        let said = said.map_err(|why| {
            self.counters.unsigned_places += 1;
            Misbehaved(why.to_string())
        })?;
        // Another name was given since: what it says of that one follows.
        if said.name != record.name || said.edition <= record.edition {
            return Ok(());
        }
        (record.edition, record.stated_name, record.signed) = (said.edition, said.name, signed);
        if self.tree.put(record).is_ok() {
            self.tell_put(child, false, now);
        }
        Ok(())
    }

    pub(super) fn turn_away_unsigned(&mut self, now: Moment, link: LinkId, why: Unsigned) {
        self.counters.unsigned_places += 1;
        let text = format!("a node has to sign where it is, and {why}");
        self.turn_away(now, link, RefusalKind::Misbehaved, &text);
    }

    /// Takes the quick signatures of simulated nodes for good, see [`crate::sim::toy_signature`].
    #[cfg(feature = "sim")]
    pub const fn trust_toys(&mut self) {
        self.scheme = crate::statement::Scheme::Toy;
    }
}

//! The main server's signed word on where a node is.
//!
//! A server says to those below it where they are, and to those who ask who is at a place; a lying
//! one could put a node into the scope of a friend, or another node to a place that an admin typed.
//! So whoever decides by a place asks the main server, with a nonce, and believes its signature
//! alone: a node before it takes itself for covered by the scope of a grant, the issuer of a
//! command before he signs it or names somebody in it by an id, and a node that is to move before
//! it says where it will be.

use super::NodeState;
use super::broken::Duty;
use super::locating::located;
use super::outbox::{Unsigned, What};
use crate::body::{self, Call, Token, WhereAsk, Words};
use crate::frame::{Flags, Frame, Header, Kind};
use crate::gatherings::Gathering;
use crate::id::NodeId;
use crate::limits::{SCOPE_PATIENCE, SCOPE_PAUSE};
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::path::{NodePath, Target};
use crate::proof::{Fingerprint, Unproven, Whereabouts};
use crate::requests::{MoveWish, Origin, Question, Stage, Wanted};
use crate::role::Role;
use crate::signature::Purpose;
use crate::standing::Standing;
use crate::text::sanitise_line;
use crate::value::Value;

/// How long the main server has to say where this node is.
const OWN_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// How long it has to say where the new parent of a move is.
const OFFER_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// The nodes in whose scope this one is, as the main server signed that, and when it is asked
/// again: whoever is above may have gone elsewhere and not told.
#[derive(Debug, Clone, Default)]
pub(super) struct Scopes {
    above: Vec<NodeId>,
    ask: Option<Moment>,
    /// So many questions had no answer since it last said so.
    unanswered: u32,
}

impl Scopes {
    pub(super) const fn next_due(&self) -> Option<Moment> {
        self.ask
    }
}

/// Is that node the one who was meant? By names, as the main server has them.
fn is_meant(typed: &Target, words: &Whereabouts) -> bool {
    match typed {
        Target::Name(name) => {
            words.alone && words.path.names().last().is_some_and(|last| last.clashes_with(name))
        }
        place => place.absolute(&words.from).is_some_and(|typed| {
            let (typed, there) = (typed.names(), words.path.names());
            let same = || typed.iter().zip(there).all(|(one, other)| one.clashes_with(other));
            typed.len() == there.len() && same()
        }),
    }
}

/// Is that node the one who was typed, if anything is to be looked at?
fn fits(typed: Option<Target>, words: &Whereabouts) -> Result<(), Refusal> {
    let Some(typed) = typed.filter(|typed| !is_meant(typed, words)) else { return Ok(()) };
    let there = &words.path;
    let found = match typed {
        Target::Name(_) if !words.alone => format!(
            "the main server says that others are called so, too; name the one whom you mean by \
             its whole path, as {there}"
        ),
        _ => format!("the main server says that this node is {there}"),
    };
    Err(not_there(words.node, &typed, &found))
}

impl NodeState {
    /// Signs a command, once it is certain that the node is where its issuer means it to be.
    pub(super) fn sign_at_place(
        &mut self,
        now: Moment,
        (id, node): (u64, NodeId),
        call: Call,
        (nonce, targets): (Token, Fingerprint),
    ) {
        match self.place_to_check(id, node) {
            Ok(None) => self.sign_call(now, (id, node), call, (nonce, targets)),
            Ok(Some(_)) => {
                let Some(open) = self.requests.get_mut(id) else { return };
                open.stage = Stage::Resolving;
                let time_left = open.deadline.since(now);
                let wanted = Wanted::Target { request: id, nonce, targets };
                self.ask_where(now, node, wanted, time_left);
            }
            Err(refusal) => self.end_request(now, id, Outcome::Refused(refusal)),
        }
    }

    /// What was typed to mean this node, if the main server is to say that it does; a certain
    /// refusal if it cannot.
    fn place_to_check(&self, id: u64, node: NodeId) -> Result<Option<Target>, Refusal> {
        let Some(open) = self.requests.get(id) else { return Ok(None) };
        let typed = match (&open.origin, &open.target) {
            (Origin::Gathered { path, .. }, _) => Target::Path(path.clone()),
            (_, typed) => typed.clone(),
        };
        self.to_be_said(typed, node)
    }

    /// This was typed, if the main server is to say that it means that node; nothing if it is
    /// certain.
    fn to_be_said(&self, typed: Target, node: NodeId) -> Result<Option<Target>, Refusal> {
        if !self.does(Duty::Places) {
            return Ok(None);
        }
        let root = self.standing.as_ref().map(Standing::root);
        let is_so = match &typed {
            Target::Id(id) => *id == node,
            Target::Parent => true,
            Target::Root => root == Some(node),
            Target::Path(path) if path.names().is_empty() => root == Some(node),
            Target::Name(name) if root == Some(node) => {
                name.clashes_with(&Name::default_for(Role::MainServer, &node))
            }
            _ if self.config.role.is_root() => self.means(&typed) == Some(node),
            // Where this node is others say; what is below it all of them signed.
            Target::Relative { up: 0, .. } if self.tree.get(node).is_some() => {
                self.means(&typed) == Some(node)
            }
            _ => return Ok(Some(typed)),
        };
        if is_so { Ok(None) } else { Err(not_there(node, &typed, "that node is not there")) }
    }

    /// Does this build of this node, in a network of this kind, ask the main server for places?
    /// What it has in its own map the main server knows best itself.
    pub(super) fn asks_for_places(&self) -> bool {
        self.wants_seals() && !self.config.role.is_root() && self.does(Duty::Places)
    }

    /// Is this question, who is there, for the main server to answer?
    pub(super) fn wants_confirmed(&self, id: u64) -> bool {
        let wants = match self.requests.get(id).map(|open| &open.origin) {
            Some(Origin::Confirmed(_)) => true,
            Some(Origin::Named(op)) => self.gatherings.get(*op).is_some_and(Gathering::commands),
            _ => false,
        };
        wants && self.asks_for_places()
    }

    /// Asks the main server whether the node that was found is the one who was meant.
    pub(super) fn confirm_place(&mut self, now: Moment, id: u64, node: NodeId) {
        if let Err(refusal) = self.place_to_check(id, node) {
            return self.end_request(now, id, Outcome::Refused(refusal));
        }
        // A new number: whoever said who is there knows the old one, and could go on saying so.
        let second = self.random.number();
        self.requests.renumber(id, second);
        let Some(open) = self.requests.get(second) else { return };
        let time_left = open.deadline.since(now);
        self.ask_where(now, node, Wanted::Place(second), time_left);
    }

    /// The new parent of a move said this: is it who was meant, and where is it?
    pub(super) fn confirm_offer(
        &mut self,
        now: Moment,
        node: NodeId,
        wish: MoveWish,
        offer: Value,
    ) {
        if let Err(refusal) = self.to_be_said(wish.under.clone(), node) {
            return self.end_move(now, &wish, refusal);
        }
        let wanted = Wanted::Offer { wish: Box::new(wish), offer };
        self.ask_where(now, node, wanted, OFFER_TIME);
    }

    /// Whom this means by this node's own map.
    fn means(&self, typed: &Target) -> Option<NodeId> {
        match typed {
            Target::Name(name) => self.find_name(name).ok().flatten(),
            place => self.find_path(&place.absolute(&self.path())?).ok(),
        }
    }

    fn ask_where(&mut self, now: Moment, node: NodeId, wanted: Wanted, time: std::time::Duration) {
        let ask = WhereAsk { node, nonce: Token(self.random.token()) };
        let question =
            Question { kind: Kind::WHERE, flags: Flags::default(), payload: body::write(&ask) };
        self.ask_for(now, Origin::Whereabouts(wanted), Target::Root, Some(question), time);
    }

    /// The main server's part: where a node is, by what all on the way to it signed.
    pub(super) fn on_where(&mut self, now: Moment, frame: &Frame) {
        let caller = super::answering::caller_of(frame);
        let Ok(WhereAsk { node, nonce }) = body::read(&frame.payload) else { return };
        let Some((network, _)) = self.membership().filter(|_| self.config.role.is_root()) else {
            let text = "only the main server of a network with members is asked that";
            let refusal = Refusal::new(RefusalKind::NotPossible, text);
            return self.reply(now, caller, Outcome::Refused(refusal));
        };
        let names = match node == self.config.id {
            true => Some(Vec::new()),
            false => self.tree.names_to(node).filter(|_| self.is_live(node)),
        };
        let (Some(names), Ok(Some(link))) = (names, self.way_to(caller.node)) else {
            return self.bounce(now, &frame.header, "no such node is in the network now");
        };
        let (above, path) = (self.scopes_over(node), NodePath::from_names(names));
        let asker = self.tree.get(caller.node);
        let speaks_at = asker.map(|one| if one.role.is_listed() { one.id } else { one.parent });
        let from = speaks_at.and_then(|id| self.tree.names_to(id)).unwrap_or_default();
        let from = NodePath::from_names(from);
        let alone = self.is_called_so_alone(node);
        let words = Whereabouts { network, nonce, node, above, path, from, alone };
        let words = body::write(&words).to_vec();
        let mut header = Header::new(Kind::WHEREABOUTS, self.config.id, caller.node);
        header.id = caller.request;
        let what = What::Words(words.clone());
        self.have_frame_signed((Purpose::Where, words), Unsigned { link, header, what });
    }

    /// Is no other node called as this one is?
    fn is_called_so_alone(&self, node: NodeId) -> bool {
        let name = self.tree.get(node).and_then(|record| record.name.as_ref());
        let is_alone =
            |name: &Name| !name.clashes_with(&self.name) && self.tree.named(name) == [node];
        name.is_some_and(is_alone)
    }

    /// The main server's word has come.
    pub(super) fn on_whereabouts(&mut self, now: Moment, frame: &Frame) {
        let Header { id, source, .. } = frame.header;
        let open = self.requests.get(id).filter(|open| open.stage == Stage::Sent(source));
        let asked = open.and_then(|open| match (&open.origin, &open.question) {
            (Origin::Whereabouts(wanted), Some(question)) => {
                Some((wanted.clone(), body::read::<WhereAsk>(&question.payload).ok()?))
            }
            _ => None,
        });
        let Some((wanted, ask)) = asked else {
            self.counters.late_replies += 1;
            return;
        };
        match self.read_whereabouts(&frame.payload, &ask) {
            Ok(words) => {
                self.requests.close(id);
                self.learn_where(now, wanted, words);
            }
            Err(why) => {
                self.counters.unsealed_answers += 1;
                let text = format!("what came is not the main server's signed word: {why}");
                self.end_request(now, id, Outcome::Unknown(text));
            }
        }
    }

    fn read_whereabouts(&self, payload: &[u8], ask: &WhereAsk) -> Result<Whereabouts, Unproven> {
        let read = body::read::<Words>(payload).map_err(|_| Unproven::Unreadable)?;
        let (by, words): (NodeId, Whereabouts) = read.words.open(self.scheme, Purpose::Where)?;
        let root = self.standing.as_ref().map(Standing::root);
        let mine = (words.nonce, words.node) == (ask.nonce, ask.node)
            && Some(words.network) == self.config.network;
        if Some(by) == root && mine { Ok(words) } else { Err(Unproven::OtherKey) }
    }

    fn learn_where(&mut self, now: Moment, wanted: Wanted, words: Whereabouts) {
        match wanted {
            Wanted::Own => self.learn_scopes(words.above),
            Wanted::Target { request, nonce, targets } => {
                if let Err(refusal) = self.check_said(request, &words) {
                    return self.end_request(now, request, Outcome::Refused(refusal));
                }
                let question = self.requests.get(request).and_then(|open| open.question.as_ref());
                let call = question.and_then(|question| body::read::<Call>(&question.payload).ok());
                if let Some(call) = call {
                    self.sign_call(now, (request, words.node), call, (nonce, targets));
                }
            }
            Wanted::Place(request) => {
                let outcome = match self.check_said(request, &words) {
                    Ok(()) => Outcome::Reply(located(words.node, &words.path)),
                    Err(refusal) => Outcome::Refused(refusal),
                };
                self.end_request(now, request, outcome);
            }
            Wanted::Offer { wish, offer } => {
                let typed = self.to_be_said(wish.under.clone(), words.node);
                match typed.and_then(|typed| fits(typed, &words)) {
                    Ok(()) => self.tell_plan(now, *wish, &offer, Ok(words.path)),
                    Err(refusal) => self.end_move(now, &wish, refusal),
                }
            }
        }
    }

    /// This node is in the scopes of those whom both the main server and its own higher server
    /// name: the one's word may be about a place that is over by the other's.
    fn learn_scopes(&mut self, mut above: Vec<NodeId>) {
        above.retain(|scope| self.claims_to_be_below(*scope));
        (self.scopes.above, self.scopes.unanswered) = (above, 0);
    }

    /// Nothing that was confirmed of this node's place counts any more, nor what still may be.
    fn forget_scopes(&mut self) {
        self.scopes = Scopes::default();
        for question in self.requests.about_own_place() {
            self.requests.close(question);
        }
    }

    /// Does the main server say that this question is about the node who was meant?
    fn check_said(&self, request: u64, words: &Whereabouts) -> Result<(), Refusal> {
        fits(self.place_to_check(request, words.node)?, words)
    }

    /// The main server said nothing that counts.
    pub(super) fn where_is_unknown(&mut self, now: Moment, wanted: Wanted, outcome: &Outcome) {
        let why = match outcome {
            Outcome::Refused(refusal) => refusal.text.clone(),
            Outcome::NoRoute(no_route) => no_route.text.clone(),
            Outcome::Unknown(why) => why.clone(),
            _ => "it did not answer".to_owned(),
        };
        let why = sanitise_line(&why);
        let text = format!(
            "the main server did not confirm who is there ({why}), so nothing was signed; name \
             the node by its id"
        );
        let refusal = Refusal::new(RefusalKind::NoRoot, text);
        match wanted {
            Wanted::Own => {}
            Wanted::Target { request, .. } | Wanted::Place(request) => {
                self.end_request(now, request, Outcome::Refused(refusal));
            }
            // Whom an id means is certain, also while nobody can tell where he is.
            Wanted::Offer { wish, offer } if matches!(wish.under, Target::Id(_)) => {
                self.tell_plan(now, *wish, &offer, Err(why));
            }
            Wanted::Offer { wish, .. } => self.end_move(now, &wish, refusal),
        }
    }

    /// Has the main server confirmed that this node is in the scope of that one?
    pub(super) fn is_in_scope(&self, scope: NodeId) -> bool {
        scope == self.config.id
            || self.scopes.above.contains(&scope)
            || (!self.does(Duty::Scopes) && self.claims_to_be_below(scope))
    }

    fn claims_to_be_below(&self, scope: NodeId) -> bool {
        self.place.ancestors.iter().any(|above| above.id == scope)
    }

    /// Asks the main server where this node is, if a grant is about a place that it may be in.
    pub(super) fn confirm_own_place(&mut self, now: Moment) {
        let scopes = self.scopes_that_matter();
        if scopes.is_empty() {
            self.forget_scopes();
        } else if scopes.into_iter().any(|scope| !self.is_in_scope(scope)) {
            self.ask_own_place(now);
        }
    }

    /// The scopes of grants that this node is in by what its higher server says.
    fn scopes_that_matter(&self) -> Vec<NodeId> {
        let Some(standing) = &self.standing else { return Vec::new() };
        let scopes = standing.charter().grants.iter().map(|grant| grant.scope);
        scopes
            .filter(|scope| *scope != standing.root() && self.claims_to_be_below(*scope))
            .collect()
    }

    fn ask_own_place(&mut self, now: Moment) {
        self.scopes.ask = Some(now + self.random.jitter(SCOPE_PAUSE));
        let asks = !self.requests.about_own_place().is_empty();
        if self.place.rooted && !asks && self.stopping.is_none() {
            self.ask_where(now, self.config.id, Wanted::Own, OWN_TIME);
        }
    }

    /// The main server is asked again. If it is there and does not say so any more, nobody's scope
    /// is believed; a part that is cut off keeps what was confirmed.
    pub(super) fn on_scopes_due(&mut self, now: Moment) {
        if self.scopes.ask.is_none_or(|due| due > now) {
            return;
        }
        if self.scopes_that_matter().is_empty() {
            return self.forget_scopes();
        }
        if self.place.rooted {
            if self.scopes.unanswered >= SCOPE_PATIENCE {
                self.scopes.above.clear();
            }
            self.scopes.unanswered = self.scopes.unanswered.saturating_add(1);
        }
        self.ask_own_place(now);
    }

    /// What was confirmed of this node's place is over when it has another one, and so is what was
    /// asked about the former one: a former higher server may have kept the answer.
    pub(super) fn place_changed(&mut self, before: &body::Place) {
        let ids = |place: &body::Place| -> Vec<NodeId> {
            place.ancestors.iter().map(|above| above.id).collect()
        };
        if ids(before) != ids(&self.place) {
            self.forget_scopes();
        }
    }
}

fn not_there(node: NodeId, typed: &Target, found: &str) -> Refusal {
    let text = format!(
        "a server on the way says that {typed} is id:{}…, and {found}; nothing was signed",
        node.short()
    );
    Refusal::new(RefusalKind::BadTarget, text)
}

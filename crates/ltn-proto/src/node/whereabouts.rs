//! The main server's signed word on where a node is.
//!
//! A server says to those below it where they are, and to those who ask who is at a place; a lying
//! one could put a node into the scope of a friend, or another node to a place that an admin typed.
//! So whoever decides by a place asks the main server, with a nonce, and believes its signature
//! alone: a node before it takes itself for covered by the scope of a grant, and the issuer of a
//! command before he signs it.

use super::NodeState;
use super::broken::Duty;
use super::outbox::{Unsigned, What};
use crate::body::{self, Call, Token, WhereAsk, Words};
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::path::{NodePath, Target};
use crate::proof::{Fingerprint, Unproven, Whereabouts};
use crate::requests::{Origin, Question, Stage, Wanted};
use crate::signature::Purpose;
use crate::standing::Standing;
use crate::text::sanitise_line;

/// How long the main server has to say where this node is.
const OWN_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// What an admin typed to say whom he means.
enum Typed {
    Path(NodePath),
    Name(crate::name::Name),
}

impl Typed {
    fn fits(&self, there: &NodePath) -> bool {
        match self {
            Self::Name(name) => there.names().last().is_some_and(|last| last.clashes_with(name)),
            Self::Path(path) => {
                let (typed, there) = (path.names(), there.names());
                let same = || typed.iter().zip(there).all(|(one, other)| one.clashes_with(other));
                typed.len() == there.len() && same()
            }
        }
    }
}

impl std::fmt::Display for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
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

    /// The place that was typed for this node, if others said who is there; a certain refusal if it
    /// cannot be that node.
    fn place_to_check(&self, id: u64, node: NodeId) -> Result<Option<Typed>, Refusal> {
        let Some(open) = self.requests.get(id).filter(|_| self.does(Duty::Places)) else {
            return Ok(None);
        };
        let typed = match (&open.origin, &open.target) {
            (Origin::Gathered { path, .. }, _) => Typed::Path(path.clone()),
            (_, Target::Id(_) | Target::Parent) => return Ok(None),
            (_, Target::Root) => Typed::Path(NodePath::root()),
            (_, Target::Name(name)) => Typed::Name(name.clone()),
            (_, target) => match target.absolute(&self.speaker()) {
                Some(path) => Typed::Path(path),
                None => return Ok(None),
            },
        };
        let root = self.standing.as_ref().map(Standing::root);
        if matches!(&typed, Typed::Path(path) if path.names().is_empty()) {
            return if root == Some(node) {
                Ok(None)
            } else {
                Err(self.not_there(node, &typed, None))
            };
        }
        // What is below this node it knows by what all of them signed.
        let known = self.config.role.is_root() || self.tree.get(node).is_some();
        Ok((!known).then_some(typed))
    }

    fn not_there(&self, node: NodeId, typed: &Typed, there: Option<&NodePath>) -> Refusal {
        let found = match there {
            Some(there) => format!("the main server says that this node is {there}"),
            None => "that node is not the main server".to_owned(),
        };
        let text = format!(
            "a server on the way says that {typed} is id:{}…, and {found}; nothing was signed",
            node.short()
        );
        Refusal::new(RefusalKind::BadTarget, text)
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
        let names = self.tree.names_to(node).filter(|_| self.is_live(node));
        let (Some(names), Ok(Some(link))) = (names, self.way_to(caller.node)) else {
            return self.bounce(now, &frame.header, "no such node is in the network now");
        };
        let mut above = Vec::new();
        let mut at = node;
        while let Some(record) = self.tree.get(at) {
            at = record.parent;
            above.push(at);
        }
        let path = NodePath::from_names(names);
        let words = Whereabouts { network, nonce, node, above, path };
        let words = body::write(&words).to_vec();
        let mut header = Header::new(Kind::WHEREABOUTS, self.config.id, caller.node);
        header.id = caller.request;
        let what = What::Words(words.clone());
        self.have_frame_signed((Purpose::Where, words), Unsigned { link, header, what });
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
        let (id, nonce, targets) = match wanted {
            Wanted::Own => {
                self.confirmed_above = words.above;
                return;
            }
            Wanted::Target { request, nonce, targets } => (request, nonce, targets),
        };
        let typed = match self.place_to_check(id, words.node) {
            Ok(typed) => typed,
            Err(refusal) => return self.end_request(now, id, Outcome::Refused(refusal)),
        };
        if let Some(typed) = typed.filter(|typed| !typed.fits(&words.path)) {
            let refusal = self.not_there(words.node, &typed, Some(&words.path));
            return self.end_request(now, id, Outcome::Refused(refusal));
        }
        let question = self.requests.get(id).and_then(|open| open.question.as_ref());
        let call = question.and_then(|question| body::read::<Call>(&question.payload).ok());
        if let Some(call) = call {
            self.sign_call(now, (id, words.node), call, (nonce, targets));
        }
    }

    /// The main server said nothing that counts.
    pub(super) fn where_is_unknown(&mut self, now: Moment, wanted: Wanted, outcome: &Outcome) {
        let Wanted::Target { request, .. } = wanted else { return };
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
        self.end_request(now, request, Outcome::Refused(refusal));
    }

    /// Has the main server confirmed that this node is at that one, or below it?
    pub(super) fn is_in_scope(&self, scope: NodeId) -> bool {
        let claimed = || self.place.ancestors.iter().any(|above| above.id == scope);
        scope == self.config.id
            || self.confirmed_above.contains(&scope)
            || (!self.does(Duty::Scopes) && claimed())
    }

    /// Asks the main server where this node is, if a grant is about a place that it may be in.
    pub(super) fn confirm_own_place(&mut self, now: Moment) {
        let Some(standing) = &self.standing else { return };
        let may_cover = |scope: NodeId| {
            let claimed = self.place.ancestors.iter().any(|above| above.id == scope);
            claimed && scope != standing.root() && !self.is_in_scope(scope)
        };
        let is_worth_it = standing.charter().grants.iter().any(|grant| may_cover(grant.scope));
        let asks = self.requests.is_asking_own_place();
        if is_worth_it && self.place.rooted && !asks && self.stopping.is_none() {
            self.ask_where(now, self.config.id, Wanted::Own, OWN_TIME);
        }
    }

    /// What was confirmed of this node's place is over when it has another one.
    pub(super) fn place_changed(&mut self, before: &body::Place) {
        let ids = |place: &body::Place| -> Vec<NodeId> {
            place.ancestors.iter().map(|above| above.id).collect()
        };
        if ids(before) != ids(&self.place) {
            self.confirmed_above.clear();
        }
    }
}

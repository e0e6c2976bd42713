//! Who may hang below whom: a server that wants to come here waits for the root's word, the root
//! decides and keeps the book, and it is told what became of each edge that it allowed.
//!
//! Why no order of events can close a cycle is told in `edges.rs`. A word that comes late carries
//! the nonce of a question that nobody asks any more, so it is worth nothing.

use super::{NodeConfig, NodeState};
use crate::body::{self, EdgeAnswer, EdgeAsk, EdgeDone, Hello, Refused};
use crate::edges::{Edges, End, NotAllowed, Wish};
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::{LinkId, NodeId};
use crate::limits::{DEPTH_MAX, EDGE_LIFETIME};
use crate::links::{Admission, Phase};
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::path::Target;
use crate::requests::{Origin, Question};
use crate::statement::{Intent, Signed, Unsigned};
use crate::text::{sanitise_line, span};
use crate::value::Value;

/// Only the root has the book.
pub(super) fn book_of(config: &NodeConfig, now: Moment) -> Option<Edges> {
    let new = || Edges::new(config.incarnation, now, config.limits.records);
    config.role.is_root().then(new)
}

impl NodeState {
    /// A server may hang here only by the root's word; a client needs none.
    pub(super) fn ask_root(&mut self, now: Moment, link: LinkId, hello: Hello) {
        let Some(child) = self.links.get(link).map(|l| l.peer) else { return };
        if !hello.role.is_server() {
            self.welcome(now, link, (hello, 0));
            return;
        }
        let nonce = self.random.number();
        if self.edges.is_some() {
            let wish = self.wish_for(child, &hello, nonce);
            match self.grant_edge(now, wish) {
                Ok(()) => self.welcome(now, link, (hello, nonce)),
                Err(refusal) => self.turn_away(now, link, refusal.kind, &refusal.text),
            }
            return;
        }
        let question = self.edge_question(child, &hello, (nonce, false));
        let attempt = hello.attempt;
        self.links.set_phase(link, Phase::AwaitingGrant(Admission { hello, nonce }));
        self.set_link_due(link, now + EDGE_LIFETIME);
        let origin = Origin::Edge { link, child, attempt, nonce };
        self.ask_for(now, origin, Target::Root, Some(question), EDGE_LIFETIME);
    }

    /// Could this server hang here? The answer goes to `inbound`: this one if it could.
    pub(super) fn rehearse_edge(
        &mut self,
        now: Moment,
        (child, hello): (NodeId, &Hello),
        inbound: crate::id::InboundId,
        answer: Value,
    ) {
        let nonce = self.random.number();
        if self.edges.is_some() {
            let wish = self.wish_for(child, hello, nonce);
            let outcome = match self.check_edge(now, wish) {
                Ok(()) => Outcome::Reply(answer),
                Err(refusal) => Outcome::Refused(refusal),
            };
            return self.answer_with(now, inbound, outcome);
        }
        let question = self.edge_question(child, hello, (nonce, true));
        let origin = Origin::Rehearsal { inbound, nonce, answer };
        self.ask_for(now, origin, Target::Root, Some(question), EDGE_LIFETIME);
    }

    /// What a child of the root wants: the link that it says so on is its own.
    fn wish_for(&self, child: NodeId, hello: &Hello, nonce: u64) -> Wish {
        Wish {
            child,
            parent: self.config.id,
            attempt: hello.attempt,
            current_parent: hello.current_parent,
            root_incarnation: hello.root_incarnation,
            nonce: Some(nonce),
            asker_starts: self.config.starts,
            branch: self.config.id,
            is_there: self.is_live(child),
        }
    }

    fn edge_question(
        &self,
        child: NodeId,
        hello: &Hello,
        (nonce, rehearsal): (u64, bool),
    ) -> Question {
        let ask = EdgeAsk {
            child,
            attempt: hello.attempt,
            current_parent: hello.current_parent,
            root_incarnation: hello.root_incarnation,
            height: hello.height,
            nonce: Some(nonce),
            starts: Some(self.config.starts),
            rehearsal: rehearsal.then_some(true),
            intent: hello.intent.clone().filter(|_| !rehearsal),
        };
        Question { kind: Kind::EDGE_ASK, flags: Flags::default(), payload: body::write(&ask) }
    }

    /// The root's word on a server that waits at this link. Where it is a
    /// refusal, or came too late, the root is told that the edge will not be taken: it may have
    /// granted it and the answer was lost.
    pub(super) fn on_grant(
        &mut self,
        now: Moment,
        (link, child, (attempt, nonce)): (LinkId, NodeId, (u64, u64)),
        granted: Result<(), Refusal>,
    ) {
        let waiting = self.links.get(link).map(|l| l.phase.clone());
        let hello = match waiting {
            Some(Phase::AwaitingGrant(waiting)) if waiting.nonce == nonce => waiting.hello,
            _ => return self.edge_is_over(now, child, (attempt, nonce)),
        };
        if granted.is_err() {
            self.edge_is_over(now, child, (attempt, nonce));
        }
        match granted {
            Ok(()) => self.welcome(now, link, (hello, nonce)),
            Err(refusal) => self.turn_away(now, link, refusal.kind, &refusal.text),
        }
    }

    /// The root's decision on an edge, which counts from now on.
    fn grant_edge(&mut self, now: Moment, wish: Wish) -> Result<(), Refusal> {
        let asks_the_book = self.asks_the_book();
        let Some(edges) = &mut self.edges else { return Err(self.no_root()) };
        if !asks_the_book {
            return Ok(());
        }
        let tree = &self.tree;
        let committed = |id| tree.get(id).map(|record| record.parent);
        let granted = edges.grant(self.config.id, wish, now, committed);
        granted.map_err(|not_allowed| self.say_not_allowed(not_allowed))
    }

    /// What the root would decide.
    fn check_edge(&mut self, now: Moment, wish: Wish) -> Result<(), Refusal> {
        let Some(edges) = &mut self.edges else { return Err(self.no_root()) };
        let tree = &self.tree;
        let committed = |id| tree.get(id).map(|record| record.parent);
        // The child's next attempt is the one that it would be.
        let wish = Wish { attempt: u64::MAX, ..wish };
        let checked = edges.check(self.config.id, wish, now, committed);
        checked.map_err(|not_allowed| self.say_not_allowed(not_allowed))
    }

    fn no_root(&self) -> Refusal {
        Refusal::new(RefusalKind::NoRoot, format!("{} is no root", self.name))
    }

    fn say_not_allowed(&self, not_allowed: NotAllowed) -> Refusal {
        match not_allowed {
            NotAllowed::Cycle(members) => {
                let names: Vec<String> = members.iter().map(|id| self.call(*id)).collect();
                let text = format!("the tree would have a cycle: {}", circle(&names));
                Refusal::new(RefusalKind::Cycle, text)
            }
            NotAllowed::Outdated => {
                Refusal::new(RefusalKind::Busy, "a newer attempt of the same node is under way")
            }
            NotAllowed::Unclear => {
                let text = "a branch above that server is moving; try again";
                Refusal::new(RefusalKind::Busy, text)
            }
            NotAllowed::Quiet => {
                let text = format!(
                    "the main server restarted a moment ago and lets no server move for {} from \
                     then; try again",
                    span(EDGE_LIFETIME * 2)
                );
                Refusal::new(RefusalKind::Busy, text)
            }
            NotAllowed::Full => Refusal::new(RefusalKind::Full, "too many moves are under way"),
        }
    }

    /// The edge that was asked for by this attempt and nonce is not taken and never will be.
    pub(super) fn edge_is_over(&mut self, now: Moment, child: NodeId, of: (u64, u64)) {
        self.edge_has_ended(now, child, of, Taken::Never);
    }

    /// The child took the edge: it is in the map.
    pub(super) fn edge_is_taken(&mut self, now: Moment, child: NodeId, of: (u64, u64)) {
        self.taken_edges.insert(child, of);
        self.edge_has_ended(now, child, of, Taken::Yes);
    }

    fn edge_has_ended(
        &mut self,
        now: Moment,
        child: NodeId,
        (attempt, nonce): (u64, u64),
        taken: Taken,
    ) {
        let (parent, nonce, committed) = (self.config.id, Some(nonce), taken == Taken::Yes);
        if let Some(edges) = &mut self.edges {
            edges.done(End { child, parent, attempt, nonce, committed });
            return;
        }
        let starts = Some(self.config.starts);
        self.untold_edges.push(EdgeDone { child, attempt, committed, nonce, starts });
        self.tell_edges(now);
    }

    /// Joined anew: what the root may have missed is to be said again. It costs a frame for each
    /// server directly below, and heals whatever was lost with an earlier link.
    pub(super) fn recall_edges(&mut self) {
        if !self.config.role.accepts_servers() || self.edges.is_some() {
            return;
        }
        let starts = Some(self.config.starts);
        if self.config.starts > 1 {
            let (child, nonce) = (self.config.id, None);
            self.untold_edges.push(EdgeDone { child, attempt: 0, committed: false, nonce, starts });
        }
        for (child, (attempt, nonce)) in &self.taken_edges {
            let (child, attempt, nonce) = (*child, *attempt, Some(*nonce));
            self.untold_edges.push(EdgeDone { child, attempt, committed: true, nonce, starts });
        }
    }

    /// Tells the root what became of granted edges, as soon as there is a way to it.
    pub(super) fn tell_edges(&mut self, now: Moment) {
        let root = self.place.ancestors.first().map(|root| root.id);
        let (true, Some(root), Some(_)) = (self.place.rooted, root, &self.uplink.parent) else {
            // Without the root nobody can move, so this list is as short as what was under way.
            let most = self.config.limits.pending_links + self.taken_edges.len();
            let excess = self.untold_edges.len().saturating_sub(most);
            self.untold_edges.drain(..excess);
            return;
        };
        for done in std::mem::take(&mut self.untold_edges) {
            self.tell(now, Kind::EDGE_DONE, root, body::write(&done));
        }
    }

    pub(super) fn on_edge_ask(&mut self, now: Moment, frame: &Frame) {
        let Ok(ask) = body::read::<EdgeAsk>(&frame.payload) else { return };
        let asker = frame.header.source;
        let is_server = self.tree.get(asker).is_some_and(|r| r.role.accepts_servers());
        if !is_server || !self.is_live(asker) {
            return self.bounce(now, &frame.header, "only servers of this tree ask for edges");
        }
        let refused = self.answer_edge(now, asker, &ask).err();
        let refused = refused.map(|Refusal { kind, text }| Refused { kind, text });
        let (child, attempt, nonce) = (ask.child, ask.attempt, ask.nonce);
        let answer = EdgeAnswer { child, attempt, refused, nonce };
        let mut header = Header::new(Kind::EDGE_ANSWER, self.config.id, frame.header.source);
        header.id = frame.header.id;
        if self.send_out(now, Frame { header, payload: body::write(&answer) }).is_err() {
            self.counters.dropped += 1;
        }
    }

    fn answer_edge(&mut self, now: Moment, asker: NodeId, ask: &EdgeAsk) -> Result<(), Refusal> {
        let layers = self.tree.names_to(asker).map_or(0, |names| names.len());
        if layers + 1 + usize::from(ask.height) > DEPTH_MAX {
            let text = format!("the tree would have more than {DEPTH_MAX} layers");
            return Err(Refusal::new(RefusalKind::TooDeep, text));
        }
        let wish = Wish {
            child: ask.child,
            parent: asker,
            attempt: ask.attempt,
            current_parent: ask.current_parent,
            root_incarnation: ask.root_incarnation,
            nonce: ask.nonce,
            asker_starts: ask.starts.unwrap_or(0),
            branch: self.tree.branch_of(asker).unwrap_or(asker),
            is_there: self.is_live(ask.child),
        };
        if ask.rehearsal == Some(true) {
            return self.check_edge(now, wish);
        }
        if self.is_revoked(ask.child) {
            let text = format!("{} was revoked", self.call(ask.child));
            return Err(Refusal::new(RefusalKind::NoPermission, text));
        }
        let wish = self.as_intended(wish, ask.intent.as_ref())?;
        self.grant_edge(now, wish)
    }

    /// What a server asks for in the name of another one counts only as that one signed it: who
    /// could make up an attempt could keep any server from every place, and what the book says of
    /// where it may be would not hold.
    fn as_intended(&mut self, wish: Wish, intent: Option<&Signed>) -> Result<Wish, Refusal> {
        let read = intent.ok_or(Unsigned::Missing);
        let read = read.and_then(|signed| signed.read_intent(self.config.network, self.scheme));
        let said = read.and_then(|intent| {
            let Intent { node, parent, attempt, .. } = intent;
            let same = (node, parent, attempt) == (wish.child, wish.parent, wish.attempt);
            if same { Ok(intent) } else { Err(Unsigned::OtherPlace) }
        });
        match said {
            Ok(Intent { current_parent, root_incarnation, .. }) => {
                Ok(Wish { current_parent, root_incarnation, ..wish })
            }
            Err(why) => {
                self.counters.unsigned_places += 1;
                let text = format!("a server has to sign below whom it wants to be, and {why}");
                Err(Refusal::new(RefusalKind::Misbehaved, text))
            }
        }
    }

    /// Looks for edges about which nobody is left to say anything.
    pub(super) fn forget_missing_edges(&mut self) {
        let (me, tree) = (self.config.id, &self.tree);
        if let Some(edges) = &mut self.edges {
            edges.forget_missing(|node| node == me || tree.get(node).is_some());
        }
    }

    pub(super) fn on_edge_answer(&mut self, now: Moment, frame: &Frame) {
        let Ok(answer) = body::read::<EdgeAnswer>(&frame.payload) else { return };
        let root = self.place.ancestors.first().map(|root| root.id);
        if !self.place.rooted || root != Some(frame.header.source) {
            self.counters.late_replies += 1;
            return;
        }
        let nonce = self.requests.get(frame.header.id).and_then(|open| match &open.origin {
            Origin::Edge { nonce, .. } | Origin::Rehearsal { nonce, .. } => Some(*nonce),
            _ => None,
        });
        if nonce.is_none() || nonce != answer.nonce || self.take_answer(frame).is_none() {
            // Nobody waits for this one any more: what was perhaps granted will not be taken,
            // unless it was heard twice and the first was enough.
            if let Some(late) = answer.nonce.filter(|n| !self.is_in_use(answer.child, *n)) {
                self.edge_is_over(now, answer.child, (answer.attempt, late));
            }
            return;
        }
        let outcome = match answer.refused {
            Some(Refused { kind, text }) => {
                Outcome::Refused(Refusal::new(kind, sanitise_line(&text)))
            }
            None => Outcome::Reply(Value::Null),
        };
        self.end_request(now, frame.header.id, outcome);
    }

    /// Was this child let in, or about to be, by the grant with this nonce?
    fn is_in_use(&self, child: NodeId, nonce: u64) -> bool {
        let expected = self.links.iter().any(|(_, link)| match &link.phase {
            Phase::ExpectRegister(state) => link.peer == child && state.nonce == nonce,
            _ => false,
        });
        expected || self.taken_edges.get(&child).is_some_and(|(_, taken)| *taken == nonce)
    }

    pub(super) fn on_edge_done(&mut self, frame: &Frame) {
        let parent = frame.header.source;
        let (Some(edges), Ok(done)) = (&mut self.edges, body::read::<EdgeDone>(&frame.payload))
        else {
            return;
        };
        if let Some(starts) = done.starts {
            edges.asker_runs_anew(parent, starts);
        }
        let EdgeDone { child, attempt, committed, nonce, .. } = done;
        edges.done(End { child, parent, attempt, nonce, committed });
    }

    /// What came of asking the root about an edge, as a grant or a refusal.
    pub(super) fn granted(&self, outcome: Outcome) -> Result<(), Refusal> {
        match outcome {
            Outcome::Reply(_) => Ok(()),
            Outcome::Refused(refusal) => Err(refusal),
            other => Err(Refusal::new(
                RefusalKind::NoRoot,
                format!("{} has no way to the main server: {}", self.name, other.word()),
            )),
        }
    }
}

/// Did a child take the edge that it was granted?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    Never,
}

/// `a – b – a`, for people.
fn circle(names: &[String]) -> String {
    let mut around = names.to_vec();
    around.extend(names.first().cloned());
    around.join(" – ")
}

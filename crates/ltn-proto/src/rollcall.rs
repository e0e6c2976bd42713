//! A roll call: an order that goes through servers, and how each node ended.
//!
//! Every node that was known at the start is in the book from the start, so nobody can be missing
//! at the end. This room keeps the book; who is told what, and when, is decided in
//! `node/ordering.rs`.

mod heard;

use std::collections::{BTreeMap, BTreeSet};

use crate::durable::WriteId;
use crate::id::{InboundId, NodeId};
use crate::limits::STOPPED_WATCH;
use crate::moment::Moment;
use crate::outcome::{CloseReason, RollCallEntry, RollCallOutcome};
use crate::proof::Proof;
use crate::text::shorten;

pub(crate) use heard::{Heard, OrdersHeard};

/// What is told of one node, in characters.
const DETAIL_CHARS_MAX: usize = 200;

/// Who waits for the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Giver {
    /// The order began here; this command is answered with the report.
    Command(InboundId),
    /// This server passed the order on.
    Server(NodeId),
}

/// What the order says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) restart: bool,
    /// With everything below?
    pub(crate) subtree: bool,
    /// Who gave it in the first place.
    pub(crate) issuer: NodeId,
    /// Does this node itself go, too?
    pub(crate) includes_me: bool,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Whom it is meant for is being written down; nobody was told.
    Planned(WriteId),
    /// Servers below have not reported yet, or have not gone yet.
    Collecting,
    /// The report is on its way up.
    Reported,
    /// Those on the way to the issuer go now, then this node.
    LettingGo,
}

/// The book of one order at one server.
#[derive(Debug, Clone)]
pub(crate) struct RollCall {
    pub(crate) order: Order,
    pub(crate) giver: Giver,
    pub(crate) stage: Stage,
    deadline: Moment,
    entries_max: usize,
    entries: BTreeMap<NodeId, RollCallEntry>,
    /// Ordered, and not ready yet.
    waiting: BTreeSet<NodeId>,
    /// Of those, the ones that asked whether it is still wanted, and were told so.
    going_on: BTreeSet<NodeId>,
    /// Ready, and told to go.
    going: BTreeSet<NodeId>,
    /// Ready, and on the way to the issuer: these go last.
    held: BTreeSet<NodeId>,
    /// Stopped, as it was said, and until when they have to stay away for that to be true. Only
    /// who leads the roll call watches.
    watched: BTreeMap<NodeId, Moment>,
    /// Ended, and not told of yet.
    fresh: BTreeSet<NodeId>,
    /// Told of.
    told: BTreeSet<NodeId>,
    /// Who signed that it goes, and its words.
    farewells: BTreeMap<NodeId, Proof>,
    /// The number it is written down under.
    pub(crate) kept: Option<u64>,
    /// Whom this server passes the order on to.
    pub(crate) next: Vec<NodeId>,
}

impl RollCall {
    pub(crate) const fn new(
        order: Order,
        giver: Giver,
        deadline: Moment,
        entries_max: usize,
    ) -> Self {
        Self {
            order,
            giver,
            stage: Stage::Collecting,
            deadline,
            entries_max,
            entries: BTreeMap::new(),
            waiting: BTreeSet::new(),
            going_on: BTreeSet::new(),
            going: BTreeSet::new(),
            held: BTreeSet::new(),
            watched: BTreeMap::new(),
            fresh: BTreeSet::new(),
            told: BTreeSet::new(),
            farewells: BTreeMap::new(),
            kept: None,
            next: Vec::new(),
        }
    }

    pub(crate) const fn deadline(&self) -> Moment {
        self.deadline
    }

    /// When there is something to do, if nothing is heard before.
    pub(crate) fn due(&self) -> Moment {
        let watched = self.watched.values().min().copied();
        let only_watches = self.stage == Stage::Collecting && self.all_have_gone();
        match watched {
            Some(until) if only_watches => until,
            Some(until) => until.min(self.deadline),
            None => self.deadline,
        }
    }

    pub(crate) const fn set_deadline(&mut self, deadline: Moment) {
        self.deadline = deadline;
    }

    /// Writes a node into the book, or how it ended.
    pub(crate) fn write(&mut self, entry: RollCallEntry) {
        if entry.outcome != RollCallOutcome::Unknown {
            self.fresh.insert(entry.id);
        }
        self.entries.insert(entry.id, entry);
    }

    /// This server was ordered and has to report.
    pub(crate) fn wait_for(&mut self, server: NodeId) {
        self.waiting.insert(server);
    }

    /// A server asks whether the order is still wanted: is it?
    pub(crate) fn goes_on(&mut self, server: NodeId) -> bool {
        let wanted = self.stage == Stage::Collecting && self.waiting.contains(&server);
        if wanted {
            self.going_on.insert(server);
        }
        wanted
    }

    /// Is a report of this server awaited?
    pub(crate) fn waits_for(&self, server: NodeId) -> bool {
        self.stage == Stage::Collecting && self.waiting.contains(&server)
    }

    /// Is the order meant for this server, wherever it is below?
    pub(crate) fn covers(&self, server: NodeId) -> bool {
        let meant = self.entries.get(&server).is_some_and(|entry| entry.is_server);
        self.stage == Stage::Collecting && meant
    }

    /// A node of the book signed that it goes.
    pub(crate) fn farewell(&mut self, node: NodeId, words: Proof) {
        if self.entries.contains_key(&node) {
            self.farewells.insert(node, words);
        }
    }

    pub(crate) fn has_said_farewell(&self, node: NodeId) -> bool {
        self.farewells.contains_key(&node)
    }

    /// The words by which it said so.
    pub(crate) fn farewell_of(&self, node: NodeId) -> Option<Proof> {
        self.farewells.get(&node).cloned()
    }

    /// A server reports on itself and what is below it; others it does not speak for.
    pub(crate) fn take_report(
        &mut self,
        now: Moment,
        server: NodeId,
        reported: Vec<RollCallEntry>,
    ) {
        let Some(top) = self.entries.get(&server).map(|entry| entry.path.clone()) else { return };
        for entry in reported {
            let known = self.entries.get(&entry.id);
            let has_room = known.is_some() || self.entries.len() < self.entries_max;
            let place = known.map_or(&entry.path, |known| &known.path);
            if has_room && top.contains(place) && entry.id != server {
                let (path, detail) = (place.clone(), shorten(&entry.detail, DETAIL_CHARS_MAX));
                self.watch(now, entry.id, entry.outcome);
                self.fresh.insert(entry.id);
                self.entries.insert(entry.id, RollCallEntry { path, detail, ..entry });
            }
        }
    }

    /// A server is ready to go. `hold` keeps it until the report was sent through it. Tells
    /// whether it may go at once.
    pub(crate) fn ready(&mut self, server: NodeId, hold: bool) -> bool {
        if !self.waiting.remove(&server) {
            return false;
        }
        if hold {
            let detail = "goes last: this report travels through it";
            self.end(server, RollCallOutcome::Stopping, detail);
            self.held.insert(server);
        } else {
            self.going.insert(server);
        }
        !hold
    }

    /// A server will not do it.
    pub(crate) fn refused(&mut self, server: NodeId, why: &str) {
        if self.waiting.remove(&server) {
            self.end(server, RollCallOutcome::Refused, why);
        }
    }

    /// The order did not get to a server.
    pub(crate) fn unreachable(&mut self, server: NodeId, why: &str) {
        if self.waiting.remove(&server) {
            self.end_branch(server, why);
        }
    }

    /// A server's link is gone, with this as its last word, if it said one.
    pub(crate) fn lost(&mut self, now: Moment, server: NodeId, last_word: Option<CloseReason>) {
        if self.going.remove(&server) {
            let (wanted, outcome) = if self.order.restart {
                (CloseReason::Restarting, RollCallOutcome::Restarting)
            } else {
                (CloseReason::Stopping, RollCallOutcome::Stopped)
            };
            if last_word == Some(wanted) {
                self.watch(now, server, outcome);
                self.end(server, outcome, "");
            } else {
                let why = "was ready to go, and was lost without saying that it goes";
                self.end(server, RollCallOutcome::Unknown, why);
            }
        } else if self.waiting.remove(&server) {
            self.end_waiting(server, "lost before it reported");
        }
        self.held.remove(&server);
    }

    /// Who stopped has to stay away for a while, where that is watched.
    fn watch(&mut self, now: Moment, id: NodeId, outcome: RollCallOutcome) {
        if outcome != RollCallOutcome::Stopped {
            self.watched.remove(&id);
        } else if self.leads() {
            self.watched.entry(id).or_insert(now + STOPPED_WATCH);
        }
    }

    const fn leads(&self) -> bool {
        matches!(self.giver, Giver::Command(_))
    }

    /// A node is there (again).
    pub(crate) fn is_there(&mut self, id: NodeId) {
        let stopped = |entry: &RollCallEntry| entry.outcome == RollCallOutcome::Stopped;
        let stayed_away = self.leads() && !self.watched.contains_key(&id);
        if !stayed_away && self.entries.get(&id).is_some_and(stopped) {
            self.watched.remove(&id);
            self.end(id, RollCallOutcome::Unknown, "said that it stops, and was back at once");
        }
    }

    /// Whoever stayed away for long enough has stopped.
    pub(crate) fn settle(&mut self, now: Moment) {
        self.watched.retain(|_, until| now < *until);
    }

    /// The time is over: whoever has not ended is unknown.
    pub(crate) fn give_up(&mut self) {
        for server in std::mem::take(&mut self.waiting) {
            self.end_waiting(server, "did not report in time");
        }
        for server in std::mem::take(&mut self.going) {
            self.end(server, RollCallOutcome::Unknown, "said it goes and did not go in time");
        }
    }

    /// Who was never told to go on has certainly not done it, and nobody below it has.
    fn end_waiting(&mut self, server: NodeId, why: &str) {
        if self.going_on.contains(&server) {
            self.end(server, RollCallOutcome::Unknown, why);
        } else {
            self.end_branch(server, &format!("{why}, and was not told to go on"));
        }
    }

    /// The order did not get to a server, nor to anybody behind it.
    fn end_branch(&mut self, server: NodeId, why: &str) {
        let Some(top) = self.entries.get(&server).map(|entry| entry.path.clone()) else { return };
        for entry in self.entries.values_mut() {
            let open = entry.outcome == RollCallOutcome::Unknown;
            if entry.id != server && open && top.contains(&entry.path) {
                self.fresh.insert(entry.id);
                entry.outcome = RollCallOutcome::Unreachable;
                entry.detail = shorten(&format!("behind {top}"), DETAIL_CHARS_MAX);
            }
        }
        self.end(server, RollCallOutcome::Unreachable, why);
    }

    fn end(&mut self, id: NodeId, outcome: RollCallOutcome, detail: &str) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.fresh.insert(id);
            entry.outcome = outcome;
            detail.clone_into(&mut entry.detail);
        }
    }

    /// Has every server below reported and, if it may, gone?
    pub(crate) fn is_complete(&self) -> bool {
        self.all_have_gone() && self.watched.is_empty()
    }

    fn all_have_gone(&self) -> bool {
        self.waiting.is_empty() && self.going.is_empty()
    }

    /// Servers that have not gone yet.
    pub(crate) fn not_gone(&self) -> Vec<NodeId> {
        self.waiting.iter().chain(&self.going).chain(&self.held).copied().collect()
    }

    /// Those that wait for the report to pass through them.
    pub(crate) fn held(&self) -> impl Iterator<Item = NodeId> {
        self.held.iter().copied()
    }

    /// How many are in the book.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Those that have ended for good since this was asked last, in the order of paths.
    pub(crate) fn news(&mut self) -> Vec<RollCallEntry> {
        let watched = &self.watched;
        let ended: BTreeSet<NodeId> =
            self.fresh.extract_if(.., |id| !watched.contains_key(id)).collect();
        self.told.extend(&ended);
        self.of(|id| ended.contains(id))
    }

    /// Those that have not been told of as they are, when nothing more is waited for.
    pub(crate) fn rest(&mut self) -> Vec<RollCallEntry> {
        self.told.retain(|id| !self.fresh.contains(id));
        self.fresh.clear();
        self.of(|id| !self.told.contains(id))
    }

    /// The book, in the order of paths.
    pub(crate) fn entries(&self) -> Vec<RollCallEntry> {
        self.of(|_| true)
    }

    fn of(&self, wanted: impl Fn(&NodeId) -> bool) -> Vec<RollCallEntry> {
        let wanted = self.entries.iter().filter(|(id, _)| wanted(id));
        let mut entries: Vec<RollCallEntry> = wanted.map(|(_, entry)| entry.clone()).collect();
        entries.sort_by(|a, b| (&a.path, a.id).cmp(&(&b.path, b.id)));
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    fn entry(n: u8, path: &str) -> RollCallEntry {
        RollCallEntry {
            id: id(n),
            path: path.parse().unwrap(),
            is_server: true,
            outcome: RollCallOutcome::Unknown,
            detail: String::new(),
        }
    }

    fn sample() -> RollCall {
        let order =
            Order { number: 1, restart: false, subtree: true, issuer: id(9), includes_me: true };
        let mut roll = RollCall::new(order, Giver::Server(id(0)), Moment::ZERO, 4);
        for (n, path) in [(1, "/a"), (2, "/a/b"), (3, "/c")] {
            roll.write(entry(n, path));
        }
        roll.wait_for(id(1));
        roll.wait_for(id(3));
        roll
    }

    #[test]
    fn nobody_is_stopped_before_his_link_is_gone() {
        let mut roll = sample();
        assert!(roll.goes_on(id(1)) && roll.goes_on(id(3)));
        assert!(roll.ready(id(1), false));
        assert_eq!(roll.entries()[0].outcome, RollCallOutcome::Unknown);
        roll.lost(Moment::ZERO, id(1), Some(CloseReason::Stopping));
        assert_eq!(roll.entries()[0].outcome, RollCallOutcome::Stopped);
        assert!(!roll.is_complete());
        roll.lost(Moment::ZERO, id(3), None);
        assert!(roll.is_complete());
        assert_eq!(roll.entries()[2].outcome, RollCallOutcome::Unknown);
    }

    #[test]
    fn nobody_is_stopped_who_did_not_say_so_or_is_back_at_once() {
        let mut roll = sample();
        roll.giver = Giver::Command(InboundId(1));
        for server in [1, 3] {
            assert!(roll.goes_on(id(server)) && roll.ready(id(server), false));
        }
        roll.lost(Moment::ZERO, id(1), Some(CloseReason::Lost));
        assert_eq!(roll.entries()[0].outcome, RollCallOutcome::Unknown);
        roll.lost(Moment::ZERO, id(3), Some(CloseReason::Stopping));
        assert!(!roll.is_complete(), "it may come back");
        assert_eq!(roll.due(), Moment::ZERO + STOPPED_WATCH);
        roll.is_there(id(3));
        assert!(roll.is_complete());
        assert_eq!(roll.entries()[2].outcome, RollCallOutcome::Unknown);
    }

    #[test]
    fn the_watch_over_those_who_stopped_has_an_end() {
        let mut roll = sample();
        roll.giver = Giver::Command(InboundId(1));
        let lines = vec![RollCallEntry { outcome: RollCallOutcome::Stopped, ..entry(2, "/a/b") }];
        roll.take_report(Moment::ZERO, id(1), lines);
        roll.give_up();
        assert!(!roll.is_complete());
        roll.settle(roll.due());
        assert!(roll.is_complete());
        assert_eq!(roll.entries()[1].outcome, RollCallOutcome::Stopped);
    }

    #[test]
    fn nobody_fills_the_book_with_nodes_that_nobody_knows() {
        let mut roll = sample();
        let invented = (10..200).map(|n| entry(n, &format!("/a/x{n}"))).collect();
        roll.take_report(Moment::ZERO, id(1), invented);
        assert_eq!(roll.entries().len(), 4);
    }

    #[test]
    fn a_server_speaks_only_for_what_is_below_it() {
        let mut roll = sample();
        let stopped = |e: RollCallEntry| RollCallEntry { outcome: RollCallOutcome::Stopped, ..e };
        let lies = vec![stopped(entry(3, "/a/x")), stopped(entry(2, "/a/b"))];
        roll.take_report(Moment::ZERO, id(1), lies);
        let outcomes: Vec<_> = roll.entries().iter().map(|e| e.outcome).collect();
        use RollCallOutcome::{Stopped, Unknown};
        assert_eq!(outcomes, [Unknown, Stopped, Unknown]);
    }

    #[test]
    fn who_was_not_told_to_go_on_has_certainly_not_done_it() {
        let mut roll = sample();
        assert!(roll.goes_on(id(3)) && !roll.goes_on(id(2)), "2 is asked by 1, not from here");
        roll.give_up();
        let outcomes: Vec<_> = roll.entries().iter().map(|e| e.outcome).collect();
        use RollCallOutcome::{Unknown, Unreachable};
        assert_eq!(outcomes, [Unreachable, Unreachable, Unknown]);
        assert_eq!(roll.entries()[1].detail, "behind /a");
        assert!(!roll.goes_on(id(1)), "whoever asks later is not told to go on");
    }
}

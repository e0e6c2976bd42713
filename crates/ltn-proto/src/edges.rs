//! The root's book of who may hang below whom: the one place that keeps the tree free of cycles.
//!
//! For every server the root knows a *set of possible parents*: the committed one, which is in its
//! map, and those of moves that are under way. A new edge is allowed only if its child is not
//! reachable upwards from its parent over all possible parents. The union graph then never has a
//! cycle, and the real edges are always among its own, so no order of events can close one.
//!
//! This room keeps the moves under way. It is told the committed parents by its caller.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::id::NodeId;
use crate::limits::QUIET_TIME;
use crate::moment::Moment;

/// Moves that may be under way to one server at the same time.
const PENDING_PER_ASKER_MAX: usize = 128;

/// The moves that are under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Edges {
    pending: BTreeMap<NodeId, Pending>,
    /// No new edge before this moment: grants of an earlier run of the root may be in use.
    quiet_until: Option<Moment>,
    started: Moment,
    incarnation: u64,
    pending_max: usize,
    #[cfg(feature = "sim")]
    broken: Option<Broken>,
}

/// What a deliberately broken book leaves undone. There is none outside the simulator.
#[cfg(feature = "sim")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Broken {
    /// It looks at committed edges only.
    NoPendingEdges,
    /// It is not quiet after a restart.
    NoQuietTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pending {
    attempt: u64,
    /// Of the question that it was granted to.
    nonce: Option<u64>,
    /// How often the asker had been started then.
    asker_starts: u32,
    /// The server that asked: the new parent, and the only one to say what became of the edge.
    asker: NodeId,
    /// Where the child was by its own word, and where it wants to go.
    parents: BTreeSet<NodeId>,
    decided: bool,
}

/// An edge that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) child: NodeId,
    pub(crate) parent: NodeId,
    /// Which of the child's attempts it is.
    pub(crate) attempt: u64,
    /// The child's higher server as it is now.
    pub(crate) current_parent: Option<NodeId>,
    /// The incarnation of the root that the child saw last.
    pub(crate) root_incarnation: Option<u64>,
    /// Made by the new parent for this question alone.
    pub(crate) nonce: Option<u64>,
    /// How often the new parent was started.
    pub(crate) asker_starts: u32,
}

/// What the new parent says of an edge that it asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) child: NodeId,
    pub(crate) parent: NodeId,
    pub(crate) attempt: u64,
    pub(crate) nonce: Option<u64>,
    /// Did the child take it?
    pub(crate) committed: bool,
}

/// Why an edge is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAllowed {
    /// It would close a cycle through these nodes, the child first.
    Cycle(Vec<NodeId>),
    /// A newer attempt of the same child is known.
    Outdated,
    /// Somebody who may be above the new parent is not in the map: a server that moved, whose
    /// branch has not been told of yet. It may be below the child.
    Unclear,
    /// The root restarted a moment ago.
    Quiet,
    /// Too many moves are under way.
    Full,
}

impl Edges {
    pub(crate) const fn new(incarnation: u64, started: Moment, pending_max: usize) -> Self {
        Self {
            pending: BTreeMap::new(),
            quiet_until: None,
            started,
            incarnation,
            pending_max,
            #[cfg(feature = "sim")]
            broken: None,
        }
    }

    /// Break this book on purpose, to see that the tests notice.
    #[cfg(feature = "sim")]
    pub(crate) const fn break_it(&mut self, how: Broken) {
        self.broken = Some(how);
    }

    /// How many moves are under way.
    #[cfg(feature = "sim")]
    pub(crate) fn under_way(&self) -> usize {
        self.pending.len()
    }

    /// May this edge come into being? If so it counts from now on, until [`Self::done`].
    /// `committed` tells the parent of a node as the root's map has it.
    pub(crate) fn grant(
        &mut self,
        root: NodeId,
        wish: Wish,
        now: Moment,
        committed: impl Fn(NodeId) -> Option<NodeId>,
    ) -> Result<(), NotAllowed> {
        self.check(root, wish, now, committed)?;
        let mut parents = BTreeSet::from([wish.parent]);
        parents.extend(wish.current_parent);
        let Wish { attempt, nonce, asker_starts, .. } = wish;
        let asker = wish.parent;
        let pending = Pending { attempt, nonce, asker_starts, asker, parents, decided: false };
        self.pending.insert(wish.child, pending);
        Ok(())
    }

    /// The same question without the consequence: could this edge come into being now?
    pub(crate) fn check(
        &mut self,
        root: NodeId,
        wish: Wish,
        now: Moment,
        committed: impl Fn(NodeId) -> Option<NodeId>,
    ) -> Result<(), NotAllowed> {
        self.notice_restart(wish.root_incarnation);
        // Whoever hangs directly below the root cannot close a cycle, whatever else is under way.
        if wish.parent != root {
            if self.is_quiet(now) {
                return Err(NotAllowed::Quiet);
            }
            self.look_up(root, wish.parent, wish.child, &committed)?;
        }
        match self.pending.get(&wish.child) {
            Some(known) if known.attempt > wish.attempt => Err(NotAllowed::Outdated),
            None if self.pending.len() >= self.pending_max => Err(NotAllowed::Full),
            _ if self.asked_by(wish.parent) >= PENDING_PER_ASKER_MAX => Err(NotAllowed::Full),
            _ => Ok(()),
        }
    }

    /// What became of a granted edge. A committed one is in the map by now.
    pub(crate) fn done(&mut self, end: End) {
        let Some(pending) = self.pending.get_mut(&end.child) else { return };
        // An end that came late speaks of another question than the one that counts.
        if (pending.attempt, pending.nonce) != (end.attempt, end.nonce) {
            return;
        }
        // Nobody speaks of an edge that is not his own.
        if pending.asker != end.parent {
            return;
        }
        pending.parents.remove(&end.parent);
        if end.committed || pending.parents.is_empty() {
            self.pending.remove(&end.child);
        } else {
            // The child is where it said it was; that stays possible until it asks again.
            pending.decided = true;
        }
    }

    fn asked_by(&self, asker: NodeId) -> usize {
        self.pending.values().filter(|p| p.asker == asker && !p.decided).count()
    }

    /// This server runs for the so-many-eth time: of the edges that its earlier runs asked for
    /// none will be taken.
    pub(crate) fn asker_runs_anew(&mut self, asker: NodeId, starts: u32) {
        self.pending.retain(|_, p| p.asker != asker || p.asker_starts >= starts);
    }

    /// This server is given up after a time in which every wait of its has ended. A shorter absence
    /// proves nothing: it may have let in its child and not been able to say so.
    pub(crate) fn forget_asker(&mut self, asker: NodeId) {
        self.pending.retain(|_, pending| pending.asker != asker);
    }

    /// Forgets what is not needed any more: the map has the only parent that is left.
    pub(crate) fn settle(&mut self, child: NodeId, committed: NodeId) {
        let settled = |p: &Pending| p.decided && p.parents.iter().all(|p| *p == committed);
        if self.pending.get(&child).is_some_and(settled) {
            self.pending.remove(&child);
        }
    }

    /// A child that saw another run of the root tells that the root restarted: grants of the
    /// earlier run may be in use for as long as a grant can be.
    fn notice_restart(&mut self, seen: Option<u64>) {
        if seen.is_some_and(|seen| seen != self.incarnation) {
            self.quiet_until.get_or_insert(self.started + QUIET_TIME);
        }
    }

    fn is_quiet(&self, now: Moment) -> bool {
        #[cfg(feature = "sim")]
        if self.broken == Some(Broken::NoQuietTime) {
            return false;
        }
        self.quiet_until.is_some_and(|until| now < until)
    }

    /// The parents that a node may have beside the committed one.
    fn pending_parents(&self, of: NodeId) -> impl Iterator<Item = NodeId> {
        #[cfg(feature = "sim")]
        let known = !matches!(self.broken, Some(Broken::NoPendingEdges));
        #[cfg(not(feature = "sim"))]
        let known = true;
        let pending = self.pending.get(&of).filter(|_| known);
        pending.into_iter().flat_map(|pending| pending.parents.iter().copied())
    }

    /// Looks from `from` upwards over all possible parents: `to` must not be there, and every way
    /// must be known up to the root.
    fn look_up(
        &self,
        root: NodeId,
        from: NodeId,
        to: NodeId,
        committed: impl Fn(NodeId) -> Option<NodeId>,
    ) -> Result<(), NotAllowed> {
        let mut below: BTreeMap<NodeId, NodeId> = BTreeMap::from([(from, from)]);
        let mut open = vec![from];
        let mut clear = true;
        while let Some(at) = open.pop() {
            if at == to {
                return Err(NotAllowed::Cycle(walk_down(to, from, &below)));
            }
            let parent = committed(at);
            clear &= parent.is_some() || at == root;
            for above in self.pending_parents(at).chain(parent) {
                if let Entry::Vacant(unseen) = below.entry(above) {
                    unseen.insert(at);
                    open.push(above);
                }
            }
        }
        if clear { Ok(()) } else { Err(NotAllowed::Unclear) }
    }
}

fn walk_down(from: NodeId, to: NodeId, below: &BTreeMap<NodeId, NodeId>) -> Vec<NodeId> {
    let mut way = vec![from];
    let mut at = from;
    while at != to {
        let Some(next) = below.get(&at) else { break };
        at = *next;
        way.push(at);
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    fn wish(child: u8, parent: u8, attempt: u64) -> Wish {
        Wish {
            child: id(child),
            parent: id(parent),
            attempt,
            current_parent: None,
            root_incarnation: None,
            nonce: Some(attempt),
            asker_starts: 1,
        }
    }

    fn end(child: u8, parent: u8, attempt: u64, committed: bool) -> End {
        End { child: id(child), parent: id(parent), attempt, nonce: Some(attempt), committed }
    }

    /// The root is 0; 1 and 2 are below it, 3 is below 1.
    fn committed(node: NodeId) -> Option<NodeId> {
        let parents = BTreeMap::from([(id(1), id(0)), (id(2), id(0)), (id(3), id(1))]);
        parents.get(&node).copied()
    }

    fn below_root(_: NodeId) -> Option<NodeId> {
        Some(id(0))
    }

    fn edges() -> Edges {
        Edges::new(7, Moment::ZERO, 1_000)
    }

    #[test]
    fn nobody_moves_below_himself_and_the_members_are_named() {
        let refused = edges().grant(id(0), wish(1, 3, 1), Moment::ZERO, committed);
        assert_eq!(refused, Err(NotAllowed::Cycle(vec![id(1), id(3)])));
        let refused = edges().grant(id(0), wish(1, 1, 1), Moment::ZERO, committed);
        assert_eq!(refused, Err(NotAllowed::Cycle(vec![id(1)])));
    }

    #[test]
    fn two_moves_that_would_cross_cannot_both_be_granted() {
        let mut edges = edges();
        edges.grant(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
        let refused = edges.grant(id(0), wish(2, 3, 1), Moment::ZERO, committed);
        assert_eq!(refused, Err(NotAllowed::Cycle(vec![id(2), id(1), id(3)])));
        edges.done(end(1, 2, 1, false));
        edges.grant(id(0), wish(2, 3, 2), Moment::ZERO, committed).unwrap();
    }

    #[test]
    fn a_delayed_older_attempt_does_not_replace_a_newer_one() {
        let mut edges = edges();
        edges.grant(id(0), wish(3, 2, 5), Moment::ZERO, committed).unwrap();
        let refused = edges.grant(id(0), wish(3, 0, 4), Moment::ZERO, committed);
        assert_eq!(refused, Err(NotAllowed::Outdated));
        edges.done(end(3, 2, 4, true));
        assert!(edges.pending.contains_key(&id(3)), "an old end does not end a newer attempt");
    }

    #[test]
    fn a_restarted_root_is_quiet_except_directly_below_itself() {
        let mut edges = edges();
        let mut old = wish(1, 0, 1);
        old.root_incarnation = Some(6);
        edges.grant(id(0), old, Moment::ZERO, committed).unwrap();
        let refused = edges.grant(id(0), wish(3, 2, 1), Moment::ZERO, committed);
        assert_eq!(refused, Err(NotAllowed::Quiet));
        let later = Moment::ZERO + QUIET_TIME;
        edges.grant(id(0), wish(3, 2, 1), later, committed).unwrap();
    }

    #[test]
    fn only_who_asked_says_what_became_of_it_and_nobody_fills_the_book() {
        let mut edges = edges();
        edges.grant(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
        edges.done(end(1, 9, 1, true));
        assert!(edges.pending.contains_key(&id(1)), "that was somebody else's word");
        for child in 10..250 {
            let _full = edges.grant(id(0), wish(child, 2, 1), Moment::ZERO, below_root);
        }
        assert_eq!(edges.asked_by(id(2)), PENDING_PER_ASKER_MAX);
        edges.grant(id(0), wish(251, 3, 1), Moment::ZERO, below_root).unwrap();
        edges.forget_asker(id(2));
        assert_eq!(edges.pending.len(), 1);
    }

    #[test]
    fn a_way_up_that_is_not_known_to_its_end_is_no_way() {
        let mut edges = edges();
        // 3 may be below 2 soon, and 2 is somewhere below the root or below 1: nobody knows.
        edges.grant(id(0), wish(3, 2, 1), Moment::ZERO, committed).unwrap();
        let without_2 = |node| committed(node).filter(|_| node != id(2));
        let refused = edges.grant(id(0), wish(1, 3, 1), Moment::ZERO, |node| {
            if node == id(3) { Some(id(0)) } else { without_2(node) }
        });
        assert_eq!(refused, Err(NotAllowed::Unclear));
    }

    #[test]
    fn where_a_child_says_it_is_counts_until_it_asks_again() {
        let mut edges = edges();
        let mut told = wish(3, 2, 1);
        told.current_parent = Some(id(1));
        edges.grant(id(0), told, Moment::ZERO, below_root).unwrap();
        edges.done(end(3, 2, 1, false));
        let refused = edges.grant(id(0), wish(1, 3, 1), Moment::ZERO, below_root);
        assert!(matches!(refused, Err(NotAllowed::Cycle(_))));
        edges.settle(id(3), id(1));
        assert!(edges.pending.is_empty());
    }

    #[test]
    fn an_end_without_the_nonce_of_its_question_is_worth_nothing() {
        let mut edges = edges();
        edges.grant(id(0), wish(3, 2, 1), Moment::ZERO, committed).unwrap();
        // The parent was asked again for the very same attempt: the first question is void.
        let again = Wish { nonce: Some(99), ..wish(3, 2, 1) };
        edges.grant(id(0), again, Moment::ZERO, committed).unwrap();
        edges.done(end(3, 2, 1, false));
        assert!(edges.pending.contains_key(&id(3)), "that was the end of another question");
        edges.done(End { nonce: Some(99), ..end(3, 2, 1, true) });
        assert!(edges.pending.is_empty());
    }

    #[test]
    fn a_new_run_of_the_new_parent_ends_what_its_earlier_ones_asked_for_and_no_more() {
        let mut edges = edges();
        edges.grant(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
        let later = Wish { asker_starts: 2, ..wish(9, 2, 1) };
        edges.grant(id(0), later, Moment::ZERO, below_root).unwrap();
        edges.asker_runs_anew(id(2), 1);
        assert_eq!(edges.pending.len(), 2, "a word of an earlier run that came late");
        edges.asker_runs_anew(id(2), 2);
        assert_eq!(edges.pending.keys().collect::<Vec<_>>(), [&id(9)]);
    }

    #[test]
    fn a_rehearsal_grants_nothing() {
        let mut edges = edges();
        edges.check(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
        assert!(edges.pending.is_empty());
        let refused = edges.check(id(0), wish(1, 3, 1), Moment::ZERO, committed);
        assert!(matches!(refused, Err(NotAllowed::Cycle(_))));
    }
}

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
/// Which part of the book the servers of one branch may fill, whoever of them asks: a server can
/// make up any number of others below itself.
const BRANCH_SHARE: usize = 8;

/// The moves that are under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Edges {
    pending: BTreeMap<NodeId, Pending>,
    /// The attempt of each child that counted last: what it signed before is nobody's wish now.
    latest: BTreeMap<NodeId, u64>,
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
    /// The child of the root that the asker is, or was below when it asked.
    branch: NodeId,
    /// Where the child was by its own word, and where it wants to go.
    parents: BTreeSet<NodeId>,
    decided: bool,
    /// Was nobody there to say what becomes of it, when it was looked for last?
    missed: bool,
}

/// An edge that somebody asks for. That the child wants it, it has said itself: its attempts count
/// up, so who could make them up could put one above all that will ever come.
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
    /// The child of the root that the new parent is or is below; the root, if that is it.
    pub(crate) branch: NodeId,
    /// Is the child in reach? Whoever was set back while he was away counts his attempts anew.
    pub(crate) is_there: bool,
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
            latest: BTreeMap::new(),
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
        if wish.is_there && self.is_over(wish.child, wish.attempt) {
            return Err(NotAllowed::Outdated);
        }
        if self.latest.len() >= self.pending_max {
            self.latest.retain(|child, _| self.pending.contains_key(child));
        }
        self.latest.insert(wish.child, wish.attempt);
        let mut parents = BTreeSet::from([wish.parent]);
        parents.extend(wish.current_parent);
        let Wish { attempt, nonce, asker_starts, branch, .. } = wish;
        let pending = Pending {
            attempt,
            nonce,
            asker_starts,
            asker: wish.parent,
            branch,
            parents,
            decided: false,
            missed: false,
        };
        self.pending.insert(wish.child, pending);
        Ok(())
    }

    /// Was something else wanted since, or did this end already? A server could say again what a
    /// child signed for it once.
    fn is_over(&self, child: NodeId, attempt: u64) -> bool {
        let latest = self.latest.get(&child).copied().unwrap_or_default();
        attempt < latest || (attempt == latest && !self.pending.contains_key(&child))
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
            None if self.asked_in(wish.branch) >= self.branch_max() => Err(NotAllowed::Full),
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

    fn asked_in(&self, branch: NodeId) -> usize {
        self.pending.values().filter(|pending| pending.branch == branch).count()
    }

    fn branch_max(&self) -> usize {
        (self.pending_max / BRANCH_SHARE).max(PENDING_PER_ASKER_MAX)
    }

    /// This server runs for the so-many-eth time: of the edges that its earlier runs asked for
    /// none will be taken.
    pub(crate) fn asker_runs_anew(&mut self, asker: NodeId, starts: u32) {
        self.pending.retain(|_, p| p.asker != asker || p.asker_starts >= starts);
    }

    /// These are out for ever: what they asked for will not be taken by anybody who counts, and
    /// nothing that they would say about it is waited for.
    pub(crate) fn forget_out(&mut self, is_out: impl Fn(NodeId) -> bool) {
        self.pending.retain(|child, pending| !is_out(*child) && !is_out(pending.asker));
    }

    /// Forgets the edges about which nobody is left to say anything, now and when this was asked
    /// last. In between lies more than the time in which an edge is taken and told of. A shorter
    /// absence proves nothing: who asked may have let in its child and not been able to say so.
    pub(crate) fn forget_missing(&mut self, is_there: impl Fn(NodeId) -> bool) {
        self.pending.retain(|child, pending| {
            let is_missing = !is_there(if pending.decided { *child } else { pending.asker });
            let goes = is_missing && pending.missed;
            pending.missed = is_missing;
            !goes
        });
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
mod tests;

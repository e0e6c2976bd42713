//! What this node says to many at once: who is still to be told of, and how many at a time.
//!
//! This room counts and keeps the order. It does not know how somebody is asked, nor how those who
//! fit are found.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::body::PageMark;
use crate::event::Wording;
use crate::expiring::Deadlines;
use crate::id::{NodeId, OpId};
use crate::limits::{GATHER_OPEN_MAX, GATHER_UNTAKEN_MAX, GATHER_WINDOW};
use crate::moment::Moment;
use crate::outcome::Outcome;
use crate::path::NodePath;
use crate::role::Role;
use crate::selector::Pattern;

/// Who has not answered for this long does not hold up the others any more.
const PATIENCE: Duration = Duration::from_secs(1);
/// The next page is asked for when fewer than this wait for their turn.
const PAGE_AHEAD: usize = 512;

/// What the answers are for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Purpose {
    /// The program wants to see who fits.
    List,
    /// This is said to all of them.
    Say(Wording),
}

/// One who is to be told of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) id: NodeId,
    pub(crate) path: NodePath,
    pub(crate) token: Option<[u8; 16]>,
    /// Why it need not be asked: it is out of reach.
    pub(crate) lost: Option<String>,
    /// Nobody has his turn before all of the earlier turns have ended.
    pub(crate) turn: usize,
}

/// One thing that is said to many, or one list of many.
#[derive(Debug, Clone)]
pub(crate) struct Gathering {
    pub(crate) purpose: Purpose,
    pub(crate) deadline: Moment,
    /// Who is meant; `None` until it is found, or where they were named.
    pub(crate) pattern: Option<Pattern>,
    /// Which server answers with pages.
    pub(crate) server: Option<NodeId>,
    /// Where its last page ended.
    pub(crate) mark: Option<PageMark>,
    /// Is a page on its way?
    pub(crate) reading: bool,
    /// Have all pages come?
    pub(crate) complete: bool,
    /// How it ends, if not well.
    pub(crate) failure: Option<Outcome>,
    named: BTreeSet<NodeId>,
    waiting: VecDeque<Waiting>,
    turn: usize,
    /// Asked, and not ended.
    open: usize,
    /// Asked a moment ago, and not ended.
    young: usize,
    /// Told to the program, and not looked at by it.
    untaken: usize,
}

impl Gathering {
    pub(crate) const fn new(purpose: Purpose, deadline: Moment) -> Self {
        Self {
            purpose,
            deadline,
            pattern: None,
            server: None,
            mark: None,
            reading: false,
            complete: false,
            failure: None,
            named: BTreeSet::new(),
            waiting: VecDeque::new(),
            turn: 0,
            open: 0,
            young: 0,
            untaken: 0,
        }
    }

    /// Are the answers those to a command?
    pub(crate) const fn commands(&self) -> bool {
        matches!(self.purpose, Purpose::Say(Wording::Call { .. }))
    }

    /// Does a node of this role at this place fit who is meant?
    pub(crate) fn fits(&self, path: &NodePath, role: Role) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.fits(path, role))
    }

    /// Somebody else to be told of; not if he was named before.
    pub(crate) fn name(&mut self, id: NodeId) -> bool {
        self.named.insert(id)
    }

    /// How many were named so far.
    pub(crate) fn named(&self) -> usize {
        self.named.len()
    }

    pub(crate) fn wait(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// The next one, if there is room for him.
    fn next(&mut self) -> Option<Waiting> {
        let room = self.young < GATHER_WINDOW
            && self.open < GATHER_OPEN_MAX
            && self.untaken + self.open < GATHER_UNTAKEN_MAX;
        let turn = self.waiting.front()?.turn;
        if !room || turn != self.turn && self.open > 0 {
            return None;
        }
        self.turn = turn;
        self.waiting.pop_front()
    }

    /// Should the next page be asked for?
    pub(crate) fn wants_page(&self) -> bool {
        !self.reading && !self.complete && self.failure.is_none() && self.waiting.len() < PAGE_AHEAD
    }

    /// Is everybody told of who ever will be?
    pub(crate) fn is_over(&self) -> bool {
        let all_named = self.complete || self.failure.is_some();
        all_named && !self.reading && self.waiting.is_empty() && self.open == 0
    }
}

/// All that goes on of this kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gatherings {
    going_on: BTreeMap<OpId, Gathering>,
    young: Deadlines<(OpId, NodeId)>,
    ends: Deadlines<OpId>,
    /// Those that may be able to go on.
    restless: BTreeSet<OpId>,
}

impl Gatherings {
    pub(crate) fn begin(&mut self, op: OpId, gathering: Gathering) {
        self.ends.set(op, gathering.deadline);
        self.going_on.insert(op, gathering);
        self.restless.insert(op);
    }

    pub(crate) fn get_mut(&mut self, op: OpId) -> Option<&mut Gathering> {
        self.going_on.get_mut(&op)
    }

    pub(crate) fn get(&self, op: OpId) -> Option<&Gathering> {
        self.going_on.get(&op)
    }

    pub(crate) fn len(&self) -> usize {
        self.going_on.len()
    }

    pub(crate) fn end(&mut self, op: OpId) -> Option<Gathering> {
        self.ends.cancel(op);
        self.restless.remove(&op);
        self.going_on.remove(&op)
    }

    pub(crate) fn ops(&self) -> Vec<OpId> {
        self.going_on.keys().copied().collect()
    }

    /// This one may be able to go on.
    pub(crate) fn stir(&mut self, op: OpId) {
        if self.going_on.contains_key(&op) {
            self.restless.insert(op);
        }
    }

    pub(crate) fn pop_restless(&mut self) -> Option<OpId> {
        self.restless.pop_first()
    }

    /// Takes the next one who can be asked now.
    pub(crate) fn next(&mut self, now: Moment, op: OpId) -> Option<Waiting> {
        let gathering = self.going_on.get_mut(&op)?;
        let next = gathering.next()?;
        gathering.open += 1;
        gathering.young += 1;
        self.young.set((op, next.id), now + PATIENCE);
        Some(next)
    }

    /// One of those who were asked has ended. Is anybody interested?
    pub(crate) fn ended(&mut self, op: OpId, id: NodeId) -> bool {
        let Some(gathering) = self.going_on.get_mut(&op) else { return false };
        gathering.open = gathering.open.saturating_sub(1);
        if self.young.is_set((op, id)) {
            gathering.young = gathering.young.saturating_sub(1);
            self.young.cancel((op, id));
        }
        gathering.untaken += 1;
        self.restless.insert(op);
        true
    }

    /// The program has looked at so many.
    pub(crate) fn taken(&mut self, op: OpId, count: usize) {
        if let Some(gathering) = self.going_on.get_mut(&op) {
            gathering.untaken = gathering.untaken.saturating_sub(count);
            self.restless.insert(op);
        }
    }

    /// Nobody else gets his turn: those who wait for it.
    pub(crate) fn give_up(&mut self, op: OpId) -> Vec<Waiting> {
        let Some(gathering) = self.going_on.get_mut(&op) else { return Vec::new() };
        let waiting = std::mem::take(&mut gathering.waiting);
        gathering.open += waiting.len();
        waiting.into()
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.young.next().into_iter().chain(self.ends.next()).min()
    }

    /// Those that have come to their end, and lets the slow ones hold up nobody.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<OpId> {
        while let Some((op, _)) = self.young.pop_due(now) {
            if let Some(gathering) = self.going_on.get_mut(&op) {
                gathering.young = gathering.young.saturating_sub(1);
                self.restless.insert(op);
            }
        }
        self.ends.pop_due(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn id(n: usize) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    fn waiting(n: usize, turn: usize) -> Waiting {
        Waiting { id: id(n), path: NodePath::root(), token: None, lost: None, turn }
    }

    fn room(count: usize, turn: impl Fn(usize) -> usize) -> Gatherings {
        let wording = Wording::Request { name: "PING".to_owned(), argument: Value::Null };
        let mut gathering = Gathering::new(Purpose::Say(wording), Moment::ZERO + PATIENCE * 60);
        (0..count).for_each(|n| gathering.wait(waiting(n, turn(n))));
        let mut room = Gatherings::default();
        room.begin(OpId(1), gathering);
        room
    }

    #[test]
    fn so_many_are_asked_at_a_time_and_slow_ones_hold_up_nobody_for_long() {
        let mut room = room(10_000, |_| 0);
        let count =
            |room: &mut Gatherings, now| std::iter::from_fn(|| room.next(now, OpId(1))).count();
        assert_eq!(count(&mut room, Moment::ZERO), GATHER_WINDOW);
        assert!(room.ended(OpId(1), id(0)));
        assert_eq!(count(&mut room, Moment::ZERO), 1);
        let mut now = Moment::ZERO;
        for _ in 0..50 {
            now = now + PATIENCE;
            assert_eq!(room.pop_due(now), None);
            count(&mut room, now);
        }
        let open = room.get(OpId(1)).unwrap().open;
        assert!(open <= GATHER_OPEN_MAX.min(GATHER_UNTAKEN_MAX) && open > GATHER_WINDOW, "{open}");
    }

    #[test]
    fn who_does_not_look_at_the_answers_gets_no_more_of_them() {
        let mut room = room(10_000, |_| 0);
        let mut asked = 0;
        while let Some(next) = room.next(Moment::ZERO, OpId(1)) {
            asked += 1;
            room.ended(OpId(1), next.id);
        }
        assert_eq!(asked, GATHER_UNTAKEN_MAX);
        room.taken(OpId(1), 10);
        assert_eq!(room.pop_restless(), Some(OpId(1)));
        assert!(room.next(Moment::ZERO, OpId(1)).is_some());
    }

    #[test]
    fn nobody_has_his_turn_before_the_earlier_turns_have_ended() {
        let mut room = room(4, |n| n / 2);
        let first: Vec<_> = std::iter::from_fn(|| room.next(Moment::ZERO, OpId(1))).collect();
        assert_eq!(first.iter().map(|w| w.turn).collect::<Vec<_>>(), [0, 0]);
        room.ended(OpId(1), id(0));
        assert_eq!(room.next(Moment::ZERO, OpId(1)), None);
        room.ended(OpId(1), id(1));
        assert_eq!(room.next(Moment::ZERO, OpId(1)).map(|w| w.turn), Some(1));
    }
}

//! What the program on this node watches, and how far it is with the news of it.
//!
//! This room keeps the numbers; it sends nothing.

use std::collections::BTreeMap;

use crate::expiring::Deadlines;
use crate::id::{NodeId, OpId};
use crate::limits::{WATCH_RENEWAL, WATCH_RETRY};
use crate::moment::Moment;
use crate::selector::Pattern;

/// The program's news that it has taken are told to the server after so many.
const TAKEN_AT_ONCE: u64 = 64;
/// So many renewals in a row without an answer, and the watch is interrupted.
const SILENT_MAX: u32 = 2;

/// One watch of the program.
#[derive(Debug, Clone)]
pub(crate) struct Following {
    pub(crate) pattern: Pattern,
    /// The number that server and watcher call it by.
    pub(crate) number: u64,
    /// Who tells the news.
    pub(crate) server: Option<NodeId>,
    /// Has it ever been confirmed?
    pub(crate) begun: bool,
    /// Is it confirmed now?
    pub(crate) stands: bool,
    /// News that were heard, as the server counts them.
    heard: u64,
    /// News that the program has not looked at.
    untaken: u64,
    /// What the server was told last of how many were taken.
    acknowledged: u64,
    silent: u32,
}

impl Following {
    pub(crate) const fn new(pattern: Pattern, number: u64) -> Self {
        Self {
            pattern,
            number,
            server: None,
            begun: false,
            stands: false,
            heard: 0,
            untaken: 0,
            acknowledged: 0,
            silent: 0,
        }
    }

    /// How many news were taken, for the server to know.
    pub(crate) const fn acknowledge(&mut self) -> u64 {
        self.acknowledged = self.heard.saturating_sub(self.untaken);
        self.acknowledged
    }

    /// It is time to renew it. Has nobody confirmed the last renewals?
    pub(crate) const fn renew(&mut self) -> bool {
        self.silent += 1;
        self.stands && self.silent > SILENT_MAX
    }

    /// The server confirms it. Was something missed?
    pub(crate) fn confirmed(&mut self, server: NodeId, told: u64, anew: bool) -> bool {
        let is_other = anew || self.server != Some(server) || self.heard != told;
        let missed = self.begun && is_other;
        self.silent = 0;
        self.server = Some(server);
        self.heard = told;
        missed
    }

    /// So many news came, after which the server has told so many. Were all before them heard?
    pub(crate) const fn hear(&mut self, news: u64, told: u64) -> bool {
        let complete = self.heard + news == told;
        self.heard = told;
        self.untaken += news;
        complete
    }

    /// The program has looked at so many. Is it time to say so?
    const fn taken(&mut self, count: u64) -> bool {
        self.untaken = self.untaken.saturating_sub(count);
        self.heard.saturating_sub(self.untaken) >= self.acknowledged + TAKEN_AT_ONCE
    }
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Followings {
    by_op: BTreeMap<OpId, Following>,
    due: Deadlines<OpId>,
}

impl Followings {
    pub(crate) fn begin(&mut self, op: OpId, following: Following) {
        self.by_op.insert(op, following);
    }

    pub(crate) fn end(&mut self, op: OpId) -> Option<Following> {
        self.due.cancel(op);
        self.by_op.remove(&op)
    }

    pub(crate) fn get_mut(&mut self, op: OpId) -> Option<&mut Following> {
        self.by_op.get_mut(&op)
    }

    /// The one that both ends call by this number.
    pub(crate) fn numbered(&mut self, number: u64) -> Option<(OpId, &mut Following)> {
        let mut all = self.by_op.iter_mut();
        all.find(|(_, following)| following.number == number).map(|(op, f)| (*op, f))
    }

    pub(crate) fn ops(&self) -> Vec<OpId> {
        self.by_op.keys().copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_op.len()
    }

    /// The program has looked at so many news of this. Is it time to say so?
    pub(crate) fn taken(&mut self, op: OpId, count: usize) -> bool {
        self.by_op.get_mut(&op).is_some_and(|following| following.taken(count as u64))
    }

    /// It was said to the server, or could not be said.
    pub(crate) fn said(&mut self, op: OpId, now: Moment) {
        if let Some(following) = self.by_op.get(&op) {
            let pause = if following.stands { WATCH_RENEWAL } else { WATCH_RETRY };
            self.due.set(op, now + pause);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.due.next()
    }

    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<OpId> {
        self.due.pop_due(now)
    }
}

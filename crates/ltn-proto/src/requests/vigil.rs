//! Whose answer is awaited from above, and when it is time to ask whether that node is still there.
//!
//! No server keeps anything of a question that it passed on, so nobody can tell the one who asked
//! that a branch was lost under it. He asks by himself, a second after the question and from then
//! on every two seconds, once for each node however many questions it has.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::expiring::Deadlines;
use crate::id::NodeId;
use crate::moment::Moment;

/// Most answers come sooner than this, and then nobody is asked anything.
const FIRST: Duration = Duration::from_secs(1);
/// From then on.
const NEXT: Duration = Duration::from_secs(2);
/// Who moves may be unknown for a moment: a node is lost when it is so twice.
const AGAIN: Duration = Duration::from_millis(300);

/// Nodes whose answers are awaited.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vigil {
    /// Was it unknown when it was asked for last?
    awaited: BTreeMap<NodeId, bool>,
    due: Deadlines<NodeId>,
}

impl Vigil {
    /// Something was passed on to this node.
    pub(crate) fn begin(&mut self, node: NodeId, now: Moment) {
        if let std::collections::btree_map::Entry::Vacant(entry) = self.awaited.entry(node) {
            entry.insert(false);
            self.due.set(node, now + FIRST);
        }
    }

    /// Nothing is awaited of this node any more.
    pub(crate) fn end(&mut self, node: NodeId) {
        self.awaited.remove(&node);
        self.due.cancel(node);
    }

    /// It is still there, or nobody could tell.
    pub(crate) fn go_on(&mut self, node: NodeId, now: Moment) {
        if let Some(missed) = self.awaited.get_mut(&node) {
            *missed = false;
            self.due.set(node, now + NEXT);
        }
    }

    /// It is not known any more. Is that certain by now?
    pub(crate) fn is_lost(&mut self, node: NodeId, now: Moment) -> bool {
        let Some(missed) = self.awaited.get_mut(&node) else { return false };
        let certain = std::mem::replace(missed, true);
        if !certain {
            self.due.set(node, now + AGAIN);
        }
        certain
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.due.next()
    }

    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<NodeId> {
        self.due.pop_due(now)
    }
}

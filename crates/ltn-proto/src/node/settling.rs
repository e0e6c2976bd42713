//! Where servers belong, and so whose scope reaches how far down: only over edges that were wanted.
//!
//! A server that goes elsewhere by itself, because its owner says so or because its parent is lost,
//! takes all below it along, who were not asked. So its new place brings nobody into the scope of
//! anybody, until an admin of both says that it belongs there (`s.settle`). What the root knows of
//! that stands in its book; this room asks for a change by an event, and knows it when the book
//! says so.

use std::collections::BTreeMap;

use super::NodeState;
use super::broken::Duty;
use super::running::Run;
use crate::event::Event;
use crate::id::NodeId;
use crate::limits::SETTLING_MAX;
use crate::moment::Moment;
use crate::outcome::{Refusal, RefusalKind};
use crate::permissions::Permission;
use crate::registry::Home;
use crate::standing::Standing;

/// What the root knows of where servers belong.
#[derive(Debug, Clone, Default)]
pub(super) struct Homes {
    by_book: BTreeMap<NodeId, Home>,
    /// Who waits for the book to say this, the longest first.
    waiting: Vec<(Run, NodeId, NodeId)>,
}

impl NodeState {
    /// The nodes above that one in whose scope it is, its parent first.
    pub(super) fn scopes_over(&self, node: NodeId) -> Vec<NodeId> {
        let mut above = Vec::new();
        let mut at = node;
        while let Some(record) = self.tree.get(at) {
            let belongs = || self.homes.by_book.get(&at) == Some(&Home::Below(record.parent));
            // A client brings nobody along, and went there itself.
            if record.role.is_server() && !belongs() && self.does(Duty::Homes) {
                break;
            }
            at = record.parent;
            above.push(at);
        }
        above
    }

    /// A server is where it is for the first time, or again: does it belong there by that?
    pub(super) fn notice_home(&mut self, node: NodeId) {
        let Some(home) = self.homes.by_book.get(&node) else { return };
        let Some(record) = self.tree.get(node).filter(|record| record.role.is_server()) else {
            return;
        };
        let parent = record.parent;
        let belongs = match home {
            Home::Below(_) => false,
            Home::Invited(place) => self.path_of(parent).as_ref() == Some(place),
            Home::Anywhere => true,
        };
        if belongs {
            self.event(Event::Settled { node, parent });
        }
    }

    /// The book says where servers belong.
    pub(super) fn take_homes(&mut self, now: Moment, homes: BTreeMap<NodeId, Home>) {
        self.homes.by_book = homes;
        let all: Vec<NodeId> = self.tree.records().iter().map(|record| record.id).collect();
        for node in all {
            self.notice_home(node);
        }
        self.tell_who_waits(now);
    }

    fn tell_who_waits(&mut self, now: Moment) {
        let waiting = std::mem::take(&mut self.homes.waiting);
        for (run, node, parent) in waiting {
            if self.homes.by_book.get(&node) == Some(&Home::Below(parent)) {
                let text = format!("{} belongs below {} now", self.call(node), self.call(parent));
                self.reply_text(now, &run, text);
            } else if self.inbound.caller(run.inbound).is_some() {
                self.homes.waiting.push((run, node, parent));
            }
        }
    }

    /// `s.settle`: a server belongs where it is now.
    pub(super) fn settle(&mut self, now: Moment, run: Run) {
        match self.check_settle(&run) {
            Ok(None) => {
                let text = format!("{} is no server: it brings nobody along", run.text(0));
                self.reply_text(now, &run, text);
            }
            Ok(Some((node, parent))) => {
                if self.homes.waiting.len() >= SETTLING_MAX {
                    self.homes.waiting.remove(0);
                }
                self.homes.waiting.push((run, node, parent));
                self.event(Event::Settled { node, parent });
                // The book may say so already.
                self.tell_who_waits(now);
            }
            Err(Refusal { kind, text }) => self.refuse(now, &run, kind, &text),
        }
    }

    /// Which server belongs below which, if that is for the caller to say; of a client nothing need
    /// be said.
    fn check_settle(&self, run: &Run) -> Result<Option<(NodeId, NodeId)>, Refusal> {
        let refuse = |kind, text: String| Err(Refusal::new(kind, text));
        let Some(standing) = &self.standing else {
            let text = "in an open network there are no scopes to be brought into";
            return refuse(RefusalKind::NotPossible, text.to_owned());
        };
        let node = self.find_person(&run.raw_text(0))?;
        let parent = self.find_person(&run.raw_text(1))?;
        let (what, below) = (self.call(node), self.call(parent));
        match self.tree.get(node) {
            Some(record) if record.parent == parent && record.role.is_server() => {}
            Some(record) if record.parent == parent => return Ok(None),
            _ => return refuse(RefusalKind::BadTarget, format!("{what} is not below {below} now")),
        }
        let mut before = vec![node];
        if let Some(Home::Below(home)) = self.homes.by_book.get(&node) {
            before.push(*home);
            before.extend(self.scopes_over(*home));
        }
        let mut after = vec![parent];
        after.extend(self.scopes_over(parent));
        for (scopes, what) in [(before, &what), (after, &below)] {
            if !self.is_admin_over(standing, run.actor, &scopes) {
                let text = format!(
                    "who says that {} belongs below {below} must be admin of both by the \
                     network's charter, and you are not of {what}",
                    self.call(node)
                );
                return refuse(RefusalKind::NoPermission, text);
            }
        }
        Ok(Some((node, parent)))
    }

    fn is_admin_over(&self, standing: &Standing, who: NodeId, scopes: &[NodeId]) -> bool {
        let granted = standing.granted(self.owner_of(who), |scope| scopes.contains(&scope));
        who == self.config.id || granted.allow(&Permission::admin())
    }
}

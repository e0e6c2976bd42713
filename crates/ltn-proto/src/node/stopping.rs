//! The end of a node: everybody is told, everything is closed, and then it has stopped.

use super::NodeState;
use crate::event::Event;
use crate::id::LinkId;
use crate::moment::Moment;
use crate::outcome::{CloseReason, Refusal, RefusalKind};

/// The node is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopping {
    restart: bool,
    told: bool,
}

impl NodeState {
    /// Stop: tell everybody, close everything. [`Self::finish_stopping`] says when it is over.
    pub(super) fn stop(&mut self, now: Moment, restart: bool) {
        let reason = if restart { CloseReason::Restarting } else { CloseReason::Stopping };
        self.stop_because(now, reason);
    }

    pub(super) fn stop_because(&mut self, now: Moment, reason: CloseReason) {
        if self.stopping.is_some() {
            return;
        }
        let restart = reason == CloseReason::Restarting;
        self.stopping = Some(Stopping { restart, told: false });
        self.event(Event::Stopping { restart });
        self.services.halt();
        let refusal = Refusal::new(RefusalKind::Stopping, "this node is stopping");
        self.give_up_search(now, &refusal);
        let links: Vec<LinkId> = self.links.iter().map(|(id, _)| id).collect();
        let text = format!("{} {reason}", self.name);
        for link in links {
            self.close_link(now, link, reason, &text);
        }
        self.end_all_requests(now);
        self.end_all_gatherings();
        self.end_all_followings();
    }

    pub(super) fn finish_stopping(&mut self) {
        if let Some(stopping) = &mut self.stopping
            && !stopping.told
            && self.links.is_empty()
        {
            stopping.told = true;
            let restart = stopping.restart;
            self.event(Event::Stopped { restart });
        }
    }
}

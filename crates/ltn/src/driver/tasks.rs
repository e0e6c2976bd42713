//! What is at work in this node, in words: what `s.listthreads` shows.

use std::collections::HashMap;

use ltn_proto::{Name, NodeId};

use super::Driver;
use crate::link::LinkHandle;
use crate::words::TaskStatus;

/// Links that are listed one by one; the others are counted.
const LISTED_LINKS_MAX: usize = 256;

impl Driver {
    /// The driver first, then what it works with.
    pub(super) fn tasks(&mut self) -> Vec<TaskStatus> {
        let mut tasks = vec![task("driver", self.own_state())];
        for listener in &self.listeners {
            let state = if listener.is_listening() { "listening" } else { "ended" };
            tasks.push(task(format!("listener {}", listener.address()), state));
        }
        let picture = self.mind.snapshot(self.now);
        let names = picture.tree.into_iter().map(|node| (node.id, node.name)).collect();
        self.list_links(&names, &mut tasks);
        let (running, offered) = self.handlers.counts();
        tasks.push(task("handlers", format!("{running} running, {offered} on offer")));
        for service in picture.services {
            let line = service.to_string();
            let state = line.strip_prefix(&format!("{}: ", service.name)).unwrap_or(&line);
            tasks.push(task(format!("service {}", service.name), state));
        }
        let (waiting, dropped) = (self.inbox.waiting(), self.inbox.dropped());
        tasks.push(task("inbox", format!("{waiting} messages wait, {dropped} dropped")));
        if self.log.has_file() {
            tasks.push(task("log file", "writing"));
        }
        tasks
    }

    fn own_state(&self) -> String {
        let (run, asks, wakes) = (self.life.borrow().run + 1, self.asks.len(), self.wakes.len());
        format!("life {run}, {asks} wishes and {wakes} arrivals wait")
    }

    fn list_links(&self, names: &HashMap<NodeId, Name>, tasks: &mut Vec<TaskStatus>) {
        let mut links: Vec<&LinkHandle> = self.links.values().collect();
        links.sort_by_key(|link| link.link());
        let beyond = links.len().saturating_sub(LISTED_LINKS_MAX);
        for link in links.into_iter().take(LISTED_LINKS_MAX) {
            let state = match (link.is_stalled(), link.is_congested()) {
                (true, _) => "stalled: the other end does not read",
                (false, true) => "congested",
                (false, false) => "open",
            };
            let peer = link.peer();
            let who = names.get(&peer).map_or_else(|| peer.to_string(), Name::to_string);
            tasks.push(task(format!("link with {who} at {}", link.remote()), state));
        }
        if beyond > 0 {
            tasks.push(task("links", format!("{beyond} more")));
        }
    }
}

fn task(task: impl Into<String>, state: impl Into<String>) -> TaskStatus {
    TaskStatus { task: task.into(), state: state.into() }
}

//! Who in the program listens to what is heard of many nodes: one queue for each roll call or list.
//!
//! The queues have no limit of their own. The mind tells no more than a thousand answers that the
//! program has not looked at, and no list is longer than a map.

use std::collections::HashMap;

use ltn_proto::{ManyEvent, OpId, Outcome};
use tokio::sync::mpsc;

/// What a listener hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Something of one, or some, of many.
    Event(ManyEvent),
    /// That is all.
    Ended(Outcome),
}

/// All listeners of a node.
#[derive(Debug, Default)]
pub(crate) struct Listeners(HashMap<OpId, mpsc::UnboundedSender<Heard>>);

impl Listeners {
    /// Somebody listens.
    pub(crate) fn add(&mut self, op: OpId, listener: mpsc::UnboundedSender<Heard>) {
        self.0.insert(op, listener);
    }

    /// Passes on what was heard. Gives back the number of what nobody listens to any more.
    pub(crate) fn hear(&mut self, event: ManyEvent) -> Option<OpId> {
        let op = event.op();
        let listener = self.0.get(&op);
        if listener.is_some_and(|listener| listener.send(Heard::Event(event)).is_ok()) {
            return None;
        }
        self.0.remove(&op);
        Some(op)
    }

    /// Passes on how it ended; gives the outcome back if it is not about many.
    pub(crate) fn ended(&mut self, op: OpId, outcome: Outcome) -> Option<Outcome> {
        match self.0.remove(&op) {
            Some(listener) => {
                // Whoever does not wait any more does not need to know.
                let _ = listener.send(Heard::Ended(outcome));
                None
            }
            None => Some(outcome),
        }
    }

    /// Nothing more will be heard.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

//! One-use tickets for data connections: who was given them, and which are still good.
//!
//! They come from the mind of the parent by the link, so only the child at its other end knows
//! them. This room knows nothing of connections.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ltn_proto::{Address, NodeId};
use tokio::sync::Notify;

/// Tickets of one child, and of one parent.
const TICKETS_MAX: usize = 64;

/// The way to the parent's data port.
#[derive(Debug)]
pub(super) struct Uplink {
    pub(super) parent: NodeId,
    pub(super) address: Address,
    pub(super) tickets: Mutex<Tickets>,
    /// Rings when there are more tickets.
    pub(super) came: Notify,
    /// Rings when the parent wants a connection to be parked.
    pub(super) wanted: Notify,
}

/// Tickets that can be used once, oldest first. Both ends forget the oldest when there are more
/// than [`TICKETS_MAX`], so they agree on which are good.
#[derive(Debug, Default)]
pub(super) struct Tickets(VecDeque<Ticket>);

/// A one-use ticket for a data connection.
pub(super) type Ticket = [u8; 16];

impl Uplink {
    pub(super) fn new(parent: NodeId, address: Address) -> Self {
        let (tickets, came, wanted) = (Mutex::default(), Notify::new(), Notify::new());
        Self { parent, address, tickets, came, wanted }
    }

    /// The oldest ticket, as soon as there is one.
    pub(super) async fn ticket(&self) -> Ticket {
        loop {
            let came = self.came.notified();
            tokio::pin!(came);
            // Listen before looking, so that none is missed in between.
            came.as_mut().enable();
            let ticket = locked(&self.tickets).0.pop_front();
            match ticket {
                Some(ticket) => return ticket,
                None => came.await,
            }
        }
    }
}

impl Tickets {
    pub(super) fn add(&mut self, ticket: Ticket) {
        if self.0.len() == TICKETS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(ticket);
    }

    /// Was it good? It is not any more.
    pub(super) fn used(&mut self, ticket: Ticket) -> bool {
        let found = self.0.iter().position(|known| *known == ticket);
        found.and_then(|at| self.0.remove(at)).is_some()
    }
}

/// What these locks guard is whole between any two statements, also after a panic.
pub(super) fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_the_oldest_go_first() {
        let mut tickets = Tickets::default();
        for n in 0..=TICKETS_MAX {
            tickets.add([n as u8; 16]);
        }
        assert!(!tickets.used([0; 16]));
        assert!(tickets.used([1; 16]));
        assert!(!tickets.used([1; 16]));
        assert_eq!(tickets.0.len(), TICKETS_MAX - 1);
    }
}

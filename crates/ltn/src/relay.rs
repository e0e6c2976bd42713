//! The local door of a node that takes nobody below it, a client: whoever comes in by it is passed
//! on to the client's higher server, byte by byte.
//!
//! What passes is the visitor's own encrypted connection with that server; this room reads none of
//! it and gives the visitor nothing of the client's rights.

use std::time::Duration;

use ltn_proto::{Address, Event};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::carrier::{Acceptor, Carried, Carriers};

/// Visitors at one time; further ones wait at the door.
const GUESTS_MAX: usize = 32;
/// Reaching the higher server takes no longer.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a visitor that could not be let in.
const PAUSE: Duration = Duration::from_millis(20);

/// Passes visitors on until the node has stopped, which ends its events.
pub(crate) fn start(
    acceptor: Box<dyn Acceptor>,
    carriers: Carriers,
    events: broadcast::Receiver<Event>,
) {
    tokio::spawn(keep(acceptor, carriers, events));
}

async fn keep(
    mut acceptor: Box<dyn Acceptor>,
    carriers: Carriers,
    mut events: broadcast::Receiver<Event>,
) {
    let mut server = None;
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Ok(Event::Connected { address, .. }) => server = Some(address),
                Ok(Event::Disconnected { returning: false, .. }) => server = None,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            Some(_) = guests.join_next() => {}
            guest = acceptor.accept(), if guests.len() < GUESTS_MAX => match (guest, &server) {
                (Ok(guest), Some(to)) => {
                    guests.spawn(pass_on(carriers.clone(), guest, to.clone()));
                }
                // Without a server there is nobody to talk to: the connection ends here.
                (Ok(_), None) => {}
                (Err(error), _) => {
                    tracing::debug!(%error, "a visitor at the local door was turned away");
                    sleep(PAUSE).await;
                }
            },
        }
    }
}

async fn pass_on(carriers: Carriers, mut guest: Carried, to: Address) {
    if let Ok(Ok(mut server)) = timeout(DIAL_TIMEOUT, carriers.dial(&to)).await {
        // Both ends notice how it ended.
        let _ = tokio::io::copy_bidirectional(&mut guest.stream, &mut server.stream).await;
    }
}

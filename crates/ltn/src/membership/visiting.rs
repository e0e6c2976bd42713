//! What one visit learns for the next: who is out. A visit begins with the charter that the
//! directory knows, so a server that was put out could be visited as long as nobody told of it.

use std::path::PathBuf;

use ltn_proto::Event;
use tokio::sync::broadcast::error::RecvError;

use crate::node::Node;
use crate::state::Visitors;

/// Writes down each newer charter that this visit is shown, beside the keys for visits.
pub(crate) fn remember_charters(node: &Node, directory: PathBuf) {
    let mut events = node.events();
    tokio::spawn(async move {
        loop {
            let charter = match events.recv().await {
                Ok(Event::Chartered { charter }) => charter,
                Ok(Event::Stopped { restart: false }) | Err(RecvError::Closed) => return,
                // Of several the next one is the newest again.
                Ok(_) | Err(RecvError::Lagged(_)) => continue,
            };
            let path = directory.clone();
            // An error says that the program is ending.
            let _ = tokio::task::spawn_blocking(move || Visitors::learn(&path, &charter)).await;
        }
    });
}

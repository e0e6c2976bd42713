//! What the stories share: nodes at free ports, and waiting that ends.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use std::path::PathBuf;
use std::time::Duration;

use ltn::{Address, Client, Event, Joined, MainServer, Node, SubServer, TreeNode};
use tokio::sync::broadcast;

/// No step of a story takes longer than this, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The result of a step that must end.
pub(crate) async fn soon<F: Future>(step: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, step).await {
        Ok(result) => result,
        Err(_) => panic!("a step did not end within {PATIENCE:?}"),
    }
}

/// The result of a step that moves a hundred megabytes, with code that nobody optimised.
pub(crate) async fn patiently<F: Future>(step: F) -> F::Output {
    match tokio::time::timeout(PATIENCE * 15, step).await {
        Ok(result) => result,
        Err(_) => panic!("a large step did not end within {:?}", PATIENCE * 15),
    }
}

pub(crate) async fn main_server() -> Node {
    MainServer::builder().open().port(0).data_port(0).start().await.unwrap()
}

pub(crate) async fn sub_server(name: &str, below: &Node) -> Node {
    let node = SubServer::builder(name).open().port(0).start().await.unwrap();
    join(&node, below).await;
    node
}

pub(crate) async fn client(name: &str, below: &Node) -> Node {
    let node = Client::builder(name).open().start().await.unwrap();
    join(&node, below).await;
    node
}

pub(crate) async fn join(node: &Node, below: &Node) -> Joined {
    soon(node.connect(&address_of(below))).await.unwrap()
}

pub(crate) fn address_of(server: &Node) -> Address {
    server.address().unwrap()
}

/// Waits for the first event that fits.
pub(crate) async fn event<T>(
    events: &mut broadcast::Receiver<Event>,
    fits: impl Fn(Event) -> Option<T>,
) -> T {
    soon(async {
        loop {
            let event = events.recv().await.unwrap();
            if let Some(found) = fits(event) {
                return found;
            }
        }
    })
    .await
}

/// Asks for the network until the news that make it fit have come up to the root.
pub(crate) async fn network(node: &Node, fits: impl Fn(&[TreeNode]) -> bool) -> Vec<TreeNode> {
    soon(async {
        loop {
            let nodes = node.network().await.unwrap();
            if fits(&nodes) {
                return nodes;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// A directory for states of its own, gone when the story is over.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(story: &str) -> Self {
        let name = format!("ltn-story-{story}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // It may be left from a process of this number that was killed.
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is in the system's own place for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

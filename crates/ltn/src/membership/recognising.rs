//! Who joined after the backup that a main server was restored from: its book gets to know him by
//! his name as soon as he is in the tree.
//!
//! A server in between may make up nodes and their names, but no certificate of the authority: a
//! node is taken into the book only if it shows one that was made for it. Every member shows its
//! own to who asks for it; there is no secret in it.

use std::sync::Arc;
use std::time::Duration;

use ltn_proto::registry::Registry;
use ltn_proto::{NodeId, NodePath, PresenceKind, Role, Value};
use tokio::sync::Semaphore;

use super::desk::Desk;
use super::network::Network;
use crate::error::TalkError;
use crate::node::{Node, WatchEvent};
use crate::tls::Membership;

/// What a member is asked for its certificate by.
const CERTIFICATE: &str = "CERTIFICATE";
/// A node has this long to show it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nodes that are asked at the same time.
const ASKED_MAX: usize = 16;
/// All nodes of the network.
const EVERYBODY: &str = "/**";

/// Offers what a member, and beside it the main server, has to offer.
pub(crate) async fn serve(
    node: &Node,
    certificate: Option<Vec<u8>>,
    network: Option<Network>,
) -> Result<(), TalkError> {
    if let Some(certificate) = certificate.filter(|_| node.role().is_listed()) {
        node.offer(CERTIFICATE, Value::Bytes(certificate)).await?;
    }
    match network {
        Some(network) => network.serve(node.clone()).await,
        None => Ok(()),
    }
}

/// Takes everybody into the book who is there and shows that he is a member, until the node ends.
/// A book that was never in a backup knows all of them.
pub(super) async fn recognise(desk: Desk, node: Node, membership: Membership) {
    if !desk.look(Registry::may_miss_members).await {
        return;
    }
    let (membership, places) = (Arc::new(membership), Arc::new(Semaphore::new(ASKED_MAX)));
    let asker = Asker { desk, node, membership, places };
    // An error says that this node has ended.
    let _ended = asker.ask_everybody().await;
}

#[derive(Clone)]
struct Asker {
    desk: Desk,
    node: Node,
    /// The main server's own.
    membership: Arc<Membership>,
    places: Arc<Semaphore>,
}

impl Asker {
    async fn ask_everybody(&self) -> Result<(), TalkError> {
        let mut watch = self.node.watch(EVERYBODY).await?;
        loop {
            for known in self.node.network().await? {
                self.ask(known.id, known.path).await;
            }
            loop {
                match watch.next().await {
                    Some(WatchEvent::Presence(news)) if news.kind != PresenceKind::Left => {
                        self.ask(news.id, news.path).await;
                    }
                    Some(WatchEvent::Gap(_) | WatchEvent::Resumed) => break,
                    Some(_) => {}
                    None => return Ok(()),
                }
            }
        }
    }

    /// Asks this node if the book does not know it, once there is a place.
    async fn ask(&self, id: NodeId, path: NodePath) {
        if self.desk.look(|book| book.knows(id)).await {
            return;
        }
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        let asker = self.clone();
        tokio::spawn(async move {
            asker.take_in(id, &path).await;
            drop(place);
        });
    }

    async fn take_in(&self, id: NodeId, path: &NodePath) {
        let shown = self.node.request_within(PATIENCE, id, CERTIFICATE, ()).await;
        let Ok(Value::Bytes(certificate)) = shown else { return };
        let Some(role) = role_of(&self.membership, certificate, id) else {
            tracing::warn!(%path, %id, "shows no certificate of this network");
            return;
        };
        let (name, place) = (path.names().last().cloned(), path.parent());
        let taken = self.desk.change(|book| book.registry_mut().recognise(id, role, (name, place)));
        match taken.await {
            Ok(true) => {
                let called = self.desk.look(|book| book.call(id)).await;
                tracing::info!(%path, %id, called, "joined after the backup, and is in the book");
            }
            Ok(false) => {}
            Err(refusal) => tracing::error!(%refusal, %path, "cannot be taken into the book"),
        }
    }
}

/// What this certificate says that the node was invited to be, if it is good and the node's own.
fn role_of(ours: &Membership, certificate: Vec<u8>, id: NodeId) -> Option<Role> {
    let shown = Membership { certificate, ..ours.clone() };
    shown.subject().ok().filter(|(subject, _)| *subject == id).map(|(_, role)| role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{Authority, Identity, network_of};

    /// A certificate of this authority for a new key, as its holder shows it.
    fn certified(authority: &Authority, role: Role) -> (NodeId, Membership) {
        let identity = Identity::throw_away().unwrap();
        let key = identity.signer().unwrap().public_key().to_vec();
        let membership = Membership {
            network: network_of(authority.certificate()).unwrap(),
            authority: authority.certificate().to_vec(),
            certificate: authority.certify(&key, role).unwrap(),
        };
        (identity.id(), membership)
    }

    #[test]
    fn nobody_is_a_member_by_another_ones_certificate_or_that_of_another_network() {
        let (home, _) = Authority::make().unwrap();
        let (away, _) = Authority::make().unwrap();
        let (_, ours) = certified(&home, Role::MainServer);
        let (lamp, shown) = certified(&home, Role::Client);
        assert_eq!(role_of(&ours, shown.certificate.clone(), lamp), Some(Role::Client));
        let ghost = NodeId::of_public_key(b"made up");
        assert_eq!(role_of(&ours, shown.certificate, ghost), None);
        let (stranger, shown) = certified(&away, Role::Client);
        assert_eq!(role_of(&ours, shown.certificate, stranger), None);
        assert_eq!(role_of(&ours, vec![0; 300], stranger), None);
    }
}

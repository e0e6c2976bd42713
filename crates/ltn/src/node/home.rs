//! Where a node is reached, and where it belongs by its state directory.

use std::path::Path;

use ltn_proto::{Address, NetworkId, NodePath};

use super::Node;
use crate::carrier::OWNER;
use crate::error::ConnectError;
use crate::words::Joined;

impl Node {
    /// Where its listener is reached, if it has one.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.shared.facts.address.clone()
    }

    /// All addresses where its listener may be reached, the likeliest first; more than one only if
    /// it listens at all addresses of the machine.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.shared.facts.bound.as_ref().map_or_else(Vec::new, crate::port::hints)
    }

    /// The network that it is a member of; nothing in an open one.
    #[must_use]
    pub fn network_id(&self) -> Option<NetworkId> {
        self.shared.facts.network
    }

    /// The server that this member was invited to hang below, if it was never anywhere yet.
    #[must_use]
    pub fn invited_to(&self) -> Option<&NodePath> {
        self.shared.facts.invited_to.as_ref()
    }

    /// The directory that this node keeps its state in, if it was given one.
    #[must_use]
    pub fn state_directory(&self) -> Option<&Path> {
        self.shared.facts.kept.as_ref().map(|kept| kept.directory.as_path())
    }

    /// Where this node shall join. `told` is the server that it is configured with, in a command
    /// line or a file. A node with a state directory that was told the same server the last time
    /// goes where it belonged when it stopped, also if it was moved meanwhile; one that is told
    /// another server goes there.
    ///
    /// # Errors
    /// [`ConnectError::NoHome`] where nothing is told or remembered, [`ConnectError::NotKept`] if
    /// what was told could not be written down.
    pub async fn home(&self, told: Option<&Address>) -> Result<Address, ConnectError> {
        let Some(kept) = &self.shared.facts.kept else {
            return told.cloned().ok_or(ConnectError::NoHome);
        };
        let last_told = kept.told_parent.as_ref();
        let parent = kept.remembered.parent.as_ref();
        let parent = parent.and_then(|parent| parent.addresses.first());
        match told {
            Some(told) if last_told != Some(told) => {
                let telling = kept.keeper.tell_parent(told.clone());
                telling.await.map_err(ConnectError::NotKept)?;
                Ok(told.clone())
            }
            _ => parent.or(last_told).cloned().ok_or(ConnectError::NoHome),
        }
    }

    /// Joins the node that this one stands beside ([`crate::NodeBuilder::beside`]) through its
    /// local door; where that is a client, its higher server.
    ///
    /// # Errors
    /// [`ConnectError::NoServer`] if no node runs with that directory, or it is a client that has
    /// no server.
    pub async fn connect_beside(&self) -> Result<Joined, ConnectError> {
        self.connect(&Address::new(OWNER)).await
    }

    /// Joins the server of [`Self::home`], and goes on trying until it works or the node stops.
    ///
    /// # Errors
    /// Those of [`Self::home`] and of [`Self::connect_until_it_works`].
    pub async fn connect_home(&self, told: Option<&Address>) -> Result<Joined, ConnectError> {
        self.connect_until_it_works(&self.home(told).await?).await
    }
}

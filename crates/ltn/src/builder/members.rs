//! What a builder takes of a network with members, and the keys that a node begins with.

use ltn_proto::{Permissions, Role};

use super::keeping::no_identity;
use super::{Mode, NodeBuilder};
use crate::error::StartError;
use crate::membership::{Credentials, Network};
use crate::tls::{Signer, Tls};

impl NodeBuilder {
    /// A member of a network: with the key and the certificate that it joined with. It listens at
    /// any address that is said, everybody there may do what needs no more than `user`, and the
    /// network's charter says who may more. An empty name becomes the one of the invite.
    #[must_use]
    pub fn member(mut self, credentials: &Credentials) -> Self {
        self.mode = Mode::Members;
        self.newcomers = Permissions::user();
        if let (true, Some(name)) = (self.name.is_empty(), credentials.name()) {
            name.as_str().clone_into(&mut self.name);
        }
        self.member = Some(credentials.clone());
        self
    }

    /// The main server of this network: who was invited joins through it, or through any server
    /// below it.
    #[must_use]
    pub fn root_of(self, network: &Network) -> Self {
        let mut root = self.member(network.root());
        root.network = Some(network.clone());
        root
    }

    /// What this member does with its key: signing, and connections.
    pub(super) fn keys_of(&self, member: &Credentials) -> Result<(Signer, Tls), StartError> {
        if member.role() != self.role && self.role != Role::Session {
            return Err(StartError::WrongRole { invited: member.role(), wanted: self.role });
        }
        member.keys().map_err(no_identity)
    }
}

//! What makes a node a member: its key, the certificate of it, and the newest charter.
//!
//! They live in memory here; where they are kept between two runs is for whoever holds them.

use std::sync::Arc;

use ltn_proto::{Name, NetworkId, NodeId, NodePath, Role, SignedCharter, Standing};

use super::joining::Joined;
use crate::tls::{
    Identity, IdentityError, Membership, Signer, Tls, check_membership, public_key_of,
};

/// What makes a node a member of a network. Cheap to clone; two nodes with the same credentials at
/// the same time are found out as one key on two machines.
#[derive(Clone)]
pub struct Credentials {
    identity: Arc<Identity>,
    membership: Membership,
    standing: Standing,
    role: Role,
    name: Option<Name>,
    place: Option<NodePath>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is left out: a log is no place for it.
        let mut shown = f.debug_struct("Credentials");
        shown.field("id", &self.identity.id()).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Who the node is.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.identity.id()
    }

    /// Which network.
    #[must_use]
    pub const fn network(&self) -> NetworkId {
        self.membership.network
    }

    /// What the node was invited to be.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// What it was invited to be called.
    #[must_use]
    pub const fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// The server that it was invited to hang below.
    #[must_use]
    pub const fn place(&self) -> Option<&NodePath> {
        self.place.as_ref()
    }

    pub(super) fn new(
        identity: Identity,
        membership: Membership,
        charter: SignedCharter,
    ) -> Result<Self, IdentityError> {
        let role = check_membership(&identity, &membership)?;
        let authority_key = public_key_of(&membership.authority)?;
        let standing = Standing::new(authority_key, charter)
            .map_err(|bad| IdentityError::of(&bad.to_string()))?;
        let identity = Arc::new(identity);
        Ok(Self { identity, membership, standing, role, name: None, place: None })
    }

    pub(super) fn of_joined(identity: Identity, joined: Joined) -> Result<Self, IdentityError> {
        let Joined { membership, admitted, .. } = joined;
        let bytes = admitted.charter.into();
        let charter = SignedCharter { bytes, signature: admitted.charter_signature };
        let mut credentials = Self::new(identity, membership, charter)?;
        credentials.name = admitted.name;
        credentials.place = admitted.place;
        Ok(credentials)
    }

    pub(crate) fn keys(&self) -> Result<(Signer, Tls), IdentityError> {
        Ok((self.identity.signer()?, Tls::members(&self.identity, &self.membership)?))
    }

    pub(crate) const fn standing(&self) -> &Standing {
        &self.standing
    }
}

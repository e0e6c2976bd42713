//! What makes a node a member: its key, the certificate of it, and the newest charter.
//!
//! They live in memory here; between two runs a state directory keeps them.

use std::fs::File;
use std::sync::Arc;

use ltn_proto::admission::Admitted;
use ltn_proto::{Name, NetworkId, NodeId, NodePath, Role, SignedCharter, Standing};

use crate::state::{State, Visit};
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
        identity: Arc<Identity>,
        membership: Membership,
        charter: SignedCharter,
    ) -> Result<Self, IdentityError> {
        let role = check_membership(&identity, &membership)?;
        let authority_key = public_key_of(&membership.authority)?;
        let standing = Standing::new(authority_key, charter)
            .map_err(|bad| IdentityError::of(&bad.to_string()))?;
        Ok(Self { identity, membership, standing, role, name: None, place: None })
    }

    /// What the root let in.
    pub(super) fn of_admitted(
        identity: Arc<Identity>,
        membership: Membership,
        admitted: &Admitted,
    ) -> Result<Self, IdentityError> {
        let mut credentials = Self::new(identity, membership, charter_of(admitted))?;
        credentials.name.clone_from(&admitted.name);
        credentials.place.clone_from(&admitted.place);
        Ok(credentials)
    }

    /// The member that a state directory holds; in an open network it is none.
    pub(crate) fn of_state(state: &State) -> Option<Self> {
        let (belonging, standing) = state.belonging()?;
        Some(Self {
            identity: Arc::clone(state.identity()),
            membership: belonging.membership.clone(),
            standing: standing.clone(),
            role: state.role(),
            name: Name::known(state.name()).ok(),
            place: belonging.place.clone(),
        })
    }

    /// What visits are made with.
    pub(crate) fn of_visit(visit: Visit) -> Result<(Self, VisitFacts), IdentityError> {
        let Visit { identity, membership, charter, number, turn } = visit;
        let facts = VisitFacts { number, _turn: Arc::new(turn) };
        Ok((Self::new(Arc::new(identity), membership, charter)?, facts))
    }

    /// Key, certificates and charter, to be stored.
    pub(super) fn parts(&self) -> (&Identity, &Membership, &SignedCharter) {
        (&self.identity, &self.membership, self.standing.signed())
    }

    /// The certificate of its key (DER).
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.membership.certificate
    }

    pub(crate) fn keys(&self) -> Result<(Signer, Tls), IdentityError> {
        Ok((self.identity.signer()?, Tls::members(&self.identity, &self.membership)?))
    }

    pub(crate) const fn standing(&self) -> &Standing {
        &self.standing
    }
}

/// What a visit knows of itself.
#[derive(Debug, Clone)]
pub(crate) struct VisitFacts {
    /// How many there were with its key.
    pub(crate) number: u32,
    /// Nobody else has the key as long as this is held.
    _turn: Arc<File>,
}

/// The charter that came with an admission.
pub(super) fn charter_of(admitted: &Admitted) -> SignedCharter {
    let bytes = admitted.charter.clone().into();
    SignedCharter { bytes, signature: admitted.charter_signature }
}

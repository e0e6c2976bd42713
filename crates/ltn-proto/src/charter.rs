//! The charter of a network: who may do what, and who is out, in one document that only the
//! network's authority can sign.
//!
//! It is passed down the tree as it is and kept by every node; the highest edition counts, so a
//! node that has seen a revocation never forgets it, and an old backup resurrects nobody. This room
//! reads, checks and answers. It does not know the tree: whether a scope covers this node is the
//! caller's to say.

mod names;

pub use names::OwnName;

use std::collections::BTreeSet;

use bytes::Bytes;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::body;
use crate::id::{NetworkId, NodeId};
use crate::limits::{CHARTER_BYTES_MAX, GRANTS_MAX, OWN_NAMES_MAX, REVOCATIONS_MAX};
use crate::permissions::{Permission, Permissions};
use crate::signature::{Purpose, SIGNATURE_BYTES, is_signed};

/// Who may do what, and who is out.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Charter {
    /// Of which network.
    #[n(0)]
    pub network: NetworkId,
    /// The main server.
    #[n(1)]
    pub root: NodeId,
    /// Which edition.
    #[n(2)]
    pub edition: Edition,
    /// Who may do more than everybody.
    #[n(3)]
    pub grants: Vec<Grant>,
    /// Whose keys are refused.
    #[n(4)]
    pub revoked: Vec<NodeId>,
    /// Those of the grants that end by the main server's time: one that is restored from a backup
    /// does not know when, and must not make them last for ever.
    #[n(5)]
    pub ending: Option<Vec<Grant>>,
    /// Which names are whose.
    #[cbor(n(6), default)]
    pub names: Vec<OwnName>,
}

/// Which edition of a charter it is; the higher one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
pub struct Edition {
    /// Grows when a root is restored from a backup.
    #[n(0)]
    pub epoch: u64,
    /// Grows with each change.
    #[n(1)]
    pub version: u64,
}

/// Which charter somebody has. Two of one edition that differ are possible only where a main server
/// was set back, by a copy of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Mark {
    /// Its edition.
    #[n(0)]
    pub(crate) edition: Edition,
    /// The first bytes of the SHA-256 of what the authority signed.
    #[n(1)]
    pub(crate) digest: ByteArray<MARK_BYTES>,
}

const MARK_BYTES: usize = 8;

/// What one node may do, and where.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Grant {
    /// Who.
    #[n(0)]
    pub who: NodeId,
    /// What.
    #[n(1)]
    pub what: Vec<Permission>,
    /// At this node and all below it; the main server stands for the whole network.
    #[n(2)]
    pub scope: NodeId,
}

/// A charter as it travels: its bytes, never written anew, and the authority's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCharter {
    /// The charter.
    pub bytes: Bytes,
    /// The signature over them, for [`Purpose::Charter`].
    pub signature: [u8; SIGNATURE_BYTES],
}

/// Bytes that should be a charter of this network and are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadCharter {
    /// The authority has not signed it.
    #[error("the charter is not signed by the authority of this network")]
    NotSigned,
    /// It is of another network.
    #[error("the charter is of another network")]
    OtherNetwork,
    /// It is larger than a charter may be, or no charter.
    #[error("the charter cannot be read")]
    Unreadable,
}

impl Charter {
    /// The first charter of a network: nobody may more than everybody, nobody is out.
    #[must_use]
    pub fn first(network: NetworkId, root: NodeId) -> Self {
        let edition = Edition { epoch: 1, version: 1 };
        let (grants, revoked, names) = (Vec::new(), Vec::new(), Vec::new());
        Self { network, root, edition, grants, revoked, ending: None, names }
    }

    /// Its bytes, to be signed; `None` if it says more than a charter may.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Bytes> {
        let fits = self.grants.len() <= GRANTS_MAX
            && self.revoked.len() <= REVOCATIONS_MAX
            && self.names.len() <= OWN_NAMES_MAX;
        Some(body::write(self)).filter(|bytes| fits && bytes.len() <= CHARTER_BYTES_MAX)
    }

    /// Is this node out?
    #[must_use]
    pub fn is_revoked(&self, id: NodeId) -> bool {
        self.revoked.contains(&id)
    }

    /// Refuses these, too, for ever, and takes all their rights.
    pub(crate) fn refuse_too(&mut self, ids: &[NodeId]) {
        let known: BTreeSet<NodeId> = self.revoked.iter().copied().collect();
        self.revoked.extend(ids.iter().filter(|id| !known.contains(id)));
        self.grants.retain(|grant| !self.revoked.contains(&grant.who));
    }

    /// What this node may do beyond what everybody may, at a node that the scopes for which
    /// `covers` holds cover.
    #[must_use]
    pub fn granted(&self, who: NodeId, covers: impl Fn(NodeId) -> bool) -> Permissions {
        if self.is_revoked(who) {
            return Permissions::none();
        }
        let here = self.grants.iter().filter(|grant| grant.who == who);
        let here = here.filter(|grant| grant.scope == self.root || covers(grant.scope));
        here.flat_map(|grant| &grant.what)
            .fold(Permissions::none(), |all, word| all.with(word.clone()))
    }
}

impl SignedCharter {
    /// What tells it from others, given its edition.
    pub(crate) fn mark(&self, edition: Edition) -> Mark {
        let mut digest = [0; MARK_BYTES];
        digest.copy_from_slice(&Sha256::digest(&self.bytes)[..MARK_BYTES]);
        Mark { edition, digest: digest.into() }
    }

    /// The charter, if the holder of this key signed it and it is of the network of that key.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(&self, authority_key: &[u8]) -> Result<Charter, BadCharter> {
        if self.bytes.len() > CHARTER_BYTES_MAX {
            return Err(BadCharter::Unreadable);
        }
        if !is_signed(authority_key, Purpose::Charter, &self.bytes, &self.signature) {
            return Err(BadCharter::NotSigned);
        }
        let charter: Charter = body::read(&self.bytes).map_err(|_| BadCharter::Unreadable)?;
        if charter.network != NetworkId::of_authority_key(authority_key) {
            return Err(BadCharter::OtherNetwork);
        }
        Ok(charter)
    }
}

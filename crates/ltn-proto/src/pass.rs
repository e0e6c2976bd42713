//! Whose a visit is: the word of a network's authority that a key for visits is a member's.
//!
//! A member holds a few keys beside its own, for short visits. By its pass each of them is known as
//! that member's, to whoever knows the authority's key and at any distance; so rights and
//! revocations name members alone. This room reads and checks; what a visit may is decided
//! elsewhere.

use minicbor::{Decode, Encode};

use crate::id::{NetworkId, NodeId};
use crate::signature::{Purpose, SIGNATURE_BYTES, is_signed};

/// A pass in bytes: who the owner is, and the signature.
pub const PASS_BYTES: usize = 32 + SIGNATURE_BYTES;

/// That a key for visits is this member's. Which key, and of which network, is not said but signed:
/// it is worth nothing beside any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pass {
    #[n(0)]
    owner: NodeId,
    /// The authority's, over [`Pass::message`], for [`Purpose::Pass`].
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; SIGNATURE_BYTES],
}

/// A pass that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pass that it shows is for another key, or of another network")]
pub struct BadPass;

impl Pass {
    /// What the authority signed, with the member that it is about.
    #[must_use]
    pub const fn new(owner: NodeId, signature: [u8; SIGNATURE_BYTES]) -> Self {
        Self { owner, signature }
    }

    /// Whose the visit is, if the pass is a good one.
    #[must_use]
    pub const fn owner(&self) -> NodeId {
        self.owner
    }

    /// What the authority of this network signs. All parts have a fixed length.
    #[must_use]
    pub fn message(network: NetworkId, visit: NodeId, owner: NodeId) -> Vec<u8> {
        [network.as_bytes().as_slice(), visit.as_bytes(), owner.as_bytes()].concat()
    }

    /// Whose the visits with this key are, if the holder of the authority's key says so.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, authority_key: &[u8], visit: NodeId) -> Result<NodeId, BadPass> {
        let network = NetworkId::of_authority_key(authority_key);
        let message = Self::message(network, visit, self.owner);
        let is_good = is_signed(authority_key, Purpose::Pass, &message, &self.signature);
        is_good.then_some(self.owner).ok_or(BadPass)
    }

    /// The bytes to be stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.owner.as_bytes().as_slice(), &self.signature].concat()
    }

    /// The pass in these bytes; `None` if they are not as many as one has.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (owner, signature) = bytes.split_first_chunk::<32>()?;
        let signature = signature.try_into().ok()?;
        Some(Self { owner: NodeId::from_bytes(*owner), signature })
    }
}

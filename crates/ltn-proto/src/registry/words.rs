//! What the root's book is told, and what it tells.

use minicbor::{Decode, Encode};

use crate::id::{NetworkId, NodeId};
use crate::invite::InviteId;
use crate::name::Name;
use crate::path::NodePath;
use crate::role::Role;
use crate::signature::SIGNATURE_BYTES;

/// What an invite is for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InviteWish {
    /// What the machine will be.
    #[n(0)]
    pub role: Role,
    /// What it will be called.
    #[n(1)]
    pub name: Option<Name>,
    /// The server that it shall hang below.
    #[n(2)]
    pub place: Option<NodePath>,
    /// Will it be an administrator of the whole network?
    #[n(3)]
    pub admin: bool,
    /// Whose name, place and rights it takes over; that one is refused from then on.
    #[n(4)]
    pub replaces: Option<NodeId>,
    /// For how long it is good, in seconds of the root's running time.
    #[n(5)]
    pub seconds: u64,
}

/// A node that was let into the network.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Member {
    /// What it was invited to be.
    #[n(0)]
    pub role: Role,
    /// What it was invited to be called.
    #[n(1)]
    pub name: Option<Name>,
    /// The server that it was invited to hang below.
    #[n(2)]
    pub place: Option<NodePath>,
    /// When it became one, in milliseconds of the root's running time.
    #[n(3)]
    pub since_ms: u64,
    /// The key that visits of its owner are made with; it may what the member may.
    #[n(4)]
    pub visitor: NodeId,
}

/// What a joining node shows the root: it has the invite's secret, and the key is its own.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct JoinProof {
    /// Which invite.
    #[n(0)]
    pub invite: InviteId,
    /// The new node's public key: the DER of its `SubjectPublicKeyInfo`.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub public_key: Vec<u8>,
    /// The public key that visits from the new node's machine will be made with.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub visitor_key: Vec<u8>,
    /// HMAC-SHA256 by the invite's secret over [`join_message`].
    #[cbor(n(2), with = "minicbor::bytes")]
    pub mac: [u8; 32],
    /// A signature by the new key over the same message and the MAC, for
    /// [`Purpose::Join`](crate::signature::Purpose::Join).
    #[cbor(n(3), with = "minicbor::bytes")]
    pub signature: [u8; SIGNATURE_BYTES],
}

/// What the proof of a joining node is about. All parts have a fixed length.
#[must_use]
pub fn join_message(
    network: NetworkId,
    invite: InviteId,
    role: Role,
    (public_key, visitor_key): (&[u8], &[u8]),
    nonce: &[u8; 32],
) -> Vec<u8> {
    let id = NodeId::of_public_key(public_key);
    let visitor = NodeId::of_public_key(visitor_key);
    let mut message = b"ltn-join/1\0".to_vec();
    message.extend_from_slice(network.as_bytes());
    message.extend_from_slice(&invite.0);
    message.push(role as u8);
    message.extend_from_slice(id.as_bytes());
    message.extend_from_slice(visitor.as_bytes());
    message.extend_from_slice(nonce);
    message
}

//! What the root's book is told, and what it tells.

use minicbor::{Decode, Encode};

use crate::id::{NetworkId, NodeId};
use crate::invite::InviteId;
use crate::limits::VISITORS_MAX;
use crate::name::Name;
use crate::path::NodePath;
use crate::role::Role;
use crate::signature::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES, point_of_public_key};

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
    /// Which member wants it; nobody if it is the owner of the main server. It is good only as long
    /// as he may invite.
    #[n(6)]
    pub by: Option<NodeId>,
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
    /// The keys that visits of its owner are made with, one for each visit at a time; their passes
    /// say that they may what the member may.
    #[n(4)]
    pub visitors: Vec<NodeId>,
    /// Who let it in: the member whose invite it joined by, which is the main server where its
    /// owner made that. Nobody knows it of the main server itself, of who joined after the backup
    /// that the book is from, and of those in a book that did not keep it.
    #[n(5)]
    pub by: Option<NodeId>,
}

/// Where a server belongs. Whoever has a right over that place has it over the server too, and over
/// all below it; not so over another place that it goes to by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// Below this one.
    Below(NodeId),
    /// It was invited to this place, and was not there yet.
    Invited(NodePath),
    /// Where it is seen first.
    Anywhere,
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
    /// The public keys that visits from the new node's machine will be made with, one behind the
    /// other: 1 to [`VISITORS_MAX`].
    #[cbor(n(4), with = "minicbor::bytes")]
    pub visitor_keys: Vec<u8>,
    /// HMAC-SHA256 by the invite's secret over [`join_message`].
    #[cbor(n(2), with = "minicbor::bytes")]
    pub mac: [u8; 32],
    /// A signature by the new key over the same message and the MAC, for
    /// [`Purpose::Join`](crate::signature::Purpose::Join).
    #[cbor(n(3), with = "minicbor::bytes")]
    pub signature: [u8; SIGNATURE_BYTES],
}

impl JoinProof {
    /// Each public key for visits; `None` if they are none, too many, or not each another one.
    #[must_use]
    pub fn visitor_keys(&self) -> Option<Vec<&[u8]>> {
        let (keys, rest) = self.visitor_keys.as_chunks::<PUBLIC_KEY_BYTES>();
        let keys: Vec<&[u8]> = keys.iter().map(<[u8; PUBLIC_KEY_BYTES]>::as_slice).collect();
        let is_one = point_of_public_key(&self.public_key).is_some();
        let mut all: Vec<&[u8]> = keys.clone();
        all.push(&self.public_key);
        all.sort_unstable();
        let twice = all.windows(2).any(|pair| pair[0] == pair[1]);
        let good = keys.iter().all(|key| point_of_public_key(key).is_some());
        let number = (1..=VISITORS_MAX).contains(&keys.len());
        (is_one && good && number && rest.is_empty() && !twice).then_some(keys)
    }

    /// Who visits with them.
    pub(super) fn visitors(&self) -> Option<Vec<NodeId>> {
        Some(self.visitor_keys()?.into_iter().map(NodeId::of_public_key).collect())
    }
}

/// What the proof of a joining node is about. All parts have a fixed length.
#[must_use]
pub fn join_message(
    network: NetworkId,
    invite: InviteId,
    role: Role,
    (public_key, visitor_keys): (&[u8], &[u8]),
    nonce: &[u8; 32],
) -> Vec<u8> {
    let id = NodeId::of_public_key(public_key);
    let visitors = NodeId::of_public_key(visitor_keys);
    let mut message = b"ltn-join/1\0".to_vec();
    message.extend_from_slice(network.as_bytes());
    message.extend_from_slice(&invite.0);
    message.push(role as u8);
    message.extend_from_slice(id.as_bytes());
    message.extend_from_slice(visitors.as_bytes());
    message.extend_from_slice(nonce);
    message
}

//! How commands are proven between members of a network, and how their answers are.

use minicbor::{Decode, Encode};

use super::Token;
use crate::id::NodeId;
use crate::proof::Proof;

/// `CHALLENGE`: the call needs its issuer's signature, over this nonce.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Challenge {
    /// Good for this call, once.
    #[n(0)]
    pub(crate) nonce: Token,
}

/// `WHERE`: to the main server: where is this node?
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct WhereAsk {
    /// Which node.
    #[n(0)]
    pub(crate) node: NodeId,
    /// Made for this question alone.
    #[n(1)]
    pub(crate) nonce: Token,
}

/// `WHEREABOUTS`: words of the main server, signed by it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Words {
    /// The words.
    #[n(0)]
    pub(crate) words: Proof,
}

/// `SEALED`: an answer, signed by who was called.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Sealed {
    /// The kind of the answer.
    #[n(0)]
    pub(crate) kind: u8,
    /// Its flags.
    #[n(1)]
    pub(crate) flags: u8,
    /// What it says.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(crate) content: Vec<u8>,
    /// The DER of the `SubjectPublicKeyInfo` of who was called.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(crate) public_key: Vec<u8>,
    /// Its signature.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(crate) signature: Vec<u8>,
}

//! What proves that a command is its issuer's, and that an answer is of who was asked: the words
//! that they sign.
//!
//! A [`Command`] is signed by who gives it, over a nonce that who is to run it made for this one
//! call; an [`Ended`] by who was called, over the very bytes of the question. So a server between
//! them can lose both and can make, change or repeat neither. Whether a nonce is fresh, and what
//! its issuer may do, is decided elsewhere.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::body::{self, Token};
use crate::charter::Edition;
use crate::id::{NetworkId, NodeId};
use crate::limits::{PROOF_BYTES_MAX, WORDS_BYTES_MAX};
use crate::path::NodePath;
use crate::signature::{PUBLIC_KEY_BYTES, Purpose, SIGNATURE_BYTES};
use crate::statement::Scheme;
use crate::value::Value;

/// A SHA-256.
pub(crate) type Fingerprint = [u8; 32];

/// The fingerprint of these bytes.
pub(crate) fn fingerprint(bytes: &[u8]) -> Fingerprint {
    Sha256::digest(bytes).into()
}

/// The fingerprint of arguments as they are sent: a value has one encoding only.
pub(crate) fn fingerprint_of(arguments: &Value) -> Fingerprint {
    fingerprint(&arguments.to_cbor())
}

/// The fingerprint of nodes, in this order.
pub(crate) fn fingerprint_of_nodes(nodes: &[NodeId]) -> Fingerprint {
    let mut digest = Sha256::new();
    nodes.iter().for_each(|node| digest.update(node.as_bytes()));
    digest.finalize().into()
}

/// What the issuer of a command signs, for [`Purpose::Command`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Command {
    /// In which network.
    #[n(0)]
    pub(crate) network: NetworkId,
    /// Who gives it.
    #[n(1)]
    pub(crate) by: NodeId,
    /// Who is to run it.
    #[n(2)]
    pub(crate) at: NodeId,
    /// Which command.
    #[n(3)]
    pub(crate) command: String,
    /// The fingerprint of its arguments.
    #[n(4)]
    pub(crate) arguments: ByteArray<32>,
    /// The fingerprint of those whom it is about, as the issuer was shown them.
    #[n(5)]
    pub(crate) targets: ByteArray<32>,
    /// The charter that the issuer knows.
    #[n(6)]
    pub(crate) edition: Edition,
    /// Made by who is to run it, for this call alone.
    #[n(7)]
    pub(crate) nonce: Token,
    /// The issuer's number for this question.
    #[n(8)]
    pub(crate) request: u64,
}

impl Command {
    /// The bytes that are signed.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        body::write(self).to_vec()
    }
}

/// What the main server signs of a node's place, for [`Purpose::Where`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Whereabouts {
    /// In which network.
    #[n(0)]
    pub(crate) network: NetworkId,
    /// The nonce of the question.
    #[n(1)]
    pub(crate) nonce: Token,
    /// Which node.
    #[n(2)]
    pub(crate) node: NodeId,
    /// The nodes above it whose scopes cover it, its parent first.
    #[n(3)]
    pub(crate) above: Vec<NodeId>,
    /// Where it is.
    #[n(4)]
    pub(crate) path: NodePath,
    /// Where who asked is; of a visit, where its server is.
    #[n(5)]
    pub(crate) from: NodePath,
    /// Is nobody else called as it is?
    #[n(6)]
    pub(crate) alone: bool,
}

/// What the main server signs of an order that still holds, for [`Purpose::Order`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Go {
    /// In which network.
    #[n(0)]
    pub(crate) network: NetworkId,
    /// Which order.
    #[n(1)]
    pub(crate) order: u64,
    /// Who is to go.
    #[n(2)]
    pub(crate) node: NodeId,
    /// The nonce of its question.
    #[n(3)]
    pub(crate) nonce: u64,
    /// Come back afterwards?
    #[n(4)]
    pub(crate) restart: bool,
    /// With everything below?
    #[n(5)]
    pub(crate) subtree: bool,
    /// Who gave it.
    #[n(6)]
    pub(crate) issuer: NodeId,
}

/// What a node signs that goes because it was ordered to, for [`Purpose::Farewell`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Farewell {
    /// In which network.
    #[n(0)]
    pub(crate) network: NetworkId,
    /// By which order.
    #[n(1)]
    pub(crate) order: u64,
    /// Who goes.
    #[n(2)]
    pub(crate) node: NodeId,
    /// Does it come back?
    #[n(3)]
    pub(crate) restart: bool,
}

/// Signed words with the key of who signed them, as they came.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Proof {
    #[cbor(n(0), with = "minicbor::bytes")]
    words: Vec<u8>,
    /// The DER of the `SubjectPublicKeyInfo`, whose digest is the id of who signed.
    #[cbor(n(1), with = "minicbor::bytes")]
    public_key: Vec<u8>,
    #[n(2)]
    signature: ByteArray<SIGNATURE_BYTES>,
}

/// Why something counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    #[error("it cannot be read")]
    Unreadable,
    #[error("the key beside it is another one's")]
    OtherKey,
    #[error("the signature does not fit")]
    BadSignature,
}

impl Proof {
    pub(crate) fn new(
        words: Vec<u8>,
        public_key: Vec<u8>,
        signature: [u8; SIGNATURE_BYTES],
    ) -> Self {
        Self { words, public_key, signature: signature.into() }
    }

    /// The command that was signed, if the node that it names signed it.
    pub(crate) fn read(&self, scheme: Scheme) -> Result<Command, Unproven> {
        if self.words.len() > PROOF_BYTES_MAX {
            return Err(Unproven::Unreadable);
        }
        let (by, command): (NodeId, Command) = self.open(scheme, Purpose::Command)?;
        if by == command.by { Ok(command) } else { Err(Unproven::OtherKey) }
    }

    /// Who signed which words for this purpose.
    pub(crate) fn open<T: for<'b> Decode<'b, ()>>(
        &self,
        scheme: Scheme,
        purpose: Purpose,
    ) -> Result<(NodeId, T), Unproven> {
        let Self { words, public_key, signature } = self;
        if words.len() > WORDS_BYTES_MAX || public_key.len() != PUBLIC_KEY_BYTES {
            return Err(Unproven::Unreadable);
        }
        let read = body::read(words).map_err(|_| Unproven::Unreadable)?;
        if scheme.is_signed(public_key, purpose, words, &signature[..]) {
            Ok((NodeId::of_public_key(public_key), read))
        } else {
            Err(Unproven::BadSignature)
        }
    }
}

/// What who was called signs of how it ended, for [`Purpose::Result`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Ended {
    /// In which network.
    #[n(0)]
    pub(crate) network: NetworkId,
    /// Who was called.
    #[n(1)]
    pub(crate) by: NodeId,
    /// Who called.
    #[n(2)]
    pub(crate) to: NodeId,
    /// The caller's number for the question.
    #[n(3)]
    pub(crate) request: u64,
    /// The fingerprint of the question as it came.
    #[n(4)]
    pub(crate) question: ByteArray<32>,
    /// The kind of the answer.
    #[n(5)]
    pub(crate) kind: u8,
    /// Its flags.
    #[n(6)]
    pub(crate) flags: u8,
    /// The fingerprint of what it says.
    #[n(7)]
    pub(crate) content: ByteArray<32>,
}

impl Ended {
    /// The bytes that are signed.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        body::write(self).to_vec()
    }

    /// Did who was called sign this, with that key?
    pub(crate) fn check(
        &self,
        scheme: Scheme,
        public_key: &[u8],
        signature: &[u8],
    ) -> Result<(), Unproven> {
        if NodeId::of_public_key(public_key) != self.by {
            return Err(Unproven::OtherKey);
        }
        if scheme.is_signed(public_key, Purpose::Result, &self.to_bytes(), signature) {
            Ok(())
        } else {
            Err(Unproven::BadSignature)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::WORD_BYTES_MAX;

    #[test]
    fn the_longest_command_fits_into_a_proof() {
        let id = NodeId::from_bytes([255; 32]);
        let command = Command {
            network: NetworkId::from_bytes([255; 32]),
            by: id,
            at: id,
            command: "x".repeat(WORD_BYTES_MAX),
            arguments: [255; 32].into(),
            targets: [255; 32].into(),
            edition: Edition { epoch: u64::MAX, version: u64::MAX },
            nonce: Token([255; 16]),
            request: u64::MAX,
        };
        assert!(command.to_bytes().len() <= PROOF_BYTES_MAX, "{}", command.to_bytes().len());
    }
}

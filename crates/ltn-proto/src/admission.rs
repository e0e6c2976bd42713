//! What is said on the connection of a machine that wants to join: two questions, two answers.
//!
//! The server that the machine reached passes each word on to the root and the root's back, and
//! learns nothing from them that it could use. Words are CBOR, with four bytes of length before
//! them (big-endian). This room writes and reads them; the root's book judges.

use bytes::Bytes;
pub use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::body::{self, BadBody};
use crate::id::NodeId;
use crate::invite::InviteId;
use crate::name::Name;
use crate::outcome::Refusal;
use crate::pass::Pass;
use crate::path::NodePath;
use crate::registry::JoinProof;
use crate::role::Role;
use crate::signature::SIGNATURE_BYTES;

/// One word of a joining machine, in bytes.
pub const JOIN_WORD_BYTES_MAX: usize = 4 * 1024;
/// The root's last word, in bytes: it has the charter in it.
pub const JOIN_ANSWER_BYTES_MAX: usize = crate::limits::CHARTER_BYTES_MAX + JOIN_WORD_BYTES_MAX;

/// What a joining machine says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum JoinAsk {
    /// I hold this invite and this key: give me a nonce to prove it with.
    #[n(0)]
    Begin {
        /// Which invite.
        #[n(0)]
        invite: InviteId,
        /// The new key: the DER of its `SubjectPublicKeyInfo`.
        #[cbor(n(1), with = "minicbor::bytes")]
        public_key: Vec<u8>,
    },
    /// Here is the proof.
    #[n(1)]
    Prove(#[n(0)] JoinProof),
}

/// What the root answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum JoinAnswer {
    /// Prove it with this.
    #[n(0)]
    Nonce(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]),
    /// You are a member.
    #[n(1)]
    Admitted(#[n(0)] Box<Admitted>),
    /// You are not, and certainly nothing was done.
    #[n(2)]
    Refused(#[n(0)] String),
}

/// Somebody who was let in, as the main server tells it to who runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// Its key.
    pub node: NodeId,
    /// Its name, if it was invited with one.
    pub name: Option<Name>,
    /// What it is.
    pub role: Role,
}

/// What a new member gets.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Admitted {
    /// Its certificate (DER).
    #[cbor(n(0), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// The certificates of the keys that visits are made with (DER), in their order.
    #[n(6)]
    pub visitor_certificates: Vec<ByteVec>,
    /// What shows of each of these keys that it is the new member's.
    #[n(7)]
    pub passes: Vec<Pass>,
    /// The main server.
    #[n(1)]
    pub root: NodeId,
    /// What it is called.
    #[n(2)]
    pub name: Option<Name>,
    /// The server that it shall hang below.
    #[n(3)]
    pub place: Option<NodePath>,
    /// The charter of the network.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub charter: Vec<u8>,
    /// The authority's signature over the charter.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub charter_signature: [u8; SIGNATURE_BYTES],
}

/// Bytes that should be such a word and are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what was said about joining cannot be read")]
pub struct BadJoinWord;

impl From<BadBody> for BadJoinWord {
    fn from(_: BadBody) -> Self {
        Self
    }
}

impl JoinAsk {
    /// The bytes of this word.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        body::write(self)
    }

    /// The word in these bytes.
    ///
    /// # Errors
    /// Says that they are none.
    pub fn read(bytes: &[u8]) -> Result<Self, BadJoinWord> {
        if bytes.len() > JOIN_WORD_BYTES_MAX {
            return Err(BadJoinWord);
        }
        Ok(body::read(bytes)?)
    }
}

impl JoinAnswer {
    /// The bytes of this word.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        body::write(self)
    }

    /// The word in these bytes.
    ///
    /// # Errors
    /// Says that they are none.
    pub fn read(bytes: &[u8]) -> Result<Self, BadJoinWord> {
        if bytes.len() > JOIN_ANSWER_BYTES_MAX {
            return Err(BadJoinWord);
        }
        Ok(body::read(bytes)?)
    }
}

impl From<Refusal> for JoinAnswer {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.text)
    }
}

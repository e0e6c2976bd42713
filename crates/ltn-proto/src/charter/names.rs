//! Names that belong to members: each is its member's alone, at every server, whether it is there
//! or not.
//!
//! They stand in the charter, so that every server knows them without asking anybody. A charter
//! goes to everybody in one frame, so it has sixteen bytes of each: enough to tell whether a name
//! is one of them, and whose key has it, and not to read the names.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use super::Charter;
use crate::id::NodeId;
use crate::name::Name;

/// So many bytes are of the name, and the others of its holder's id. Names that look the same in
/// so few are only refused to more nodes than need be; nobody can make a key that looks the same.
const NAME_BYTES: usize = 4;

/// A name and its holder, as a charter has them: the first four bytes of the SHA-256 of `ltn/1
/// name`, a zero and the name in small letters, and the first twelve of the holder's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct OwnName(#[n(0)] ByteArray<16>);

impl OwnName {
    /// This name is that node's.
    #[must_use]
    pub fn new(name: &Name, holder: NodeId) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"ltn/1 name\0");
        hash.update(name.folded());
        let mut bytes = [0; 16];
        bytes[..NAME_BYTES].copy_from_slice(&hash.finalize()[..NAME_BYTES]);
        bytes[NAME_BYTES..].copy_from_slice(&holder.as_bytes()[..16 - NAME_BYTES]);
        Self(bytes.into())
    }

    fn name(&self) -> &[u8] {
        &self.0[..NAME_BYTES]
    }

    /// Is it that node's?
    #[must_use]
    pub fn is_of(&self, holder: NodeId) -> bool {
        self.0[NAME_BYTES..] == holder.as_bytes()[..16 - NAME_BYTES]
    }
}

impl Charter {
    /// Does this name belong to that node?
    pub(crate) fn is_own_name(&self, name: &Name, node: NodeId) -> bool {
        self.names.contains(&OwnName::new(name, node))
    }

    /// Does this name belong to another node than that one?
    pub(crate) fn is_anothers_name(&self, name: &Name, node: NodeId) -> bool {
        let own = OwnName::new(name, node);
        let is_known = self.names.iter().any(|known| known.name() == own.name());
        is_known && !self.names.contains(&own)
    }
}

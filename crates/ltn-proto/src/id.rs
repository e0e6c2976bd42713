//! The identifiers of the network: which node, which link, which request.
//!
//! A [`NodeId`] is the only identifier that travels; the others number things inside one process.
//! This room knows how ids look to people. It does not know how keys are made or checked.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, Encoding};
use sha2::{Digest, Sha256};

/// Who a node is: the SHA-256 of its public key (the DER of its `SubjectPublicKeyInfo`).
///
/// Written `id:` and 52 characters of lower-case base32 (RFC 4648, no padding).
///
/// ```
/// use ltn_proto::NodeId;
/// let id = NodeId::of_public_key(b"any public key");
/// assert_eq!(id.to_string().parse::<NodeId>().unwrap(), id);
/// assert_eq!(id.short().len(), 5);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId([u8; 32]);

impl Ord for NodeId {
    /// In the order of the bytes. Every map of the mind is searched by it: the first bytes nearly
    /// always tell two ids apart, without a call to compare memory.
    fn cmp(&self, other: &Self) -> Ordering {
        self.head().cmp(&other.head()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for NodeId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl NodeId {
    const fn head(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The id that stands for "whoever can answer" in a destination and for "nobody" elsewhere.
    /// No public key hashes to it.
    pub const NOBODY: Self = Self([0; 32]);

    /// The id of the holder of this public key.
    #[must_use]
    pub fn of_public_key(subject_public_key_info: &[u8]) -> Self {
        Self(Sha256::digest(subject_public_key_info).into())
    }

    /// An id from its 32 bytes, as they stand in a frame.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, as they stand in a frame.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first five characters of the written form: enough to tell the nodes of one house apart,
    /// too few to prove anything.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = lower_base32(&self.0[..4]);
        text.truncate(5);
        text
    }
}

fn bytes_of_base32(digits: &str) -> Option<[u8; 32]> {
    let encoding: &Encoding = &BASE32_NOPAD;
    encoding.decode(digits.to_ascii_uppercase().as_bytes()).ok()?.try_into().ok()
}

fn lower_base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id:{}", lower_base32(&self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id:{}…", self.short())
    }
}

/// A text that should be an id and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is `id:` and 52 characters of base32 (a-z, 2-7)")]
pub struct BadNodeId;

impl FromStr for NodeId {
    type Err = BadNodeId;

    fn from_str(text: &str) -> Result<Self, BadNodeId> {
        text.strip_prefix("id:").and_then(bytes_of_base32).map(Self).ok_or(BadNodeId)
    }
}

/// Which network: the SHA-256 of the public key of the authority that makes its members (the DER of
/// its `SubjectPublicKeyInfo`). Written `net:` and 52 characters of lower-case base32.
///
/// ```
/// use ltn_proto::NetworkId;
/// let home = NetworkId::of_authority_key(b"the public key of an authority");
/// assert_eq!(home.to_string().parse::<NetworkId>().unwrap(), home);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId([u8; 32]);

impl NetworkId {
    /// The network of the holder of this public key.
    #[must_use]
    pub fn of_authority_key(subject_public_key_info: &[u8]) -> Self {
        Self(Sha256::digest(subject_public_key_info).into())
    }

    /// An id from its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net:{}", lower_base32(&self.0))
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that should be the id of a network and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the id of a network is `net:` and 52 characters of base32 (a-z, 2-7)")]
pub struct BadNetworkId;

impl FromStr for NetworkId {
    type Err = BadNetworkId;

    fn from_str(text: &str) -> Result<Self, BadNetworkId> {
        text.strip_prefix("net:").and_then(bytes_of_base32).map(Self).ok_or(BadNetworkId)
    }
}

/// One authenticated connection of this node, numbered by the shell; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// One attempt to reach an address, numbered by the mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// Something that this node wants signed with its key, numbered by the mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SigningId(pub u64);

/// One thing that the local user asked for, numbered by the shell; its outcome names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

/// One thing that another node asked of the local user, numbered by the mind; the answer names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundId(pub u64);

//! Signatures of nodes and of a network's authority: ECDSA with P-256 and SHA-256, in the fixed
//! form of 64 bytes (r and s, FIPS 186-5).
//!
//! This room checks signatures, which is arithmetic: it needs no secret, no clock and no dice. Who
//! signs, and what a signature allows, is decided elsewhere. Keys are never used bare: what is
//! signed always begins with a [`Purpose`], so that a signature for one purpose is worthless for
//! any other.

use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

/// The bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
/// The DER of a `SubjectPublicKeyInfo` for P-256 up to the point (RFC 5480): two object
/// identifiers and three lengths, the same for every key.
const KEY_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point of P-256.
const POINT_BYTES: usize = 65;

/// The bytes of a public key as we write it: the DER of its `SubjectPublicKeyInfo`.
pub const PUBLIC_KEY_BYTES: usize = KEY_HEAD.len() + POINT_BYTES;

/// What something is signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The charter of a network, by its authority.
    Charter,
    /// The proof of a joining node that the key is its own.
    Join,
    /// That a key for visits is a member's, by the authority.
    Pass,
    /// A node's statement about its place in the tree.
    Place,
    /// Below which server another one wants to hang, by that one.
    Edge,
    /// A command, by who gives it.
    Command,
    /// How a command ended, by who was called.
    Result,
    /// Where a node is, by the main server.
    Where,
    /// That an order still holds, by the main server.
    Order,
    /// That a node goes because it was ordered to, by that node.
    Farewell,
}

impl Purpose {
    /// What stands before the message. No label is the beginning of another one.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Charter => b"ltn/1 charter\0",
            Self::Join => b"ltn/1 join\0",
            Self::Pass => b"ltn/1 pass\0",
            Self::Place => b"ltn/1 place\0",
            Self::Edge => b"ltn/1 edge\0",
            Self::Command => b"ltn/1 command\0",
            Self::Result => b"ltn/1 result\0",
            Self::Where => b"ltn/1 where\0",
            Self::Order => b"ltn/1 order\0",
            Self::Farewell => b"ltn/1 farewell\0",
        }
    }

    /// The bytes that are signed for this message.
    #[must_use]
    pub fn bytes_to_sign(self, message: &[u8]) -> Vec<u8> {
        [self.label(), message].concat()
    }
}

/// The written form of the public key with this uncompressed point (65 bytes).
#[must_use]
pub fn public_key_of_point(point: &[u8]) -> Vec<u8> {
    [&KEY_HEAD, point].concat()
}

/// The uncompressed point of a public key in its written form, if it is one for P-256.
#[must_use]
pub fn point_of_public_key(public_key: &[u8]) -> Option<&[u8]> {
    public_key.strip_prefix(&KEY_HEAD).filter(|point| point.len() == POINT_BYTES)
}

/// The proof that somebody knows a secret, over a message: HMAC-SHA256 (RFC 2104).
#[must_use]
pub fn proof(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message);
    tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Is this that proof? Takes the same time wherever it differs.
#[must_use]
pub fn is_proof(secret: &[u8], message: &[u8], claimed: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, claimed).is_ok()
}

/// Is this a signature of this message, for this purpose, by the holder of this key (the DER of a
/// `SubjectPublicKeyInfo`)? Keys of other kinds have signed nothing.
///
/// ```
/// use ltn_proto::signature::{Purpose, is_signed};
/// assert!(!is_signed(b"no key", Purpose::Join, b"hello", &[0; 64]));
/// ```
#[must_use]
pub fn is_signed(public_key: &[u8], purpose: Purpose, message: &[u8], signature: &[u8]) -> bool {
    let Some(point) = point_of_public_key(public_key) else { return false };
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(&purpose.bytes_to_sign(message), signature)
        .is_ok()
}

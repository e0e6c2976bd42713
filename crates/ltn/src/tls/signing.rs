//! Signatures that outlast a connection: a charter, a proof, a statement. What is signed and what
//! it allows is decided elsewhere; `ltn_proto::signature` checks them.

use ltn_proto::signature::{Purpose, SIGNATURE_BYTES, public_key_of_point};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use super::IdentityError;

/// One who signs.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    public_key: Vec<u8>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is left out: a log is no place for it.
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// The signer with this key (PKCS#8, ECDSA P-256).
    pub(crate) fn of_key(pkcs8: &[u8]) -> Result<Self, IdentityError> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &SystemRandom::new())
            .map_err(|why| IdentityError(format!("this is no key of ours: {why}")))?;
        let public_key = public_key_of_point(pair.public_key().as_ref());
        Ok(Self { pair, public_key })
    }

    /// The public key, as the DER of its `SubjectPublicKeyInfo`.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Signs this message for this purpose.
    pub(crate) fn sign(
        &self,
        purpose: Purpose,
        message: &[u8],
    ) -> Result<[u8; SIGNATURE_BYTES], IdentityError> {
        let signature = self
            .pair
            .sign(&SystemRandom::new(), &purpose.bytes_to_sign(message))
            .map_err(|_| IdentityError("the system gives no randomness".to_owned()))?;
        let bytes = signature.as_ref().try_into();
        bytes.map_err(|_| IdentityError("a signature of an unknown length".to_owned()))
    }
}

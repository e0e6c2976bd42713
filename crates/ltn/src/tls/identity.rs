//! Who a node is: its key pair, and the certificate that it shows.
//!
//! This room makes and holds keys. What others believe of a certificate is decided beside it.

use ltn_proto::NodeId;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::signing::Signer;

/// Who this node is: a key pair and a certificate that says nothing but the key.
pub(crate) struct Identity {
    id: NodeId,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is left out: a log is no place for it.
        f.debug_struct("Identity").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key or certificate could not be made, or TLS does not take it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct IdentityError(pub(super) String);

impl IdentityError {
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Identity {
    /// A new key (ECDSA P-256, which the TLS stacks of small devices know) that lives as long as
    /// this value and is stored nowhere.
    pub(crate) fn throw_away() -> Result<Self, IdentityError> {
        Self::certified(&KeyPair::generate().map_err(failed)?)
    }

    /// A new key to be stored, and its bytes (PKCS#8).
    pub(crate) fn make() -> Result<(Self, Vec<u8>), IdentityError> {
        let key = KeyPair::generate().map_err(failed)?;
        Ok((Self::certified(&key)?, key.serialize_der()))
    }

    /// The key that was stored as these bytes; its two halves have to fit.
    pub(crate) fn of_key(pkcs8: &[u8]) -> Result<Self, IdentityError> {
        let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8);
        let kind = &rcgen::PKCS_ECDSA_P256_SHA256;
        Self::certified(&KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, kind).map_err(failed)?)
    }

    fn certified(key: &KeyPair) -> Result<Self, IdentityError> {
        let params = CertificateParams::new(Vec::new()).map_err(failed)?;
        let certificate = params.self_signed(key).map_err(failed)?;
        Ok(Self {
            id: NodeId::of_public_key(&key.subject_public_key_info()),
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    /// Its id: the digest of the public key.
    pub(crate) const fn id(&self) -> NodeId {
        self.id
    }

    /// The key itself (PKCS#8), to be stored.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        self.key.secret_der()
    }

    /// The way to sign with it.
    pub(crate) fn signer(&self) -> Result<Signer, IdentityError> {
        Signer::of_key(self.key.secret_der())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
pub(super) fn failed(error: rcgen::Error) -> IdentityError {
    IdentityError(error.to_string())
}

//! The authority of a network: the one key that makes members. It lives on the main server alone.
//!
//! A member's certificate says three things, in one URI: which network, which node, and what that
//! node was invited to be. It is never a CA itself and does not expire: whoever is out is refused
//! by the charter. Whom to make a member is decided elsewhere.

use ltn_proto::signature::{PUBLIC_KEY_BYTES, Purpose, SIGNATURE_BYTES};
use ltn_proto::{NetworkId, NodeId, Pass, Role};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::signing::Signer;
use super::{IdentityError, identity};

/// What every authority is called; which one it is, its key says.
const NAME: &str = "LocalThingsNetwork authority";
/// The name that the certificates of servers are good for, and no other's. It is resolved nowhere.
pub(super) const SERVER_NAME: &str = "server.ltn.invalid";
/// The name that every member's certificate is good for.
const MEMBER_NAME: &str = "member.ltn.invalid";
/// What the URI in a member's certificate begins with.
const URI_SCHEME: &str = "ltn:";

/// The authority's key and certificate.
pub(crate) struct Authority {
    network: NetworkId,
    key: KeyPair,
    signer: Signer,
    certificate: CertificateDer<'static>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is left out: a log is no place for it.
        f.debug_struct("Authority").field("network", &self.network).finish_non_exhaustive()
    }
}

impl Authority {
    /// The authority of a new network, and its key (PKCS#8), to be stored.
    pub(crate) fn make() -> Result<(Self, Vec<u8>), IdentityError> {
        let key = KeyPair::generate().map_err(identity::failed)?.serialize_der();
        Ok((Self::of_key(&key)?, key))
    }

    /// The authority whose key was stored as these bytes.
    pub(crate) fn of_key(pkcs8: &[u8]) -> Result<Self, IdentityError> {
        let signer = Signer::of_key(pkcs8)?;
        let kind = &rcgen::PKCS_ECDSA_P256_SHA256;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), kind)
            .map_err(identity::failed)?;
        let certificate = params_of_authority()?.self_signed(&key).map_err(identity::failed)?;
        Ok(Self {
            network: NetworkId::of_authority_key(signer.public_key()),
            certificate: certificate.der().clone(),
            key,
            signer,
        })
    }

    /// Whose authority it is.
    #[cfg(test)]
    pub(super) const fn network(&self) -> NetworkId {
        self.network
    }

    /// Its public key, as the DER of its `SubjectPublicKeyInfo`.
    pub(crate) fn public_key(&self) -> &[u8] {
        self.signer.public_key()
    }

    /// The key itself (PKCS#8), to be stored.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// Its own certificate (DER): what members pin.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// A certificate (DER) for the holder of this public key (the DER of its
    /// `SubjectPublicKeyInfo`), as a node of this kind.
    pub(crate) fn certify(&self, public_key: &[u8], kind: Role) -> Result<Vec<u8>, IdentityError> {
        let member = MemberKey::of(public_key)?;
        let params = params_of_member(self.network, NodeId::of_public_key(public_key), kind)?;
        let issuer_params = params_of_authority()?;
        let issuer = Issuer::from_params(&issuer_params, &self.key);
        let certificate = params.signed_by(&member, &issuer).map_err(identity::failed)?;
        Ok(certificate.der().to_vec())
    }

    /// Signs a charter.
    pub(crate) fn sign_charter(
        &self,
        charter: &[u8],
    ) -> Result<[u8; SIGNATURE_BYTES], IdentityError> {
        self.signer.sign(Purpose::Charter, charter)
    }

    /// Signs that visits with this key (the DER of its `SubjectPublicKeyInfo`) are this member's.
    pub(crate) fn sign_pass(&self, visit: &[u8], owner: NodeId) -> Result<Pass, IdentityError> {
        let message = Pass::message(self.network, NodeId::of_public_key(visit), owner);
        Ok(Pass::new(owner, self.signer.sign(Purpose::Pass, &message)?))
    }
}

fn params_of_authority() -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(identity::failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn params_of_member(
    network: NetworkId,
    id: NodeId,
    kind: Role,
) -> Result<CertificateParams, IdentityError> {
    let mut names = vec![MEMBER_NAME.to_owned()];
    let mut usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if kind.is_server() {
        names.push(SERVER_NAME.to_owned());
        usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    let mut params = CertificateParams::new(names).map_err(identity::failed)?;
    let uri = Ia5String::try_from(uri_of(network, id, kind)).map_err(identity::failed)?;
    params.subject_alt_names.push(SanType::URI(uri));
    params.distinguished_name = DistinguishedName::new();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = usages;
    Ok(params)
}

fn uri_of(network: NetworkId, id: NodeId, kind: Role) -> String {
    format!("{URI_SCHEME}{network}/{id}/{kind}")
}

/// What a member of this network with this id was invited to be, if a certificate with this URI
/// says so. The whole text is compared; nothing in it is searched for.
pub(super) fn kind_in_uri(uri: &str, network: NetworkId, id: NodeId) -> Option<Role> {
    [Role::MainServer, Role::SubServer, Role::Server, Role::Client, Role::Session]
        .into_iter()
        .find(|kind| uri == uri_of(network, id, *kind))
}

/// A public key as rcgen wants it: the point alone.
struct MemberKey<'a> {
    point: &'a [u8],
}

impl<'a> MemberKey<'a> {
    fn of(public_key: &'a [u8]) -> Result<Self, IdentityError> {
        let no_key = || IdentityError("this is no public key for ECDSA with P-256".to_owned());
        let point = ltn_proto::signature::point_of_public_key(public_key).ok_or_else(no_key)?;
        debug_assert_eq!(public_key.len(), PUBLIC_KEY_BYTES, "there is one form only");
        Ok(Self { point })
    }
}

impl PublicKeyData for MemberKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

//! A network with members: both ends show certificates of the network's own authority, and of no
//! other.
//!
//! The path from a certificate to the authority is built and checked by webpki, against that one
//! trust anchor; then the certificate has to name this network, the key that was proved, and a kind
//! of node that may do what it does here. No clock is asked: a Pi has none, and certificates do not
//! end. Who is out is not known here; the charter says it.

use std::sync::Arc;

use ltn_proto::{NetworkId, NodeId, Role};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use webpki::EndEntityCert;

use super::authority::{SERVER_NAME, kind_in_uri};
use super::signatures::{Signatures, signatures_by};
use super::{ConnectionKind, Identity, IdentityError, Mode, id_of, provider};

/// The moment at which all certificates are looked at: they are good from 1975 to 4096, and the
/// clock of a machine must not matter.
const ALWAYS: std::time::Duration = std::time::Duration::from_secs(1_000_000_000);

/// What a node shows to be a member, and what it takes for one.
#[derive(Clone)]
pub(crate) struct Membership {
    /// Which network.
    pub(crate) network: NetworkId,
    /// The authority's certificate (DER).
    pub(crate) authority: Vec<u8>,
    /// The node's own, made by that authority (DER).
    pub(crate) certificate: Vec<u8>,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("network", &self.network).finish_non_exhaustive()
    }
}

impl Membership {
    fn anchors(&self) -> Result<Arc<RootCertStore>, IdentityError> {
        anchor(&CertificateDer::from(self.authority.as_slice())).map_err(super::refused)
    }

    /// Its own certificate first, the authority's behind it: a joiner knows only the digest of the
    /// authority's key.
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        [&self.certificate, &self.authority].map(|der| CertificateDer::from(der.clone())).into()
    }

    /// Whose certificate it is, and what he was invited to be, if that authority has made it.
    pub(crate) fn subject(&self) -> Result<(NodeId, Role), IdentityError> {
        let certificate = CertificateDer::from(self.certificate.as_slice());
        let id = id_of(&certificate).map_err(super::refused)?;
        let anchors = self.anchors()?;
        let parsed = EndEntityCert::try_from(&certificate)
            .map_err(|error| IdentityError(format!("it cannot be read: {error}")))?;
        let usage = webpki::KeyUsage::client_auth();
        let algorithms = provider().signature_verification_algorithms.all;
        parsed
            .verify_for_usage(algorithms, &anchors.roots, &[], always(), usage, None, None)
            .map_err(|error| IdentityError(format!("the authority has not made it: {error}")))?;
        let kind = kind_of(&certificate, self.network, id);
        let kind = kind.ok_or_else(|| IdentityError("it does not say what it is for".to_owned()));
        Ok((id, kind?))
    }
}

/// Would others take this for a member of this network, with this key?
pub(crate) fn check_membership(
    identity: &Identity,
    membership: &Membership,
) -> Result<Role, IdentityError> {
    match membership.subject()? {
        (id, role) if id == identity.id() => Ok(role),
        _ => Err(IdentityError("it is about another key".to_owned())),
    }
}

/// The server's name, which only certificates of servers are good for.
pub(super) fn server_name() -> ServerName<'static> {
    ServerName::try_from(SERVER_NAME).expect("it is a well-formed name")
}

/// What the other end of a connection was invited to be.
pub(super) fn kind_of(
    certificate: &CertificateDer<'_>,
    network: NetworkId,
    id: NodeId,
) -> Option<Role> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let mut uris = certificate.valid_uri_names();
    let kind = kind_in_uri(uris.next()?, network, id)?;
    uris.next().is_none().then_some(kind)
}

pub(super) fn client_config(
    identity: &Identity,
    membership: &Membership,
    kind: ConnectionKind,
) -> Result<Arc<ClientConfig>, IdentityError> {
    let provider = provider();
    let verifier =
        WebPkiServerVerifier::builder_with_provider(membership.anchors()?, Arc::clone(&provider));
    let inner = verifier.build().map_err(|error| IdentityError(error.to_string()))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(super::refused)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Timeless(inner)))
        .with_client_auth_cert(membership.chain(), identity.key.clone_key())
        .map_err(super::refused)?;
    finish_client(&mut config, kind);
    Ok(Arc::new(config))
}

/// For who wants to join: it knows the digest of the authority's key and shows nothing.
pub(super) fn joiner_config(network: NetworkId) -> Result<Arc<ClientConfig>, IdentityError> {
    let provider = provider();
    let signatures = Signatures::of(&provider);
    let verifier = Arc::new(Pinned { network, provider: Arc::clone(&provider), signatures });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(super::refused)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    finish_client(&mut config, ConnectionKind::Join);
    Ok(Arc::new(config))
}

fn finish_client(config: &mut ClientConfig, kind: ConnectionKind) {
    config.alpn_protocols = vec![kind.alpn(Mode::Members).to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
}

pub(super) fn server_config(
    identity: &Identity,
    membership: &Membership,
    kinds: &[ConnectionKind],
) -> Result<Arc<ServerConfig>, IdentityError> {
    let provider = provider();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(membership.anchors()?, Arc::clone(&provider))
            .clear_root_hint_subjects()
            .build()
            .map_err(|error| IdentityError(error.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(super::refused)?
        .with_client_cert_verifier(Arc::new(Timeless(verifier)))
        .with_single_cert(membership.chain(), identity.key.clone_key())
        .map_err(super::refused)?;
    Ok(finish_server(config, kinds))
}

/// For connections of those who want to join: they have no certificate yet.
pub(super) fn admission_config(
    identity: &Identity,
    membership: &Membership,
) -> Result<Arc<ServerConfig>, IdentityError> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(super::refused)?
        .with_no_client_auth()
        .with_single_cert(membership.chain(), identity.key.clone_key())
        .map_err(super::refused)?;
    Ok(finish_server(config, &[ConnectionKind::Join]))
}

fn finish_server(mut config: ServerConfig, kinds: &[ConnectionKind]) -> Arc<ServerConfig> {
    config.alpn_protocols = kinds.iter().map(|kind| kind.alpn(Mode::Members).to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

fn anchor(certificate: &CertificateDer<'_>) -> Result<Arc<RootCertStore>, Error> {
    let mut store = RootCertStore::empty();
    store.add(certificate.clone().into_owned())?;
    Ok(Arc::new(store))
}

const fn always() -> UnixTime {
    UnixTime::since_unix_epoch(ALWAYS)
}

/// A verifier of webpki's that is never told the time.
#[derive(Debug)]
struct Timeless<V: ?Sized>(Arc<V>);

impl ServerCertVerifier for Timeless<WebPkiServerVerifier> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, always())
    }

    signatures_by!(0);
}

impl ClientCertVerifier for Timeless<dyn ClientCertVerifier> {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.verify_client_cert(end_entity, intermediates, always())
    }

    signatures_by!(0);
}

/// Takes a server of the network whose authority's key has this digest. The certificate with that
/// key is looked for in what the server shows and becomes the only trust anchor; that it *stands*
/// there proves nothing, webpki has to find a path to it.
#[derive(Debug)]
struct Pinned {
    network: NetworkId,
    provider: Arc<CryptoProvider>,
    signatures: Signatures,
}

/// Does it say that it is about a member of some network? Anybody can say so.
fn names_a_network(certificate: &CertificateDer<'_>) -> bool {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return false };
    certificate.valid_uri_names().any(|uri| uri.starts_with("ltn:"))
}

/// The certificate of this network's authority among those that were shown.
pub(super) fn authority_in<'a, 'd>(
    shown: &'a [CertificateDer<'d>],
    network: NetworkId,
) -> Option<&'a CertificateDer<'d>> {
    shown.iter().find(|certificate| {
        // The two ids are digests of the same thing, a public key.
        id_of(certificate).is_ok_and(|id| id.as_bytes() == network.as_bytes())
    })
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let unknown = || {
            Error::InvalidCertificate(if names_a_network(end_entity) {
                CertificateError::ApplicationVerificationFailure
            } else {
                CertificateError::UnknownIssuer
            })
        };
        let authority = authority_in(intermediates, self.network).ok_or_else(unknown)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(
            anchor(authority)?,
            Arc::clone(&self.provider),
        );
        let verifier = verifier.build().map_err(|error| Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, always())
    }

    signatures_by!(signatures);
}

#[cfg(test)]
mod tests;

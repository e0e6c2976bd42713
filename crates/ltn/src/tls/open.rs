//! The open mode: every key is let in, and must be proved.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::identity::{Identity, IdentityError};
use super::signatures::{Signatures, signatures_by};
use super::{ConnectionKind, Mode, id_of, provider, refused};

pub(super) fn client_config(
    identity: &Identity,
    kind: ConnectionKind,
) -> Result<Arc<ClientConfig>, IdentityError> {
    let provider = provider();
    let verifier = AnyKey::new(&provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(refused)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(vec![identity.certificate.clone()], identity.key.clone_key())
        .map_err(refused)?;
    config.alpn_protocols = vec![kind.alpn(Mode::Open).to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

pub(super) fn server_config(
    identity: &Identity,
    kinds: &[ConnectionKind],
) -> Result<Arc<ServerConfig>, IdentityError> {
    let provider = provider();
    let verifier = AnyKey::new(&provider);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(refused)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
        .map_err(refused)?;
    config.alpn_protocols = kinds.iter().map(|kind| kind.alpn(Mode::Open).to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Takes every certificate for what it is, a wrapping of a key, and lets the handshake's signature
/// prove that the other end holds that key.
#[derive(Debug)]
pub(super) struct AnyKey(Signatures);

impl AnyKey {
    pub(super) fn new(provider: &CryptoProvider) -> Arc<Self> {
        Arc::new(Self(Signatures::of(provider)))
    }
}

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        id_of(end_entity).map(|_| ServerCertVerified::assertion())
    }

    signatures_by!(0);
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        id_of(end_entity).map(|_| ClientCertVerified::assertion())
    }

    signatures_by!(0);
}

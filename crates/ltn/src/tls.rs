//! Who is at the other end, and nobody listens in: TLS 1.3 on top of any carrier.
//!
//! This is the only file that knows rustls. Both ends always show a certificate and prove that the
//! key in it is theirs; a node *is* the digest of that key. The kind of connection is agreed by
//! ALPN, so a stranger that speaks TLS for another purpose is sent away in the handshake. What an
//! id may do is decided elsewhere.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ltn_proto::NodeId;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, InvalidMessage,
    SignatureScheme,
};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use webpki::EndEntityCert;

use crate::carrier::{Carried, Transport};

/// What a connection is for, as the two ends agree by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionKind {
    /// A link: frames.
    Link,
    /// The bytes of data streams.
    Data,
}

impl ConnectionKind {
    const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Link => b"ltn-open/1",
            Self::Data => b"ltn-data/1",
        }
    }

    fn of_alpn(protocol: Option<&[u8]>) -> Option<Self> {
        [Self::Link, Self::Data].into_iter().find(|kind| Some(kind.alpn()) == protocol)
    }
}

/// Who this node is: a key pair and a certificate that says nothing but the key.
pub(crate) struct Identity {
    id: NodeId,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
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
pub(crate) struct IdentityError(String);

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
}

/// Why a handshake came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TlsError {
    /// The connection ended before the handshake did.
    #[error("the connection ended during the TLS handshake ({0})")]
    Broken(String),
    /// What came is no TLS at all.
    #[error("what the other end says is no TLS")]
    NotTls,
    /// The other end does not speak TLS 1.3, or no part of it that we do.
    #[error("the other end speaks no TLS 1.3 ({0})")]
    OldTls(String),
    /// It is TLS, for another purpose.
    #[error("the other end wants no connection of this network (its ALPN fits none of ours)")]
    WrongProtocol,
    /// The other end showed no certificate, or did not prove that it is its own.
    #[error("the other end did not prove who it is ({0})")]
    NoProof(String),
    /// Any other failure of the handshake.
    #[error("the TLS handshake failed ({0})")]
    Other(String),
}

/// The keys and rules of one node's connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    dial_link: Arc<ClientConfig>,
    dial_data: Arc<ClientConfig>,
    accept_all: Arc<ServerConfig>,
    accept_data: Arc<ServerConfig>,
}

impl Tls {
    /// The open mode: any key is let in, and must be proved.
    pub(crate) fn open(identity: &Identity) -> Result<Self, IdentityError> {
        let dialer = |kind| client_config(identity, kind);
        Ok(Self {
            dial_link: dialer(ConnectionKind::Link)?,
            dial_data: dialer(ConnectionKind::Data)?,
            accept_all: server_config(identity, &[ConnectionKind::Link, ConnectionKind::Data])?,
            accept_data: server_config(identity, &[ConnectionKind::Data])?,
        })
    }

    /// The server's side of a handshake, for a listener that takes every kind of connection.
    pub(crate) async fn accept(
        &self,
        carried: Carried,
    ) -> Result<(ConnectionKind, SecureStream), TlsError> {
        accept_by(&self.accept_all, carried).await
    }

    /// The same for a listener that takes data connections only.
    pub(crate) async fn accept_data(
        &self,
        carried: Carried,
    ) -> Result<(ConnectionKind, SecureStream), TlsError> {
        accept_by(&self.accept_data, carried).await
    }

    /// The client's side of a handshake.
    pub(crate) async fn connect(
        &self,
        carried: Carried,
        kind: ConnectionKind,
    ) -> Result<SecureStream, TlsError> {
        let config = match kind {
            ConnectionKind::Link => &self.dial_link,
            ConnectionKind::Data => &self.dial_data,
        };
        // Names prove nothing here, keys do; the extension that would carry it is switched off.
        let name = ServerName::try_from("node.invalid").expect("it is a well-formed name");
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, Transport::new(carried.stream))
            .await
            .map_err(|error| explain(&error))?;
        let (agreed, stream) = secured(TlsStream::Client(stream), carried.remote)?;
        if agreed == kind { Ok(stream) } else { Err(TlsError::WrongProtocol) }
    }
}

async fn accept_by(
    config: &Arc<ServerConfig>,
    carried: Carried,
) -> Result<(ConnectionKind, SecureStream), TlsError> {
    let stream = TlsAcceptor::from(Arc::clone(config))
        .accept(Transport::new(carried.stream))
        .await
        .map_err(|error| explain(&error))?;
    secured(TlsStream::Server(stream), carried.remote)
}

fn secured(
    stream: TlsStream<Transport>,
    remote: String,
) -> Result<(ConnectionKind, SecureStream), TlsError> {
    let (_, session) = stream.get_ref();
    let kind = ConnectionKind::of_alpn(session.alpn_protocol()).ok_or(TlsError::WrongProtocol)?;
    let certificate = session
        .peer_certificates()
        .and_then(|chain| chain.first())
        .ok_or_else(|| TlsError::NoProof("no certificate".to_owned()))?;
    let peer = id_of(certificate).map_err(|error| TlsError::NoProof(error.to_string()))?;
    Ok((kind, SecureStream { stream: Box::new(stream), peer, remote: remote.into() }))
}

fn id_of(certificate: &CertificateDer<'_>) -> Result<NodeId, Error> {
    let certificate = EndEntityCert::try_from(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    Ok(NodeId::of_public_key(&certificate.subject_public_key_info()))
}

/// What went wrong, in our words. tokio-rustls hides the TLS error inside an I/O error.
fn explain(error: &io::Error) -> TlsError {
    let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return TlsError::Broken(error.to_string());
    };
    match inner {
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::MessageTooLarge,
        )
        | Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => TlsError::NotTls,
        Error::PeerIncompatible(why) => TlsError::OldTls(format!("{why:?}")),
        Error::AlertReceived(rustls::AlertDescription::ProtocolVersion) => {
            TlsError::OldTls("it refused ours".to_owned())
        }
        Error::NoApplicationProtocol
        | Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol) => {
            TlsError::WrongProtocol
        }
        Error::NoCertificatesPresented | Error::InvalidCertificate(_) => {
            TlsError::NoProof(inner.to_string())
        }
        other => TlsError::Other(other.to_string()),
    }
}

/// Randomness for secrets: seeds and tickets.
pub(crate) fn random_bytes<const COUNT: usize>() -> Result<[u8; COUNT], IdentityError> {
    let mut bytes = [0; COUNT];
    let random = provider().secure_random;
    random
        .fill(&mut bytes)
        .map_err(|_| IdentityError("the system gives no randomness".to_owned()))?;
    Ok(bytes)
}

/// One source of cryptography, always passed explicitly: another crate in the same program may set
/// a process-wide default, and that must change nothing here.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    // Every machine we know that has AES at all does 128 bits faster, and both are out of reach.
    let aes_128 = rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != aes_128);
    Arc::new(provider)
}

fn client_config(
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
    config.alpn_protocols = vec![kind.alpn().to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

fn server_config(
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
    config.alpn_protocols = kinds.iter().map(|kind| kind.alpn().to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(error: rcgen::Error) -> IdentityError {
    IdentityError(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn refused(error: Error) -> IdentityError {
    IdentityError(error.to_string())
}

/// Takes every certificate for what it is, a wrapping of a key, and lets the handshake's signature
/// prove that the other end holds that key.
#[derive(Debug)]
struct AnyKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyKey {
    fn new(provider: &CryptoProvider) -> Arc<Self> {
        Arc::new(Self { algorithms: provider.signature_verification_algorithms })
    }

    fn check(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }
}

/// TLS 1.2 is not offered, so nobody should ever ask; whoever does gets no signature for valid.
fn refuse_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("only TLS 1.3 is spoken here".to_owned()))
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

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
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

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// An encrypted connection to a node that proved who it is.
#[derive(Debug)]
pub(crate) struct SecureStream {
    /// Boxed because it is large and moves through a channel.
    stream: Box<TlsStream<Transport>>,
    peer: NodeId,
    remote: Box<str>,
}

/// A connection for the bytes of streams. Reads and writes as any tokio stream.
pub(crate) type DataConnection = SecureStream;

impl SecureStream {
    /// Who the other end proved to be.
    pub(crate) const fn peer(&self) -> NodeId {
        self.peer
    }

    /// Where the other end is, for people.
    pub(crate) fn remote(&self) -> &str {
        &self.remote
    }

    /// How many encrypted bytes the carrier has taken so far.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.stream.get_ref().0.bytes_sent()
    }
}

impl AsyncRead for SecureStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncBufRead for SecureStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut self.get_mut().stream).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        Pin::new(&mut self.stream).consume(count);
    }
}

impl AsyncWrite for SecureStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;

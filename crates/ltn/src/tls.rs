//! Who is at the other end, and nobody listens in: TLS 1.3 on top of any carrier.
//!
//! This is the only room that knows rustls: this file has the connections, `identity.rs` the keys,
//! `open.rs` the rules of the open mode. Both ends always show a certificate and prove that the
//! key in it is theirs; a node *is* the digest of that key. The kind of connection is agreed by
//! ALPN, so a stranger that speaks TLS for another purpose is sent away in the handshake. What an
//! id may do is decided elsewhere.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ltn_proto::NodeId;
use rustls::client::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ServerConfig;
use rustls::{CertificateError, Error, InvalidMessage};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use webpki::EndEntityCert;

use crate::carrier::{Carried, Transport};

mod identity;
mod open;

pub(crate) use identity::{Identity, IdentityError};
use open::{client_config, server_config};

/// What TLS holds of a data connection until the carrier takes it: one chunk with its head, which
/// the usual 64 KiB would cut in two.
const DATA_BUFFER_BYTES: usize = 96 * 1024;

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
    mut stream: TlsStream<Transport>,
    remote: String,
) -> Result<(ConnectionKind, SecureStream), TlsError> {
    let (_, session) = stream.get_ref();
    let kind = ConnectionKind::of_alpn(session.alpn_protocol()).ok_or(TlsError::WrongProtocol)?;
    if kind == ConnectionKind::Data {
        match &mut stream {
            TlsStream::Client(stream) => {
                stream.get_mut().1.set_buffer_limit(Some(DATA_BUFFER_BYTES))
            }
            TlsStream::Server(stream) => {
                stream.get_mut().1.set_buffer_limit(Some(DATA_BUFFER_BYTES))
            }
        }
    }
    let (_, session) = stream.get_ref();
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

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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

//! Who is at the other end, and nobody listens in: TLS 1.3 on top of any carrier.
//!
//! This is the only room that knows rustls: this file has the connections, `identity.rs` the keys,
//! `open.rs` the rules of the open mode, `members.rs` those of a network with members, whose keys
//! `authority.rs` certifies, `signatures.rs` what both check of a handshake; `signing.rs` makes the
//! signatures that outlast a connection.
//!
//! Both ends always show a certificate (but for one who joins) and prove that the key in it is
//! theirs; a node *is* the digest of that key. The kind of connection is agreed by ALPN, so a
//! stranger that speaks TLS for another purpose is sent away in the handshake. What an id may do is
//! decided elsewhere.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ltn_proto::{NetworkId, NodeId, Role};
use rustls::client::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{Acceptor, ServerConfig};
use rustls::{CertificateError, Error, InvalidMessage};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio_rustls::server::StartHandshake;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector, TlsStream};
use webpki::EndEntityCert;

use crate::carrier::{Carried, Transport};

mod authority;
mod identity;
mod members;
mod open;
mod signatures;
mod signing;
#[cfg(feature = "fuzzing")]
pub(crate) mod trying;

pub(crate) use authority::Authority;
pub(crate) use identity::{Identity, IdentityError};
pub(crate) use members::{Membership, check_membership};
pub(crate) use signing::Signer;

/// What TLS holds of a data connection until the carrier takes it: one chunk with its head, which
/// the usual 64 KiB would cut in two.
const DATA_BUFFER_BYTES: usize = 96 * 1024;

/// What a connection is for, as the two ends agree by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionKind {
    /// A link: frames. An open network and one with members have a word of their own for it.
    Link,
    /// The bytes of data streams.
    Data,
    /// Somebody wants to become a member.
    Join,
}

/// The two kinds of network. Nothing negotiates between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Members,
}

impl ConnectionKind {
    const fn alpn(self, mode: Mode) -> &'static [u8] {
        match (self, mode) {
            (Self::Link, Mode::Open) => b"ltn-open/1",
            (Self::Link, Mode::Members) => b"ltn/1",
            (Self::Data, _) => b"ltn-data/1",
            (Self::Join, _) => JOIN_ALPN,
        }
    }

    fn of_alpn(protocol: Option<&[u8]>, mode: Mode) -> Option<Self> {
        let all = [Self::Link, Self::Data, Self::Join];
        all.into_iter().find(|kind| Some(kind.alpn(mode)) == protocol)
    }
}

const JOIN_ALPN: &[u8] = b"ltn-join/1";

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
    /// The other end says that it is a server of another network.
    #[error("the other end is a server of another network")]
    OtherNetwork,
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
    /// Held by whose hello is being answered.
    answering: Arc<Mutex<()>>,
    /// For those who have no certificate yet; only servers of a network with members have it.
    accept_joiners: Option<Arc<ServerConfig>>,
    /// Which network; `None` for an open one.
    network: Option<NetworkId>,
}

/// Who came in by a listener.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A node that proved who it is.
    Node(ConnectionKind, SecureStream),
    /// Somebody who is nobody yet and wants to join.
    Joiner(JoinStream),
}

/// A connection of somebody who has no certificate yet, or of such a one to a server.
pub(crate) type JoinStream = Box<TlsStream<Transport>>;

impl Tls {
    /// The open mode: any key is let in, and must be proved.
    pub(crate) fn open(identity: &Identity) -> Result<Self, IdentityError> {
        let dialer = |kind| open::client_config(identity, kind);
        let both = [ConnectionKind::Link, ConnectionKind::Data];
        Ok(Self {
            dial_link: dialer(ConnectionKind::Link)?,
            dial_data: dialer(ConnectionKind::Data)?,
            accept_all: open::server_config(identity, &both)?,
            accept_data: open::server_config(identity, &[ConnectionKind::Data])?,
            answering: Arc::default(),
            accept_joiners: None,
            network: None,
        })
    }

    /// A network with members: both ends show certificates of its authority.
    pub(crate) fn members(
        identity: &Identity,
        membership: &Membership,
    ) -> Result<Self, IdentityError> {
        let dialer = |kind| members::client_config(identity, membership, kind);
        let acceptor = |kinds: &[_]| members::server_config(identity, membership, kinds);
        Ok(Self {
            dial_link: dialer(ConnectionKind::Link)?,
            dial_data: dialer(ConnectionKind::Data)?,
            accept_all: acceptor(&[ConnectionKind::Link, ConnectionKind::Data])?,
            accept_data: acceptor(&[ConnectionKind::Data])?,
            answering: Arc::default(),
            accept_joiners: Some(members::admission_config(identity, membership)?),
            network: Some(membership.network),
        })
    }

    /// The server's side of a handshake, for a listener that takes every kind of connection.
    pub(crate) async fn accept(&self, carried: Carried) -> Result<Accepted, TlsError> {
        let (remote, start) = hear(carried).await?;
        let wants_in = {
            let hello = start.client_hello();
            hello.alpn().is_some_and(|mut words| words.any(|word| word == JOIN_ALPN))
        };
        if let Some(config) = self.accept_joiners.as_ref().filter(|_| wants_in) {
            return Ok(Accepted::Joiner(Box::new(self.answer(start, config).await?)));
        }
        let stream = self.answer(start, &self.accept_all).await?;
        let (kind, stream) = self.secured(stream, remote)?;
        Ok(Accepted::Node(kind, stream))
    }

    /// The same for a listener that takes data connections only.
    pub(crate) async fn accept_data(
        &self,
        carried: Carried,
    ) -> Result<(ConnectionKind, SecureStream), TlsError> {
        let (remote, start) = hear(carried).await?;
        let stream = self.answer(start, &self.accept_data).await?;
        self.secured(stream, remote)
    }

    /// The answer to a hello costs as much as hundreds of frames, and those who say hello are
    /// strangers. So they are answered one at a time, each after what else is to be done: however
    /// many come at once, the links go on.
    async fn answer(
        &self,
        start: StartHandshake<Transport>,
        config: &Arc<ServerConfig>,
    ) -> Result<TlsStream<Transport>, TlsError> {
        let answered = {
            let _turn = self.answering.lock().await;
            yield_now().await;
            start.into_stream(Arc::clone(config))
        };
        answered.await.map(TlsStream::Server).map_err(|error| explain(&error))
    }

    /// The client's side of a handshake. There are no dials of the kind `Join`: see
    /// [`connect_to_join`].
    pub(crate) async fn connect(
        &self,
        carried: Carried,
        kind: ConnectionKind,
    ) -> Result<SecureStream, TlsError> {
        let config = match kind {
            ConnectionKind::Link => &self.dial_link,
            ConnectionKind::Data => &self.dial_data,
            ConnectionKind::Join => return Err(TlsError::WrongProtocol),
        };
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(members::server_name(), Transport::new(carried.stream))
            .await
            .map_err(|error| explain(&error))?;
        let (agreed, stream) = self.secured(TlsStream::Client(stream), carried.remote)?;
        if agreed == kind { Ok(stream) } else { Err(TlsError::WrongProtocol) }
    }

    fn mode(&self) -> Mode {
        if self.network.is_some() { Mode::Members } else { Mode::Open }
    }

    fn secured(
        &self,
        mut stream: TlsStream<Transport>,
        remote: String,
    ) -> Result<(ConnectionKind, SecureStream), TlsError> {
        let (_, session) = stream.get_ref();
        let kind = ConnectionKind::of_alpn(session.alpn_protocol(), self.mode());
        let kind = kind.ok_or(TlsError::WrongProtocol)?;
        if kind == ConnectionKind::Data {
            let limit = Some(DATA_BUFFER_BYTES);
            match &mut stream {
                TlsStream::Client(stream) => stream.get_mut().1.set_buffer_limit(limit),
                TlsStream::Server(stream) => stream.get_mut().1.set_buffer_limit(limit),
            }
        }
        let (_, session) = stream.get_ref();
        let certificate = session
            .peer_certificates()
            .and_then(|chain| chain.first())
            .ok_or_else(|| TlsError::NoProof("no certificate".to_owned()))?;
        let peer = id_of(certificate).map_err(|error| TlsError::NoProof(error.to_string()))?;
        let invited_as = match self.network {
            None => None,
            Some(network) => {
                Some(members::kind_of(certificate, network, peer).ok_or_else(|| {
                    TlsError::NoProof("its certificate is not about its key".to_owned())
                })?)
            }
        };
        let stream = Box::new(stream);
        Ok((kind, SecureStream { stream, peer, invited_as, remote: remote.into() }))
    }
}

/// Waits for a whole hello, which costs little.
async fn hear(carried: Carried) -> Result<(String, StartHandshake<Transport>), TlsError> {
    let stream = Transport::new(carried.stream);
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
    Ok((carried.remote, start.map_err(|error| explain(&error))?))
}

/// The joiner's side of a handshake: whoever answers has shown to be a server of this network.
/// Gives the certificate (DER) of the network's authority too.
pub(crate) async fn connect_to_join(
    carried: Carried,
    network: NetworkId,
) -> Result<(JoinStream, Vec<u8>), TlsError> {
    let config = members::joiner_config(network).map_err(|error| TlsError::Other(error.0))?;
    let stream = TlsConnector::from(config)
        .connect(members::server_name(), Transport::new(carried.stream))
        .await
        .map_err(|error| explain(&error))?;
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let authority = members::authority_in(chain, network).map(|found| found.to_vec());
    let authority = authority.ok_or_else(|| TlsError::NoProof("no authority".to_owned()))?;
    if session.alpn_protocol() != Some(JOIN_ALPN) {
        return Err(TlsError::WrongProtocol);
    }
    Ok((Box::new(TlsStream::Client(stream)), authority))
}

/// The public key in a certificate (DER): the DER of its `SubjectPublicKeyInfo`.
pub(crate) fn public_key_of(certificate: &[u8]) -> Result<Vec<u8>, IdentityError> {
    let certificate = CertificateDer::from(certificate);
    let certificate = EndEntityCert::try_from(&certificate)
        .map_err(|error| IdentityError(format!("this is no certificate: {error}")))?;
    Ok(certificate.subject_public_key_info().to_vec())
}

/// The network of the authority with this certificate (DER).
pub(crate) fn network_of(authority: &[u8]) -> Result<NetworkId, IdentityError> {
    Ok(NetworkId::of_authority_key(&public_key_of(authority)?))
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
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            TlsError::OtherNetwork
        }
        Error::NoCertificatesPresented | Error::InvalidCertificate(_) => {
            TlsError::NoProof(inner.to_string())
        }
        other => TlsError::Other(other.to_string()),
    }
}

/// Who is the server of this network at the other end? It is shown no certificate, and the
/// handshake is all that is said.
pub(crate) async fn knock_at_member(
    carried: Carried,
    network: NetworkId,
) -> Result<NodeId, TlsError> {
    let (mut stream, _) = connect_to_join(carried, network).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate = certificate.ok_or_else(|| TlsError::NoProof("no certificate".to_owned()))?;
    let id = id_of(certificate).map_err(|error| TlsError::NoProof(error.to_string()));
    // A server that hears no farewell sees the end of the connection.
    let _ = stream.shutdown().await;
    id
}

/// What a node of the open mode does with its key: signing, and connections. Without one it makes a
/// key that is stored nowhere.
pub(crate) fn open_keys(identity: Option<&Identity>) -> Result<(Signer, Tls), IdentityError> {
    let thrown_away;
    let identity = match identity {
        Some(identity) => identity,
        None => {
            thrown_away = Identity::throw_away()?;
            &thrown_away
        }
    };
    Ok((identity.signer()?, Tls::open(identity)?))
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
    invited_as: Option<Role>,
    remote: Box<str>,
}

/// A connection for the bytes of streams. Reads and writes as any tokio stream.
pub(crate) type DataConnection = SecureStream;

impl SecureStream {
    /// Who the other end proved to be.
    pub(crate) const fn peer(&self) -> NodeId {
        self.peer
    }

    /// What the other end was invited to be; nothing in an open network.
    pub(crate) const fn invited_as(&self) -> Option<Role> {
        self.invited_as
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

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn refused(error: Error) -> IdentityError {
    IdentityError(error.to_string())
}

#[cfg(test)]
mod tests;

//! TLS connections over loopback with the certificates of both ends checked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// What both certificates are made out to.
const HOST: &str = "localhost";

/// Everything that it takes to make connections.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

/// An established connection.
pub(super) type Stream = TlsStream<TcpStream>;

struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn new() -> Result<Self> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([HOST.to_owned()])?;
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
        Ok(Self { certificate: cert.der().clone(), key })
    }

    fn trusted(&self) -> Result<Arc<RootCertStore>> {
        let mut store = RootCertStore::empty();
        store.add(self.certificate.clone())?;
        Ok(Arc::new(store))
    }
}

impl Tls {
    /// Two identities that know each other, and no resumption: every handshake is a whole one.
    pub(super) fn new() -> Result<Self> {
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let (server, client) = (Identity::new()?, Identity::new()?);
        let (trust_server, trust_client) = (server.trusted()?, client.trusted()?);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(trust_client, provider.clone()).build()?;
        let mut accept = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server.certificate], server.key)?;
        accept.send_tls13_tickets = 0;
        let mut dial = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(trust_server)
            .with_client_auth_cert(vec![client.certificate], client.key)?;
        dial.resumption = Resumption::disabled();
        Ok(Self { acceptor: Arc::new(accept).into(), connector: Arc::new(dial).into() })
    }

    /// Both ends of one connection: who dialed, who accepted.
    pub(super) async fn pair(&self) -> Result<(Stream, Stream)> {
        let listener = listen().await?;
        let address = listener.local_addr()?;
        let (near, far) = tokio::join!(self.dial(address), self.accept(&listener));
        Ok((near?, far?))
    }

    /// Connects and shakes hands.
    pub(super) async fn dial(&self, address: SocketAddr) -> Result<Stream> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from(HOST).context("the name of this machine")?;
        Ok(self.connector.connect(name, socket).await?.into())
    }

    /// Takes the next connection and shakes hands.
    pub(super) async fn accept(&self, listener: &TcpListener) -> Result<Stream> {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        Ok(self.acceptor.accept(socket).await?.into())
    }
}

/// A listener at a free port.
pub(super) async fn listen() -> Result<TcpListener> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?)
}

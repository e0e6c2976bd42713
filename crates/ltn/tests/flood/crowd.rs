//! The crowd: connections that say nothing, that begin TLS and fall silent, and that say one byte a
//! second. It keeps no state beside its sockets, so that the memory measured is the server's.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections that say nothing and go.
const BARE: usize = 20_000;
/// So many of them at one time.
const BARE_AT_ONCE: usize = 200;
/// Connections that begin TLS and fall silent.
const SILENT: usize = 2_000;
/// Connections that say one byte a second.
const SLOW: usize = 500;
/// How long a stranger waits to be let into the queue of the kernel.
const KNOCKS: Duration = Duration::from_secs(1);
/// How long a slow or silent one stays if nobody turns it away.
const STAYS: Duration = Duration::from_secs(8);

/// How many of each kind got as far as a connection, and how many of those were turned away.
#[derive(Default)]
pub(crate) struct Came {
    bare: AtomicUsize,
    silent: AtomicUsize,
    slow: AtomicUsize,
    turned_away: AtomicUsize,
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [bare, silent, slow, away] = [&self.bare, &self.silent, &self.slow, &self.turned_away]
            .map(|count| count.load(Ordering::Relaxed));
        write!(
            f,
            "connected: {bare} of {BARE} bare, {silent} of {SILENT} silent, {slow} of {SLOW} slow; \
             {away} of the silent and slow turned away"
        )
    }
}

/// Comes, makes trouble and goes.
pub(crate) async fn come(to: SocketAddr) -> Arc<Came> {
    let came = Arc::new(Came::default());
    let hello: Arc<[u8]> = client_hello().into();
    let mut crowd = JoinSet::new();
    for _ in 0..SILENT {
        crowd.spawn(linger(to, Arc::clone(&hello), hello.len(), Arc::clone(&came)));
    }
    for _ in 0..SLOW {
        crowd.spawn(linger(to, Arc::clone(&hello), 1, Arc::clone(&came)));
    }
    for _ in 0..BARE_AT_ONCE {
        crowd.spawn(knock(to, BARE / BARE_AT_ONCE, Arc::clone(&came)));
    }
    while crowd.join_next().await.is_some() {}
    came
}

async fn connect(to: SocketAddr) -> Option<TcpStream> {
    timeout(KNOCKS, TcpStream::connect(to)).await.ok()?.ok()
}

/// Connects and goes, so many times.
async fn knock(to: SocketAddr, times: usize, came: Arc<Came>) {
    for _ in 0..times {
        if connect(to).await.is_some() {
            came.bare.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Says the beginning of a handshake, so many bytes a second, and stays.
async fn linger(to: SocketAddr, hello: Arc<[u8]>, step: usize, came: Arc<Came>) {
    let stays = async {
        let mut stream = loop {
            if let Some(stream) = connect(to).await {
                break stream;
            }
        };
        let count = if step == 1 { &came.slow } else { &came.silent };
        count.fetch_add(1, Ordering::Relaxed);
        for piece in hello.chunks(step) {
            if stream.write_all(piece).await.is_err() {
                came.turned_away.fetch_add(1, Ordering::Relaxed);
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
        let mut nothing = [0; 4_096];
        while stream.read(&mut nothing).await.is_ok_and(|bytes| bytes > 0) {}
        came.turned_away.fetch_add(1, Ordering::Relaxed);
    };
    let _ = timeout(STAYS, stays).await;
}

/// What somebody says first who wants to join.
fn client_hello() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider does TLS 1.3")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"ltn-join/1".to_vec()];
    let name = ServerName::try_from("server.ltn.invalid").expect("it is a name");
    let connection = ClientConnection::new(Arc::new(config), name);
    let mut connection = connection.expect("a connection begins");
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).expect("memory takes it");
    hello
}

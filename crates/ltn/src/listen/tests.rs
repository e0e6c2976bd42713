//! Listeners and dials against every kind of caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ltn_proto::{DialError, DialId, Kind, Limits};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::places::TURNOVER;
use super::*;
use crate::carrier::{BoxFuture, MemoryNet};
use crate::dial::{dial_data, dial_link};
use crate::link::LinkHandle;
use crate::link::testing::{Side, frame, linked};

fn side() -> Side {
    Side::new(&MemoryNet::default(), Limits::default())
}

fn tcp(address: &Address) -> std::net::SocketAddr {
    address.socket_addr().unwrap()
}

/// Asserts that this listener lets an honest client in.
async fn serves(server: &mut Side, listener: &Listener) {
    let mut client = side();
    dial_link(&client.context, DialId(1), listener.address().clone());
    assert_eq!(client.opened().await.1, server.id);
    assert_eq!(server.opened().await.1, client.id);
    // The client's handle was dropped.
    assert_eq!(server.closed().await.1, ltn_proto::CloseReason::Lost);
}

async fn failure(client: &mut Side, to: &Address) -> (DialError, String) {
    dial_link(&client.context, DialId(3), to.clone());
    match client.wake().await {
        Wake::DialFailed { dial: DialId(3), why, text } => (why, text),
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// Joins as a node's mind would: dials again until the server has said something.
async fn join_stubbornly(mut client: Side, to: Address) -> (Side, LinkHandle) {
    loop {
        dial_link(&client.context, DialId(1), to.clone());
        let mut handle = None;
        loop {
            match client.wake().await {
                Wake::LinkOpened { handle: opened, .. } => handle = Some(opened),
                Wake::Frames { .. } => return (client, handle.unwrap()),
                Wake::DialFailed { .. } | Wake::LinkClosed { .. } => break,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn two_hundred_connections_at_once_are_all_served() {
    let mut server = side();
    let listener = server.listen("127.0.0.1:0").await;
    let mut clients = JoinSet::new();
    for _ in 0..200 {
        clients.spawn(join_stubbornly(side(), listener.address().clone()));
    }
    let mut served = Vec::new();
    let mut joined = Vec::new();
    while joined.len() < 200 {
        tokio::select! {
            Some(client) = clients.join_next() => joined.push(client.unwrap()),
            wake = server.wake() => if let Wake::LinkOpened { handle, .. } = wake {
                handle.push(frame(Kind::PING, 1, 0));
                served.push(handle);
            },
        }
    }
    assert!(served.len() >= 200);
}

#[tokio::test]
async fn strangers_with_bad_manners_disturb_nobody() {
    let mut server = side();
    let listener = server.listen("127.0.0.1:0").await;
    let address = tcp(listener.address());
    let mut silent = TcpStream::connect(address).await.unwrap();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4_096], &[22, 3, 1, 0, 200, 1, 0], &[]] {
        let mut stranger = TcpStream::connect(address).await.unwrap();
        let _ = stranger.write_all(bytes).await;
        let _ = stranger.shutdown().await;
        // It is hung up on, not left waiting.
        let mut answer = Vec::new();
        let _ = stranger.read_to_end(&mut answer).await;
        serves(&mut server, &listener).await;
    }
    silent.write_all(&[22]).await.unwrap();
    serves(&mut server, &listener).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_stranger_is_turned_away_in_time() {
    let net = MemoryNet::default();
    let mut server = Side::new(&net, Limits::default());
    let listener = server.listen("mem:main").await;
    let mut silent = server.context.carriers().dial(listener.address()).await.unwrap().stream;
    let asked_at = Instant::now();
    let mut nothing = Vec::new();
    silent.read_to_end(&mut nothing).await.unwrap();
    assert_eq!(asked_at.elapsed(), TLS_TIMEOUT);
    assert!(nothing.is_empty());
    server.silence().await;

    let reason = handshake(&server.context, Serves::LinksAndData, {
        let (near, far) = tokio::io::duplex(10);
        std::mem::forget(near);
        Carried { stream: Box::new(far), remote: String::new(), origin: None }
    })
    .await
    .unwrap_err();
    assert_eq!(reason.to_string(), "nothing that looks like TLS within 5s");
}

#[tokio::test(start_paused = true)]
async fn when_all_places_are_taken_the_oldest_handshake_goes() {
    let net = MemoryNet::default();
    let limits = Limits { pending_links: 3, ..Limits::default() };
    let mut server = Side::new(&net, limits);
    let listener = server.listen("mem:main").await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(server.context.carriers().dial(listener.address()).await.unwrap().stream);
    }
    // An honest client comes eleventh and does not have to wait until the others' time is up.
    let mut client = Side::new(&net, Limits::default());
    dial_link(&client.context, DialId(1), listener.address().clone());
    let asked_at = Instant::now();
    assert_eq!(client.opened().await.1, server.id);
    assert_eq!(server.opened().await.1, client.id);
    assert!(asked_at.elapsed() <= 3 * TURNOVER, "{:?}", asked_at.elapsed());
}

#[tokio::test]
async fn a_listener_frees_its_port_and_leaves_its_links() {
    let ((mut server, down), (mut client, up), listener) =
        linked(&MemoryNet::default(), "127.0.0.1:0").await;
    let address = listener.address().clone();
    listener.shutdown().await;
    assert_eq!(failure(&mut client, &address).await.0, DialError::NoServer);
    up.push(frame(Kind::PING, 1, 0));
    assert_eq!(server.frames(1).await.len(), 1);
    // The same port again, while the old link still uses it.
    let listener = server.listen(address.as_str()).await;
    assert_eq!(listener.address(), &address);
    serves(&mut server, &listener).await;
    drop(down);
}

#[tokio::test(start_paused = true)]
async fn a_data_connection_comes_with_its_ticket() {
    let net = MemoryNet::default();
    let (mut server, client) =
        (Side::new(&net, Limits::default()), Side::new(&net, Limits::default()));
    let listener = server.listen("mem:main").await;
    let ticket = *b"sixteen bytes ok";
    let mut near = dial_data(&client.context, listener.address(), server.id, ticket).await.unwrap();
    near.write_all(b"stream bytes").await.unwrap();
    near.flush().await.unwrap();
    match server.wake().await {
        Wake::DataOpened { peer, ticket: shown, stream: mut far } => {
            assert_eq!((peer, shown), (client.id, ticket));
            let mut read = [0; 12];
            far.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"stream bytes");
        }
        other => panic!("{other:?}"),
    }

    let stranger = client.id;
    let failed = dial_data(&client.context, listener.address(), stranger, ticket).await;
    assert_eq!(failed.unwrap_err().why, DialError::NotLtn);
    server.silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_data_port_serves_data_only() {
    let net = MemoryNet::default();
    let (mut server, mut client) =
        (Side::new(&net, Limits::default()), Side::new(&net, Limits::default()));
    let acceptor = server.context.carriers().listen(&Address::new("mem:data")).await.unwrap();
    let listener = Listener::start(acceptor, Serves::DataOnly, server.context.clone());
    assert_eq!(failure(&mut client, listener.address()).await.0, DialError::NotLtn);
    let stream = dial_data(&client.context, listener.address(), server.id, [1; 16]).await;
    assert!(matches!(server.wake().await, Wake::DataOpened { ticket, .. } if ticket == [1; 16]));
    drop(stream);
}

#[tokio::test]
async fn a_dial_that_fails_says_why() {
    let mut client = side();
    let nobody = client.listen("127.0.0.1:0").await;
    let address = nobody.address().clone();
    nobody.shutdown().await;
    let (why, text) = failure(&mut client, &address).await;
    assert_eq!((why, text), (DialError::NoServer, format!("nobody listens at {address}")));

    for text in ["", "nonsense", "127.0.0.1:0", "0.0.0.0:4000", "224.0.0.1:4000"] {
        assert_eq!(failure(&mut client, &Address::new(text)).await.0, DialError::Unsuited);
    }

    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::from(other.local_addr().unwrap());
    let mail = tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        stream.write_all(b"220 mail ESMTP\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let (why, text) = failure(&mut client, &address).await;
    assert_eq!(why, DialError::NotLtn);
    assert_eq!(text, format!("{address}: what the other end says is no TLS"));
    mail.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_nobody_answers_ends_in_time() {
    let net = MemoryNet::default();
    let mut client = Side::new(&net, Limits::default());
    let _silent = client.context.carriers().listen(&Address::new("mem:silent")).await.unwrap();
    let (why, text) = failure(&mut client, &Address::new("mem:silent")).await;
    assert_eq!((why, &*text), (DialError::Timeout, "no answer from mem:silent in 5s"));
}

/// An acceptor that fails a few times, as one does without file descriptors, then works.
#[derive(Debug)]
struct Starved {
    failures_left: Arc<AtomicUsize>,
    inner: Box<dyn Acceptor>,
}

impl Acceptor for Starved {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Carried>> {
        Box::pin(async move {
            let left = self.failures_left.load(Ordering::Relaxed);
            if left > 0 {
                self.failures_left.store(left - 1, Ordering::Relaxed);
                let too_many_open_files = 24;
                return Err(io::Error::from_raw_os_error(too_many_open_files));
            }
            self.inner.accept().await
        })
    }

    fn address(&self) -> Address {
        self.inner.address()
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_accepting_never_end_a_listener() {
    let net = MemoryNet::default();
    let mut server = Side::new(&net, Limits::default());
    let inner = server.context.carriers().listen(&Address::new("mem:main")).await.unwrap();
    let failures_left = Arc::new(AtomicUsize::new(5));
    let acceptor = Box::new(Starved { failures_left: failures_left.clone(), inner });
    let listener = Listener::start(acceptor, Serves::LinksAndData, server.context.clone());
    let mut client = Side::new(&net, Limits::default());
    dial_link(&client.context, DialId(1), listener.address().clone());
    assert_eq!(client.opened().await.1, server.id);
    assert_eq!(server.opened().await.1, client.id);
    assert_eq!(failures_left.load(Ordering::Relaxed), 0);
    listener.shutdown().await;
}

#[test]
fn of_a_crowd_the_log_tells_of_one_in_a_second_and_counts_the_others() {
    let (mut tells, now) = (Tells::default(), Instant::now());
    assert_eq!(tells.one_more(now), Some(0));
    for _ in 0..1_000 {
        assert_eq!(tells.one_more(now + TELLS / 2), None);
    }
    assert_eq!(tells.one_more(now + TELLS), Some(1_000));
}

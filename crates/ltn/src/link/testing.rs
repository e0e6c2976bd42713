//! Two ends of a link inside one process, for the tests of links, listeners and dials.

use std::time::Duration;

use bytes::Bytes;
use ltn_proto::{
    Address, CloseReason, DialId, Direction, Frame, Header, Kind, Limits, LinkId, NodeId,
};
use tokio::sync::mpsc;

use super::{LinkContext, LinkHandle};
use crate::carrier::{Carriers, MemoryNet, Reach};
use crate::dial::dial_link;
use crate::listen::{Listener, Serves};
use crate::tls::{ConnectionKind, Identity, SecureStream, Tls};
use crate::wake::{WAKES_MAX, Wake};

/// One node as far as links go: no mind, and the test is the driver.
pub(crate) struct Side {
    pub(crate) id: NodeId,
    pub(crate) context: LinkContext,
    pub(crate) wakes: mpsc::Receiver<Wake>,
}

impl Side {
    pub(crate) fn new(net: &MemoryNet, limits: Limits) -> Self {
        Self::with_wakes(net, limits, WAKES_MAX)
    }

    pub(crate) fn with_wakes(net: &MemoryNet, limits: Limits, wakes_max: usize) -> Self {
        let identity = Identity::throw_away().unwrap();
        let carriers = Carriers::tcp(&limits, Reach::ThisMachine).with_memory(net.clone());
        let (sender, wakes) = mpsc::channel(wakes_max);
        let tls = Tls::open(&identity).unwrap();
        Self { id: identity.id(), context: LinkContext::new(tls, carriers, limits, sender), wakes }
    }

    pub(crate) async fn listen(&self, at: &str) -> Listener {
        let acceptor = self.context.carriers().listen(&Address::new(at)).await.unwrap();
        Listener::start(acceptor, Serves::LinksAndData, self.context.clone())
    }

    /// A connection with nothing but TLS on it, so that a test can misbehave.
    pub(crate) async fn bare(&self, to: &Address) -> SecureStream {
        let carried = self.context.carriers().dial(to).await.unwrap();
        self.context.tls().connect(carried, ConnectionKind::Link).await.unwrap()
    }

    /// The next wake. A test that waits for one in vain fails instead of hanging.
    pub(crate) async fn wake(&mut self) -> Wake {
        tokio::time::timeout(Duration::from_secs(60), self.wakes.recv())
            .await
            .expect("there should have been a wake")
            .expect("the context holds a sender")
    }

    pub(crate) async fn opened(&mut self) -> (Direction, NodeId, LinkHandle) {
        match self.wake().await {
            Wake::LinkOpened { link, direction, peer, handle, .. } => {
                assert_eq!((handle.link(), handle.peer()), (link, peer));
                (direction, peer, handle)
            }
            other => panic!("expected a link, got {other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> (LinkId, CloseReason, String) {
        match self.wake().await {
            Wake::LinkClosed { link, why, text } => (link, why, text),
            other => panic!("expected an end, got {other:?}"),
        }
    }

    /// Collects this many frames, whatever the batches.
    pub(crate) async fn frames(&mut self, count: usize) -> Vec<Frame> {
        let mut all = Vec::new();
        while all.len() < count {
            match self.wake().await {
                Wake::Frames { frames, .. } => {
                    assert!(!frames.is_empty());
                    all.extend(frames);
                }
                other => panic!("expected frames, got {other:?} after {} of them", all.len()),
            }
        }
        assert_eq!(all.len(), count);
        all
    }

    /// Nothing more happens for a minute, of paused time.
    pub(crate) async fn silence(&mut self) {
        let wake = tokio::time::timeout(Duration::from_secs(60), self.wakes.recv()).await;
        assert!(wake.is_err(), "expected silence, got {wake:?}");
    }
}

/// A server and a client with a link between them, and the two ways to send.
pub(crate) async fn linked(
    net: &MemoryNet,
    at: &str,
) -> ((Side, LinkHandle), (Side, LinkHandle), Listener) {
    let mut server = Side::new(net, Limits::default());
    let mut client = Side::new(net, Limits::default());
    let listener = server.listen(at).await;
    dial_link(&client.context, DialId(7), listener.address().clone());
    let (direction, peer, up) = client.opened().await;
    assert_eq!((direction, peer), (Direction::Up(DialId(7)), server.id));
    let (direction, peer, down) = server.opened().await;
    assert_eq!((direction, peer), (Direction::Down, client.id));
    ((server, down), (client, up), listener)
}

/// A frame with a number and some payload.
pub(crate) fn frame(kind: Kind, number: u64, payload_bytes: usize) -> Frame {
    let mut header = Header::new(kind, NodeId::NOBODY, NodeId::NOBODY);
    header.id = number;
    Frame { header, payload: Bytes::from(vec![number as u8; payload_bytes]) }
}

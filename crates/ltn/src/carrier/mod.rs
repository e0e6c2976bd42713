//! How two nodes get their bytes: the wall between links and whatever carries them.
//!
//! A carrier listens at addresses and dials them; what comes out is a stream of bytes that TLS runs
//! on. Above this module nobody knows whether that is TCP or a pipe inside this process, and here
//! nobody knows TLS, frames or nodes. Further carriers (say, over a message bus between sites) are
//! one more file and one more line in [`Carriers::of`].

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use ltn_proto::{Address, DialError, Limits};
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(unix)]
mod local;
#[cfg(not(unix))]
#[path = "local_elsewhere.rs"]
mod local;
mod memory;
mod tcp;
mod transport;

pub(crate) use local::{LocalDoor, OWNER};
pub use memory::MemoryNet;
pub(crate) use transport::Transport;

/// A future that a trait object can return.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to carry bytes between nodes.
pub(crate) trait Carrier: fmt::Debug + Send + Sync {
    /// Listens at exactly this address; a port of 0 stands for any free one.
    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Acceptor>>>;

    /// Reaches whoever listens at this address. The caller limits the time.
    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Carried, DialFailure>>;
}

/// A bound address that connections come in at. Dropping it frees the address at once.
pub(crate) trait Acceptor: fmt::Debug + Send {
    /// The next connection. An error concerns one connection or one moment, never all the future.
    /// Safe to drop half-way: no connection is lost.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Carried>>;

    /// Where it is reached, with the real port.
    fn address(&self) -> Address;
}

/// A connection that has just been made, before TLS.
#[derive(Debug)]
pub(crate) struct Carried {
    /// Its bytes, both ways.
    pub(crate) stream: Box<dyn ByteStream>,
    /// Where the other end is, for people.
    pub(crate) remote: String,
    /// Whose connections are counted together before they have said who they are; `None` where the
    /// other end is on this machine and nobody needs to be counted.
    pub(crate) origin: Option<IpAddr>,
}

/// Bytes both ways, whatever carries them.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> ByteStream for T {}

/// Why a dial came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct DialFailure {
    /// For programs.
    pub(crate) why: DialError,
    /// For people: a sentence without a full stop.
    pub(crate) text: String,
}

impl DialFailure {
    /// A failure with its reason in words.
    pub(crate) fn new(why: DialError, text: impl Into<String>) -> Self {
        Self { why, text: text.into() }
    }
}

/// How far a node may dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The open mode stays on its machine.
    ThisMachine,
    /// Members find one another wherever they are.
    Everywhere,
}

/// The carriers of one node, and the one place where the carrier of an address is chosen.
#[derive(Debug, Clone)]
pub(crate) struct Carriers {
    tcp: Arc<tcp::Tcp>,
    memory: Option<MemoryNet>,
    /// The door of the node that this one stands beside.
    local: Option<LocalDoor>,
}

impl Carriers {
    /// TCP alone.
    pub(crate) fn tcp(limits: &Limits, reach: Reach) -> Self {
        Self { tcp: Arc::new(tcp::Tcp::new(limits.lease, reach)), memory: None, local: None }
    }

    /// TCP, and a net inside this process for addresses that begin with `mem:`.
    #[must_use]
    pub(crate) fn with_memory(mut self, net: MemoryNet) -> Self {
        self.memory = Some(net);
        self
    }

    /// TCP, and the local door of another node for addresses that begin with `local:`.
    #[must_use]
    pub(crate) fn with_local(mut self, door: LocalDoor) -> Self {
        self.local = Some(door);
        self
    }

    /// Listens at exactly this address.
    pub(crate) async fn listen(&self, at: &Address) -> io::Result<Box<dyn Acceptor>> {
        self.of(at).listen(at).await
    }

    /// Reaches whoever listens at this address. The caller limits the time.
    pub(crate) async fn dial(&self, to: &Address) -> Result<Carried, DialFailure> {
        self.of(to).dial(to).await
    }

    fn of(&self, address: &Address) -> &dyn Carrier {
        let is = |scheme: &str| address.as_str().starts_with(scheme);
        match (&self.memory, &self.local) {
            (Some(net), _) if is(memory::SCHEME) => net,
            (_, Some(door)) if is(local::SCHEME) => door,
            _ => &*self.tcp,
        }
    }
}

//! A net inside one process, for tests: addresses like `mem:main`, and pipes between them.
//!
//! TLS and everything above run on it as they run on TCP.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ltn_proto::{Address, DialError};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

use super::{Acceptor, BoxFuture, Carried, Carrier, DialFailure};

/// What the addresses of this carrier begin with.
pub(super) const SCHEME: &str = "mem:";
/// What a pipe holds in each direction, as a socket's buffers would.
const PIPE_BYTES: usize = 64 * 1024;
/// Connections that wait to be accepted at one address.
const BACKLOG: usize = 128;

/// A net inside one process; clones are the same net.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryNet {
    listeners: Arc<Mutex<BTreeMap<Address, mpsc::Sender<DuplexStream>>>>,
}

impl MemoryNet {
    fn listeners(&self) -> MutexGuard<'_, BTreeMap<Address, mpsc::Sender<DuplexStream>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bind(&self, at: &Address) -> io::Result<MemoryAcceptor> {
        let (sender, incoming) = mpsc::channel(BACKLOG);
        let mut listeners = self.listeners();
        if listeners.get(at).is_some_and(|other| !other.is_closed()) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        listeners.insert(at.clone(), sender);
        Ok(MemoryAcceptor { incoming, address: at.clone() })
    }

    async fn reach(&self, to: &Address) -> Result<Carried, DialFailure> {
        let nobody = || DialFailure::new(DialError::NoServer, format!("nobody listens at {to}"));
        let listener = self.listeners().get(to).cloned().ok_or_else(nobody)?;
        let (near, far) = duplex(PIPE_BYTES);
        listener.send(far).await.map_err(|_| nobody())?;
        Ok(carried(near, to))
    }
}

impl Carrier for MemoryNet {
    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Acceptor>>> {
        Box::pin(async move { Ok(Box::new(self.bind(at)?) as Box<dyn Acceptor>) })
    }

    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Carried, DialFailure>> {
        Box::pin(self.reach(to))
    }
}

#[derive(Debug)]
struct MemoryAcceptor {
    incoming: mpsc::Receiver<DuplexStream>,
    address: Address,
}

impl Acceptor for MemoryAcceptor {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Carried>> {
        Box::pin(async move {
            match self.incoming.recv().await {
                Some(stream) => Ok(carried(stream, &self.address)),
                // The net is gone, so nobody can come any more.
                None => std::future::pending().await,
            }
        })
    }

    fn address(&self) -> Address {
        self.address.clone()
    }
}

fn carried(stream: DuplexStream, address: &Address) -> Carried {
    Carried { stream: Box::new(stream), remote: address.to_string(), origin: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_one_listener_at_a_time() {
        let net = MemoryNet::default();
        let main = Address::new("mem:main");
        assert_eq!(net.dial(&main).await.unwrap_err().why, DialError::NoServer);
        let acceptor = net.listen(&main).await.unwrap();
        assert_eq!(net.listen(&main).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        net.dial(&main).await.unwrap();
        drop(acceptor);
        assert_eq!(net.dial(&main).await.unwrap_err().why, DialError::NoServer);
        net.listen(&main).await.unwrap();
    }
}

//! Data sockets: further ports of a server, each with a name and a function that gets a stream of
//! bytes with every registered node that connects.
//!
//! Who is at the other end is known before the function begins: the connection shows the node's key
//! and a ticket that came by its link. A connection that can show neither is closed. This room
//! knows names, functions and who is on which; how streams get here is told in `streams/`, and what
//! programs call stands in `node/sockets.rs`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ltn_proto::limits::{DATA_SOCKETS_MAX, WORD_BYTES_MAX};
use ltn_proto::{Address, NodeId, Refusal, RefusalKind, sanitise_line};
use tokio::task::JoinSet;

use crate::listen::Listener;
use crate::port::PortExpr;
use crate::streams::DataStream;

/// The data socket for streams and transfers, which a server has from its start or not at all.
pub(crate) const MAIN_DATA: &str = "Maindata";
/// The connections of one data socket.
const USERS_MAX: usize = 256;
/// Wishes of the server to be connected to, for which this program has no function yet.
const WISHES_MAX: usize = DATA_SOCKETS_MAX;

/// A function that has a stream with each node on a data socket.
pub(crate) type SocketHandler =
    Arc<dyn Fn(DataStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What a data socket shall be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSocket {
    pub(crate) name: String,
    pub(crate) port: PortExpr,
    pub(crate) connect: Vec<NodeId>,
    pub(crate) connect_newcomers: bool,
}

impl DataSocket {
    /// One of this name (1 to 64 bytes) at the first free port of the expression. Nobody is asked
    /// to connect; everybody below is told that it is there.
    #[must_use]
    pub fn new(name: &str, port: impl Into<PortExpr>) -> Self {
        let (name, port) = (name.to_owned(), port.into());
        Self { name, port, connect: Vec::new(), connect_newcomers: false }
    }

    /// Asks these nodes to connect, now and whenever they join again.
    #[must_use]
    pub fn connect(mut self, nodes: impl IntoIterator<Item = NodeId>) -> Self {
        self.connect.extend(nodes);
        self
    }

    /// Asks every node that joins from now on to connect.
    #[must_use]
    pub const fn connect_newcomers(mut self) -> Self {
        self.connect_newcomers = true;
        self
    }
}

/// A data socket of a node, and who is on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataSocketStatus {
    /// Its name.
    pub name: String,
    /// Where it is reached.
    pub address: Address,
    /// Who is connected, in the order of coming; a node with two connections stands there twice.
    pub users: Vec<NodeId>,
}

/// The data sockets of one node, and what it does with those of others. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets(Arc<Mutex<Registry>>);

#[derive(Default)]
struct Registry {
    open: BTreeMap<String, Open>,
    seats: u64,
    /// What to do with data sockets of the higher server that want to be connected to.
    joiners: BTreeMap<String, SocketHandler>,
    /// Those that wanted it before there was something to do with them.
    wishes: Vec<String>,
}

struct Open {
    address: Address,
    listener: Option<Listener>,
    handler: SocketHandler,
    users: BTreeMap<u64, NodeId>,
    /// Dropping them ends them, and so the streams that they hold.
    tasks: JoinSet<()>,
}

/// A place on a data socket; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    sockets: Sockets,
    name: String,
    number: u64,
}

impl Sockets {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Could there be one more, of this name?
    pub(crate) fn check(&self, name: &str) -> Result<(), Refusal> {
        let fits = (1..=WORD_BYTES_MAX).contains(&name.len()) && sanitise_line(name) == name;
        if !fits {
            let text =
                format!("the name of a data socket is one line of 1 to {WORD_BYTES_MAX} bytes");
            return Err(Refusal::new(RefusalKind::BadArguments, text));
        }
        let registry = self.registry();
        if name == MAIN_DATA || registry.open.contains_key(name) {
            let text = format!("there is a data socket `{name}` already");
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        if registry.open.len() >= DATA_SOCKETS_MAX {
            let text = format!("a node has {DATA_SOCKETS_MAX} data sockets at most");
            return Err(Refusal::new(RefusalKind::Full, text));
        }
        Ok(())
    }

    /// Opens it. If somebody else took the name or the last place meanwhile, gives the listener
    /// back with the reason.
    pub(crate) fn open(
        &self,
        name: &str,
        address: Address,
        listener: Option<Listener>,
        handler: SocketHandler,
    ) -> Result<(), (Refusal, Option<Listener>)> {
        if let Err(refusal) = self.check(name) {
            return Err((refusal, listener));
        }
        let (users, tasks) = (BTreeMap::new(), JoinSet::new());
        let open = Open { address, listener, handler, users, tasks };
        self.registry().open.insert(name.to_owned(), open);
        Ok(())
    }

    /// A task that lives as long as the data socket does.
    pub(crate) fn accompany(&self, name: &str, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(open) = self.registry().open.get_mut(name) {
            open.tasks.spawn(task);
        }
    }

    /// Closes it, ends its streams, and gives the listener back, which still has to be shut down.
    pub(crate) fn close(&self, name: &str) -> Result<Option<Listener>, Refusal> {
        if name == MAIN_DATA {
            let text = "`Maindata` carries what everybody sends: a server has it from its start to \
                        its end, or not at all";
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        let closed = self.registry().open.remove(name);
        closed.map(|open| open.listener).ok_or_else(|| self.unknown(name))
    }

    /// Closes all of them; the listeners still have to be shut down.
    pub(crate) fn close_all(&self) -> Vec<Listener> {
        let all = std::mem::take(&mut self.registry().open);
        all.into_values().filter_map(|open| open.listener).collect()
    }

    /// A place for this node, if there is such a data socket and it has one left.
    pub(crate) fn seat(&self, name: &str, user: NodeId) -> Result<Seat, Refusal> {
        let mut registry = self.registry();
        let number = registry.seats;
        registry.seats += 1;
        let Some(open) = registry.open.get_mut(name) else {
            drop(registry);
            return Err(self.unknown(name));
        };
        if open.users.len() >= USERS_MAX {
            let text = format!("the data socket `{name}` has {USERS_MAX} connections already");
            return Err(Refusal::new(RefusalKind::Busy, text));
        }
        open.users.insert(number, user);
        Ok(Seat { sockets: self.clone(), name: name.to_owned(), number })
    }

    fn unknown(&self, name: &str) -> Refusal {
        let names: Vec<String> = self.registry().open.keys().cloned().collect();
        let there = match names.as_slice() {
            [] => "there is none".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        let text = format!("no data socket `{}` here; {there}", sanitise_line(name));
        Refusal::new(RefusalKind::NotOffered, text)
    }

    /// All of them, by name.
    pub(crate) fn statuses(&self) -> Vec<DataSocketStatus> {
        let status = |(name, open): (&String, &Open)| DataSocketStatus {
            name: name.clone(),
            address: open.address.clone(),
            users: open.users.values().copied().collect(),
        };
        self.registry().open.iter().map(status).collect()
    }

    /// Names and ports, as the mind tells others of them.
    pub(crate) fn ports(&self) -> Vec<(String, u16)> {
        let port = |address: &Address| address.socket_addr().map_or(0, |at| at.port());
        let statuses = self.statuses();
        statuses.into_iter().map(|socket| (socket.name, port(&socket.address))).collect()
    }

    /// From now on this node connects by itself to a data socket of this name of its higher server,
    /// when that asks for it. Has it asked already?
    pub(crate) fn join(&self, name: &str, handler: SocketHandler) -> Result<bool, Refusal> {
        let mut registry = self.registry();
        if registry.joiners.len() >= DATA_SOCKETS_MAX && !registry.joiners.contains_key(name) {
            let text = format!("a node knows {DATA_SOCKETS_MAX} data sockets of others at most");
            return Err(Refusal::new(RefusalKind::Full, text));
        }
        registry.joiners.insert(name.to_owned(), handler);
        let before = registry.wishes.len();
        registry.wishes.retain(|wish| wish != name);
        Ok(registry.wishes.len() < before)
    }

    /// The higher server asks to be connected to: with what? Nothing yet is remembered.
    pub(crate) fn asked_to_join(&self, name: &str) -> Option<SocketHandler> {
        let mut registry = self.registry();
        let handler = registry.joiners.get(name).cloned();
        if handler.is_none() && !registry.wishes.iter().any(|wish| wish == name) {
            if registry.wishes.len() == WISHES_MAX {
                registry.wishes.remove(0);
            }
            registry.wishes.push(name.to_owned());
        }
        handler
    }
}

impl Seat {
    /// Starts the function of the data socket with this stream.
    pub(crate) fn take(self, stream: DataStream) {
        let sockets = self.sockets.clone();
        let mut registry = sockets.registry();
        let Some(open) = registry.open.get_mut(&self.name) else {
            drop(registry);
            return stream.abort("the data socket was closed");
        };
        while open.tasks.try_join_next().is_some() {}
        let handler = Arc::clone(&open.handler);
        open.tasks.spawn(async move {
            // The seat is given back even if the function panics.
            let _seat = self;
            handler(stream).await;
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(open) = self.sockets.registry().open.get_mut(&self.name) {
            open.users.remove(&self.number);
        }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("open", &self.open.keys())
            .field("joiners", &self.joiners.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> SocketHandler {
        Arc::new(|_| Box::pin(std::future::ready(())))
    }

    fn open(sockets: &Sockets, name: &str) -> Result<(), Refusal> {
        let at = Address::new("127.0.0.1:1");
        sockets.open(name, at, None, nothing()).map_err(|(refusal, _)| refusal)
    }

    #[test]
    fn names_ports_and_places_have_a_maximum() {
        let sockets = Sockets::default();
        for n in 0..DATA_SOCKETS_MAX {
            open(&sockets, &format!("s{n}")).unwrap();
        }
        assert_eq!(open(&sockets, "one more").unwrap_err().kind, RefusalKind::Full);
        sockets.close("s1").unwrap();
        for bad in ["", "s0", MAIN_DATA, "a\nb", &"x".repeat(WORD_BYTES_MAX + 1)] {
            assert!(open(&sockets, bad).is_err(), "{bad:?}");
        }
        let user = NodeId::of_public_key(b"user");
        let mut seats: Vec<Seat> =
            (0..USERS_MAX).map(|_| sockets.seat("s0", user).unwrap()).collect();
        assert_eq!(sockets.seat("s0", user).unwrap_err().kind, RefusalKind::Busy);
        seats.pop();
        assert!(sockets.seat("s0", user).is_ok());
        let nowhere = sockets.seat("s1", user).unwrap_err();
        assert!(nowhere.text.contains("there are: s0, s10"), "{nowhere}");
        assert!(sockets.close(MAIN_DATA).is_err() && sockets.close("s1").is_err());
    }

    #[test]
    fn a_wish_that_came_too_early_is_remembered_once() {
        let sockets = Sockets::default();
        for n in 0..=WISHES_MAX {
            assert!(sockets.asked_to_join(&format!("s{n}")).is_none());
        }
        assert!(!sockets.join("s0", nothing()).unwrap(), "it was the oldest of too many");
        assert!(sockets.join("s1", nothing()).unwrap());
        assert!(!sockets.join("s1", nothing()).unwrap());
        assert!(sockets.asked_to_join("s1").is_some());
    }
}

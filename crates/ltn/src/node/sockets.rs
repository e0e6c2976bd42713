//! Data sockets, as programs open, join, look at and close them.

use std::future::Future;
use std::sync::Arc;

use ltn_proto::limits::WORD_BYTES_MAX;
use ltn_proto::{Address, Event, NodeId, Op, Refusal, RefusalKind, Target, Value};
use tokio::sync::broadcast::error::RecvError;

use super::Node;
use crate::driver::Ask;
use crate::error::{StreamError, TalkError};
use crate::listen::{Listener, Serves};
use crate::port;
use crate::sockets::{DataSocket, DataSocketStatus, MAIN_DATA, SocketHandler, Sockets};
use crate::streams::{DataStream, Errand};
use crate::words::IntoTarget;

/// The command by which a server asks a node below to connect to a data socket.
pub(crate) const NEW_DATA_SOCKET: &str = "newdatasock";

impl Node {
    /// Opens a data socket: a further port, and a function that gets a stream of bytes with each
    /// node that connects to it, in a task of its own. The stream's `peer()` is a node of this
    /// network that has proved its key and is registered; nobody else gets that far. A stream that
    /// the function drops before its end has failed for the other end, so shut it down. Returns
    /// where it listens.
    ///
    /// # Errors
    /// Refused if this node is no server, the name is taken or none, no port is free, or there are
    /// 64 data sockets already.
    pub async fn new_data_socket<F, Fut>(
        &self,
        socket: DataSocket,
        handler: F,
    ) -> Result<Address, TalkError>
    where
        F: Fn(DataStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let DataSocket { name, port, connect, connect_newcomers } = socket;
        let Some(main) = self.address() else {
            return Err(refused("a node without a port has no data sockets"));
        };
        self.sockets().check(&name).map_err(TalkError::Refused)?;
        let context = self.shared.streams.context();
        let listener = match main.socket_addr() {
            Some(at) => {
                let bound = port::bind(context.carriers(), at.ip(), &port, None).await;
                let bound = bound.map_err(|error| refused(&error.to_string()))?;
                Some(Listener::start(bound, Serves::DataOnly, context.clone()))
            }
            // Inside this process everything comes in at one place.
            None => None,
        };
        let address = listener.as_ref().map_or(main, |listener| listener.address().clone());
        let handler = boxed(handler);
        let opened = self.sockets().open(&name, address.clone(), listener, handler);
        if let Err((refusal, listener)) = opened {
            if let Some(listener) = listener {
                listener.shutdown().await;
            }
            return Err(TalkError::Refused(refusal));
        }
        self.tell_data_sockets().await?;
        let invitations = Invitations { node: self.without_queues(), name: name.clone() };
        let events = self.events();
        self.sockets().accompany(&name, async move {
            invitations.send(connect, connect_newcomers, events).await;
        });
        Ok(address)
    }

    /// Closes a data socket: its port is free when this returns, and its streams have failed.
    ///
    /// # Errors
    /// Refused if there is none of this name; also for `Maindata`.
    pub async fn close_data_socket(&self, name: &str) -> Result<(), TalkError> {
        let listener = self.sockets().close(name).map_err(TalkError::Refused)?;
        if let Some(listener) = listener {
            listener.shutdown().await;
        }
        self.tell_data_sockets().await
    }

    /// The data sockets of this node and who is on each, `Maindata` first if there is one.
    #[must_use]
    pub fn data_sockets(&self) -> Vec<DataSocketStatus> {
        let main = self.data_address().map(|address| DataSocketStatus {
            name: MAIN_DATA.to_owned(),
            address,
            users: self.shared.streams.who_has_data_connections(),
        });
        main.into_iter().chain(self.sockets().statuses()).collect()
    }

    /// Connects to a data socket of another node: of the higher server directly at its port, of
    /// others hop by hop.
    ///
    /// # Errors
    /// Refused if there is none of this name there (the text says which there are), or it is full.
    pub async fn connect_data_socket(
        &self,
        at: impl IntoTarget,
        name: &str,
    ) -> Result<DataStream, StreamError> {
        if name.is_empty() || name.len() > WORD_BYTES_MAX {
            let text = format!("the name of a data socket has 1 to {WORD_BYTES_MAX} bytes");
            let refusal = Refusal::new(RefusalKind::BadArguments, text);
            return Err(StreamError::Refused(refusal));
        }
        let at = at.into_target().map_err(StreamError::Target)?;
        let id = match at {
            Target::Id(id) => id,
            at => self.locate(at).await.map_err(StreamError::Target)?.id,
        };
        let port = if self.shared.streams.is_parent(id) {
            let facts = self.request(id, "SERVERDATA", ()).await.map_err(StreamError::Target)?;
            port_of(&facts, name)
        } else {
            None
        };
        self.shared.streams.open_at(id, Errand::socket(name), port).await
    }

    /// Connects by itself to the data socket of this name of its higher server whenever that asks
    /// for it (see [`DataSocket::connect`]), and runs this function with each stream. One that has
    /// asked before is connected to at once.
    ///
    /// # Errors
    /// Refused if this node does so for 64 names already.
    pub fn join_data_socket<F, Fut>(&self, name: &str, handler: F) -> Result<(), TalkError>
    where
        F: Fn(DataStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler = boxed(handler);
        let asked = self.sockets().join(name, Arc::clone(&handler));
        if asked.map_err(TalkError::Refused)? {
            self.join_now(name, handler);
        }
        Ok(())
    }

    /// Is that the higher server of this node?
    pub(crate) fn is_below(&self, server: NodeId) -> bool {
        self.shared.streams.is_parent(server)
    }

    /// The higher server asks for it.
    pub(crate) fn asked_to_join(&self, name: &str) -> &'static str {
        match self.sockets().asked_to_join(name) {
            Some(handler) => {
                self.join_now(name, handler);
                "connecting"
            }
            None => "noted: nothing here wants it yet",
        }
    }

    fn join_now(&self, name: &str, handler: SocketHandler) {
        let (node, name) = (self.without_queues(), name.to_owned());
        tokio::spawn(async move {
            match node.connect_data_socket(Target::Parent, &name).await {
                Ok(stream) => handler(stream).await,
                Err(error) => tracing::info!(name, %error, "no connection to the data socket"),
            }
        });
    }

    fn sockets(&self) -> &Sockets {
        self.shared.streams.sockets()
    }

    async fn tell_data_sockets(&self) -> Result<(), TalkError> {
        self.ask(Ask::plain(Op::DataSockets(self.sockets().ports()))).await
    }
}

/// Asks nodes below to connect to one data socket.
struct Invitations {
    node: Node,
    name: String,
}

impl Invitations {
    async fn send(
        self,
        connect: Vec<NodeId>,
        newcomers: bool,
        mut events: tokio::sync::broadcast::Receiver<Event>,
    ) {
        for id in &connect {
            self.invite(*id);
        }
        loop {
            match events.recv().await {
                Ok(Event::Joined { child, .. }) if newcomers || connect.contains(&child) => {
                    self.invite(child);
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn invite(&self, whom: NodeId) {
        let (node, name) = (self.node.clone(), self.name.clone());
        tokio::spawn(async move {
            let asked = node.call(whom, NEW_DATA_SOCKET, vec![name.as_str().into()]).await;
            if let Err(error) = asked {
                tracing::info!(%whom, name, %error, "it will not connect to the data socket");
            }
        });
    }
}

fn boxed<F, Fut>(handler: F) -> SocketHandler
where
    F: Fn(DataStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |stream| Box::pin(handler(stream)))
}

/// The port of a data socket in what a server tells of itself: `socks` is a list of `[name, port]`.
fn port_of(facts: &Value, name: &str) -> Option<u16> {
    let Value::Map(facts) = facts else { return None };
    let Some(Value::List(sockets)) = facts.get("socks") else { return None };
    sockets.iter().find_map(|socket| match socket {
        Value::List(pair) => match pair.as_slice() {
            [Value::Text(found), Value::Int(port)] if found == name => {
                u16::try_from(*port).ok().filter(|port| *port != 0)
            }
            _ => None,
        },
        _ => None,
    })
}

fn refused(text: &str) -> TalkError {
    TalkError::Refused(Refusal::new(RefusalKind::NotPossible, text))
}

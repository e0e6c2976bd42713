//! Who has which data connections.
//!
//! Up, a child dials its parent's data port with a ticket. Down, the parent takes a connection that
//! the child parked there: from the start if the parent has a data socket (`Maindata`), else from
//! the first time that one is needed, because most nodes never have a stream. How a stream gets
//! from hop to hop over them is told in `carrying.rs`. All state is behind one short lock that is
//! never held across an await.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use ltn_proto::limits::{RECONNECT_PAUSE_MAX, RECONNECT_PAUSE_MIN};
use ltn_proto::{Address, Event, NodeId, Op, Parted, Refusal, RefusalKind};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hop::{HOP_TIMEOUT, Opening, Purpose};
use super::neighbours::{Cut, LinkLife};
use super::tickets::{Ticket, Tickets, Uplink, locked};
use super::{Arrival, DataStream};
use crate::dial::dial_data;
use crate::driver::Ask;
use crate::error::StreamError;
use crate::link::LinkContext;
use crate::sockets::Sockets;
use crate::tls::DataConnection;

/// Streams that pass through this node at one time: each has two buffers of
/// [`super::splice::BUFFER_BYTES_MAX`].
const SPLICES_MAX: usize = 256;
/// Streams that wait for the program to take them; as many transfers wait for its decision.
const WAITING_STREAMS_MAX: usize = 64;
/// Connections that one child may have parked.
const PARKED_MAX: usize = 4;

/// The data connections of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Streams(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) me: NodeId,
    context: LinkContext,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) incoming: mpsc::Sender<DataStream>,
    pub(super) transfers: mpsc::Sender<Arrival>,
    /// Somebody has taken the other end of `transfers`.
    pub(super) takes_transfers: AtomicBool,
    /// Have a connection parked at the parent from the start, where it has a data socket?
    parks: Parks,
    sockets: Sockets,
    joined: watch::Sender<Option<NodeId>>,
    state: Mutex<State>,
    /// Rings when a connection was parked, or tickets came.
    pub(super) parked: Notify,
    pub(super) splices: Semaphore,
    pub(super) streams_so_far: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The higher server, as soon as it is known.
    parent: Option<Parent>,
    pub(super) uplink: Option<Arc<Uplink>>,
    pub(super) children: HashMap<NodeId, Child>,
    tasks: JoinSet<()>,
    /// Keeps one connection parked at the parent.
    keeper: Option<tokio::task::AbortHandle>,
}

#[derive(Debug)]
struct Parent {
    id: NodeId,
    address: Address,
    life: LinkLife,
}

/// What a child may do and has done.
#[derive(Debug, Default)]
pub(super) struct Child {
    tickets: Tickets,
    pub(super) parked: VecDeque<DataConnection>,
    life: LinkLife,
}

/// The ends of a node's streams that belong to its handles.
#[derive(Debug)]
pub(crate) struct StreamEnds {
    /// Streams that others opened to this node.
    pub(crate) incoming: mpsc::Receiver<DataStream>,
    /// Transfers that others offer to this node.
    pub(crate) transfers: mpsc::Receiver<Arrival>,
    /// To whom a data connection stands.
    pub(crate) joined: watch::Receiver<Option<NodeId>>,
}

/// When a node parks a connection at its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parks {
    /// From the start, if the parent has a data socket.
    AtOnce,
    /// When the parent wants one.
    WhenWanted,
}

impl Streams {
    /// No connections yet; the next hop is asked for through `asks`.
    pub(crate) fn new(
        me: NodeId,
        context: LinkContext,
        asks: mpsc::Sender<Ask>,
        parks: Parks,
    ) -> (Self, StreamEnds) {
        let (incoming, incoming_end) = mpsc::channel(WAITING_STREAMS_MAX);
        let (transfers, transfers_end) = mpsc::channel(WAITING_STREAMS_MAX);
        let (joined, joined_end) = watch::channel(None);
        let inner = Inner {
            me,
            context,
            asks,
            incoming,
            transfers,
            takes_transfers: AtomicBool::new(false),
            parks,
            sockets: Sockets::default(),
            joined,
            state: Mutex::default(),
            parked: Notify::new(),
            splices: Semaphore::new(SPLICES_MAX),
            streams_so_far: AtomicU64::new(1),
        };
        let ends =
            StreamEnds { incoming: incoming_end, transfers: transfers_end, joined: joined_end };
        (Self(Arc::new(inner)), ends)
    }

    /// The data sockets of this node.
    pub(crate) fn sockets(&self) -> &Sockets {
        &self.0.sockets
    }

    /// What listeners of this node need.
    pub(crate) fn context(&self) -> &LinkContext {
        &self.0.context
    }

    /// Is this the higher server?
    pub(crate) fn is_parent(&self, id: NodeId) -> bool {
        self.state().parent.as_ref().is_some_and(|parent| parent.id == id)
    }

    /// The children that have a data connection parked here.
    pub(crate) fn who_has_data_connections(&self) -> Vec<NodeId> {
        let state = self.state();
        let parked = state.children.iter().filter(|(_, child)| !child.parked.is_empty());
        let mut children: Vec<NodeId> = parked.map(|(id, _)| *id).collect();
        children.sort();
        children
    }

    /// From now on somebody decides about transfers; until then they are refused.
    pub(crate) fn take_transfers(&self) {
        self.0.takes_transfers.store(true, Ordering::Relaxed);
    }

    /// Looks at an event of the mind. Never waits.
    pub(crate) fn notice(&self, event: &Event) {
        match event {
            Event::Connected { parent, address, .. } => {
                self.forget_parent("this node moved to another server");
                let (id, address) = (*parent, address.clone());
                self.state().parent = Some(Parent { id, address, life: LinkLife::default() });
            }
            Event::Disconnected { parent_name, reason, .. } => {
                self.forget_parent(&format!("its link to {parent_name} is gone ({reason})"));
            }
            Event::DataTicket { tickets, port } => self.tickets_came(tickets, *port),
            Event::DataTicketIssued { child, tickets } => {
                let mut state = self.state();
                let child = state.children.entry(*child).or_default();
                tickets.iter().for_each(|ticket| child.tickets.add(*ticket));
            }
            Event::Parted(Parted { child, name, reason }) => {
                let gone = self.state().children.remove(child);
                if let Some(gone) = gone {
                    let name = name.as_ref().map_or_else(|| child.short(), ToString::to_string);
                    gone.life.end(format!("its link to {name} is gone ({reason})"));
                }
            }
            _ => {}
        }
    }

    /// Ends all streams and connections; what is opened later starts from nothing. The tasks of the
    /// streams that pass through end by themselves: they have last words to say.
    pub(crate) fn end(&self) {
        self.forget_parent("this node stops");
        self.state().children.clear();
    }

    /// Somebody presented a ticket. Never waits.
    pub(crate) fn opened(&self, peer: NodeId, ticket: Ticket, connection: DataConnection) {
        let mut state = self.state();
        let good = state.children.get_mut(&peer).is_some_and(|child| child.tickets.used(ticket));
        if !good {
            let remote = connection.remote();
            tracing::info!(%peer, remote, "a data connection without a ticket");
            return;
        }
        let streams = self.clone();
        spawn(&mut state, async move {
            if let Err(error) = streams.serve(peer, connection).await {
                tracing::debug!(%peer, %error, "a data connection came to nothing");
            }
        });
    }

    /// Everything that passes through is gone without a word, as when the process is killed.
    #[cfg(test)]
    pub(super) fn vanish(&self) {
        self.state().tasks.abort_all();
    }

    /// Ready when the link to this neighbour is gone; `None` if it is gone already.
    pub(super) fn cut_of(&self, neighbour: NodeId) -> Option<Cut> {
        let state = self.state();
        let parent = state.parent.as_ref().filter(|parent| parent.id == neighbour);
        let life = parent.map(|parent| &parent.life);
        let life = life.or_else(|| state.children.get(&neighbour).map(|child| &child.life));
        life.map(LinkLife::cut)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    fn forget_parent(&self, why: &str) {
        let mut state = self.state();
        if let Some(parent) = state.parent.take() {
            parent.life.end(why.to_owned());
        }
        state.uplink = None;
        if let Some(keeper) = state.keeper.take() {
            keeper.abort();
        }
        self.0.joined.send_replace(None);
    }

    fn tickets_came(&self, tickets: &[Ticket], port: Option<u16>) {
        let mut state = self.state();
        let Some(parent) = &state.parent else { return };
        let (parent, address) = (parent.id, parent.address.clone());
        let uplink = match &state.uplink {
            Some(uplink) => {
                uplink.wanted.notify_one();
                Arc::clone(uplink)
            }
            None => {
                let uplink = Arc::new(Uplink::new(parent, at_port(&address, port)));
                if port.is_some() && self.0.parks == Parks::AtOnce {
                    uplink.wanted.notify_one();
                }
                let (streams, kept) = (self.clone(), Arc::clone(&uplink));
                let keeper = spawn(&mut state, async move { streams.keep_parked(&kept).await });
                state.keeper = Some(keeper);
                state.uplink = Some(Arc::clone(&uplink));
                uplink
            }
        };
        let mut held = locked(&uplink.tickets);
        tickets.iter().for_each(|ticket| held.add(*ticket));
        uplink.came.notify_waiters();
        self.0.parked.notify_waiters();
    }

    /// From the first time that the parent wants one, it always has a connection to send a stream
    /// down on.
    async fn keep_parked(&self, uplink: &Arc<Uplink>) {
        uplink.wanted.notified().await;
        let mut pause = RECONNECT_PAUSE_MIN;
        loop {
            match self.park_once(uplink).await {
                Ok((opening, connection)) => {
                    pause = RECONNECT_PAUSE_MIN;
                    let (streams, parent) = (self.clone(), uplink.parent);
                    let mut state = self.state();
                    spawn(&mut state, async move {
                        streams.carry(connection, parent, opening).await;
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, ?pause, "no data connection to the higher server");
                    self.0.joined.send_if_modified(|joined| joined.take().is_some());
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RECONNECT_PAUSE_MAX);
                }
            }
        }
    }

    async fn park_once(&self, uplink: &Uplink) -> Result<(Opening, DataConnection), StreamError> {
        let mut connection = self.dial_up(uplink, None, Purpose::Park).await?;
        self.0.joined.send_replace(Some(uplink.parent));
        let opening = Opening::read(&mut connection).await.map_err(broken)?;
        Ok((opening, connection))
    }

    pub(super) async fn dial_up(
        &self,
        uplink: &Uplink,
        port: Option<u16>,
        purpose: Purpose,
    ) -> Result<DataConnection, StreamError> {
        let address = at_port(&uplink.address, port);
        let ticket = timeout(HOP_TIMEOUT, uplink.ticket()).await;
        let ticket = ticket.map_err(|_| broken("the higher server gave no ticket"))?;
        let dialed = dial_data(&self.0.context, &address, uplink.parent, ticket).await;
        let mut connection = dialed.map_err(|failure| {
            // Nobody has taken it, so it can be used again.
            locked(&uplink.tickets).add(ticket);
            broken(failure.text)
        })?;
        let said = timeout(HOP_TIMEOUT, purpose.say(&mut connection)).await;
        said.map_err(broken)?.map_err(broken)?;
        Ok(connection)
    }

    /// A further ticket for this child: also the sign that a connection is wanted of it.
    pub(super) async fn give_ticket(&self, child: NodeId) -> Result<(), StreamError> {
        let ask = Ask::plain(Op::TicketUsed { child });
        self.0.asks.send(ask).await.map_err(|_| StreamError::Stopped)
    }

    pub(super) fn park(&self, child: NodeId, connection: DataConnection) {
        if let Some(child) = self.state().children.get_mut(&child) {
            child.parked.push_back(connection);
            if child.parked.len() > PARKED_MAX {
                child.parked.pop_front();
            }
        }
        self.0.parked.notify_waiters();
    }
}

pub(super) fn spawn(
    state: &mut State,
    task: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::AbortHandle {
    while state.tasks.try_join_next().is_some() {}
    state.tasks.spawn(task)
}

fn at_port(address: &Address, port: Option<u16>) -> Address {
    match (address.socket_addr(), port) {
        (Some(at), Some(port)) => SocketAddr::new(at.ip(), port).into(),
        _ => address.clone(),
    }
}

pub(super) fn broken(why: impl std::fmt::Display) -> StreamError {
    StreamError::Broken(why.to_string())
}

pub(super) fn refused_as_busy(text: &str) -> StreamError {
    StreamError::Refused(Refusal::new(RefusalKind::Busy, text))
}

//! Who has which data connections, and how a stream gets from hop to hop.
//!
//! Up, a child dials its parent's data port with a ticket. Down, the parent takes a connection that
//! the child parked there: from the start if the parent has a data socket (`Maindata`), else from
//! the first time that one is needed, because most nodes never have a stream. Which way is next is asked of the mind through the driver; the bytes are
//! passed on here with bounded buffers and never reach either. All state is behind one short lock
//! that is never held across an await.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ltn_proto::limits::{RECONNECT_PAUSE_MAX, RECONNECT_PAUSE_MIN};
use ltn_proto::{Address, Event, NoRoute, NodeId, Op, Refusal, RefusalKind, StreamHop};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::DataStream;
use super::hop::{self, HOP_TIMEOUT, Opening, Purpose};
use super::tickets::{Ticket, Tickets, Uplink, locked};
use crate::dial::dial_data;
use crate::driver::{Ask, StreamWish};
use crate::error::StreamError;
use crate::link::LinkContext;
use crate::tls::DataConnection;

/// Streams that pass through this node at one time: each has two buffers of [`SPLICE_BYTES`].
const SPLICES_MAX: usize = 256;
/// One direction of a stream that passes through.
const SPLICE_BYTES: usize = 64 * 1024;
/// Streams that wait for the program to take them.
const WAITING_STREAMS_MAX: usize = 64;
/// Connections that one child may have parked.
const PARKED_MAX: usize = 4;
/// How long an opener waits for the far end's word: the hops in between wait for each other.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// The data connections of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Streams(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    me: NodeId,
    context: LinkContext,
    asks: mpsc::Sender<Ask>,
    incoming: mpsc::Sender<DataStream>,
    joined: watch::Sender<Option<NodeId>>,
    state: Mutex<State>,
    parked: Notify,
    splices: Semaphore,
    streams_so_far: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// The higher server, as soon as it is known.
    parent: Option<(NodeId, Address)>,
    uplink: Option<Arc<Uplink>>,
    children: HashMap<NodeId, Child>,
    tasks: JoinSet<()>,
    /// Keeps one connection parked at the parent.
    keeper: Option<tokio::task::AbortHandle>,
}

/// What a child may do and has done.
#[derive(Debug, Default)]
struct Child {
    tickets: Tickets,
    parked: VecDeque<DataConnection>,
}

/// The ends of a node's streams that belong to its handles.
#[derive(Debug)]
pub(crate) struct StreamEnds {
    /// Streams that others opened to this node.
    pub(crate) incoming: mpsc::Receiver<DataStream>,
    /// To whom a data connection stands.
    pub(crate) joined: watch::Receiver<Option<NodeId>>,
}

impl Streams {
    /// No connections yet; the next hop is asked for through `asks`.
    pub(crate) fn new(
        me: NodeId,
        context: LinkContext,
        asks: mpsc::Sender<Ask>,
    ) -> (Self, StreamEnds) {
        let (incoming, incoming_end) = mpsc::channel(WAITING_STREAMS_MAX);
        let (joined, joined_end) = watch::channel(None);
        let inner = Inner {
            me,
            context,
            asks,
            incoming,
            joined,
            state: Mutex::default(),
            parked: Notify::new(),
            splices: Semaphore::new(SPLICES_MAX),
            streams_so_far: AtomicU64::new(1),
        };
        let ends = StreamEnds { incoming: incoming_end, joined: joined_end };
        (Self(Arc::new(inner)), ends)
    }

    /// Looks at an event of the mind. Never waits.
    pub(crate) fn notice(&self, event: &Event) {
        match event {
            Event::Connected { parent, address, .. } => {
                self.forget_parent();
                self.state().parent = Some((*parent, address.clone()));
            }
            Event::Disconnected { .. } => self.forget_parent(),
            Event::DataTicket { tickets, port } => self.tickets_came(tickets, *port),
            Event::DataTicketIssued { child, tickets } => {
                let mut state = self.state();
                let child = state.children.entry(*child).or_default();
                tickets.iter().for_each(|ticket| child.tickets.add(*ticket));
            }
            Event::Left { child, .. } => {
                self.state().children.remove(child);
            }
            _ => {}
        }
    }

    /// Ends all streams and connections; what is opened later starts from nothing.
    pub(crate) fn end(&self) {
        self.forget_parent();
        let mut state = self.state();
        state.children.clear();
        state.tasks.abort_all();
    }

    /// Somebody presented a ticket. Never waits.
    pub(crate) fn opened(&self, peer: NodeId, ticket: Ticket, connection: DataConnection) {
        let mut state = self.state();
        let good = state.children.get_mut(&peer).is_some_and(|child| child.tickets.used(ticket));
        if !good {
            tracing::info!(%peer, remote = connection.remote(), "a data connection without a ticket");
            return;
        }
        let streams = self.clone();
        spawn(&mut state, async move {
            if let Err(error) = streams.serve(peer, connection).await {
                tracing::debug!(%peer, %error, "a data connection came to nothing");
            }
        });
    }

    /// Opens a stream of this node's own program.
    pub(crate) async fn open(&self, destination: NodeId) -> Result<DataStream, StreamError> {
        let stream = self.0.streams_so_far.fetch_add(1, Ordering::Relaxed);
        let opening = Opening::new(stream, self.0.me, destination);
        match self.next_hop(None, &opening).await? {
            StreamHop::Here => {
                let text = "a node has no stream to itself";
                Err(StreamError::Refused(Refusal::new(RefusalKind::NotPossible, text)))
            }
            StreamHop::To(next) => {
                let connection = self.open_onward(next, &opening).await?;
                Ok(DataStream::new(destination, connection))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    fn forget_parent(&self) {
        let mut state = self.state();
        state.parent = None;
        state.uplink = None;
        if let Some(keeper) = state.keeper.take() {
            keeper.abort();
        }
        self.0.joined.send_replace(None);
    }

    fn tickets_came(&self, tickets: &[Ticket], port: Option<u16>) {
        let mut state = self.state();
        let Some((parent, address)) = state.parent.clone() else { return };
        let uplink = match &state.uplink {
            Some(uplink) => {
                uplink.wanted.notify_one();
                Arc::clone(uplink)
            }
            None => {
                let uplink = Arc::new(Uplink::new(parent, at_port(&address, port)));
                if port.is_some() {
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
        let mut connection = self.dial_up(uplink, Purpose::Park).await?;
        self.0.joined.send_replace(Some(uplink.parent));
        let opening = Opening::read(&mut connection).await.map_err(broken)?;
        Ok((opening, connection))
    }

    async fn dial_up(
        &self,
        uplink: &Uplink,
        purpose: Purpose,
    ) -> Result<DataConnection, StreamError> {
        let ticket = timeout(HOP_TIMEOUT, uplink.ticket()).await;
        let ticket = ticket.map_err(|_| broken("the higher server gave no ticket"))?;
        let dialed = dial_data(&self.0.context, &uplink.address, uplink.parent, ticket).await;
        let mut connection = dialed.map_err(|failure| {
            // Nobody has taken it, so it can be used again.
            locked(&uplink.tickets).add(ticket);
            broken(failure.text)
        })?;
        let said = timeout(HOP_TIMEOUT, purpose.say(&mut connection)).await;
        said.map_err(broken)?.map_err(broken)?;
        Ok(connection)
    }

    /// A child came with a good ticket: it gets another one and says what it wants.
    async fn serve(
        &self,
        child: NodeId,
        mut connection: DataConnection,
    ) -> Result<(), StreamError> {
        self.give_ticket(child).await?;
        let welcome = async {
            match Purpose::hear(&mut connection).await? {
                Purpose::Park => Ok(None),
                Purpose::Open => Opening::read(&mut connection).await.map(Some),
            }
        };
        let heard: std::io::Result<_> = timeout(HOP_TIMEOUT, welcome).await.map_err(broken)?;
        match heard.map_err(broken)? {
            Some(opening) => self.carry(connection, child, opening).await,
            None => self.park(child, connection),
        }
        Ok(())
    }

    async fn give_ticket(&self, child: NodeId) -> Result<(), StreamError> {
        let ask = Ask::plain(Op::TicketUsed { child });
        self.0.asks.send(ask).await.map_err(|_| StreamError::Stopped)
    }

    fn park(&self, child: NodeId, connection: DataConnection) {
        if let Some(child) = self.state().children.get_mut(&child) {
            child.parked.push_back(connection);
            if child.parked.len() > PARKED_MAX {
                child.parked.pop_front();
            }
        }
        self.0.parked.notify_waiters();
    }

    /// A neighbour wants a stream: to this node's program, or further on.
    async fn carry(&self, mut connection: DataConnection, from: NodeId, opening: Opening) {
        let Opening { stream, source, destination, .. } = opening;
        let carried = self.try_carry(&mut connection, from, opening).await;
        let ended = match carried {
            Ok(Carried::Here(place)) => match hop::accept(&mut connection).await {
                Ok(()) => {
                    place.send(DataStream::new(source, connection));
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Ok(Carried::On) => Ok(()),
            Err(why) => {
                tracing::debug!(stream, %source, %destination, %why, "stream refused");
                let refused = timeout(HOP_TIMEOUT, hop::refuse(&mut connection, &why)).await;
                refused.unwrap_or_else(|late| Err(late.into()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(stream, %source, %destination, %error, "stream broken");
        }
    }

    async fn try_carry(
        &self,
        connection: &mut DataConnection,
        from: NodeId,
        opening: Opening,
    ) -> Result<Carried<'_>, StreamError> {
        let next = match self.next_hop(Some(from), &opening).await? {
            StreamHop::Here => {
                let busy = |_| refused_as_busy("too many streams wait to be taken there");
                return self.0.incoming.try_reserve().map(Carried::Here).map_err(busy);
            }
            StreamHop::To(next) => next,
        };
        let no_hops = || {
            let text = "it went through too many servers".to_owned();
            StreamError::NoRoute(NoRoute { at: self.0.me.to_string(), text })
        };
        let onward = opening.passed_on().ok_or_else(no_hops)?;
        let busy = |_| refused_as_busy("too many streams pass through a server on the way");
        let _slot = self.0.splices.try_acquire().map_err(busy)?;
        let mut onward = self.open_onward(next, &onward).await?;
        let passed = async {
            hop::accept(connection).await?;
            copy_bidirectional_with_sizes(connection, &mut onward, SPLICE_BYTES, SPLICE_BYTES).await
        };
        if let Err(error) = passed.await {
            // Both ends notice: their stream has no trailer.
            tracing::debug!(stream = opening.stream, %error, "stream broken on its way");
        }
        Ok(Carried::On)
    }

    /// A connection to a neighbour on which the stream stands, all the way to its far end.
    async fn open_onward(
        &self,
        next: NodeId,
        opening: &Opening,
    ) -> Result<DataConnection, StreamError> {
        let uplink = self.state().uplink.clone().filter(|uplink| uplink.parent == next);
        let mut connection = match uplink {
            Some(uplink) => self.dial_up(&uplink, Purpose::Open).await?,
            None => self.parked_by(next).await?,
        };
        let answered = async {
            opening.write(&mut connection).await?;
            hop::answer(&mut connection).await
        };
        timeout(OPEN_TIMEOUT, answered).await.map_err(broken)?.map_err(broken)??;
        Ok(connection)
    }

    async fn parked_by(&self, child: NodeId) -> Result<DataConnection, StreamError> {
        let mut asked = false;
        let wait = async {
            loop {
                let parked = self.0.parked.notified();
                tokio::pin!(parked);
                // Listen before looking, so that what is parked in between is not missed.
                parked.as_mut().enable();
                let found = self.state().children.get_mut(&child).map(|c| c.parked.pop_front());
                match found {
                    Some(Some(connection)) => return Ok(connection),
                    Some(None) => {
                        // A further ticket is the sign that a connection is wanted.
                        if !std::mem::replace(&mut asked, true) {
                            self.give_ticket(child).await?;
                        }
                        parked.await;
                    }
                    None => return Err(broken("the next node on the way is not connected")),
                }
            }
        };
        timeout(HOP_TIMEOUT, wait).await.map_err(broken)?
    }

    async fn next_hop(
        &self,
        from: Option<NodeId>,
        opening: &Opening,
    ) -> Result<StreamHop, StreamError> {
        let (reply, hop) = oneshot::channel();
        let Opening { source, destination, .. } = *opening;
        let of = Box::new(StreamWish { from, source, destination });
        let ask = Ask::StreamHop { of, reply };
        self.0.asks.send(ask).await.map_err(|_| StreamError::Stopped)?;
        hop.await.map_err(|_| StreamError::Stopped)?.map_err(StreamError::NoRoute)
    }
}

/// What became of a stream that a neighbour wanted.
enum Carried<'a> {
    /// It is for this node's program, which has this place for it.
    Here(mpsc::Permit<'a, DataStream>),
    /// It was passed on and has ended.
    On,
}

fn spawn(
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

fn broken(why: impl std::fmt::Display) -> StreamError {
    StreamError::Broken(why.to_string())
}

fn refused_as_busy(text: &str) -> StreamError {
    StreamError::Refused(Refusal::new(RefusalKind::Busy, text))
}

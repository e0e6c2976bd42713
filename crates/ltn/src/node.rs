//! The handle that programs hold: every verb of the network is a method on it.
//!
//! A handle only puts [`Ask`]s into the driver's queue and waits for what comes back; it knows
//! nothing of links. What is said and heard is in `words.rs`.

mod answering;
mod data;
mod finding;
mod gathering;
mod home;
mod moving;
mod offered;
mod people;
mod sockets;
mod upkeep;
mod watching;

pub use answering::Answering;
pub use gathering::{Gather, RollCall};
pub use moving::MovePlan;
pub use watching::{Watch, WatchEvent};

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ltn_proto::limits::{MESSAGE_BYTES_MAX, ORDER_LIFETIME, WORD_BYTES_MAX};
use ltn_proto::{
    Address, CommandSpec, Confirmation, Content, Event, NetworkId, NodeId, NodePath, Op, OpId,
    Outcome, Refusal, RefusalKind, Role, Snapshot, Value,
};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot, watch};

use crate::carrier::Carriers;
use crate::driver::{Ask, End, Life, Waited};
use crate::error::{ConnectError, TalkError};
use crate::handlers::{Offer, running};
use crate::listing;
use crate::log::LogBook;
use crate::membership::VisitFacts;
use crate::remembered::KnownServers;
use crate::state::Kept;
use crate::streams::{Arrival, DataStream, StreamEnds, Streams};
use crate::words::{Body, CallReply, IntoTarget, Invocation, Joined, Location, Message, Question};

pub(crate) use sockets::NEW_DATA_SOCKET;

/// How long a send or a request waits for its answer, unless said.
const TALK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for its result, unless said: a command may have work to do.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the second word for a dangerous command waits for its result: what it sets off may go
/// through the whole network first.
const CONFIRM_TIMEOUT: Duration = ORDER_LIFETIME.saturating_add(TALK_TIMEOUT);
/// How long `connect` waits for the data connection once the server has let this node in.
const DATA_TIMEOUT: Duration = Duration::from_secs(2);
/// All that the contents in the driver's queue may take together, in KiB: a few of the largest
/// messages. Contents up to [`SMALL_BYTES`] are bounded by the length of the queue.
const QUEUED_KIB_MAX: usize = 8 * 1024;
/// See [`QUEUED_KIB_MAX`].
const SMALL_BYTES: usize = 4 * 1024;
/// Events that a receiver may fall behind.
const EVENTS_MAX: usize = 1_024;

/// A running node. Cheap to clone; the node stops when told to, not when handles are dropped.
#[derive(Debug, Clone)]
pub struct Node {
    shared: Arc<Shared>,
    queues: Arc<Queues>,
}

/// What there is one of, for the program that takes it first. When the program has dropped all its
/// handles these go too, and whoever sends something hears that nobody reads it.
#[derive(Debug, Default)]
struct Queues {
    messages: Mutex<Option<mpsc::Receiver<Message>>>,
    streams: Mutex<Option<mpsc::Receiver<DataStream>>>,
    transfers: Mutex<Option<mpsc::Receiver<Arrival>>>,
}

/// What all handles of one node have in common.
#[derive(Debug)]
struct Shared {
    facts: Facts,
    asks: mpsc::Sender<Ask>,
    room: Arc<Semaphore>,
    next_op: AtomicU64,
    events: broadcast::WeakSender<Event>,
    life: watch::Receiver<Life>,
    streams: Streams,
    data: watch::Receiver<Option<NodeId>>,
    log: LogBook,
    servers: KnownServers,
    carriers: Carriers,
}

/// What never changes while a node runs.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Who it is.
    pub(crate) id: NodeId,
    /// What it was configured to be.
    pub(crate) role: Role,
    /// Its network, if that has members.
    pub(crate) network: Option<NetworkId>,
    /// The server that it was invited to hang below, if it was never anywhere.
    pub(crate) invited_to: Option<NodePath>,
    /// The key that a visit has to itself.
    pub(crate) visit: Option<VisitFacts>,
    /// What its listener is bound to.
    pub(crate) bound: Option<Address>,
    /// Where its listener is reached.
    pub(crate) address: Option<Address>,
    /// Where its data socket is reached.
    pub(crate) data_address: Option<Address>,
    /// What its state directory said at the start, and the way to it.
    pub(crate) kept: Option<Kept>,
}

/// The ends of the driver's queues that belong to the handles.
pub(crate) struct Ends {
    /// Into the driver.
    pub(crate) asks: mpsc::Sender<Ask>,
    /// Events for everybody.
    pub(crate) events: broadcast::WeakSender<Event>,
    /// Messages for the first who asks.
    pub(crate) messages: mpsc::Receiver<Message>,
    /// Which run this is and whether it is the last.
    pub(crate) life: watch::Receiver<Life>,
    /// Opens streams.
    pub(crate) streams: Streams,
    /// Streams that others open, and to whom a data connection stands.
    pub(crate) stream_ends: StreamEnds,
    /// What the node had to say.
    pub(crate) log: LogBook,
    /// Where it joined servers.
    pub(crate) servers: KnownServers,
    /// How it reaches others.
    pub(crate) carriers: Carriers,
}

impl Node {
    pub(crate) fn new(facts: Facts, ends: Ends) -> Self {
        let shared = Shared {
            facts,
            asks: ends.asks,
            room: Arc::new(Semaphore::new(QUEUED_KIB_MAX)),
            next_op: AtomicU64::new(1),
            events: ends.events,
            life: ends.life,
            streams: ends.streams,
            data: ends.stream_ends.joined,
            log: ends.log,
            servers: ends.servers,
            carriers: ends.carriers,
        };
        let queues = Queues {
            messages: Mutex::new(Some(ends.messages)),
            streams: Mutex::new(Some(ends.stream_ends.incoming)),
            transfers: Mutex::new(Some(ends.stream_ends.transfers)),
        };
        Self { shared: Arc::new(shared), queues: Arc::new(queues) }
    }

    /// A handle for the node's own use: it keeps no queue open that the program has dropped.
    pub(crate) fn without_queues(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), queues: Arc::default() }
    }

    /// This node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.shared.facts.id
    }

    /// What it was configured to be.
    #[must_use]
    pub fn role(&self) -> Role {
        self.shared.facts.role
    }

    /// Where its `Maindata` socket is reached, if it has one.
    #[must_use]
    pub fn data_address(&self) -> Option<Address> {
        self.shared.facts.data_address.clone()
    }

    /// Joins the server at this address. If this node has a higher server already it moves: the old
    /// one is left only when the new one has taken it.
    pub async fn connect(&self, to: &Address) -> Result<Joined, ConnectError> {
        self.join(to, false).await
    }

    /// As [`Self::connect`], but goes on trying until it works or the node stops.
    pub async fn connect_until_it_works(&self, to: &Address) -> Result<Joined, ConnectError> {
        self.join(to, true).await
    }

    async fn join(&self, to: &Address, persist: bool) -> Result<Joined, ConnectError> {
        if self.address().is_some_and(|own| own.same_listener(to)) {
            return Err(ConnectError::OwnAddress(to.to_string()));
        }
        let id = self.next_op();
        let (end, ended) = oneshot::channel();
        let op = Op::Connect { op: id, to: to.clone(), persist };
        let end = End::Joined { to: to.clone(), persist, end };
        let ask = Waited { id, op, end, room: None };
        self.ask(Ask::Wait(Box::new(ask))).await.map_err(|_| ConnectError::Stopped)?;
        let mut joined = ended.await.map_err(|_| ConnectError::Stopped)??;
        // Visitors get no tickets, so there is nothing for them to wait for.
        let data = joined.data_port.is_some() && self.role().is_listed();
        if !data || !self.has_data_connection(joined.server).await {
            joined.data_port = None;
        }
        Ok(joined)
    }

    /// Waits for the data connection to this server, which follows its welcome.
    async fn has_data_connection(&self, server: NodeId) -> bool {
        let mut data = self.shared.data.clone();
        let stands = data.wait_for(|peer| *peer == Some(server));
        matches!(tokio::time::timeout(DATA_TIMEOUT, stands).await, Ok(Ok(_)))
    }

    /// Leaves the higher server and does not come back by itself.
    pub async fn disconnect(&self) -> Result<(), TalkError> {
        done(self.outcome_of(|op| Op::Disconnect { op }, None).await?).map(drop)
    }

    /// Sends a message; returns when the target's application has taken it.
    pub async fn send(
        &self,
        to: impl IntoTarget,
        content: impl Into<Body>,
    ) -> Result<(), TalkError> {
        let (to, Body(content)) = (to.into_target()?, content.into());
        let room = self.room_for(&content).await?;
        let op = |op| Op::Send { op, to, content, timeout: TALK_TIMEOUT };
        done(self.outcome_of(op, room).await?).map(drop)
    }

    /// Sends a message that nobody acknowledges. Waits only for room in this node's own queue.
    pub async fn cast(
        &self,
        to: impl IntoTarget,
        content: impl Into<Body>,
    ) -> Result<(), TalkError> {
        let (to, Body(content)) = (to.into_target()?, content.into());
        let room = self.room_for(&content).await?;
        self.ask(Ask::Cast { to, content, room }).await
    }

    /// Asks a requestable and waits for the value, 5 s at most.
    pub async fn request(
        &self,
        to: impl IntoTarget,
        name: &str,
        argument: impl Into<Value>,
    ) -> Result<Value, TalkError> {
        self.request_within(TALK_TIMEOUT, to, name, argument).await
    }

    /// As [`Self::request`] with a time limit of one's own.
    pub async fn request_within(
        &self,
        timeout: Duration,
        to: impl IntoTarget,
        name: &str,
        argument: impl Into<Value>,
    ) -> Result<Value, TalkError> {
        let (to, name, argument) = (to.into_target()?, name.to_owned(), argument.into());
        let op = |op| Op::Request { op, to, name, argument, timeout };
        done(self.outcome_of(op, None).await?)
    }

    /// Runs a command and waits for its result, 30 s at most.
    pub async fn call(
        &self,
        to: impl IntoTarget,
        command: &str,
        arguments: Vec<Value>,
    ) -> Result<CallReply, TalkError> {
        self.call_within(CALL_TIMEOUT, to, command, arguments).await
    }

    /// As [`Self::call`] with a time limit of one's own.
    pub async fn call_within(
        &self,
        timeout: Duration,
        to: impl IntoTarget,
        command: &str,
        arguments: Vec<Value>,
    ) -> Result<CallReply, TalkError> {
        let (to, command) = (to.into_target()?, command.to_owned());
        let op = |op| Op::Call { op, to, command, arguments, token: None, timeout };
        match self.outcome_of(op, None).await? {
            Outcome::Confirm(confirmation) => Ok(CallReply::Confirm(confirmation)),
            outcome => done(outcome).map(CallReply::Done),
        }
    }

    /// The second word for a dangerous command: the same command with the token it asked for.
    pub async fn confirm(
        &self,
        to: impl IntoTarget,
        command: &str,
        arguments: Vec<Value>,
        confirmation: &Confirmation,
    ) -> Result<Value, TalkError> {
        self.confirm_in_parts(to, command, arguments, confirmation).await?.end().await
    }

    /// Finds a node: its id and its place.
    pub async fn locate(&self, target: impl IntoTarget) -> Result<Location, TalkError> {
        let target = target.into_target()?;
        let op = |op| Op::Locate { op, target, confirmed: false, timeout: TALK_TIMEOUT };
        let found = done(self.outcome_of(op, None).await?)?;
        listing::location(&found).ok_or_else(|| unreadable("place"))
    }

    /// What this node knows: itself, its place and its own subtree.
    pub async fn snapshot(&self) -> Result<Snapshot, TalkError> {
        let (reply, picture) = oneshot::channel();
        self.ask(Ask::Snapshot(reply)).await?;
        picture.await.map_err(|_| TalkError::Stopped)
    }

    /// Offers a value to everybody who asks for it by this name; replaces an earlier one.
    pub async fn offer(&self, name: &str, value: impl Into<Value>) -> Result<(), TalkError> {
        self.put_on_offer(name, Offer::Value(value.into())).await
    }

    /// Offers a function to everybody who asks for it by this name; replaces an earlier one. It
    /// runs in a task of its own for each question. An `Err` is the text of a failure.
    pub async fn handle<F, Fut>(&self, name: &str, handler: F) -> Result<(), TalkError>
    where
        F: Fn(Question) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, String>> + Send + 'static,
    {
        let function = Arc::new(move |question| running(handler(question)));
        self.put_on_offer(name, Offer::Function(function)).await
    }

    /// Offers a command; replaces an earlier one of this name.
    pub async fn command<F, Fut>(&self, spec: CommandSpec, handler: F) -> Result<(), TalkError>
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, String>> + Send + 'static,
    {
        let action = Arc::new(move |invocation| running(handler(invocation)));
        let name = spec.name.clone();
        self.put_on_offer(&name, Offer::Command(spec, action)).await
    }

    pub(crate) async fn put_on_offer(&self, name: &str, offer: Offer) -> Result<(), TalkError> {
        if name.is_empty() || name.len() > WORD_BYTES_MAX {
            let text = format!("a name on offer has 1 to {WORD_BYTES_MAX} bytes");
            return Err(TalkError::Refused(Refusal::new(RefusalKind::BadArguments, text)));
        }
        let (reply, offered) = oneshot::channel();
        self.ask(Ask::Offer { name: name.to_owned(), offer: Box::new(offer), reply }).await?;
        offered.await.map_err(|_| TalkError::Stopped)?.map_err(TalkError::Refused)
    }

    /// Offers the requestable or command of this name no longer.
    pub async fn withdraw(&self, name: &str) -> Result<(), TalkError> {
        let (reply, withdrawn) = oneshot::channel();
        self.ask(Ask::Withdraw { name: name.to_owned(), reply }).await?;
        withdrawn.await.map_err(|_| TalkError::Stopped)
    }

    /// All that happens to this node from now on (never `Event::Ended`, and no messages). A
    /// receiver that falls 1,024 events behind misses the oldest and is told so.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        match self.shared.events.upgrade() {
            Some(events) => events.subscribe(),
            // Nothing happens to a node that has stopped: a receiver that is closed says so.
            None => broadcast::channel(1).1,
        }
    }

    /// Takes the queue of messages that come in; there is one, and the first who asks gets it.
    /// While nobody has taken it, up to 1,024 messages wait and further ones are refused as busy.
    #[must_use]
    pub fn messages(&self) -> Option<mpsc::Receiver<Message>> {
        self.queues.messages.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Stops this node for good: leaves the higher server, tells everybody below, closes
    /// everything. Nobody who is told so looks for it; see [`Self::go_away`].
    pub async fn shutdown(&self) {
        // A queue that is closed already means that it has stopped.
        let _ = self.ask(Ask::plain(Op::Stop { restart: false })).await;
        self.stopped().await;
    }

    /// Restarts this node in place: same identity, name and ports; everybody comes back.
    pub async fn restart(&self) {
        let mut life = self.shared.life.clone();
        let run = life.borrow().run;
        if self.ask(Ask::plain(Op::Stop { restart: true })).await.is_ok() {
            // An error means that the driver is gone, and with it the node.
            let _ = life.wait_for(|life| life.run > run || life.ended).await;
        }
    }

    /// Returns when this node has stopped, by whatever way.
    pub async fn stopped(&self) {
        let mut life = self.shared.life.clone();
        // An error means that the driver is gone, and with it the node.
        let _ = life.wait_for(|life| life.ended).await;
    }

    fn next_op(&self) -> OpId {
        OpId(self.shared.next_op.fetch_add(1, Ordering::Relaxed))
    }

    /// Puts something into the driver's queue if it has room.
    fn try_ask(&self, ask: Ask) -> bool {
        self.shared.asks.try_send(ask).is_ok()
    }

    /// Puts something into the driver's queue; waits only if the queue is full.
    /// Tells the mind something that has no outcome.
    pub(crate) async fn order(&self, op: Op) -> Result<(), TalkError> {
        self.ask(Ask::Op(Box::new(op))).await
    }

    async fn ask(&self, ask: Ask) -> Result<(), TalkError> {
        match self.shared.asks.try_send(ask) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(ask)) => {
                self.shared.asks.send(ask).await.map_err(|_| TalkError::Stopped)
            }
            Err(TrySendError::Closed(_)) => Err(TalkError::Stopped),
        }
    }

    async fn outcome_of(
        &self,
        op: impl FnOnce(OpId) -> Op,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Outcome, TalkError> {
        let id = self.next_op();
        let (end, ended) = oneshot::channel();
        let ask = Waited { id, op: op(id), end: End::Outcome(end), room };
        self.ask(Ask::Wait(Box::new(ask))).await?;
        ended.await.map_err(|_| TalkError::Stopped)
    }

    /// Waits until large contents have room in the driver's queue; small ones have it anyway.
    async fn room_for(&self, content: &Content) -> Result<Option<OwnedSemaphorePermit>, TalkError> {
        let bytes = match content {
            Content::Text(text) => text.len(),
            Content::Bytes(bytes) => bytes.len(),
            // A value's size is known when it is encoded, and then the mind refuses too large ones.
            Content::Value(_) => return Ok(None),
        };
        if bytes <= SMALL_BYTES {
            return Ok(None);
        }
        if bytes > MESSAGE_BYTES_MAX {
            let text = format!("a message has {MESSAGE_BYTES_MAX} bytes at most; use send_data");
            return Err(TalkError::Refused(Refusal::new(RefusalKind::TooLarge, text)));
        }
        let kib = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.shared.room).acquire_many_owned(kib).await;
        room.map(Some).map_err(|_| TalkError::Stopped)
    }
}

/// A channel for events, as the driver and the handles share it.
pub(crate) fn event_channel() -> broadcast::Sender<Event> {
    broadcast::channel(EVENTS_MAX).0
}

fn done(outcome: Outcome) -> Result<Value, TalkError> {
    match outcome {
        Outcome::Delivered => Ok(Value::Null),
        Outcome::Reply(value) => Ok(value),
        Outcome::Failed(text) => Err(TalkError::Failed(text)),
        Outcome::Refused(refusal) => Err(TalkError::Refused(refusal)),
        Outcome::NoRoute(no_route) => Err(TalkError::NoRoute(no_route)),
        Outcome::Unknown(text) => Err(TalkError::Unknown(text)),
        Outcome::Confirm(confirmation) => {
            Err(TalkError::Refused(Refusal::new(RefusalKind::BadToken, confirmation.text)))
        }
        other => Err(TalkError::Unknown(format!("an end of a new kind: {}", other.word()))),
    }
}

fn unreadable(what: &str) -> TalkError {
    TalkError::Failed(format!("the answer is no {what} that this version can read"))
}

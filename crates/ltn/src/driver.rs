//! The one task that owns a node's mind: it alone feeds it, carries out what it decides, and keeps
//! its clock.
//!
//! A turn is: take a batch of what came in, give the mind one input at a time and drain its
//! outputs to the end after each (the drive contract of `ltn-proto`), then set the timer. There is
//! no lock around the mind and no code of users on this task: handlers run in tasks of their own
//! (`handlers.rs`), messages go into a queue (`inbox.rs`). The only thing it ever waits for in the
//! middle of a turn is room towards a link that it has just filled, and that for 50 ms at most,
//! because a link that is slower than that counts as stalled.

mod ask;
mod joins;
mod keeping;
mod offers;
mod restart;
mod signing;
mod tasks;
mod timing;
mod vouching;

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;

use ltn_proto::{
    Address, Answer, CallStep, Event, Input, LinkId, ManyOp, Moment, NoRoute, NodeConfig,
    NodeState, Op, OpId, Output, StreamHop,
};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, Sleep};

pub(crate) use ask::{Ask, End, Life, StreamWay, StreamWish, Waited};
use joins::Joins;

use crate::admin_key::AdminKey;
use crate::audit::AuditBook;
use crate::clock::Clock;
use crate::dial::dial_link;
use crate::handlers::Handlers;
use crate::inbox::Inbox;
use crate::link::{LinkContext, LinkHandle, holding};
use crate::listen::Listener;
use crate::log::Log;
use crate::many::Listeners;
use crate::notice::NoticeKind;
use crate::remembered::KnownServers;
use crate::services::{DueRun, Services};
use crate::state::Keeper;
use crate::streams::Streams;
use crate::tls::Signer;
use crate::wake::Wake;
use crate::words::{Invocation, Message, Question};

/// How many asks of the program may wait for the driver; beyond that the program waits.
pub(crate) const ASKS_MAX: usize = 1_024;
/// How many asks are taken in one turn: enough to pay for the turn, few enough that frames which
/// arrive meanwhile do not wait noticeably.
const ASKS_PER_TURN: usize = 256;
/// As [`ASKS_PER_TURN`]; each wake may bring as many frames as one read of a link holds.
const WAKES_PER_TURN: usize = 32;

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) config: NodeConfig,
    pub(crate) context: LinkContext,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) wakes: mpsc::Receiver<Wake>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) handlers: Handlers,
    pub(crate) inbox: Inbox,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) life: watch::Sender<Life>,
    pub(crate) streams: Streams,
    pub(crate) services: Services,
    pub(crate) log: Log,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) audit: AuditBook,
    pub(crate) signer: Signer,
    pub(crate) admin_key: AdminKey,
    pub(crate) servers: KnownServers,
}

/// The owner of one node's mind.
pub(crate) struct Driver {
    mind: NodeState,
    config: NodeConfig,
    clock: Clock,
    /// The machine slept, and the mind does not know it yet.
    slept: bool,
    now: Moment,
    timer: Pin<Box<Sleep>>,
    /// What the timer is set to; it may ring too early, never too late.
    armed: Option<Moment>,
    context: LinkContext,
    listeners: Vec<Listener>,
    wakes: mpsc::Receiver<Wake>,
    asks: mpsc::Receiver<Ask>,
    links: HashMap<LinkId, LinkHandle>,
    /// Links that were found congested in this turn.
    congested: Vec<LinkHandle>,
    waiting: HashMap<OpId, tokio::sync::oneshot::Sender<ltn_proto::Outcome>>,
    listeners_to_many: Listeners,
    joins: Joins,
    handlers: Handlers,
    inbox: Inbox,
    /// What this node itself answered in the middle of a drain: the next mutations.
    answers: VecDeque<Input>,
    events: broadcast::Sender<Event>,
    life: watch::Sender<Life>,
    streams: Streams,
    services: Services,
    log: Log,
    /// The way to the state directory, if there is one.
    keeper: Option<Keeper>,
    audit: AuditBook,
    signer: Signer,
    admin_key: AdminKey,
    servers: KnownServers,
    /// What came in between two lives and belongs to the next one.
    early: Vec<Wake>,
    /// The mind has said its last word: is it to come back?
    stopped: Option<Restart>,
}

/// Does a node that has stopped come back?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restart {
    Yes,
    No,
}

impl Driver {
    /// A driver with a mind that knows nothing yet.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            mind: NodeState::new(parts.config.clone(), Moment::ZERO),
            config: parts.config,
            clock: Clock::new(),
            slept: false,
            now: Moment::ZERO,
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            armed: None,
            context: parts.context,
            listeners: parts.listeners,
            wakes: parts.wakes,
            asks: parts.asks,
            links: HashMap::new(),
            congested: Vec::new(),
            waiting: HashMap::new(),
            listeners_to_many: Listeners::default(),
            joins: Joins::default(),
            handlers: parts.handlers,
            inbox: parts.inbox,
            answers: VecDeque::new(),
            events: parts.events,
            life: parts.life,
            streams: parts.streams,
            services: parts.services,
            log: parts.log,
            keeper: parts.keeper,
            audit: parts.audit,
            signer: parts.signer,
            admin_key: parts.admin_key,
            servers: parts.servers,
            early: Vec::new(),
            stopped: None,
        }
    }

    /// Lives until the node is told to stop, through all its restarts.
    pub(crate) async fn run(mut self) {
        self.tell_offers().await;
        loop {
            self.one_life().await;
            self.close_everything().await;
            if self.stopped.take() == Some(Restart::No) {
                break;
            }
            if let Err(why) = self.begin_again().await {
                tracing::error!(why, "no restart");
                self.log.say(NoticeKind::Error, &format!("no restart: {why}"));
                break;
            }
        }
        let further = self.streams.sockets().close_all();
        for listener in self.listeners.drain(..).chain(further) {
            listener.shutdown().await;
        }
        // What was asked in the last moment is dropped here, so that whoever waits hears of it: one
        // that came into the queue while it is dropped with the driver would stay there for ever.
        self.asks.close();
        while self.asks.recv().await.is_some() {}
        self.log.close().await;
        if let Some(keeper) = self.keeper.take() {
            keeper.close(&mut self.wakes).await;
        }
        self.life.send_modify(|life| life.ended = true);
    }

    async fn one_life(&mut self) {
        let mut wakes = Vec::with_capacity(WAKES_PER_TURN);
        let mut asks = Vec::with_capacity(ASKS_PER_TURN);
        self.drain();
        while self.stopped.is_none() {
            self.arm();
            tokio::select! {
                _ = self.wakes.recv_many(&mut wakes, WAKES_PER_TURN) => {}
                _ = self.asks.recv_many(&mut asks, ASKS_PER_TURN) => {}
                () = self.timer.as_mut(), if self.armed.is_some() => self.armed = None,
            }
            self.look_at_the_clock().await;
            for wake in wakes.drain(..) {
                self.on_wake(wake).await;
            }
            for ask in asks.drain(..) {
                self.on_ask(ask).await;
            }
            if self.mind.poll_timeout().is_some_and(|due| due <= self.now) {
                self.feed(Input::Timeout).await;
            }
            if self.inbox.is_filling() {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn on_wake(&mut self, wake: Wake) {
        match wake {
            Wake::LinkOpened { link, direction, peer, invited_as, handle } => {
                tracing::debug!(link = link.0, ?peer, remote = handle.remote(), "link opened");
                let remote = Address::new(self.links.entry(link).or_insert(handle).remote());
                self.feed(Input::LinkOpened { link, direction, peer, remote }).await;
                self.vouch(link, invited_as).await;
            }
            Wake::Frames { link, frames } => {
                // Frames of a link that belonged to an earlier life of this node mean nothing.
                if self.links.contains_key(&link) {
                    for mut frame in frames {
                        holding::end(&mut frame);
                        self.feed(Input::Frame { link, frame }).await;
                    }
                }
            }
            Wake::LinkClosed { link, why, text } => {
                if let Some(old) = self.links.remove(&link) {
                    tracing::debug!(link = link.0, peer = %old.peer(), %why, text, "link closed");
                    self.feed(Input::LinkClosed { link, why }).await;
                }
            }
            Wake::LinkStalled { link, stalled } => {
                if self.links.contains_key(&link) {
                    self.feed(Input::LinkStalled { link, stalled }).await;
                }
            }
            Wake::DialFailed { dial, why, text } => {
                tracing::debug!(dial = dial.0, %why, text, "dial failed");
                self.joins.dial_failed(why);
                self.feed(Input::DialFailed { dial, why }).await;
                self.joins.forget_dial();
            }
            Wake::Persisted { write, done } => self.on_persisted(write, done).await,
            Wake::DataOpened { peer, ticket, stream } => {
                self.streams.opened(peer, ticket, stream);
            }
        }
    }

    async fn on_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Cast { to, content, room: _room } => {
                self.feed(Input::Op(Op::Cast { to, content })).await;
            }
            Ask::Op(op) => {
                if let Op::BackUp { parents } = &*op {
                    // A later life of this node has them, too.
                    self.config.backup_parents.clone_from(parents);
                }
                self.feed(Input::Op(*op)).await;
            }
            Ask::Wait(waited) => {
                let Waited { id, op, end, room: _room } = *waited;
                match end {
                    End::Outcome(end) => {
                        match &op {
                            Op::Disconnect { .. } => self.joins.forget_uplink(),
                            Op::Service { wish, .. } => self.services.asked(id, wish, None),
                            _ => {}
                        }
                        self.waiting.insert(id, end);
                    }
                    End::Service(routine, end) => {
                        if let Op::Service { wish, .. } = &op {
                            self.services.asked(id, wish, Some(routine));
                        }
                        self.waiting.insert(id, end);
                    }
                    End::Joined { to, persist, end } => {
                        if !self.joins.begin(id, to, persist, end) {
                            return;
                        }
                    }
                }
                self.feed(Input::Op(op)).await;
            }
            Ask::Listen { id, op, listener } => {
                self.listeners_to_many.add(id, listener);
                self.feed(Input::Op(*op)).await;
            }
            Ask::Tasks(reply) => {
                // Whoever does not wait any more does not need the list.
                let _ = reply.send(self.tasks());
            }
            Ask::Snapshot(reply) => {
                let mut picture = self.mind.snapshot(self.now);
                picture.counters.dropped += self.inbox.dropped();
                // Whoever does not wait any more does not need the picture.
                let _ = reply.send(picture);
            }
            Ask::StreamHop { of, reply } => {
                // As above.
                let _ = reply.send(self.stream_way(&of));
            }
            Ask::Offer { name, offer, reply } => self.on_offer(name, *offer, reply).await,
            Ask::Withdraw { name, reply } => {
                self.handlers.withdraw(&name);
                self.feed(Input::Op(Op::Withdraw { name })).await;
                let _ = reply.send(());
            }
        }
    }

    fn stream_way(&self, of: &StreamWish) -> Result<StreamWay, NoRoute> {
        let hop = self.mind.stream_hop(of.from, of.source, of.destination)?;
        let describe = |id| self.mind.describe(id);
        let next = match hop {
            StreamHop::Here => None,
            StreamHop::To(next) => Some(next),
        };
        Ok(StreamWay {
            hop,
            here: describe(self.config.id),
            from: of.from.map(describe).unwrap_or_default(),
            next: next.map(describe).unwrap_or_default(),
        })
    }

    /// One mutation, then a full drain; the same for what the node itself had to answer in it.
    async fn feed(&mut self, input: Input) {
        self.mind.handle(self.now, input);
        self.drain();
        while let Some(input) = self.answers.pop_front() {
            self.mind.handle(self.now, input);
            self.drain();
        }
        if !self.congested.is_empty() {
            self.wait_for_room().await;
        }
    }

    /// Waits for the links that were filled a moment ago. This is what slows down a program that
    /// casts faster than its link, and a neighbour that sends faster than the next link.
    async fn wait_for_room(&mut self) {
        for handle in std::mem::take(&mut self.congested) {
            handle.wait_for_room().await;
        }
        self.read_clock();
    }

    fn drain(&mut self) {
        while let Some(output) = self.mind.poll_output() {
            match output {
                Output::Transmit { link, frame } => {
                    let Some(handle) = self.links.get(&link) else { continue };
                    handle.push(frame);
                    if handle.is_congested() && !handle.is_stalled() {
                        note_once(&mut self.congested, handle);
                    }
                }
                Output::Close { link, reason } => {
                    if let Some(handle) = self.links.get(&link) {
                        handle.close(reason);
                    }
                }
                Output::Dial { dial, to } => dial_link(&self.context, dial, to),
                Output::Persist { write, what } => self.persist(write, what),
                Output::Sign { signing, purpose, message: it } => self.sign(signing, purpose, &it),
                Output::Event(event) => self.on_event(event),
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Ended { op, outcome } => {
                self.services.ended(op, &outcome);
                if let Some(end) = self.waiting.remove(&op) {
                    // Whoever does not wait any more does not need to know.
                    let _ = end.send(outcome);
                } else if let Some(outcome) = self.listeners_to_many.ended(op, outcome) {
                    self.joins.ended(op, outcome);
                }
            }
            Event::Many(event) => {
                if let Some(op) = self.listeners_to_many.hear(event) {
                    self.answers.push_back(Input::Op(Op::Many(ManyOp::Abandon { op })));
                }
            }
            Event::Message { inbound, from, sender, content } => {
                self.log.message(from, sender.as_ref(), &content);
                let message = Message { from, sender, content };
                match inbound {
                    None => {
                        if let Some(dropped) = self.inbox.put_cast(message) {
                            let text = format!("nobody reads the messages: {dropped} dropped");
                            self.log.say(NoticeKind::Warning, &text);
                        }
                    }
                    Some(inbound) => {
                        let answer = self.inbox.put_send(message);
                        self.answer(inbound, answer);
                    }
                }
            }
            Event::Requested { inbound, from, name, argument, time_left } => {
                let question = Question { from, argument };
                if let Some(answer) = self.handlers.ask(inbound, &name, question, time_left) {
                    self.answer(inbound, answer);
                }
            }
            Event::Called { inbound, from, direct, command, arguments, time_left, step } => {
                let call = Invocation { from, direct, arguments, confirmed: Vec::new() };
                let answer = match step {
                    CallStep::Rehearsal => {
                        self.handlers.foretell(inbound, &command, call, time_left)
                    }
                    CallStep::Run(confirmed) => {
                        let call = Invocation { confirmed, ..call };
                        self.handlers.call(inbound, &command, call, time_left)
                    }
                };
                if let Some(answer) = answer {
                    self.answer(inbound, answer);
                }
            }
            Event::ServiceDue { name, run: number, connections } => {
                self.services.run(name, DueRun { number, connections });
            }
            // A key is for who checks it, and for nobody who listens.
            Event::AdminKey { inbound, wish } => self.admin_key.work(inbound, wish),
            // Tickets are secrets between the two ends of a link.
            Event::DataTicket { .. } | Event::DataTicketIssued { .. } => {
                self.streams.notice(&event);
            }
            event => self.tell_everybody(event),
        }
    }

    fn tell_everybody(&mut self, event: Event) {
        if let Event::Renamed { node, name, .. } = &event
            && *node == self.config.id
        {
            // A restart in place keeps the name.
            self.config.name = Some(name.clone());
        }
        self.log.event(&event);
        self.joins.notice(&event);
        self.streams.notice(&event);
        if let Event::Connected { address, .. } = &event {
            self.servers.remember(address);
        }
        if let Event::Stopped { restart } = event {
            self.stopped = Some(if restart { Restart::Yes } else { Restart::No });
        }
        // An error only says that nobody listens at the moment.
        let _ = self.events.send(event);
    }

    fn answer(&mut self, inbound: ltn_proto::InboundId, answer: Answer) {
        self.answers.push_back(Input::Op(Op::Answer { inbound, answer }));
    }
}

fn note_once(congested: &mut Vec<LinkHandle>, handle: &LinkHandle) {
    if congested.iter().all(|noted| noted.link() != handle.link()) {
        congested.push(handle.clone());
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("links", &self.links.len()).finish_non_exhaustive()
    }
}

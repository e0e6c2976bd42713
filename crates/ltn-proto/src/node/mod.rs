//! The mind of one node: the only folder that knows all rooms.
//!
//! Rooms keep and answer; this folder decides and speaks. `mod.rs` holds the state and the doors,
//! `links.rs` connections, `admitting.rs` who is let in, `joining.rs` the way up, `edging.rs` who
//! may hang below whom, `moving.rs` wanted moves, `mapping.rs` the map and the place in the tree,
//! `crowding.rs` who gives way where it is full,
//! `routing.rs` what is passed on, `asking.rs` what it asks of others, `locating.rs` who is meant,
//! `pointing.rs` by arguments, `selecting.rs` who fits, `gathering.rs` words to many,
//! `answering.rs` what others ask of it, `builtin.rs`, `running.rs`, `ordering.rs` the commands of
//! every node, `serving.rs` its periodic routines, `governing.rs` its people, `rights.rs` what they
//! may, `renaming.rs` new names, `sleeping.rs` sleep, `stopping.rs` the end, `committing.rs` the
//! write before a move, `keeping.rs` people and names on disk, `stating.rs` signed places,
//! `calling.rs`, `proving.rs` signed commands, `visiting.rs` whose visits they are, `auditing.rs`
//! what is written of them, `whereabouts.rs` where a node is, `settling.rs` where servers belong,
//! `outbox.rs` what waits for a signature, `picture.rs`, `helping.rs` what it tells of itself,
//! `broken.rs` broken builds.

mod admitting;
mod answering;
mod asking;
mod auditing;
mod broken;
mod builtin;
mod calling;
mod chartering;
mod committing;
mod crowding;
mod edging;
mod explaining;
mod following;
mod gathering;
mod governing;
mod helping;
mod joining;
mod journal;
mod keeping;
mod links;
mod locating;
mod mapping;
mod minding;
mod moving;
mod obeying;
mod ordering;
mod outbox;
mod parts;
mod picture;
mod pointing;
mod proving;
mod renaming;
mod reporting;
mod rights;
mod routing;
mod running;
mod selecting;
mod serving;
mod settling;
mod sleeping;
mod stating;
mod stopping;
mod visiting;
mod watching;
mod whereabouts;

use renaming::NamedBy;
pub use routing::StreamHop;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::address::Address;
use crate::audits::AuditDesk;
use crate::body::{Change, EdgeDone, Place};
use crate::confirmations::Confirmations;
use crate::deeds::Deeds;
use crate::durable::{Remembered, WriteId};
use crate::edges::Edges;
use crate::event::{Event, Input, Op, Output};
use crate::expiring::Deadlines;
use crate::followings::Followings;
use crate::fragments::Reassembly;
use crate::gatherings::Gatherings;
use crate::goals::Goals;
use crate::id::{DialId, LinkId, NetworkId, NodeId};
use crate::inbound::Inbound;
use crate::keydesk::KeyDesk;
use crate::known::Known;
use crate::limits::{Limits, STALE_LIFETIME};
use crate::links::Links;
use crate::moment::Moment;
use crate::name::Name;
use crate::offers::Offers;
use crate::outcome::CloseReason;
use crate::passes::Passes;
use crate::path::NodePath;
use crate::people::People;
use crate::permissions::Permissions;
use crate::random::Random;
use crate::requests::Requests;
use crate::reservations::Reservations;
use crate::role::Role;
use crate::rollcall::{OrdersHeard, RollCall};
use crate::services::Services;
use crate::shown::Shown;
use crate::snapshot::Counters;
use crate::standing::Standing;
use crate::statement::Scheme;
use crate::tree::Tree;
use crate::uplink::Uplink;
use crate::verified::Verified;
use crate::watches::Watches;

/// What a node is made of.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Who it is.
    pub id: NodeId,
    /// Its public key (the DER of the `SubjectPublicKeyInfo`), whose digest is the id.
    pub public_key: Vec<u8>,
    /// Which network; none in the open mode.
    pub network: Option<NetworkId>,
    /// What it was configured to be.
    pub role: Role,
    /// The name it wants; without one it is called by its kind and five characters of its id.
    pub name: Option<Name>,
    /// One line about it.
    pub description: String,
    /// The version of the program, for metadata.
    pub version: String,
    /// Where its listener is reached, if it has one.
    pub address: Option<Address>,
    /// The port of its data socket (`Maindata`), if it has one.
    pub data_port: Option<u16>,
    /// A number that no earlier run of this node had.
    pub incarnation: u64,
    /// How often this node was started with this key; 1 where keys are thrown away.
    pub starts: u32,
    /// All the randomness that the mind ever gets: for tokens, request numbers and pauses.
    pub seed: [u8; 32],
    /// What everybody who registers anywhere in the tree may do here.
    pub newcomers: Permissions,
    /// The maxima.
    pub limits: Limits,
    /// The network with members that it belongs to; `None` for the open mode.
    pub standing: Option<Standing>,
    /// Does it start with the services that come with a node of its role?
    pub services: bool,
    /// What was written down in earlier lives.
    pub remembered: Remembered,
    /// Where it looks for another higher server when it has lost its own, in this order; 16 at
    /// most.
    pub backup_parents: Vec<Address>,
    /// Does it come back with the same key when its process is started again? Then its name is kept
    /// for it.
    pub keeps_key: bool,
}

/// The mind: everything that one node knows and decides. Only who tries many things on the same
/// network may copy one; a node has one mind.
#[derive(Debug)]
#[cfg_attr(feature = "sim", derive(Clone))]
pub struct NodeState {
    config: NodeConfig,
    outputs: outbox::Outbox,
    random: Random,
    started: Moment,
    name: Name,
    /// Where the parent said that this node is.
    place: Place,
    /// Counts what this node said of its place; the highest is what holds.
    edition: u64,
    /// Counts the attempts to take one.
    attempts: u64,
    dials: u64,
    writes: u64,
    signings: u64,
    /// What this node says of its place and has not signed yet.
    stating: Vec<stating::Stating>,
    verified: Verified,
    deeds: Deeds,
    /// Confirmed commands that are being written down.
    accepted: BTreeMap<WriteId, journal::Accepted>,
    /// What is told to who wanted it when it is written down.
    promised: BTreeMap<WriteId, keeping::Promised>,
    links: Links,
    link_deadlines: Deadlines<LinkId>,
    uplink: Uplink,
    goals: Goals,
    reservations: Reservations,
    tree: Tree,
    /// What the parent has not been told yet.
    changes: Vec<Change>,
    /// Only the root has this book.
    edges: Option<Edges>,
    /// Ends of edges that the root could not be told.
    untold_edges: Vec<EdgeDone>,
    /// The attempt and nonce by which each server directly below came to be there.
    taken_edges: BTreeMap<NodeId, (u64, u64)>,
    known: Known,
    requests: Requests,
    gatherings: Gatherings,
    /// What others watch here.
    watches: Watches,
    /// Where this node was when it told them last.
    watched_from: NodePath,
    /// What the program watches.
    followings: Followings,
    /// By which way, and from where, it was said to watch them.
    followed_from: Option<(Option<LinkId>, NodePath)>,
    inbound: Inbound,
    people: People,
    key_desk: KeyDesk,
    /// The link that the frame came by that is being looked at; none while the node itself speaks.
    arrived: Option<LinkId>,
    reassembly: Reassembly,
    offers: Offers,
    confirmations: Confirmations,
    challenges: Confirmations,
    shown: Shown,
    audit_desk: AuditDesk,
    services: Services,
    standing: Option<Standing>,
    passes: Passes,
    /// In whose scope this node is, as the main server signed that.
    scopes: whereabouts::Scopes,
    /// Only the root knows these.
    homes: settling::Homes,
    /// Further data sockets, by name and port, as others are told of them.
    data_sockets: Vec<(String, u16)>,
    roll_call: Option<RollCall>,
    orders_heard: OrdersHeard,
    /// The name that the parent was asked for.
    renaming: Option<renaming::Renaming>,
    stopping: Option<stopping::Stopping>,
    next_sweep: Moment,
    /// When people are told again that the map is full.
    crowd_told: Moment,
    counters: Counters,
    scheme: Scheme,
    #[cfg(feature = "sim")]
    mutant: Option<crate::sim::Mutant>,
}

/// How often what is merely old is looked through.
const SWEEP_PAUSE: Duration = Duration::from_secs(600);

impl NodeState {
    /// A node that has just started.
    #[must_use]
    pub fn new(mut config: NodeConfig, now: Moment) -> Self {
        keeping::recall(&mut config);
        let name = match (&config.name, config.role) {
            (Some(name), role) if !role.is_root() => name.clone(),
            (_, role) => Name::default_for(role, &config.id),
        };
        let limits = &config.limits;
        Self {
            outputs: outbox::Outbox::default(),
            random: Random::new(config.seed),
            started: now,
            name,
            place: Place::default(),
            edition: u64::from(config.starts) << 32,
            attempts: u64::from(config.starts) << 32,
            dials: 0,
            // A later life on the same directory never takes an earlier one's answer for its own.
            writes: u64::from(config.starts) << 32,
            signings: 0,
            stating: Vec::new(),
            verified: Verified::new(limits.records),
            deeds: Deeds::new(&config.remembered.deeds),
            accepted: BTreeMap::new(),
            promised: BTreeMap::new(),
            links: Links::default(),
            link_deadlines: Deadlines::default(),
            uplink: Uplink::remembering(config.remembered.parent.clone()),
            goals: keeping::goals_of(&config),
            reservations: Reservations::default(),
            tree: Tree::new(config.id, limits.records),
            changes: Vec::new(),
            edges: edging::book_of(&config, now),
            untold_edges: Vec::new(),
            taken_edges: BTreeMap::new(),
            known: Known::default(),
            requests: Requests::default(),
            gatherings: Gatherings::default(),
            watches: Watches::default(),
            watched_from: NodePath::root(),
            followings: Followings::default(),
            followed_from: None,
            inbound: Inbound::new(limits.open_requests_per_caller, limits.open_requests),
            people: People::remembering(&config.remembered.people, now),
            key_desk: KeyDesk::default(),
            arrived: None,
            reassembly: Reassembly::default(),
            offers: Offers::new(builtin::requestables(config.role), builtin::commands(config.role)),
            confirmations: Confirmations::of_people(),
            challenges: Confirmations::of_minds(),
            shown: Shown::new(limits.records),
            audit_desk: AuditDesk::new(now, config.remembered.audit_count),
            services: serving::built_in(&config, now),
            standing: chartering::standing_of(&config),
            passes: Passes::default(),
            scopes: whereabouts::Scopes::default(),
            homes: settling::Homes::default(),
            data_sockets: Vec::new(),
            roll_call: None,
            orders_heard: OrdersHeard::default(),
            renaming: None,
            stopping: None,
            next_sweep: now + SWEEP_PAUSE,
            crowd_told: now,
            counters: Counters::default(),
            scheme: Scheme::Ecdsa,
            #[cfg(feature = "sim")]
            mutant: None,
            config,
        }
    }

    /// Something happened. Afterwards drain [`Self::poll_output`] to the end.
    pub fn handle(&mut self, now: Moment, input: Input) {
        debug_assert!(self.outputs.is_drained(), "the outputs were not drained");
        match input {
            Input::LinkOpened { link, direction, peer, remote } => {
                self.on_link_opened(now, link, direction, (peer, remote));
            }
            Input::Vouched { link, role } => self.on_vouched(now, link, role),
            Input::DialFailed { dial, why } => self.on_dial_failed(now, dial, why),
            Input::Frame { link, frame } => self.on_frame(now, link, frame),
            Input::LinkClosed { link, why } => self.on_link_closed(now, link, why),
            Input::LinkStalled { link, stalled } => {
                if let Some(link) = self.links.get_mut(link) {
                    link.stalled = stalled;
                }
            }
            Input::Op(op) => self.on_op(now, op),
            Input::Persisted { write, done } => self.on_written(now, write, done),
            Input::Signed { signing, signature } => self.on_signed(now, signing, signature),
            Input::Slept => self.on_slept(now),
            Input::Timeout => self.on_timeout(now),
        }
        self.tell_roll_call_news(now);
        self.settle_gatherings(now);
        self.check_renaming(now);
        self.notice_changed_offers(now);
        self.tell_changes();
        self.tell_presence(now);
        self.settle_followings(now);
        self.finish_stopping();
    }

    /// The next thing that the shell has to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due, if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        [
            self.link_deadlines.next(),
            self.requests.next_deadline(),
            self.requests.vigil.next_deadline(),
            self.gatherings.next_deadline(),
            self.watches.next_deadline(),
            self.followings.next_deadline(),
            self.inbound.next_deadline(),
            self.uplink.retry.as_ref().map(|retry| retry.at),
            self.goals.homing(),
            self.people.next_end(),
            self.reassembly.poll_timeout(),
            self.roll_call.as_ref().map(RollCall::due),
            self.services.next_due(),
            self.renaming.as_ref().map(|renaming| renaming.due),
            self.scopes.next_due(),
            Some(self.next_sweep).filter(|_| self.tree.len() > 0),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn on_timeout(&mut self, now: Moment) {
        while let Some(link) = self.link_deadlines.pop_due(now) {
            self.on_link_due(now, link);
        }
        while let Some(id) = self.requests.pop_due(now) {
            self.on_request_due(now, id);
        }
        #[cfg(feature = "sim")]
        if self.mutant == Some(crate::sim::Mutant::KeepsPlaces) {
            self.inbound.forget_deadlines(now);
        }
        while let Some(node) = self.requests.vigil.pop_due(now) {
            self.mind_node(now, node);
        }
        while let Some(op) = self.gatherings.pop_due(now) {
            self.on_gathering_due(op);
        }
        self.on_watches_due(now);
        self.on_followings_due(now);
        self.inbound.expire(now);
        self.reassembly.handle_timeout(now);
        if self.uplink.retry.as_ref().is_some_and(|retry| retry.at <= now) {
            self.on_retry_due(now);
        }
        if self.goals.homing().is_some_and(|due| due <= now) {
            self.on_homing_due(now);
        }
        if self.roll_call.as_ref().is_some_and(|roll| roll.due() <= now) {
            self.on_roll_call_due(now);
        }
        self.end_kicks(now);
        self.on_scopes_due(now);
        self.run_due_services(now);
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP_PAUSE;
            for id in self.tree.stale_for(now, STALE_LIFETIME) {
                self.forget_node(id);
            }
            self.forget_missing_edges();
        }
    }

    fn on_op(&mut self, now: Moment, op: Op) {
        match op {
            Op::Connect { op, to, persist } => self.connect_by_op(now, op, to, persist),
            Op::Disconnect { op } => self.disconnect(now, op),
            Op::Send { .. } | Op::Request { .. } | Op::Call { .. } | Op::Locate { .. } => {
                self.ask(now, op);
            }
            Op::Cast { to, content } => self.cast(now, to, content),
            Op::Many(op) => self.on_many(now, op),
            Op::Rename { op, name } => self.rename_self(now, &name, NamedBy::Program(op)),
            Op::Answer { inbound, answer } => self.answer(now, inbound, answer),
            Op::OfferRequestable { name } => self.offers.offer_requestable(name),
            Op::OfferCommand { spec } => self.offers.offer_command(spec),
            Op::Withdraw { name } => self.offers.withdraw(&name),
            Op::Service { op, wish } => self.on_service_wish(now, op, wish),
            Op::ServiceEnded { name, run, error } => {
                self.on_service_ended(now, &name, run, error.as_deref());
            }
            Op::AdminKey(news) => self.on_key_news(now, news),
            Op::DataSockets(sockets) => self.set_data_sockets(now, sockets),
            Op::TicketUsed { child } => self.issue_tickets(child, 1),
            Op::Charter { charter } => self.take_own_charter(now, charter),
            Op::Homes { homes } => self.take_homes(now, homes),
            Op::Stop { restart } => self.stop(now, restart),
            Op::GoAway => self.stop_because(now, CloseReason::Away),
            Op::GiveWay => self.give_way(now),
            Op::Admitted(newcomer) => self.event(Event::Admitted(newcomer)),
            Op::BackUp { parents } => self.back_up(parents),
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn next_dial(&mut self) -> DialId {
        self.dials += 1;
        DialId(self.dials)
    }

    /// Is there a way to the root?
    const fn is_rooted(&self) -> bool {
        self.config.role.is_root() || self.place.rooted
    }
}

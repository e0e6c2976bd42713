//! One mind among seven others that say to it whatever the input decides, and the promises that
//! are checked at every step.
//!
//! Steps are bytes, see [`step`]; the corpus has some that were recorded between honest minds, so
//! that an input gets beyond the first hello.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use ltn_proto::limits::FRAME_PAYLOAD_BYTES_MAX;
use ltn_proto::signature::public_key_of_point;
use ltn_proto::sim::toy_signature;
use ltn_proto::{
    Address, Answer, CloseReason, Content, DialError, DialId, Direction, Event, Flags, Frame,
    Header, InboundId, Input, Kind, Limits, LinkId, ManyOp, Moment, Name, NodeConfig, NodeId,
    NodeState, Op, OpId, Output, Permissions, Remembered, Role, Standing, Value, Whom, Wording,
};

use crate::feed::Feed;

/// The nodes that there are; the mind that is tried is number 0.
pub(crate) const NODES: u8 = 8;
/// What comes out for one input is bounded; this is far beyond what honest minds say.
const OUTPUTS_MAX: usize = 50_000;
/// After so much time every question has ended.
const ALL_DEADLINES: Duration = Duration::from_secs(120);

/// What the first byte of a step says. The others follow it.
pub(crate) mod step {
    /// A node connects from below: which one.
    pub(crate) const OPEN: u8 = 0;
    /// A frame: from which node, kind, flags, hops left, time left (4), id (8), source,
    /// destination, payload (its length in 2).
    pub(crate) const FRAME: u8 = 1;
    /// A connection ends: with which node, why.
    pub(crate) const CLOSE: u8 = 2;
    /// Time passes: how much, in units of 50 ms.
    pub(crate) const TICK: u8 = 3;
    /// A connection stalls, or goes on: which one, and whether.
    pub(crate) const STALL: u8 = 4;
    /// The program wants something, see `World::op`.
    pub(crate) const OP: u8 = 5;
    /// The certificate of a node says what it was invited to be: which node, what.
    pub(crate) const VOUCH: u8 = 6;
    /// The program answers what it was asked: which question, how.
    pub(crate) const ANSWER: u8 = 7;
    /// A dial is answered: by which node, or by none.
    pub(crate) const DIALED: u8 = 8;
    /// The machine slept.
    pub(crate) const SLEPT: u8 = 9;
    /// How many kinds there are.
    pub(crate) const KINDS: u8 = 10;
}

/// What the mind said to somebody else, for those who play the others.
#[derive(Debug)]
pub(crate) enum Said {
    Frame(u8, Frame),
    Closed(u8),
    Dial(Address),
}

/// See the module.
pub(crate) struct World {
    pub(crate) mind: NodeState,
    me: u8,
    now: Moment,
    peers: BTreeMap<LinkId, u8>,
    dials: VecDeque<DialId>,
    pub(crate) inbound: VecDeque<InboundId>,
    open_ops: BTreeSet<OpId>,
    links: u64,
    ops: u64,
    /// Did anybody else get through to the program?
    pub(crate) heard: bool,
    pub(crate) said: Vec<Said>,
}

pub(crate) fn key_of(number: u8) -> Vec<u8> {
    public_key_of_point(&[number; 65])
}

/// Asked for at every step, so each is digested once.
pub(crate) fn id_of(number: u8) -> NodeId {
    static IDS: LazyLock<[NodeId; NODES as usize]> = LazyLock::new(|| {
        std::array::from_fn(|number| {
            let number = u8::try_from(number).expect("there are few");
            NodeId::of_public_key(&key_of(number))
        })
    });
    IDS[usize::from(number)]
}

pub(crate) fn address_of(number: u8) -> Address {
    Address::new(&format!("192.0.2.{number}:4000"))
}

/// The roles that are tried, by the first byte of an input.
pub(crate) const TRIED: [Role; 3] = [Role::MainServer, Role::SubServer, Role::Client];
/// What a certificate may say.
const ROLES: [Role; 5] =
    [Role::MainServer, Role::SubServer, Role::Server, Role::Client, Role::Session];

impl World {
    /// A mind of this role. With a standing its network has members and signatures count; else it
    /// takes the quick ones of simulated nodes.
    pub(crate) fn new(me: u8, role: Role, standing: Option<Standing>) -> Self {
        let toys = standing.is_none();
        let network = standing.as_ref().map(|standing| standing.charter().network);
        let config = NodeConfig {
            id: id_of(me),
            public_key: key_of(me),
            network,
            role,
            name: Name::known(&format!("node{me}")).ok(),
            description: "tried by hostile bytes".to_owned(),
            version: "1".to_owned(),
            address: role.accepts_children().then(|| address_of(me)),
            data_port: Some(4_001),
            incarnation: 1,
            starts: 1,
            seed: [me; 32],
            newcomers: Permissions::user(),
            limits: Limits { records: 64, links: 16, pending_links: 4, ..Limits::default() },
            services: false,
            standing,
            remembered: Remembered::default(),
            backup_parents: vec![address_of(NODES - 1)],
            keeps_key: false,
        };
        let mut mind = NodeState::new(config, Moment::ZERO);
        if toys {
            mind.trust_toys();
        }
        let mut world = Self {
            mind,
            me,
            now: Moment::ZERO,
            peers: BTreeMap::new(),
            dials: VecDeque::new(),
            inbound: VecDeque::new(),
            open_ops: BTreeSet::new(),
            links: 0,
            ops: 0,
            heard: false,
            said: Vec::new(),
        };
        world.handle(Input::Op(Op::OfferRequestable { name: "light".to_owned() }));
        world
    }

    /// Does what the next bytes say.
    pub(crate) fn step(&mut self, feed: &mut Feed<'_>) {
        match feed.byte() % step::KINDS {
            step::OPEN => self.open(feed.byte() % NODES, Direction::Down),
            step::FRAME => {
                let peer = feed.byte() % NODES;
                let frame = frame(feed);
                if let Some(link) = self.link_to(peer) {
                    self.handle(Input::Frame { link, frame });
                }
            }
            step::CLOSE => {
                let (peer, why) = (feed.byte() % NODES, REASONS[usize::from(feed.byte() % 4)]);
                if let Some(link) = self.link_to(peer) {
                    self.peers.remove(&link);
                    self.handle(Input::LinkClosed { link, why });
                }
            }
            step::TICK => self.pass(Duration::from_millis(u64::from(feed.byte()) * 50)),
            step::STALL => {
                let (peer, stalled) = (feed.byte() % NODES, feed.byte() & 1 == 1);
                if let Some(link) = self.link_to(peer) {
                    self.handle(Input::LinkStalled { link, stalled });
                }
            }
            step::OP => self.want(feed),
            step::VOUCH => {
                let (peer, role) = (feed.byte() % NODES, ROLES[usize::from(feed.byte() % 5)]);
                if let Some(link) = self.link_to(peer) {
                    self.handle(Input::Vouched { link, role });
                }
            }
            step::ANSWER => self.answer(feed),
            step::DIALED => self.dialed(feed.byte()),
            step::SLEPT => self.handle(Input::Slept),
            _ => unreachable!("there are no more kinds"),
        }
    }

    fn link_to(&self, peer: u8) -> Option<LinkId> {
        self.peers.iter().rev().find(|(_, known)| **known == peer).map(|(link, _)| *link)
    }

    fn open(&mut self, peer: u8, direction: Direction) {
        if peer == self.me || self.peers.len() >= 16 {
            return;
        }
        self.links += 1;
        let link = LinkId(self.links);
        self.peers.insert(link, peer);
        let remote = address_of(peer);
        self.handle(Input::LinkOpened { link, direction, peer: id_of(peer), remote });
    }

    pub(crate) fn dialed(&mut self, by: u8) {
        let Some(dial) = self.dials.pop_front() else { return };
        if by < NODES && by != self.me {
            self.open(by, Direction::Up(dial));
        } else {
            self.handle(Input::DialFailed { dial, why: DialError::NoServer });
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        for _ in 0..1_000 {
            match self.mind.poll_timeout() {
                Some(due) if due <= self.now => self.handle(Input::Timeout),
                _ => return,
            }
        }
        panic!("the mind asks for a moment that has passed, again and again");
    }

    fn answer(&mut self, feed: &mut Feed<'_>) {
        let which = usize::from(feed.byte());
        let how = feed.byte() % 4;
        let Some(inbound) = self.inbound.get(which % self.inbound.len().max(1)).copied() else {
            return;
        };
        self.inbound.retain(|other| *other != inbound);
        let answer = match how {
            0 => Answer::Taken,
            1 => Answer::Value(Value::from(feed.word().as_str())),
            2 => Answer::Failed(feed.word()),
            _ => Answer::Value(Value::Bytes(vec![7; 70_000])),
        };
        self.handle(Input::Op(Op::Answer { inbound, answer }));
    }

    /// The program wants something.
    fn want(&mut self, feed: &mut Feed<'_>) {
        self.ops += 1;
        let op = OpId(self.ops);
        let (wanted, ends) = wish(op, feed);
        if ends {
            self.open_ops.insert(op);
        }
        self.handle(Input::Op(wanted));
    }

    pub(crate) fn handle(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.mind.handle(self.now, input);
            let mut outputs = 0;
            while let Some(output) = self.mind.poll_output() {
                outputs += 1;
                assert!(outputs < OUTPUTS_MAX, "one input has no end of outputs");
                inputs.extend(self.carry_out(output));
            }
        }
    }

    fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Transmit { link, frame } => {
                assert!(frame.payload.len() <= FRAME_PAYLOAD_BYTES_MAX, "{:?}", frame.header);
                if let Some(peer) = self.peers.get(&link) {
                    self.said.push(Said::Frame(*peer, frame));
                }
                None
            }
            Output::Close { link, reason } => {
                let peer = self.peers.remove(&link)?;
                self.said.push(Said::Closed(peer));
                Some(Input::LinkClosed { link, why: reason })
            }
            Output::Dial { dial, to } => {
                self.said.push(Said::Dial(to));
                self.dials.push_back(dial);
                None
            }
            Output::Persist { write, .. } => Some(Input::Persisted { write, done: Ok(()) }),
            Output::Sign { signing, purpose, message } => {
                let signature = Some(toy_signature(&key_of(self.me), purpose, &message));
                Some(Input::Signed { signing, signature })
            }
            Output::Event(event) => {
                self.hear(event);
                None
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Ended { op, .. } => {
                assert!(self.open_ops.remove(&op), "{op:?} ends twice, or was never asked for");
            }
            Event::Message { inbound, from, .. } => {
                self.heard |= from != id_of(self.me);
                self.inbound.extend(inbound);
            }
            Event::Requested { inbound, from, .. } | Event::Called { inbound, from, .. } => {
                self.heard |= from != id_of(self.me);
                self.inbound.push_back(inbound);
            }
            _ => {}
        }
        self.inbound.truncate(64);
    }

    /// Everybody goes away and time passes: whatever was asked has ended by then.
    pub(crate) fn end(mut self) {
        while let Some((link, _)) = self.peers.pop_first() {
            self.handle(Input::LinkClosed { link, why: CloseReason::Lost });
        }
        let mut left = ALL_DEADLINES;
        while !left.is_zero() {
            let step = Duration::from_secs(1).min(left);
            self.pass(step);
            while !self.dials.is_empty() {
                self.dialed(NODES);
            }
            left -= step;
        }
        assert!(self.open_ops.is_empty(), "never ended: {:?}", self.open_ops);
        let picture = self.mind.snapshot(self.now);
        assert!((picture.links, picture.pending_links) == (0, 0), "links stay: {picture:?}");
        assert!(picture.open_requests == 0, "questions stay: {picture:?}");
    }
}

const REASONS: [CloseReason; 4] =
    [CloseReason::Lost, CloseReason::Silent, CloseReason::Stopping, CloseReason::SlowReader];

fn frame(feed: &mut Feed<'_>) -> Frame {
    let [kind, flags, hops_left] = feed.array();
    let time_left_ms = u32::from_be_bytes(feed.array());
    let id = feed.number();
    let (source, destination) = (who(feed.byte()), who(feed.byte()));
    let flags = Flags(flags);
    let kind = Kind(kind);
    let header = Header { kind, flags, hops_left, time_left_ms, id, source, destination };
    Frame { header, payload: Bytes::copy_from_slice(feed.piece()) }
}

/// The id that one byte stands for; [`number_of`] is its inverse.
fn who(byte: u8) -> NodeId {
    match byte {
        255 => NodeId::NOBODY,
        byte if byte < NODES => id_of(byte),
        byte => NodeId::from_bytes([byte; 32]),
    }
}

/// The byte that stands for this id.
pub(crate) fn number_of(id: NodeId) -> u8 {
    if id == NodeId::NOBODY {
        return 255;
    }
    (0..NODES).find(|number| id_of(*number) == id).unwrap_or(200)
}

/// What the program may want, and whether it ends with a single outcome.
fn wish(op: OpId, feed: &mut Feed<'_>) -> (Op, bool) {
    const PLACES: [&str; 8] =
        ["/", "/node1", "/node1/node3", "node2", "..", "./node2", "/node2", "/nobody"];
    let [what, place, seconds] = feed.array();
    let place = PLACES[usize::from(place % 8)];
    let to = place.parse().expect("it is a place");
    let timeout = Duration::from_secs(u64::from(seconds % 60) + 1);
    let selector = || "/**".parse().expect("it is a selector");
    match what % 12 {
        0 => (Op::Send { op, to, content: Content::Text(feed.word()), timeout }, true),
        1 => (Op::Cast { to, content: Content::Text(feed.word()) }, false),
        2 => {
            let (name, argument) = (feed.word(), Value::Null);
            (Op::Request { op, to, name, argument, timeout }, true)
        }
        3 => {
            let (command, arguments) = (format!("s.{}", feed.word()), Vec::new());
            (Op::Call { op, to, command, arguments, token: None, timeout }, true)
        }
        4 => (Op::Rename { op, name: feed.word() }, true),
        5 => (Op::Locate { op, target: to, confirmed: false, timeout }, true),
        6 => {
            let what = Wording::Request { name: feed.word(), argument: Value::Null };
            let whom = Whom::Fitting(selector());
            (Op::Many(ManyOp::Gather { op, whom, what, timeout }), true)
        }
        7 => (Op::Many(ManyOp::Select { op, selector: selector(), timeout }), true),
        8 => (Op::Connect { op, to: address_of(feed.byte() % NODES), persist: false }, true),
        9 => (Op::Disconnect { op }, true),
        10 => (Op::GoAway, false),
        _ => (Op::BackUp { parents: vec![address_of(feed.byte() % NODES)] }, false),
    }
}

//! A network with members whose every wire ends at a hostile server: the main server above it, and
//! below it a server, an admin and somebody without rights. All five minds are honest, but nothing
//! that they say arrives unless whoever sits at the wires lets it: see [`Hall`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ltn_proto::sim::{Mutant, toy_signature};
use ltn_proto::{
    Address, Answer, CloseReason, CommandSpec, DialError, Direction, Durable, Event, Frame, Input,
    Limits, LinkId, Moment, Name, NodeConfig, NodeState, Op, OpId, Output, ParameterKind,
    Permission, Permissions, Remembered, Role, Standing, Value,
};

use crate::charters;
use crate::feed::Feed;
use crate::world::{address_of, id_of, key_of};

/// The main server.
pub(crate) const ROOT: u8 = 0;
/// The hostile one.
pub(crate) const HALL: u8 = 1;
/// The server whose commands are at stake.
pub(crate) const ATTIC: u8 = 2;
/// An admin of everything.
pub(crate) const ANN: u8 = 3;
/// Somebody without rights.
pub(crate) const EVE: u8 = 4;
const MEMBERS: [(Role, &str); 5] = [
    (Role::MainServer, "root"),
    (Role::SubServer, "hall"),
    (Role::SubServer, "attic"),
    (Role::Client, "ann"),
    (Role::Client, "eve"),
];
/// What its program runs at once, and what it wants confirmed first.
pub(crate) const COMMANDS: [&str; 2] = ["gate", "vault"];
/// So much is remembered of what was said, and waits to be passed on.
const TAPE_MAX: usize = 256;
/// What comes of one step is bounded; this is far beyond what honest minds say.
const INPUTS_MAX: usize = 20_000;

/// The end of a wire: whose, and what they call it.
pub(crate) type End = (u8, LinkId);

/// What goes over a wire.
#[derive(Clone)]
pub(crate) enum Word {
    Said(Frame),
    /// The other end has closed it, after all that it said.
    Closed(CloseReason),
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Hall {
    /// Shared with the network that all inputs begin with, until something happens to one.
    minds: Vec<Arc<NodeState>>,
    now: Moment,
    /// The ends of wires that are not closed, each with the other one.
    pub(crate) wires: BTreeMap<End, End>,
    /// What was said and has not arrived, the oldest first.
    pub(crate) held: VecDeque<(End, Word)>,
    /// What was said last, and where it was to arrive.
    pub(crate) tape: VecDeque<(End, Frame)>,
    /// What the programs heard, and nobody has looked at.
    pub(crate) events: VecDeque<(u8, Event)>,
    /// What was written down, and nobody has looked at.
    pub(crate) written: VecDeque<(u8, Durable)>,
    /// What kinds of words have arrived.
    pub(crate) heard: BTreeSet<u8>,
    links: u64,
}

impl Hall {
    /// All are joined, and nobody has asked for anything. It is the same for each input, so it is
    /// made once.
    pub(crate) fn new() -> Self {
        static JOINED: OnceLock<Hall> = OnceLock::new();
        JOINED.get_or_init(Self::joined).clone()
    }

    fn joined() -> Self {
        let mut hall = Self {
            minds: (0..)
                .zip(MEMBERS)
                .map(|(number, member)| Arc::new(mind(number, member)))
                .collect(),
            now: Moment::ZERO,
            wires: BTreeMap::new(),
            held: VecDeque::new(),
            tape: VecDeque::new(),
            events: VecDeque::new(),
            written: VecDeque::new(),
            heard: BTreeSet::new(),
            links: 0,
        };
        for server in [ROOT, HALL, ATTIC] {
            for (command, dangerous) in COMMANDS.into_iter().zip([false, true]) {
                let spec = CommandSpec::new(command, "it is at stake");
                let spec = spec.permission(Permission::admin());
                let spec = spec.required("what", ParameterKind::Text);
                let spec = if dangerous { spec.dangerous() } else { spec };
                hall.want(server, Op::OfferCommand { spec });
            }
        }
        for (number, above) in [(HALL, ROOT), (ATTIC, HALL), (ANN, HALL), (EVE, HALL)] {
            let op = OpId(u64::from(number));
            hall.want(number, Op::Connect { op, to: address_of(above), persist: false });
            hall.pass_all_on();
            assert_eq!(hall.parent_of(number), Some(above), "an honest world is joined");
        }
        hall.events.clear();
        hall.written.clear();
        hall.heard.clear();
        hall
    }

    /// From here on the attic lacks this defence.
    pub(crate) fn break_attic(&mut self, mutant: Mutant) {
        Arc::make_mut(&mut self.minds[usize::from(ATTIC)]).set_mutant(mutant);
    }

    fn parent_of(&self, number: u8) -> Option<u8> {
        let parent = self.minds[usize::from(number)].snapshot(self.now).parent?;
        (ROOT..=EVE).find(|other| id_of(*other) == parent)
    }

    /// A program wants something.
    pub(crate) fn want(&mut self, number: u8, op: Op) {
        self.feed(number, Input::Op(op));
    }

    /// This arrives there, if that wire has not ended.
    pub(crate) fn arrive(&mut self, (to, link): End, frame: Frame) {
        if self.wires.contains_key(&(to, link)) {
            self.heard.insert(frame.header.kind.0);
            self.feed(to, Input::Frame { link, frame });
        }
    }

    /// The same of whatever goes over a wire.
    pub(crate) fn deliver(&mut self, end: End, word: Word) {
        match word {
            Word::Said(frame) => self.arrive(end, frame),
            Word::Closed(why) => {
                if self.wires.remove(&end).is_some() {
                    self.feed(end.0, Input::LinkClosed { link: end.1, why });
                }
            }
        }
    }

    /// Everything that was said arrives, and what is said of it.
    pub(crate) fn pass_all_on(&mut self) {
        for _ in 0..INPUTS_MAX {
            let Some((end, word)) = self.held.pop_front() else { return };
            self.deliver(end, word);
        }
        panic!("they talk without end");
    }

    /// A wire breaks.
    pub(crate) fn cut(&mut self, end: End) {
        let Some(other) = self.wires.remove(&end) else { return };
        let is_open = self.wires.remove(&other).is_some();
        for (number, link) in [Some(end), is_open.then_some(other)].into_iter().flatten() {
            self.feed(number, Input::LinkClosed { link, why: CloseReason::Lost });
        }
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        for number in ROOT..=EVE {
            for round in 0.. {
                assert!(round < 1_000, "a mind asks for a moment that has passed, again and again");
                match self.minds[usize::from(number)].poll_timeout() {
                    Some(due) if due <= self.now => self.feed(number, Input::Timeout),
                    _ => break,
                }
            }
        }
    }

    fn feed(&mut self, number: u8, input: Input) {
        let mut inputs = VecDeque::from([(number, input)]);
        let mut count = 0;
        while let Some((number, input)) = inputs.pop_front() {
            count += 1;
            assert!(count < INPUTS_MAX, "one input has no end of outputs");
            let mut input = Some(input);
            while let Some(output) = self.think(number, input.take()) {
                inputs.extend(self.carry_out(number, output));
            }
        }
    }

    /// One mind hears this, and says one thing of all that it wants.
    fn think(&mut self, number: u8, input: Option<Input>) -> Option<Output> {
        let mind = Arc::make_mut(&mut self.minds[usize::from(number)]);
        if let Some(input) = input {
            mind.handle(self.now, input);
        }
        mind.poll_output()
    }

    fn carry_out(&mut self, number: u8, output: Output) -> Vec<(u8, Input)> {
        let here = |input| vec![(number, input)];
        match output {
            Output::Transmit { link, frame } => {
                if let Some(end) = self.wires.get(&(number, link)).copied() {
                    push(&mut self.tape, (end, frame.clone()));
                    push(&mut self.held, (end, Word::Said(frame)));
                }
                Vec::new()
            }
            Output::Close { link, reason } => self.close((number, link), reason),
            Output::Dial { dial, to } => {
                let server = [ROOT, HALL, ATTIC].into_iter().find(|it| address_of(*it) == to);
                match server.filter(|server| *server != number) {
                    Some(server) => self.open(number, Direction::Up(dial), server),
                    None => here(Input::DialFailed { dial, why: DialError::NoServer }),
                }
            }
            Output::Persist { write, what } => {
                self.written.push_back((number, what));
                here(Input::Persisted { write, done: Ok(()) })
            }
            Output::Sign { signing, purpose, message } => {
                let signature = Some(toy_signature(&key_of(number), purpose, &message));
                here(Input::Signed { signing, signature })
            }
            Output::Event(event) => {
                let answer = match &event {
                    Event::Called { inbound, arguments, .. } => {
                        let answer = Answer::Value(answer_to(arguments));
                        here(Input::Op(Op::Answer { inbound: *inbound, answer }))
                    }
                    _ => Vec::new(),
                };
                self.events.push_back((number, event));
                answer
            }
        }
    }

    fn close(&mut self, end: End, why: CloseReason) -> Vec<(u8, Input)> {
        let Some(other) = self.wires.remove(&end) else { return Vec::new() };
        push(&mut self.held, (other, Word::Closed(why)));
        vec![(end.0, Input::LinkClosed { link: end.1, why })]
    }

    fn open(&mut self, from: u8, direction: Direction, to: u8) -> Vec<(u8, Input)> {
        self.links += 2;
        let (up, down) = ((from, LinkId(self.links)), (to, LinkId(self.links + 1)));
        self.wires.insert(up, down);
        self.wires.insert(down, up);
        let opened = |(number, link), direction, peer: u8| {
            let remote = address_of(peer);
            let opened = Input::LinkOpened { link, direction, peer: id_of(peer), remote };
            let role = MEMBERS[usize::from(peer)].0;
            [(number, opened), (number, Input::Vouched { link, role })]
        };
        [opened(down, Direction::Down, from), opened(up, direction, to)].concat()
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    queue.push_back(item);
    if queue.len() > TAPE_MAX {
        queue.pop_front();
    }
}

/// What the program says to a command with these arguments.
pub(crate) fn answer_to(arguments: &[Value]) -> Value {
    Value::List(arguments.to_vec())
}

/// The number that a command was given as its argument.
pub(crate) fn number_in(arguments: &[Value]) -> Option<u64> {
    arguments.first()?.as_text()?.parse().ok()
}

fn mind(number: u8, (role, name): (Role, &str)) -> NodeState {
    static STANDING: OnceLock<Standing> = OnceLock::new();
    let standing = STANDING.get_or_init(|| charters::standing_with_admin(id_of(ROOT), id_of(ANN)));
    let config = NodeConfig {
        id: id_of(number),
        public_key: key_of(number),
        network: Some(standing.charter().network),
        role,
        name: Name::known(name).ok().filter(|_| number != ROOT),
        description: String::new(),
        version: "1".to_owned(),
        address: role.accepts_children().then(|| address_of(number)),
        data_port: None,
        incarnation: 1,
        starts: 1,
        seed: [number; 32],
        newcomers: Permissions::user(),
        limits: Limits::default(),
        services: false,
        standing: Some(standing.clone()),
        remembered: Remembered::default(),
        backup_parents: Vec::<Address>::new(),
        keeps_key: false,
    };
    let mut mind = NodeState::new(config, Moment::ZERO);
    mind.trust_toys();
    mind
}

/// One of the ends that there are.
pub(crate) fn end_of(wires: &BTreeMap<End, End>, feed: &mut Feed<'_>) -> Option<End> {
    let which = usize::from(feed.byte());
    wires.keys().nth(which % wires.len().max(1)).copied()
}

//! Minds of members with wires between them, and an authority: what all tests of networks with
//! members begin with. Everything happens at once, and whoever stands at a wire may listen, keep
//! back, change and make up what goes over it.

mod records;

use std::collections::BTreeMap;
use std::time::Duration;

use ltn_proto::OwnName;
use ltn_proto::registry::Home;
use ltn_proto::signature::Purpose;
use ltn_proto::{
    Address, Answer, Charter, CommandSpec, DialError, Direction, Durable, Event, Frame, Grant,
    Input, Limits, LinkId, Moment, NodeConfig, NodeId, NodeState, Op, OpId, Outcome, Output,
    ParameterKind, Pass, Permission, Permissions, Remembered, Role, SignedCharter, Standing,
    Target, Value, WriteId,
};

use crate::signer::Signer;

pub(crate) const ROOT: usize = 0;
/// A command that fails, and says what it was told.
pub(crate) const SAFE: &str = "safe";
const TIMEOUT: Duration = Duration::from_secs(20);

/// What stands at the wires: the sender, the receiver and the frame. Is it to arrive?
pub(crate) type Tap = Box<dyn FnMut(usize, usize, &mut Frame) -> bool>;

pub(crate) struct Club {
    pub(crate) authority: Signer,
    pub(crate) charter: Charter,
    pub(crate) minds: Vec<NodeState>,
    pub(crate) ids: Vec<NodeId>,
    configs: Vec<NodeConfig>,
    keys: Vec<Signer>,
    invited: Vec<Option<Role>>,
    at: BTreeMap<Address, usize>,
    pub(crate) wires: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    pub(crate) events: Vec<(usize, Event)>,
    /// What was written down, and how many events there were before.
    pub(crate) written: Vec<(usize, Durable, usize)>,
    pub(crate) tap: Option<Tap>,
    /// Whose disk is so slow that nothing is written before the test says so.
    pub(crate) slow: Option<usize>,
    unwritten: Vec<WriteId>,
    /// Where the book says that servers belong.
    homes: BTreeMap<NodeId, Home>,
    pub(crate) now: Moment,
    links: u64,
    ops: u64,
}

/// What the program of any node answers.
fn answer_to(command: &str, arguments: &[Value]) -> Answer {
    match (command, arguments) {
        (SAFE, [key, ..]) => Answer::Failed(format!("{key} is wrong")),
        _ => Answer::Value(Value::from("done")),
    }
}

fn address(number: usize) -> Address {
    Address::new(&format!("192.0.2.{number}:4000"))
}

impl Club {
    /// A main server alone.
    pub(crate) fn new() -> Self {
        let authority = Signer::new();
        let mut charter = authority.charter();
        let root = Signer::new();
        charter.root = root.id();
        let mut club = Self {
            authority,
            charter,
            minds: Vec::new(),
            ids: Vec::new(),
            configs: Vec::new(),
            keys: Vec::new(),
            invited: Vec::new(),
            at: BTreeMap::new(),
            wires: BTreeMap::new(),
            events: Vec::new(),
            written: Vec::new(),
            tap: None,
            slow: None,
            unwritten: Vec::new(),
            homes: BTreeMap::new(),
            now: Moment::ZERO,
            links: 0,
            ops: 0,
        };
        club.node_with(root, Role::MainServer, Some(Role::MainServer));
        club
    }

    /// The same with a server below the root, one below that, and a client who is admin of
    /// everything; all servers offer `gate`, and `vault`, which wants a confirmation.
    pub(crate) fn guarded() -> (Self, [usize; 3]) {
        let mut club = Self::new();
        let hall = club.member(Role::SubServer, "hall", ROOT);
        let attic = club.member(Role::SubServer, "attic", hall);
        let ann = club.member(Role::Client, "ann", ROOT);
        club.make_admin(ann, ROOT);
        for server in [ROOT, hall, attic] {
            club.offer(server, "gate", false);
            club.offer(server, "vault", true);
        }
        (club, [hall, attic, ann])
    }

    pub(crate) fn signed(&self, charter: &Charter) -> SignedCharter {
        self.authority.sign_charter(Purpose::Charter, charter)
    }

    /// One more node, which has the charter as it is now.
    pub(crate) fn node(&mut self, role: Role, invited: Option<Role>) -> usize {
        self.node_with(Signer::new(), role, invited)
    }

    /// One more member, joined to this server.
    pub(crate) fn member(&mut self, role: Role, name: &str, to: usize) -> usize {
        let number = self.node(role, Some(role));
        self.wants_name(number, name, false);
        assert!(self.join(number, to), "{name} joins");
        number
    }

    /// One more visit, with the pass that this makes for its key.
    pub(crate) fn visit_with(&mut self, pass: impl FnOnce(&Self, NodeId) -> Option<Pass>) -> usize {
        let number = self.node(Role::Session, Some(Role::Session));
        if let Some(pass) = pass(self, self.ids[number]) {
            let config = &mut self.configs[number];
            config.standing = config.standing.take().map(|standing| standing.with_pass(pass));
            self.minds[number] = NodeState::new(config.clone(), self.now);
        }
        number
    }

    /// One more visit of this member.
    pub(crate) fn visit_of(&mut self, owner: usize) -> usize {
        let owner = self.ids[owner];
        self.visit_with(|club, visit| Some(club.authority.sign_pass(visit, owner)))
    }

    fn node_with(&mut self, key: Signer, role: Role, invited: Option<Role>) -> usize {
        let number = self.minds.len();
        let id = key.id();
        let standing = Standing::new(self.authority.public.clone(), self.signed(&self.charter));
        let config = NodeConfig {
            id,
            role,
            name: None,
            description: String::new(),
            version: "1".to_owned(),
            address: role.accepts_children().then(|| address(number)),
            data_port: None,
            incarnation: 1,
            starts: 1,
            seed: [u8::try_from(number).expect("few nodes"); 32],
            newcomers: Permissions::user(),
            limits: Limits::default(),
            services: false,
            public_key: key.public.clone(),
            network: Some(self.charter.network),
            remembered: Remembered::default(),
            backup_parents: Vec::new(),
            keeps_key: false,
            standing: Some(standing.expect("the authority signed it")),
        };
        self.minds.push(NodeState::new(config.clone(), self.now));
        self.configs.push(config);
        self.ids.push(id);
        self.keys.push(key);
        self.invited.push(invited);
        self.at.insert(address(number), number);
        if role.is_server() && number != ROOT {
            self.write_home(id, Home::Anywhere);
        }
        number
    }

    pub(crate) fn feed(&mut self, number: usize, input: Input) {
        self.minds[number].handle(self.now, input);
        let mut outputs = Vec::new();
        while let Some(output) = self.minds[number].poll_output() {
            outputs.push(output);
        }
        for output in outputs {
            self.carry_out(number, output);
        }
    }

    fn carry_out(&mut self, number: usize, output: Output) {
        match output {
            Output::Transmit { link, mut frame } => {
                let Some(&(other, theirs)) = self.wires.get(&(number, link)) else { return };
                let mut tap = self.tap.take();
                let arrives = tap.as_mut().is_none_or(|tap| tap(number, other, &mut frame));
                self.tap = tap;
                if arrives {
                    self.feed(other, Input::Frame { link: theirs, frame });
                }
            }
            Output::Close { link, reason } => {
                if let Some((other, theirs)) = self.wires.remove(&(number, link)) {
                    self.wires.remove(&(other, theirs));
                    self.feed(other, Input::LinkClosed { link: theirs, why: reason });
                    self.feed(number, Input::LinkClosed { link, why: reason });
                }
            }
            Output::Dial { dial, to } => match self.at.get(&to).copied() {
                Some(other) => {
                    self.links += 2;
                    let (up, down) = (LinkId(self.links), LinkId(self.links + 1));
                    self.wires.insert((number, up), (other, down));
                    self.wires.insert((other, down), (number, up));
                    self.open(other, down, Direction::Down, number);
                    self.open(number, up, Direction::Up(dial), other);
                }
                None => self.feed(number, Input::DialFailed { dial, why: DialError::NoServer }),
            },
            Output::Event(event) => {
                self.events.push((number, event.clone()));
                match event {
                    Event::Called { inbound, command, arguments, .. } => {
                        let answer = answer_to(&command, &arguments);
                        self.feed(number, Input::Op(Op::Answer { inbound, answer }));
                    }
                    Event::Settled { node, parent } => self.write_home(node, Home::Below(parent)),
                    _ => {}
                }
            }
            Output::Sign { signing, purpose, message } => {
                let signature = Some(self.keys[number].sign(purpose, &message));
                self.feed(number, Input::Signed { signing, signature });
            }
            Output::Persist { write, what } => {
                self.configs[number].remembered.take_in(&what);
                self.written.push((number, what, self.events.len()));
                if self.slow == Some(number) {
                    return self.unwritten.push(write);
                }
                self.feed(number, Input::Persisted { write, done: Ok(()) });
            }
        }
    }

    fn open(&mut self, number: usize, link: LinkId, direction: Direction, other: usize) {
        let vouched = self.invited[other].map(|role| Input::Vouched { link, role });
        self.feed(
            number,
            Input::LinkOpened { link, direction, peer: self.ids[other], remote: address(9) },
        );
        if let Some(vouched) = vouched {
            self.feed(number, vouched);
        }
    }

    /// It was invited with this name, and wants it.
    pub(crate) fn name(&mut self, number: usize, name: &str) {
        self.wants_name(number, name, false);
        let name = self.configs[number].name.clone().expect("it has one");
        let own = OwnName::new(&name, self.ids[number]);
        self.declare(|charter| charter.names.push(own));
    }

    /// It wants this name, and comes back as itself, or with another key.
    pub(crate) fn wants_name(&mut self, number: usize, name: &str, keeps_key: bool) {
        let name = ltn_proto::Name::wanted(name).expect("a good name");
        let config = &mut self.configs[number];
        (config.name, config.keeps_key) = (Some(name), keeps_key);
        self.minds[number] = NodeState::new(config.clone(), self.now);
    }

    pub(crate) fn begin_rename(&mut self, number: usize, name: &str) -> OpId {
        self.ops += 1;
        let op = OpId(self.ops);
        self.feed(number, Input::Op(Op::Rename { op, name: name.to_owned() }));
        op
    }

    pub(crate) fn begin_locate(&mut self, number: usize, target: Target) -> OpId {
        self.begin_looking(number, target, false)
    }

    /// The same, by the main server's word.
    pub(crate) fn begin_confirming(&mut self, number: usize, target: Target) -> OpId {
        self.begin_looking(number, target, true)
    }

    fn begin_looking(&mut self, number: usize, target: Target, confirmed: bool) -> OpId {
        self.ops += 1;
        let op = OpId(self.ops);
        self.feed(number, Input::Op(Op::Locate { op, target, confirmed, timeout: TIMEOUT }));
        op
    }

    /// The root's book says that this server belongs there.
    pub(crate) fn write_home(&mut self, server: NodeId, home: Home) {
        self.homes.insert(server, home);
        let homes = self.homes.clone();
        self.feed(ROOT, Input::Op(Op::Homes { homes }));
    }

    /// So many seconds go by, with all that is due in them.
    pub(crate) fn let_time_pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            for number in 0..self.minds.len() {
                if self.minds[number].poll_timeout().is_some_and(|due| due <= self.now) {
                    self.feed(number, Input::Timeout);
                }
            }
        }
    }

    /// The slow disk has written everything, and is slow no more.
    pub(crate) fn catch_up(&mut self) {
        let slow = self.slow.take().expect("a disk is slow");
        for write in std::mem::take(&mut self.unwritten) {
            self.feed(slow, Input::Persisted { write, done: Ok(()) });
        }
    }

    /// Joins the one to the other; says if that worked.
    pub(crate) fn join(&mut self, number: usize, to: usize) -> bool {
        self.ops += 1;
        let op = OpId(self.ops);
        self.feed(number, Input::Op(Op::Connect { op, to: address(to), persist: false }));
        self.is_joined(number, to)
    }

    pub(crate) fn is_joined(&self, number: usize, to: usize) -> bool {
        self.minds[number].snapshot(self.now).parent == Some(self.ids[to])
    }

    /// The root's book makes another charter.
    pub(crate) fn declare(&mut self, change: impl FnOnce(&mut Charter)) {
        change(&mut self.charter);
        self.charter.edition.version += 1;
        let charter = self.signed(&self.charter);
        self.feed(ROOT, Input::Op(Op::Charter { charter }));
    }

    /// This member may do everything at that one and below it.
    pub(crate) fn make_admin(&mut self, who: usize, scope: usize) {
        let (who, scope) = (self.ids[who], self.ids[scope]);
        let what = vec![Permission::admin()];
        self.declare(|charter| charter.grants.push(Grant { who, what, scope }));
    }

    pub(crate) fn last_charter(&self, number: usize) -> Option<&SignedCharter> {
        self.events.iter().rev().find_map(|(who, event)| match event {
            Event::Chartered { charter } if *who == number => Some(charter),
            _ => None,
        })
    }

    /// Its program offers a command for admins, which answers at once.
    pub(crate) fn offer(&mut self, number: usize, command: &str, dangerous: bool) {
        let spec = CommandSpec::new(command, "for tests").permission(Permission::admin());
        let spec = spec.required("what", ParameterKind::Text);
        let spec = if dangerous { spec.dangerous() } else { spec };
        self.feed(number, Input::Op(Op::OfferCommand { spec }));
    }

    /// Its program offers a command that takes a key, and says of it that it is wrong.
    pub(crate) fn offer_safe(&mut self, number: usize) {
        let spec = CommandSpec::new(SAFE, "for tests").permission(Permission::admin());
        let spec = spec.required("key", ParameterKind::Secret);
        self.feed(number, Input::Op(Op::OfferCommand { spec }));
    }

    /// How often its program ran a command, with which arguments, for whom.
    pub(crate) fn entered(&self, number: usize) -> Vec<(NodeId, String)> {
        let called = self.events.iter().filter(|(who, _)| *who == number);
        let said = called.filter_map(|(_, event)| match event {
            Event::Called { from, arguments, .. } => Some((*from, arguments[0].to_string())),
            _ => None,
        });
        said.collect()
    }

    /// Calls a command of another one; how did it end, if it has?
    pub(crate) fn begin_call(
        &mut self,
        by: usize,
        at: usize,
        (command, argument): (&str, &str),
        token: Option<[u8; 16]>,
    ) -> OpId {
        self.begin_call_to(by, Target::Id(self.ids[at]), (command, argument), token)
    }

    /// The same, of whoever is meant by this.
    pub(crate) fn begin_call_to(
        &mut self,
        by: usize,
        to: Target,
        (command, argument): (&str, &str),
        token: Option<[u8; 16]>,
    ) -> OpId {
        let arguments = if argument.is_empty() { vec![] } else { vec![Value::from(argument)] };
        self.begin_call_with(by, to, (command, arguments), token)
    }

    /// The same, with any number of arguments.
    pub(crate) fn begin_call_with(
        &mut self,
        by: usize,
        to: Target,
        (command, arguments): (&str, Vec<Value>),
        token: Option<[u8; 16]>,
    ) -> OpId {
        self.ops += 1;
        let op = OpId(self.ops);
        let command = command.to_owned();
        self.feed(by, Input::Op(Op::Call { op, to, command, arguments, token, timeout: TIMEOUT }));
        op
    }

    pub(crate) fn ended(&self, op: OpId) -> Option<&Outcome> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::Ended { op: ended, outcome } if *ended == op => Some(outcome),
            _ => None,
        })
    }

    pub(crate) fn call(&mut self, by: usize, at: usize, what: (&str, &str)) -> Outcome {
        let op = self.begin_call(by, at, what, None);
        self.ended(op).expect("everything happens at once").clone()
    }

    /// Calls a dangerous command and confirms it.
    pub(crate) fn call_and_confirm(&mut self, by: usize, at: usize, what: (&str, &str)) -> Outcome {
        let token = match self.call(by, at, what) {
            Outcome::Confirm(confirmation) => confirmation.token,
            other => return other,
        };
        let op = self.begin_call(by, at, what, Some(token));
        self.ended(op).expect("everything happens at once").clone()
    }

    /// The same, where the end comes later.
    pub(crate) fn call_and_confirm_later(&mut self, by: usize, at: usize, what: (&str, &str)) {
        let Outcome::Confirm(shown) = self.call(by, at, what) else { panic!("it is dangerous") };
        self.begin_call(by, at, what, Some(shown.token));
    }

    /// Puts a frame on the wire from the one to the other, as if the one had said it.
    pub(crate) fn inject(&mut self, from: usize, to: usize, frame: Frame) {
        let mut wires = self.wires.iter();
        let link = wires.find(|((one, _), (other, _))| (*one, *other) == (from, to));
        let link = link.expect("there is a wire").1.1;
        self.feed(to, Input::Frame { link, frame });
    }

    /// The wire between these two breaks.
    pub(crate) fn cut(&mut self, one: usize, two: usize) {
        let ends = self.wires.iter().find(|((a, _), (b, _))| (*a, *b) == (one, two));
        let (mine, theirs) = ends.map(|(mine, theirs)| (*mine, *theirs)).expect("there is a wire");
        for (number, link) in [mine, theirs] {
            self.wires.remove(&(number, link));
        }
        for (number, link) in [mine, theirs] {
            let why = ltn_proto::CloseReason::Lost;
            self.feed(number, Input::LinkClosed { link, why });
        }
    }

    /// Its process is started anew, and joins again.
    pub(crate) fn restart(&mut self, number: usize, to: usize) {
        self.begin_anew(number);
        assert!(self.join(number, to), "it comes back");
    }

    /// Its process is started anew with what it had written, and looks for nobody.
    pub(crate) fn begin_anew(&mut self, number: usize) {
        let gone: Vec<_> = self.wires.iter().filter(|((one, _), _)| *one == number).collect();
        let gone: Vec<_> = gone.into_iter().map(|(mine, theirs)| (*mine, *theirs)).collect();
        for (mine, (other, link)) in gone {
            self.wires.remove(&mine);
            self.wires.remove(&(other, link));
            let why = ltn_proto::CloseReason::Lost;
            self.feed(other, Input::LinkClosed { link, why });
        }
        let config = &mut self.configs[number];
        config.starts += 1;
        config.incarnation += 1;
        config.seed = [config.seed[0] ^ 0x80; 32];
        self.minds[number] = NodeState::new(config.clone(), self.now);
    }
}

//! A network with members: the charter goes through the whole tree, holds at once, and cannot be
//! made by anybody but the authority.

use std::collections::BTreeMap;

use ltn_proto::signature::Purpose;
use ltn_proto::{
    Address, Charter, CloseReason, DialError, Direction, Event, Input, Limits, LinkId, Moment,
    NodeConfig, NodeId, NodeState, Op, OpId, Output, Permissions, Remembered, Role, SignedCharter,
    Standing,
};

use crate::signer::Signer;

/// Minds with wires between them, and an authority.
struct Net {
    authority: Signer,
    charter: Charter,
    minds: Vec<NodeState>,
    configs: Vec<NodeConfig>,
    disks: Vec<Remembered>,
    ids: Vec<NodeId>,
    keys: Vec<Signer>,
    invited: Vec<Option<Role>>,
    at: BTreeMap<Address, usize>,
    wires: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    events: Vec<(usize, Event)>,
    links: u64,
    ops: u64,
}

const NOW: Moment = Moment::ZERO;
const ROOT: usize = 0;

fn address(number: usize) -> Address {
    Address::new(&format!("192.0.2.{number}:4000"))
}

impl Net {
    /// A main server alone.
    fn new() -> Self {
        let authority = Signer::new();
        let mut charter = authority.charter();
        let root = Signer::new();
        charter.root = root.id();
        let mut net = Self {
            authority,
            charter,
            minds: Vec::new(),
            configs: Vec::new(),
            disks: Vec::new(),
            ids: Vec::new(),
            keys: Vec::new(),
            invited: Vec::new(),
            at: BTreeMap::new(),
            wires: BTreeMap::new(),
            events: Vec::new(),
            links: 0,
            ops: 0,
        };
        net.node_with(root, Role::MainServer, Some(Role::MainServer));
        net
    }

    fn signed(&self, charter: &Charter) -> SignedCharter {
        self.authority.sign_charter(Purpose::Charter, charter)
    }

    /// One more node, which has the charter as it is now.
    fn node(&mut self, role: Role, invited: Option<Role>) -> usize {
        self.node_with(Signer::new(), role, invited)
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
            seed: [7; 32],
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
        self.minds.push(NodeState::new(config.clone(), NOW));
        self.configs.push(config);
        self.disks.push(Remembered::default());
        self.ids.push(id);
        self.keys.push(key);
        self.invited.push(invited);
        self.at.insert(address(number), number);
        number
    }

    /// The node begins anew, with what it was given at first and what is on its disk.
    fn restart(&mut self, number: usize) {
        let remembered = self.disks[number].clone();
        let config = NodeConfig { remembered, ..self.configs[number].clone() };
        self.minds[number] = NodeState::new(config, NOW);
    }

    fn feed(&mut self, number: usize, input: Input) {
        self.minds[number].handle(NOW, input);
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
            Output::Transmit { link, frame } => {
                if let Some(&(other, theirs)) = self.wires.get(&(number, link)) {
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
            Output::Event(event) => self.events.push((number, event)),
            Output::Sign { signing, purpose, message } => {
                let signature = Some(self.keys[number].sign(purpose, &message));
                self.feed(number, Input::Signed { signing, signature });
            }
            Output::Persist { write, what } => {
                self.disks[number].take_in(&what);
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

    /// Joins the one to the other; says if that worked.
    fn join(&mut self, number: usize, to: usize) -> bool {
        self.ops += 1;
        let op = OpId(self.ops);
        self.feed(number, Input::Op(Op::Connect { op, to: address(to), persist: false }));
        self.is_joined(number, to)
    }

    fn is_joined(&self, number: usize, to: usize) -> bool {
        self.minds[number].snapshot(NOW).parent == Some(self.ids[to])
    }

    /// The root's book makes another charter.
    fn declare(&mut self, change: impl FnOnce(&mut Charter)) {
        change(&mut self.charter);
        self.charter.edition.version += 1;
        let charter = self.signed(&self.charter);
        self.feed(ROOT, Input::Op(Op::Charter { charter }));
    }

    fn last_charter(&self, number: usize) -> Option<&SignedCharter> {
        self.events.iter().rev().find_map(|(who, event)| match event {
            Event::Chartered { charter } if *who == number => Some(charter),
            _ => None,
        })
    }
}

#[test]
fn a_new_charter_reaches_everybody_and_who_is_out_is_thrown_out_everywhere() {
    let mut net = Net::new();
    let hall = net.node(Role::SubServer, Some(Role::SubServer));
    let lamp = net.node(Role::Client, Some(Role::Client));
    let thief = net.node(Role::Client, Some(Role::Client));
    assert!(net.join(hall, ROOT) && net.join(lamp, hall) && net.join(thief, hall));
    let out = net.ids[thief];
    net.declare(|charter| charter.revoked.push(out));
    let newest = net.signed(&net.charter).bytes;
    for number in [ROOT, hall, lamp] {
        assert_eq!(net.last_charter(number).map(|signed| &signed.bytes), Some(&newest));
    }
    assert!(net.is_joined(lamp, hall) && !net.is_joined(thief, hall));
    let told = |event: &Event| {
        matches!(event, Event::Disconnected { reason: CloseReason::Revoked, returning: false, .. })
    };
    assert!(net.events.iter().any(|(who, event)| *who == thief && told(event)));
    assert!(!net.join(thief, hall) && !net.join(thief, ROOT), "nor does it come back");
}

#[test]
fn who_was_away_hears_of_it_when_it_comes_back_from_whoever_knows() {
    let mut net = Net::new();
    let hall = net.node(Role::SubServer, Some(Role::SubServer));
    let lamp = net.node(Role::Client, Some(Role::Client));
    let thief = net.node(Role::Client, Some(Role::Client));
    assert!(net.join(lamp, hall), "a fragment of its own");
    let out = net.ids[thief];
    net.declare(|charter| charter.revoked.push(out));
    assert!(net.join(hall, ROOT));
    assert!(net.last_charter(hall).is_some() && net.last_charter(lamp).is_some());
    assert!(!net.join(thief, hall));
}

#[test]
fn a_node_that_begins_anew_has_forgotten_nobody_who_is_out() {
    let mut net = Net::new();
    let hall = net.node(Role::SubServer, Some(Role::SubServer));
    let thief = net.node(Role::Client, Some(Role::Client));
    assert!(net.join(hall, ROOT) && net.join(thief, hall));
    let out = net.ids[thief];
    net.declare(|charter| charter.revoked.push(out));
    net.restart(hall);
    assert!(!net.join(thief, hall), "nobody is there who could tell it once more");
}

#[test]
fn a_main_server_from_a_backup_learns_what_was_signed_after_it() {
    let mut net = Net::new();
    let mut later = net.charter.clone();
    later.revoked.push(NodeId::of_public_key(b"a thief"));
    later.edition.version += 1;
    let before = std::mem::replace(&mut net.charter, later.clone());
    let lamp = net.node(Role::Client, Some(Role::Client));
    net.charter = before;
    assert!(net.join(lamp, ROOT));
    let shown = net.events.iter().any(|(who, event)| {
        matches!(event, Event::LaterCharter { charter } if *who == ROOT
            && charter.read(&net.authority.public) == Ok(later.clone()))
    });
    assert!(shown, "the root is told, so that its book can take it over");
}

#[test]
fn nobody_is_more_than_he_was_invited_to_be() {
    let mut net = Net::new();
    let climber = net.node(Role::SubServer, Some(Role::Client));
    let stranger = net.node(Role::Client, None);
    let visitor = net.node(Role::Session, Some(Role::Client));
    assert!(!net.join(climber, ROOT));
    assert!(!net.join(stranger, ROOT));
    assert!(net.join(visitor, ROOT), "everybody may make a visit");
}

#[test]
fn a_charter_that_a_server_makes_up_ends_the_link_and_changes_nothing() {
    let mut net = Net::new();
    let hall = net.node(Role::SubServer, Some(Role::SubServer));
    let lamp = net.node(Role::Client, Some(Role::Client));
    assert!(net.join(lamp, hall));
    let mut forged = net.charter.clone();
    forged.edition.version += 1;
    forged.revoked.push(net.ids[lamp]);
    let forged = Signer::new().sign_charter(Purpose::Charter, &forged);
    net.feed(hall, Input::Op(Op::Charter { charter: forged.clone() }));
    assert!(net.last_charter(hall).is_none(), "not even its own mind takes it");
    assert!(net.is_joined(lamp, hall));
    let link = net.wires.iter().find(|(_, other)| other.0 == hall).map(|(mine, _)| mine.1);
    let link = link.expect("the lamp has a link to the hall");
    let frame = net.charter_frame(&forged);
    net.feed(lamp, Input::Frame { link, frame });
    assert!(net.last_charter(lamp).is_none());
    assert!(!net.is_joined(lamp, hall), "who forges is not listened to");
}

impl Net {
    /// The frame that carries this charter, as another network's mind would send it.
    fn charter_frame(&self, charter: &SignedCharter) -> ltn_proto::Frame {
        let header =
            ltn_proto::Header::new(ltn_proto::Kind::CHARTER, self.ids[ROOT], NodeId::NOBODY);
        // A map of two byte strings: {0: charter, 1: signature}.
        let mut payload = vec![0xa2, 0x00, 0x59];
        let length = u16::try_from(charter.bytes.len()).expect("a small charter");
        payload.extend_from_slice(&length.to_be_bytes());
        payload.extend_from_slice(&charter.bytes);
        payload.extend_from_slice(&[0x01, 0x58, 64]);
        payload.extend_from_slice(&charter.signature);
        ltn_proto::Frame { header, payload: payload.into() }
    }
}

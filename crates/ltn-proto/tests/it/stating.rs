//! Two minds with real keys: who signs where it is gets in, who does not is turned away.

use std::collections::VecDeque;

use ltn_proto::signature::{Purpose, SIGNATURE_BYTES, public_key_of_point};
use ltn_proto::{
    Address, Direction, Event, Input, Limits, LinkId, Moment, NodeConfig, NodeId, NodeState, Op,
    OpId, Outcome, Output, Permissions, RefusalKind, Role,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

const WORKS: &str = "keys and signatures of tests work";
/// The only link there is, at both ends.
const LINK: LinkId = LinkId(1);

struct Host {
    mind: NodeState,
    id: NodeId,
    pair: EcdsaKeyPair,
}

impl Host {
    fn new(role: Role) -> Self {
        let (dice, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &dice).expect(WORKS);
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &dice).expect(WORKS);
        let public_key = public_key_of_point(pair.public_key().as_ref());
        let id = NodeId::of_public_key(&public_key);
        let config = NodeConfig {
            id,
            public_key,
            network: None,
            role,
            name: None,
            description: String::new(),
            version: "1".to_owned(),
            address: None,
            data_port: None,
            incarnation: 1,
            starts: 1,
            seed: [7; 32],
            newcomers: Permissions::admin(),
            limits: Limits::default(),
            services: false,
            standing: None,
            remembered: ltn_proto::Remembered::default(),
            backup_parents: Vec::new(),
            keeps_key: false,
        };
        Self { mind: NodeState::new(config, Moment::ZERO), id, pair }
    }

    fn sign(&self, purpose: Purpose, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let message = purpose.bytes_to_sign(message);
        let signature = self.pair.sign(&SystemRandom::new(), &message).expect(WORKS);
        signature.as_ref().try_into().expect(WORKS)
    }
}

fn opened(direction: Direction, peer: NodeId) -> Input {
    Input::LinkOpened { link: LINK, direction, peer, remote: Address::new("mem:here") }
}

type Signs = fn(&Host, Purpose, &[u8]) -> Option<[u8; SIGNATURE_BYTES]>;

/// A client joins a main server; how did that end, and how many places were not signed?
fn join(signs: Signs) -> (Outcome, Vec<NodeId>, u64) {
    let (mut main, mut client) = (Host::new(Role::MainServer), Host::new(Role::Client));
    let (main_id, client_id) = (main.id, client.id);
    let (op, to) = (OpId(1), Address::new("mem:main"));
    let mut to_client = VecDeque::from([Input::Op(Op::Connect { op, to, persist: false })]);
    let mut to_main = VecDeque::new();
    let mut ended = None;
    while !(to_client.is_empty() && to_main.is_empty()) {
        for up in [true, false] {
            let (host, here, there) = if up {
                (&mut client, &mut to_client, &mut to_main)
            } else {
                (&mut main, &mut to_main, &mut to_client)
            };
            let Some(input) = here.pop_front() else { continue };
            host.mind.handle(Moment::ZERO, input);
            let mut signed = Vec::new();
            while let Some(output) = host.mind.poll_output() {
                match output {
                    Output::Transmit { frame, .. } => {
                        there.push_back(Input::Frame { link: LINK, frame });
                    }
                    Output::Close { reason, .. } => {
                        here.push_back(Input::LinkClosed { link: LINK, why: reason });
                    }
                    Output::Dial { dial, .. } => {
                        here.push_back(opened(Direction::Up(dial), main_id));
                        there.push_back(opened(Direction::Down, client_id));
                    }
                    Output::Persist { write, .. } => {
                        here.push_back(Input::Persisted { write, done: Ok(()) });
                    }
                    Output::Sign { signing, purpose, message } => {
                        let signature = signs(host, purpose, &message);
                        signed.push(Input::Signed { signing, signature });
                    }
                    Output::Event(Event::Ended { outcome, .. }) => ended = Some(outcome),
                    Output::Event(_) => {}
                }
            }
            signed.into_iter().rev().for_each(|input| here.push_front(input));
        }
    }
    let seen = main.mind.snapshot(Moment::ZERO);
    let below = seen.tree.iter().map(|node| node.id).filter(|id| *id != main_id).collect();
    assert!(below == [client_id] || below == Vec::<NodeId>::new());
    (ended.expect("it ended"), below, seen.counters.unsigned_places)
}

#[test]
fn who_signs_where_it_is_gets_in() {
    let (outcome, below, unsigned) =
        join(|host, purpose, message| Some(host.sign(purpose, message)));
    assert!(matches!(outcome, Outcome::Reply(_)), "{outcome:?}");
    assert_eq!((below.len(), unsigned), (1, 0));
}

#[test]
fn a_signature_that_is_not_good_keeps_a_node_out() {
    let lies: [Signs; 4] = [
        |_, _, _| Some([0; SIGNATURE_BYTES]),
        |host, purpose, message| {
            let mut bent = host.sign(purpose, message);
            bent[40] ^= 1;
            Some(bent)
        },
        |host, _, message| Some(host.sign(Purpose::Join, message)),
        |_, purpose, message| Some(Host::new(Role::Client).sign(purpose, message)),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let (_, below, unsigned) = join(lie);
        assert_eq!((below.len(), unsigned), (0, 1), "lie {number}");
    }
}

#[test]
fn a_node_that_cannot_sign_stays_where_it_is_and_says_why() {
    let (outcome, below, _) = join(|_, _, _| None);
    let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?} is no refusal") };
    assert_eq!(refusal.kind, RefusalKind::NotPossible);
    assert!(refusal.text.contains("sign"), "{}", refusal.text);
    assert_eq!(below.len(), 0);
}

//! A network as large as a map is made for: a thousand servers with ten clients each.

use std::collections::BTreeSet;

use super::*;
use crate::event::{Event, Input, Op};
use crate::id::OpId;
use crate::limits::{ANSWER_TIME_MAX, Limits};
use crate::path::Target;
use crate::permissions::Permissions;
use crate::role::Role;
use crate::selector::Selector;
use crate::statement::Signed;
use crate::value::Value;
use crate::{Address, Name, NodeConfig};

const SERVERS: usize = 1_000;
const CLIENTS_EACH: usize = 10;
const EVERYBODY: usize = 1 + SERVERS * (1 + CLIENTS_EACH);

fn id(number: usize) -> NodeId {
    NodeId::of_public_key(&number.to_be_bytes())
}

fn main_server() -> NodeState {
    let config = NodeConfig {
        id: id(0),
        public_key: Vec::new(),
        network: None,
        role: Role::MainServer,
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
        remembered: crate::Remembered::default(),
        backup_parents: Vec::new(),
        keeps_key: false,
    };
    NodeState::new(config, Moment::ZERO)
}

fn large_network() -> NodeState {
    let mut main = main_server();
    let mut put = |number: usize, parent: NodeId, name: String, role: Role| {
        let record = Record {
            id: id(number),
            parent,
            name: Some(Name::known(&name).unwrap()),
            role,
            edition: 1 << 32,
            address: role.is_server().then(|| Address::new("192.168.178.100:4000")),
            stale_since: None,
            signed: Signed::blank(),
            stated_name: None,
        };
        main.tree.put(record).unwrap();
    };
    for server in (0..SERVERS).map(|server| 1 + server * (1 + CLIENTS_EACH)) {
        put(server, id(0), format!("server_of_room_{server}"), Role::SubServer);
        for client in server + 1..=server + CLIENTS_EACH {
            put(client, id(server), format!("some_client_{client}"), Role::Client);
        }
    }
    main
}

#[test]
fn every_page_of_a_large_network_fits_into_a_frame_and_all_name_everybody_once() {
    let main = large_network();
    let Ok(Selector::Many(pattern)) = "/**".parse() else { panic!("it has stars") };
    let mut select = Select { pattern, after: None };
    let (mut found, mut pages) = (BTreeSet::new(), 0);
    loop {
        let page = main.page_here(Moment::ZERO, &select).unwrap().unwrap();
        assert!(body::write(&page).len() <= crate::limits::FRAME_PAYLOAD_BYTES_MAX);
        assert_eq!(page.total, (pages == 0).then_some(EVERYBODY as u64));
        pages += 1;
        let ids = page.groups.iter().flat_map(|group| &group.nodes).map(|node| node.id);
        for id in ids.chain(page.top.map(|top| top.id)) {
            assert!(found.insert(id), "{id} is named twice");
        }
        match page.next {
            Some(next) => select.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found.len(), EVERYBODY);
    assert!(pages < 40, "{pages} round trips");
}

#[test]
fn the_drawing_of_a_large_network_is_one_answer() {
    let mut main = large_network();
    let call = Op::Call {
        op: OpId(1),
        to: Target::Root,
        command: "s.listnetwork".to_owned(),
        arguments: Vec::new(),
        token: None,
        timeout: ANSWER_TIME_MAX,
    };
    main.handle(Moment::ZERO, Input::Op(call));
    let ended = std::iter::from_fn(|| main.poll_output()).find_map(|output| match output {
        Output::Event(Event::Ended { outcome, .. }) => Some(outcome),
        _ => None,
    });
    let Some(Outcome::Reply(Value::Text(drawing))) = ended else { panic!("{ended:?}") };
    assert_eq!(drawing.lines().count(), EVERYBODY);
    assert!(drawing.lines().any(|line| line.contains("some_client_11000")));
}

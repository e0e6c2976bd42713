//! Claims that nobody may make, and places that the dead must not keep.

use super::strangers::Tap;
use super::*;
use ltn_proto::{CloseReason, Flags, Frame, Header, Kind, Op};

/// The same words, said by somebody else.
fn said_by(network: &Network, host: HostId, to: HostId, words: &Frame) -> Frame {
    let mut header = Header::new(words.header.kind, network.id(host), network.id(to));
    (header.id, header.flags) = (99, Flags::ANSWER_WANTED);
    Frame { header, payload: words.payload.clone() }
}

#[test]
fn a_client_that_announces_nodes_is_thrown_out() {
    let mut network = network(60);
    let tap = Tap::on(&mut network);
    let servers = chain(&mut network, 2);
    let client = network.add(Role::Client, "liar");
    joins(&mut network, client, servers[0]);
    let words = tap.last(servers[0], Kind::TREE).expect("sub1 announced sub2");
    let lie = said_by(&network, client, servers[0], &words);
    assert!(network.inject(client, servers[0], lie));
    network.run_for(SECOND);
    let thrown_out = |event: &Event| {
        matches!(event, Event::Disconnected { reason: CloseReason::Misbehaved, .. })
    };
    assert!(was_told(&network, client, thrown_out));
    assert_eq!(path(&network, servers[2]), "/sub1/sub2");
    assert!(paths(&network, servers[0]).contains(&"/sub1/sub2".to_owned()));
}

#[test]
fn a_client_cannot_fill_the_book_of_edges() {
    let mut network = network(61);
    let tap = Tap::on(&mut network);
    let servers = chain(&mut network, 2);
    let client = network.add(Role::Client, "liar");
    joins(&mut network, client, servers[0]);
    let words = tap.last(servers[0], Kind::EDGE_ASK).expect("sub1 asked for sub2");
    for _ in 0..200 {
        let lie = said_by(&network, client, servers[0], &words);
        assert!(network.inject(client, servers[0], lie));
    }
    assert!(network.run_until_quiet());
    assert!(tap.last(client, Kind::EDGE_ANSWER).is_none());
    assert!(tap.last(client, Kind::NO_ROUTE).is_some(), "it is told that this is not for it");
    let late = network.add(Role::SubServer, "late");
    joins(&mut network, late, servers[2]);
    assert_eq!(path(&network, late), "/sub1/sub2/late");
}

#[test]
fn the_name_of_a_dead_server_goes_to_its_successor() {
    let Demonstration { mut network, main, sub2, .. } = demonstration();
    network.power_off(sub2);
    network.run_for(SECOND * 15);
    assert!(line(&network, main, sub2).stale_for.is_some(), "it is shown, not missing");
    let successor = network.add(Role::SubServer, "sub2");
    joins(&mut network, successor, main);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, successor), "/sub2");
    assert_eq!(network.send(successor, "/client1", "hello"), Outcome::Delivered);
}

#[test]
fn a_search_by_hand_goes_on_when_the_parent_is_lost() {
    let mut network = network(62);
    let main = network.add(Role::MainServer, "");
    let here = network.add(Role::SubServer, "here");
    let there = network.add(Role::SubServer, "there");
    joins(&mut network, here, main);
    joins(&mut network, there, main);
    let client = network.add(Role::Client, "client");
    joins(&mut network, client, here);
    network.crash(there);
    let to = network.address(there);
    let op = network.begin(client, |op| Op::Connect { op, to, persist: true });
    network.run_for(SECOND);
    network.crash(here);
    network.run_for(SECOND);
    network.restart(there, SECOND);
    assert_eq!(network.finish(op), Outcome::Reply(Value::Null));
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, client), "/there/client");
}

#[test]
fn a_value_that_nobody_could_read_is_refused_before_it_leaves() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let deep = (0..40).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let why =
        refused(network.request(clients[0], "/sub1", "anything", deep), RefusalKind::BadArguments);
    assert!(why.contains("nested"), "{why}");
}

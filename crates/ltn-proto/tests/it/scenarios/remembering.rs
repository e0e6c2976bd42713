//! What a power cut changes nothing of: who may do what at a server, who is heard there and let in,
//! what a node is called, and where it looks for help.

use super::*;
use ltn_proto::sim::Line;
use ltn_proto::{CommandSpec, NodeConfig, Op, Permission};

/// A main server where `low` may do nothing in particular; `low` and `bob` are joined to it.
struct House {
    network: Network,
    main: HostId,
    bob: HostId,
    low: HostId,
}

fn house(seed: u64) -> House {
    let mut network = network(seed);
    let main = network.add_with(Role::MainServer, "", users_only);
    let [bob, low] = ["bob", "low"].map(|name| network.add(Role::Client, name));
    for client in [bob, low] {
        joins(&mut network, client, main);
    }
    assert!(network.run_until_quiet());
    House { network, main, bob, low }
}

/// The power is off for a second; then everybody has time to come back.
fn cut_the_power(network: &mut Network, host: HostId) {
    network.power_off(host);
    network.restart(host, SECOND);
    network.run_for(40 * SECOND);
}

/// The main server says this to itself, and the power goes after so many microseconds. Was it done
/// before, as far as it said so?
fn said_before_the_cut(house: &mut House, line: &Line<'_>, micros: u64) -> bool {
    let House { network, main, .. } = house;
    let op = network.begin_call(*main, "/", line);
    network.run_for(Duration::from_micros(micros));
    let is_done = matches!(network.outcome(op), Some(Outcome::Reply(_)));
    cut_the_power(network, *main);
    is_done
}

#[test]
fn rights_that_a_server_said_it_gave_or_took_are_so_after_a_power_cut() {
    let gate = Permission::word("gate").expect("a word");
    let open = Line::new("s.gate", &[]);
    let (mut given, mut taken) = ([0, 0], [0, 0]);
    for seed in 0..24 {
        let mut house = house(1_000 + seed);
        let give = Line::new("s.giverights", &["low", "gate"]);
        let said = said_before_the_cut(&mut house, &give, seed * 500);
        let House { network, main, low, .. } = &mut house;
        let spec = CommandSpec::new("s.gate", "open the gate").permission(gate.clone());
        network.tell(*main, Op::OfferCommand { spec: spec.clone() });
        let may = matches!(network.call(*low, "/", &open), Outcome::Reply(_));
        assert!(may || !said, "seed {seed}: it said that low holds it");
        given[usize::from(said)] += 1;
        if !may {
            reply_text(network.call(*main, "/", &give));
        }

        let take = Line::new("s.takerights", &["low", "gate"]);
        let said = said_before_the_cut(&mut house, &take, seed * 500);
        let House { network, main, low, .. } = &mut house;
        network.tell(*main, Op::OfferCommand { spec });
        let may = matches!(network.call(*low, "/", &open), Outcome::Reply(_));
        assert!(!may || !said, "seed {seed}: it said that low does not hold it any more");
        taken[usize::from(said)] += 1;
    }
    let all = given.into_iter().chain(taken);
    assert!(all.clone().all(|times| times > 3), "{:?}", all.collect::<Vec<_>>());
}

#[test]
fn who_is_muted_is_so_after_a_power_cut_and_who_is_heard_again_too() {
    let House { mut network, main, bob, low } = house(1_100);
    reply_text(network.call(main, "/", &Line::new("s.mute", &["low", "bob"])));
    reply_text(network.call(main, "/", &Line::new("s.unmute", &["bob"])));
    cut_the_power(&mut network, main);
    refused(network.send(low, "/bob", "hello"), RefusalKind::Muted);
    assert_eq!(network.send(bob, "/low", "hello"), Outcome::Delivered);
}

#[test]
fn a_kick_is_not_undone_by_a_power_cut_and_one_that_is_over_does_not_come_back() {
    let House { mut network, main, low, .. } = house(1_101);
    reply_text(network.call(main, "/", &Line::new("s.kickuser", &["low"])));
    network.run_for(50 * SECOND);
    cut_the_power(&mut network, main);
    // How long the power was away nobody knows: the minute begins anew.
    let op = network.begin_join(low, main);
    let why = refused(network.finish(op), RefusalKind::Kicked);
    assert!(why.contains("kicked"), "{why}");
    network.run_for(30 * SECOND);
    joins(&mut network, low, main);
    network.run_for(SECOND);
    assert!(network.on_disk(main).people.is_empty(), "what is over is not remembered");
    network.leave(low);
    cut_the_power(&mut network, main);
    joins(&mut network, low, main);
}

#[test]
fn a_new_name_of_a_client_and_of_a_server_outlives_a_power_cut() {
    let mut network = network(1_102);
    let servers = chain(&mut network, 1);
    let keeps_key = |config: &mut NodeConfig| config.keeps_key = true;
    let client = network.add_with(Role::Client, "lamp", keeps_key);
    joins(&mut network, client, servers[1]);
    for (host, name) in [(client, "bulb"), (servers[1], "attic")] {
        let name = name.to_owned();
        let op = network.begin(host, |op| Op::Rename { op, name });
        assert!(matches!(network.finish(op), Outcome::Reply(_)));
        // At once: whoever is told of the name finds it after any cut.
        cut_the_power(&mut network, host);
    }
    assert_eq!(path(&network, client), "/attic/bulb");
    cut_the_power(&mut network, servers[0]);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, client), "/attic/bulb");
}

#[test]
fn parents_for_bad_times_are_known_after_a_power_cut() {
    let mut network = network(1_103);
    let main = network.add(Role::MainServer, "");
    let [old, other, node] = ["old", "other", "node"].map(|name| {
        let host = network.add(Role::SubServer, name);
        joins(&mut network, host, main);
        host
    });
    joins(&mut network, node, old);
    let parents = vec![network.address(other)];
    network.tell(node, Op::BackUp { parents });
    network.run_for(SECOND);
    network.power_off(old);
    network.power_off(node);
    network.restart(node, SECOND);
    // Soon, so it is not the server above the lost one that it went to.
    network.run_for(20 * SECOND);
    assert_eq!(path(&network, node), "/other/node");
}

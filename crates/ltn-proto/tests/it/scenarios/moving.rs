//! Joining, moving, and the cycles that must not be.

use super::*;
use ltn_proto::sim::Line;

#[test]
fn a_cycle_is_refused_and_its_members_are_named() {
    let mut network = network(2);
    let servers = chain(&mut network, 2);
    let why = refused(network.join(servers[1], servers[2]), RefusalKind::Cycle);
    assert!(why.contains("sub1") && why.contains("sub2"), "{why}");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, servers[2]), "/sub1/sub2");
    assert_eq!(network.snapshot(servers[1]).parent, Some(network.id(servers[0])));
}

#[test]
fn the_root_refuses_a_cycle_that_the_mover_cannot_see() {
    let mut network = network(3);
    let servers = chain(&mut network, 3);
    // sub1 does not know the address of sub3's newest child, but the root does.
    let late = network.add(Role::SubServer, "late");
    joins(&mut network, late, servers[3]);
    let why = refused(network.join(servers[1], late), RefusalKind::Cycle);
    assert!(why.contains("sub1") && why.contains("late"), "{why}");
}

#[test]
fn everything_below_a_moved_server_has_its_new_place_at_once() {
    let mut network = network(4);
    let servers = chain(&mut network, 3);
    let client = network.add(Role::Client, "lamp");
    joins(&mut network, client, servers[3]);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, client), "/sub1/sub2/sub3/lamp");
    joins(&mut network, servers[2], servers[0]);
    network.run_for(SECOND);
    assert_eq!(path(&network, servers[2]), "/sub2");
    assert_eq!(path(&network, client), "/sub2/sub3/lamp");
    assert_eq!(network.snapshot(client).path.layer(), 3);
    let all = ["/", "/sub1", "/sub2", "/sub2/sub3", "/sub2/sub3/lamp"];
    assert_eq!(paths(&network, servers[0]), all);
    assert_eq!(paths(&network, servers[1]), ["/sub1"]);
    let moved = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert!(!was_told(&network, servers[3], moved), "those below never lose their links");
}

#[test]
fn a_move_breaks_the_old_link_only_after_the_new_one_stands() {
    let mut network = network(5);
    let servers = chain(&mut network, 2);
    let nowhere = network.add(Role::SubServer, "gone");
    network.crash(nowhere);
    let outcome = network.join(servers[2], nowhere);
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert_eq!(network.snapshot(servers[2]).parent, Some(network.id(servers[1])));
    let lost = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert!(!was_told(&network, servers[2], lost));
}

#[test]
fn two_moves_that_cross_never_make_a_cycle() {
    for seed in 0..50 {
        let mut network = network(seed);
        let main = network.add(Role::MainServer, "");
        let names = ["a", "b", "a2", "b2"];
        let [a, b, a2, b2] = names.map(|name| network.add(Role::SubServer, name));
        for (server, higher) in [(a, main), (b, main), (a2, a), (b2, b)] {
            joins(&mut network, server, higher);
        }
        let first = network.begin_join(a, b2);
        let second = network.begin_join(b, a2);
        let outcomes = [network.finish(first), network.finish(second)];
        let moved = outcomes.iter().filter(|o| matches!(o, Outcome::Reply(_))).count();
        assert!(moved <= 1, "seed {seed}: {outcomes:?}");
        assert!(network.run_until_quiet());
        for server in [a, b, a2, b2] {
            assert!(network.snapshot(server).rooted, "seed {seed}\n{}", network.draw());
        }
    }
}

#[test]
fn of_two_that_want_one_name_one_gets_it_and_the_other_learns_why() {
    let mut network = network(6);
    let main = network.add(Role::MainServer, "");
    let first = network.add(Role::Client, "lamp");
    let second = network.add(Role::Client, "Lamp");
    joins(&mut network, first, main);
    joins(&mut network, second, main);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, first), "/lamp");
    let given = network.home(second).name.clone().expect("a client has a name");
    assert_eq!(given.as_str(), format!("unnamed_{}", network.id(second).short()));
    let why = |event: &Event| matches!(event, Event::Connected { name_reason: Some(why), .. } if why.contains("Lamp"));
    assert!(was_told(&network, second, why));
}

#[test]
fn thirty_at_once_with_one_name_are_all_told_apart() {
    let mut network = network(7);
    let main = network.add(Role::MainServer, "");
    let clients: Vec<_> = (0..30).map(|_| network.add(Role::Client, "lamp")).collect();
    let joining: Vec<_> = clients.iter().map(|c| network.begin_join(*c, main)).collect();
    for op in joining {
        assert_eq!(network.finish(op), Outcome::Reply(Value::Null));
    }
    assert!(network.run_until_quiet());
    let mut places = paths(&network, main);
    assert_eq!(places.iter().filter(|place| *place == "/lamp").count(), 1);
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 31);
}

#[test]
fn a_client_that_left_gets_the_same_name_back() {
    let mut network = network(8);
    let main = network.add(Role::MainServer, "");
    let client = network.add(Role::Client, "lamp");
    joins(&mut network, client, main);
    assert_eq!(network.leave(client), Outcome::Reply(Value::Null));
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), ["/"], "who left is not listed");
    joins(&mut network, client, main);
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), ["/", "/lamp"], "listed once, by the same name");
}

#[test]
fn words_of_the_network_are_no_names_for_clients() {
    let mut network = network(9);
    let main = network.add(Role::MainServer, "");
    let client = network.add(Role::Client, "command");
    joins(&mut network, client, main);
    let why = |event: &Event| matches!(event, Event::Connected { name_reason: Some(_), .. });
    assert!(was_told(&network, client, why));
}

#[test]
fn a_tree_has_sixteen_layers_and_no_more() {
    let mut network = network(10);
    let servers = chain(&mut network, 16);
    assert_eq!(network.snapshot(servers[16]).path.layer(), 16);
    let client = network.add(Role::Client, "deep");
    refused(network.join(client, servers[16]), RefusalKind::TooDeep);
    // A branch is as deep as its deepest leaf, also when it moves.
    let other = network.add(Role::SubServer, "other");
    joins(&mut network, other, servers[0]);
    refused(network.join(servers[1], other), RefusalKind::TooDeep);
}

#[test]
fn a_session_is_served_and_never_listed() {
    let Demonstration { mut network, main, sub1, .. } = demonstration();
    let before = paths(&network, main);
    let session = network.add(Role::Session, "");
    joins(&mut network, session, sub1);
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), before);
    assert_eq!(network.snapshot(main).sessions, 1);
    assert_eq!(network.send(session, "/sub1/client3", "hello"), Outcome::Delivered);
    assert_eq!(network.leave(session), Outcome::Reply(Value::Null));
    assert!(network.run_until_quiet());
    assert_eq!(network.snapshot(main).sessions, 0);
}

#[test]
fn a_client_joins_no_client_and_a_main_server_joins_nobody() {
    let mut network = network(11);
    let main = network.add(Role::MainServer, "");
    let plain = network.add(Role::Server, "plain");
    let sub = network.add(Role::SubServer, "sub");
    refused(network.join(main, plain), RefusalKind::WrongRole);
    refused(network.join(sub, plain), RefusalKind::WrongRole);
    let client = network.add(Role::Client, "client");
    joins(&mut network, client, plain);
}

#[test]
fn a_client_moves_up_to_the_higher_server() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let outcome = network.call(clients[3], "..", &Line::new("s.connecttohigher", &[]));
    assert!(matches!(outcome, Outcome::Reply(_)), "{outcome:?}");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[3]), "/sub1/client4");
    assert!(paths(&network, main).contains(&"/sub1/client4".to_owned()));
    let outcome = network.call(clients[3], "..", &Line::new("s.cth", &[]));
    assert!(matches!(outcome, Outcome::Reply(_)), "{outcome:?}");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[3]), "/client4");
}

#[test]
fn an_admin_moves_a_server_from_afar() {
    let Demonstration { mut network, sub2, sub3, clients, .. } = demonstration();
    let address = network.address(sub2).to_string();
    let line = Line::new("s.sethigherserver", &[&address]);
    let first = network.call(clients[1], "/sub1/lower_sub3", &line);
    let Outcome::Confirm(confirmation) = first else { panic!("{first:?}") };
    let line = line.confirmed(confirmation.token);
    let outcome = network.call(clients[1], "/sub1/lower_sub3", &line);
    assert!(matches!(outcome, Outcome::Reply(_)), "{outcome:?}");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3");
    assert_eq!(path(&network, clients[3]), "/sub2/lower_sub3/client4");
}

#[test]
fn an_address_where_nobody_listens_is_said_so() {
    let mut network = network(12);
    let main = network.add(Role::MainServer, "");
    let client = network.add(Role::Client, "client");
    network.crash(main);
    refused(network.join(client, main), RefusalKind::NoServer);
}

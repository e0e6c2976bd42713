//! Parents that are lost, those that stand in for them, and the way home.

use super::*;
use ltn_proto::{CloseReason, Op};

fn disconnected(network: &Network, host: HostId) -> Vec<(CloseReason, bool)> {
    let events = network.history().told(host).filter_map(|event| match event {
        Event::Disconnected { reason, returning, .. } => Some((*reason, *returning)),
        _ => None,
    });
    events.collect()
}

#[test]
fn a_lost_parent_is_replaced_by_the_given_ones_in_their_order() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    let gone = network.add(Role::SubServer, "gone");
    network.crash(gone);
    network.back_up(sub3, &[gone, sub2, main]);
    network.back_up(clients[2], &[sub2]);
    network.power_off(sub1);
    network.run_for(SECOND * 25);
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3");
    assert_eq!(path(&network, clients[3]), "/sub2/lower_sub3/client4");
    assert_eq!(path(&network, clients[2]), "/sub2/client3", "a client keeps its name");
    assert_eq!(network.send(clients[2], "/sub2/lower_sub3/client4", "hello"), Outcome::Delivered);
    assert!(network.snapshot(clients[3]).rooted);
}

#[test]
fn who_lives_elsewhere_goes_home_when_home_is_back() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    let places = paths(&network, main);
    network.back_up(sub3, &[sub2]);
    network.crash(sub1);
    network.run_for(SECOND * 15);
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3");
    network.restart(sub1, SECOND * 100);
    network.run_for(SECOND * 90);
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3", "home is not there yet");
    let losses = disconnected(&network, sub3).len();
    network.run_for(SECOND * 90);
    assert_eq!(path(&network, clients[3]), "/sub1/lower_sub3/client4");
    assert_eq!(paths(&network, main), places);
    assert_eq!(
        disconnected(&network, sub3).len(),
        losses,
        "home took it before the other was left"
    );
}

#[test]
fn who_was_moved_by_somebody_stays_where_it_was_put() {
    let Demonstration { mut network, sub1, sub2, sub3, .. } = demonstration();
    joins(&mut network, sub3, sub2);
    network.run_for(SECOND * 300);
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3");
    network.crash(sub2);
    network.restart(sub2, SECOND);
    network.run_for(SECOND * 60);
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3");
    assert!(network.is_up(sub1));
}

#[test]
fn a_parent_that_stays_away_is_replaced_by_the_server_above_it() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    network.crash(sub1);
    network.run_for(SECOND * 20);
    assert_eq!(network.home(sub3).parent, None, "a restart takes longer than that");
    network.run_for(SECOND * 60);
    assert_eq!(network.home(sub3).parent, Some(network.id(main)), "nobody named it: it was learnt");
    assert_eq!(path(&network, clients[3]), "/lower_sub3/client4");
    assert_eq!(network.send(clients[0], "/lower_sub3/client4", "hello"), Outcome::Delivered);
}

#[test]
fn no_two_fragments_ever_merge() {
    let Demonstration { mut network, main, sub1, sub2, sub3, .. } = demonstration();
    let sub4 = network.add(Role::SubServer, "sub4");
    joins(&mut network, sub4, sub2);
    assert!(network.run_until_quiet());
    network.back_up(sub3, &[sub4]);
    network.back_up(sub4, &[sub3]);
    // Both lose what is above them; the two could reach each other.
    network.crash(main);
    network.crash(sub1);
    network.crash(sub2);
    network.run_for(SECOND * 120);
    for fragment in [sub3, sub4] {
        assert_eq!(network.home(fragment).parent, None, "\n{}", network.draw());
        assert!(!network.snapshot(fragment).rooted);
    }
    for server in [main, sub1, sub2] {
        network.restart(server, SECOND);
    }
    network.run_for(SECOND * 200);
    assert_eq!(path(&network, sub3), "/sub1/lower_sub3");
    assert_eq!(path(&network, sub4), "/sub2/sub4");
}

#[test]
fn after_a_stop_nobody_comes_back_but_who_was_given_another_parent_goes_there() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    network.back_up(clients[2], &[sub2]);
    network.stop(sub1, false);
    network.run_for(SECOND * 60);
    assert_eq!(path(&network, clients[2]), "/sub2/client3");
    assert_eq!(disconnected(&network, clients[2]), [(CloseReason::Stopping, true)]);
    assert_eq!(network.home(sub3).parent, None);
    assert_eq!(disconnected(&network, sub3), [(CloseReason::Stopping, false)]);
    network.restart(sub1, SECOND);
    network.run_for(SECOND * 100);
    assert_eq!(network.home(sub3).parent, None, "nobody comes back by himself");
    assert_eq!(path(&network, clients[2]), "/sub2/client3");
    joins(&mut network, sub1, main);
    joins(&mut network, sub3, sub1);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[3]), "/sub1/lower_sub3/client4");
}

#[test]
fn a_main_server_that_went_away_finds_its_whole_network_back() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let places = paths(&network, main);
    network.go_away(main);
    network.run_for(SECOND * 200);
    assert!(!network.is_up(main));
    let told = disconnected(&network, clients[0]);
    assert_eq!(told, [(CloseReason::Away, true)]);
    network.restart(main, SECOND);
    network.run_for(SECOND * 90);
    assert_eq!(paths(&network, main), places);
    assert_eq!(network.send(clients[3], "/client1", "back"), Outcome::Delivered);
}

#[test]
fn a_first_parent_that_is_not_there_is_replaced_too() {
    let mut network = network(71);
    let main = network.add(Role::MainServer, "");
    let gone = network.add(Role::SubServer, "gone");
    let client = network.add(Role::Client, "lamp");
    network.crash(gone);
    network.back_up(client, &[main]);
    let to = network.address(gone);
    let seeking = network.begin(client, |op| Op::Connect { op, to, persist: true });
    assert_eq!(network.finish(seeking), Outcome::Reply(Value::Null));
    assert_eq!(network.home(client).parent, Some(network.id(main)));
    network.restart(gone, SECOND);
    network.run_for(SECOND * 90);
    assert_eq!(network.home(client).parent, Some(network.id(gone)), "it belongs there");
}

#[test]
fn who_leaves_while_it_lives_elsewhere_stays_away() {
    let Demonstration { mut network, sub1, sub2, sub3, .. } = demonstration();
    network.back_up(sub3, &[sub2]);
    network.crash(sub1);
    network.run_for(SECOND * 20);
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3");
    assert_eq!(network.leave(sub3), Outcome::Reply(Value::Null));
    network.restart(sub1, SECOND);
    network.run_for(SECOND * 100);
    assert_eq!(network.home(sub3).parent, None);
}

#[test]
fn a_name_is_kept_for_who_is_away_and_keeps_its_key() {
    let mut network = network(72);
    let main = network.add(Role::MainServer, "");
    let keeper = network.add_with(Role::Client, "lamp", |config| config.keeps_key = true);
    let other = network.add(Role::Client, "lamp");
    joins(&mut network, keeper, main);
    network.crash(keeper);
    network.run_for(SECOND * 2);
    joins(&mut network, other, main);
    let given = network.home(other).name.clone().expect("a client has a name");
    assert!(given.as_str().starts_with("unnamed_"), "{given}");
    let why = |event: &Event| match event {
        Event::Connected { name_reason: Some(why), .. } => why.contains("`lamp` is taken"),
        _ => false,
    };
    assert!(was_told(&network, other, why));
    network.restart(keeper, SECOND);
    network.run_for(SECOND * 10);
    assert_eq!(path(&network, keeper), "/lamp");
    // Who leaves by its own wish keeps nothing.
    assert_eq!(network.leave(keeper), Outcome::Reply(Value::Null));
    assert_eq!(network.leave(other), Outcome::Reply(Value::Null));
    joins(&mut network, other, main);
    assert_eq!(path(&network, other), "/lamp");
}

#[test]
fn a_device_that_throws_its_key_away_gets_its_name_as_somebody_else() {
    let mut network = network(73);
    let main = network.add(Role::MainServer, "");
    let [before, after] = [0; 2].map(|_| network.add(Role::Client, "lamp"));
    joins(&mut network, before, main);
    network.crash(before);
    network.run_for(SECOND * 2);
    joins(&mut network, after, main);
    assert_eq!(path(&network, after), "/lamp");
}

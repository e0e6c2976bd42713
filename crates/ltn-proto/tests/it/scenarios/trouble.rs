//! Losses, silences, crashes and returns.

use super::*;
use ltn_proto::CloseReason;
use ltn_proto::sim::Reaction;

/// A lease and one ping interval.
const NOTICED: Duration = Duration::from_millis(12_500);

#[test]
fn a_parent_that_dies_silently_is_noticed_within_the_lease() {
    let Demonstration { mut network, sub1, sub3, clients, .. } = demonstration();
    let before = network.now();
    network.power_off(sub1);
    assert!(network.run_until(NOTICED, |n| n.home(sub3).parent.is_none()));
    assert!(network.now().since(before) > SECOND * 7, "one lost ping is no loss yet");
    let silent = |event: &Event| {
        let Event::Disconnected { reason, returning, .. } = event else { return false };
        *reason == CloseReason::Silent && *returning
    };
    assert!(was_told(&network, sub3, silent));
    assert!(network.run_until(SECOND, |n| !n.snapshot(clients[3]).rooted));
}

#[test]
fn a_fragment_works_locally_and_says_at_once_that_there_is_no_way_out() {
    let Demonstration { mut network, sub1, sub3, clients, .. } = demonstration();
    let neighbour = network.add(Role::Client, "neighbour");
    joins(&mut network, neighbour, sub3);
    assert!(network.run_until_quiet());
    network.power_off(sub1);
    network.run_for(SECOND * 14);
    let place = path(&network, clients[3]);
    assert_eq!(place, "/sub1/lower_sub3/client4", "the last known place stays good inside");
    let inside = network.send(clients[3], "/sub1/lower_sub3/neighbour", "still here?");
    assert_eq!(inside, Outcome::Delivered);
    assert_eq!(network.send(clients[3], "neighbour", "and here?"), Outcome::Delivered);
    let before = network.now();
    no_route(network.send(clients[3], "/client1", "out"));
    no_route(network.send(clients[3], "/", "out"));
    assert!(network.now().since(before) < SECOND, "no time-out was waited for");
}

#[test]
fn a_closed_parent_is_noticed_at_once_and_the_branch_is_shown_as_stale() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    network.crash(sub1);
    network.run_for(SECOND);
    assert_eq!(network.home(sub3).parent, None);
    assert!(!network.snapshot(clients[3]).rooted);
    network.run_for(SECOND * 2);
    for lost in [sub1, sub3] {
        assert!(line(&network, main, lost).stale_for.is_some());
    }
    let drawing = network.call(clients[0], "/", &ltn_proto::sim::Line::new("s.listnetwork", &[]));
    assert!(reply_text(drawing).contains("stale"));
}

#[test]
fn a_killed_client_is_gone_at_once_and_a_silent_one_within_the_lease() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    network.crash(clients[0]);
    network.run_for(SECOND);
    assert!(!paths(&network, main).contains(&"/client1".to_owned()));
    network.power_off(clients[1]);
    network.run_for(SECOND);
    assert!(paths(&network, main).contains(&"/client2".to_owned()));
    network.run_for(NOTICED);
    assert!(!paths(&network, main).contains(&"/client2".to_owned()));
}

#[test]
fn a_server_that_restarts_finds_everybody_back_at_the_same_place() {
    let Demonstration { mut network, main, sub1, clients, .. } = demonstration();
    let places = paths(&network, main);
    network.crash(sub1);
    network.restart(sub1, SECOND * 3);
    network.run_for(SECOND * 60);
    assert_eq!(paths(&network, main), places);
    assert!(network.snapshot(main).tree.iter().all(|node| node.stale_for.is_none()));
    assert_eq!(network.send(clients[3], "/client1", "back"), Outcome::Delivered);
}

#[test]
fn a_main_server_that_restarts_finds_its_whole_network_back() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let places = paths(&network, main);
    network.crash(main);
    network.restart(main, SECOND * 5);
    network.run_for(SECOND * 90);
    assert_eq!(paths(&network, main), places);
    assert!(network.snapshot(clients[3]).rooted);
    assert_eq!(network.send(clients[3], "/client1", "back"), Outcome::Delivered);
}

#[test]
fn a_hundred_clients_come_back_within_a_minute() {
    let mut network = network(40);
    let main = network.add(Role::MainServer, "");
    let clients: Vec<_> =
        (0..100).map(|n| network.add(Role::Client, &format!("client{n}"))).collect();
    for client in &clients {
        joins(&mut network, *client, main);
    }
    network.crash(main);
    network.restart(main, SECOND * 5);
    network.run_for(SECOND * 35);
    let back = clients.iter().filter(|client| network.home(**client).parent.is_some()).count();
    assert!(back >= 95, "{back} of 100 are back after 30 s");
    network.run_for(SECOND * 30);
    assert_eq!(paths(&network, main).len(), 101);
}

#[test]
fn a_way_that_is_cut_in_one_direction_is_closed_by_both() {
    for from_child in [true, false] {
        let Demonstration { mut network, main, sub2, .. } = demonstration();
        let (from, to) = if from_child { (sub2, main) } else { (main, sub2) };
        network.cut(from, to, SECOND * 40);
        network.run_for(SECOND * 15);
        assert_eq!(network.home(sub2).parent, None);
        assert!(line(&network, main, sub2).stale_for.is_some());
        network.run_for(SECOND * 60);
        assert_eq!(network.home(sub2).parent, Some(network.id(main)));
        assert!(line(&network, main, sub2).stale_for.is_none());
    }
}

#[test]
fn a_short_pause_is_no_loss_and_a_long_one_heals_by_itself() {
    let Demonstration { mut network, main, sub2, .. } = demonstration();
    network.pause(sub2, SECOND * 5);
    network.run_for(SECOND * 10);
    let lost = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert!(!was_told(&network, sub2, lost));
    network.pause(sub2, SECOND * 20);
    network.run_for(SECOND * 15);
    assert!(line(&network, main, sub2).stale_for.is_some());
    network.run_for(SECOND * 60);
    assert!(line(&network, main, sub2).stale_for.is_none());
    assert!(network.snapshot(sub2).rooted);
}

#[test]
fn what_was_passed_on_before_a_loss_is_unknown_and_what_comes_after_is_not_done() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    network.offer(clients[3], "slow");
    network.react(|_, _, _| Reaction::Never);
    let to = path(&network, clients[3]);
    let asked = network.begin_request(main, &to, "slow", Value::Null);
    network.run_for(SECOND);
    let before = network.now();
    network.break_wires(sub3, sub1);
    let outcome = network.finish(asked);
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert!(network.now().since(before) < SECOND, "heard of as soon as the branch was lost");
    no_route(network.request(main, &to, "slow", Value::Null));
    network.run_for(SECOND * 60);
    assert_eq!(path(&network, clients[3]), to);
}

#[test]
fn whoever_leaves_while_coming_back_stays_away() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let seeker = network.add(Role::Client, "seeker");
    let to = network.address(main);
    network.crash(main);
    let seeking = network.begin(seeker, |op| ltn_proto::Op::Connect { op, to, persist: true });
    network.run_for(SECOND);
    assert_eq!(network.leave(seeker), Outcome::Reply(Value::Null));
    assert!(matches!(network.finish(seeking), Outcome::Refused(_)), "the search is over");
    assert_eq!(network.leave(clients[0]), Outcome::Reply(Value::Null));
    network.restart(main, SECOND);
    network.run_for(SECOND * 60);
    for left in [seeker, clients[0]] {
        assert_eq!(network.home(left).parent, None);
    }
    assert_eq!(network.home(clients[1]).parent, Some(network.id(main)), "others come back");
}

#[test]
fn a_move_during_a_cut_leaves_everybody_somewhere() {
    let Demonstration { mut network, main, sub1, sub2, sub3, .. } = demonstration();
    network.cut_both_ways(main, sub2, SECOND * 30);
    let moving = network.begin_join(sub3, sub2);
    let outcome = network.finish(moving);
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert_eq!(network.home(sub3).parent, Some(network.id(sub1)));
    network.run_for(SECOND * 60);
    joins(&mut network, sub3, sub2);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3");
}

#[test]
fn whoever_stops_reading_is_said_to_be_out_of_reach() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    network.stall(main, clients[0], true);
    no_route(network.send(clients[3], "/client1", "are you reading?"));
    assert_eq!(network.send(clients[3], "/client2", "you are"), Outcome::Delivered);
    network.stall(main, clients[0], false);
    assert_eq!(network.send(clients[3], "/client1", "and now?"), Outcome::Delivered);
}

#[test]
fn a_cloned_key_is_refused_while_its_first_holder_lives() {
    let mut network = network(41);
    let main = network.add(Role::MainServer, "");
    let first = network.add(Role::Client, "card");
    joins(&mut network, first, main);
    let id = network.id(first);
    let clone = network.add_with(Role::Client, "card", |config| config.id = id);
    // The clone starts as often as it is new: its run has another number.
    network.crash(clone);
    network.restart(clone, SECOND);
    network.run_for(SECOND * 2);
    refused(network.join(clone, main), RefusalKind::DuplicateKey);
    let cloned =
        |event: &Event| matches!(event, Event::ClonedKey { id: whose, .. } if *whose == id);
    assert!(was_told(&network, main, cloned) && was_told(&network, clone, cloned));
    assert_eq!(network.home(first).parent, Some(network.id(main)));
    network.power_off(first);
    network.run_for(SECOND);
    joins(&mut network, clone, main);
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), ["/", "/card"]);
}

#[test]
fn the_same_seed_tells_the_same_history() {
    let tell = || {
        let Demonstration { mut network, sub1, clients, .. } = demonstration();
        network.crash(sub1);
        network.restart(sub1, SECOND);
        network.send(clients[0], "/client2", "meanwhile");
        network.run_for(SECOND * 60);
        network.history().digest()
    };
    assert_eq!(tell(), tell());
}

//! Orders to stop or restart a part of the network, or all of it: leaves first, and never late.

use super::*;
use ltn_proto::sim::{Line, What};
use ltn_proto::{ManyEvent, Moment};

fn expected(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(path, how)| ((*path).to_owned(), (*how).to_owned())).collect()
}

/// The hosts in the order in which their processes ended.
fn ended(network: &Network) -> Vec<HostId> {
    let records = &network.history().records;
    let stopped = records.iter().filter(|record| matches!(record.what, What::Stopped));
    stopped.map(|record| record.host).collect()
}

#[test]
fn a_subtree_stops_leaves_first_and_the_others_go_on() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    let line = Line::new("s.shutdownsubtree", &["sub1"]);
    let first = network.call(clients[0], "/", &line);
    let Outcome::Confirm(word) = first else { panic!("{first:?}") };
    assert!(word.text.contains("/sub1 with all 3 below it"), "{}", word.text);
    let report = network.call(clients[0], "/", &line.confirmed(word.token));
    let roll = [
        ("/sub1", "stopped"),
        ("/sub1/client3", "told"),
        ("/sub1/lower_sub3", "stopped"),
        ("/sub1/lower_sub3/client4", "told"),
    ];
    assert_eq!(roll_call(&report), expected(&roll));
    assert_eq!(ended(&network), [sub3, sub1]);
    assert!(network.is_up(main) && network.is_up(sub2));
    let begun = |event: &Event| match event {
        Event::RollCallBegun { entries, order } => entries.len() == 4 && order.subtree,
        _ => false,
    };
    assert!(was_told(&network, main, begun));
}

#[test]
fn a_subtree_restarts_as_a_whole_and_is_back_at_its_places() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    let places = paths(&network, main);
    // Whoever is named and below another one that is named is ordered once.
    let line = Line::new("s.restartsubtree", &["/sub1/lower_sub3", "sub1"]);
    let report = network.call_and_confirm(clients[0], "/", &line);
    let roll = roll_call(&report);
    assert!(roll.contains(&("/sub1/lower_sub3".to_owned(), "restarting".to_owned())), "{roll:?}");
    network.run_for(SECOND * 90);
    let runs = [main, sub1, sub2, sub3].map(|server| network.run_of(server));
    assert_eq!(runs, [1, 2, 1, 2]);
    assert_eq!(paths(&network, main), places);
    assert_eq!(network.send(clients[3], "/client1", "back"), Outcome::Delivered);
}

#[test]
fn the_whole_network_restarts_and_is_back_at_its_places() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    let places = paths(&network, main);
    let report = network.call_and_confirm(clients[3], "/", &Line::new("s.restartnetwork", &[]));
    assert_eq!(roll_call(&report).len(), 8);
    network.run_for(SECOND * 120);
    for server in [main, sub1, sub2, sub3] {
        assert_eq!(network.run_of(server), 2);
    }
    assert_eq!(paths(&network, main), places);
    assert_eq!(network.send(clients[3], "/client1", "back"), Outcome::Delivered);
}

#[test]
fn a_server_that_slept_through_an_order_does_not_stop_when_it_wakes() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    // The order waits at its door for longer than anybody waits for its report.
    network.pause(sub1, SECOND * 100);
    let report = network.call_and_confirm(clients[0], "/", &Line::new("s.shutdownnetwork", &[]));
    let roll = roll_call(&report);
    let how = |path: &str| roll.iter().find(|line| line.0 == path).map(|line| line.1.as_str());
    assert_eq!(how("/sub1"), Some("unreachable"), "certainly not done: it was not told to go on");
    assert_eq!(how("/sub1/lower_sub3"), Some("unreachable"));
    assert_eq!((how("/sub2"), how("/")), (Some("stopped"), Some("stopping")));
    network.run_for(SECOND * 200);
    assert!(!network.is_up(main) && !network.is_up(sub2));
    assert!(network.is_up(sub1) && network.is_up(sub3));
}

#[test]
fn an_order_that_arrives_late_within_the_lease_is_asked_about_and_left() {
    // The branch is slow, not dead: the giver has given up when the order gets through.
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    let line = Line::new("s.shutdownserver", &["/sub1/lower_sub3"]);
    network.pause(sub1, SECOND * 9);
    let begun = network.begin_call(clients[0], "/", &line);
    let Outcome::Confirm(word) = network.finish(begun) else { panic!("it is dangerous") };
    let ordered = network.begin_call(clients[0], "/", &line.confirmed(word.token));
    network.run_for(SECOND);
    // The main server is replaced by another run of itself: the order has no giver any more.
    network.crash(main);
    network.restart(main, SECOND);
    network.run_for(SECOND * 120);
    let outcome = network.finish(ordered);
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert!(network.is_up(sub3), "nobody wanted it any more");
    assert_eq!(path(&network, sub3), "/sub1/lower_sub3");
}

#[test]
fn whoever_is_behind_a_lost_branch_is_said_to_be_so() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    network.crash(sub1);
    network.run_for(SECOND * 2);
    let report = network.call_and_confirm(clients[0], "/", &Line::new("s.restartnetwork", &[]));
    let Outcome::Reply(reply) = report else { panic!("{report:?}") };
    let lines = reply.get("roll_call").and_then(Value::as_list).expect("a report").to_vec();
    let sub3 = lines.iter().find(|line| word(line, "path") == "/sub1/lower_sub3");
    let detail = word(sub3.expect("it is in the report"), "detail");
    assert!(detail.contains("behind sub1"), "{detail}");
}

/// How this path ended, and what is said of it.
#[track_caller]
fn how(report: &Outcome, path: &str) -> (String, String) {
    let Outcome::Reply(reply) = report else { panic!("{report:?}") };
    let lines = reply.get("roll_call").and_then(Value::as_list).expect("a report");
    let line = lines.iter().find(|line| word(line, "path") == path).expect("it is in the report");
    (word(line, "outcome"), word(line, "detail"))
}

fn is_told_to_go(network: &Network, host: HostId) -> bool {
    was_told(network, host, |event| matches!(event, Event::Stopping { .. }))
}

/// An order is given to this server; when this holds for it, its process crashes, and is started
/// again after so long.
fn crashes_under_an_order(
    command: (&str, &str),
    crash: fn(&Network, HostId) -> bool,
    back_after: Duration,
) -> (Outcome, Duration) {
    let Demonstration { mut network, sub3, clients, .. } = demonstration();
    let line = Line::new(command.0, &[command.1]);
    let Outcome::Confirm(token) = network.call(clients[0], "/", &line) else { panic!("dangerous") };
    let ordered = network.begin_call(clients[0], "/", &line.confirmed(token.token));
    let begun = network.now();
    assert!(network.run_until(10 * SECOND, |network| crash(network, sub3)));
    network.crash(sub3);
    network.restart(sub3, back_after);
    let report = network.finish(ordered);
    (report, network.now().since(begun))
}

#[test]
fn a_server_that_crashed_right_after_it_was_ready_is_not_counted_as_stopped() {
    let is_ready = |network: &Network, host: HostId| {
        was_told(network, host, |event| matches!(event, Event::Ordered { .. }))
    };
    // Its parent reports it, or the main server, who hears of it through that parent.
    for command in [("s.shutdownsubtree", "sub1"), ("s.shutdownserver", "/sub1/lower_sub3")] {
        let (report, _) = crashes_under_an_order(command, is_ready, 20 * SECOND);
        let (outcome, detail) = how(&report, "/sub1/lower_sub3");
        assert_eq!(outcome, "unknown", "{command:?}");
        assert!(detail.contains("lost without saying that it goes"), "{detail}");
    }
}

#[test]
fn a_server_that_said_it_stops_and_is_back_at_once_is_not_counted_as_stopped() {
    let command = ("s.shutdownserver", "/sub1/lower_sub3");
    let (report, _) = crashes_under_an_order(command, is_told_to_go, SECOND);
    let (outcome, detail) = how(&report, "/sub1/lower_sub3");
    assert_eq!(outcome, "unknown");
    assert!(detail.contains("was back at once"), "{detail}");
}

#[test]
fn a_tree_of_many_layers_is_watched_for_three_seconds_once() {
    let mut network = network(5);
    let servers = chain(&mut network, 6);
    let admin = network.add(Role::Client, "admin");
    joins(&mut network, admin, servers[0]);
    let begun = network.now();
    let line = Line::new("s.shutdownsubtree", &["sub1"]);
    let report = network.call_and_confirm(admin, "/", &line);
    let took = network.now().since(begun);
    assert!(roll_call(&report).iter().all(|line| line.1 == "stopped"), "{report:?}");
    assert!(took >= 3 * SECOND && took < 5 * SECOND, "{took:?}");
}

#[test]
fn a_parent_that_stops_does_not_say_that_its_children_do() {
    // The parent closes its links with the word that it stops; that is no word of its children.
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    let line = Line::new("s.shutdownserver", &["sub1"]);
    let report = network.call_and_confirm(clients[0], "/", &line);
    assert_eq!(roll_call(&report)[0], ("/sub1".to_owned(), "stopped".to_owned()));
    assert!(!network.is_up(sub1) && network.is_up(sub3) && network.is_up(main));
}

/// Paths and outcomes.
type Lines = Vec<(String, String)>;

/// What the issuer heard before the report: when, how many there are in all, and who ended how.
fn news(network: &Network, host: HostId) -> Vec<(Moment, i128, Lines)> {
    let records = network.history().records.iter().filter(|record| record.host == host);
    let parts = records.filter_map(|record| match &record.what {
        What::Told(Event::Many(ManyEvent::Part { value, .. })) => Some((record.at, value)),
        _ => None,
    });
    let read = |(at, part): (Moment, &Value)| {
        let Some(Value::Int(total)) = part.get("total") else { panic!("{part:?}") };
        let ended = part.get("ended").and_then(Value::as_list).expect("who ended");
        let ended = ended.iter().map(|line| (word(line, "path"), word(line, "outcome")));
        (at, *total, ended.collect())
    };
    parts.map(read).collect()
}

#[test]
fn who_gives_an_order_hears_of_each_node_as_it_ends_and_of_the_number_at_once() {
    // Far from the main server, at it, and on the main server itself.
    for giver in [Some(3), Some(0), None] {
        let Demonstration { mut network, main, clients, .. } = demonstration();
        let giver = giver.map_or(main, |number| clients[number]);
        let line = Line::new("s.shutdownnetwork", &[]);
        let report = network.call_and_confirm(giver, "/", &line);
        let ended = network.now();
        let news = news(&network, giver);
        assert_eq!((news[0].1, news[0].2.len()), (8, 0), "the number comes first");
        assert!(ended.since(news[0].0) >= 3 * SECOND, "and long before the end");
        let mut told: Lines = news
            .iter()
            .flat_map(|(_, total, ended)| {
                assert_eq!(*total, 8);
                ended.clone()
            })
            .collect();
        let of = |path: &str| told.iter().position(|line| line.0 == path).expect("it was told");
        if giver == clients[0] {
            assert!(of("/client2") < of("/sub1/client3"), "{told:?}");
            assert!(of("/sub1/client3") < of("/sub1/lower_sub3"), "{told:?}");
            assert!(of("/sub1/lower_sub3") < of("/sub1"), "leaves first: {told:?}");
        }
        told.sort();
        assert_eq!(told, roll_call(&report), "each once, and as in the report");
    }
}

#[test]
fn what_a_lost_server_had_reported_of_others_is_not_lost_with_it() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    let line = Line::new("s.shutdownsubtree", &["sub1"]);
    let Outcome::Confirm(token) = network.call(clients[0], "/", &line) else { panic!("dangerous") };
    let ordered = network.begin_call(clients[0], "/", &line.confirmed(token.token));
    let gone = |network: &Network| !network.is_up(sub3);
    assert!(network.run_until(10 * SECOND, gone));
    let noted = |network: &Network| {
        let stale = network.snapshot(main).tree;
        !stale.iter().any(|node| node.id == network.id(sub3) && node.stale_for.is_none())
    };
    assert!(network.run_until(10 * SECOND, noted));
    network.crash(sub1);
    let report = network.finish(ordered);
    assert_eq!(how(&report, "/sub1/lower_sub3").0, "stopped");
    assert_eq!(how(&report, "/sub1/lower_sub3/client4").0, "told");
    assert_eq!(how(&report, "/sub1").0, "unknown");
}

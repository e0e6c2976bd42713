//! Moves that somebody wants from afar: rehearsed, confirmed, done, and taken back.

use super::*;
use ltn_proto::sim::Line;
use ltn_proto::{CloseReason, Permissions};

fn moving<'a>(arguments: Vec<Value>) -> Line<'a> {
    Line::with_values("move", arguments)
}

fn rehearsal<'a>(under: &str) -> Line<'a> {
    moving(vec![text(under), Value::Null, Value::Bool(true)])
}

#[track_caller]
fn plan(outcome: Outcome) -> (Vec<(String, String)>, String) {
    let Outcome::Reply(plan) = outcome else { panic!("{outcome:?} is no plan") };
    let places = plan.get("places").and_then(Value::as_list).expect("a plan has places");
    let pair = |place: &Value| {
        let place = place.as_list().expect("a pair");
        (place[0].to_string(), place[1].to_string())
    };
    (places.iter().map(pair).collect(), word(&plan, "text"))
}

#[test]
fn a_rehearsed_move_says_what_would_change_and_changes_nothing() {
    let Demonstration { mut network, main, sub3, clients, .. } = demonstration();
    let before = paths(&network, main);
    let outcome = network.call(clients[1], "/sub1/lower_sub3", &rehearsal("/sub2"));
    let (places, words) = plan(outcome);
    let expected = [
        ("/sub1/lower_sub3", "/sub2/lower_sub3"),
        ("/sub1/lower_sub3/client4", "/sub2/lower_sub3/client4"),
    ];
    assert_eq!(places, expected.map(|(from, to)| (from.to_owned(), to.to_owned())));
    assert!(words.contains("1 node below it") && words.contains("layer 2"), "{words}");
    network.run_for(SECOND * 30);
    assert_eq!(paths(&network, main), before);
    let up = network.call(clients[1], "/sub1/lower_sub3", &rehearsal("/"));
    assert!(plan(up).1.contains("from layer 2 to layer 1"));
    let there = network.call(clients[1], "/sub1/lower_sub3", &rehearsal("/sub1"));
    assert!(refused(there, RefusalKind::NotPossible).contains("already"));
    assert_eq!(path(&network, sub3), "/sub1/lower_sub3");
}

#[test]
fn a_move_wants_its_second_word_and_takes_everybody_below_along() {
    let Demonstration { mut network, main, sub2, sub3, clients, .. } = demonstration();
    let line = moving(vec![text("/sub2")]);
    let first = network.call(clients[1], "/sub1/lower_sub3", &line);
    let Outcome::Confirm(confirmation) = first else { panic!("{first:?}") };
    assert!(confirmation.text.contains("/sub2/lower_sub3"), "{}", confirmation.text);
    assert_eq!(confirmation.targets, [network.id(sub3), network.id(sub2)]);
    let elsewhere = moving(vec![text("/")]).confirmed(confirmation.token);
    refused(network.call(clients[1], "/sub1/lower_sub3", &elsewhere), RefusalKind::BadToken);
    let done = network.call_and_confirm(clients[1], "/sub1/lower_sub3", &line);
    let Outcome::Reply(reply) = done else { panic!("{done:?}") };
    assert_eq!(word(&reply, "path"), "/sub2/lower_sub3");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[3]), "/sub2/lower_sub3/client4");
    assert!(paths(&network, main).contains(&"/sub2/lower_sub3/client4".to_owned()));
    let lost = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert!(!was_told(&network, sub3, lost) && !was_told(&network, clients[3], lost));
}

#[test]
fn a_client_is_moved_by_somebody_else_and_keeps_its_name() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let line = moving(vec![text("/sub1/lower_sub3")]);
    let done = network.call_and_confirm(clients[1], "/client1", &line);
    assert!(matches!(done, Outcome::Reply(_)), "{done:?}");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[0]), "/sub1/lower_sub3/client1");
    assert_eq!(network.send(clients[1], "/sub1/lower_sub3/client1", "there?"), Outcome::Delivered);
}

#[test]
fn what_cannot_be_is_refused_before_anything_was_done() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    for under in ["/sub1/lower_sub3", "/sub1"] {
        let why = refused(
            network.call(clients[0], "/sub1", &rehearsal(under)),
            if under == "/sub1" { RefusalKind::DuplicateKey } else { RefusalKind::Cycle },
        );
        assert!(under == "/sub1" || why.contains("sub1 – lower_sub3 – sub1"), "{why}");
    }
    let on_a_client = network.call(clients[0], "/sub1", &moving(vec![text("/client2")]));
    refused(on_a_client, RefusalKind::WrongRole);
    let nowhere = network.call(clients[0], "/sub1", &moving(vec![text("/sub9")]));
    no_route(nowhere);
    let never = moving(vec![text("/"), Value::Int(0)]);
    refused(network.call(clients[0], "/sub1/lower_sub3", &never), RefusalKind::BadArguments);
    assert_eq!(network.snapshot(sub1).parent, Some(network.id(main)));
    // Cut off from the main server nobody moves, not even within the fragment.
    let sub4 = network.add(Role::SubServer, "sub4");
    joins(&mut network, sub4, sub3);
    let sub5 = network.add(Role::SubServer, "sub5");
    joins(&mut network, sub5, sub3);
    assert!(network.run_until_quiet());
    network.power_off(sub1);
    network.run_for(SECOND * 15);
    let in_fragment = network.call(sub3, "./sub4", &rehearsal("/sub1/lower_sub3/sub5"));
    refused(in_fragment, RefusalKind::NoRoot);
}

#[test]
fn a_tree_that_would_be_too_deep_is_refused_in_the_rehearsal() {
    let mut network = network(61);
    let servers = chain(&mut network, 15);
    let other = network.add(Role::SubServer, "other");
    let below = network.add(Role::SubServer, "below");
    joins(&mut network, other, servers[0]);
    joins(&mut network, below, other);
    assert!(network.run_until_quiet());
    let deep = network.snapshot(servers[15]).path.to_string();
    refused(network.call(servers[0], "/other", &rehearsal(&deep)), RefusalKind::TooDeep);
    let (places, _) = plan(network.call(servers[0], "/other/below", &rehearsal(&deep)));
    assert_eq!(places.len(), 1);
}

#[test]
fn who_is_no_admin_at_either_end_moves_nobody() {
    let mut network = network(62);
    let users = |config: &mut ltn_proto::NodeConfig| config.newcomers = Permissions::user();
    let main = network.add(Role::MainServer, "");
    let guarded = network.add_with(Role::SubServer, "guarded", users);
    let free = network.add(Role::SubServer, "free");
    for sub in [guarded, free] {
        joins(&mut network, sub, main);
    }
    let client = network.add(Role::Client, "client");
    joins(&mut network, client, main);
    assert!(network.run_until_quiet());
    let out = network.call(client, "/guarded", &moving(vec![text("/free")]));
    refused(out, RefusalKind::NoPermission);
    let into = network.call(client, "/free", &moving(vec![text("/guarded")]));
    let why = refused(into, RefusalKind::NoPermission);
    assert!(why.contains("keeps its place"), "{why}");
}

#[test]
fn a_move_on_trial_is_taken_back_when_the_new_parent_is_lost_and_says_so() {
    let Demonstration { mut network, sub1, sub2, sub3, clients, .. } = demonstration();
    let line = moving(vec![text("/sub2"), Value::Int(60)]);
    let done = network.call_and_confirm(clients[1], "/sub1/lower_sub3", &line);
    assert!(matches!(done, Outcome::Reply(_)), "{done:?}");
    network.run_for(SECOND * 20);
    network.crash(sub2);
    assert!(network.run_until(SECOND * 5, |n| n.home(sub3).parent == Some(n.id(sub1))));
    network.run_for(SECOND * 2);
    assert_eq!(path(&network, clients[3]), "/sub1/lower_sub3/client4");
    let says_so = |event: &Event| {
        let Event::MovingBack { lost, to, .. } = event else { return false };
        lost.as_str() == "sub2" && to.as_str() == "sub1"
    };
    assert!(was_told(&network, sub3, says_so));
}

#[test]
fn a_move_that_stood_its_trial_is_not_taken_back() {
    let Demonstration { mut network, sub2, sub3, clients, .. } = demonstration();
    let line = moving(vec![text("/sub2"), Value::Int(10)]);
    let done = network.call_and_confirm(clients[1], "/sub1/lower_sub3", &line);
    assert!(matches!(done, Outcome::Reply(_)), "{done:?}");
    network.run_for(SECOND * 11);
    network.crash(sub2);
    network.restart(sub2, SECOND);
    network.run_for(SECOND * 30);
    assert_eq!(path(&network, sub3), "/sub2/lower_sub3");
    let back = |event: &Event| matches!(event, Event::MovingBack { .. });
    assert!(!was_told(&network, sub3, back));
    let lost = |event: &Event| {
        matches!(event, Event::Disconnected { reason: CloseReason::Lost, returning: true, .. })
    };
    assert!(was_told(&network, sub3, lost));
}

#[test]
fn what_was_lost_with_a_link_about_an_edge_is_said_again() {
    // The new parent's word that the edge was taken is lost with its link; without hearing it again
    // the root would go on counting the old edge, and refuse what makes no cycle.
    for seed in 0..20 {
        let mut network = network(seed);
        let main = network.add(Role::MainServer, "");
        let [a, b, c] = ["a", "b", "c"].map(|name| network.add(Role::SubServer, name));
        for (server, higher) in [(a, main), (b, main), (c, a)] {
            joins(&mut network, server, higher);
        }
        assert!(network.run_until_quiet());
        let moving = network.begin_join(c, b);
        let id = network.id(b);
        network.run_until(SECOND, |n| n.home(c).parent == Some(id));
        network.break_wires(b, main);
        assert!(matches!(network.finish(moving), Outcome::Reply(_)), "seed {seed}");
        network.run_for(SECOND * 30);
        joins(&mut network, a, c);
        assert!(network.run_until_quiet());
        assert_eq!(path(&network, a), "/b/c/a", "seed {seed}");
    }
}

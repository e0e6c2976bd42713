//! Messages, requests and commands: up, down and across.

use super::*;
use ltn_proto::sim::{Asked, Line, Reaction};
use ltn_proto::{Answer, Content, Op, Target};

#[test]
fn everybody_reaches_everybody_by_path_over_any_number_of_layers() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    let mut hosts = vec![main, sub1, sub2, sub3];
    hosts.extend(clients);
    for speaker in hosts.clone() {
        for listener in &hosts {
            let to = path(&network, *listener);
            let said = format!("{speaker:?} to {listener:?}");
            assert_eq!(network.send(speaker, &to, &said), Outcome::Delivered, "{said}");
            assert_eq!(texts_heard(&network, *listener).last(), Some(&said));
        }
    }
}

#[test]
fn a_client_three_layers_down_reaches_the_main_server_and_its_clients() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    assert_eq!(network.send(clients[3], "/", "up"), Outcome::Delivered);
    assert_eq!(network.send(clients[3], "client1", "across"), Outcome::Delivered);
    assert_eq!(network.send(clients[3], "../../client3", "relative"), Outcome::Delivered);
    let id = network.id(clients[1]).to_string();
    assert_eq!(network.send(clients[3], &id, "by id"), Outcome::Delivered);
    assert_eq!(texts_heard(&network, main), ["up"]);
    assert_eq!(texts_heard(&network, clients[0]), ["across"]);
    assert_eq!(texts_heard(&network, clients[2]), ["relative"]);
    assert_eq!(texts_heard(&network, clients[1]), ["by id"]);
}

#[test]
fn requests_are_answered_up_down_and_across() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    for host in [main, clients[0], clients[3]] {
        network.offer(host, "echo");
    }
    let pairs = [
        (clients[3], "/"),
        (main, "/sub1/lower_sub3/client4"),
        (clients[0], "/sub1/lower_sub3/client4"),
        (clients[3], "/client1"),
    ];
    for (asker, target) in pairs {
        let outcome = network.request(asker, target, "echo", text("hello"));
        assert_eq!(outcome, Outcome::Reply(text("hello")), "{target}");
    }
}

#[test]
fn every_node_answers_for_itself() {
    let Demonstration { mut network, clients, .. } = demonstration();
    for (target, name) in [
        ("/", "SERVERDATA"),
        ("/sub1", "SERVERDATA"),
        ("/client2", "CLIENTDATA"),
        ("/sub2", "PING"),
        ("/sub1", "COMMANDS"),
        ("/client2", "COMMANDS"),
    ] {
        let outcome = network.request(clients[3], target, name, Value::Null);
        assert!(matches!(outcome, Outcome::Reply(_)), "{name} of {target}: {outcome:?}");
    }
}

#[test]
fn what_is_absent_is_said_at_once() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let before = network.now();
    let nobody = network.request(clients[3], "/sub2/nobody", "echo", Value::Null);
    let why = no_route(nobody);
    assert!(why.contains("nobody"), "{why}");
    no_route(network.send(clients[3], "somebody", "hello"));
    let absent = network.request(clients[3], "/client1", "absent", Value::Null);
    let why = refused(absent, RefusalKind::NotOffered);
    assert!(why.contains("absent") && why.contains("client1"), "{why}");
    let command = network.call(clients[3], "/sub2", &Line::new("s.absent", &[]));
    refused(command, RefusalKind::NotOffered);
    assert!(network.now().since(before) < SECOND * 2, "no time-out was waited for");
}

#[test]
fn a_value_that_is_the_name_it_was_asked_by_arrives() {
    let Demonstration { mut network, clients, .. } = demonstration();
    network.offer(clients[0], "lamp");
    let outcome = network.request(clients[3], "/client1", "lamp", text("lamp"));
    assert_eq!(outcome, Outcome::Reply(text("lamp")));
    let outcome = network.request(clients[3], "/client1", "lamp", Value::Null);
    assert_eq!(outcome, Outcome::Reply(Value::Null), "nothing is a value like any other");
}

#[test]
fn a_handler_that_fails_is_no_silence() {
    let Demonstration { mut network, clients, .. } = demonstration();
    network.offer(clients[0], "broken");
    network.react(|_, _, _| Reaction::now(Answer::Failed("out of paper".to_owned())));
    let outcome = network.request(clients[3], "/client1", "broken", Value::Null);
    assert_eq!(outcome, Outcome::Failed("out of paper".to_owned()));
}

#[test]
fn fifty_that_nobody_answers_end_as_unknown_and_leave_nothing_behind() {
    let Demonstration { mut network, clients, .. } = demonstration();
    network.offer(clients[0], "silent");
    network.react(|_, _, _| Reaction::Never);
    let asked: Vec<_> = (0..50)
        .map(|_| network.begin_request(clients[3], "/client1", "silent", Value::Null))
        .collect();
    let begun = network.now();
    for op in asked {
        assert!(matches!(network.finish(op), Outcome::Unknown(_)));
    }
    let took = network.now().since(begun);
    assert!(SECOND * 5 <= took && took <= SECOND * 5 + SECOND / 4, "{took:?}");
    network.run_for(SECOND);
    for host in [clients[0], clients[3]] {
        let seen = network.snapshot(host);
        assert_eq!((seen.open_requests, seen.inbound_requests), (0, 0));
    }
    network.react(|_, _, asked| Reaction::usual(asked));
    let outcome = network.request(clients[3], "/client1", "silent", text("again"));
    assert_eq!(outcome, Outcome::Reply(text("again")), "and the way is as good as before");
}

#[test]
fn a_late_answer_is_dropped() {
    let Demonstration { mut network, clients, .. } = demonstration();
    network.offer(clients[0], "slow");
    network.react(|_, _, asked| match asked {
        Asked::Request { argument, .. } => {
            Reaction::After(SECOND * 8, Answer::Value(argument.clone()))
        }
        other => Reaction::usual(other),
    });
    let outcome = network.request(clients[3], "/client1", "slow", text("x"));
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    network.run_for(SECOND * 10);
    let late = [clients[0], clients[3]].map(|host| network.snapshot(host).counters.late_replies);
    assert_eq!(late.iter().sum::<u64>(), 1);
}

#[test]
fn casts_arrive_in_the_order_they_were_said_in() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let said: Vec<String> = (0..40).map(|number| format!("number {number}")).collect();
    for words in &said {
        network.cast(clients[3], "/client2", words);
    }
    assert!(network.run_until_quiet());
    assert_eq!(texts_heard(&network, clients[1]), said);
}

#[test]
fn nothing_is_in_band() {
    let Demonstration { mut network, clients, .. } = demonstration();
    for words in ["", "s.shutdown()", "a\u{1b}[31mred", "<separator>", "[]", "\0"] {
        assert_eq!(network.send(clients[3], "/client1", words), Outcome::Delivered);
        assert_eq!(texts_heard(&network, clients[0]).last().map(String::as_str), Some(words));
    }
    let content = Content::Value(Value::List(Vec::new()));
    let to = Target::Id(network.id(clients[0]));
    let empty = content.clone();
    let op = network.begin(clients[3], |op| Op::Send { op, to, content, timeout: SECOND });
    assert_eq!(network.finish(op), Outcome::Delivered);
    let heard =
        |event: &Event| matches!(event, Event::Message { content, .. } if *content == empty);
    assert!(was_told(&network, clients[0], heard));
}

#[test]
fn a_message_of_many_frames_arrives_whole() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let long = "long ".repeat(100_000);
    assert_eq!(network.send(clients[3], "/client1", &long), Outcome::Delivered);
    assert_eq!(texts_heard(&network, clients[0]), [long]);
    let too_long = "x".repeat(2 * 1024 * 1024);
    refused(network.send(clients[3], "/client1", &too_long), RefusalKind::TooLarge);
}

#[test]
fn a_name_that_fits_two_nodes_is_refused_with_both() {
    let Demonstration { mut network, sub1, sub2, clients, .. } = demonstration();
    for server in [sub1, sub2] {
        let lamp = network.add(Role::Client, "lamp");
        joins(&mut network, lamp, server);
    }
    assert!(network.run_until_quiet());
    let why = refused(network.send(clients[0], "lamp", "on"), RefusalKind::BadTarget);
    assert!(why.contains("/sub1/lamp") && why.contains("/sub2/lamp"), "{why}");
    assert_eq!(network.send(clients[2], "lamp", "on"), Outcome::Delivered, "the near one");
}

#[test]
fn a_node_can_be_found_without_being_asked_anything() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let found = network.locate(clients[3], "client2");
    let Outcome::Reply(place) = found else { panic!("{found:?}") };
    assert_eq!(word(&place, "path"), "/client2");
    assert_eq!(word(&place, "id"), network.id(clients[1]).to_string());
    no_route(network.locate(clients[3], "client9"));
}

#[test]
fn whoever_is_not_joined_is_told_so_at_once() {
    let mut network = network(20);
    let client = network.add(Role::Client, "lonely");
    let to = Target::Parent;
    let content = Content::Text("hello".to_owned());
    let op = network.begin(client, |op| Op::Send { op, to, content, timeout: SECOND });
    refused(network.finish(op), RefusalKind::NotConnected);
    assert!(network.now().since_zero() < SECOND);
}

#[test]
fn a_node_that_moved_is_found_by_its_id_and_by_its_new_place() {
    let Demonstration { mut network, sub2, clients, .. } = demonstration();
    assert_eq!(network.send(clients[3], "/sub1/client3", "first"), Outcome::Delivered);
    let id = network.id(clients[2]).to_string();
    joins(&mut network, clients[2], sub2);
    assert!(network.run_until_quiet());
    assert_eq!(network.send(clients[3], &id, "by id"), Outcome::Delivered);
    assert_eq!(network.send(clients[3], "/sub2/client3", "there"), Outcome::Delivered);
    no_route(network.send(clients[1], "/sub1/client3", "who never knew it there"));
    assert_eq!(texts_heard(&network, clients[2]), ["first", "by id", "there"]);
}

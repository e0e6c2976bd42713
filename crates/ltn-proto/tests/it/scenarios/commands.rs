//! Commands, the rights they need, and the confirmations that dangerous ones want.

use super::*;
use ltn_proto::sim::Line;
use ltn_proto::{
    Arity, CommandSpec, Confirmation, Op, Parameter, ParameterKind, Permission, Permissions,
};

#[track_caller]
fn wants_confirmation(outcome: Outcome) -> Confirmation {
    match outcome {
        Outcome::Confirm(confirmation) => confirmation,
        other => panic!("{other:?} asks for no confirmation"),
    }
}

#[test]
fn a_confirmation_is_bound_to_actor_command_and_arguments_and_holds_once() {
    let Demonstration { mut network, sub1, sub2, clients, .. } = demonstration();
    let line = Line::new("s.shutdownserver", &["sub2"]);
    let token = wants_confirmation(network.call(clients[0], "/", &line)).token;
    let by_another = network.call(clients[1], "/", &line.clone().confirmed(token));
    refused(by_another, RefusalKind::BadToken);
    let token = wants_confirmation(network.call(clients[0], "/", &line)).token;
    let other_arguments = Line::new("s.shutdownserver", &["sub1"]).confirmed(token);
    refused(network.call(clients[0], "/", &other_arguments), RefusalKind::BadToken);
    let token = wants_confirmation(network.call(clients[0], "/", &line)).token;
    let other_command = Line::new("s.restartserver", &["sub2"]).confirmed(token);
    refused(network.call(clients[0], "/", &other_command), RefusalKind::BadToken);
    let made_up = line.clone().confirmed([7; 16]);
    refused(network.call(clients[0], "/", &made_up), RefusalKind::BadToken);
    assert!(network.is_up(sub1) && network.is_up(sub2), "nothing of this did anything");

    let token = wants_confirmation(network.call(clients[0], "/", &line)).token;
    let done = network.call(clients[0], "/", &line.clone().confirmed(token));
    assert_eq!(roll_call(&done), [("/sub2".to_owned(), "stopped".to_owned())]);
    assert!(!network.is_up(sub2));
    let again = network.call(clients[0], "/", &line.confirmed(token));
    assert!(matches!(again, Outcome::Refused(_)), "{again:?}");
}

#[test]
fn a_confirmation_is_good_for_its_target_alone() {
    let Demonstration { mut network, sub1, sub2, clients, .. } = demonstration();
    let line = Line::new("s.shutdown", &[]);
    let token = wants_confirmation(network.call(clients[0], "/sub1", &line)).token;
    let elsewhere = network.call(clients[0], "/sub2", &line.confirmed(token));
    refused(elsewhere, RefusalKind::BadToken);
    assert!(network.is_up(sub1) && network.is_up(sub2));
}

#[test]
fn a_confirmation_waits_thirty_seconds_and_no_longer() {
    let Demonstration { mut network, sub2, clients, .. } = demonstration();
    let line = Line::new("s.shutdownserver", &["sub2"]);
    let token = wants_confirmation(network.call(clients[0], "/", &line)).token;
    network.run_for(SECOND * 31);
    refused(network.call(clients[0], "/", &line.clone().confirmed(token)), RefusalKind::BadToken);
    assert!(network.is_up(sub2));
    let token = wants_confirmation(network.call(clients[0], "/", &line)).token;
    network.run_for(SECOND * 29);
    roll_call(&network.call(clients[0], "/", &line.confirmed(token)));
    assert!(!network.is_up(sub2));
}

#[test]
fn a_confirmation_dies_with_the_process_that_asked_for_it() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let line = Line::new("s.shutdownnetwork", &[]);
    let token = wants_confirmation(network.call(clients[0], "/", &line)).token;
    network.crash(main);
    network.restart(main, SECOND);
    network.run_for(SECOND * 20);
    refused(network.call(clients[0], "/", &line.confirmed(token)), RefusalKind::BadToken);
    assert!(network.is_up(main));
}

#[test]
fn who_lacks_the_permission_is_refused_at_once() {
    let mut network = network(30);
    let users_only = |config: &mut ltn_proto::NodeConfig| config.newcomers = Permissions::user();
    let main = network.add_with(Role::MainServer, "", users_only);
    let sub = network.add_with(Role::SubServer, "sub", users_only);
    let client = network.add(Role::Client, "client");
    joins(&mut network, sub, main);
    joins(&mut network, client, sub);
    assert!(network.run_until_quiet());
    for (target, line) in [
        ("/", Line::new("s.shutdownnetwork", &[])),
        ("/", Line::new("s.shutdownserver", &["sub"])),
        ("/sub", Line::new("s.sethigherserver", &["sim:0"])),
        ("/sub", Line::new("s.shutdown", &[])),
    ] {
        let why = refused(network.call(client, target, &line), RefusalKind::NoPermission);
        assert!(why.contains("admin"), "{why}");
    }
    let listed = network.call(client, "/", &Line::new("s.listnetwork", &[]));
    assert!(matches!(listed, Outcome::Reply(_)), "everybody may look: {listed:?}");
    let told = |event: &Event| matches!(event, Event::Connected { admin: false, .. });
    assert!(was_told(&network, client, told));
}

#[test]
fn arguments_that_do_not_fit_are_refused_before_anything_happens() {
    let Demonstration { mut network, clients, .. } = demonstration();
    for line in [
        Line::new("s.sethigherserver", &[]),
        Line::new("s.sethigherserver", &["127.0.0.1", "4000", "more"]),
        Line::new("s.listnetwork", &["more"]),
    ] {
        let target = if line == Line::new("s.listnetwork", &["more"]) { "/" } else { "/sub1" };
        refused(network.call(clients[0], target, &line), RefusalKind::BadArguments);
    }
}

#[test]
fn a_program_offers_a_command_and_takes_it_back() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let gate = Permission::word("gate").expect("a proper word");
    let spec = CommandSpec {
        name: "open".to_owned(),
        description: "opens the gate".to_owned(),
        category: "garden".to_owned(),
        parameters: vec![Parameter {
            name: "how_far".to_owned(),
            kind: ParameterKind::Int,
            arity: Arity::Required,
        }],
        permission: gate,
        dangerous: true,
        reach: ltn_proto::Reach::default(),
        foretold: false,
    };
    network.tell(clients[2], Op::OfferCommand { spec });
    let line = Line::with_values("open", vec![Value::Int(3)]);
    let first = network.call(clients[0], "/sub1/client3", &line);
    let token = wants_confirmation(first).token;
    let called = |event: &Event| matches!(event, Event::Called { .. });
    assert!(!was_told(&network, clients[2], called), "the handler waits for the second word");
    let done = network.call(clients[0], "/sub1/client3", &line.confirmed(token));
    assert_eq!(done, Outcome::Reply(Value::List(vec![Value::Int(3)])));
    assert!(was_told(&network, clients[2], called));
    let wrong = Line::new("open", &["wide"]);
    refused(network.call(clients[0], "/sub1/client3", &wrong), RefusalKind::BadArguments);
    network.tell(clients[2], Op::Withdraw { name: "open".to_owned() });
    let line = Line::with_values("open", vec![Value::Int(3)]);
    refused(network.call(clients[0], "/sub1/client3", &line), RefusalKind::NotOffered);
}

#[test]
fn a_server_restarts_by_order_and_everybody_comes_back() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    let places = paths(&network, main);
    let line = Line::new("s.restartserver", &["sub1"]);
    let report = network.call_and_confirm(clients[0], "/", &line);
    let roll = [("/sub1", "restarting"), ("/sub1/client3", "told")];
    assert_eq!(roll_call(&report), roll.map(|(path, how)| (path.to_owned(), how.to_owned())));
    network.run_for(SECOND * 60);
    assert_eq!(network.run_of(sub1), 2);
    assert_eq!(network.run_of(sub3), 1, "those below are not restarted");
    assert_eq!(paths(&network, main), places);
    assert!(network.snapshot(main).tree.iter().all(|node| node.stale_for.is_none()));
    assert_eq!(path(&network, clients[3]), "/sub1/lower_sub3/client4");
    assert_eq!(network.send(clients[3], "/client1", "back"), Outcome::Delivered);
}

#[test]
fn whoever_cannot_be_reached_is_named_in_the_roll_call_and_does_not_stop() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients, .. } = demonstration();
    network.cut_both_ways(sub1, sub3, SECOND * 100);
    network.run_for(SECOND * 15);
    let report = network.call_and_confirm(clients[0], "/", &Line::new("s.shutdownnetwork", &[]));
    let roll = roll_call(&report);
    let ended = |path: &str| {
        let lines: Vec<_> = roll.iter().filter(|line| line.0 == path).collect();
        assert_eq!(lines.len(), 1, "{path} in {roll:?}");
        lines[0].1.clone()
    };
    assert_eq!(ended("/sub1/lower_sub3"), "unreachable");
    assert_eq!(ended("/sub1"), "stopped");
    assert_eq!(ended("/sub2"), "stopped");
    assert_eq!(ended("/"), "stopping");
    network.run_for(SECOND * 100);
    for server in [main, sub1, sub2] {
        assert!(!network.is_up(server));
    }
    assert!(network.is_up(sub3), "a node that was cut off does not stop later");
    assert_eq!(network.send(clients[3], "..", "still here"), Outcome::Delivered);
}

#[test]
fn nobody_is_shut_down_by_a_name_that_fits_nobody() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let outcome =
        network.call_and_confirm(clients[0], "/", &Line::new("s.shutdownserver", &["sub9"]));
    let why = refused(outcome, RefusalKind::BadTarget);
    assert!(why.contains("sub9"), "{why}");
}

#[test]
fn several_servers_are_shut_down_by_one_order() {
    let Demonstration { mut network, sub1, sub2, sub3, clients, .. } = demonstration();
    let line = Line::new("s.shutdownserver", &["sub2", "/sub1/lower_sub3"]);
    let report = network.call_and_confirm(clients[0], "/", &line);
    let roll = [
        ("/sub1/lower_sub3", "stopped"),
        ("/sub1/lower_sub3/client4", "told"),
        ("/sub2", "stopped"),
    ];
    assert_eq!(roll_call(&report), roll.map(|(path, how)| (path.to_owned(), how.to_owned())));
    assert!(!network.is_up(sub2) && !network.is_up(sub3) && network.is_up(sub1));
}

#[test]
fn help_info_and_ping_answer_everybody() {
    let Demonstration { mut network, clients, .. } = demonstration();
    for command in ["s.help", "s.info", "s.ping"] {
        let outcome = network.call(clients[3], "..", &Line::new(command, &[]));
        assert!(matches!(outcome, Outcome::Reply(_)), "{command}: {outcome:?}");
    }
}

#[test]
fn help_with_what_is_not_there_is_no_success() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let help = |words: &[&str]| Line::new("s.help", words);
    let unknown = network.call(clients[0], "/", &help(&["s.info", "s.pingg"]));
    let text = refused(unknown, RefusalKind::NotOffered);
    assert!(text.contains("nothing here is called `s.pingg`; did you mean `s.ping`?"), "{text}");
    assert!(reply_text(network.call(clients[0], "/", &help(&["s.info"]))).contains("s.info"));
}

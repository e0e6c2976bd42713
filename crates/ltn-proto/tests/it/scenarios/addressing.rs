//! Whom one means: paths, names, stars and roles, and what is said where nobody is meant.

use super::*;
use ltn_proto::sim::{Asked, Line, Reaction};
use ltn_proto::{Addressee, Answer, Gathered, Whom, Wording};

fn selected(network: &mut Network, host: HostId, who: &str) -> Vec<String> {
    let (mut paths, outcome) = network.select(host, who);
    assert_eq!(outcome, Outcome::Reply(Value::Null), "{who}");
    paths.sort();
    paths
}

fn words(entries: &[Gathered]) -> Vec<(String, &'static str)> {
    let mut words: Vec<_> =
        entries.iter().map(|entry| (entry.path.to_string(), entry.outcome.word())).collect();
    words.sort();
    words
}

#[test]
fn stars_and_roles_find_everybody_they_fit_from_wherever_they_are_said() {
    let Demonstration { mut network, main, sub1, clients, .. } = demonstration();
    for host in [main, sub1, clients[3]] {
        assert_eq!(selected(&mut network, host, "/**").len(), 8);
        let all = selected(&mut network, host, "role=client");
        assert_eq!(all, ["/client1", "/client2", "/sub1/client3", "/sub1/lower_sub3/client4"]);
        assert_eq!(selected(&mut network, host, "/*/*"), ["/sub1/client3", "/sub1/lower_sub3"]);
        let servers = selected(&mut network, host, "role=server & /sub1/**");
        assert_eq!(servers, ["/sub1", "/sub1/lower_sub3"]);
        assert_eq!(selected(&mut network, host, "/**/client4").len(), 1);
        assert_eq!(selected(&mut network, host, "client4"), ["/sub1/lower_sub3/client4"]);
    }
    assert_eq!(selected(&mut network, clients[3], "../../*").len(), 2);
    assert_eq!(selected(&mut network, clients[3], "./**"), ["/sub1/lower_sub3/client4"]);
}

#[test]
fn a_visitor_speaks_from_the_server_it_visits() {
    let Demonstration { mut network, sub1, .. } = demonstration();
    let visitor = network.add(Role::Session, "");
    joins(&mut network, visitor, sub1);
    assert_eq!(selected(&mut network, visitor, "./*").len(), 2);
    assert_eq!(network.send(visitor, "./client3", "here"), Outcome::Delivered);
    assert_eq!(network.send(visitor, "../client1", "above"), Outcome::Delivered);
}

#[test]
fn a_path_that_leads_nowhere_names_the_nearest_that_is_there() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let mut why = |to: &str| no_route(network.send(clients[0], to, "hello"));
    let near = why("/sub1/clinet3");
    assert!(near.contains("/sub1 is there") && near.contains("mean /sub1/client3?"), "{near}");
    let far = why("/sub1/lower_sub3/x/y");
    assert!(far.contains("/sub1/lower_sub3 is there") && far.contains("client4"), "{far}");
    let empty = why("/sub2/lamp");
    assert!(empty.contains("/sub2 is there") && empty.contains("nor anybody else"), "{empty}");
    let name = why("lower_sub4");
    assert!(name.contains("did you mean `lower_sub3`?"), "{name}");
}

#[test]
fn nobody_is_no_success() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let (entries, outcome) = network.gather(clients[3], "/sub2/* & role=client", "PING");
    assert!(entries.is_empty());
    let why = refused(outcome, RefusalKind::BadTarget);
    assert!(why.contains("nobody fits") && why.contains("/sub2 is there"), "{why}");
    let (entries, outcome) = network.gather(clients[3], "/sub9/**", "PING");
    assert!(entries.is_empty());
    let why = no_route(outcome);
    assert!(why.contains("/ is there") && why.contains("/sub1"), "{why}");
}

#[test]
fn a_roll_call_names_everybody_once_with_how_it_ended() {
    let Demonstration { mut network, sub2, clients, .. } = demonstration();
    network.offer(clients[0], "watts");
    network.offer(clients[1], "watts");
    network.offer(clients[3], "watts");
    let (second, fourth) = (clients[1], clients[3]);
    network.react(move |host, _, asked| match asked {
        _ if host == second => Reaction::now(Answer::Failed("no sensor".to_owned())),
        _ if host == fourth => Reaction::Never,
        asked => Reaction::usual(asked),
    });
    let (entries, outcome) = network.gather(sub2, "role=client", "watts");
    assert_eq!(outcome, Outcome::Reply(Value::Null));
    let wanted = [
        ("/client1", "reply"),
        ("/client2", "failed"),
        ("/sub1/client3", "refused"),
        ("/sub1/lower_sub3/client4", "unknown"),
    ];
    assert_eq!(words(&entries), wanted.map(|(path, word)| (path.to_owned(), word)));
}

#[test]
fn who_is_out_of_reach_is_named_with_since_when_and_behind_whom() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    network.crash(sub1);
    network.run_for(SECOND * 15);
    let (entries, outcome) = network.gather(clients[0], "/**", "PING");
    assert_eq!(outcome, Outcome::Reply(Value::Null));
    let lost: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.outcome {
            Outcome::NoRoute(why) => Some((entry.path.to_string(), why.text.clone())),
            _ => None,
        })
        .collect();
    let behind = |path: &str, text: &str| lost.iter().any(|(p, t)| p == path && t.contains(text));
    assert!(behind("/sub1", "its own link is lost"), "{lost:?}");
    assert!(behind("/sub1/lower_sub3", "behind /sub1"), "{lost:?}");
    let answered = entries.iter().filter(|entry| entry.outcome.word() == "reply").count();
    assert_eq!(answered, 4, "/, sub2, client1 and client2: {:?}", words(&entries));
}

#[test]
fn a_fragment_is_gathered_from_inside_and_nobody_else_is_waited_for() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    network.crash(main);
    network.run_for(SECOND * 15);
    let before = network.now();
    let (entries, outcome) = network.gather(clients[2], "/sub1/**", "PING");
    assert_eq!(outcome, Outcome::Reply(Value::Null));
    assert_eq!(entries.len(), 4, "{:?}", words(&entries));
    let (_, outcome) = network.gather(clients[2], "/**", "PING");
    no_route(outcome);
    assert!(network.now().since(before) < SECOND * 2, "no time-out was waited for");
}

#[test]
fn two_thousand_are_read_in_pages_and_asked_a_few_at_a_time() {
    let mut network = network(40);
    let main = network.add(Role::MainServer, "");
    let mut servers = vec![main];
    for number in 0..20 {
        let sub = network.add(Role::SubServer, &format!("s{number}"));
        joins(&mut network, sub, main);
        servers.push(sub);
    }
    for number in 0..980 {
        let client = network.add(Role::Client, &format!("c{number}"));
        network.begin_join(client, servers[number % servers.len()]);
    }
    assert!(network.run_until_quiet());
    let asker = network.add(Role::Client, "asker");
    joins(&mut network, asker, servers[3]);
    let (paths, outcome) = network.select(asker, "/**");
    assert_eq!((paths.len(), outcome), (1_002, Outcome::Reply(Value::Null)));
    let (entries, outcome) = network.gather(asker, "/**", "PING");
    assert_eq!(outcome, Outcome::Reply(Value::Null));
    assert_eq!(entries.iter().filter(|entry| entry.outcome.word() == "reply").count(), 1_002);
}

#[test]
fn a_server_that_dies_between_two_pages_breaks_the_list_off_and_says_so() {
    let mut network = network(41);
    let servers = chain(&mut network, 1);
    for number in 0..900 {
        let client = network.add(Role::Client, &format!("client-number-{number}"));
        network.begin_join(client, servers[0]);
        if number % 100 == 99 {
            assert!(network.run_until_quiet(), "not all at once: a server lets 128 wait");
        }
    }
    let whom = Whom::Fitting("/**".parse().unwrap());
    let what = Wording::Request { name: "PING".to_owned(), argument: Value::Null };
    let op = network.begin_gather(servers[1], whom, what);
    assert!(network.run_until(SECOND, |network| !network.gathered(servers[1], op).is_empty()));
    network.crash(servers[0]);
    let outcome = network.finish(op);
    let named = network.gathered(servers[1], op);
    assert!(!matches!(outcome, Outcome::Reply(_)), "{outcome:?} with {} named", named.len());
    assert!(network.snapshot(servers[1]).open_requests == 0);
}

#[test]
fn a_dangerous_command_to_many_shows_whom_first_and_each_has_its_own_token() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    let what = || Wording::Call { command: "s.shutdown".to_owned(), arguments: Vec::new() };
    let whom = Whom::Fitting("role=server".parse().unwrap());
    let op = network.begin_gather(clients[3], whom, what());
    assert_eq!(network.finish(op), Outcome::Reply(Value::Null));
    let mut addressees = Vec::new();
    for Gathered { id, path, outcome, .. } in network.gathered(clients[3], op) {
        let Outcome::Confirm(confirmation) = outcome else { panic!("{path}: {outcome:?}") };
        addressees.push(Addressee { id, path, token: Some(confirmation.token) });
    }
    assert_eq!(addressees.len(), 4);
    assert!([main, sub1, sub2, sub3].iter().all(|host| !has_stopped(&network, *host)));
    // One who asks for another's token is refused.
    let other = addressees[0].token.unwrap();
    let line = Line::new("s.shutdown", &[]).confirmed(other);
    let to = addressees[1].path.to_string();
    refused(network.call(clients[3], &to, &line), RefusalKind::BadToken);
    let op = network.begin_gather(clients[3], Whom::These(addressees), what());
    assert_eq!(network.finish(op), Outcome::Reply(Value::Null));
    let ended = words(&network.gathered(clients[3], op));
    assert!(ended.iter().all(|(_, word)| *word == "reply"), "{ended:?}");
    network.run_for(SECOND);
    assert!([main, sub1, sub2, sub3].iter().all(|host| has_stopped(&network, *host)));
}

#[test]
fn the_asker_that_stops_ends_its_roll_call() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    network.offer(clients[0], "silent");
    network.react(|_, _, asked| match asked {
        Asked::Request { .. } => Reaction::Never,
        other => Reaction::usual(other),
    });
    let whom = Whom::Fitting("/client1 & role=client".parse().unwrap());
    let what = Wording::Request { name: "silent".to_owned(), argument: Value::Null };
    let op = network.begin_gather(main, whom, what);
    network.run_for(SECOND);
    network.stop(main, false);
    network.run_for(SECOND);
    assert!(network.outcome(op).is_some());
    assert_eq!(words(&network.gathered(main, op)), [("/client1".to_owned(), "unknown")]);
}

//! Stories of whole networks, each told by one test and named after what it tells. They run in
//! the simulator: no sockets, no waiting, the same every time.

mod addressing;
mod claims;
mod commands;
mod durable;
mod moves;
mod moving;
mod orders;
mod outcomes;
mod people;
mod pointing;
mod reference;
mod remembering;
mod returning;
mod rights;
mod seed;
mod services;
mod sleeping;
mod statements;
mod strangers;
mod talking;
mod trouble;
mod watching;

use std::time::Duration;

use ltn_proto::sim::{HostId, Network};
use ltn_proto::{Event, NodeConfig, Outcome, Permissions, RefusalKind, Role, TreeNode, Value};

use crate::model::trace_if_wanted;

const SECOND: Duration = Duration::from_secs(1);

/// An empty network for a story.
fn network(seed: u64) -> Network {
    let mut network = Network::new(seed);
    trace_if_wanted(&mut network);
    network
}

/// Whoever joins this server may do nothing in particular there.
fn users_only(config: &mut NodeConfig) {
    config.newcomers = Permissions::user();
}

/// The instances of the seed's demonstration, joined as its cells 7 to 13 do it.
struct Demonstration {
    network: Network,
    main: HostId,
    sub1: HostId,
    sub2: HostId,
    sub3: HostId,
    /// `client1` to `client4`.
    clients: [HostId; 4],
}

fn demonstration() -> Demonstration {
    let mut network = network(1);
    let main = network.add(Role::MainServer, "");
    let sub1 = network.add(Role::SubServer, "sub1");
    let sub2 = network.add(Role::SubServer, "sub2");
    let sub3 = network.add(Role::SubServer, "lower_sub3");
    for (server, higher) in [(sub1, main), (sub2, main), (sub3, sub1)] {
        joins(&mut network, server, higher);
    }
    let mut clients = [main; 4];
    for (number, server) in [main, main, sub1, sub3].into_iter().enumerate() {
        clients[number] = network.add(Role::Client, &format!("client{}", number + 1));
        joins(&mut network, clients[number], server);
    }
    assert!(network.run_until_quiet());
    Demonstration { network, main, sub1, sub2, sub3, clients }
}

/// A chain of servers, each below the one before, the main server first.
fn chain(network: &mut Network, layers: usize) -> Vec<HostId> {
    let mut servers = vec![network.add(Role::MainServer, "")];
    for layer in 1..=layers {
        let server = network.add(Role::SubServer, &format!("sub{layer}"));
        joins(network, server, servers[layer - 1]);
        servers.push(server);
    }
    assert!(network.run_until_quiet());
    servers
}

fn joins(network: &mut Network, host: HostId, server: HostId) {
    let outcome = network.join(host, server);
    assert_eq!(outcome, Outcome::Reply(Value::Null), "{host:?} joins {server:?}");
}

/// The refusal's text, if it was refused for this reason.
#[track_caller]
fn refused(outcome: Outcome, kind: RefusalKind) -> String {
    match outcome {
        Outcome::Refused(refusal) if refusal.kind == kind => refusal.text,
        other => panic!("{other:?} is no refusal of kind {kind:?}"),
    }
}

#[track_caller]
fn no_route(outcome: Outcome) -> String {
    match outcome {
        Outcome::NoRoute(no_route) => no_route.text,
        other => panic!("{other:?} does not say that there is no route"),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[track_caller]
fn reply_text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Reply(Value::Text(text)) => text,
        other => panic!("{other:?} is no text"),
    }
}

fn path(network: &Network, host: HostId) -> String {
    network.snapshot(host).path.to_string()
}

/// The paths in a server's map.
fn paths(network: &Network, server: HostId) -> Vec<String> {
    network.snapshot(server).tree.iter().map(|node| node.path.to_string()).collect()
}

/// One node's line in a server's map.
#[track_caller]
fn line(network: &Network, server: HostId, host: HostId) -> TreeNode {
    let found = network.snapshot(server).tree.into_iter().find(|node| node.id == network.id(host));
    found.unwrap_or_else(|| panic!("{server:?} does not list {host:?}"))
}

/// Was this host told something that fits?
fn was_told(network: &Network, host: HostId, fits: impl FnMut(&Event) -> bool) -> bool {
    network.history().told(host).any(fits)
}

/// The texts that reached a program, in order.
fn texts_heard(network: &Network, host: HostId) -> Vec<String> {
    let texts = network.history().told(host).filter_map(|event| match event {
        Event::Message { content: ltn_proto::Content::Text(text), .. } => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

fn has_stopped(network: &Network, host: HostId) -> bool {
    was_told(network, host, |event| matches!(event, Event::Stopped { .. }))
}

/// What a roll call says: path and outcome of each, sorted.
#[track_caller]
fn roll_call(outcome: &Outcome) -> Vec<(String, String)> {
    let Outcome::Reply(Value::Map(reply)) = outcome else { panic!("{outcome:?} is no report") };
    let Some(Value::List(lines)) = reply.get("roll_call") else {
        panic!("{reply:?} has no roll call")
    };
    let mut roll: Vec<_> =
        lines.iter().map(|line| (word(line, "path"), word(line, "outcome"))).collect();
    roll.sort();
    roll
}

#[track_caller]
fn word(line: &Value, key: &str) -> String {
    match line {
        Value::Map(line) => match line.get(key) {
            Some(Value::Text(text)) => text.clone(),
            other => panic!("{key} is {other:?}"),
        },
        other => panic!("{other:?} is no map"),
    }
}

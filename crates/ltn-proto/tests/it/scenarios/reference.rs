//! What people who come from the reference type and ask for, and no other story tells: the facts
//! about a node, being sent elsewhere, and what a server may tell its connections to do.

use super::*;
use ltn_proto::sim::Line;
use ltn_proto::{NodeConfig, Permissions};

#[track_caller]
fn facts(network: &mut Network, asker: HostId, target: &str, name: &str) -> Vec<(String, Value)> {
    match network.request(asker, target, name, Value::Null) {
        Outcome::Reply(Value::Map(facts)) => facts.into_iter().collect(),
        other => panic!("{name} of {target}: {other:?}"),
    }
}

#[track_caller]
fn fact<'a>(facts: &'a [(String, Value)], key: &str) -> &'a Value {
    let found = facts.iter().find(|(known, _)| known == key);
    &found.unwrap_or_else(|| panic!("no {key} in {facts:?}")).1
}

#[test]
fn serverdata_and_clientdata_have_the_facts_that_they_had() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let main = facts(&mut network, clients[3], "/", "SERVERDATA");
    for key in ["description", "server_version", "uptime_seconds", "requestables", "socks"] {
        fact(&main, key);
    }
    assert_eq!(fact(&main, "servername"), &text("Mainserver"));
    assert_eq!(fact(&main, "layer"), &Value::Int(0));
    assert_eq!(fact(&main, "max_message_size"), &Value::Int(1 << 20));
    assert_eq!(fact(&main, "max_username_length"), &Value::Int(64));
    let Value::List(commands) = fact(&main, "servercommands") else { panic!("{main:?}") };
    assert!(commands.contains(&text("s.listnetwork")) && !commands.contains(&text("s.cth")));
    let sub = facts(&mut network, clients[0], "/sub1/lower_sub3", "SERVERDATA");
    assert_eq!(fact(&sub, "layer"), &Value::Int(2));
    assert_ne!(fact(&sub, "higher_addr"), &Value::Null);
    let client = facts(&mut network, clients[0], "/sub1/client3", "CLIENTDATA");
    for key in ["description", "client_version", "commands", "requestables", "serveraddr"] {
        fact(&client, key);
    }
    assert_eq!(fact(&client, "username"), &text("client3"));
    let ping = network.request(clients[0], "/sub1/client3", "PING", Value::Null);
    assert!(matches!(ping, Outcome::Reply(Value::Float(_))), "{ping:?}");
    let tree = network.request(clients[3], "/", "LISTNETWORK", Value::Null);
    assert!(matches!(tree, Outcome::Reply(Value::List(ref nodes)) if nodes.len() == 8), "{tree:?}");
}

#[test]
fn connectto_sends_a_client_to_an_address_or_to_a_server_by_its_name() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    let by_name = network.call(clients[0], "/", &Line::new("s.connectto", &["sub2"]));
    assert_eq!(reply_text(by_name), "client1 is joined to sub2 now");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[0]), "/sub2/client1");
    let address = network.address(sub1).to_string();
    let (ip, port) = address.rsplit_once(':').expect("an address has a port");
    let port = Value::Int(port.parse().expect("a port is a number"));
    let line = Line::with_values("s.connectto", vec![text(ip), port]);
    assert_eq!(reply_text(network.call(clients[0], "..", &line)), "client1 is joined to sub1 now");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[0]), "/sub1/client1");
    // Where nobody is, nobody is sent, and the client stays.
    for nowhere in ["nobody", "10.9.9.9:1"] {
        let said = network.call(clients[0], "..", &Line::new("s.connectto", &[nowhere]));
        assert!(matches!(said, Outcome::Refused(_)), "{nowhere}: {said:?}");
    }
    assert_eq!(path(&network, clients[0]), "/sub1/client1");
}

#[test]
fn a_sub_server_that_asks_for_the_higher_server_moves_up_a_layer_with_all_below() {
    let Demonstration { mut network, main, sub3, clients, .. } = demonstration();
    let said = network.call(sub3, "..", &Line::new("s.connecttohigher", &[]));
    assert_eq!(reply_text(said), "lower_sub3 is joined to Mainserver now");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, sub3), "/lower_sub3");
    assert_eq!(path(&network, clients[3]), "/lower_sub3/client4");
    let [server, client] = [sub3, clients[3]].map(|host| line(&network, main, host).path.layer());
    assert_eq!((server, client), (1, 2));
    // Above the main server there is nothing, and it says so.
    let top = network.call(sub3, "..", &Line::new("s.cth", &[]));
    assert!(refused(top, RefusalKind::NotOffered).contains("sub-servers have it"));
}

#[test]
fn a_server_tells_its_connections_to_be_renamed_to_go_elsewhere_and_to_leave() {
    let mut network = network(7);
    let users_only = |config: &mut NodeConfig| config.newcomers = Permissions::user();
    let main = network.add_with(Role::MainServer, "", users_only);
    let sub = network.add_with(Role::SubServer, "sub", users_only);
    let [ann, bob] = ["ann", "bob"].map(|name| network.add_with(Role::Client, name, users_only));
    for (host, server) in [(sub, main), (ann, main), (bob, main)] {
        joins(&mut network, host, server);
    }
    let address = network.address(sub).to_string();
    let orders = [
        Line::new("changename", &["eve"]),
        Line::new("connect", &[&address]),
        Line::new("disconnect", &[]),
    ];
    // Nobody else tells a client what to do.
    for order in &orders {
        refused(network.call(bob, "/ann", order), RefusalKind::NoPermission);
    }
    assert!(matches!(network.call(main, "/ann", &orders[0]), Outcome::Reply(_)));
    assert!(matches!(network.call(main, "/eve", &orders[1]), Outcome::Reply(_)));
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, ann), "/sub/eve");
    // Who is not its server any more is not obeyed either.
    refused(network.call(main, "/sub/eve", &orders[2]), RefusalKind::NoPermission);
    assert!(matches!(network.call(sub, "./eve", &orders[2]), Outcome::Reply(_)));
    network.run_for(SECOND * 60);
    assert!(!paths(&network, main).iter().any(|path| path.ends_with("eve")), "it stays away");
}

#[test]
fn a_permission_of_ones_own_is_given_back() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let none = network.call(clients[0], "/", &Line::new("s.removerights", &["gate"]));
    assert!(matches!(none, Outcome::Refused(_)), "{none:?}");
    let got = network.call(clients[0], "/", &Line::new("s.getrights", &["gate", "bell"]));
    assert_eq!(reply_text(got), "client1 holds admin, bell, gate, user at Mainserver");
    let left = network.call(clients[0], "/", &Line::new("s.removerights", &["gate"]));
    assert_eq!(reply_text(left), "client1 holds admin, bell, user at Mainserver");
}

#[test]
fn a_command_of_another_kind_of_node_is_said_to_be_there() {
    let Demonstration { mut network, clients, .. } = demonstration();
    for (target, command, whose) in [
        ("/sub1", "s.shutdownnetwork", "the main server, `/`, has it"),
        ("/", "s.sethigherserver", "sub-servers have it"),
        ("/client2", "s.info", "servers have it"),
        ("/", "disconnect", "the main server joins nobody"),
        ("/", "s.pnig", "did you mean `s.ping`?"),
    ] {
        let said = network.call(clients[0], target, &Line::new(command, &[]));
        let said = refused(said, RefusalKind::NotOffered);
        assert!(said.contains(whose), "{command} at {target}: {said}");
    }
}

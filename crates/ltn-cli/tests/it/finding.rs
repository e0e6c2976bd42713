//! `ltn find`, and verbs without `--to`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::alone::told_elsewhere;
use crate::members::{address_in, main_server, member, network};
use crate::process::{Ended, Running, run, run_with, visit};
use crate::state::Place;

/// A state directory that lives as long as its test.
struct State(PathBuf);

impl State {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        Self(path.join(format!("state-{name}-{}", std::process::id())))
    }

    fn servers(&self) -> PathBuf {
        self.0.join("ltn/servers")
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let path = self.0.to_str().expect("the path of the target directory is UTF-8");
        run_with(&[("XDG_STATE_HOME", path)], arguments)
    }

    fn find(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let ended = self.run(&[&["find", "--open", "--json"], arguments].concat());
        let found = serde_json::from_str(ended.stdout.trim());
        (ended.code, found.unwrap_or_else(|_| panic!("no JSON: {} {}", ended.stdout, ended.stderr)))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn port_of(address: &str) -> &str {
    address.rsplit(':').next().expect("there is always a last part")
}

#[test]
fn find_shows_who_answers_and_its_code_is_honest() {
    let state = State::new("find");
    let (main, address) = Running::main_server();
    let port = port_of(&address);
    let (code, found) = state.find(&["--ports", port]);
    assert_eq!(code, Some(0));
    assert_eq!(found["servers"].as_array().map(Vec::len), Some(1), "{found}");
    let server = &found["servers"][0];
    assert_eq!((&server["address"], &server["mode"]), (&address.as_str().into(), &"open".into()));
    assert_eq!(server["found_by"], Value::from(vec!["scan"]));
    let asked = visit(&address, &["tree", "--json"]);
    let tree: Value = serde_json::from_str(&asked.stdout).expect("it is JSON");
    assert_eq!(server["id"], tree["tree"][0]["id"]);

    let table = state.run(&["find", "--open", "--on", "localhost", "--ports", port]);
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", table.stdout);
    assert!(lines[0].starts_with("ADDRESS") && lines[1].starts_with(&address));
    assert_eq!(lines[2], "1 server found; looked at 1 of 1 addresses");

    drop(main);
    let nobody = state.run(&["find", "--open", "--on", "127.0.0.1", "--ports", port]);
    assert_eq!(nobody.code, Some(2));
    assert_eq!(nobody.stdout.trim(), "no server found; looked at 1 of 1 addresses");
}

#[test]
fn what_cannot_be_searched_is_said_and_nobody_is_dialed() {
    let state = State::new("refused");
    for (arguments, part) in [
        (&["--on", "192.0.2.1"][..], "loopback addresses only"),
        (&["--on", "127.0.0.1:4000"], "no address of a machine"),
        (&["--ports", "0"], "0 stands for any free one"),
        (&["--ports", "all"], "no port expression"),
        (&["--ports", "1-65535"], "are more than 65536 for one search"),
        (&["--timeout", "0"], "--timeout 0"),
    ] {
        let ended = state.run(&[&["find", "--open"], arguments].concat());
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(ended.stderr.contains(part), "{arguments:?}: {}", ended.stderr);
    }
    let modeless = state.run(&["find"]);
    assert_eq!(modeless.code, Some(2));
    assert!(modeless.stderr.contains("ltn find --open"), "{}", modeless.stderr);
}

#[test]
fn without_to_the_server_that_was_joined_last_is_taken() {
    let state = State::new("memory");
    let (_first, first) = Running::main_server();
    let (second, last) = Running::main_server();
    for address in [&first, &last] {
        let pinged = state.run(&["ping", "/", "--count", "1", "--open", "--to", address]);
        assert_eq!(pinged.code, Some(0), "{}", pinged.stderr);
    }
    let drawn = state.run(&["tree", "--open"]);
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    assert!(drawn.stderr.contains(&format!("no --to: taking {last}, ")), "{}", drawn.stderr);
    let ways = |found: &Value, address: &str| {
        let servers = found["servers"].as_array().expect("it is a list").clone();
        let server = servers.into_iter().find(|server| server["address"] == address);
        server.map(|server| server["found_by"].clone())
    };
    let (_, found) = state.find(&[]);
    for address in [&first, &last] {
        let ways = ways(&found, address).unwrap_or_else(|| panic!("{address} in {found}"));
        assert_eq!(ways[0], "remembered");
    }
    drop(second);
    let drawn = state.run(&["tree", "--open"]);
    assert!(drawn.stderr.contains(&format!("no --to: taking {first}, ")), "{}", drawn.stderr);
}

#[test]
fn a_damaged_memory_is_said_and_stops_nothing() {
    let state = State::new("damaged");
    let (_main, address) = Running::main_server();
    fs::create_dir_all(state.servers().parent().expect("it has a folder")).expect("it is ours");
    fs::write(state.servers(), "nonsense\n").expect("it is ours");
    let arguments = ["ping", "/", "--count", "1", "--open", "--to", &address];
    let pinged = state.run(&arguments);
    assert_eq!(pinged.code, Some(0), "{}", pinged.stderr);
    assert!(pinged.stderr.contains("going on without it"), "{}", pinged.stderr);
    let again = state.run(&arguments);
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""), "it was written anew");
    let text = fs::read_to_string(state.servers()).expect("it is there");
    assert!(text.ends_with(&format!("open {address}\n")), "{text}");
}

#[test]
fn servers_are_found_without_to_and_by_their_announcement() {
    if told_elsewhere("finding::servers_are_found_without_to_and_by_their_announcement") {
        return;
    }
    let state = State::new("alone");
    let nobody = state.run(&["tree", "--open"]);
    assert_eq!(nobody.code, Some(2), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("no server is found on this machine"), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("ltn main --open"), "{}", nobody.stderr);

    let mut first = Running::start(&["main", "--open"]);
    let at_first = first.address();
    let only = state.run(&["tree", "--open"]);
    assert_eq!(only.code, Some(0), "{}", only.stderr);
    assert!(only.stderr.contains("the only server on this machine"), "{}", only.stderr);

    let mut second = Running::start(&["main", "--open"]);
    let at_second = second.address();
    fs::remove_dir_all(&state.0).expect("it was remembered");
    let several = state.run(&["send", "/", "hello", "--open"]);
    assert_eq!(several.code, Some(2), "{}", several.stderr);
    let named = format!("2 servers are on this machine: {at_first}, {at_second}");
    assert!(several.stderr.contains(&named), "{}", several.stderr);
    assert!(several.stderr.contains(&format!("--to {at_first}")), "{}", several.stderr);

    let mut third =
        Running::start(&["main", "--open", "--port", "5000", "--data-port", "0", "--announce"]);
    let at_third = third.address();
    let elsewhere = ["--ports", "1", "--mdns", "--first", "--timeout", "60"];
    let (code, found) = state.find(&elsewhere);
    assert_eq!(code, Some(0), "{found}");
    assert_eq!(found["servers"][0]["address"], at_third.as_str(), "{found}");
    assert_eq!(found["servers"][0]["found_by"], Value::from(vec!["announcement"]));
}

#[test]
fn servers_of_this_network_are_found_and_others_are_told_apart() {
    let place = Place::new("found");
    let (_main, state) = network(&place);
    let lamp = member(&place, &state, "lamp", &[]);
    let away = place.of("away");
    run(&["init", "away", "--state", &away]);
    let _stranger = main_server(&away);
    let (_open, open) = Running::main_server();
    let (ours, theirs) = (address_in(&state), address_in(&away));
    let port = |address: &str| address.rsplit(':').next().expect("there is one").to_owned();
    let ports = [&ours, &theirs, &open].map(|address| port(address)).join(",");
    let here = ["--ports", &ports, "--on", "127.0.0.1", "--state", &lamp];
    let found = run(&[&["find"][..], &here].concat());
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let is = |address: &str, what: &str| {
        let line = found.stdout.lines().find(|line| line.starts_with(address));
        assert!(line.is_some_and(|line| line.contains(what)), "{what}: {}", found.stdout);
    };
    is(&ours, "this network: /");
    is(&theirs, "another network");
    is(&open, "an open network, or something else");
    assert!(found.stdout.contains("1 server found; looked at 3 of 3"), "{}", found.stdout);
    let told = run(&[&["find", "--json"][..], &here].concat()).stdout;
    assert!(told.contains("\"path\":\"/\"") && told.contains("\"others\":[{"), "{told}");
    // A network that is not there is not found, though others are.
    let none = run(&["find", "--ports", &port(&theirs), "--on", "127.0.0.1", "--state", &lamp]);
    assert_eq!(none.code, Some(2), "{}", none.stdout);
    let nobody = run(&["find", "--state", &place.of("nobody")]);
    assert!(nobody.stderr.contains("no member here"), "{}", nobody.stderr);
    let silent = run(&[&["find", "--mdns"][..], &here].concat());
    assert!(silent.stderr.contains("do not announce themselves"), "{}", silent.stderr);
}

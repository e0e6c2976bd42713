//! A network with members, as people make one: `ltn init`, `invite`, `join`, and what comes after.

use crate::process::{Ended, Running, run};
use crate::state::Place;

/// A new network, and its main server at some port.
fn network(place: &Place) -> (Running, String) {
    let state = place.of("main");
    let made = run(&["init", "home", "--state", &state]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(made.stdout.contains("ltn main") && made.stdout.contains("ltn invite"));
    (main_server(&state), state)
}

fn main_server(state: &str) -> Running {
    let ports = ["--listen", "127.0.0.1", "--port", "0", "--data-port", "0"];
    let mut main = Running::start(&[&["main", "--state", state][..], &ports].concat());
    main.expect("is running at 127.0.0.1:");
    main
}

/// The invite alone, as a script gets it.
fn invite(state: &str, more: &[&str]) -> String {
    let made = run(&[&["invite", "--state", state][..], more].concat());
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let line = made.stdout.trim().to_owned();
    assert!(line.starts_with("ltn1") && !line.contains(char::is_whitespace), "{line}");
    line
}

fn join(line: &str, state: &str) -> Ended {
    run(&["join", line, "--state", state])
}

fn member(place: &Place, main: &str, name: &str, more: &[&str]) -> String {
    let line = invite(main, &[&["--name", name][..], more].concat());
    let state = place.of(name);
    let joined = join(&line, &state);
    assert_eq!(joined.code, Some(0), "{}", joined.stderr);
    assert!(joined.stdout.contains(name), "{}", joined.stdout);
    state
}

fn client(state: &str) -> Running {
    let mut client = Running::start(&["client", "--state", state]);
    client.expect("Connected to");
    client
}

#[test]
fn a_network_is_made_joined_looked_at_and_left_without_an_address_or_a_name() {
    let place = Place::new("life");
    let (main, state) = network(&place);
    let hall = member(&place, &state, "hall", &["--role", "sub-server"]);
    let ports = ["--listen", "127.0.0.1", "--port", "0"];
    let mut hall_server = Running::start(&[&["sub", "--state", &hall][..], &ports].concat());
    hall_server.expect("hall is running at");
    hall_server.expect("connected with Mainserver");
    let lamp = member(&place, &state, "lamp", &[]);
    let mut lamp_client = client(&lamp);
    lamp_client.expect("Registered as 'lamp'");

    // Beside each of them, and several visits at the same time, which throw nobody out.
    for directory in [&state, &hall, &lamp] {
        let watching = Running::start(&["tree", "--watch", "--state", directory]);
        for _ in 0..3 {
            let tree = run(&["tree", "--state", directory]);
            assert_eq!(tree.code, Some(0), "{}", tree.stderr);
            assert!(tree.stdout.contains("hall") && tree.stdout.contains("lamp"));
        }
        drop(watching);
    }
    let asked = run(&["ask", "/hall", "SERVERDATA", "--state", &lamp]);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    let sent = run(&["send", "/lamp", "it is dark", "--state", &hall]);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    lamp_client.expect("it is dark");

    // The owner of the main server may everything, a member no more than everybody.
    let asked = run(&["run", "/hall", "s.attributes", "--state", &lamp]);
    assert_eq!(asked.code, Some(2), "{}", asked.stdout);
    let asked = run(&["run", "/hall", "s.attributes", "--state", &state]);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);

    let unasked = run(&["revoke", "lamp", "--state", &state]);
    assert_eq!(unasked.code, Some(2), "{}", unasked.stdout);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let out = run(&["revoke", "lamp", "--state", &state, "--yes"]);
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    lamp_client.expect("revoked");
    drop(lamp_client);
    for verb in [&["tree"][..], &["client"]] {
        let refused = run(&[verb, &["--state", &lamp]].concat());
        assert_eq!(refused.code, Some(2), "{verb:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
    }
    let members = run(&["members", "--state", &state]);
    assert!(members.stdout.contains("lamp: client, out"), "{}", members.stdout);
    drop((main, hall_server));
}

#[test]
fn a_network_goes_on_where_it_was_after_everybody_was_killed() {
    let place = Place::new("again");
    let (main, state) = network(&place);
    let hall = member(&place, &state, "hall", &["--role", "sub-server"]);
    let ports = ["--listen", "127.0.0.1", "--port", "0"];
    let sub = [&["sub", "--state", &hall][..], &ports].concat();
    let mut hall_server = Running::start(&sub);
    hall_server.expect("connected with Mainserver");
    // Dropped is killed, without a word.
    drop((main, hall_server));
    let mut hall_server = Running::start(&sub);
    hall_server.expect("hall is running at");
    let _main = main_server(&state);
    hall_server.expect("connected with Mainserver");
    let tree = run(&["tree", "--state", &state]);
    assert!(tree.stdout.contains("hall"), "{}", tree.stdout);
}

#[test]
fn invites_are_made_and_members_thrown_out_while_the_main_server_does_not_run() {
    let place = Place::new("rest");
    let state = place.of("main");
    run(&["init", "home", "--state", &state]);
    let made = run(&["invite", "--state", &state]);
    assert!(made.stderr.contains("names no address"), "{}", made.stderr);
    let main = main_server(&state);
    drop(main);
    let line = invite(&state, &["--name", "lamp"]);
    let lamp = place.of("lamp");
    let early = join(&line, &lamp);
    assert_eq!(early.code, Some(2), "{}", early.stderr);
    assert!(early.stderr.contains("was not used"), "{}", early.stderr);
    let main = main_server(&state);
    // At the same port as before: the invite is still right, and so is the directory.
    let joined = join(&line, &lamp);
    assert_eq!(joined.code, Some(0), "{}", joined.stderr);
    drop(main);
    let out = run(&["revoke", "lamp", "--yes", "--state", &state]);
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    let _main = main_server(&state);
    let refused = run(&["client", "--state", &lamp]);
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
}

//! Servers that go and come: by Ctrl-C, for good, and those that stand in for them.

use std::process::Command;

use crate::process::{Running, visit};

/// As the system stops a process.
fn terminate(process: &Running) {
    let id = process.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().expect("it runs");
    assert!(killed.success());
}

#[test]
fn a_main_server_that_is_started_again_finds_everybody_back() {
    let (mut main, address) = Running::main_server();
    let mut hall = Running::start(&["sub", "hall", "--to", &address, "--open", "--port", "0"]);
    let at_hall = hall.address();
    main.expect("hall joined");
    let mut lamp = Running::start(&["client", "lamp", "--to", &at_hall, "--open"]);
    lamp.expect("Registered as 'lamp'");
    terminate(&main);
    assert_eq!(main.wait().code, Some(0));
    let told = hall.expect("went away and may come back");
    assert!(told.contains("trying to come back"), "{told}");
    let port = address.rsplit(':').next().unwrap();
    let mut again = Running::start(&["main", "--open", "--port", port, "--data-port", "0"]);
    again.expect("hall joined as a server");
    let found = visit(&address, &["ping", "/hall/lamp", "--count", "1"]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
}

#[test]
fn a_client_goes_to_its_backup_and_keeps_its_name() {
    let (mut main, address) = Running::main_server();
    let hall = ["sub", "hall", "--to", &address, "--open", "--port", "0"];
    let mut hall = Running::start(&hall);
    let at_hall = hall.address();
    main.expect("hall joined");
    let to = ["client", "lamp", "--to", &at_hall, "--backup", &address, "--open"];
    let mut lamp = Running::start(&to);
    lamp.expect("Registered as 'lamp'");
    drop(hall);
    lamp.expect("connected with Mainserver");
    let found = visit(&address, &["ping", "/lamp", "--count", "1"]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
}

//! Servers that go and come: by Ctrl-C, for good, and those that stand in for them.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
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

#[test]
fn a_network_file_ended_by_the_system_stops_its_own_and_nobody_else() {
    // A port that is free now; the network comes back to it.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let port = port.expect("the system has free ports").port();
    let text = format!(
        "open = true\n[[server]]\nname = 'main'\nport = {port}\ndata_port = 0\n\
         [[server]]\nname = 'hall'\nparent = 'main'\nport = 0\n\
         [[client]]\nname = 'lamp'\nparent = 'hall'\n"
    );
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("away.toml");
    fs::write(&file, text).expect("the scratch directory of the tests can be written");
    let words = ["up", file.to_str().expect("it was made of text")];
    let mut up = Running::start(&words);
    let address = up.address();
    up.expect("The network is up");
    let mut guest = Running::start(&["sub", "guest", "--to", &address, "--open", "--port", "0"]);
    guest.expect("connected with Mainserver");
    up.expect("guest joined");
    terminate(&up);
    let ended = up.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for path in ["/hall/lamp", "/hall  ", "2 servers and 1 client: all ended as told"] {
        assert!(ended.stdout.contains(path), "{}", ended.stdout);
    }
    assert!(!ended.stdout.contains("/guest"), "{}", ended.stdout);
    guest.expect("went away and may come back");
    let mut again = Running::start(&words);
    again.expect("guest joined");
    guest.expect("connected with Mainserver");
    // Only an order stops it too.
    let stopped = visit(&address, &["shutdown", "--yes"]);
    assert!(stopped.stdout.contains("/guest"), "{}", stopped.stdout);
    assert_eq!((guest.wait().code, again.wait().code), (Some(0), Some(0)));
    fs::remove_file(&file).expect("it was written");
}

//! `ltn main` and `ltn sub` as processes of their own.

use crate::process::{Running, run, visit};

#[test]
fn a_port_in_use_is_one_clear_line() {
    let (_main, address) = Running::main_server();
    let port = address.rsplit(':').next().unwrap();
    let second = run(&["main", "--open", "--port", port, "--data-port", "0"]);
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("Mainserver did not start"), "{}", second.stderr);
    assert!(second.stderr.contains(port), "{}", second.stderr);
    assert_eq!(visit(&address, &["ping", "/", "--count", "1"]).code, Some(0));
}

#[test]
fn a_sub_server_waits_for_its_parent_and_carries_what_passes() {
    let (first, address) = Running::main_server();
    assert_eq!(visit(&address, &["shutdown", "--yes"]).code, Some(0));
    assert_eq!(first.wait().code, Some(0));

    let mut sub = Running::start(&["sub", "hall", "--to", &address, "--open", "--port", "0"]);
    let hall = sub.address();
    sub.expect("next attempt in");
    sub.expect("next attempt in");
    let port = address.rsplit(':').next().unwrap();
    let mut main = Running::start(&["main", "--open", "--port", port, "--data-port", "0"]);
    main.expect("hall joined as a server");
    sub.expect("connected with Mainserver");

    let mut lamp = Running::start(&["client", "lamp", "--to", &hall, "--open"]);
    lamp.expect("Registered as 'lamp'");
    lamp.type_line("@/ from two layers down");
    main.expect("/hall/lamp> from two layers down");
    let pinged = visit(&address, &["ping", "/hall/lamp", "--count", "1"]);
    assert_eq!(pinged.code, Some(0), "{}", pinged.stderr);

    let stopped = visit(&address, &["run", "/", "s.shutdownserver", "hall", "--yes"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(sub.wait().code, Some(0));
    lamp.expect("disconnected from hall");
    assert_eq!(lamp.wait().code, Some(0));
    main.expect("hall is gone");
}

//! `ltn move`: rehearsed, refused, done.

use crate::process::{Running, visit};

#[test]
fn a_server_moves_by_the_command_line() {
    let (mut main, address) = Running::main_server();
    let sub = |name: &str| {
        let mut sub = Running::start(&["sub", name, "--to", &address, "--open", "--port", "0"]);
        sub.expect("connected with Mainserver");
        sub
    };
    let (_hall, _attic) = (sub("hall"), sub("attic"));
    main.expect("attic joined");

    let dry = visit(&address, &["move", "/hall", "--under", "/attic", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stdout.contains("->  /attic/hall  (layer 1 -> 2)"), "{}", dry.stdout);
    assert!(dry.stdout.contains("nothing was done"), "{}", dry.stdout);
    let unasked = visit(&address, &["move", "/hall", "--under", "/attic"]);
    assert_eq!(unasked.code, Some(2), "{}", unasked.stdout);

    let words = ["move", "hall", "--under", "attic", "--return-after", "5m", "--yes", "--json"];
    let moved = visit(&address, &words);
    assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    let json: serde_json::Value = serde_json::from_str(&moved.stdout).unwrap();
    assert_eq!(json["path"], "/attic/hall");

    let cycle = visit(&address, &["move", "/attic", "--under", "/attic/hall", "--dry-run"]);
    assert_eq!(cycle.code, Some(2), "{}", cycle.stdout);
    assert!(cycle.stderr.contains("attic – hall – attic"), "{}", cycle.stderr);
    let nowhere = visit(&address, &["move", "/attic", "--under", "/cellar", "--yes"]);
    assert_eq!(nowhere.code, Some(2), "{}", nowhere.stdout);
}

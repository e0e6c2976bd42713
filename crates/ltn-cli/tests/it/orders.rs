//! `ltn shutdown` and `ltn restart` of a part of the network.

use crate::process::{Running, visit};

#[test]
fn a_part_of_the_network_is_restarted_and_shut_down_by_its_path() {
    let (mut main, address) = Running::main_server();
    let sub = Running::sub_server;
    let (mut hall, at_hall) = sub("hall", &address);
    let (attic, _) = sub("attic", &at_hall);
    main.expect("hall joined");
    let unasked = visit(&address, &["shutdown", "/hall"]);
    assert_eq!(unasked.code, Some(2));
    assert!(unasked.stderr.contains("with all 1 below it will shut down"), "{}", unasked.stderr);
    for target in ["/hall (id:", "/hall/attic (id:"] {
        assert!(unasked.stderr.contains(target), "{}", unasked.stderr);
    }
    let alone = visit(&address, &["shutdown", "/hall", "--alone"]);
    assert!(alone.stderr.contains("go on without it"), "{}", alone.stderr);

    let restarted = visit(&address, &["restart", "/hall", "--yes"]);
    assert_eq!(restarted.code, Some(0), "{}", restarted.stderr);
    assert!(restarted.stdout.contains("/hall/attic"), "{}", restarted.stdout);
    let told = ["under way: 2 nodes in all", "1 of 2  /hall/attic  restarting", "2 of 2  /hall  "];
    assert!(told.iter().all(|line| restarted.stderr.contains(line)), "{}", restarted.stderr);
    hall.expect("is restarting");
    hall.expect("connected with Mainserver");
    main.expect("hall joined");
    hall.expect("attic joined");

    let stopped = visit(&address, &["shutdown", "/hall", "--yes", "--json"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    let roll: serde_json::Value = serde_json::from_str(&stopped.stdout).unwrap();
    let paths: Vec<_> = roll["roll_call"].as_array().unwrap().iter().collect();
    assert_eq!(paths.len(), 2, "{}", stopped.stdout);
    assert!(paths.iter().all(|entry| entry["outcome"] == "stopped"), "{}", stopped.stdout);
    assert_eq!((hall.wait().code, attic.wait().code), (Some(0), Some(0)));
    assert_eq!(visit(&address, &["ping", "/", "--count", "1"]).code, Some(0), "it goes on");
}

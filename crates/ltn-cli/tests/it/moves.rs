//! `ltn move`: rehearsed, refused, done.

use crate::members::{invite, member, network};
use crate::process::{Running, run, visit};
use crate::state::Place;

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

/// The nearest server that knew the name said whom it means.
#[test]
fn a_name_that_the_nearest_server_gives_to_another_one_moves_nobody() {
    let place = Place::new("named");
    let (_main, state) = network(&place);
    let local = ["--listen", "127.0.0.1", "--port", "0", "--data-port", "0"];
    let hall = member(&place, &state, "hall", &["--role", "sub-server"]);
    let mut hall = Running::start(&[&["sub", "--state", &hall][..], &local].concat());
    let at_hall = hall.address();
    hall.expect("connected with");
    let nameless = |at: &str, role| {
        let (line, directory) = (invite(&state, &["--role", role]), place.of(at));
        assert_eq!(run(&["join", &line, "--state", &directory]).code, Some(0));
        directory
    };
    let (server, client) = (nameless("server", "sub-server"), nameless("client", "client"));
    let mut yard = Running::start(&[&["sub", "yard", "--state", &server][..], &local].concat());
    yard.expect("connected with");
    let _other = Running::start(&["client", "yard", "--state", &client, "--to", &at_hall]);
    hall.expect("yard joined");

    let network = ["--state", &state, "--to", &at_hall];
    for dry_run in [true, false] {
        let how = if dry_run { "--dry-run" } else { "--yes" };
        let words = ["move", "/hall", "--under", "yard", how];
        let refused = run(&[&words[..], &network].concat());
        assert_eq!(refused.code, Some(2), "{}", refused.stdout);
        assert!(refused.stderr.contains("others are called so"), "{}", refused.stderr);
    }
    let moved = run(&[&["move", "/hall", "--under", "/yard", "--yes"][..], &network].concat());
    assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    assert!(moved.stderr.contains("/hall will be /yard/hall"), "{}", moved.stderr);
}

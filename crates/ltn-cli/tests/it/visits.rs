//! Short visits: they answer, they tell with their exit code how it went, and no list shows them.

use crate::process::{Running, paths, visit};

#[test]
fn the_tree_holds_everybody_but_the_visitor() {
    let (_main, address) = Running::main_server();
    let mut lamp = Running::start(&["client", "lamp", "--to", &address, "--open"]);
    lamp.expect("Registered as 'lamp'");
    let drawn = visit(&address, &["tree"]);
    assert_eq!(drawn.code, Some(0));
    let lines: Vec<&str> = drawn.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", drawn.stdout);
    assert!(lines[0].contains("0 servers  1 client") && lines[1].contains("lamp"));

    let listed = visit(&address, &["tree", "--json"]);
    let tree: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(tree["complete"], true);
    assert_eq!(paths(&tree["tree"]), ["/", "/lamp"]);
    assert_eq!(tree["tree"][1]["parent"], tree["tree"][0]["id"]);
}

#[test]
fn each_verb_answers_and_its_code_is_honest() {
    let (mut main, address) = Running::main_server();
    let sent = visit(&address, &["send", "/", "a visit"]);
    assert_eq!((sent.code, sent.stdout.trim()), (Some(0), "delivered to /"));
    main.expect("> a visit");
    let pinged = visit(&address, &["ping", "/", "--count", "2", "--json"]);
    assert_eq!(pinged.code, Some(0));
    let last: serde_json::Value =
        serde_json::from_str(pinged.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["answered"], &last["sent"]), (&2.into(), &2.into()));
    let asked = visit(&address, &["ask", "/", "SERVERDATA", "--json"]);
    let data: serde_json::Value = serde_json::from_str(&asked.stdout).unwrap();
    assert_eq!(data["value"]["servername"], "Mainserver");
    let ran = visit(&address, &["run", "/", "s.info()"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("Mainserver"), "{}", ran.stdout);

    let nobody = visit(&address, &["send", "/nobody", "hi"]);
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.stderr.contains("/nobody") && nobody.stderr.contains("Certainly not done"));
    assert_eq!(visit(&address, &["ask", "/", "NOSUCH"]).code, Some(2));
    let pong = visit(&address, &["run", "/", "s.pong()"]);
    assert!(pong.stderr.contains("did you mean `s.ping`? Certainly not"), "{}", pong.stderr);
    let socket = visit(&address, &["pipe", "/", "echo"]);
    assert!(socket.stderr.contains("/ refused: no data socket `echo`"), "{}", socket.stderr);
    let json = visit(&address, &["run", "/", "s.nosuch", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &error["ending"]), (Some(2), &"none".into()));
}

#[test]
fn nobody_stops_a_network_by_accident() {
    let (main, address) = Running::main_server();
    let refused = visit(&address, &["shutdown"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("the whole network will shut down"), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing was done"), "{}", refused.stderr);
    assert_eq!(visit(&address, &["ping", "/", "--count", "1"]).code, Some(0), "it is still up");

    let stopped = visit(&address, &["shutdown", "--yes", "--json"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    let roll: serde_json::Value = serde_json::from_str(&stopped.stdout).unwrap();
    assert_eq!(roll["roll_call"].as_array().unwrap().len(), 1, "a visitor is not on the roll");
    assert_eq!(roll["roll_call"][0]["outcome"], "stopping");
    assert_eq!(main.wait().code, Some(0));
    let gone = visit(&address, &["tree"]);
    assert_eq!(gone.code, Some(2));
    assert!(gone.stderr.contains("is it running?"), "{}", gone.stderr);
}

#[test]
fn many_are_told_of_one_by_one_and_counted() {
    let (_main, address) = Running::main_server();
    let mut lamp = Running::start(&["client", "lamp", "--to", &address, "--open"]);
    lamp.expect("Registered as 'lamp'");
    let pinged = visit(&address, &["ping", "/**"]);
    assert_eq!(pinged.code, Some(0), "{}", pinged.stderr);
    let lines: Vec<&str> = pinged.stdout.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("/lamp  ")), "{}", pinged.stdout);
    assert_eq!(lines.last(), Some(&"2 nodes: 2 answered"));

    let asked = visit(&address, &["ask", "/**", "SERVERDATA", "--json"]);
    assert_eq!(asked.code, Some(1), "a client has no data of servers");
    let lines: Vec<serde_json::Value> =
        asked.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().any(|line| line["path"] == "/lamp" && line["outcome"] == "refused"));
    assert_eq!((&lines[2]["answered"], &lines[2]["refused"]), (&1.into(), &1.into()));

    assert_eq!(visit(&address, &["send", "role=client", "dinner"]).code, Some(0));
    lamp.expect("> dinner");
    lamp.type_line("@role=server&/** good night");
    lamp.expect("/  delivered");
    lamp.type_line("@/** s.shutdown()");
    lamp.expect("/  nothing is done yet: Mainserver will shut down");
    lamp.type_line("@/nobody/* hello");
    lamp.expect("/ is there");
    let nobody = visit(&address, &["ask", "role=sub-server", "PING"]);
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.stderr.contains("nobody fits"), "{}", nobody.stderr);
    let near = visit(&address, &["send", "/lmap", "on"]);
    assert!(near.stderr.contains("did you mean /lamp?"), "{}", near.stderr);
}

#[test]
fn a_dangerous_command_to_many_names_them_first() {
    let (main, address) = Running::main_server();
    let asked = visit(&address, &["run", "role=server", "s.shutdown"]);
    assert_eq!(asked.code, Some(2), "{}", asked.stdout);
    assert!(asked.stderr.contains("/ (id:"), "{}", asked.stderr);
    assert!(asked.stderr.contains("nothing was done"), "{}", asked.stderr);
    let done = visit(&address, &["run", "role=server", "s.shutdown", "--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(main.wait().code, Some(0));
}

#[test]
fn every_verb_takes_a_selector_and_says_who_it_is_that_nobody_fits() {
    let (mut main, address) = Running::main_server();
    let sub = Running::sub_server;
    let (mut hall, at_hall) = sub("hall", &address);
    let ((low1, _), (low2, _), (_attic, _)) =
        (sub("low1", &at_hall), sub("low2", &at_hall), sub("attic", &address));
    hall.expect("low2 joined");
    main.expect("attic joined");

    let listed = visit(&address, &["ls", "/hall/*", "--json"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let json: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(paths(&json["nodes"]), ["/hall/low1", "/hall/low2"]);

    for words in [
        &["ls", "/hall/*/x"][..],
        &["ping", "/hall/*/x"],
        &["send", "/hall/*/x", "hello"],
        &["ask", "/hall/*/x", "PING"],
        &["run", "/hall/*/x", "s.info()"],
        &["move", "/hall/*/x", "--under", "/attic", "--yes"],
        &["shutdown", "/hall/*/x", "--yes"],
        &["restart", "/hall/*/x", "--yes"],
        &["run", "/", "s.shutdownserver('/hall/*/x')"],
    ] {
        let nobody = visit(&address, words);
        assert_eq!(nobody.code, Some(2), "{words:?}: {}", nobody.stdout);
        assert!(nobody.stderr.contains("/hall is there, with 2 below it"), "{}", nobody.stderr);
    }

    let dry = visit(&address, &["move", "/hall/*", "--under", "/attic", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(
        dry.stdout.contains("/attic/low1") && dry.stdout.contains("/attic/low2"),
        "{}",
        dry.stdout
    );
    let unasked = visit(&address, &["move", "/hall/*", "--under", "/attic"]);
    assert_eq!(unasked.code, Some(2), "{}", unasked.stdout);
    assert!(unasked.stderr.contains("/hall/low1 (id:"), "{}", unasked.stderr);
    let moved = visit(&address, &["move", "/hall/*", "--under", "/attic", "--yes"]);
    assert_eq!(moved.code, Some(0), "{}\n{}", moved.stdout, moved.stderr);
    assert!(moved.stdout.contains("2 nodes: 2 answered"), "{}", moved.stdout);
    let again = visit(&address, &["move", "/attic/*", "--under", "/attic", "--yes"]);
    assert!(again.stderr.contains("are below /attic already"), "{}", again.stderr);

    let whole = visit(&address, &["shutdown", "/**", "--yes"]);
    assert!(whole.stderr.contains("means the main server too"), "{}", whole.stderr);
    let unasked = visit(&address, &["shutdown", "/attic/*"]);
    assert_eq!(unasked.code, Some(2));
    for path in ["/attic/low1 (id:", "/attic/low2 (id:"] {
        assert!(unasked.stderr.contains(path), "{}", unasked.stderr);
    }
    let stopped = visit(&address, &["shutdown", "/attic/*", "--yes"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!((low1.wait().code, low2.wait().code), (Some(0), Some(0)));
    let restarted = visit(&address, &["restart", "role=sub-server & /*", "--alone", "--yes"]);
    assert_eq!(restarted.code, Some(0), "{}", restarted.stderr);
    hall.expect("is restarting");
}

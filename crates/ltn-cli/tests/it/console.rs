//! `ltn client`: what people type and what they see.

use crate::process::{Running, run, visit};

fn client(name: &str, address: &str) -> Running {
    let mut client = Running::start(&["client", name, "--to", address, "--open"]);
    client.expect(&format!("Registered as '{name}'"));
    client
}

#[test]
fn two_terminals_talk() {
    let (mut main, address) = Running::main_server();
    let mut lamp = client("lamp", &address);
    main.expect("lamp joined as a client");
    let mut door = client("door", &address);

    lamp.type_line("hello from the lamp");
    main.expect("/lamp> hello from the lamp");
    lamp.type_line("@/door good morning, door");
    door.expect("/lamp> good morning, door");
    door.type_line("@lamp good morning, lamp");
    lamp.expect("/door> good morning, lamp");

    lamp.type_line("s.listnetwork()");
    lamp.expect("Mainserver (127.0.0.1)");
    lamp.expect("door");
    lamp.end_input();
    assert_eq!(lamp.wait().code, Some(0));
    main.expect("lamp is gone");
}

#[test]
fn a_script_gets_all_its_answers_in_order() {
    let (mut main, address) = Running::main_server();
    let mut script = client("script", &address);
    for line in ["one", "s.nosuch()", "s.mute('x)", "@/nobody two", "three", "s.help()"] {
        script.type_line(line);
    }
    let ended = script.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let place = |part: &str| {
        ended.stdout.find(part).unwrap_or_else(|| panic!("{part:?} is not in:\n{}", ended.stdout))
    };
    assert!(place("s.nosuch") < place("nobody"));
    assert!(place("nobody") < place("s.listnetwork"), "help comes last:\n{}", ended.stdout);
    assert!(ended.stdout.contains("not closed"));
    main.expect("/script> one");
    main.expect("/script> three");
}

#[test]
fn a_dangerous_command_wants_to_be_repeated() {
    let (main, address) = Running::main_server();
    let mut boss = client("boss", &address);
    // Both lines at once: the second must wait for the answer to the first.
    boss.type_line("s.shutdownnetwork()");
    boss.type_line("s.shutdownnetwork()");
    boss.expect("repeat the line within 30 s");
    boss.expect("under way: 2 nodes in all");
    boss.expect("of 2  /boss  told");
    boss.expect("all ended as told");
    boss.expect("disconnected from Mainserver: it is shutting down");
    assert_eq!(boss.wait().code, Some(0), "told by the server, not lost");
    let ended = main.wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("all ended as told"), "{}", ended.stdout);
}

#[test]
fn a_text_that_is_too_large_is_told_and_the_rest_goes_on() {
    let (mut main, address) = Running::main_server();
    let mut lamp = client("lamp", &address);
    lamp.type_line(&"x".repeat(2 * 1024 * 1024));
    lamp.expect("Certainly not done: the text");
    lamp.type_line("a short one");
    main.expect("/lamp> a short one");
}

#[test]
fn what_steers_a_terminal_is_not_shown() {
    let (mut main, address) = Running::main_server();
    let mut lamp = client("lamp", &address);
    lamp.type_line("red \u{1b}[31malert\u{202e}!");
    assert!(main.expect("/lamp> red").ends_with("/lamp> red [31malert!"));
    let bad_name = run(&["client", "a\u{1b}[2Jb", "--to", &address, "--open"]);
    assert_eq!(bad_name.code, Some(2));
    assert!(!bad_name.stderr.contains('\u{1b}'), "{:?}", bad_name.stderr);
}

#[test]
fn a_client_without_a_server_fails_at_once() {
    let (main, address) = Running::main_server();
    assert_eq!(visit(&address, &["shutdown", "--yes"]).code, Some(0));
    assert_eq!(main.wait().code, Some(0));
    let alone = run(&["client", "lamp", "--to", &address, "--open"]);
    assert_eq!(alone.code, Some(1));
    assert!(alone.stderr.contains("ltn main"), "{}", alone.stderr);
}

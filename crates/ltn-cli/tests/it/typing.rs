//! `ltn client` at a terminal: keys go in, and a screen comes out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::process::{Running, run, visit};
use crate::pty::Terminal;

const UP: &str = "\u{1b}[A";
const CONTROL_C: &str = "\u{3}";
const CONTROL_D: &str = "\u{4}";

/// A directory for what the program keeps; it goes with the test.
struct State(PathBuf);

impl State {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ltn-{name}-{}", std::process::id()));
        Self(path)
    }

    fn history(&self) -> PathBuf {
        self.0.join("ltn/console-history")
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // There may be none.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lamp(address: &str, variables: &[(&str, &str)], state: &Path) -> Terminal {
    let arguments = ["client", "lamp", "--to", address, "--open"];
    let mut lamp = Terminal::start(&arguments, variables, state);
    lamp.last_line("/lamp>");
    lamp
}

/// Types a line, sends it off, and waits for the next one to be begun.
fn enter(lamp: &mut Terminal, line: &str) {
    lamp.press(line);
    lamp.last_line(&format!("/lamp> {line}"));
    lamp.press("\r");
    lamp.last_line("/lamp>");
}

#[test]
fn a_message_does_not_tear_the_line_that_is_being_typed() {
    let (mut main, address) = Running::main_server();
    let state = State::new("tear");
    let mut lamp = lamp(&address, &[], &state.0);
    let mut door = Running::start(&["client", "door", "--to", &address, "--open"]);
    door.expect("Registered as 'door'");

    lamp.press("half a li");
    lamp.last_line("/lamp> half a li");
    door.type_line("@/lamp somebody rings");
    lamp.shows("/door> somebody rings");
    lamp.last_line("/lamp> half a li");
    lamp.wait_until("the message above the line", |lines| {
        lines[lines.len() - 2].ends_with("/door> somebody rings")
    });
    lamp.press("ne");
    lamp.last_line("/lamp> half a line");
    lamp.press("\r");
    main.expect("/lamp> half a line");
    lamp.last_line("/lamp>");
    enter(&mut lamp, "s.listnetwork()");
    lamp.shows("  Mainserver (127.0.0.1)");
    lamp.last_line("/lamp>");
    lamp.press(CONTROL_D);
    assert_eq!(lamp.ends().0, Some(0));
}

#[test]
fn tab_completes_with_what_the_network_offers() {
    let (mut main, address) = Running::main_server();
    let state = State::new("tab");
    let mut lamp = lamp(&address, &[], &state.0);
    let mut door = Running::start(&["client", "frontdoor", "--to", &address, "--open"]);
    door.expect("Registered as 'frontdoor'");
    main.expect("frontdoor joined");

    lamp.press("s.listn\t");
    lamp.last_line("/lamp> s.listnetwork()");
    lamp.press("\u{15}@/fro\t");
    lamp.last_line("/lamp> @/frontdoor");
    lamp.press("good evening\r");
    door.expect("/lamp> good evening");
    lamp.last_line("/lamp>");
    lamp.press("s.shutdo\t");
    lamp.shows("s.shutdownserver(name_or_path, …)");
    lamp.press("ser\t");
    lamp.wait_until("the command", |lines| {
        lines.last().is_some_and(|last| last.starts_with("/lamp> s.shutdownserver("))
    });
    lamp.shows("stop these servers, wherever they are");
    lamp.press("fro\t");
    lamp.wait_until("the name", |lines| {
        lines.last().is_some_and(|last| last.starts_with("/lamp> s.shutdownserver(frontdoor"))
    });
    lamp.press(CONTROL_C);
    lamp.last_line("/lamp>");
    lamp.press(CONTROL_C);
    assert_eq!(lamp.ends().0, Some(0), "Ctrl-C on an empty line ends it");
}

#[test]
fn lines_are_remembered_and_keys_are_not() {
    let (mut main, address) = Running::main_server();
    let state = State::new("history");
    let mut lamp = lamp(&address, &[], &state.0);
    enter(&mut lamp, "the first line");
    main.expect("/lamp> the first line");
    lamp.press("s.setadminkey(sesame)");
    lamp.last_line("/lamp> s.setadminkey(******)");
    lamp.press("\r");
    lamp.last_line("/lamp>");
    lamp.press(UP);
    lamp.last_line("/lamp> the first line");
    lamp.press(CONTROL_C);
    lamp.last_line("/lamp>");
    lamp.press(CONTROL_D);
    let (code, written) = lamp.ends();
    assert_eq!(code, Some(0));
    assert!(!written.contains("sesame"), "{written:?}");

    let kept = fs::read_to_string(state.history()).unwrap();
    assert!(kept.contains("the first line") && !kept.contains("sesame"), "{kept}");
    let mode = fs::metadata(state.history()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // The next one remembers what was typed in the last one.
    let mut again = self::lamp(&address, &[], &state.0);
    again.press(UP);
    again.last_line("/lamp> the first line");
}

/// Answers what is asked at a terminal; at the end it says so.
fn answering(words: &[&str], answers: &[(&str, &str)], end: &str) -> (Option<i32>, String) {
    let mut asked = Terminal::start(words, &[], Path::new("/nowhere"));
    for (question, answer) in answers {
        asked.last_line(question);
        asked.press(&format!("{answer}\r"));
    }
    asked.shows(end);
    asked.ends()
}

#[test]
fn a_passphrase_is_not_shown_and_a_new_one_is_typed_twice() {
    let state = State::new("secret");
    let of = |name: &str| state.0.join(name).to_str().unwrap().to_owned();
    let (main, file) = (of("main"), of("home.ltn"));
    assert_eq!(run(&["init", "home", "--state", &main]).code, Some(0));
    let backup = ["backup", &file, "--state", &main];
    let alone = run(&backup);
    assert_eq!(alone.code, Some(2), "{}", alone.stdout);
    assert!(alone.stderr.contains("--passphrase-file"), "{}", alone.stderr);

    let (once, again) = (("Passphrase:", "open sesame"), ("The same again:", "open sesame"));
    let differ = [once, (again.0, "open simsim")];
    let (code, written) = answering(&backup, &differ, "not the same, so nothing was done");
    assert_eq!(code, Some(2), "{written}");
    assert!(!written.contains("open s"), "{written}");
    assert!(!Path::new(&file).exists());

    let (code, written) = answering(&backup, &[once, again], "The network is in");
    assert_eq!(code, Some(0), "{written}");
    assert!(!written.contains("open s") && Path::new(&file).exists(), "{written}");
    let restored = of("restored");
    let restore = ["restore", &file, "--state", &restored];
    let (code, written) = answering(&restore, &[(once.0, "open simsim")], "is wrong");
    assert_eq!(code, Some(2), "{written}");
    let (code, written) = answering(&restore, &[once], "starts its main server");
    assert_eq!(code, Some(0), "{written}");
    assert!(!written.contains("open s"), "{written}");
}

#[test]
fn who_stops_at_a_question_that_hides_keys_sees_his_keys_again() {
    let state = State::new("stopped");
    let of = |name: &str| state.0.join(name).to_str().unwrap().to_owned();
    let (main, file) = (of("main"), of("home.ltn"));
    assert_eq!(run(&["init", "home", "--state", &main]).code, Some(0));
    for keys in [&format!("open se{CONTROL_C}"), CONTROL_D] {
        let backup = ["backup", &file, "--state", &main];
        let mut asked = Terminal::start(&backup, &[], Path::new("/nowhere"));
        asked.last_line("Passphrase:");
        asked.press("open sesame\r");
        asked.last_line("The same again:");
        asked.press(keys);
        asked.shows("stopped at the question, so nothing was done");
        let (code, written) = asked.ends();
        assert_eq!(code, Some(2), "{written}");
        assert!(!written.contains("open s"), "{written}");
    }
    assert!(!Path::new(&file).exists());
}

#[test]
fn without_colours_there_are_none() {
    let (_main, address) = Running::main_server();
    let state = State::new("colour");
    let colours = |variables: &[(&str, &str)]| {
        let mut lamp = lamp(&address, variables, &state.0);
        enter(&mut lamp, "s.nosuch()");
        lamp.shows("! ");
        lamp.last_line("/lamp>");
        lamp.press(CONTROL_D);
        let (code, written) = lamp.ends();
        assert_eq!(code, Some(0));
        written
            .split("\u{1b}[")
            .skip(1)
            .filter(|sequence| {
                sequence
                    .trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                    .starts_with('m')
            })
            .count()
    };
    assert_eq!(colours(&[("NO_COLOR", "1")]), 0);
    assert!(colours(&[]) > 0);
}

#[test]
fn a_terminal_that_can_do_nothing_gets_plain_lines() {
    let (mut main, address) = Running::main_server();
    let state = State::new("dumb");
    let arguments = ["client", "lamp", "--to", &address, "--open"];
    let mut lamp = Terminal::start(&arguments, &[("TERM", "dumb")], &state.0);
    lamp.shows("this node is /lamp");
    lamp.press("hello\n");
    main.expect("/lamp> hello");
    lamp.press(CONTROL_D);
    let (code, written) = lamp.ends();
    assert_eq!(code, Some(0));
    assert!(!written.contains('\u{1b}'), "{written:?}");
}

#[test]
fn the_terminal_is_given_back_when_the_server_ends_in_the_middle_of_a_line() {
    let (main, address) = Running::main_server();
    let state = State::new("end");
    let mut lamp = lamp(&address, &[], &state.0);
    lamp.press("half a li");
    lamp.last_line("/lamp> half a li");
    assert_eq!(visit(&address, &["shutdown", "--yes"]).code, Some(0));
    lamp.shows("disconnected from Mainserver: it is shutting down");
    assert_eq!(lamp.ends().0, Some(0));
    assert_eq!(main.wait().code, Some(0));
}

#[test]
fn a_dangerous_line_is_typed_twice() {
    let (main, address) = Running::main_server();
    let state = State::new("twice");
    let mut lamp = lamp(&address, &[], &state.0);
    enter(&mut lamp, "s.shutdownnetwork()");
    lamp.shows("repeat the line within 30 s");
    lamp.last_line("/lamp>");
    lamp.press(UP);
    lamp.last_line("/lamp> s.shutdownnetwork()");
    lamp.press("\r");
    lamp.shows("all ended as told");
    assert_eq!(lamp.ends().0, Some(0));
    assert_eq!(main.wait().code, Some(0));
}

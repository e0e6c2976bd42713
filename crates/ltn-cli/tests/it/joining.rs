//! How an invite gets to `ltn join` without standing on its command line.

use std::path::Path;
use std::process::Stdio;

use crate::members::{invite, network};
use crate::process::{Ended, run_into};
use crate::pty::Terminal;
use crate::state::Place;

/// Joins with this on standard input.
fn fed(input: &str, more: &[&str]) -> Ended {
    run_into(&[&["join"][..], more].concat(), input, Stdio::null())
}

#[test]
fn an_invite_comes_from_standard_input() {
    let place = Place::new("fed");
    let (_main, state) = network(&place);
    let lamp = place.of("lamp");
    for (input, part) in [
        ("", "no invite came from standard input"),
        ("ltn tree\n", "this is no invite"),
        (&"x".repeat(5_000), "too much for an invite"),
    ] {
        let refused = fed(input, &["--state", &lamp]);
        assert_eq!(refused.code, Some(2), "{part}: {}", refused.stderr);
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(!Path::new(&lamp).exists(), "nothing was made");
    let line = invite(&state, &["--name", "lamp"]);
    let joined = fed(&format!("{line}\n"), &["--state", &lamp]);
    assert_eq!(joined.code, Some(0), "{}", joined.stderr);
    let line = invite(&state, &["--name", "door"]);
    let joined = fed(&line, &["-", "--state", &place.of("door")]);
    assert_eq!(joined.code, Some(0), "{}", joined.stderr);
}

#[test]
fn an_invite_that_is_typed_is_not_shown() {
    let place = Place::new("typed");
    let (_main, state) = network(&place);
    let lamp = place.of("lamp");
    let join = |typed: &str, end: &str| {
        let mut asked = Terminal::start(&["join", "--state", &lamp], &[], Path::new("/nowhere"));
        asked.last_line("The invite (it is not shown):");
        asked.press(&format!("{typed}\r"));
        asked.shows(end);
        asked.ends()
    };
    assert_eq!(join("", "no invite was typed").0, Some(2));
    let line = invite(&state, &["--name", "lamp"]);
    let (code, written) = join(&line, "This machine is in the network");
    assert_eq!(code, Some(0), "{written}");
    assert!(!written.contains(&line[..20]), "{written}");
}

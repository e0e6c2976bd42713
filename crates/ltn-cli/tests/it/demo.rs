//! `ltn demo` for programs, and what `--log` leaves behind. How it looks to people is a snapshot.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{PROGRAM, run, wait};

#[test]
fn every_event_of_the_demonstration_is_one_json_object() {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo.log");
    let _ = fs::remove_file(&log);
    let log_name = log.to_str().expect("the path of the target directory is UTF-8");
    let demo = run(&["demo", "--json", "--log", log_name]);
    assert_eq!(demo.code, Some(0), "{}{}", demo.stdout, demo.stderr);
    assert_eq!(demo.stderr, "", "quiet unless asked");
    let events: Vec<serde_json::Value> =
        demo.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let joined = events.iter().filter(|event| event["event"] == "registered").count();
    assert_eq!(joined, 7);
    let refused = events.iter().find(|event| event["event"] == "refused").unwrap();
    assert_eq!(
        (&refused["cell"], &refused["speaker"]),
        (&"cells 14–15".into(), &"lower_sub3".into())
    );
    let roll = events.iter().find(|event| event["event"] == "roll-call").unwrap();
    assert_eq!(roll["roll_call"].as_array().unwrap().len(), 6);
    let end = events.last().unwrap();
    assert_eq!((&end["event"], &end["as_told"]), (&"finished".into(), &true.into()));

    let logged = fs::read_to_string(&log).unwrap();
    assert!(logged.contains("INFO") && !logged.contains('\u{1b}'), "{logged}");
    fs::remove_file(&log).unwrap();
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let mut demo = Command::new(PROGRAM)
        .args(["demo", "-vvv"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built for this test");
    // The reader goes away at once, as `head` does.
    drop(demo.stderr.take());
    assert_eq!(wait(&mut demo), Some(0));
}

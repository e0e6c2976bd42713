//! Power cuts: the state directory as it stood at some instant of a process under load starts, and
//! holds what was acknowledged by then.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::process::{PATIENCE, PROGRAM, Running, run, wait};
use crate::state::Place;

/// So many instants are looked at.
const CUTS: u64 = 10;
/// A move takes about this long; the cuts are spread over a little more.
const SPREAD_MS: u64 = 150;

/// Instants to cut at, the same each time, as far as the machine allows.
struct Instants(u64);

impl Instants {
    /// How long to wait for the next one.
    fn next_pause(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        Duration::from_millis((self.0 >> 33) % SPREAD_MS)
    }
}

/// Lets a process stand still, as a whole, or go on.
fn signal(name: &str, process: u32) {
    let words = format!("kill -{name} {process}");
    let done = Command::new("sh").args(["-c", &words]).status().expect("every system has a shell");
    assert!(done.success(), "{words}");
}

#[test]
fn a_copy_of_any_instant_holds_the_parent_that_was_acknowledged() {
    let place = Place::new("power");
    let (_main, main) = Running::main_server();
    let shelves = ["left", "right"].map(|name| {
        let mut shelf = Running::start(&["sub", name, "--to", &main, "--open", "--port", "0"]);
        let address = shelf.address();
        shelf.expect("connected with Mainserver");
        (shelf, address)
    });
    let state = place.of("hall");
    let hall = ["sub", "hall", "--open", "--port", "0", "--state", &state, "--to", &shelves[1].1];
    let mut hall = Running::start(&hall);
    hall.expect("connected with right");

    let mut instants = Instants(7);
    for cut in 0..CUTS {
        let names = if cut % 2 == 0 { ["right", "left"] } else { ["left", "right"] };
        let (host, port) = shelves[usize::from(cut % 2 == 1)].1.rsplit_once(':').expect("a port");
        let mut moving = Command::new(PROGRAM)
            .args([
                "run",
                "hall",
                "s.sethigherserver",
                host,
                port,
                "--yes",
                "--open",
                "--to",
                &main,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program was built for this test");
        sleep(instants.next_pause());
        signal("STOP", hall.id());
        let acknowledged = moving.try_wait().expect("it is our child").is_some_and(|s| s.success());
        let copy = place.of(&format!("copy{cut}"));
        copy_files(&state, &copy);
        signal("CONT", hall.id());
        assert_eq!(wait(&mut moving), Some(0), "cut {cut}: {PATIENCE:?} are enough for a move");

        let seen = run(&["doctor", "--state", &copy]);
        assert_eq!(seen.code, Some(0), "cut {cut}: {}", seen.stderr);
        let is = |name: &str| seen.stdout.contains(&format!("belongs to {name} "));
        assert!(is(names[1]) || (is(names[0]) && !acknowledged), "cut {cut}: {}", seen.stdout);
    }
    drop(hall);
    // One of the copies, taken for the directory itself: the same node, with all that it had.
    let copy = place.of(&format!("copy{}", CUTS - 1));
    let mut back = Running::start(&["sub", "hall", "--open", "--port", "0", "--state", &copy]);
    back.expect("connected with ");
}

/// Whoever was let in or thrown out by an acknowledged word is so in a copy of any later instant.
#[test]
fn a_copy_of_any_instant_holds_the_members_that_were_acknowledged() {
    let place = Place::new("power-members");
    let state = place.of("main");
    assert_eq!(run(&["init", "home", "--state", &state]).code, Some(0));
    let main = ["main", "--state", &state, "--port", "0", "--data-port", "0"];
    let mut main = Running::start(&main);
    main.address();
    let word = |words: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program was built for this test")
    };
    let mut instants = Instants(11);
    let mut acknowledged: Vec<String> = Vec::new();
    for cut in 0..CUTS {
        let name = format!("lamp{cut}");
        let invite = run(&["invite", "--state", &state, "--name", &name, "--role", "client"]);
        assert_eq!(invite.code, Some(0), "{}", invite.stderr);
        let home = place.of(&name);
        let mut joining = word(&["join", invite.stdout.trim(), "--state", &home]);
        sleep(instants.next_pause());
        signal("STOP", main.id());
        let joined = joining.try_wait().expect("it is our child").is_some_and(|s| s.success());
        let copy = place.of(&format!("copy{cut}"));
        copy_files(&state, &copy);
        signal("CONT", main.id());
        assert_eq!(wait(&mut joining), Some(0), "cut {cut}: {PATIENCE:?} are enough to join");

        let seen = run(&["members", "--state", &copy]);
        assert_eq!(seen.code, Some(0), "cut {cut}: {}", seen.stderr);
        let has = |line: &str| seen.stdout.lines().any(|seen| seen.starts_with(line));
        assert!(has(&format!("{name}: client")) || !joined, "cut {cut}: {}", seen.stdout);
        for line in &acknowledged {
            assert!(has(line), "cut {cut}: {line} is missing in\n{}", seen.stdout);
        }
        acknowledged.push(format!("{name}: client"));
    }
    let out = run(&["revoke", "lamp0", "--state", &state, "--yes"]);
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    signal("STOP", main.id());
    let copy = place.of("after");
    copy_files(&state, &copy);
    signal("CONT", main.id());
    let seen = run(&["members", "--state", &copy]);
    let lamp = seen.stdout.lines().find(|line| line.starts_with("lamp0"));
    assert!(lamp.is_some_and(|line| line.contains("out")), "{}", seen.stdout);
}

fn copy_files(from: &str, to: &str) {
    std::fs::create_dir_all(to).expect("it is ours");
    for entry in std::fs::read_dir(from).expect("it is ours") {
        let entry = entry.expect("it is ours");
        if entry.file_type().expect("it is there").is_file() {
            let to = std::path::Path::new(to).join(entry.file_name());
            std::fs::copy(entry.path(), to).expect("nobody writes while the process stands still");
        }
    }
}

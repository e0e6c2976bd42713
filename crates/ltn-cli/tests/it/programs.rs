//! Requestables and commands of a network file: values, and programs with their limits.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{Ended, PATIENCE, Running, run, visit};

/// A folder with a network file and the programs it names; it goes with its test.
struct Folder(PathBuf);

const PROGRAM: &str = r#"#!/bin/sh
case "$1" in
words) shift; for word in "$@"; do printf '<%s>' "$word"; done ;;
environment) env | cut -d= -f1 | sort | tr '\n' ' ' ;;
caller) echo "$LTN_CALLER at $LTN_NODE" ;;
json) echo '{"celsius": 21.5, "rooms": ["hall"]}' ;;
fail) printf 'no \033[31msensor\n' >&2; exit 3 ;;
flood) while :; do echo 0123456789012345678901234567890123456789012345678901234567890123; done ;;
family) sleep 600 & echo $! >family; wait ;;
wait) : >"waits$$"; while [ ! -e go ]; do sleep 0.02; done; echo gone ;;
esac
"#;

const NETWORK: &str = r#"open = true
[[server]]
name = "main"
port = 0
data_port = 0
[[server.requestable]]
name = "house"
value = { rooms = ["hall"], area = 84.5, empty = [] }
[[server.requestable]]
name = "words"
command = ["./program.sh", "words"]
[[server.requestable]]
name = "environment"
command = ["./program.sh", "environment"]
[[server.requestable]]
name = "caller"
command = ["./program.sh", "caller"]
[[server.requestable]]
name = "json"
command = ["./program.sh", "json"]
output = "json"
[[server.requestable]]
name = "fail"
command = ["./program.sh", "fail"]
[[server.requestable]]
name = "flood"
command = ["./program.sh", "flood"]
[[server.requestable]]
name = "family"
command = ["./program.sh", "family"]
timeout_s = 2.5
[[server.requestable]]
name = "wait"
command = ["./program.sh", "wait"]
timeout_s = 60
[[server.command]]
name = "s.heat"
description = "heat rooms"
parameters = ["celsius:int", "rooms*"]
command = ["./program.sh", "words"]
[[server.command]]
name = "s.burn"
dangerous = true
parameters = ["what?"]
command = ["./program.sh", "words", "--"]
[[client]]
name = "lamp"
parent = "main"
[[client.requestable]]
name = "colour"
value = "red"
[[client.command]]
name = "dim"
parameters = ["level:int"]
command = ["./program.sh", "words"]
"#;

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        let _ = fs::remove_dir_all(&folder.0);
        fs::create_dir_all(&folder.0).expect("the scratch directory of the tests can be written");
        folder.write("network.toml", NETWORK);
        let program = folder.write("program.sh", PROGRAM);
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        folder
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the scratch directory of the tests can be written");
        path
    }

    fn file(&self) -> String {
        self.0.join("network.toml").to_str().expect("the target directory is UTF-8").to_owned()
    }

    fn start(&self) -> (Running, String) {
        let mut up = Running::start(&["up", &self.file(), "--allow-programs"]);
        let address = up.address();
        up.expect("The network is up");
        (up, address)
    }

    fn starts_with(&self, start: &str) -> usize {
        let names = fs::read_dir(&self.0).expect("it is there");
        names
            .filter(|entry| {
                let name = entry.as_ref().expect("it can be read").file_name();
                name.to_string_lossy().starts_with(start)
            })
            .count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what} did not come about");
        thread::sleep(Duration::from_millis(5));
    }
}

#[track_caller]
fn said(ended: &Ended, code: i32, part: &str) {
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert!(ended.code == Some(code) && all.contains(part), "{part:?} in {ended:?}");
}

#[test]
fn values_and_programs_of_a_network_file_answer() {
    let folder = Folder::new("answering");
    let (_up, address) = folder.start();
    let ask = |arguments: &[&str]| visit(&address, &[&["ask"], arguments].concat());
    said(&ask(&["/", "house", "--json"]), 0, r#"{"area":84.5,"empty":[],"rooms":["hall"]}"#);
    said(&ask(&["/lamp", "colour"]), 0, "red");
    said(&ask(&["/", "json", "--json"]), 0, r#"{"celsius":21.5,"rooms":["hall"]}"#);
    said(&ask(&["/", "environment"]), 0, "LTN_CALLER LTN_NODE PATH PWD");
    said(&ask(&["/", "caller"]), 0, " at /");
    said(&visit(&address, &["run", "/lamp", "dim", "3"]), 0, "<3>");
}

#[test]
fn arguments_never_meet_a_shell_and_are_no_options() {
    let folder = Folder::new("arguments");
    let (_up, address) = folder.start();
    let run = |arguments: &[&str]| visit(&address, &[&["run", "/"], arguments].concat());
    let heated = run(&["s.heat('-5', '$(touch no)', '; touch no', 'a  b', '*')"]);
    said(&heated, 0, "<-5><$(touch no)><; touch no><a  b><*>");
    assert_eq!(folder.starts_with("no"), 0);
    said(&run(&["s.heat(20, '--force')"]), 2, "argument 2 begins with `-`");
    said(&run(&["s.heat(warm)"]), 2, "argument 1 (celsius) must be a whole number");
    said(&run(&["s.heat()"]), 2, "takes 1 to 64 arguments, not 0");
    said(&run(&["s.burn('-all')", "--yes"]), 0, "<--><-all>");
    said(&run(&["s.help(s.heat)"]), 0, "s.heat(celsius[, rooms, …]) – heat rooms");
    let asked = visit(&address, &["ask", "/", "words", "$HOME"]);
    said(&asked, 0, "<$HOME>");
}

#[test]
fn a_program_that_fails_or_knows_no_measure_is_a_failure_with_its_reason() {
    let folder = Folder::new("failing");
    let (_up, address) = folder.start();
    let ask = |name: &str| visit(&address, &["ask", "/", name]);
    said(&ask("fail"), 1, "`fail` ended with exit status 3: no [31msensor");
    said(&ask("flood"), 1, "`flood` wrote more than 1048576 bytes");
    said(&ask("family"), 1, "`family` took longer than 2.5 s and was ended");
    let child = fs::read_to_string(folder.0.join("family")).expect("the program wrote it");
    let state = Path::new("/proc").join(child.trim()).join("stat");
    // Who was adopted by a process that does not look after it stays as a zombie.
    until("the end of the program's family", || {
        fs::read_to_string(&state).map_or(true, |state| state.contains(") Z "))
    });
}

#[test]
fn seventeen_programs_at_once_are_one_too_many() {
    let folder = Folder::new("many");
    let (_up, address) = folder.start();
    let asking: Vec<_> = (0..16)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || visit(&address, &["ask", "/", "wait", "--timeout", "60"]))
        })
        .collect();
    until("sixteen programs", || folder.starts_with("waits") == 16);
    said(&visit(&address, &["ask", "/", "wait"]), 2, "16 programs run already");
    said(&visit(&address, &["ask", "/", "house"]), 0, "hall");
    folder.write("go", "");
    for asked in asking {
        said(&asked.join().expect("it does not panic"), 0, "gone");
    }
    said(&visit(&address, &["ask", "/", "wait"]), 0, "gone");
}

/// The processor time that a process has used, without that of the programs it ran.
fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("the name of a program is in brackets");
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>());
    // Linux counts a hundred a second, whatever its own clock does.
    Duration::from_millis(10 * ticks.map(|ticks| ticks.expect("a number")).sum::<u64>())
}

#[test]
fn a_hundred_idle_clients_and_a_question_that_waits_leave_the_processor_alone() {
    let folder = Folder::new("idle");
    let mut network = "open = true\n[[server]]\nname = 'main'\nport = 0\ndata_port = 0\n\
         [[server.requestable]]\nname = 'slow'\ncommand = ['sleep', '3']\n"
        .to_owned();
    for number in 0..100 {
        network += &format!("[[client]]\nname = 'c{number}'\nparent = 'main'\n");
    }
    folder.write("network.toml", &network);
    let (up, address) = folder.start();
    let (before, begun) = (processor_time(up.id()), Instant::now());
    said(&visit(&address, &["ask", "/", "slow"]), 0, "");
    let (used, passed) = (processor_time(up.id()) - before, begun.elapsed());
    assert!(passed >= Duration::from_secs(3), "{passed:?}");
    assert!(used < passed / 5, "{used:?} of {passed:?}, with the whole network in one process");
}

#[test]
fn without_permission_nothing_starts_and_the_entry_is_named() {
    let folder = Folder::new("unwanted");
    let refused = run(&["up", &folder.file()]);
    said(&refused, 2, "network.toml:9: the requestable `words` runs a program");
    assert!(refused.stderr.contains("--allow-programs"), "{}", refused.stderr);
    assert!(refused.stdout.is_empty(), "nothing was started: {}", refused.stdout);
    let lamp = run(&["up", &folder.file(), "--only", "lamp"]);
    said(&lamp, 2, "the command `dim` runs a program");
    let program = folder.0.join("program.sh");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let plain = run(&["up", &folder.file(), "--allow-programs"]);
    said(&plain, 2, "program.sh, and that file is not executable");
    said(&plain, 2, "`chmod +x");
    fs::remove_file(program).expect("it is ours");
    let missing = run(&["up", &folder.file(), "--allow-programs"]);
    said(&missing, 2, "program.sh, and there is no such file");
}

#[test]
fn a_program_that_goes_or_cannot_run_is_said_so_and_the_node_goes_on() {
    let folder = Folder::new("broken");
    let (_up, address) = folder.start();
    folder.write("program.sh", "no first line that names a shell\n");
    said(&visit(&address, &["ask", "/", "words"]), 1, "does a script begin with a line like");
    fs::remove_file(folder.0.join("program.sh")).expect("it is ours");
    said(&visit(&address, &["ask", "/", "words"]), 1, "is not there");
    said(&visit(&address, &["ask", "/", "house"]), 0, "hall");
}

#[test]
fn a_program_is_a_service_and_one_that_fails_is_disabled_with_its_reason() {
    let folder = Folder::new("services");
    let services = r#"
[[server.service]]
name = "tick"
interval_s = 0.05
command = ["./tick.sh"]
[[server.service]]
name = "fails"
interval_s = 0.05
command = ["./program.sh", "fail"]
"#;
    let main = "[[server]]\nname = \"main\"\nport = 0\ndata_port = 0\n";
    folder.write("network.toml", &format!("open = true\n{main}{services}"));
    let tick = folder.write("tick.sh", "#!/bin/sh\necho \"$LTN_NODE:$LTN_JOINED\" >>ticks\n");
    fs::set_permissions(tick, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let (_up, address) = folder.start();
    let ticks = || fs::read_to_string(folder.0.join("ticks")).unwrap_or_default();
    until("a third run", || ticks().lines().count() >= 3);
    assert!(ticks().lines().all(|line| line.starts_with("/:")), "{}", ticks());
    until("the reason", || {
        let info = visit(&address, &["run", "/", "s.info()"]).stdout;
        info.contains("exit status 3: no") && !info.contains("tick: disabled")
    });
    said(&visit(&address, &["run", "/", "s.services(off, tick)"]), 0, "tick: ");
    // A run that is under way goes on to its end.
    until("its end", || visit(&address, &["run", "/", "s.info()"]).stdout.contains("tick: off"));
    let wrong = services.replacen("interval_s = 0.05", "interval_s = 0", 1);
    folder.write("network.toml", &format!("open = true\n{main}{wrong}"));
    let refused = run(&["up", &folder.file(), "--allow-programs"]);
    said(&refused, 2, "a number of seconds, at least 0.01");
}

#[test]
fn the_example_with_programs_works() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let text = fs::read_to_string(example.join("programs.toml")).expect("it is there");
    let folder = Folder::new("example");
    let any = text.replace("\">4000\"", "0").replace("\"<3999\"", "0");
    folder.write("network.toml", &any);
    fs::copy(example.join("read-sensor.sh"), folder.0.join("read-sensor.sh")).expect("it is ours");
    let (_up, address) = folder.start();
    said(&visit(&address, &["ask", "/", "load", "--json"]), 0, r#""node":"/""#);
    said(&visit(&address, &["run", "/", "s.heat(21, kitchen)"]), 0, "heating kitchen to 21");
    said(&visit(&address, &["run", "/", "s.heat(30)"]), 1, "30 degrees are too hot for a house");
    said(&visit(&address, &["ask", "/lamp", "colour"]), 0, "red");
}

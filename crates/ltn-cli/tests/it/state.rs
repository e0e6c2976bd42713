//! `--state`: a node that was killed comes back as itself, and what cannot be trusted starts
//! nothing.

use std::path::{Path, PathBuf};

use crate::process::{PROGRAM, Running, run, visit};

/// A directory of its own that is gone when the test is over.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ltn-{name}-{}", std::process::id()));
        // It may be left from a process of this number that was killed.
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn of(&self, node: &str) -> String {
        self.0.join(node).to_str().expect("it was made of text").to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A node's id, as the network knows it.
fn id_of(address: &str, path: &str) -> String {
    let drawn = visit(address, &["tree", "--json"]);
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    let line = drawn.stdout.lines().find(|line| line.contains(&format!("\"path\":\"{path}\"")));
    let line = line.unwrap_or_else(|| panic!("{path} is not in {}", drawn.stdout));
    let (_, rest) = line.split_once("\"id\":\"id:").expect("every node has an id");
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn main_server(state: &str) -> Running {
    Running::start(&["main", "--open", "--port", "0", "--data-port", "0", "--state", state])
}

#[test]
fn servers_that_were_killed_come_back_as_themselves_and_their_children_to_them() {
    let place = Place::new("killed");
    let (main_state, hall_state) = (place.of("main"), place.of("hall"));
    let mut main = main_server(&main_state);
    let address = main.address();
    let hall = ["sub", "hall", "--open", "--port", "0", "--state", &hall_state];
    let mut sub = Running::start(&[&hall[..], &["--to", &address]].concat());
    let hall_address = sub.address();
    sub.expect("connected with Mainserver");
    let mut lamp = Running::start(&["client", "lamp", "--to", &hall_address, "--open"]);
    lamp.expect("Registered as 'lamp'");
    let ids = (id_of(&address, "/"), id_of(&address, "/hall"));

    // Dropped is killed, without a word.
    drop(main);
    sub.expect("next attempt in");
    let mut main = main_server(&main_state);
    assert_eq!(main.address(), address, "the port was free");
    main.expect("hall joined as a server");
    drop(sub);
    // It remembers where it belongs.
    let mut sub = Running::start(&hall);
    assert_eq!(sub.address(), hall_address);
    sub.expect("connected with Mainserver");
    lamp.expect("connected with hall");
    assert_eq!((id_of(&address, "/"), id_of(&address, "/hall")), ids);
    lamp.type_line("@/ I am back");
    main.expect("/hall/lamp> I am back");
}

#[test]
fn a_server_that_was_moved_is_where_it_was_moved_to_unless_it_is_told_another_server() {
    let place = Place::new("moved");
    let (_main, address) = Running::main_server();
    let mut shelf = Running::start(&["sub", "shelf", "--to", &address, "--open", "--port", "0"]);
    let shelf_address = shelf.address();
    shelf.expect("connected with Mainserver");
    let state = place.of("hall");
    let hall = ["sub", "hall", "--open", "--port", "0", "--state", &state, "--to", &address];
    let mut sub = Running::start(&hall);
    sub.expect("connected with Mainserver");
    let (host, port) = shelf_address.rsplit_once(':').expect("it has a port");
    let moving = ["run", "/hall", "s.sethigherserver", host, port, "--yes"];
    let moved = visit(&address, &moving);
    assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    drop(sub);
    let mut sub = Running::start(&hall);
    sub.expect("connected with shelf");
    drop(sub);
    let there = [&hall[..7], &["--to", &shelf_address]].concat();
    let mut sub = Running::start(&there);
    sub.expect("connected with shelf");
    drop(sub);
    let mut sub = Running::start(&hall);
    sub.expect("connected with Mainserver");
}

#[test]
fn a_second_owner_is_refused_and_told_who_is_there() {
    let place = Place::new("owner");
    let state = place.of("main");
    let mut main = main_server(&state);
    main.address();
    let second = run(&["main", "--open", "--port", "0", "--data-port", "0", "--state", &state]);
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    assert!(second.stderr.contains("is in use by process"), "{}", second.stderr);
    let looked_at = run(&["doctor", "--state", &state]);
    assert_eq!(looked_at.code, Some(0), "{}", looked_at.stderr);
    assert!(looked_at.stdout.contains("is in use by process"), "{}", looked_at.stdout);
    drop(main);
    let looked_at = run(&["doctor", "--state", &state]);
    assert_eq!(looked_at.code, Some(0), "{}", looked_at.stderr);
    assert!(looked_at.stdout.contains("main-server"), "{}", looked_at.stdout);
}

#[test]
fn verbs_beside_a_running_node_need_no_address() {
    let place = Place::new("beside");
    let states = [place.of("main"), place.of("hall"), place.of("lamp")];
    let mut main = main_server(&states[0]);
    let address = main.address();
    let to = ["--open", "--to", &address, "--state"];
    let mut sub =
        Running::start(&[&["sub", "hall", "--port", "0"], &to[..], &[&states[1]]].concat());
    sub.expect("connected with Mainserver");
    let mut lamp = Running::start(&[&["client", "lamp"], &to[..], &[&states[2]]].concat());
    lamp.expect("Registered as 'lamp'");
    for state in &states {
        let drawn = run(&["tree", "--state", state]);
        assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
        assert!(drawn.stdout.contains("hall") && drawn.stdout.contains("lamp"), "{}", drawn.stdout);
        let sent = run(&["send", "/lamp", "hello", "--state", state]);
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
        lamp.expect("hello");
    }
    let stopped = run(&["run", "/hall", "s.shutdown", "--yes", "--state", &states[1]]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(sub.wait().code, Some(0));
    // Nobody runs with it any more, and it remembers where it belongs.
    let drawn = run(&["tree", "--state", &states[1]]);
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    drop(main);
    let nobody = run(&["tree", "--state", &states[0]]);
    assert_eq!(nobody.code, Some(2), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("no node runs with"), "{}", nobody.stderr);
    let far = run(&["tree", "--state", &states[0], "--to", "192.0.2.7:4000"]);
    assert_eq!(far.code, Some(2), "{}", far.stderr);
    assert!(far.stderr.contains("does not leave this machine"), "{}", far.stderr);
    let (_other, address) = Running::main_server();
    let both = run(&["tree", "--state", &states[0], "--to", &address]);
    assert_eq!(both.code, Some(0), "{}", both.stderr);
}

#[test]
fn what_cannot_be_trusted_is_one_line_and_exit_code_78() {
    let place = Place::new("damaged");
    let state = place.of("main");
    let main = ["main", "--open", "--port", "0", "--data-port", "0", "--state", &state];
    let mut running = Running::start(&main);
    running.address();
    drop(running);
    let seal = Path::new(&state).join("seal");
    std::fs::write(&seal, "").expect("it is ours");
    for arguments in [&main[..], &["doctor", "--state", &state]] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(78), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("seal") && ended.stderr.contains("empty"),
            "{}",
            ended.stderr
        );
    }
    let foreign = run(&["client", "lamp", "--open", "--to", "1", "--state", "/"]);
    assert_eq!(foreign.code, Some(78), "{}", foreign.stderr);
    assert!(foreign.stderr.contains("holds no node"), "{}", foreign.stderr);
}

#[test]
fn without_a_server_and_without_a_memory_of_one_nothing_stays() {
    let place = Place::new("homeless");
    let sub = run(&["sub", "hall", "--open", "--port", "0", "--state", &place.of("hall")]);
    assert_ne!(sub.code, Some(0));
    assert!(sub.stderr.contains("belongs to no server yet"), "{}", sub.stderr);
}

#[test]
fn a_network_file_keeps_a_directory_for_each_node() {
    let place = Place::new("fleet");
    let file = place.0.join("network.toml");
    std::fs::create_dir_all(&place.0).expect("it is ours");
    let hall = "[[server]]\nname = \"hall\"\nparent = \"Mainserver\"\nport = 0\n";
    let lamp = "[[client]]\nname = \"lamp\"\nparent = \"hall\"\n";
    let text = format!("open = true\n[[server]]\nname = \"Mainserver\"\nport = 0\n{hall}{lamp}");
    std::fs::write(&file, text).expect("it is ours");
    let nodes = place.of("nodes");
    let up = ["up", file.to_str().expect("it was made of text"), "--state", &nodes];
    let mut first = Running::start(&up);
    let address = first.address();
    first.expect("The network is up");
    let ids = (id_of(&address, "/"), id_of(&address, "/hall"));
    drop(first);
    let mut second = Running::start(&up);
    assert_eq!(second.address(), address);
    second.expect("The network is up");
    assert_eq!((id_of(&address, "/"), id_of(&address, "/hall")), ids);
}

#[test]
fn the_last_roll_call_can_be_read_after_the_network_is_gone() {
    let place = Place::new("report");
    let state = place.of("main");
    let mut main = main_server(&state);
    let address = main.address();
    let before = run(&["report", "--state", &state]);
    assert_eq!(before.code, Some(2), "{}", before.stderr);
    let mut sub = Running::start(&["sub", "hall", "--to", &address, "--open", "--port", "0"]);
    sub.expect("connected with Mainserver");
    assert_eq!(run(&["shutdown", "--yes", "--state", &state]).code, Some(0));
    assert_eq!(main.wait().code, Some(0));
    let report = run(&["report", "--state", &state]);
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    assert!(report.stdout.contains("/hall"), "{}", report.stdout);
    // A later life of the server tells it, too.
    let mut main = main_server(&state);
    main.address();
    let report = run(&["report", "--state", &state]);
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    assert!(report.stdout.contains("/hall"), "{}", report.stdout);
}

/// A limit on the size of files stands for a disk without room.
#[cfg(unix)]
#[test]
fn a_full_disk_is_no_damage_and_the_next_start_is_as_if_nothing_had_been() {
    let place = Place::new("full");
    let state = place.of("main");
    assert_eq!(run(&["init", "home", "--state", &state]).code, Some(0));
    let no_room = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    let refused = std::process::Command::new("sh")
        .args(["-c", no_room, "sh", PROGRAM, "main", "--state", &state, "--port", "0"])
        .output()
        .expect("every system has a shell");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("cannot be used") && !said.contains("trusted"), "{said}");
    let looked_at = run(&["doctor", "--state", &state]);
    assert_eq!(looked_at.code, Some(0), "{}", looked_at.stderr);
    assert!(looked_at.stdout.contains("is whole"), "{}", looked_at.stdout);
}

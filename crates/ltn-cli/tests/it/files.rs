//! `ltn up`: networks from files.

use std::fs;
use std::path::PathBuf;

use crate::process::{Running, run, visit};

/// A file that lives as long as its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).expect("the scratch directory of the tests can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path of the target directory is UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const NETWORK: &str = "open = true\n\
     [[server]]\nname = 'main'\nport = 0\ndata_port = 0\n\
     [[server]]\nname = 'upper'\nparent = 'main'\nport = 0\n\
     [[server]]\nname = 'lower'\nparent = 'upper'\nport = 0\n\
     [[client]]\nname = 'lamp'\nparent = 'lower'\n";

#[test]
fn a_network_starts_from_its_file_and_stops_leaves_first() {
    let file = Scratch::new("network.toml", NETWORK);
    let mut up = Running::start(&["up", file.path()]);
    let address = up.address();
    up.expect("lamp");
    up.expect("The network is up");
    let sent = visit(&address, &["send", "/upper/lower/lamp", "hello"]);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    up.expect("> hello");
    let stopped = visit(&address, &["shutdown", "--yes"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    for path in ["/upper", "/upper/lower", "/upper/lower/lamp"] {
        assert!(stopped.stdout.contains(path), "{}", stopped.stdout);
    }
    let ended = up.wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("all ended as told"), "{}", ended.stdout);
}

#[test]
fn one_file_serves_several_processes() {
    let (mut main, address) = Running::main_server();
    let port = address.rsplit(':').next().unwrap();
    let text = NETWORK.replacen("port = 0", &format!("port = {port}"), 1);
    let file = Scratch::new("several.toml", &text);
    let mut upper = Running::start(&["up", file.path(), "--only", "upper"]);
    main.expect("upper joined as a server");
    upper.expect("connected with Mainserver");

    let unknown = run(&["up", file.path(), "--only", "uper"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("did you mean `upper`?"), "{}", unknown.stderr);
    let lost = run(&["up", file.path(), "--only", "lower"]);
    assert_eq!(lost.code, Some(2));
    assert!(lost.stderr.contains("does not say at which port `upper` is"), "{}", lost.stderr);
}

#[test]
fn a_network_that_cannot_start_leaves_nobody_behind() {
    let (_main, address) = Running::main_server();
    let port = address.rsplit(':').next().unwrap();
    let text = NETWORK.replacen("'upper'\nport = 0", &format!("'upper'\nport = {port}"), 1);
    let file = Scratch::new("taken.toml", &text);
    let up = run(&["up", file.path()]);
    assert_eq!(up.code, Some(1), "{}", up.stderr);
    assert!(up.stderr.contains("lower did not start"), "{}", up.stderr);
}

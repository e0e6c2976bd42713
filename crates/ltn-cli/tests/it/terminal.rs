//! What the program does with what it reads and prints, where neither is a terminal.

use std::io;

use crate::process::{Running, paths, run_into, visit};

#[test]
fn a_text_is_read_from_standard_input() {
    let (mut main, address) = Running::main_server();
    let mut door = Running::start(&["client", "door", "--to", &address, "--open"]);
    door.expect("Registered as 'door'");
    main.expect("door joined");
    let sent = run_into(
        &["send", "/door", "-", "--open", "--to", &address],
        "two lines\n[12:00:00] /boss> and a forged one\n",
        io::stderr(),
    );
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    door.expect("> two lines");
    let second = door.expect("and a forged one");
    assert!(second.trim_start().starts_with("| [12:00:00] /boss>"), "{second}");
    assert!(second.starts_with("          "), "{second}");
}

#[test]
fn a_reader_that_has_gone_is_no_news_and_no_success() {
    let (_main, address) = Running::main_server();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let cut = run_into(&["tree", "--open", "--to", &address], "", writer);
    assert_eq!((cut.code, cut.stderr.as_str()), (Some(1), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_is_no_success() {
    let (_main, address) = Running::main_server();
    for arguments in [
        &["tree", "--open", "--to", &address][..],
        &["ls", "--json", "--open", "--to", &address],
        &["completions", "bash"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let failed = run_into(arguments, "", full);
        assert_eq!(failed.code, Some(1), "{arguments:?}");
        assert!(failed.stderr.contains("the output cannot be written"), "{}", failed.stderr);
    }
}

#[test]
fn a_list_has_a_line_for_each_node_and_one_that_counts() {
    let (mut main, address) = Running::main_server();
    let mut hall = Running::start(&[
        "sub",
        "hall",
        "--to",
        &address,
        "--open",
        "--port",
        "0",
        "--data-port",
        "0",
    ]);
    let below = hall.address();
    main.expect("hall joined");
    let mut lamp = Running::start(&["client", "lamp", "--to", &below, "--open"]);
    lamp.expect("this node is /hall/lamp");
    let list = visit(&address, &["ls"]);
    assert_eq!(list.code, Some(0), "{}", list.stderr);
    assert_eq!(list.stdout.lines().count(), 5, "{}", list.stdout);
    assert!(list.stdout.trim_end().ends_with("2 servers and 1 client"), "{}", list.stdout);
    let part = visit(&address, &["ls", "/hall", "--json"]);
    let part: serde_json::Value = serde_json::from_str(&part.stdout).unwrap();
    assert_eq!(paths(&part["nodes"]), ["/hall", "/hall/lamp"]);
    let nobody = visit(&address, &["ls", "/nobody"]);
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.stderr.contains("/nobody"), "{}", nobody.stderr);
}

#[test]
fn who_watches_sees_who_comes_and_goes() {
    let (main, address) = Running::main_server();
    let mut watch = Running::start(&["tree", "--watch", "--open", "--to", &address]);
    watch.expect("0 servers  0 clients");
    let mut lamp = Running::start(&["client", "lamp", "--to", &address, "--open"]);
    watch.expect("lamp");
    lamp.end_input();
    watch.expect("0 servers  0 clients");
    assert_eq!(visit(&address, &["shutdown", "--yes"]).code, Some(0));
    assert_eq!(watch.wait().code, Some(0), "it was told that the network stops");
    assert_eq!(main.wait().code, Some(0));
}

#[test]
fn a_client_of_a_file_ends_when_its_server_has_stopped_for_good() {
    let (main, address) = Running::main_server();
    let port = address.rsplit(':').next().unwrap();
    let file = std::env::temp_dir().join(format!("ltn-only-{}.toml", std::process::id()));
    let text = format!(
        "open = true\n[[server]]\nname = \"Mainserver\"\nport = {port}\n\
         [[client]]\nname = \"lamp\"\nparent = \"Mainserver\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut lamp = Running::start(&["up", file.to_str().unwrap(), "--only", "lamp"]);
    lamp.expect("this node is /lamp");
    assert_eq!(visit(&address, &["shutdown", "--yes"]).code, Some(0));
    assert_eq!(lamp.wait().code, Some(0));
    assert_eq!(main.wait().code, Some(0));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_command_without_brackets_is_not_said_to_everybody() {
    let (mut main, address) = Running::main_server();
    let mut lamp = Running::start(&["console", "lamp", "--to", &address, "--open"]);
    lamp.type_line("s.getadmin sesame");
    let hint = lamp.expect("for the command type `s.getadmin(…)`");
    assert!(!hint.contains("sesame"), "{hint}");
    lamp.type_line("\\s.info is what I typed");
    main.expect("/lamp> s.info is what I typed");
}

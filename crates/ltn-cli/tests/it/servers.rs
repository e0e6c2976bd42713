//! `ltn main` and `ltn sub` as processes of their own.

use crate::process::{Running, run, visit};

#[test]
fn a_port_in_use_is_one_clear_line() {
    let (_main, address) = Running::main_server();
    let port = address.rsplit(':').next().unwrap();
    let second = run(&["main", "--open", "--port", port, "--data-port", "0"]);
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("Mainserver did not start"), "{}", second.stderr);
    assert!(second.stderr.contains(port), "{}", second.stderr);
    assert_eq!(visit(&address, &["ping", "/", "--count", "1"]).code, Some(0));
}

#[test]
fn a_sub_server_waits_for_its_parent_and_carries_what_passes() {
    let (first, address) = Running::main_server();
    assert_eq!(visit(&address, &["shutdown", "--yes"]).code, Some(0));
    assert_eq!(first.wait().code, Some(0));

    let mut sub = Running::start(&["sub", "hall", "--to", &address, "--open", "--port", "0"]);
    let hall = sub.address();
    sub.expect("next attempt in");
    sub.expect("next attempt in");
    let port = address.rsplit(':').next().unwrap();
    let mut main = Running::start(&["main", "--open", "--port", port, "--data-port", "0"]);
    main.expect("hall joined as a server");
    sub.expect("connected with Mainserver");

    let mut lamp = Running::start(&["client", "lamp", "--to", &hall, "--open"]);
    lamp.expect("Registered as 'lamp'");
    lamp.type_line("@/ from two layers down");
    main.expect("/hall/lamp> from two layers down");
    let pinged = visit(&address, &["ping", "/hall/lamp", "--count", "1"]);
    assert_eq!(pinged.code, Some(0), "{}", pinged.stderr);

    let stopped = visit(&address, &["run", "/", "s.shutdownserver", "hall", "--yes"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(sub.wait().code, Some(0));
    lamp.expect("disconnected from hall");
    assert_eq!(lamp.wait().code, Some(0));
    main.expect("hall is gone");
}

#[test]
fn the_event_log_is_in_its_file_and_stored_beside_it() {
    let directory = std::env::temp_dir().join(format!("ltn-event-log-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("main.jsonl");
    let ports = ["--port", "0", "--data-port", "0"];
    let log = ["--event-log", file.to_str().unwrap()];
    let mut main = Running::start(&[&["main", "--open"][..], &ports, &log].concat());
    let address = main.address();
    let stored = visit(&address, &["run", "/", "s.storelog", "monday.jsonl"]);
    assert_eq!(stored.code, Some(0), "{}", stored.stderr);
    let escaped = visit(&address, &["run", "/", "s.storelog", "../monday.jsonl"]);
    assert_ne!(escaped.code, Some(0), "{}", escaped.stdout);
    assert_eq!(visit(&address, &["shutdown", "--yes"]).code, Some(0));
    assert_eq!(main.wait().code, Some(0));
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    assert!(read("monday.jsonl").contains("started as a main-server"));
    assert!(read("main.jsonl").trim_end().ends_with("\"text\":\"stopped\"}"));
    std::fs::remove_dir_all(&directory).unwrap();
}

#[cfg(unix)]
#[test]
fn a_server_for_users_has_an_admin_by_the_key_in_a_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = std::env::temp_dir().join(format!("ltn-admin-key-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("main.key");
    std::fs::write(&file, "open sesame 7\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    let path = file.to_str().unwrap();
    let flags = ["main", "--open", "--port", "0", "--data-port", "0", "--newcomers", "user"];
    let all: Vec<&str> = flags.into_iter().chain(["--admin-key-file", path]).collect();
    mode(0o644);
    let open_to_all = run(&all);
    assert_eq!(open_to_all.code, Some(1), "{}", open_to_all.stderr);
    assert!(open_to_all.stderr.contains("can be read by other users"), "{}", open_to_all.stderr);
    let odd = run(&["main", "--open", "--newcomers", "guest"]);
    assert!(odd.stderr.contains("say `user` or `admin`"), "{}", odd.stderr);

    mode(0o600);
    let mut main = Running::start(&all);
    let address = main.address();
    let shutdown = visit(&address, &["run", "/", "s.shutdown", "--yes"]);
    assert!(shutdown.stderr.contains("needs the permission `admin`"), "{}", shutdown.stderr);
    let mut lamp = Running::start(&["client", "lamp", "--to", &address, "--open"]);
    lamp.expect("Registered as 'lamp'");
    lamp.type_line("s.getadmin(wrong sesame)");
    lamp.expect("that is not the admin key of Mainserver");
    lamp.type_line("s.getadmin(open sesame 7)");
    lamp.expect("you are an admin of Mainserver");
    lamp.type_line("s.changename(bulb)");
    lamp.expect("lamp is called bulb now");
    main.expect("lamp is called bulb now");
    std::fs::remove_dir_all(&folder).unwrap();
}

//! Files that go from one process to another.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use std::path::{Path, PathBuf};

use crate::process::{Running, run, visit};

/// A folder of its own for each test.
fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ltn-sending-{test}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("in")).unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_file_is_sent_and_received_with_the_same_digest_and_replaces_nothing() {
    let (_main, address) = Running::main_server();
    let folder = folder("file");
    let into = folder.join("in");
    let picture: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 3) as u8).collect();
    let path = folder.join("picture.png");
    std::fs::write(&path, &picture).unwrap();
    let arguments = [
        "client",
        "lamp",
        "--to",
        &address,
        "--open",
        "--receive",
        text(&into),
        "--receive-max",
        "5M",
    ];
    let mut lamp = Running::start(&arguments);
    lamp.expect("Registered as 'lamp'");

    let sent = visit(&address, &["send", "/lamp", "--file", text(&path)]);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert!(sent.stdout.contains("delivered to /lamp: picture.png, 3,000,000 bytes"));
    lamp.expect("sends picture.png (3,000,000 bytes)");
    let line = lamp.expect("sent ");
    let digest = line.split("BLAKE3 ").nth(1).unwrap();
    assert!(digest.len() == 64 && sent.stdout.contains(digest), "{line}\n{}", sent.stdout);
    assert!(std::fs::read(into.join("picture.png")).unwrap() == picture);

    let again = visit(&address, &["send", "/lamp", "--file", text(&path), "--json"]);
    let told: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&told["bytes"], &told["blake3"]), (&3_000_000.into(), &digest.into()));
    lamp.expect("picture (2).png");

    let large = folder.join("large");
    std::fs::write(&large, vec![0; 5 * 1024 * 1024 + 1]).unwrap();
    let refused = visit(&address, &["send", "/lamp", "--file", text(&large)]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("at most 5242880"), "{}", refused.stderr);
    lamp.expect("! large from ");
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 2);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn who_takes_no_files_says_so_and_a_file_that_is_not_there_bothers_nobody() {
    let (_main, address) = Running::main_server();
    let mut lamp = Running::start(&["client", "lamp", "--to", &address, "--open"]);
    lamp.expect("Registered as 'lamp'");
    let refused = visit(&address, &["send", "/lamp", "--file", "Cargo.toml"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("takes no transfers"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--receive"), "{}", refused.stderr);
    let missing = visit(&address, &["send", "/lamp", "--file", "no-such-file"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("no-such-file"), "{}", missing.stderr);
    let neither = visit(&address, &["send", "/lamp"]);
    assert_eq!(neither.code, Some(2), "{}", neither.stderr);
}

#[test]
fn a_program_behind_a_data_socket_talks_with_whoever_pipes_into_it() {
    let folder = folder("pipe");
    let file = folder.join("network.toml");
    let network = "open = true\n[[server]]\nname = \"Mainserver\"\nport = 0\n\
                   [[server.data_socket]]\nname = \"sorter\"\ncommand = [\"sort\"]\n\
                   [[server.data_socket]]\nname = \"broken\"\ncommand = [\"false\"]\n";
    std::fs::write(&file, network).unwrap();
    let refused = run(&["up", text(&file)]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--allow-programs"), "{}", refused.stderr);

    let mut up = Running::start(&["up", text(&file), "--allow-programs"]);
    let address = up.address();
    up.expect("The network is up");
    let listed = visit(&address, &["run", "/", "s.listsocks()"]);
    assert!(listed.stdout.contains("sorter at 127.0.0.1:"), "{}", listed.stdout);
    let mut pipe = Running::start(&["pipe", "/", "sorter", "--open", "--to", &address]);
    pipe.type_line("pear");
    pipe.type_line("apple");
    // The end of the input is the end of the program's input, and then it answers.
    let sorted = pipe.wait();
    assert_eq!((sorted.code, sorted.stdout.as_str()), (Some(0), "apple\npear"));
    let broken = visit(&address, &["pipe", "/", "broken"]);
    assert_eq!(broken.code, Some(1), "{}", broken.stderr);
    let nothing = visit(&address, &["pipe", "/", "sorted"]);
    assert_eq!(nothing.code, Some(2), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("broken, sorter"), "{}", nothing.stderr);
    std::fs::remove_dir_all(&folder).unwrap();
}

//! Two main servers with one key: the one that was restored from a backup is in charge, and the old
//! one stops as soon as somebody tells it so.
#![cfg(unix)]

use std::time::Duration;

use ltn::MainServer;

use crate::members::{address_in, client, member, network, secret_file};
use crate::process::{PATIENCE, Running, run};
use crate::state::Place;

/// The restored main server runs for the minute in which it learns, in a moment, and stops.
fn learn(state: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the system lets us").block_on(async {
        let main = MainServer::builder().port(0).without_data_socket().member_at(state);
        let main = main.start().await.expect("a restored main server starts");
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
        let learnt = async {
            while main.call("/", "s.invite", vec!["client".into()]).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, learnt).await.expect("it begins its epoch");
        main.shutdown().await;
    });
}

#[test]
fn an_old_main_server_stops_when_a_member_tells_it_of_the_restored_one_and_starts_no_more() {
    let place = Place::new("superseded");
    let (main, old) = network(&place);
    let address = address_in(&old);
    let lamp = member(&place, &old, "lamp", &[]);
    let (file, words) = (place.of("home.ltn"), secret_file(&place, "words", "a long passphrase"));
    let made = run(&["backup", &file, "--passphrase-file", &words, "--state", &old]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    drop(main);
    let new = place.of("restored");
    let restored = run(&["restore", &file, "--passphrase-file", &words, "--state", &new]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    learn(&new);

    // The restored one runs where the old one was, and the lamp is with it.
    let port = address.rsplit(':').next().expect("there is a port");
    let at = ["--listen", "127.0.0.1", "--port", port, "--data-port", "0"];
    let main = |state: &str| [&["main", "--state", state][..], &at].concat().join("\n");
    let start = |state: &str| {
        let mut main = Running::start(&main(state).split('\n').collect::<Vec<_>>());
        main.expect("is running at");
        main
    };
    let restored = start(&new);
    let mut lamp = client(&lamp);
    let sent = run(&["send", "/lamp", "a new epoch", "--state", &new]);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    lamp.expect("a new epoch");
    drop(restored);

    // Somebody starts the old machine. The lamp comes back to that address, and tells it.
    let main = main(&old);
    let stopped = run(&main.split('\n').collect::<Vec<_>>());
    assert_eq!(stopped.code, Some(78), "{} {}", stopped.stdout, stopped.stderr);
    assert!(stopped.stderr.contains("restored from a backup, and is in charge"), "{stopped:?}");
    let again = run(&main.split('\n').collect::<Vec<_>>());
    assert_eq!(again.code, Some(78), "{} {}", again.stdout, again.stderr);
    assert!(again.stderr.contains("another one has taken"), "{}", again.stderr);
    let doctor = run(&["doctor", "--state", &old]);
    assert_eq!(doctor.code, Some(78), "{}", doctor.stdout);
    assert!(doctor.stderr.contains("can be thrown away"), "{}", doctor.stderr);
    // The lamp was told that its server may come back, and waits for it.
    lamp.expect("may come back");
    let _restored = start(&new);
    lamp.expect("connected with Mainserver");
}

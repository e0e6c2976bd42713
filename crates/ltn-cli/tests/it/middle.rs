//! The middle one of three layers is killed while a request, a command, a transfer and a move go
//! through it: each ends as the contract names it, and nobody is lost.

use std::sync::Arc;
use std::time::Duration;

use ltn::{
    Address, Client, CommandSpec, MainServer, Node, Permission, SubServer, TalkError, Value,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::process::Running;

/// Longer than any test: what ends earlier was ended.
const LONG: Duration = Duration::from_secs(3_600);
/// No step takes longer than this, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// A backup is tried after two seconds, on a busy machine too.
const WAY_HOME: Duration = Duration::from_secs(120);

async fn soon<F: Future>(step: F) -> F::Output {
    tokio::time::timeout(PATIENCE, step).await.expect("every step ends")
}

/// Waits until the lamp is there, as the main server sees it.
async fn lamp_is_at(main: &Node, path: &str) {
    let found = async {
        loop {
            match main.locate("lamp").await {
                Ok(found) if found.path.to_string() == path => return,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(WAY_HOME, found).await.expect("the lamp is found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_middle_server_ends_what_is_under_way_as_it_is_promised() {
    let main = MainServer::builder().open().port(0).data_port(0).start().await.unwrap();
    let address = main.address().unwrap().to_string();
    let sub = ["sub", "middle", "--to", &address, "--open", "--port", "0"];
    let mut middle = Running::start(&sub);
    let at_middle = Address::new(&middle.address());
    middle.expect("connected with Mainserver");
    let hall = SubServer::builder("hall").open().port(0).backup_parents(main.address());
    let hall = hall.start().await.unwrap();
    soon(hall.connect(&at_middle)).await.unwrap();
    let lamp = Client::builder("lamp").open().start().await.unwrap();
    soon(lamp.connect(&hall.address().unwrap())).await.unwrap();
    lamp_is_at(&main, "/middle/hall/lamp").await;

    let entered = Arc::new(Notify::new());
    let entry = Arc::clone(&entered);
    lamp.handle("never", move |_| {
        entry.notify_one();
        std::future::pending()
    })
    .await
    .unwrap();
    let entry = Arc::clone(&entered);
    let toil = CommandSpec::new("toil", "never ends").permission(Permission::user());
    lamp.command(toil, move |_| {
        entry.notify_one();
        std::future::pending()
    })
    .await
    .unwrap();
    let asker = main.clone();
    let request = tokio::spawn(async move {
        asker.request_within(LONG, "/middle/hall/lamp", "never", Value::Null).await
    });
    soon(entered.notified()).await;
    let caller = main.clone();
    let command = tokio::spawn(async move {
        caller.call_within(LONG, "/middle/hall/lamp", "toil", Vec::new()).await
    });
    soon(entered.notified()).await;

    // 50 MiB, of which the receiver takes a little and then is in no hurry.
    let mut incoming = lamp.incoming_streams().unwrap();
    let mut stream = soon(main.open_stream("/middle/hall/lamp")).await.unwrap();
    let mut taken = soon(incoming.recv()).await.unwrap();
    let sending = tokio::spawn(async move {
        let piece = vec![7; 1024 * 1024];
        for _ in 0..50 {
            stream.write_all(&piece).await?;
        }
        stream.shutdown().await
    });
    let mut first = vec![0; 1024 * 1024];
    soon(taken.read_exact(&mut first)).await.unwrap();

    let mover = main.clone();
    let moving = tokio::spawn(async move { mover.move_node("/middle/hall", "/", None).await });
    drop(middle);

    let request = soon(request).await.unwrap();
    assert!(matches!(request, Err(TalkError::Unknown(_))), "{request:?}");
    let command = soon(command).await.unwrap();
    assert!(matches!(command, Err(TalkError::Unknown(_))), "{command:?}");
    let mut rest = Vec::new();
    let received = soon(taken.read_to_end(&mut rest)).await;
    assert!(received.is_err(), "{} bytes, and it looks whole", rest.len());
    let sent = soon(sending).await.unwrap();
    assert!(sent.is_err(), "the sender hears of it, too");
    let moved = soon(moving).await.unwrap();
    match &moved {
        Ok(place) => assert_eq!(place.to_string(), "/hall"),
        // Certainly not, or nobody can tell: never a time-out, never an answer that is wrong.
        Err(TalkError::Unknown(_) | TalkError::NoRoute(_) | TalkError::Refused(_)) => {}
        Err(other) => panic!("{other:?}"),
    }
    // Moved, or come to its backup by itself: it is not lost.
    lamp_is_at(&main, "/hall/lamp").await;
}

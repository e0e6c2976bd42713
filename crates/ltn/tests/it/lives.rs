//! Ends and restarts: what waits ends, what belongs together finds itself again.

use std::sync::Arc;
use std::time::Duration;

use ltn::{Client, Event, NodeId, TalkError, Target, Value};
use tokio::sync::Notify;

use crate::support::{address_of, client, event, main_server, network, soon, sub_server};

/// Longer than any test: what ends earlier was ended.
const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_at_a_node_that_stops_ends_as_unknown() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lamp = client("lamp", &sub1).await;
    network(&main, |nodes| nodes.len() == 3).await;
    let entered = Arc::new(Notify::new());
    let entry = Arc::clone(&entered);
    lamp.handle("never", move |_| {
        entry.notify_one();
        std::future::pending()
    })
    .await
    .unwrap();
    let asker = main.clone();
    let request =
        tokio::spawn(async move { asker.request_within(LONG, "/sub1/lamp", "never", ()).await });
    soon(entered.notified()).await;
    soon(lamp.shutdown()).await;
    let outcome = soon(request).await.unwrap();
    assert!(matches!(outcome, Err(TalkError::Unknown(_))), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_program_waits_for_ends_when_its_own_node_stops() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let entered = Arc::new(Notify::new());
    let entry = Arc::clone(&entered);
    main.handle("never", move |_| {
        entry.notify_one();
        std::future::pending()
    })
    .await
    .unwrap();
    let asker = lamp.clone();
    let request =
        tokio::spawn(async move { asker.request_within(LONG, Target::Root, "never", ()).await });
    soon(entered.notified()).await;
    soon(lamp.shutdown()).await;
    let outcome = soon(request).await.unwrap();
    assert!(matches!(outcome, Err(TalkError::Stopped | TalkError::Unknown(_))), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_everybody_is_back_at_the_same_place() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lamp = client("lamp", &sub1).await;
    sub1.offer("colour", "red").await.unwrap();
    let (id, address) = (sub1.id(), sub1.address());
    for _ in 0..2 {
        let mut at_main = main.events();
        let mut at_lamp = lamp.events();
        soon(sub1.restart()).await;
        event(&mut at_main, |event| joined(event, id)).await;
        event(&mut at_lamp, connected).await;
        assert_eq!((sub1.id(), sub1.address()), (id, address.clone()));
        network(&main, |nodes| {
            let live = nodes.iter().filter(|node| node.stale_for.is_none());
            live.map(|node| node.path.to_string()).eq(["/", "/sub1", "/sub1/lamp"])
        })
        .await;
        let colour = soon(lamp.request("/sub1", "colour", ())).await;
        assert_eq!(colour, Ok(Value::from("red")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_server_restarts_and_the_tree_is_whole_again() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let mut at_sub = sub1.events();
    let mut kept = main.messages().unwrap();
    soon(main.restart()).await;
    event(&mut at_sub, connected).await;
    soon(sub1.send("/", "here again")).await.unwrap();
    assert_eq!(soon(kept.recv()).await.unwrap().from, sub1.id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_server_gets_in_when_it_starts() {
    let first = main_server().await;
    let address = address_of(&first);
    let port = address.socket_addr().unwrap().port();
    soon(first.shutdown()).await;
    let lamp = Client::builder("lamp").open().start().await.unwrap();
    let mut events = lamp.events();
    let waiting = lamp.clone();
    let joined =
        tokio::spawn(async move { waiting.connect_until_it_works(&address).await.unwrap() });
    event(&mut events, |event| matches!(event, Event::Retrying { .. }).then_some(())).await;
    let builder = ltn::MainServer::builder().open().port(port).data_port(0);
    let main = builder.start().await.unwrap();
    assert_eq!(soon(joined).await.unwrap().server, main.id());
}

fn joined(event: Event, id: NodeId) -> Option<()> {
    matches!(event, Event::Joined { child, .. } if child == id).then_some(())
}

fn connected(event: Event) -> Option<()> {
    matches!(event, Event::Connected { .. }).then_some(())
}

//! The document that this project started from, cell by cell.

use ltn::{
    Answering, CallReply, CloseReason, Event, RollCallEntry, RollCallNews, RollCallOutcome, Target,
    Value,
};

use crate::support::{address_of, client, event, main_server, network, soon, sub_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seed_runs_from_the_first_cell_to_the_last() {
    // Cells 2 to 13: three layers, a client at each.
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let sub2 = sub_server("sub2", &main).await;
    let lower = sub_server("lower_sub3", &sub1).await;
    let client1 = client("client1", &main).await;
    let client2 = client("client2", &main).await;
    let client3 = client("client3", &sub1).await;
    let client4 = client("client4", &lower).await;

    // Cells 14 and 15: a server below itself is refused, and it keeps its parent.
    let own = address_of(&lower).socket_addr().unwrap();
    let arguments = vec![Value::from(own.ip().to_string()), Value::from(own.port())];
    let refused = soon(client4.call(Target::Parent, "s.sethigherserver", arguments)).await;
    assert!(matches!(refused, Err(ltn::TalkError::Refused(_))), "{refused:?}");
    assert_eq!(soon(lower.snapshot()).await.unwrap().parent, Some(sub1.id()));

    // Cell 16: the whole network, clients before servers.
    let nodes = network(&client1, |nodes| nodes.len() == 8).await;
    let paths: Vec<_> = nodes.iter().map(|node| node.path.to_string()).collect();
    assert_eq!(
        paths,
        [
            "/",
            "/client1",
            "/client2",
            "/sub1",
            "/sub1/client3",
            "/sub1/lower_sub3",
            "/sub1/lower_sub3/client4",
            "/sub2",
        ]
    );
    assert_eq!((nodes[0].servers, nodes[0].clients), (2, 2));
    assert_eq!((nodes[3].servers, nodes[3].clients), (1, 1));

    // Cell 17: a server stops alone, and its client learns why.
    let mut events = client4.events();
    soon(lower.shutdown()).await;
    let reason = event(&mut events, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, CloseReason::Stopping);
    network(&client1, |nodes| nodes.len() == 6).await;

    // Cells 18 and 19: the network stops after a second word, and everybody is accounted for.
    let mut events = main.events();
    let reply = soon(client1.call(Target::Root, "s.shutdownnetwork", vec![])).await.unwrap();
    let CallReply::Confirm(confirmation) = reply else { panic!("it must ask first: {reply:?}") };
    assert_eq!(confirmation.targets.len(), 6);
    let command = "s.shutdownnetwork";
    let order = client1.confirm_in_parts(Target::Root, command, vec![], &confirmation);
    let mut order = soon(order).await.unwrap();
    let mut told = parts(&mut order).await;
    soon(order.end()).await.unwrap();
    let entries = event(&mut events, |event| match event {
        Event::RollCall { entries, .. } => Some(entries),
        _ => None,
    })
    .await;
    let outcome_of = |id| {
        let of_node: Vec<_> = entries.iter().filter(|entry| entry.id == id).collect();
        assert_eq!(of_node.len(), 1, "{entries:?}");
        of_node[0].outcome
    };
    assert_eq!(outcome_of(main.id()), RollCallOutcome::Stopping);
    for server in [&sub1, &sub2] {
        assert_eq!(outcome_of(server.id()), RollCallOutcome::Stopped);
        soon(server.stopped()).await;
    }
    for client in [&client1, &client2, &client3] {
        assert_eq!(outcome_of(client.id()), RollCallOutcome::Told);
    }
    told.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(told, entries, "who gave the order heard of each as it ended");
    soon(main.stopped()).await;
}

/// Who ended how, as it is told before the report; all of it says how many there are.
async fn parts(order: &mut Answering) -> Vec<RollCallEntry> {
    let mut told = Vec::new();
    while let Some(part) = soon(order.next()).await {
        let news = RollCallNews::from_value(&part).expect("news of the order");
        assert_eq!(news.total, 6, "known from the start");
        told.extend(news.ended);
    }
    told
}

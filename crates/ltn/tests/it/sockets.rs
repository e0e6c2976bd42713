//! Data sockets: further ports with a name, and who may have bytes with whom there.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use std::sync::Arc;

use ltn::{
    CallReply, DataSocket, DataStream, Event, NodeId, RefusalKind, Server, StreamError, TalkError,
    Target, Value,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::support::{client, event, join, main_server, network, soon, sub_server};

/// Answers everything with itself, until the end.
async fn echo(mut stream: DataStream) {
    let mut piece = [0; 1_000];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        stream.write_all(&piece[..count]).await.unwrap();
        stream.flush().await.unwrap();
    }
    // The other end may have gone without waiting for the end.
    let _ = stream.shutdown().await;
}

async fn is_echoed(stream: &mut DataStream, text: &[u8]) {
    stream.write_all(text).await.unwrap();
    stream.flush().await.unwrap();
    let mut heard = vec![0; text.len()];
    soon(stream.read_exact(&mut heard)).await.unwrap();
    assert_eq!(heard, text);
}

fn words_of(reply: CallReply) -> String {
    let CallReply::Done(value) = reply else { panic!("{reply:?}") };
    match value {
        Value::Map(map) => map["text"].to_string(),
        other => other.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_socket_has_a_function_for_each_registered_node_that_connects() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lamp = client("lamp", &main).await;
    let low = client("low", &sub1).await;
    network(&main, |nodes| nodes.len() == 4).await;
    let mut news = lamp.events();
    let (peers, mut seen) = mpsc::channel::<NodeId>(8);
    let address = main
        .new_data_socket(DataSocket::new("echo", 0), move |stream| {
            let peers = peers.clone();
            async move {
                peers.send(stream.peer()).await.unwrap();
                echo(stream).await;
            }
        })
        .await
        .unwrap();
    assert_ne!(Some(&address), main.address().as_ref());
    // Those who are joined are told that there is something new, and where.
    event(&mut news, |event| {
        matches!(event, Event::MetadataChanged { peer } if peer == main.id()).then_some(())
    })
    .await;
    let facts = soon(lamp.request(Target::Root, "SERVERDATA", ())).await.unwrap();
    let Value::Map(facts) = facts else { panic!("{facts:?}") };
    let port = address.socket_addr().unwrap().port();
    let socks = facts["socks"].to_string();
    assert!(socks.contains("echo") && socks.contains(&port.to_string()), "{socks}");

    // From below at its port, from two layers down hop by hop.
    for (node, text) in [(&lamp, &b"from the lamp"[..]), (&low, b"from low")] {
        let mut stream = soon(node.connect_data_socket(Target::Root, "echo")).await.unwrap();
        assert_eq!(soon(seen.recv()).await, Some(node.id()));
        is_echoed(&mut stream, text).await;
        let status = main.data_sockets().into_iter().find(|socket| socket.name == "echo").unwrap();
        assert_eq!((status.address, status.users), (address.clone(), vec![node.id()]));
        let reply = soon(node.call(Target::Root, "s.listsocks", vec![])).await.unwrap();
        let text = words_of(reply);
        let path = if node.id() == lamp.id() { "/lamp" } else { "/sub1/low" };
        assert!(text.contains(&format!("echo at {address}: {path}")), "{text}");
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        soon(stream.read_to_end(&mut rest)).await.unwrap();
        soon(async {
            let on_it = || {
                main.data_sockets()
                    .into_iter()
                    .any(|socket| socket.name == "echo" && !socket.users.is_empty())
            };
            while on_it() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    let nothing = soon(lamp.connect_data_socket(Target::Root, "ecko")).await.unwrap_err();
    assert!(nothing.to_string().contains("there are: echo"), "{nothing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_of_nobody_is_closed() {
    let main = main_server().await;
    let called = Arc::new(Notify::new());
    let handler = Arc::clone(&called);
    let address = main
        .new_data_socket(DataSocket::new("private", 0), move |_| {
            let handler = Arc::clone(&handler);
            async move { handler.notify_one() }
        })
        .await
        .unwrap();
    // Somebody who says nothing that anybody here would say.
    let mut stranger = TcpStream::connect(address.socket_addr().unwrap()).await.unwrap();
    stranger.write_all(&[0x16; 100]).await.unwrap();
    let mut heard = Vec::new();
    // A TLS alert, or nothing; in any case the end.
    let _ = soon(stranger.read_to_end(&mut heard)).await;
    // Somebody with a key, in another network.
    let other = Server::builder("other").open().port(0).start().await.unwrap();
    let lamp = client("lamp", &other).await;
    let no_way = soon(lamp.connect_data_socket(main.id(), "private")).await.unwrap_err();
    assert!(matches!(no_way, StreamError::NoRoute(_)), "{no_way:?}");
    let silence = tokio::time::timeout(std::time::Duration::from_millis(100), called.notified());
    assert!(silence.await.is_err(), "the function ran for a stranger");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_asks_nodes_to_connect_those_it_lists_and_those_that_come() {
    let main = main_server().await;
    let early = client("early", &main).await;
    let other = client("other", &main).await;
    let (joined, mut peers) = mpsc::channel::<NodeId>(8);
    let socket = DataSocket::new("feed", 0).connect([early.id()]).connect_newcomers();
    main.new_data_socket(socket, move |mut stream| {
        let joined = joined.clone();
        async move {
            joined.send(stream.peer()).await.unwrap();
            stream.write_all(b"news").await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await
    .unwrap();
    let (heard, mut texts) = mpsc::channel::<String>(8);
    let listen = move |mut stream: DataStream| {
        let heard = heard.clone();
        async move {
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            heard.send(text).await.unwrap();
        }
    };
    // Whether the program is ready before or after it is asked makes no difference.
    early.join_data_socket("feed", listen.clone()).unwrap();
    assert_eq!(soon(peers.recv()).await, Some(early.id()));
    assert_eq!(soon(texts.recv()).await.as_deref(), Some("news"));
    let late = ltn::Client::builder("late").open().start().await.unwrap();
    late.join_data_socket("feed", listen).unwrap();
    join(&late, &main).await;
    assert_eq!(soon(peers.recv()).await, Some(late.id()));
    assert_eq!(soon(texts.recv()).await.as_deref(), Some("news"));
    // Nobody but the higher server is listened to.
    let refused = soon(other.call("/early", "newdatasock", vec!["feed".into()])).await.unwrap_err();
    let TalkError::Refused(refusal) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.kind, RefusalKind::NoPermission);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_a_data_socket_frees_its_port_and_ends_its_streams() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let address = main.new_data_socket(DataSocket::new("echo", 0), echo).await.unwrap();
    let twice = main.new_data_socket(DataSocket::new("echo", 0), echo).await.unwrap_err();
    assert!(twice.to_string().contains("already"), "{twice}");
    let port = address.socket_addr().unwrap().port();
    let taken = main.new_data_socket(DataSocket::new("more", port), echo).await.unwrap_err();
    assert!(taken.to_string().contains("no free port"), "{taken}");

    let mut stream = soon(lamp.connect_data_socket(Target::Root, "echo")).await.unwrap();
    is_echoed(&mut stream, b"hello").await;
    for (name, kind) in [("ecko", RefusalKind::NotOffered), ("Maindata", RefusalKind::NotPossible)]
    {
        let refused = soon(lamp.call(Target::Root, "s.closedatasock", vec![name.into()])).await;
        let Err(TalkError::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.kind, kind, "{refusal}");
    }
    let reply =
        soon(lamp.call(Target::Root, "s.closedatasock", vec!["echo".into()])).await.unwrap();
    assert_eq!(words_of(reply), "closed: echo");
    assert!(soon(stream.read_u8()).await.is_err());
    assert!(soon(lamp.connect_data_socket(Target::Root, "echo")).await.is_err());
    main.new_data_socket(DataSocket::new("next", port), echo).await.unwrap();
    // They live through a restart, and stop with the node.
    main.restart().await;
    soon(async {
        loop {
            match lamp.connect_data_socket(Target::Root, "next").await {
                Ok(mut stream) => return is_echoed(&mut stream, b"again").await,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
    })
    .await;
    main.shutdown().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    let of_a_client = lamp.new_data_socket(DataSocket::new("x", 0), echo).await.unwrap_err();
    assert!(of_a_client.to_string().contains("without a port"), "{of_a_client}");
}

//! What the system that this one follows got wrong: each story is named after what was tried there.
//! Others of the same list are told in the simulator, and in the files beside this one.

use std::time::Duration;

use bytes::Bytes;
use ltn::{
    CallReply, Client, Content, Line, RefusalKind, StartError, TalkError, Target, Value, parse_line,
};

use crate::support::{address_of, client, join, main_server, network, soon, sub_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sethigherserver_to_its_own_address_quoted_or_as_localhost_keeps_the_parent() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lamp = client("lamp", &sub1).await;
    let port = address_of(&sub1).socket_addr().unwrap().port();
    for typed in [
        format!("s.sethigherserver('127.0.0.1', {port})"),
        format!("s.sethigherserver(('127.0.0.1', '{port}'))"),
        format!("s.sethigherserver(\"localhost\", {port})"),
        format!("s.sethigherserver(localhost, {port})"),
    ] {
        let Line::Command { name, arguments } = parse_line(&typed).unwrap() else {
            panic!("{typed} is a command")
        };
        let refused = soon(lamp.call(Target::Parent, &name, arguments)).await;
        let Err(TalkError::Refused(refusal)) = refused else { panic!("{typed}: {refused:?}") };
        assert_eq!(refusal.kind, RefusalKind::OwnAddress, "{typed}");
        assert!(refusal.text.contains("sub1"), "{refusal}");
        assert_eq!(soon(sub1.snapshot()).await.unwrap().parent, Some(main.id()));
    }
    let nodes = network(&main, |nodes| nodes.len() == 3).await;
    let paths: Vec<_> = nodes.iter().map(|node| node.path.to_string()).collect();
    assert_eq!(paths, ["/", "/sub1", "/sub1/lamp"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_clients_at_once_with_one_name_one_gets_it() {
    let main = main_server().await;
    let mut joining = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let (lamp, to) = (Client::builder("lamp").open().start().await.unwrap(), address_of(&main));
        joining.spawn(async move { (lamp.connect(&to).await.unwrap().name, lamp) });
    }
    let joined = soon(joining.join_all()).await;
    let mut names: Vec<_> = joined.iter().map(|(name, _)| name.clone().unwrap()).collect();
    names.sort();
    assert_eq!(names.iter().filter(|name| *name == "lamp").count(), 1);
    assert!(names.iter().all(|name| name == "lamp" || name.starts_with("unnamed_")), "{names:?}");
    names.dedup();
    assert_eq!(names.len(), 30);
    network(&main, |nodes| nodes.len() == 31).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_with_escapes_or_a_newline_are_refused() {
    let steering = ["\u{1b}[31mred", "two\nlines", "a\rb", "tab\there", "nul\0", "\u{202e}turned"];
    let pathlike = ["a/b", "/", "#", "+", "a*", "*", "**", "..", ".", " ", "@all", "id:x"];
    for name in steering.into_iter().chain(pathlike) {
        let refused = Client::builder(name).open().start().await;
        let Err(StartError::BadName { .. }) = &refused else { panic!("{name:?}: {refused:?}") };
        let why = refused.unwrap_err().to_string();
        assert!(!why.contains(['\u{1b}', '\n', '\u{202e}']), "{why:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_umlauts_and_six_chinese_characters_are_names() {
    let main = main_server().await;
    for name in ["äöüÄÖÜßäöü", "客厅的台灯泡"] {
        let lamp = client(name, &main).await;
        network(&main, |nodes| nodes.iter().any(|node| node.name.as_str() == name)).await;
        let place = format!("/{name}");
        assert_eq!(soon(lamp.snapshot()).await.unwrap().path.to_string(), place);
        lamp.offer("who", name).await.unwrap();
        assert_eq!(soon(main.request(place.as_str(), "who", ())).await, Ok(name.into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_none_own_name_raising_and_timed_out_are_told_apart() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    lamp.offer("nothing", Value::Null).await.unwrap();
    lamp.offer("itself", "itself").await.unwrap();
    lamp.handle("raising", |_| async { panic!("a bug in the handler") }).await.unwrap();
    lamp.handle("never", |_| std::future::pending()).await.unwrap();
    // Short for what never answers; a busy machine may take its time for what does.
    let (limit, patience) = (Duration::from_millis(300), Duration::from_secs(30));
    let ask = |name: &'static str| soon(main.request_within(patience, "/lamp", name, ()));
    for _ in 0..2 {
        let absent = ask("absent").await.unwrap_err();
        assert!(matches!(absent, TalkError::Refused(no) if no.kind == RefusalKind::NotOffered));
        assert_eq!(ask("nothing").await, Ok(Value::Null));
        assert_eq!(ask("itself").await, Ok("itself".into()));
        assert!(matches!(ask("raising").await, Err(TalkError::Failed(_))));
    }
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let main = main.clone();
        asking.spawn(async move { main.request_within(limit, "/lamp", "never", ()).await });
    }
    for ended in soon(asking.join_all()).await {
        assert!(matches!(ended, Err(TalkError::Unknown(_) | TalkError::Failed(_))), "{ended:?}");
    }
    for node in [&main, &lamp] {
        soon(async {
            loop {
                let seen = node.snapshot().await.unwrap();
                if (seen.open_requests, seen.inbound_requests) == (0, 0) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert_eq!(ask("itself").await, Ok("itself".into()), "the way is as good as before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_and_any_bytes_are_data_like_any_other() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let mut heard = lamp.messages().unwrap();
    let all_bytes: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let separators = "a|b\\|c<sep>\u{1e}\0\r\n\\x1e";
    let values = [
        Value::List(vec![]),
        Value::Map(std::collections::BTreeMap::new()),
        Value::Null,
        Value::from(""),
        Value::from(separators),
        Value::Bytes(all_bytes.clone()),
        Value::list([Value::List(vec![]), Value::from(separators.repeat(5_000))]),
    ];
    for value in values {
        soon(main.send("/lamp", value.clone())).await.unwrap();
        assert_eq!(soon(heard.recv()).await.unwrap().content, Content::Value(value.clone()));
        lamp.offer("value", value.clone()).await.unwrap();
        assert_eq!(soon(main.request("/lamp", "value", ())).await, Ok(value));
    }
    soon(main.send("/lamp", Bytes::from(all_bytes.clone()))).await.unwrap();
    assert_eq!(soon(heard.recv()).await.unwrap().content, Content::Bytes(all_bytes.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnect_then_reconnect_is_listed_once_with_the_same_name() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    for _ in 0..3 {
        soon(lamp.disconnect()).await.unwrap();
        assert_eq!(join(&lamp, &main).await.name.as_deref(), Some("lamp"));
        let nodes = soon(main.network()).await.unwrap();
        assert_eq!(nodes.iter().filter(|node| node.id == lamp.id()).count(), 1, "{nodes:?}");
    }
    network(&main, |nodes| nodes.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_restart_twice_takes_the_same_port_and_everybody_comes_back() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lamp = client("lamp", &sub1).await;
    network(&main, |nodes| nodes.len() == 3).await;
    let address = address_of(&sub1);
    for _ in 0..2 {
        let mut events = lamp.events();
        let reply = soon(main.call("/sub1", "s.restart", vec![])).await.unwrap();
        let CallReply::Confirm(word) = reply else { panic!("it must ask first: {reply:?}") };
        soon(main.confirm("/sub1", "s.restart", vec![], &word)).await.unwrap();
        crate::support::event(&mut events, |event| {
            matches!(event, ltn::Event::Connected { .. }).then_some(())
        })
        .await;
        network(&main, |nodes| {
            let live = nodes.iter().filter(|node| node.stale_for.is_none());
            live.map(|node| node.path.to_string()).eq(["/", "/sub1", "/sub1/lamp"])
        })
        .await;
        assert_eq!(address_of(&sub1), address);
    }
}

//! A main server that was restored from a backup, over real sockets and from real directories: who
//! was put out stays out.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use ltn::{
    Client, CloseReason, ConnectError, Event, MainServer, Network, Node, NodeId, Permission,
    Session, SubServer, Value, join_network_at, make_network_at, restore_network_at,
};

use crate::support::{address_of, event, soon};

const PASSPHRASE: &str = "a long passphrase";

/// A directory for the states of a story, gone when it is over.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(story: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("ltn-restored-{story}-{}", std::process::id()));
        // It may be left from a process of this number that was killed.
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn of(&self, who: &str) -> PathBuf {
        self.0.join(who)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is in the system's own place for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn main_server(directory: &Path) -> Node {
    let main = MainServer::builder().port(0).without_data_socket().member_at(directory);
    soon(main.start()).await.unwrap()
}

async fn member(place: &Place, main: &Node, name: &str) -> NodeId {
    let line = run(main, "s.invite", &["client", name]).await;
    let line = line.get("line").unwrap().as_text().unwrap().parse().unwrap();
    soon(join_network_at(&line, &[], &place.of(name))).await.unwrap().id()
}

async fn client(place: &Place, name: &str, main: &Node) -> Node {
    let node = Client::builder("").member_at(place.of(name)).start().await.unwrap();
    soon(node.connect(&address_of(main))).await.unwrap();
    node
}

/// The same, who has heard of so many new charters.
async fn client_that_hears(place: &Place, name: &str, main: &Node, charters: usize) -> Node {
    let node = Client::builder("").member_at(place.of(name)).start().await.unwrap();
    let mut events = node.events();
    soon(node.connect(&address_of(main))).await.unwrap();
    for _ in 0..charters {
        event(&mut events, |event| matches!(event, Event::Chartered { .. }).then_some(())).await;
    }
    node
}

/// A command of the main server, by itself.
async fn run(main: &Node, command: &str, words: &[&str]) -> Value {
    let words = words.iter().map(|word| Value::from(*word)).collect();
    match soon(main.call("/", command, words)).await.unwrap() {
        ltn::CallReply::Done(value) => value,
        other => panic!("{other:?}"),
    }
}

/// The network of a main server that does not run.
async fn at_rest(place: &Place, who: &str) -> Network {
    Network::open(&place.of(who)).await.unwrap().unwrap()
}

async fn is_out(main: &Node, id: NodeId) -> bool {
    let members = run(main, "s.members", &[]).await;
    let members = members.get("members").and_then(Value::as_list).unwrap();
    let id = Value::from(id.to_string());
    let member = members.iter().find(|member| member.get("id") == Some(&id)).unwrap();
    member.get("revoked") == Some(&Value::from(true))
}

/// The minute in which a restored main server learns, in a moment.
async fn a_minute_goes_by(main: &Node) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    soon(async {
        while main.call("/", "s.invite", vec!["client".into()]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The restored book knew whoever joined after the backup by his id only.
#[tokio::test]
async fn who_joined_after_the_backup_can_be_revoked_by_his_name_also_when_he_is_away() {
    let place = Place::new("joined");
    make_network_at(&place.of("main"), "home").unwrap();
    let sealed = at_rest(&place, "main").await.backup(PASSPHRASE).await.unwrap();
    let main = main_server(&place.of("main")).await;
    let kitchen = member(&place, &main, "kitchen").await;
    main.shutdown().await;

    restore_network_at(&sealed, PASSPHRASE, &place.of("restored")).unwrap();
    let main = main_server(&place.of("restored")).await;
    let kitchen_node = client(&place, "kitchen", &main).await;
    soon(async {
        while !run(&main, "s.members", &[]).await.to_string().contains("kitchen: client") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    kitchen_node.shutdown().await;
    a_minute_goes_by(&main).await;
    main.shutdown().await;
    let book = at_rest(&place, "restored").await;
    let out = book.run("s.revoke", &["kitchen".into()]).await.unwrap();
    assert!(out.to_string().contains("kitchen is out"), "{out}");
    assert!(book.is_revoked(kitchen).await);
}

#[tokio::test]
async fn who_was_away_while_a_restored_main_server_learnt_brings_a_revocation_with_it() {
    let place = Place::new("away");
    make_network_at(&place.of("main"), "home").unwrap();
    let main = main_server(&place.of("main")).await;
    member(&place, &main, "lamp").await;
    let thief = member(&place, &main, "thief").await;
    main.shutdown().await;
    let sealed = at_rest(&place, "main").await.backup(PASSPHRASE).await.unwrap();
    at_rest(&place, "main").await.revoke(thief).await.unwrap();
    let main = main_server(&place.of("main")).await;
    let lamp = client_that_hears(&place, "lamp", &main, 1).await;
    lamp.shutdown().await;
    main.shutdown().await;

    // The machine of the main server is gone, the lamp is off, and nobody else knows.
    restore_network_at(&sealed, PASSPHRASE, &place.of("restored")).unwrap();
    let main = main_server(&place.of("restored")).await;
    a_minute_goes_by(&main).await;
    assert!(!is_out(&main, thief).await, "how could it know");
    let thief_node = client(&place, "thief", &main).await;
    let mut events = thief_node.events();

    // Of the new epoch, and then of what it has told itself.
    let lamp = client_that_hears(&place, "lamp", &main, 2).await;
    let thrown_out = event(&mut events, |event| match event {
        Event::Disconnected { reason, returning, .. } => Some((reason, returning)),
        _ => None,
    });
    assert_eq!(thrown_out.await, (CloseReason::Revoked, false));
    soon(async {
        while !is_out(&main, thief).await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    lamp.shutdown().await;
    main.shutdown().await;
    // It is in the book, and stays there.
    assert!(at_rest(&place, "restored").await.is_revoked(thief).await);
    let lines = ltn::inspect_state(&place.of("lamp")).unwrap().lines.join("\n");
    assert!(!lines.contains("older charters"), "it has nothing to tell any more: {lines}");
}

/// Each life took less than after what the time is written down, so the right never ended.
#[tokio::test]
async fn an_orderly_stop_forgets_no_running_time() {
    let place = Place::new("short");
    make_network_at(&place.of("main"), "home").unwrap();
    let main = main_server(&place.of("main")).await;
    let lamp = member(&place, &main, "lamp").await;
    main.shutdown().await;
    let network = at_rest(&place, "main").await;
    let gate = Permission::word("gate").unwrap();
    network.grant_at((lamp, main.id()), vec![gate], Some(Duration::from_secs(10))).await.unwrap();
    drop(network);
    for _ in 0..4 {
        let main = main_server(&place.of("main")).await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(3)).await;
        tokio::time::resume();
        main.shutdown().await;
    }
    let main = main_server(&place.of("main")).await;
    let listed = format!("{:?}", main.call("/", "s.members", Vec::new()).await.unwrap());
    assert!(listed.contains("lamp") && !listed.contains("gate"), "{listed}");
    main.shutdown().await;
}

#[tokio::test]
async fn a_backup_keeps_who_let_whom_in() {
    let place = Place::new("let-in");
    make_network_at(&place.of("main"), "home").unwrap();
    let main = main_server(&place.of("main")).await;
    let (root, lamp) = (main.id(), member(&place, &main, "lamp").await);
    main.shutdown().await;
    let sealed = at_rest(&place, "main").await.backup(PASSPHRASE).await.unwrap();
    restore_network_at(&sealed, PASSPHRASE, &place.of("restored")).unwrap();
    let members = at_rest(&place, "restored").await.members().await;
    let inviter = |wanted| members.iter().find(|(id, _)| *id == wanted).unwrap().1.by;
    assert_eq!((inviter(root), inviter(lamp)), (None, Some(root)));
}

async fn visit(place: &Place, who: &str, server: &Node) -> Result<Node, ConnectError> {
    let visit = Session::builder().visitor_of(place.of(who)).start().await.unwrap();
    soon(visit.connect(&address_of(server))).await.map(|_| visit)
}

/// Each visit began with the charter of the day on which the machine had joined, so a server that
/// was put out could be visited: it was listened to, and told things.
#[tokio::test]
async fn a_visit_remembers_who_is_out() {
    let place = Place::new("visits");
    make_network_at(&place.of("main"), "home").unwrap();
    let main = main_server(&place.of("main")).await;
    member(&place, &main, "ann").await;
    let line = run(&main, "s.invite", &["sub-server", "thief"]).await;
    let line = line.get("line").unwrap().as_text().unwrap().parse().unwrap();
    let thief = soon(join_network_at(&line, &[], &place.of("thief"))).await.unwrap().id();
    main.shutdown().await;
    at_rest(&place, "main").await.revoke(thief).await.unwrap();
    let stolen = SubServer::builder("").member_at(place.of("thief")).port(0);
    let stolen = stolen.start().await.unwrap();
    visit(&place, "ann", &stolen).await.expect("nobody has told ann").shutdown().await;

    let main = main_server(&place.of("main")).await;
    let keys = || std::fs::read(place.of("ann").join("visitor")).unwrap();
    let before = keys();
    let at_main = visit(&place, "ann", &main).await.unwrap();
    soon(async {
        while keys() == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    at_main.shutdown().await;
    main.shutdown().await;
    visit(&place, "ann", &stolen).await.expect_err("ann was told at the visit before");
    stolen.shutdown().await;
}

//! Joining, moving and leaving.

use ltn::{Address, Client, ConnectError, RefusalKind, SubServer, Target};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{address_of, client, event, join, main_server, network, soon, sub_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_brings_what_the_seed_shows() {
    let main = main_server().await;
    let sub = SubServer::builder("sub1").open().port(0).start().await.unwrap();
    let joined = join(&sub, &main).await;
    assert_eq!(joined.server, main.id());
    assert_eq!(joined.server_name, "Mainserver");
    assert_eq!(joined.name.as_deref(), Some("sub1"));
    let data = main.data_address().unwrap().socket_addr().unwrap();
    assert_eq!(joined.data_port, Some(data.port()));
    assert_eq!(
        joined.welcome,
        [
            "Connected to Mainserver",
            "Registered as 'sub1'",
            "Type 's.help()' for more information",
            "You have admin permissions",
        ]
    );
    // sub1 has no data socket of its own, so nobody is connected to one.
    let below = Client::builder("client3").open().start().await.unwrap();
    assert_eq!(join(&below, &sub).await.data_port, None);
    assert_eq!(soon(below.snapshot()).await.unwrap().path.to_string(), "/sub1/client3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_or_reserved_name_is_replaced_with_a_reason() {
    let main = main_server().await;
    let _first = client("lamp", &main).await;
    for wanted in ["lamp", "mainserver"] {
        let second = Client::builder(wanted).open().start().await.unwrap();
        let joined = join(&second, &main).await;
        let name = joined.name.unwrap();
        assert_eq!(name, format!("unnamed_{}", second.id().short()));
        let reason = joined.name_reason.unwrap();
        assert!(joined.welcome.contains(&reason) && !reason.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_not_joining_has_its_word() {
    let main = main_server().await;
    let lamp = Client::builder("lamp").open().start().await.unwrap();

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = soon(lamp.connect(&gone.into())).await.unwrap_err();
    assert_eq!(error, ConnectError::NoServer(gone.to_string()));

    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = other.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        stream.write_all(b"220 something else\r\n").await.unwrap();
    });
    let error = soon(lamp.connect(&at.into())).await.unwrap_err();
    assert_eq!(error, ConnectError::NotLtn(at.to_string()));

    let error = soon(lamp.connect(&Address::new("no address"))).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unsuited(_)), "{error:?}");

    soon(lamp.shutdown()).await;
    assert_eq!(lamp.connect(&address_of(&main)).await, Err(ConnectError::Stopped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_address_is_known_in_every_spelling() {
    let main = main_server().await;
    let sub = sub_server("sub1", &main).await;
    let port = address_of(&sub).socket_addr().unwrap().port();
    // The last one is an address for the system's resolver alone, and found out in the handshake.
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.2", "127.1"] {
        let own = Address::new(&format!("{host}:{port}"));
        let error = soon(sub.connect(&own)).await.unwrap_err();
        assert_eq!(error, ConnectError::OwnAddress(own.to_string()), "{host}");
        assert_eq!(soon(sub.snapshot()).await.unwrap().parent, Some(main.id()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_connects_already_is_told_so_and_who_hears_nothing_waits_not_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at: Address = silent.local_addr().unwrap().into();
    let lamp = Client::builder("lamp").open().start().await.unwrap();
    let first = tokio::spawn({
        let (lamp, at) = (lamp.clone(), at.clone());
        async move { lamp.connect(&at).await }
    });
    let _held = soon(silent.accept()).await.unwrap();
    assert_eq!(soon(lamp.connect(&at)).await, Err(ConnectError::AlreadyConnecting));
    assert_eq!(soon(first).await.unwrap(), Err(ConnectError::Timeout(at.to_string())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cycle_is_refused_and_everybody_stays() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let sub2 = sub_server("sub2", &sub1).await;
    network(&main, |nodes| nodes.len() == 3).await;
    let error = soon(sub1.connect(&address_of(&sub2))).await.unwrap_err();
    let ConnectError::Refused(refusal) = error else { panic!("{error:?}") };
    assert_eq!(refusal.kind, RefusalKind::Cycle);
    assert!(refusal.text.contains("sub2"), "{refusal}");
    assert_eq!(soon(sub1.snapshot()).await.unwrap().parent, Some(main.id()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_takes_everybody_below_along() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let sub2 = sub_server("sub2", &main).await;
    let lamp = client("lamp", &sub2).await;
    soon(sub2.connect(&address_of(&sub1))).await.unwrap();
    let moved = |nodes: &[ltn::TreeNode]| {
        nodes.iter().any(|node| node.path.to_string() == "/sub1/sub2/lamp")
    };
    let nodes = network(&main, moved).await;
    assert_eq!(nodes.len(), 4);
    assert_eq!(soon(main.locate("lamp")).await.unwrap().id, lamp.id());
    assert_eq!(soon(lamp.request(Target::Root, "SERVERDATA", ())).await.err(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_is_gone_and_may_come_back_by_the_same_name() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    soon(lamp.disconnect()).await.unwrap();
    network(&main, |nodes| nodes.len() == 1).await;
    assert_eq!(join(&lamp, &main).await.name.as_deref(), Some("lamp"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_anywhere_plans_a_move_and_makes_it() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let sub2 = sub_server("sub2", &main).await;
    let hall = sub_server("hall", &sub1).await;
    let lamp = client("lamp", &hall).await;
    let admin = client("admin", &sub2).await;
    network(&main, |nodes| nodes.len() == 6).await;

    let plan = soon(admin.plan_move("/sub1/hall", "..")).await.unwrap();
    assert_eq!(plan.after.to_string(), "/sub2/hall");
    let places: Vec<_> = plan.places.iter().map(|(_, after)| after.to_string()).collect();
    assert_eq!(places, ["/sub2/hall", "/sub2/hall/lamp"]);
    assert_eq!((plan.node, plan.under), (hall.id(), sub2.id()));
    assert_eq!((plan.servers, plan.clients), (0, 1));
    assert_eq!(soon(hall.snapshot()).await.unwrap().parent, Some(sub1.id()));

    let cycle = soon(admin.plan_move("/sub1", "/sub1/hall")).await.unwrap_err();
    let ltn::TalkError::Refused(refusal) = cycle else { panic!("{cycle:?}") };
    assert_eq!(refusal.kind, RefusalKind::Cycle);
    assert!(refusal.text.contains("sub1") && refusal.text.contains("hall"), "{refusal}");

    let place = soon(admin.move_node("/sub1/hall", "..", None)).await.unwrap();
    assert_eq!(place.to_string(), "/sub2/hall");
    let moved = |nodes: &[ltn::TreeNode]| {
        nodes.iter().any(|node| node.path.to_string() == "/sub2/hall/lamp")
    };
    network(&main, moved).await;
    soon(lamp.request("/sub2", "SERVERDATA", ())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_on_trial_is_taken_back_over_real_links() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let sub2 = sub_server("sub2", &main).await;
    network(&main, |nodes| nodes.len() == 3).await;
    let trial = Some(std::time::Duration::from_secs(600));
    soon(main.move_node("sub2", "sub1", trial)).await.unwrap();
    let mut events = sub2.events();
    soon(sub1.shutdown()).await;
    let back = |event| matches!(event, ltn::Event::MovingBack { .. }).then_some(());
    event(&mut events, back).await;
    let main_id = main.id();
    event(&mut events, |event| match event {
        ltn::Event::Connected { parent, .. } => (parent == main_id).then_some(()),
        _ => None,
    })
    .await;
}

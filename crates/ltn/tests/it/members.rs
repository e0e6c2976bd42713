//! A network with members over real sockets: invited, joined, refused, revoked.

use ltn::{
    Address, AnswerKey, CallReply, Client, CloseReason, ConnectError, Content, Credentials, Event,
    Invite, JoinError, MainServer, Network, Node, Permission, RefusalKind, Role, Session,
    StartError, SubServer, TalkError, Value, join_network, join_network_at,
};
use tokio::io::AsyncReadExt;

use crate::restored::Place;
use crate::support::{address_of as at, event, soon};

/// A main server of a network with members.
async fn main_of(network: &Network) -> Node {
    let main = MainServer::builder().port(0).without_data_socket().root_of(network);
    main.start().await.expect("a main server starts")
}

/// One more member, that joined by this server.
async fn member(network: &Network, role: Role, name: &str, by: &Address) -> Credentials {
    let hints = std::slice::from_ref(by);
    let invite = network.invite(role, Some(name), hints).await.expect("it can be invited");
    join_network(&invite, &[]).await.expect("it joins")
}

/// The same, without a name that would be its alone.
async fn nameless(network: &Network, role: Role, by: &Node) -> Credentials {
    let invite = network.invite(role, None, &[at(by)]).await.expect("it can be invited");
    join_network(&invite, &[]).await.expect("it joins")
}

async fn client(credentials: &Credentials, to: &Address) -> Node {
    let node = Client::builder("").member(credentials).start().await.expect("a client starts");
    node.connect(to).await.expect("it is let in");
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_invited_joins_through_any_server_and_talks_to_everybody() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let hall = member(&network, Role::SubServer, "hall", &at(&main)).await;
    let hall = SubServer::builder("").member(&hall).port(0).start().await.unwrap();
    hall.connect(&at(&main)).await.unwrap();

    // The lamp reaches the sub-server only, which passes on what it cannot use.
    let lamp = member(&network, Role::Client, "lamp", &at(&hall)).await;
    assert_eq!((lamp.network(), lamp.role()), (network.id(), Role::Client));
    let lamp = client(&lamp, &at(&hall)).await;
    let mut heard = main.messages().unwrap();
    lamp.send("/", "it is dark").await.unwrap();
    assert_eq!(heard.recv().await.unwrap().content, Content::Text("it is dark".to_owned()));
    lamp.offer("level", 40).await.unwrap();
    assert_eq!(main.request("/hall/lamp", "level", ()).await.unwrap().to_string(), "40");
    main.shutdown().await;
}

/// The dial of a member was held to what the open mode may, so networks did not leave a machine.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "what is not tried is said aloud")]
async fn members_meet_by_the_addresses_of_their_machines() {
    let network = Network::make().unwrap();
    let everywhere = std::net::Ipv4Addr::UNSPECIFIED.into();
    let main = MainServer::builder().listen(everywhere).port(0).root_of(&network);
    let main = main.start().await.unwrap();
    let is_outside = |at: &Address| at.socket_addr().is_some_and(|at| !at.ip().is_loopback());
    let Some(outside) = main.addresses().into_iter().find(is_outside) else {
        return eprintln!("SKIPPED: this machine has no address that others could reach");
    };
    let hall = member(&network, Role::SubServer, "hall", &outside).await;
    let hall = SubServer::builder("").member(&hall).listen(everywhere).port(0).start().await;
    let hall = hall.unwrap();
    hall.connect(&outside).await.unwrap();
    let below = hall.addresses().into_iter().find(is_outside).expect("as the main server");
    let lamp = member(&network, Role::Client, "lamp", &below).await;
    let lamp = client(&lamp, &below).await;
    main.offer("level", 40).await.unwrap();
    assert_eq!(lamp.request("/", "level", ()).await.unwrap().to_string(), "40");
    main.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_good_once_and_only_whole() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let hints = [at(&main)];
    let invite = network.invite(Role::Client, Some("lamp"), &hints).await.unwrap();
    join_network(&invite, &[]).await.unwrap();
    let again = join_network(&invite, &[]).await.unwrap_err();
    assert!(matches!(&again, JoinError::Refused(why) if why.contains("used already")), "{again}");

    let mut guessed = network.invite(Role::Client, None, &hints).await.unwrap();
    guessed.secret = ltn::InviteSecret([0; 16]);
    let refused = join_network(&guessed, &[]).await.unwrap_err();
    assert!(matches!(refused, JoinError::Refused(_)), "{refused}");
    let mut climber = network.invite(Role::Client, None, &hints).await.unwrap();
    climber.role = Role::SubServer;
    let refused = join_network(&climber, &[]).await.unwrap_err();
    assert!(matches!(refused, JoinError::Refused(_)), "{refused}");
    main.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_meets_another_network_says_nothing_and_is_not_let_in() {
    let (home, away) = (Network::make().unwrap(), Network::make().unwrap());
    let (main, other) = (main_of(&home).await, main_of(&away).await);
    let invite = home.invite(Role::Client, Some("lamp"), &[at(&other)]).await.unwrap();
    let refused = join_network(&invite, &[]).await.unwrap_err();
    assert!(matches!(refused, JoinError::OtherNetwork(_)), "{refused}");

    // The invite was not used by that, and the right address comes later.
    let lamp = join_network(&invite, &[at(&main)]).await.unwrap();
    let lost = Client::builder("").member(&lamp).start().await.unwrap();
    let refused = lost.connect(&at(&other)).await.unwrap_err();
    assert!(matches!(refused, ConnectError::NotLtn(_)), "{refused}");
    let stranger = Client::builder("stranger").open().start().await.unwrap();
    let refused = stranger.connect(&at(&main)).await.unwrap_err();
    assert!(matches!(refused, ConnectError::NotLtn(_)), "{refused}");
    for node in [main, other] {
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_revoked_is_thrown_out_at_once_and_stays_out() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let hall = member(&network, Role::SubServer, "hall", &at(&main)).await;
    let hall = SubServer::builder("").member(&hall).port(0).start().await.unwrap();
    hall.connect(&at(&main)).await.unwrap();
    let stolen = member(&network, Role::Client, "tablet", &at(&main)).await;
    let tablet = client(&stolen, &at(&hall)).await;
    let mut events = tablet.events();

    network.revoke(stolen.id()).await.unwrap();
    assert!(network.is_revoked(stolen.id()).await);
    let why = event(&mut events, |event| match event {
        Event::Disconnected { reason, returning, .. } => Some((reason, returning)),
        _ => None,
    });
    assert_eq!(why.await, (CloseReason::Revoked, false));
    for server in [&hall, &main] {
        let refused = tablet.connect(&at(server)).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Refused(_)), "{refused}");
    }
    assert!(network.revoke(stolen.id()).await.is_err(), "it is so already");
    // The name is free for new hardware.
    let tablet = member(&network, Role::Client, "tablet", &at(&main)).await;
    client(&tablet, &at(&hall)).await;
    main.shutdown().await;
}

/// A visit is on no list, so the streams were told nothing of its end: they stood as long as their
/// connections did.
#[tokio::test(flavor = "multi_thread")]
async fn a_visit_of_who_is_revoked_keeps_no_stream() {
    let (place, network) = (Place::new("stream"), Network::make().unwrap());
    let main = main_of(&network).await;
    let invite = network.invite(Role::Client, Some("ann"), &[at(&main)]).await.unwrap();
    let ann = join_network_at(&invite, &[], &place.of("ann")).await.unwrap().id();
    let mut incoming = main.incoming_streams().unwrap();
    // When its stream stands the visit does nothing any more, so nothing of it is closed by itself.
    let (directory, to) = (place.of("ann"), at(&main));
    let visit = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let held = runtime.block_on(async {
            let visit = Session::builder().visitor_of(directory).start().await.unwrap();
            visit.connect(&to).await.unwrap();
            let stream = visit.open_stream("/").await.unwrap();
            (visit, stream)
        });
        (runtime, held)
    });
    let (runtime, held) = soon(visit).await.unwrap();
    let mut taken = soon(incoming.recv()).await.unwrap();
    network.revoke(ann).await.unwrap();
    let why = soon(taken.read_u8()).await.unwrap_err().to_string();
    assert!(why.contains(&CloseReason::Revoked.to_string()), "{why}");
    runtime.shutdown_background();
    drop(held);
    main.shutdown().await;
}

async fn admitted(node: &Node) -> bool {
    matches!(node.call("/", "s.attributes", Vec::new()).await, Ok(CallReply::Done(_)))
}

/// Waits for what a new charter brings, once it has gone through the tree.
async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    soon(async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_charter_says_who_may_more_than_everybody() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let ann = member(&network, Role::Client, "ann", &at(&main)).await;
    let node = client(&ann, &at(&main)).await;
    let refused = node.call("/", "s.attributes", Vec::new()).await.unwrap_err();
    let kind = match &refused {
        TalkError::Refused(refusal) => refusal.kind,
        other => panic!("{other}"),
    };
    assert_eq!(kind, RefusalKind::NoPermission);

    network.grant(ann.id(), vec![Permission::admin()], None).await.unwrap();
    until(|| async { admitted(&node).await }).await;
    assert_eq!(network.ungrant(ann.id(), &[Permission::admin()]).await.unwrap(), 1);
    until(|| async { !admitted(&node).await }).await;
    main.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_reaches_over_a_server_that_an_admin_moved_there_and_over_no_other() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let server = async |name: &str| {
        let server = member(&network, Role::SubServer, name, &at(&main)).await;
        let server = SubServer::builder("").member(&server).port(0).start().await.unwrap();
        server.connect(&at(&main)).await.unwrap();
        server
    };
    let (hall, yard) = (server("hall").await, server("yard").await);
    let lamp = member(&network, Role::Client, "lamp", &at(&hall)).await;
    let _lamp = client(&lamp, &at(&hall)).await;
    let admin = async |name: &str, scope| {
        let admin = member(&network, Role::Client, name, &at(&main)).await;
        let what = vec![Permission::admin()];
        network.grant_at((admin.id(), scope), what, None).await.unwrap();
        client(&admin, &at(&main)).await
    };
    let (friend, ann) = (admin("friend", yard.id()).await, admin("ann", main.id()).await);
    let may = async |place: &str| friend.call(place, "s.audit", Vec::new()).await;
    until(|| async { may("/yard").await.is_ok() }).await;
    hall.connect(&at(&yard)).await.unwrap();
    until(|| async { main.locate("/yard/hall/lamp").await.is_ok() }).await;
    for _ in 0..2 {
        let refused = may("/yard/hall/lamp").await.unwrap_err();
        let TalkError::Refused(refusal) = refused else { panic!("{refused}") };
        assert_eq!(refusal.kind, RefusalKind::NoPermission);
    }
    soon(ann.move_node("/yard/hall", "/", None)).await.unwrap();
    soon(ann.move_node("/hall", "/yard", None)).await.unwrap();
    until(|| async { may("/yard/hall/lamp").await.is_ok() }).await;
    main.shutdown().await;
}

/// The nearest server that knew the name said whom it means.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_moved_or_settled_by_a_name_is_who_the_main_server_means() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let server = async |name: &str, above: &Node| {
        let server = nameless(&network, Role::SubServer, above).await;
        let server = SubServer::builder(name).member(&server).port(0).start().await.unwrap();
        server.connect(&at(above)).await.unwrap();
        server
    };
    let hall = server("hall", &main).await;
    let (attic, yard) = (server("attic", &hall).await, server("yard", &main).await);
    let other = nameless(&network, Role::Client, &hall).await;
    let other = Client::builder("yard").member(&other).start().await.unwrap();
    other.connect(&at(&hall)).await.unwrap();
    let ann = member(&network, Role::Client, "ann", &at(&hall)).await;
    network.grant(ann.id(), vec![Permission::admin()], None).await.unwrap();
    let ann = client(&ann, &at(&hall)).await;
    until(|| async { main.locate("/hall/yard").await.is_ok() }).await;

    assert_eq!(ann.locate("yard").await.unwrap().id, other.id());
    let refused = [
        ann.locate_confirmed("yard").await.map(drop),
        ann.plan_move("/hall/attic", "yard").await.map(drop),
        ann.move_node("/hall/attic", "yard", None).await.map(drop),
        ann.settle("/hall/attic", "yard").await,
        ann.settle("yard", "/").await,
    ];
    for refused in refused {
        let Err(TalkError::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert!(refusal.text.contains("others are called so"), "{}", refusal.text);
    }
    let found = ann.locate_confirmed("/yard").await.unwrap();
    assert_eq!((found.id, found.path.to_string().as_str()), (yard.id(), "/yard"));
    soon(ann.move_node(attic.id(), "/yard", None)).await.unwrap();
    assert_eq!(ann.locate_confirmed(attic.id()).await.unwrap().path.to_string(), "/yard/attic");
    main.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_admins_do_is_in_the_audit_log_and_a_copy_of_it_at_the_main_server() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let lamp = member(&network, Role::Client, "lamp", &at(&main)).await;
    let lamp = client(&lamp, &at(&main)).await;
    let ann = member(&network, Role::Client, "ann", &at(&main)).await;
    network.grant(ann.id(), vec![Permission::admin()], None).await.unwrap();
    let node = client(&ann, &at(&main)).await;
    // A key that is set so is refused between members; that it was tried is told all the same.
    let key = || vec!["a secret key".into()];
    let tried = async || match node.call("/", "s.setadminkey", key()).await {
        Err(TalkError::Refused(refusal)) => refusal.kind == RefusalKind::NotPossible,
        other => panic!("{other:?}"),
    };
    until(|| async { tried().await }).await;
    let refused = lamp.call("/", "s.attributes", Vec::new()).await.unwrap_err();
    assert!(matches!(refused, TalkError::Refused(_)), "{refused}");
    let told = async |arguments| match node.call("/", "s.audit", arguments).await {
        Ok(CallReply::Done(value)) => value.get("text").unwrap().to_string(),
        other => panic!("{other:?}"),
    };
    let log = told(Vec::new()).await;
    assert!(log.contains("s.setadminkey(…) run"), "{log}");
    assert!(log.contains("s.attributes() refused"), "{log}");
    assert!(!log.contains("secret"), "{log}");
    // What arrives at another node is told of at the main server too.
    assert!(matches!(node.call("/lamp", "s.audit", Vec::new()).await, Ok(CallReply::Done(_))));
    until(|| async { told(vec![10.into(), "copies".into()]).await.contains("s.audit() run") })
        .await;
    main.shutdown().await;
}

/// What an answer says when it arrives is what each server on the way reads of it: the payload of
/// its frames, passed on as it is.
#[tokio::test(flavor = "multi_thread")]
async fn servers_on_the_way_read_nothing_of_an_invite_that_they_pass_on() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let mut above = main.clone();
    let mut servers = Vec::new();
    for name in ["hall", "attic"] {
        let server = member(&network, Role::SubServer, name, &at(&above)).await;
        let server = SubServer::builder("").member(&server).port(0).start().await.unwrap();
        server.connect(&at(&above)).await.unwrap();
        above = server.clone();
        servers.push(server);
    }
    let ann = member(&network, Role::Client, "ann", &at(&above)).await;
    network.grant(ann.id(), vec![Permission::admin()], None).await.unwrap();
    let node = client(&ann, &at(&above)).await;
    until(|| async { admitted(&node).await }).await;

    let asked = |reader: Value| {
        let words = ["client", "lamp", ""].map(Value::from);
        words.into_iter().chain([60.into(), false.into(), reader]).collect::<Vec<_>>()
    };
    for nonsense in [Value::Bytes(vec![4; 65]), Value::from("key")] {
        let refused = node.call("/", "s.invite", asked(nonsense)).await.unwrap_err();
        assert!(matches!(&refused, TalkError::Refused(no) if no.kind == RefusalKind::BadArguments));
    }
    let open = node.call("/", "s.invite", asked(Value::Null)).await.unwrap_err();
    assert!(open.to_string().contains("every server on the way could read it"), "{open}");
    // Nothing of that has taken the name.
    let key = AnswerKey::make().unwrap();
    let answer = node.call("/", "s.invite", asked(key.public())).await;
    let Ok(CallReply::Done(answer)) = answer else { panic!("{answer:?}") };
    let seen = answer.to_cbor();
    let invited = key.open("s.invite", &answer).unwrap();
    let line = invited.get("line").and_then(Value::as_text).unwrap();
    let invite: Invite = line.parse().unwrap();
    let shows = |what: &[u8]| seen.windows(what.len()).any(|part| part == what);
    assert!(!shows(&invite.secret.0) && !shows(&line.as_bytes()[..12]) && !shows(b"lamp"));
    join_network(&invite, &[at(&main)]).await.unwrap();
    main.shutdown().await;
    drop(servers);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_good_for_what_was_invited() {
    let network = Network::make().unwrap();
    let main = main_of(&network).await;
    let lamp = member(&network, Role::Client, "lamp", &at(&main)).await;
    let climber = SubServer::builder("").member(&lamp).port(0).start().await.unwrap_err();
    assert!(matches!(climber, StartError::WrongRole { .. }), "{climber}");
    assert!(!format!("{lamp:?}").contains("key"), "{lamp:?}");
    main.shutdown().await;
}

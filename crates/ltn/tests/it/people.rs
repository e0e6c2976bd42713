//! People on a server: what they are called and what they may do.

use ltn::{
    CallReply, Client, Event, MainServer, Node, Permissions, RefusalKind, StartError, TalkError,
    Target, Value,
};

use crate::support::{client, event, join, main_server, network, soon, sub_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_name_holds_for_everybody_and_through_a_restart() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lamp = client("lamp", &sub1).await;
    let mut at_sub = sub1.events();
    soon(lamp.rename("Lampe 2")).await.unwrap();
    let renamed = event(&mut at_sub, |event| match event {
        Event::Renamed { node, name, .. } => Some((node, name.to_string())),
        _ => None,
    });
    assert_eq!(renamed.await, (lamp.id(), "Lampe 2".to_owned()));
    let said = soon(lamp.call(Target::Root, "s.changename", vec!["attic".into(), "sub1".into()]));
    said.await.unwrap();
    let at_place = |place: &'static str| {
        network(&main, move |nodes| nodes.iter().any(|node| node.path.to_string() == place))
    };
    at_place("/attic/Lampe 2").await;
    let taken = soon(lamp.rename("../x")).await;
    assert!(matches!(taken, Err(TalkError::Refused(why)) if why.kind == RefusalKind::BadArguments));

    soon(sub1.restart()).await;
    soon(lamp.restart()).await;
    network(&main, |nodes| {
        let live = nodes.iter().filter(|node| node.stale_for.is_none());
        live.map(|node| node.path.to_string()).eq(["/", "/attic", "/attic/Lampe 2"])
    })
    .await;
}

const KEY: &str = "open sesame 7";

async fn guarded() -> Node {
    let builder = MainServer::builder().open().port(0).data_port(0);
    let started = builder.newcomers(Permissions::user()).admin_key(KEY).start().await;
    started.expect("a main server starts at a free port")
}

async fn at_parent(node: &Node, command: &str, words: &[&str]) -> Result<String, TalkError> {
    let arguments = words.iter().map(|word| Value::from(*word)).collect();
    match soon(node.call(Target::Parent, command, arguments)).await? {
        CallReply::Done(value) => Ok(value.to_string()),
        CallReply::Confirm(confirmation) => Ok(confirmation.text),
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, TalkError>, kind: RefusalKind) -> String {
    match outcome {
        Err(TalkError::Refused(refusal)) if refusal.kind == kind => refusal.text,
        other => panic!("{other:?} is no refusal of kind {kind:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_the_admin_key_is_admin_and_the_key_is_shown_nowhere() {
    let main = guarded().await;
    let lamp = client("lamp", &main).await;
    let mut events = main.events();
    refused(at_parent(&lamp, "s.restart", &[]).await, RefusalKind::NoPermission);
    let why = refused(soon(lamp.get_admin("open sesame 8")).await, RefusalKind::NoPermission);
    assert!(!why.contains("sesame"), "{why}");
    soon(lamp.get_admin(KEY)).await.unwrap();
    let rights = event(&mut events, |event| {
        assert!(!format!("{event:?}").contains("sesame"), "{event:?}");
        match event {
            Event::RightsChanged { node, rights, .. } => Some((node, rights)),
            _ => None,
        }
    });
    assert_eq!(rights.await, (lamp.id(), Permissions::admin()));
    assert!(at_parent(&lamp, "s.restart", &[]).await.unwrap().contains("will restart"));
    let info = at_parent(&lamp, "s.info", &[]).await.unwrap();
    assert!(info.contains("has_admin_key"), "{info}");
    refused(at_parent(&lamp, "s.shutdownnetwork", &[]).await, RefusalKind::NoPermission);

    let said = at_parent(&lamp, "s.setadminkey", &["close sesame 9"]).await.unwrap();
    assert!(said.contains("new admin key") && !said.contains("sesame"), "{said}");
    let bulb = client("bulb", &main).await;
    refused(soon(bulb.get_admin(KEY)).await, RefusalKind::NoPermission);
    soon(bulb.get_admin("close sesame 9")).await.unwrap();
    let attributes = at_parent(&bulb, "s.attributes", &[]).await.unwrap();
    let log: Vec<String> = main.log().iter().map(ToString::to_string).collect();
    assert!(log.iter().any(|line| line.contains("bulb holds admin, user here")), "{log:?}");
    for text in log.iter().chain([&attributes]) {
        assert!(!text.contains("sesame"), "{text}");
    }
    // The key outlives a restart in place, who is admin by it does not.
    soon(main.restart()).await;
    soon(async {
        while at_parent(&bulb, "s.info", &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    refused(
        at_parent(&bulb, "s.setadminkey", &["whatever it is"]).await,
        RefusalKind::NoPermission,
    );
    soon(bulb.get_admin("close sesame 9")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_key_does_not_travel_through_other_servers() {
    let main = guarded().await;
    let sub1 = sub_server("sub1", &main).await;
    let lamp = client("lamp", &sub1).await;
    let far = soon(lamp.call(Target::Root, "s.getadmin", vec![KEY.into()])).await;
    let why = refused(far, RefusalKind::NotPossible);
    assert!(why.contains("every server on a longer way could read it"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_key_that_is_none_does_not_start() {
    for key in ["", "short"] {
        let started = MainServer::builder().open().port(0).admin_key(key).start().await;
        let error = started.unwrap_err();
        assert!(matches!(error, StartError::BadAdminKey(_)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mute_and_kick_are_felt_and_told_at_both_ends() {
    let main = guarded().await;
    let (ann, bob) = (client("ann", &main).await, client("bob", &main).await);
    let (mut said, mut at_bob) = (bob.messages().unwrap(), bob.events());
    soon(ann.get_admin(KEY)).await.unwrap();
    assert_eq!(at_parent(&ann, "s.mute", &["bob"]).await.unwrap(), "bob muted at Mainserver");
    let line = soon(said.recv()).await.unwrap();
    assert!(format!("{:?}", line.content).contains("ann muted you"), "{line:?}");
    refused(soon(bob.send("/ann", "hello")).await, RefusalKind::Muted);
    let stream = soon(bob.open_stream("/ann")).await;
    assert!(format!("{stream:?}").contains("muted"), "{stream:?}");
    at_parent(&ann, "s.unmute", &["bob"]).await.unwrap();
    soon(bob.send("/ann", "hello")).await.unwrap();

    // Everybody is at this address here, also who says so: ann stays, and is told that she does.
    let said = at_parent(&ann, "s.kickip", &["127.0.0.1"]).await.unwrap();
    assert!(said.starts_with("bob kicked") && said.contains("ann is there too"), "{said}");
    event(&mut at_bob, |event| match event {
        Event::Disconnected { reason: ltn::CloseReason::Kicked, text, returning, .. } => {
            assert!(text.starts_with("ann kicked you") && !returning, "{text}");
            Some(())
        }
        _ => None,
    })
    .await;
    let back = soon(bob.connect(&main.address().unwrap())).await.unwrap_err();
    assert!(back.to_string().contains("kicked"), "{back}");
    let other = Client::builder("bob").open().start().await.unwrap();
    assert_eq!(join(&other, &main).await.name.unwrap().to_string(), "bob");
    at_parent(&ann, "s.info", &["bob"]).await.unwrap();
}

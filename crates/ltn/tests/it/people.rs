//! People on a server: what they are called and what they may do.

use ltn::{Event, RefusalKind, TalkError, Target};

use crate::support::{client, event, main_server, network, soon, sub_server};

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

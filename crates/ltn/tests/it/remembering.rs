//! What a node with a state directory is after its process ended and another one began.

use ltn::{
    CallReply, Client, MainServer, Node, Permissions, RefusalKind, TalkError, Target, Value,
};

use crate::support::{Place, join, network, soon};

async fn guarded(place: &Place, key: Option<&str>) -> Node {
    let builder = MainServer::builder().open().port(0).data_port(0).state(place.0.join("main"));
    let builder = builder.newcomers(Permissions::user());
    let builder = key.into_iter().fold(builder, |builder, key| builder.admin_key(key));
    soon(builder.start()).await.expect("a main server starts with its state")
}

async fn lamp(place: &Place, main: &Node) -> Node {
    let lamp = Client::builder("lamp").open().state(place.0.join("lamp")).start().await;
    let lamp = lamp.expect("a client starts with its state");
    join(&lamp, main).await;
    lamp
}

async fn call(node: &Node, to: Target, command: &str, words: &[&str]) -> Result<String, TalkError> {
    let arguments = words.iter().map(|word| Value::from(*word)).collect();
    match soon(node.call(to, command, arguments)).await? {
        CallReply::Done(value) => Ok(value.to_string()),
        CallReply::Confirm(confirmation) => Ok(confirmation.text),
    }
}

#[track_caller]
fn is_refused<T: std::fmt::Debug>(outcome: Result<T, TalkError>, kind: RefusalKind) {
    let kind_of = |error: &TalkError| match error {
        TalkError::Refused(refusal) => Some(refusal.kind),
        _ => None,
    };
    assert_eq!(outcome.as_ref().err().and_then(kind_of), Some(kind), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_comes_back_with_its_name_and_its_permissions() {
    let place = Place::new("client");
    let main = guarded(&place, None).await;
    let first = lamp(&place, &main).await;
    soon(first.rename("bulb")).await.expect("the name is free");
    is_refused(call(&first, Target::Root, "s.restart", &[]).await, RefusalKind::NoPermission);
    let given = call(&main, Target::Root, "s.giverights", &["bulb", "admin"]).await;
    assert!(given.is_ok(), "{given:?}");
    soon(first.shutdown()).await;
    soon(main.shutdown()).await;

    let main = guarded(&place, None).await;
    let second = lamp(&place, &main).await;
    assert_eq!(second.id(), first.id());
    network(&main, |nodes| nodes.iter().any(|node| node.path.to_string() == "/bulb")).await;
    let asked = call(&second, Target::Root, "s.restart", &[]).await;
    assert!(asked.as_ref().is_ok_and(|text| text.contains("will restart")), "{asked:?}");
    call(&main, Target::Root, "s.removeadmin", &["bulb"]).await.expect("it is one");
    soon(second.shutdown()).await;
    soon(main.shutdown()).await;

    let main = guarded(&place, None).await;
    let third = lamp(&place, &main).await;
    is_refused(call(&third, Target::Root, "s.restart", &[]).await, RefusalKind::NoPermission);
    soon(third.shutdown()).await;
    soon(main.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_key_that_was_set_last_holds_until_another_one_is_configured() {
    let place = Place::new("key");
    let (configured, set, other) = ("first sesame", "second sesame", "third sesame");
    // What the node is configured with, what is set then, and what opens before that.
    for (with, then, opens, not) in [
        (Some(configured), Some(set), configured, set),
        (Some(configured), None, set, configured),
        (Some(other), None, other, set),
        (None, None, "", other),
        (None, None, "", set),
    ] {
        let main = guarded(&place, with).await;
        let lamp = lamp(&place, &main).await;
        let kind =
            if opens.is_empty() { RefusalKind::NotPossible } else { RefusalKind::NoPermission };
        is_refused(soon(lamp.get_admin(not)).await, kind);
        if !opens.is_empty() {
            soon(lamp.get_admin(opens)).await.expect("it is the key");
        }
        if let Some(key) = then {
            call(&lamp, Target::Parent, "s.setadminkey", &[key]).await.expect("an admin may");
        }
        soon(lamp.shutdown()).await;
        soon(main.shutdown()).await;
    }
}

//! What only the charter of a network opens, and to whom: the admin key, rights that somebody gave
//! to himself, and the backup.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use ltn::{
    CallReply, Client, CommandSpec, MainServer, Network, Node, Permission, RefusalKind, Role,
    Session, SubServer, TalkError, Value, join_network, make_network_at,
};

use crate::support::{Place, address_of, soon};

const KEY: &str = "open sesame 7";
const PASSPHRASE: &str = "a passphrase of ann's own";

/// One more member, joined to this server.
async fn member(network: &Network, name: &str, to: &Node) -> Node {
    let at = address_of(to);
    let invite = network.invite(Role::Client, Some(name), std::slice::from_ref(&at)).await;
    let credentials = soon(join_network(&invite.unwrap(), &[])).await.unwrap();
    let node = Client::builder("").member(&credentials).start().await.unwrap();
    soon(node.connect(&at)).await.unwrap();
    node
}

async fn sub_server(network: &Network, name: &str, to: &Node) -> Node {
    let at = address_of(to);
    let invite = network.invite(Role::SubServer, Some(name), std::slice::from_ref(&at)).await;
    let credentials = soon(join_network(&invite.unwrap(), &[])).await.unwrap();
    let node = SubServer::builder("").member(&credentials).port(0).start().await.unwrap();
    soon(node.connect(&at)).await.unwrap();
    node
}

/// How a call was refused; `None` if it was not.
async fn refusal(
    node: &Node,
    to: &str,
    command: &str,
    words: &[&str],
) -> Option<(RefusalKind, String)> {
    let arguments = words.iter().map(|word| Value::from(*word)).collect();
    match soon(node.call(to, command, arguments)).await {
        Ok(_) => None,
        Err(TalkError::Refused(refusal)) => Some((refusal.kind, refusal.text)),
        Err(other) => panic!("{command}: {other}"),
    }
}

/// Is it refused because the caller holds too little?
async fn may_not(node: &Node, to: &str, command: &str, words: &[&str]) -> bool {
    let refusal = refusal(node, to, command, words).await;
    refusal.is_some_and(|(kind, _)| kind == RefusalKind::NoPermission)
}

/// Waits until a change of the charter has got around.
async fn until(is_so: impl AsyncFn() -> bool) {
    soon(async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_key_opens_no_command_about_the_network() {
    let network = Network::make().unwrap();
    let main = MainServer::builder().port(0).without_data_socket().root_of(&network);
    let main = main.admin_key(KEY).start().await.unwrap();
    let eve = member(&network, "eve", &main).await;
    soon(eve.get_admin(KEY)).await.unwrap();
    assert_eq!(refusal(&eve, "/", "s.attributes", &[]).await, None, "this server is open");

    let is_about_more = |spec: &CommandSpec| {
        spec.category == "members"
            || spec.category == "network management"
            || spec.name == "s.audit"
    };
    let mut all = soon(eve.commands_of("/")).await.unwrap();
    all.retain(|spec| is_about_more(spec) && spec.permission != Permission::user());
    assert!(all.len() >= 14, "{all:?}");
    for CommandSpec { name, .. } in all {
        assert!(may_not(&eve, "/", &name, &[]).await, "{name}");
    }
    assert!(network.members().await.iter().all(|(id, _)| [main.id(), eve.id()].contains(id)));
    main.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_owner_gets_a_backup() {
    let place = Place::new("backup");
    let state = place.0.join("main");
    make_network_at(&state, "home").unwrap();
    // Invited while the main server does not run, with its address for later.
    let network = Network::open(&state).await.unwrap().unwrap();
    let invite = network.invite(Role::Client, Some("ann"), &[]).await.unwrap();
    drop(network);
    let main = MainServer::builder().port(0).without_data_socket().member_at(&state);
    let main = main.start().await.unwrap();
    let at = address_of(&main);
    let credentials = soon(join_network(&invite, std::slice::from_ref(&at))).await.unwrap();
    let ann = Client::builder("").member(&credentials).start().await.unwrap();
    soon(ann.connect(&at)).await.unwrap();
    let owner = Session::builder().visitor_of(&state).start().await.unwrap();
    soon(owner.connect_beside()).await.unwrap();
    confirmed(&owner, "s.grant", &["ann", "admin"]).await;
    until(async || refusal(&ann, "/", "s.members", &[]).await.is_none()).await;

    let refused = refusal(&ann, "/", "s.backup", &[PASSPHRASE]).await.expect("it is not hers");
    assert_eq!(refused.0, RefusalKind::NoPermission, "{}", refused.1);
    assert!(refused.1.contains("owner"), "{}", refused.1);
    let given = soon(owner.call("/", "s.backup", vec![PASSPHRASE.into()])).await.unwrap();
    assert!(matches!(given, CallReply::Done(Value::Bytes(_))), "{given:?}");
    main.shutdown().await;
}

async fn confirmed(node: &Node, command: &str, words: &[&str]) {
    let arguments: Vec<Value> = words.iter().map(|word| Value::from(*word)).collect();
    match soon(node.call("/", command, arguments.clone())).await.unwrap() {
        CallReply::Done(_) => {}
        CallReply::Confirm(shown) => {
            soon(node.confirm("/", command, arguments, &shown)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_was_taken_is_gone_also_where_its_holder_gave_it_to_himself() {
    let network = Network::make().unwrap();
    let main = MainServer::builder().port(0).without_data_socket().root_of(&network);
    let main = main.start().await.unwrap();
    let hall = sub_server(&network, "hall", &main).await;
    let ann = member(&network, "ann", &main).await;
    network.grant(ann.id(), vec![Permission::admin()], None).await.unwrap();
    for place in ["/", "/hall"] {
        until(async || refusal(&ann, place, "s.attributes", &[]).await.is_none()).await;
        for words in [["admin"], ["gate"]] {
            let refused = refusal(&ann, place, "s.getrights", &words).await.expect("a refusal");
            assert!(refused.1.contains("ltn grant"), "{}", refused.1);
        }
        assert!(refusal(&ann, place, "s.giverights", &["ann", "gate"]).await.is_some());
        // Nor is there a key by which she could come back.
        assert!(refusal(&ann, place, "s.setadminkey", &[KEY]).await.is_some());
    }
    network.ungrant(ann.id(), &[Permission::admin()]).await.unwrap();
    for place in ["/", "/hall"] {
        until(async || may_not(&ann, place, "s.attributes", &[]).await).await;
    }
    assert!(may_not(&ann, "/", "s.invite", &["client", "mole", "", "60", "admin"]).await);
    drop(hall);
    main.shutdown().await;
}

//! What only the charter of a network opens, and to whom: the admin key, rights that somebody gave
//! to himself, and the backup.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use ltn::{
    AnswerKey, CallReply, Client, CommandSpec, MainServer, Network, Node, Permission, Permissions,
    RefusalKind, Role, Session, StartError, SubServer, TalkError, Value, join_network,
    make_network_at,
};

use crate::support::{Place, address_of, soon};

const KEY: &str = "open sesame 7";

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

    let key = AnswerKey::make().unwrap();
    match soon(ann.call("/", "s.backup", vec![key.public()])).await {
        Err(TalkError::Refused(refusal)) => {
            assert_eq!(refusal.kind, RefusalKind::NoPermission, "{refusal}");
            assert!(refusal.text.contains("owner"), "{refusal}");
        }
        other => panic!("it is not hers: {other:?}"),
    }
    let given = soon(owner.call("/", "s.backup", vec![key.public()])).await.unwrap();
    let CallReply::Done(given) = given else { panic!("a backup wants no confirmation") };
    assert!(matches!(key.open("s.backup", &given), Ok(Value::Bytes(_))));
    main.shutdown().await;
}

/// What a command answers, also one that wants a confirmation first.
async fn confirmed(node: &Node, command: &str, words: &[&str]) -> Value {
    let arguments: Vec<Value> = words.iter().map(|word| Value::from(*word)).collect();
    match soon(node.call("/", command, arguments.clone())).await.unwrap() {
        CallReply::Done(value) => value,
        CallReply::Confirm(shown) => {
            soon(node.confirm("/", command, arguments, &shown)).await.unwrap()
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

/// The owner of this network, visiting its main server.
async fn owned(place: &Place) -> (Node, Node) {
    let state = place.0.join("main");
    make_network_at(&state, "home").unwrap();
    let main = MainServer::builder().port(0).without_data_socket().member_at(&state);
    let main = main.start().await.unwrap();
    let owner = Session::builder().visitor_of(&state).start().await.unwrap();
    soon(owner.connect_beside()).await.unwrap();
    (main, owner)
}

/// One more member, that this owner invited.
async fn invited(owner: &Node, name: &str, to: &Node) -> Node {
    let wish = vec!["client".into(), name.into()];
    let CallReply::Done(made) = soon(owner.call("/", "s.invite", wish)).await.unwrap() else {
        panic!("an invite wants no confirmation")
    };
    let line = made.get("line").and_then(Value::as_text).unwrap().to_owned();
    let credentials = soon(join_network(&line.parse().unwrap(), &[])).await.unwrap();
    let node = Client::builder("").member(&credentials).start().await.unwrap();
    soon(node.connect(&address_of(to))).await.unwrap();
    node
}

/// Whoever puts an admin out thought that all was done by that.
#[tokio::test(flavor = "multi_thread")]
async fn who_an_admin_let_in_is_named_when_she_goes() {
    let place = Place::new("let-in");
    let (main, owner) = owned(&place).await;
    let ann = invited(&owner, "ann", &main).await;
    confirmed(&owner, "s.grant", &["ann", "admin"]).await;
    until(async || refusal(&ann, "/", "s.members", &[]).await.is_none()).await;
    let nobody = shown(&owner, "s.revoke", &["ann"]).await.unwrap();
    assert!(!nobody.contains("joined by"), "{nobody}");
    let (_lamp, _kitchen) =
        (invited(&ann, "lamp", &main).await, invited(&ann, "kitchen", &main).await);

    let stay = "kitchen and lamp joined by invites of ann and stay; `ltn revoke` each";
    for words in [&["ann", "admin"][..], &["ann"]] {
        let command = if words.len() > 1 { "s.ungrant" } else { "s.revoke" };
        let told = shown(&owner, command, words).await.unwrap();
        assert!(told.contains(stay), "{told}");
        let done = confirmed(&owner, command, words).await.to_string();
        assert!(done.contains(stay), "{done}");
    }
    let listed = confirmed(&owner, "s.members", &[]).await;
    let text = listed.get("text").and_then(Value::as_text).unwrap();
    assert!(text.contains("lamp: client, invited by ann, who is out ("), "{text}");
    assert!(text.contains("ann: client, out, invited by Mainserver ("), "{text}");
    let members = listed.get("members").and_then(Value::as_list).unwrap();
    let by = |name: &str| {
        let name = Some(Value::from(name));
        let member = members.iter().find(|member| member.get("name") == name.as_ref()).unwrap();
        ["by", "by_id"].map(|key| member.get(key).cloned().unwrap())
    };
    assert_eq!(by("lamp"), [Value::from("ann"), ann.id().to_string().into()]);
    assert_eq!(by("Mainserver"), [Value::Null, Value::Null]);
    main.shutdown().await;
}

/// What a confirmation says that nobody gives.
async fn shown(node: &Node, command: &str, words: &[&str]) -> Result<String, String> {
    let arguments = words.iter().map(|word| Value::from(*word)).collect();
    match soon(node.call("/", command, arguments)).await {
        Ok(CallReply::Confirm(confirmation)) => Ok(confirmation.text),
        Err(TalkError::Refused(refusal)) => Err(refusal.text),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_confirmation_of_a_revocation_names_the_member() {
    let place = Place::new("named");
    let (main, owner) = owned(&place).await;
    let lamp = invited(&owner, "lamp", &main).await;
    let text = shown(&owner, "s.revoke", &["lamp"]).await.unwrap();
    assert!(text.starts_with(&format!("lamp (client, {}) will be out", lamp.id())), "{text}");
    let none = shown(&owner, "s.revoke", &["nobody"]).await.unwrap_err();
    assert!(none.contains("no member") && none.contains("`ltn members`"), "{none}");
    let text = shown(&owner, "s.grant", &["lamp", "admin"]).await.unwrap();
    assert!(text.contains("lamp (client") && text.contains("`admin` everywhere"), "{text}");
    let none = shown(&owner, "s.ungrant", &["lamp", "admin"]).await.unwrap_err();
    assert!(none.contains("was given none of that"), "{none}");
    confirmed(&owner, "s.revoke", &["lamp"]).await;
    let again = shown(&owner, "s.revoke", &["lamp"]).await.unwrap_err();
    assert!(again.contains("`lamp` is out"), "{again}");
    main.shutdown().await;
}

/// An admin could take it, and then not even visits of the owner could give anything back.
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_the_main_server_may_everything_whatever_admins_do() {
    let place = Place::new("owner");
    let (main, owner) = owned(&place).await;
    let ann = invited(&owner, "ann", &main).await;
    confirmed(&owner, "s.grant", &["ann", "admin"]).await;
    until(async || refusal(&ann, "/", "s.members", &[]).await.is_none()).await;
    let (root, visit) = (main.id().to_string(), owner.id().to_string());
    for (command, words, why) in [
        ("s.ungrant", &["/", "admin"][..], "for ever"),
        ("s.ungrant", &[root.as_str(), "admin"], "for ever"),
        ("s.grant", &["/", "admin", "/", "1"], "for ever"),
        ("s.revoke", &["/"], "it is who revokes"),
        ("s.revoke", &[visit.as_str()], "no member"),
        ("s.replace", &[root.as_str(), "60"], "`ltn restore`"),
        ("s.mute", &[visit.as_str()], "its owner"),
        ("s.kickuser", &[visit.as_str()], "its owner"),
    ] {
        let key = AnswerKey::make().unwrap();
        let mut arguments: Vec<Value> = words.iter().map(|word| Value::from(*word)).collect();
        match command {
            "s.replace" => arguments = vec![words[0].into(), 60.into(), key.public()],
            "s.grant" => arguments[3] = 1.into(),
            _ => {}
        }
        match soon(ann.call("/", command, arguments)).await {
            Err(TalkError::Refused(refusal)) => {
                assert!(refusal.text.contains(why), "{command} {words:?}: {refusal}");
            }
            other => panic!("{command} {words:?}: {other:?}"),
        }
    }
    confirmed(&owner, "s.ungrant", &["ann", "admin"]).await;
    main.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_taken_in_the_tree_gets_no_rights_and_loses_none() {
    let place = Place::new("taken");
    let (main, owner) = owned(&place).await;
    let eve = invited(&owner, "eve", &main).await;
    // Whether she may call herself so or not, no member was invited by that name.
    let _ = soon(eve.rename("phone")).await;
    for (command, words) in [
        ("s.grant", &["phone", "admin"][..]),
        ("s.ungrant", &["phone", "admin"]),
        ("s.revoke", &["phone"]),
    ] {
        let refused = shown(&owner, command, words).await.unwrap_err();
        assert!(refused.contains("no member was invited as `phone`"), "{command}: {refused}");
    }
    assert!(refusal(&owner, "/", "s.replace", &["phone"]).await.is_some());
    // A place is taken as long as it is shown who is there.
    let path = soon(owner.locate(eve.id())).await.unwrap().path.to_string();
    let text = shown(&owner, "s.grant", &[path.as_str(), "admin"]).await.unwrap();
    assert!(text.contains(&format!("eve (client, {})", eve.id())), "{text}");
    assert!(refusal(&owner, "/", "s.replace", &[path.as_str()]).await.is_some());
    main.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_for_an_admin_or_not_and_never_by_mistake() {
    let place = Place::new("wishes");
    let (main, owner) = owned(&place).await;
    let refused = refusal(&owner, "/", "s.invite", &["client", "a", "", "60", "true"]).await;
    assert!(refused.is_some_and(|(_, text)| text.contains("`admin`")));
    let wish = ["client", "bell", "/nowhere", "60", "admin"].map(Value::from).to_vec();
    for withdrawn in [false, true] {
        let made = soon(owner.call("/", "s.invite", wish.clone())).await.unwrap();
        let CallReply::Done(made) = made else { panic!("an invite wants no confirmation") };
        let remarks = made.get("remarks").unwrap().to_string();
        assert!(remarks.contains("no server /nowhere"), "{remarks}");
        assert_eq!(remarks.contains("is withdrawn"), withdrawn, "{remarks}");
    }
    let listed = soon(owner.call("/", "s.members", Vec::new())).await.unwrap();
    let CallReply::Done(listed) = listed else { panic!("a list wants no confirmation") };
    let text = listed.get("text").and_then(Value::as_text).unwrap();
    let open: Vec<&str> = text.lines().filter(|line| line.starts_with("invited: ")).collect();
    assert!(matches!(open[..], [line] if line.contains("bell: client, holds `admin`")), "{text}");
    let done = soon(owner.call("/", "s.uninvite", vec!["bell".into()])).await.unwrap();
    assert!(matches!(done, CallReply::Done(_)), "{done:?}");
    main.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_everybody_admin_of_a_network_with_members() {
    let network = Network::make().unwrap();
    let main = MainServer::builder().port(0).root_of(&network).newcomers(Permissions::admin());
    let refused = main.start().await.unwrap_err();
    assert!(matches!(refused, StartError::EverybodyAdmin), "{refused}");
}

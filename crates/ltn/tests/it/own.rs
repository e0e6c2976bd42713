//! What users bring themselves: requestables, servercommands and clientcommands, added, replaced
//! and deleted at run time, on every role.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use ltn::{
    CallReply, Client, CommandSpec, HandlerError, MainServer, Node, ParameterKind, Permission,
    Permissions, Refusal, RefusalKind, Server, Session, SubServer, TalkError, Target, Value,
};

use crate::support::{client, join, main_server, network, soon, sub_server};

/// One of each role, joined where a role joins, and a client that asks them all.
struct Everybody {
    main: Node,
    sub: Node,
    server: Node,
    client: Node,
    session: Node,
    /// Asks in the tree, and at the server that is in none.
    askers: [Node; 2],
}

async fn everybody() -> Everybody {
    let main = main_server().await;
    let sub = sub_server("sub1", &main).await;
    let server = Server::builder("alone").open().port(0).start().await.unwrap();
    let session = Session::builder().open().start().await.unwrap();
    join(&session, &sub).await;
    let askers = [client("asker", &main).await, client("asker", &server).await];
    let client = client("lamp", &sub).await;
    network(&main, |nodes| nodes.len() == 4).await;
    Everybody { main, sub, server, client, session, askers }
}

impl Everybody {
    /// Each node, and who asks it.
    fn pairs(&self) -> [(&Node, &Node); 5] {
        let [in_tree, alone] = &self.askers;
        [
            (&self.main, in_tree),
            (&self.sub, in_tree),
            (&self.server, alone),
            (&self.client, in_tree),
            // Visitors are known to their own server only.
            (&self.session, &self.sub),
        ]
    }
}

async fn call(asker: &Node, node: &Node, command: &str) -> Result<Value, TalkError> {
    match soon(asker.call(node.id(), command, vec![])).await? {
        CallReply::Done(value) => Ok(value),
        CallReply::Confirm(word) => panic!("{command} asks for a confirmation: {word:?}"),
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, TalkError>, kind: RefusalKind) -> String {
    match result {
        Err(TalkError::Refused(refusal)) if refusal.kind == kind => refusal.text,
        other => panic!("{other:?} is no refusal of kind {kind:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requestables_come_change_and_go_at_run_time_on_every_role() {
    let all = everybody().await;
    for (node, asker) in all.pairs() {
        let ask = || soon(asker.request(node.id(), "colour", "dark"));
        let role = node.role();
        refused(ask().await, RefusalKind::NotOffered);
        node.offer("colour", "red").await.unwrap();
        assert_eq!(ask().await, Ok("red".into()), "{role}");
        node.offer("colour", Value::Null).await.unwrap();
        assert_eq!(ask().await, Ok(Value::Null), "{role}: nothing is a value too");
        node.handle("colour", |question| async move {
            let shade = question.argument.as_text().unwrap_or("any").to_owned();
            Ok(format!("{shade} blue for {}", question.from.short()).into())
        })
        .await
        .unwrap();
        let wanted = format!("dark blue for {}", asker.id().short());
        assert_eq!(ask().await, Ok(wanted.into()), "{role}");
        node.withdraw("colour").await.unwrap();
        refused(ask().await, RefusalKind::NotOffered);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servercommands_come_change_and_go_at_run_time_on_every_server() {
    let all = everybody().await;
    for (node, asker) in all.pairs().into_iter().filter(|(node, _)| node.role().is_server()) {
        let spec = || CommandSpec::new("s.bell", "rings").category("house");
        refused(call(asker, node, "s.bell").await, RefusalKind::NotOffered);
        node.command(spec(), |_| async { Ok("ding".into()) }).await.unwrap();
        assert_eq!(call(asker, node, "s.bell").await, Ok("ding".into()), "{}", node.role());
        let help = soon(asker.call(node.id(), "s.help", vec!["house".into()])).await.unwrap();
        assert_eq!(help, CallReply::Done("s.bell() – rings".into()));
        node.command(spec().required("times", ParameterKind::Int), |call| async move {
            Ok("ding".repeat(call.arguments[0].as_u64().unwrap_or(0) as usize).into())
        })
        .await
        .unwrap();
        refused(call(asker, node, "s.bell").await, RefusalKind::BadArguments);
        let twice = soon(asker.call(node.id(), "s.bell", vec![2.into()])).await;
        assert_eq!(twice, Ok(CallReply::Done("dingding".into())));
        node.withdraw("s.bell").await.unwrap();
        refused(call(asker, node, "s.bell").await, RefusalKind::NotOffered);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clientcommands_come_change_and_go_at_run_time_on_everybody_who_joins() {
    let all = everybody().await;
    for (node, asker) in all.pairs().into_iter().filter(|(node, _)| node.role().has_uplink()) {
        let spec = || CommandSpec::new("blink", "shows where it is");
        refused(call(asker, node, "blink").await, RefusalKind::NotOffered);
        node.command(spec(), |_| async { Ok(1.into()) }).await.unwrap();
        assert_eq!(call(asker, node, "blink").await, Ok(1.into()), "{}", node.role());
        node.command(spec(), |_| async { Ok(2.into()) }).await.unwrap();
        assert_eq!(call(asker, node, "blink").await, Ok(2.into()), "{}", node.role());
        node.withdraw("blink").await.unwrap();
        refused(call(asker, node, "blink").await, RefusalKind::NotOffered);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clientcommands_know_who_calls_and_whether_by_their_own_link() {
    let all = everybody().await;
    all.client
        .command(CommandSpec::new("whose", ""), |call| async move {
            Ok(Value::list([Value::from(call.from.to_string()), call.direct.into()]))
        })
        .await
        .unwrap();
    for (caller, direct) in [(&all.sub, true), (&all.main, false), (&all.askers[0], false)] {
        let wanted = Value::list([Value::from(caller.id().to_string()), direct.into()]);
        assert_eq!(call(caller, &all.client, "whose").await, Ok(wanted), "{}", caller.role());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_gets_wrong_is_answered_with_what_was_expected() {
    let users = MainServer::builder().open().port(0).data_port(0).newcomers(Permissions::user());
    let main = users.start().await.unwrap();
    let lamp = client("lamp", &main).await;
    let ok = |_| async { Ok(Value::Null) };
    let heat = CommandSpec::new("s.heat", "heats")
        .required("celsius", ParameterKind::Int)
        .optional("room", ParameterKind::Text);
    main.command(heat, ok).await.unwrap();
    let gate = CommandSpec::new("s.gate", "opens").permission(Permission::word("gate").unwrap());
    main.command(gate, ok).await.unwrap();
    let call = |name: &'static str, arguments| soon(lamp.call(Target::Root, name, arguments));

    let too_few = refused(call("s.heat", vec![]).await, RefusalKind::BadArguments);
    assert_eq!(too_few, "s.heat(celsius[, room]) takes 1 or 2 arguments, not 0");
    let many = vec![1.into(), "hall".into(), 2.into()];
    let too_many = refused(call("s.heat", many).await, RefusalKind::BadArguments);
    assert_eq!(too_many, "s.heat(celsius[, room]) takes 1 or 2 arguments, not 3");
    let wrong = refused(call("s.heat", vec!["warm".into()]).await, RefusalKind::BadArguments);
    let expected = "argument 1 (celsius) must be a whole number, not \"warm\"";
    assert_eq!(wrong, format!("s.heat(celsius[, room]): {expected}"));
    let unknown = refused(call("s.haet", vec![]).await, RefusalKind::NotOffered);
    assert_eq!(unknown, "Mainserver has no command called `s.haet`; did you mean `s.heat`?");
    let missing = refused(call("s.gate", vec![]).await, RefusalKind::NoPermission);
    assert!(missing.contains("`s.gate` needs the permission `gate`"), "{missing}");
    assert_eq!(call("s.heat", vec!["21".into()]).await, Ok(CallReply::Done(Value::Null)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dangerous_command_of_a_user_asks_first_and_runs_once() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let burn = CommandSpec::new("s.burn", "burns").required("what", ParameterKind::Text);
    main.command(burn.dangerous(), |call| async move {
        Ok(format!("burnt {}", call.arguments[0].as_text().unwrap_or("")).into())
    })
    .await
    .unwrap();
    let arguments = vec![Value::from("letters")];
    let asked = soon(lamp.call(Target::Root, "s.burn", arguments.clone())).await.unwrap();
    let CallReply::Confirm(word) = asked else { panic!("it must ask first: {asked:?}") };
    let books = soon(lamp.confirm(Target::Root, "s.burn", vec!["books".into()], &word)).await;
    refused(books, RefusalKind::BadToken);
    let asked = soon(lamp.call(Target::Root, "s.burn", arguments.clone())).await.unwrap();
    let CallReply::Confirm(word) = asked else { panic!("it must ask first: {asked:?}") };
    let confirm = || soon(lamp.confirm(Target::Root, "s.burn", arguments.clone(), &word));
    assert_eq!(confirm().await, Ok("burnt letters".into()));
    refused(confirm().await, RefusalKind::BadToken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_may_refuse_and_then_nothing_was_done() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let busy = || HandlerError::from(Refusal::new(RefusalKind::Busy, "the kettle is full"));
    lamp.handle_or_refuse("tea", move |_| async move { Err(busy()) }).await.unwrap();
    lamp.command_or_refuse(CommandSpec::new("boil", ""), move |call| async move {
        if call.direct { Err(busy()) } else { Ok(Value::Null) }
    })
    .await
    .unwrap();
    let asked = soon(main.request("/lamp", "tea", ())).await;
    assert_eq!(refused(asked, RefusalKind::Busy), "the kettle is full");
    refused(call(&main, &lamp, "boil").await, RefusalKind::Busy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_offered_is_refused_with_the_reason() {
    let main = main_server().await;
    let ok = |_| async { Ok(Value::Null) };
    for name in ["s.help", "PING", "SERVERDATA", "s.shutdown"] {
        let offered = main.command(CommandSpec::new(name, ""), ok).await;
        let why = refused(offered, RefusalKind::NotPossible);
        assert_eq!(why, format!("`{name}` comes with this node; offer yours by another name"));
        refused(main.offer(name, 1).await, RefusalKind::NotPossible);
    }
    let bad = CommandSpec::new("s.two words", "");
    refused(main.command(bad, ok).await, RefusalKind::BadArguments);
    let bad = CommandSpec::new("s.x", "").optional("a", ParameterKind::Text);
    let bad = bad.required("b", ParameterKind::Text);
    let why = refused(main.command(bad, ok).await, RefusalKind::BadArguments);
    assert!(why.contains("a may be left out"), "{why}");
}

async fn offer_160(node: &Node) {
    for number in 0..160 {
        let name = format!("s.a_command_with_a_rather_long_name_{number}");
        let described = "a description that is as long as descriptions sometimes are";
        let spec = CommandSpec::new(name, described).category("many");
        node.command(spec, move |_| async move { Ok(number.into()) }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_and_sixty_commands_of_ones_own_keep_nobody_out() {
    let main = main_server().await;
    offer_160(&main).await;
    let sub = SubServer::builder("sub1").open().port(0).start().await.unwrap();
    offer_160(&sub).await;
    assert_eq!(join(&sub, &main).await.name.as_deref(), Some("sub1"));
    let lamp = Client::builder("lamp").open().start().await.unwrap();
    offer_160(&lamp).await;
    assert_eq!(join(&lamp, &sub).await.name.as_deref(), Some("lamp"));
    network(&main, |nodes| nodes.len() == 3).await;
    for (node, key) in [(&main, "SERVERDATA"), (&sub, "SERVERDATA"), (&lamp, "CLIENTDATA")] {
        let told = soon(main.request(node.id(), key, ())).await.unwrap();
        let names = told.get("servercommands").or(told.get("commands")).unwrap().as_list().unwrap();
        assert!(names.len() >= 160, "{key} tells of {}", names.len());
        let last = call(&lamp, node, "s.a_command_with_a_rather_long_name_159").await;
        assert_eq!(last, Ok(159.into()));
    }
    let help = soon(lamp.call(Target::Root, "s.help", vec!["many".into()])).await.unwrap();
    let CallReply::Done(Value::Text(help)) = help else { panic!("{help:?}") };
    assert_eq!(help.lines().count(), 160);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_what_a_node_can_be_told_to_do() {
    let all = everybody().await;
    for (node, asker) in all.pairs() {
        let spec = CommandSpec::new("s.bell", "rings")
            .category("house")
            .permission(Permission::admin())
            .required("times", ParameterKind::Int)
            .dangerous();
        node.command(spec.clone(), |_| async { Ok("ding".into()) }).await.unwrap();
        let commands = soon(asker.commands_of(node.id())).await.unwrap();
        assert!(commands.contains(&spec), "{}: {commands:?}", node.role());
        let has = |name: &str| commands.iter().any(|command| command.name == name);
        assert_eq!(has("s.info"), node.role().is_server(), "{}", node.role());
        assert_eq!(has("disconnect"), node.role().has_uplink(), "{}", node.role());
    }
    let nobody = soon(all.client.commands_of("/nobody")).await;
    assert!(matches!(nobody, Err(TalkError::NoRoute(_))), "{nobody:?}");
}

//! Messages, requests and commands, over any number of layers.

use std::time::Duration;

use bytes::Bytes;
use ltn::{
    Arity, CallReply, Client, CommandSpec, Content, NodePath, Parameter, ParameterKind, Permission,
    Reach, RefusalKind, TalkError, Target, Value,
};

use crate::support::{client, join, main_server, network, soon, sub_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_up_down_and_across() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lower = sub_server("lower_sub3", &sub1).await;
    let low = client("client4", &lower).await;
    let high = client("client1", &main).await;
    network(&main, |nodes| nodes.len() == 5).await;
    let mut at_low = low.messages().unwrap();
    let mut at_high = high.messages().unwrap();
    let mut at_main = main.messages().unwrap();

    soon(low.send("/client1", "across")).await.unwrap();
    let message = soon(at_high.recv()).await.unwrap();
    assert_eq!(message.content, Content::Text("across".to_owned()));
    assert_eq!(message.from, low.id());

    let value = Value::List(vec![Value::Null, Value::Bytes(b"\x1b|\0".to_vec())]);
    soon(high.send("/sub1/lower_sub3/client4", value.clone())).await.unwrap();
    assert_eq!(soon(at_low.recv()).await.unwrap().content, Content::Value(value));

    let bytes = Bytes::from(vec![7; 1_000_000]);
    soon(low.send(Target::Root, bytes.clone())).await.unwrap();
    assert_eq!(soon(at_main.recv()).await.unwrap().content, Content::Bytes(bytes));

    soon(low.send(high.id(), "by id")).await.unwrap();
    assert_eq!(soon(at_high.recv()).await.unwrap().content, Content::Text("by id".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn casts_arrive_in_order_and_none_is_lost_while_somebody_reads() {
    const COUNT: i128 = 100_000;
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let mut messages = main.messages().unwrap();
    let caster = tokio::spawn(async move {
        for number in 0..COUNT {
            lamp.cast(Target::Root, Value::Int(number)).await.unwrap();
        }
        lamp
    });
    for number in 0..COUNT {
        let message = soon(messages.recv()).await.unwrap();
        assert_eq!(message.content, Content::Value(Value::Int(number)));
    }
    soon(caster).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_two_mebibytes_is_refused_at_home() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let text = "x".repeat(2 * 1024 * 1024);
    for body in [ltn::Body::from(text.clone()), Value::from(text).into()] {
        let error = soon(lamp.send(Target::Root, body)).await.unwrap_err();
        let TalkError::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!(refusal.kind, RefusalKind::TooLarge);
    }
    soon(lamp.request(Target::Root, "SERVERDATA", ())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_does_not_read_is_busy_and_its_casts_are_bounded() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    for number in 0..1_024 {
        soon(lamp.send(Target::Root, Value::Int(number))).await.unwrap();
    }
    let error = soon(lamp.send(Target::Root, "one more")).await.unwrap_err();
    let TalkError::Refused(refusal) = error else { panic!("{error:?}") };
    assert_eq!(refusal.kind, RefusalKind::Busy);
    // Once it reads, there is room again.
    let mut messages = main.messages().unwrap();
    soon(messages.recv()).await.unwrap();
    soon(lamp.send(Target::Root, "again")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_ends_as_what_happened() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let low = client("low", &sub1).await;
    let high = client("high", &main).await;
    network(&main, |nodes| nodes.len() == 4).await;
    low.offer("colour", "red").await.unwrap();
    low.handle("half", |question| async move {
        match question.argument {
            Value::Int(number) if number % 2 == 0 => Ok(Value::Int(number / 2)),
            Value::Int(_) => Err("odd".to_owned()),
            _ => panic!("this handler has a bug"),
        }
    })
    .await
    .unwrap();
    let ask = |name: &'static str, argument: Value| {
        let high = high.clone();
        async move { soon(high.request("/sub1/low", name, argument)).await }
    };
    assert_eq!(ask("colour", Value::Null).await, Ok(Value::from("red")));
    assert_eq!(ask("half", Value::Int(8)).await, Ok(Value::Int(4)));
    assert_eq!(ask("half", Value::Int(7)).await, Err(TalkError::Failed("odd".to_owned())));
    assert!(matches!(ask("half", Value::Null).await, Err(TalkError::Failed(_))));
    assert_eq!(ask("half", Value::Int(2)).await, Ok(Value::Int(1)));
    assert!(matches!(
        ask("size", Value::Null).await,
        Err(TalkError::Refused(refusal)) if refusal.kind == RefusalKind::NotOffered
    ));
    let nobody = soon(high.request("/sub1/nobody", "colour", ())).await;
    assert!(matches!(nobody, Err(TalkError::NoRoute(_))), "{nobody:?}");
    low.withdraw("colour").await.unwrap();
    assert!(matches!(ask("colour", Value::Null).await, Err(TalkError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_never_ends_delays_nobody() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    main.handle("never", |_| std::future::pending()).await.unwrap();
    main.offer("colour", "red").await.unwrap();
    let short = Duration::from_millis(200);
    let never = lamp.request_within(short, Target::Root, "never", ());
    let (never, colour) = tokio::join!(soon(never), soon(lamp.request(Target::Root, "colour", ())));
    assert_eq!(colour, Ok(Value::from("red")));
    assert!(matches!(never, Err(TalkError::Unknown(_) | TalkError::Failed(_))), "{never:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_checked_and_answer() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lamp = Client::builder("lamp").open().start().await.unwrap();
    join(&lamp, &sub1).await;
    network(&main, |nodes| nodes.len() == 3).await;
    let level =
        Parameter { name: "level".to_owned(), kind: ParameterKind::Int, arity: Arity::Required };
    let spec = CommandSpec {
        name: "dim".to_owned(),
        description: "sets the light".to_owned(),
        category: "light".to_owned(),
        parameters: vec![level],
        permission: Permission::user(),
        dangerous: false,
        reach: Reach::default(),
        foretold: false,
    };
    lamp.command(spec, |invocation| async move {
        Ok(Value::List(vec![Value::from("dimmed to"), invocation.arguments[0].clone()]))
    })
    .await
    .unwrap();
    let path: NodePath = "/sub1/lamp".parse().unwrap();
    let dim = |arguments| soon(main.call(path.clone(), "dim", arguments));
    let done = dim(vec![Value::Int(3)]).await.unwrap();
    let expected = Value::List(vec![Value::from("dimmed to"), Value::Int(3)]);
    assert_eq!(done, CallReply::Done(expected));
    let error = dim(vec![]).await.unwrap_err();
    assert!(matches!(error, TalkError::Refused(r) if r.kind == RefusalKind::BadArguments));
    let error = soon(main.call(path.clone(), "brighten", vec![])).await.unwrap_err();
    assert!(matches!(error, TalkError::Refused(r) if r.kind == RefusalKind::NotOffered));
}

#[test]
fn a_receiver_that_does_not_read_costs_its_neighbours_nothing() {
    let run = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let run = run.unwrap();
    // This one lives on a runtime that stops running: its sockets stay open and nobody reads them.
    let frozen = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let main = run.block_on(main_server());
    let slow = frozen.block_on(client("slow", &main));
    run.block_on(async {
        let lamp = client("lamp", &main).await;
        lamp.offer("colour", "red").await.unwrap();
        let body = Bytes::from(vec![7; 16 * 1024]);
        // 64 MiB: more than all buffers on the way hold.
        for number in 0..4_096 {
            soon(main.cast(slow.id(), body.clone())).await.unwrap();
            if number % 256 == 0 {
                let colour = soon(main.request("/lamp", "colour", ())).await;
                assert_eq!(colour, Ok(Value::from("red")));
            }
        }
        soon(main.shutdown()).await;
    });
}

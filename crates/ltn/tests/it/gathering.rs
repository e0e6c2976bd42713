//! Stories of many at once: roll calls and lists, over three layers of real connections.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use ltn::{Addressee, Client, Gathered, Node, Outcome, RefusalKind, TalkError, Value};

use crate::support::{client, main_server, network, soon, sub_server};

async fn house() -> (Node, Node, Vec<Node>) {
    let main = main_server().await;
    let hall = sub_server("hall", &main).await;
    let mut lamps = Vec::new();
    for number in 0..5 {
        let below = if number < 2 { &main } else { &hall };
        let lamp = client(&format!("lamp{number}"), below).await;
        lamp.offer("watts", i64::from(number)).await.unwrap();
        lamps.push(lamp);
    }
    network(&main, |nodes| nodes.len() == 7).await;
    (main, hall, lamps)
}

fn word_of(entries: &[Gathered], path: &str) -> &'static str {
    let entry = entries.iter().find(|entry| entry.path.to_string() == path);
    entry.unwrap_or_else(|| panic!("{path} is not in {entries:?}")).outcome.word()
}

#[tokio::test]
async fn many_are_asked_at_once_and_each_answers_for_itself() {
    let (main, hall, lamps) = house().await;
    let asker = &lamps[4];
    let roll = soon(asker.gather("role=client").request("watts", ())).await.unwrap();
    assert_eq!(roll.total(), 5);
    let entries = soon(roll.all()).await.unwrap();
    let mut watts: Vec<i128> = entries
        .iter()
        .map(|entry| match &entry.outcome {
            Outcome::Reply(Value::Int(watts)) => *watts,
            other => panic!("{}: {other:?}", entry.path),
        })
        .collect();
    watts.sort_unstable();
    assert_eq!(watts, [0, 1, 2, 3, 4]);

    let all = soon(main.gather("/**").request("watts", ())).await.unwrap();
    let entries = soon(all.all()).await.unwrap();
    assert_eq!(entries.len(), 7);
    assert_eq!(word_of(&entries, "/hall"), "refused");
    assert_eq!(word_of(&entries, "/hall/lamp2"), "reply");

    let mut heard = hall.messages().unwrap();
    let sent = soon(asker.gather("role=server & /hall/**").send("good night")).await.unwrap();
    assert_eq!(soon(sent.all()).await.unwrap().len(), 1);
    assert!(soon(heard.recv()).await.is_some());
    main.shutdown().await;
}

#[tokio::test]
async fn who_is_meant_by_nobody_and_what_is_no_pattern_are_errors() {
    let (main, _hall, lamps) = house().await;
    let nobody = soon(lamps[0].gather("/hall/* & role=server").request("watts", ())).await;
    match nobody {
        Err(TalkError::Refused(no)) => assert_eq!(no.kind, RefusalKind::BadTarget),
        other => panic!("{other:?}"),
    }
    let nowhere = soon(lamps[0].select("/hal/**")).await;
    match nowhere {
        Err(TalkError::NoRoute(no)) => assert!(no.text.contains("did you mean /hall?"), "{no}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(soon(main.select("*")).await, Err(TalkError::BadTarget(_))));
    let alone = Client::builder("alone").open().start().await.unwrap();
    let listed = soon(alone.network()).await;
    assert!(matches!(listed, Err(TalkError::NoRoute(_))), "{listed:?}");
    main.shutdown().await;
}

#[tokio::test]
async fn a_dangerous_command_to_many_waits_for_the_token_of_each() {
    let (main, hall, lamps) = house().await;
    let roll = soon(lamps[0].gather("/hall & role=server").call("s.shutdown", vec![])).await;
    let entries = soon(roll.unwrap().all()).await.unwrap();
    let these: Vec<Addressee> = entries
        .into_iter()
        .map(|Gathered { id, path, outcome, .. }| match outcome {
            Outcome::Confirm(confirmation) => {
                Addressee { id, path, token: Some(confirmation.token) }
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(these.len(), 1);
    let roll = soon(lamps[0].gather(these).call("s.shutdown", vec![])).await.unwrap();
    let entries = soon(roll.all()).await.unwrap();
    assert_eq!(word_of(&entries, "/hall"), "reply");
    soon(hall.stopped()).await;
    main.shutdown().await;
}

#[tokio::test]
async fn a_roll_call_that_nobody_listens_to_any_more_leaves_nothing_behind() {
    let (main, _hall, lamps) = house().await;
    let roll = soon(lamps[3].gather("/**").request("watts", ())).await.unwrap();
    drop(roll);
    soon(async {
        while lamps[3].snapshot().await.unwrap().open_requests > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    main.shutdown().await;
}

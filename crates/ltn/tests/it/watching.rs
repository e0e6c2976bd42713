//! Stories of watchers: who comes and goes, over real connections.

use ltn::{PresenceKind, RefusalKind, TalkError, Watch, WatchEvent};

use crate::support::{client, join, main_server, soon, sub_server};

async fn next(watch: &mut Watch) -> (PresenceKind, String) {
    match soon(watch.next()).await {
        Some(WatchEvent::Presence(news)) => (news.kind, news.path.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_comes_moves_and_goes_is_heard_of_far_away() {
    let main = main_server().await;
    let hall = sub_server("hall", &main).await;
    let attic = sub_server("attic", &main).await;
    let watcher = client("watcher", &attic).await;
    let mut watch = soon(watcher.watch("role=client & /**")).await.unwrap();
    let lamp = client("lamp", &hall).await;
    assert_eq!(next(&mut watch).await, (PresenceKind::Joined, "/hall/lamp".to_owned()));
    join(&lamp, &attic).await;
    assert_eq!(next(&mut watch).await, (PresenceKind::Moved, "/attic/lamp".to_owned()));
    join(&watcher, &hall).await;
    assert_eq!(next(&mut watch).await, (PresenceKind::Moved, "/hall/watcher".to_owned()));
    lamp.shutdown().await;
    assert_eq!(next(&mut watch).await, (PresenceKind::Left, "/attic/lamp".to_owned()));
    watcher.shutdown().await;
    assert!(soon(watch.next()).await.is_none());
    main.shutdown().await;
}

#[tokio::test]
async fn a_node_watches_its_own_subtree_without_anybody_above() {
    let main = main_server().await;
    let mut watch = soon(main.watch("/hall/**")).await.unwrap();
    let hall = sub_server("hall", &main).await;
    assert_eq!(next(&mut watch).await, (PresenceKind::Joined, "/hall".to_owned()));
    let _lamp = client("lamp", &hall).await;
    assert_eq!(next(&mut watch).await, (PresenceKind::Joined, "/hall/lamp".to_owned()));
    drop(watch);
    match soon(main.watch("lamp")).await {
        Err(TalkError::Refused(no)) => assert_eq!(no.kind, RefusalKind::BadTarget),
        other => panic!("{other:?}"),
    }
    main.shutdown().await;
}

#[tokio::test]
async fn a_program_that_does_not_look_hears_in_the_end_how_much_it_missed() {
    let main = main_server().await;
    let hall = sub_server("hall", &main).await;
    let watcher = client("watcher", &hall).await;
    let mut watch = soon(watcher.watch("/n/**")).await.unwrap();
    let mover = client("n", &main).await;
    // Each new name is one piece of news: it leaves the watched place, or comes into it.
    for number in 0..1_500 {
        let name = if number % 2 == 0 { "other" } else { "n" };
        soon(mover.rename(name)).await.unwrap();
    }
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < 1_501 {
        match soon(watch.next()).await {
            Some(WatchEvent::Presence(_)) => heard += 1,
            Some(WatchEvent::Gap(Some(gap))) => missed += gap,
            other => panic!("{other:?} after {heard} and {missed}"),
        }
    }
    assert!(missed > 0 && heard >= 256, "{heard} heard, {missed} missed");
    main.shutdown().await;
}

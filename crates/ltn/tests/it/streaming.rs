//! Data streams between programs.

use ltn::{RefusalKind, StreamError, TalkError, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{client, main_server, network, soon, sub_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_crosses_three_layers_while_requests_go_on() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lower = sub_server("lower_sub3", &sub1).await;
    let low = client("client4", &lower).await;
    let high = client("client1", &main).await;
    network(&main, |nodes| nodes.len() == 5).await;
    let mut incoming = low.incoming_streams().unwrap();
    assert!(low.incoming_streams().is_none());

    let mut stream = soon(high.open_stream("/sub1/lower_sub3/client4")).await.unwrap();
    let taken = soon(incoming.recv()).await.unwrap();
    assert_eq!((stream.peer(), taken.peer()), (low.id(), high.id()));
    let piece = vec![42; 100_000];
    let expected = piece.len() * 50;
    let reader = tokio::spawn(async move {
        let mut taken = taken;
        let mut heard = Vec::new();
        taken.read_to_end(&mut heard).await.unwrap();
        heard.len()
    });
    for _ in 0..50 {
        soon(stream.write_all(&piece)).await.unwrap();
    }
    soon(low.request(Target::Root, "SERVERDATA", ())).await.unwrap();
    soon(stream.shutdown()).await.unwrap();
    assert_eq!(soon(reader).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_to_nobody_or_to_oneself_is_refused() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let nobody = soon(lamp.open_stream("/nobody")).await.unwrap_err();
    assert!(matches!(nobody, StreamError::Target(TalkError::NoRoute(_))), "{nobody:?}");
    let oneself = soon(lamp.open_stream(lamp.id())).await.unwrap_err();
    let StreamError::Refused(refusal) = oneself else { panic!("{oneself:?}") };
    assert_eq!(refusal.kind, RefusalKind::NotPossible);
}

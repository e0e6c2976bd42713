//! Data streams between programs.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use ltn::{RefusalKind, StreamError, TalkError, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{client, main_server, network, patiently, soon, sub_server};

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

/// What this process holds in memory, in bytes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1_024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client4_streams_100_mib_to_client1_through_three_layers_in_bounded_memory() {
    // Only the main server has `Maindata`.
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let lower = sub_server("lower_sub3", &sub1).await;
    assert!(sub1.data_address().is_none() && lower.data_address().is_none());
    let client4 = client("client4", &lower).await;
    let client1 = client("client1", &main).await;
    network(&main, |nodes| nodes.len() == 5).await;
    let mut incoming = client1.incoming_streams().unwrap();
    let mut stream = soon(client4.open_stream("/client1")).await.unwrap();
    let mut taken = soon(incoming.recv()).await.unwrap();
    let before = resident_bytes();

    let writer = tokio::spawn(async move {
        let mut piece = vec![0_u8; 1024 * 1024];
        for number in 0..100_u8 {
            piece.fill(number);
            stream.write_all(&piece).await.unwrap();
        }
        stream.shutdown().await.unwrap();
        stream.bytes_written()
    });
    let mut buffer = vec![0; 1024 * 1024];
    let mut digest = blake3::Hasher::new();
    let (mut in_order, mut most) = (0_usize, 0);
    loop {
        let count = soon(taken.read(&mut buffer)).await.unwrap();
        if count == 0 {
            break;
        }
        let expected = |at: usize| (at / (1024 * 1024)) as u8;
        assert_eq!(buffer[0], expected(in_order));
        assert_eq!(buffer[count - 1], expected(in_order + count - 1));
        digest.update(&buffer[..count]);
        in_order += count;
        most = most.max(resident_bytes());
    }
    let written = patiently(writer).await.unwrap();
    assert_eq!((taken.bytes_read(), written), (100 * 1024 * 1024, 100 * 1024 * 1024));
    let mut sent = blake3::Hasher::new();
    for number in 0..100_u8 {
        sent.update(&vec![number; 1024 * 1024]);
    }
    assert_eq!(digest.finalize(), sent.finalize());
    // Other stories run in this process at the same time, so this leaves them room.
    let grown = most.saturating_sub(before);
    assert!(grown < 60 * 1024 * 1024, "{grown} bytes more while 100 MiB passed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_in_the_middle_of_a_stream_is_named_at_both_ends() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let low = client("low", &sub1).await;
    network(&main, |nodes| nodes.len() == 3).await;
    let mut incoming = low.incoming_streams().unwrap();
    let mut stream = soon(main.open_stream("/sub1/low")).await.unwrap();
    let mut taken = soon(incoming.recv()).await.unwrap();
    stream.write_all(b"half of it").await.unwrap();
    stream.flush().await.unwrap();
    let mut heard = [0; 10];
    soon(taken.read_exact(&mut heard)).await.unwrap();
    sub1.shutdown().await;
    for end in [&mut stream, &mut taken] {
        let error = soon(end.read_u8()).await.unwrap_err().to_string();
        assert!(error.contains("sub1"), "{error}");
    }
}

//! Links over TLS: order, bounds, endings.

use bytes::BytesMut;
use ltn_proto::limits::{FIRST_FRAME_BYTES_MAX, FRAME_PAYLOAD_BYTES_MAX};
use ltn_proto::{Kind, Limits, codec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::testing::{Side, frame, linked};
use super::*;
use crate::carrier::MemoryNet;

fn numbers(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.header.id).collect()
}

/// Pushes frames with these numbers as a driver would; returns how many it took.
async fn push_until_stalled(handle: &LinkHandle, first: u64, payload_bytes: usize) -> u64 {
    for pushed in 0..1_000 {
        if handle.is_stalled() {
            return pushed;
        }
        handle.push(frame(Kind::CAST, first + pushed, payload_bytes));
        handle.wait_for_room().await;
    }
    panic!("what waits on a link must be bounded");
}

async fn order_over(at: &str) {
    let ((mut server, down), (mut client, up), _listener) = linked(&MemoryNet::default(), at).await;
    for number in 0..300 {
        up.push(frame(Kind::CAST, number, 100));
        down.push(frame(Kind::CAST, number, (number as usize * 997) % FRAME_PAYLOAD_BYTES_MAX));
        // The queue's limits are what they are; a driver waits in its turn.
        up.wait_for_room().await;
        down.wait_for_room().await;
        if number % 50 == 49 {
            let got = server.frames(50).await;
            assert_eq!(numbers(&got), (number - 49..=number).collect::<Vec<_>>());
            let got = client.frames(50).await;
            assert_eq!(got[49], frame(Kind::CAST, number, (number as usize * 997) % (64 * 1024)));
        }
    }
}

#[tokio::test]
async fn frames_arrive_whole_and_in_order_over_tcp() {
    order_over("127.0.0.1:0").await;
}

#[tokio::test]
async fn frames_arrive_whole_and_in_order_in_memory() {
    order_over("mem:main").await;
}

#[tokio::test]
async fn frames_pushed_in_one_turn_arrive_as_one_wake() {
    let ((mut server, _down), (_client, up), _listener) =
        linked(&MemoryNet::default(), "mem:main").await;
    for number in 0..200 {
        up.push(frame(Kind::CAST, number, 10));
    }
    let Wake::Frames { frames, .. } = server.wake().await else { panic!("no frames") };
    assert_eq!(numbers(&frames), (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn pings_ride_ahead_of_what_is_queued() {
    let ((mut server, _down), (_client, up), _listener) =
        linked(&MemoryNet::default(), "mem:main").await;
    for number in 0..10 {
        up.push(frame(Kind::CAST, number, 10));
    }
    up.push(frame(Kind::PING, 100, 0));
    let got = server.frames(11).await;
    assert_eq!(got[0].header.kind, Kind::PING);
    assert_eq!(numbers(&got[1..]), (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn closing_sends_the_rest_first_and_tells_each_driver_once() {
    let ((mut server, down), (mut client, up), _listener) =
        linked(&MemoryNet::default(), "mem:main").await;
    for number in 0..500 {
        up.push(frame(Kind::CAST, number, 1_000));
    }
    up.close(CloseReason::Stopping);
    up.close(CloseReason::Kicked);
    up.push(frame(Kind::CAST, 500, 1_000));
    assert_eq!(server.frames(500).await.len(), 500);
    let (link, why, text) = server.closed().await;
    assert_eq!((link, why), (down.link(), CloseReason::Lost));
    assert_eq!(text, "the other end closed the connection");
    assert_eq!(client.closed().await, (up.link(), CloseReason::Stopping, String::new()));
    down.push(frame(Kind::CAST, 1, 1));
    down.close(CloseReason::Leaving);
    drop((up, down));
    server.silence().await;
    client.silence().await;
}

#[tokio::test]
async fn closing_sends_the_rest_first_over_tcp_even_to_one_who_is_talking() {
    let ((mut server, down), (mut client, up), _listener) =
        linked(&MemoryNet::default(), "127.0.0.1:0").await;
    // Unread bytes in a socket that is closed would make the system take back what it sent.
    for number in 0..100 {
        down.push(frame(Kind::CAST, number, 1_000));
        up.push(frame(Kind::CAST, number, 1_000));
    }
    up.close(CloseReason::Moved);
    let got = server.frames(100).await;
    assert_eq!(got[99].header.id, 99);
    assert_eq!(server.closed().await.1, CloseReason::Lost);
    loop {
        match client.wake().await {
            Wake::Frames { .. } => {}
            Wake::LinkClosed { why, .. } => break assert_eq!(why, CloseReason::Moved),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_closes_the_link() {
    let ((mut server, down), (mut client, up), _listener) =
        linked(&MemoryNet::default(), "mem:main").await;
    let other = up.clone();
    drop(up);
    other.push(frame(Kind::CAST, 1, 1));
    assert_eq!(server.frames(1).await.len(), 1);
    drop(other);
    assert_eq!(server.closed().await.0, down.link());
    assert_eq!(client.closed().await.1, CloseReason::Lost);
    client.silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_cut_while_another_link_flows() {
    let net = MemoryNet::default();
    let limits = Limits { queued_messages: 100, ..Limits::default() };
    let mut server = Side::new(&net, limits);
    let mut client = Side::new(&net, Limits::default());
    let listener = server.listen("mem:main").await;
    let silent = client.bare(listener.address()).await;
    let (_, _, slow) = server.opened().await;
    crate::dial::dial_link(&client.context, ltn_proto::DialId(1), listener.address().clone());
    let (_, _, quick) = server.opened().await;
    let (_, _, _up) = client.opened().await;

    // Fills the pipe, then the queue to its half; from there on a driver would wait.
    push_until_stalled(&slow, 0, 10_000).await;
    assert!(slow.is_congested());
    match server.wake().await {
        Wake::LinkStalled { link, stalled } => assert_eq!((link, stalled), (slow.link(), true)),
        other => panic!("{other:?}"),
    }
    for number in 0..1_000 {
        quick.push(frame(Kind::CAST, number, 100));
        quick.wait_for_room().await;
    }
    assert_eq!(client.frames(1_000).await.len(), 1_000);
    // Whoever pushes all the same reaches the limit.
    for number in 0..100 {
        slow.push(frame(Kind::CAST, number, 10_000));
    }
    let (link, why, text) = server.closed().await;
    assert_eq!((link, why), (slow.link(), CloseReason::SlowReader));
    assert!(text.contains("queue is full"), "{text}");
    quick.push(frame(Kind::CAST, 1, 1));
    assert_eq!(client.frames(1).await.len(), 1);
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_takes_nothing_for_long_is_cut_and_one_that_trickles_is_not() {
    let net = MemoryNet::default();
    let mut server = Side::new(&net, Limits::default());
    let client = Side::new(&net, Limits::default());
    let listener = server.listen("mem:main").await;
    let mut trickling = client.bare(listener.address()).await;
    let (_, _, down) = server.opened().await;
    for number in 0..20 {
        down.push(frame(Kind::CAST, number, 60_000));
    }
    let mut piece = vec![0; 20_000];
    for _ in 0..10 {
        tokio::time::advance(Limits::default().stalled_link_timeout * 9 / 10).await;
        trickling.read_exact(&mut piece).await.unwrap();
    }
    assert!(server.wakes.try_recv().is_err(), "it does read, if slowly");
    let (link, why, text) = server.closed().await;
    assert_eq!((link, why), (down.link(), CloseReason::SlowReader));
    assert_eq!(text, "the other end has read nothing for 10s");
}

#[tokio::test(start_paused = true)]
async fn a_stall_that_ends_is_told() {
    let net = MemoryNet::default();
    let limits = Limits { queued_messages: 20, ..Limits::default() };
    let mut server = Side::new(&net, limits);
    let client = Side::new(&net, Limits::default());
    let listener = server.listen("mem:main").await;
    let mut other = client.bare(listener.address()).await;
    let (_, _, down) = server.opened().await;
    let pushed = push_until_stalled(&down, 0, 30_000).await;
    let bytes = pushed as usize * codec::encoded_len(&frame(Kind::CAST, 0, 30_000));
    assert!(matches!(server.wake().await, Wake::LinkStalled { stalled: true, .. }));
    let mut all = vec![0; bytes];
    other.read_exact(&mut all).await.unwrap();
    assert!(matches!(server.wake().await, Wake::LinkStalled { stalled: false, .. }));
    assert!(!down.is_stalled() && !down.is_congested());
    server.silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_behind_slows_the_other_end_down() {
    let net = MemoryNet::default();
    let mut server = Side::with_wakes(&net, Limits::default(), 1);
    let mut client = Side::new(&net, Limits::default());
    let listener = server.listen("mem:main").await;
    crate::dial::dial_link(&client.context, ltn_proto::DialId(1), listener.address().clone());
    let (_, _, up) = client.opened().await;
    let (_, _, _down) = server.opened().await;
    up.push(frame(Kind::CAST, 0, 10));
    let pushed = 1 + push_until_stalled(&up, 1, 10_000).await;
    let got = server.frames(pushed as usize).await;
    assert_eq!(numbers(&got), (0..pushed).collect::<Vec<_>>());
}

/// What the server's driver hears of a client that says these bytes under TLS and hangs up.
async fn ending_after(bytes: &[u8]) -> (CloseReason, String) {
    let net = MemoryNet::default();
    let mut server = Side::new(&net, Limits::default());
    let client = Side::new(&net, Limits::default());
    let listener = server.listen("mem:main").await;
    let mut rude = client.bare(listener.address()).await;
    let (_, _, down) = server.opened().await;
    // The server may hang up before it has heard all.
    let _ = rude.write_all(bytes).await;
    let _ = rude.shutdown().await;
    let (link, why, text) = server.closed().await;
    assert_eq!(link, down.link());

    crate::dial::dial_link(&client.context, ltn_proto::DialId(1), listener.address().clone());
    assert_eq!(server.opened().await.1, client.id, "the listener still serves others");
    (why, text)
}

#[tokio::test]
async fn bad_bytes_end_their_own_link_with_a_clear_reason() {
    let (why, text) = ending_after(&[0xff; 1_000]).await;
    assert_eq!(why, CloseReason::Misbehaved);
    assert!(text.contains("at most 4096 are allowed"), "{text}");

    let mut bytes = BytesMut::new();
    codec::encode(&frame(Kind::HELLO, 1, FIRST_FRAME_BYTES_MAX + 1), &mut bytes);
    let (why, text) = ending_after(&bytes).await;
    assert_eq!(why, CloseReason::Misbehaved);
    assert!(text.contains("a payload of 4097 bytes"), "{text}");

    let mut bytes = BytesMut::new();
    codec::encode(&frame(Kind::HELLO, 1, 100), &mut bytes);
    let (why, text) = ending_after(&bytes[..60]).await;
    assert_eq!((why, &*text), (CloseReason::Lost, "the connection ended in the middle of a frame"));
    let (why, text) = ending_after(&[]).await;
    assert_eq!((why, &*text), (CloseReason::Lost, "the other end closed the connection"));
}

#[tokio::test]
async fn what_came_before_the_bad_bytes_is_delivered_first() {
    let net = MemoryNet::default();
    let mut server = Side::new(&net, Limits::default());
    let client = Side::new(&net, Limits::default());
    let listener = server.listen("mem:main").await;
    let mut rude = client.bare(listener.address()).await;
    let (_, _, _down) = server.opened().await;
    let mut bytes = BytesMut::new();
    codec::encode(&frame(Kind::HELLO, 1, 100), &mut bytes);
    codec::encode(&frame(Kind::CAST, 2, FRAME_PAYLOAD_BYTES_MAX), &mut bytes);
    codec::encode(&frame(Kind::CAST, 3, FRAME_PAYLOAD_BYTES_MAX + 1), &mut bytes);
    let _ = rude.write_all(&bytes).await;
    assert_eq!(numbers(&server.frames(2).await), [1, 2]);
    assert_eq!(server.closed().await.1, CloseReason::Misbehaved);
}

#[tokio::test]
async fn whom_one_dialed_may_greet_at_length() {
    let ((_server, down), (mut client, _up), _listener) =
        linked(&MemoryNet::default(), "mem:main").await;
    down.push(frame(Kind::WELCOME, 1, FRAME_PAYLOAD_BYTES_MAX));
    assert_eq!(client.frames(1).await[0].payload.len(), FRAME_PAYLOAD_BYTES_MAX);
}

#[tokio::test]
async fn a_driver_that_is_gone_takes_its_links_with_it() {
    let ((mut server, down), (client, up), _listener) =
        linked(&MemoryNet::default(), "mem:main").await;
    drop((client, up));
    let (link, why, _) = server.closed().await;
    assert_eq!((link, why), (down.link(), CloseReason::Lost));
}

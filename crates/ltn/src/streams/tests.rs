//! Streams over real connections between nodes whose minds are replaced by a table of next hops.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use ltn_proto::{Address, Event, Limits, Name, NoRoute, NodeId, Op, Parted, StreamHop, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::DataStream;
use super::hop::Errand;
use super::hub::{Parks, StreamEnds, Streams};
use crate::carrier::{Carriers, Reach};
use crate::dial::dial_data;
use crate::driver::{Ask, StreamWay};
use crate::error::StreamError;
use crate::link::LinkContext;
use crate::listen::{Listener, Serves};
use crate::port::{self, PortExpr};
use crate::tls::{Identity, Tls};
use crate::wake::{WAKES_MAX, Wake};

/// The way to each destination.
type Ways = HashMap<NodeId, StreamHop>;

struct Body {
    id: NodeId,
    context: LinkContext,
    streams: Streams,
    ends: StreamEnds,
    listener: Listener,
    ways: mpsc::Sender<Ways>,
    /// Tickets for the child, which its link would bring there.
    gifts: mpsc::Receiver<[u8; 16]>,
}

/// A node without a mind: it listens, and its next hops are what it is told.
async fn body() -> Body {
    let identity = Identity::throw_away().unwrap();
    let carriers = Carriers::tcp(&Limits::default(), Reach::ThisMachine);
    let (wake_sender, mut wakes) = mpsc::channel(WAKES_MAX);
    let tls = Tls::open(&identity).unwrap();
    let context = LinkContext::new(tls, carriers.clone(), Limits::default(), wake_sender);
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let bound = port::bind(&carriers, ip, &PortExpr::Exactly(0), None).await.unwrap();
    let listener = Listener::start(bound, Serves::DataOnly, context.clone());
    let (ask_sender, mut asks) = mpsc::channel(8);
    let (streams, ends) = Streams::new(identity.id(), context.clone(), ask_sender, Parks::AtOnce);
    let (ways, mut told) = mpsc::channel::<Ways>(1);
    let (driven, me) = (streams.clone(), identity.id());
    let (give, gifts) = mpsc::channel(64);
    let mut given = 100;
    tokio::spawn(async move {
        let mut ways = told.recv().await.unwrap();
        loop {
            tokio::select! {
                biased;
                Some(other) = told.recv() => ways = other,
                Some(Wake::DataOpened { peer, ticket, stream }) = wakes.recv() => {
                    driven.opened(peer, ticket, stream);
                }
                Some(ask) = asks.recv() => match ask {
                    Ask::StreamHop { of, reply } => {
                        let nobody = NoRoute { at: "/".to_owned(), text: "nobody".to_owned() };
                        let called = |id: NodeId| id.short();
                        let way = ways.get(&of.destination).map(|hop| StreamWay {
                            hop: *hop,
                            here: called(me),
                            from: of.from.map(called).unwrap_or_default(),
                            next: match hop {
                                StreamHop::Here => String::new(),
                                StreamHop::To(next) => called(*next),
                            },
                        });
                        reply.send(way.ok_or(nobody)).unwrap();
                    }
                    Ask::Op(op) => {
                        let Op::TicketUsed { child } = *op else { panic!("{op:?}") };
                        given += 1;
                        let tickets = vec![[given; 16]];
                        driven.notice(&Event::DataTicketIssued { child, tickets });
                        give.send([given; 16]).await.unwrap();
                    }
                    other => panic!("{other:?}"),
                },
                else => return,
            }
        }
    });
    Body { id: identity.id(), context, streams, ends, listener, ways, gifts }
}

/// Tells both what their minds would: the one is below the other, and has these tickets.
async fn join(child: &mut Body, parent: &mut Body) {
    let tickets: Vec<_> = (0..4).map(|n| [n; 16]).collect();
    let issued = Event::DataTicketIssued { child: child.id, tickets: tickets.clone() };
    parent.streams.notice(&issued);
    child.streams.notice(&connected(parent.id, parent.listener.address()));
    let port = parent.listener.address().socket_addr().map(|at| at.port());
    child.streams.notice(&Event::DataTicket { tickets, port });
    let (streams, none) = (child.streams.clone(), mpsc::channel(1).1);
    let mut gifts = std::mem::replace(&mut parent.gifts, none);
    tokio::spawn(async move {
        while let Some(ticket) = gifts.recv().await {
            streams.notice(&Event::DataTicket { tickets: vec![ticket], port: None });
        }
    });
    child.ends.joined.wait_for(|joined| *joined == Some(parent.id)).await.unwrap();
}

fn connected(parent: NodeId, address: &Address) -> Event {
    Event::Connected {
        parent,
        parent_name: Name::known("parent").unwrap(),
        address: address.clone(),
        name: None,
        name_reason: None,
        metadata: Value::Null,
        admin: true,
    }
}

/// A main server, a sub-server below it and a client below that.
async fn three() -> (Body, Body, Body) {
    let (mut main, mut sub, mut low) = (body().await, body().await, body().await);
    let to = |ways: [(NodeId, StreamHop); 3]| Ways::from(ways);
    let (here, of) = (StreamHop::Here, StreamHop::To);
    let at_main = [(main.id, here), (sub.id, of(sub.id)), (low.id, of(sub.id))];
    let at_sub = [(main.id, of(main.id)), (sub.id, here), (low.id, of(low.id))];
    let at_low = [(main.id, of(sub.id)), (sub.id, of(sub.id)), (low.id, here)];
    main.ways.send(to(at_main)).await.unwrap();
    sub.ways.send(to(at_sub)).await.unwrap();
    low.ways.send(to(at_low)).await.unwrap();
    join(&mut sub, &mut main).await;
    join(&mut low, &mut sub).await;
    (main, sub, low)
}

#[tokio::test]
async fn bytes_go_up_and_down_through_a_server_in_between() {
    let (mut main, _sub, mut low) = three().await;
    let much: Vec<u8> = (0..3_000_001_u32).map(|n| (n / 7) as u8).collect();
    // More often than there were tickets: each one that is used brings another.
    for turn in 0..12 {
        let (from, to) = if turn % 2 == 0 { (&low, &mut main) } else { (&main, &mut low) };
        let opened = from.streams.open(to.id, Errand::PROGRAM).await.unwrap();
        assert_eq!(opened.peer(), to.id);
        let taken = to.ends.incoming.recv().await.unwrap();
        assert_eq!(taken.peer(), from.id);
        let sent = much.clone();
        let (mut opened_in, mut opened_out) = tokio::io::split(opened);
        let writer = tokio::spawn(async move {
            opened_out.write_all(&sent).await.unwrap();
            opened_out.shutdown().await.unwrap();
        });
        let (mut taken_in, mut taken_out) = tokio::io::split(taken);
        let mut heard = Vec::new();
        taken_in.read_to_end(&mut heard).await.unwrap();
        assert!(heard == much, "turn {turn}: {} bytes", heard.len());
        taken_out.write_all(b"thank you").await.unwrap();
        taken_out.shutdown().await.unwrap();
        let mut thanks = String::new();
        opened_in.read_to_string(&mut thanks).await.unwrap();
        assert_eq!(thanks, "thank you");
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_was_cut_short_is_an_error() {
    let (mut main, _sub, low) = three().await;
    let mut opened = low.streams.open(main.id, Errand::PROGRAM).await.unwrap();
    let mut taken = main.ends.incoming.recv().await.unwrap();
    opened.write_all(b"half of it").await.unwrap();
    opened.flush().await.unwrap();
    drop(opened);
    let mut heard = Vec::new();
    let error = taken.read_to_end(&mut heard).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted, "{error}");
    let text = error.to_string();
    assert!(text.contains(&low.id.short()) && text.contains("dropped"), "{text}");
}

#[tokio::test]
async fn a_refusal_comes_back_with_its_words() {
    let (main, sub, low) = three().await;
    let nobody = NodeId::of_public_key(b"nobody");
    let at_low = Ways::from([(nobody, StreamHop::To(sub.id))]);
    low.ways.send(at_low).await.unwrap();
    let at_sub = Ways::from([(nobody, StreamHop::To(main.id))]);
    sub.ways.send(at_sub).await.unwrap();
    let refused = low.streams.open(nobody, Errand::PROGRAM).await.unwrap_err();
    let said = NoRoute { at: "/".to_owned(), text: "nobody".to_owned() };
    assert_eq!(refused, StreamError::NoRoute(said));
}

#[tokio::test]
async fn a_program_that_takes_no_streams_is_busy() {
    let (main, _sub, low) = three().await;
    let mut open = Vec::new();
    let refused = loop {
        match low.streams.open(main.id, Errand::PROGRAM).await {
            Ok(stream) => open.push(stream),
            Err(refused) => break refused,
        }
    };
    assert_eq!(open.len(), 64);
    assert!(matches!(refused, StreamError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn a_ticket_is_good_once_and_for_its_child_alone() {
    let (main, sub, low) = three().await;
    let at = main.listener.address();
    let hung_up = |context: LinkContext, ticket| async move {
        let mut stream = dial_data(&context, at, main.id, ticket).await.unwrap();
        // The other end hangs up without a word; how, depends on who was faster.
        let _ = stream.write_all(&[1]).await;
        stream.read_u8().await.is_err()
    };
    // `low` is not main's child; `sub` parked with the first of its tickets.
    assert!(hung_up(low.context.clone(), [3; 16]).await);
    assert!(hung_up(sub.context.clone(), [0; 16]).await);
    assert!(!hung_up(sub.context.clone(), [3; 16]).await);
    assert!(hung_up(sub.context.clone(), [3; 16]).await);
}

/// A stream between the two ends that has begun, through the one in the middle.
async fn begun(main: &mut Body, low: &Body) -> (DataStream, DataStream) {
    let mut opened = low.streams.open(main.id, Errand::PROGRAM).await.unwrap();
    let mut taken = main.ends.incoming.recv().await.unwrap();
    opened.write_all(b"to begin with").await.unwrap();
    opened.flush().await.unwrap();
    let mut heard = [0; 13];
    taken.read_exact(&mut heard).await.unwrap();
    (opened, taken)
}

#[tokio::test]
async fn a_hop_that_vanishes_is_named_at_both_ends() {
    let (mut main, sub, low) = three().await;
    let (mut opened, mut taken) = begun(&mut main, &low).await;
    sub.streams.vanish();
    for (end, here) in [(&mut opened, low.id), (&mut taken, main.id)] {
        let error = end.read_u8().await.unwrap_err().to_string();
        assert!(error.contains(&format!("{} lost its data", here.short())), "{error}");
        assert!(error.contains(&format!("connection to {}", sub.id.short())), "{error}");
        // It is over in both directions, and stays so.
        assert_eq!(end.write_all(b"more").await.unwrap_err().to_string(), error);
    }
}

#[tokio::test]
async fn an_end_that_vanishes_is_named_by_the_server_on_the_way() {
    let (mut main, sub, low) = three().await;
    let (mut opened, taken) = begun(&mut main, &low).await;
    taken.vanish();
    let error = opened.read_u8().await.unwrap_err().to_string();
    let named = format!(
        "failed at {}: the data connection to {} was lost",
        sub.id.short(),
        main.id.short()
    );
    assert!(error.contains(&named), "{error}");
}

#[tokio::test]
async fn a_link_that_is_lost_ends_its_streams_at_both_ends_with_the_reason() {
    let (mut main, sub, low) = three().await;
    let (mut opened, mut taken) = begun(&mut main, &low).await;
    main.streams.notice(&Event::Parted(Parted {
        child: sub.id,
        name: Name::known("sub1").ok(),
        reason: ltn_proto::CloseReason::Kicked,
    }));
    let near = taken.read_u8().await.unwrap_err().to_string();
    assert!(near.contains("its link to sub1 is gone"), "{near}");
    drop(taken);
    let far = opened.read_u8().await.unwrap_err().to_string();
    assert!(far.contains(&main.id.short()) && far.contains("its link to sub1 is gone"), "{far}");
}

#[tokio::test]
async fn whoever_reads_no_further_is_heard_by_who_writes_with_the_reason() {
    let (mut main, _sub, low) = three().await;
    let (mut opened, taken) = begun(&mut main, &low).await;
    taken.abort("the disk is full");
    let piece = vec![7; 100_000];
    let error = loop {
        if let Err(error) = opened.write_all(&piece).await {
            break error.to_string();
        }
    };
    assert!(error.contains(&main.id.short()) && error.contains("the disk is full"), "{error}");
}

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_a_bounded_number_of_bytes_and_stops_no_other() {
    let (mut main, _sub, low) = three().await;
    let (mut stalled, _unread) = begun(&mut main, &low).await;
    let piece = vec![7; 64 * 1024];
    // Until no more is taken: buffers of three nodes and of the system between them.
    let mut taken_bytes = 0_usize;
    let patience = std::time::Duration::from_secs(2);
    while let Ok(written) = tokio::time::timeout(patience, stalled.write_all(&piece)).await {
        written.unwrap();
        taken_bytes += piece.len();
        assert!(taken_bytes < 64 * 1024 * 1024, "nothing holds it back");
    }
    let (mut opened, mut taken) = begun(&mut main, &low).await;
    let much = vec![9; 3_000_000];
    let sent = much.clone();
    let writer = tokio::spawn(async move {
        opened.write_all(&sent).await.unwrap();
        opened.shutdown().await.unwrap();
    });
    let mut heard = Vec::new();
    taken.read_to_end(&mut heard).await.unwrap();
    assert!(heard == much);
    writer.await.unwrap();
}

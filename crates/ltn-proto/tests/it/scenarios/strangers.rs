//! Peers that lie, that break the rules, or that speak a later version.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use bytes::Bytes;
use ltn_proto::sim::{Observer, Passage};
use ltn_proto::{Flags, Frame, Header, Kind};

/// Keeps every frame that a mind was handed.
#[derive(Clone, Default)]
pub(super) struct Tap(Rc<RefCell<Vec<(HostId, HostId, Frame)>>>);

impl Observer for Tap {
    fn received(&mut self, _: &Network, passage: &Passage<'_>) {
        self.0.borrow_mut().push((passage.from, passage.to, passage.frame.clone()));
    }
}

impl Tap {
    pub(super) fn on(network: &mut Network) -> Self {
        let tap = Self::default();
        network.observe(tap.clone());
        tap
    }

    /// The last frame of this kind that this host was handed.
    pub(super) fn last(&self, to: HostId, kind: Kind) -> Option<Frame> {
        let frames = self.0.borrow();
        let wanted =
            |(_, host, frame): &&(HostId, HostId, Frame)| *host == to && frame.header.kind == kind;
        frames.iter().rev().find(wanted).map(|(_, _, frame)| frame.clone())
    }
}

fn spoken(network: &Network, source: HostId, destination: HostId, kind: Kind) -> Frame {
    let header = Header::new(kind, network.id(source), network.id(destination));
    Frame { header, payload: Bytes::from_static(b"who said that?") }
}

#[test]
fn a_child_that_speaks_in_another_name_is_not_believed() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients, .. } = demonstration();
    let lies = [
        (clients[2], sub1, clients[0], main),
        (clients[2], sub1, sub1, main),
        (clients[2], sub1, main, clients[3]),
        (clients[2], sub1, sub3, sub1),
        (sub1, main, sub2, clients[0]),
        (sub1, main, main, clients[0]),
    ];
    for (liar, parent, victim, target) in lies {
        let before = network.snapshot(parent).counters.forged_sources;
        let mut lie = spoken(&network, victim, target, Kind::CAST);
        lie.header.flags = Flags::TEXT;
        assert!(network.inject(liar, parent, lie));
        assert!(network.run_until_quiet());
        assert_eq!(network.snapshot(parent).counters.forged_sources, before + 1);
    }
    for host in network.hosts() {
        assert_eq!(texts_heard(&network, host), [""; 0], "{host:?}");
    }
}

#[test]
fn a_server_speaks_for_those_below_it() {
    let Demonstration { mut network, main, sub1, clients, .. } = demonstration();
    let mut said = spoken(&network, clients[2], main, Kind::CAST);
    said.header.flags = Flags::TEXT;
    assert!(network.inject(sub1, main, said));
    assert!(network.run_until_quiet());
    assert_eq!(texts_heard(&network, main), ["who said that?"]);
}

/// There is no compression, and no bit that could ask for it.
#[test]
fn a_bit_that_nobody_has_named_unpacks_nothing() {
    let Demonstration { mut network, main, sub1, clients, .. } = demonstration();
    let mut said = spoken(&network, clients[2], main, Kind::CAST);
    said.header.flags = Flags::TEXT.with(Flags(0x80));
    // What gzip makes of much more than this.
    said.payload = Bytes::from_static(b"\x1f\x8b\x08 a thousand zeros");
    assert!(network.inject(clients[2], sub1, said));
    assert!(network.run_until_quiet());
    assert_eq!(texts_heard(&network, main), [""; 0], "as text it is none");
    let mut said = spoken(&network, clients[2], main, Kind::CAST);
    said.header.flags = Flags::TEXT.with(Flags(0x80));
    assert!(network.inject(clients[2], sub1, said));
    assert!(network.run_until_quiet());
    assert_eq!(texts_heard(&network, main), ["who said that?"], "byte for byte");
}

/// What a later version may add under a key of its own is skipped, whatever it is.
#[test]
fn nesting_without_end_under_an_unknown_key_harms_nobody() {
    let Demonstration { mut network, main, sub1, clients, .. } = demonstration();
    let deep = [&[0xa1, 0x18, 0x63][..], &vec![0x81; 60_000], &[0x00]].concat();
    for kind in [Kind::RESOLVE, Kind::CALL, Kind::STATEMENT, Kind::PLACE, Kind::REGISTER] {
        let mut said = spoken(&network, clients[2], main, kind);
        said.payload = Bytes::from(deep.clone());
        network.inject(clients[2], sub1, said);
        network.run_for(SECOND);
    }
    assert_eq!(network.send(clients[3], "/", "all well"), Outcome::Delivered);
}

#[test]
fn a_kind_of_a_later_version_is_passed_on_by_its_header_alone() {
    let Demonstration { mut network, sub3, clients, .. } = demonstration();
    let tap = Tap::on(&mut network);
    let later = spoken(&network, clients[3], clients[0], Kind(0x7e));
    assert!(network.inject(clients[3], sub3, later.clone()));
    assert!(network.run_until_quiet());
    let arrived = tap.last(clients[0], Kind(0x7e)).expect("it was passed on");
    assert_eq!(arrived.payload, later.payload);
    assert_eq!(arrived.header.hops_left, later.header.hops_left - 3, "three servers on the way");
    assert_eq!(network.snapshot(clients[0]).counters.unknown_kinds, 1);
}

#[test]
fn a_kind_of_a_later_version_that_wants_an_answer_gets_one() {
    let Demonstration { mut network, sub3, clients, .. } = demonstration();
    let tap = Tap::on(&mut network);
    let mut later = spoken(&network, clients[3], clients[0], Kind(0x7e));
    later.header.flags = Flags::ANSWER_WANTED;
    later.header.id = 77;
    assert!(network.inject(clients[3], sub3, later));
    assert!(network.run_until_quiet());
    let answer = tap.last(clients[3], Kind::NO_ROUTE).expect("an answer");
    assert_eq!((answer.header.id, answer.header.source), (77, network.id(clients[0])));
}

#[test]
fn a_frame_is_not_passed_on_for_ever() {
    let Demonstration { mut network, sub3, clients, .. } = demonstration();
    let tap = Tap::on(&mut network);
    let mut tired = spoken(&network, clients[3], clients[0], Kind::CAST);
    tired.header.hops_left = 2;
    assert!(network.inject(clients[3], sub3, tired.clone()));
    assert!(network.run_until_quiet());
    assert_eq!(tap.last(clients[0], Kind::CAST), None);
    tired.header.kind = Kind::SEND;
    tired.header.flags = Flags::ANSWER_WANTED;
    assert!(network.inject(clients[3], sub3, tired));
    assert!(network.run_until_quiet());
    assert!(tap.last(clients[3], Kind::NO_ROUTE).is_some(), "whoever waits is told");
}

#[test]
fn whoever_says_hello_twice_is_thrown_out_and_may_come_back() {
    let mut network = network(50);
    let tap = Tap::on(&mut network);
    let main = network.add(Role::MainServer, "");
    let client = network.add(Role::Client, "client");
    let other = network.add(Role::Client, "other");
    joins(&mut network, client, main);
    joins(&mut network, other, main);
    assert!(network.run_until_quiet());
    let hello = tap.last(main, Kind::HELLO).expect("somebody said hello");
    let mut again = hello;
    again.header.source = network.id(client);
    assert!(network.inject(client, main, again));
    network.run_for(SECOND);
    let why = |event: &Event| {
        let Event::Disconnected { reason, .. } = event else { return false };
        *reason == ltn_proto::CloseReason::Misbehaved
    };
    assert!(was_told(&network, client, why));
    let lost = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert!(!was_told(&network, other, lost), "the others notice nothing");
    network.run_for(SECOND * 10);
    assert_eq!(paths(&network, main), ["/", "/client", "/other"]);
}

#[test]
fn nothing_but_a_hello_is_understood_from_a_stranger() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let kinds = [
        Kind::SEND,
        Kind::CAST,
        Kind::REQUEST,
        Kind::CALL,
        Kind::REPLY,
        Kind::RESOLVE,
        Kind::TREE,
        Kind::REGISTER,
        Kind::WELCOME,
        Kind::PLACE,
        Kind::PING,
        Kind::ORDER,
        Kind::EDGE_ASK,
        Kind(0x7e),
    ];
    for kind in kinds {
        let stranger = network.add_puppet();
        network.connect_puppet(stranger, main);
        let data = spoken(&network, stranger, main, kind);
        assert!(network.inject(stranger, main, data), "{kind:?}");
        network.run_for(SECOND);
        let wires = network.standing_wires();
        assert!(!wires.contains(&(stranger, main)), "{kind:?} was not answered by closing");
    }
    assert_eq!(network.snapshot(main).pending_links, 0);
    assert_eq!(texts_heard(&network, main), [""; 0]);
    assert_eq!(network.send(clients[3], "/", "all well"), Outcome::Delivered);
}

#[test]
fn a_hello_of_garbage_or_of_another_version_is_refused() {
    let mut network = network(51);
    let tap = Tap::on(&mut network);
    let main = network.add(Role::MainServer, "");
    let client = network.add(Role::Client, "client");
    joins(&mut network, client, main);
    let hello = tap.last(main, Kind::HELLO).expect("somebody said hello");
    let mut later_version = hello.payload.to_vec();
    assert_eq!(later_version[1..3], [0, 1], "the version is the first field");
    later_version[2] = 2;
    let mut payloads = vec![Vec::new(), vec![0xff; 40], vec![0x9b; 9], later_version];
    payloads.extend((1..hello.payload.len()).map(|end| hello.payload[..end].to_vec()));
    for payload in payloads {
        let stranger = network.add_puppet();
        network.connect_puppet(stranger, main);
        let mut frame = spoken(&network, stranger, main, Kind::HELLO);
        frame.payload = Bytes::from(payload.clone());
        assert!(network.inject(stranger, main, frame));
        network.run_for(SECOND);
        let wires = network.standing_wires();
        assert!(!wires.contains(&(stranger, main)), "{payload:?} was let in");
        assert!(tap.last(stranger, Kind::CLOSE).is_some(), "{payload:?} was told nothing");
    }
    assert_eq!(network.snapshot(main).pending_links, 0);
    assert_eq!(paths(&network, main), ["/", "/client"]);
}

#[test]
fn a_hello_with_escapes_a_newline_or_a_word_of_the_network_as_name_gets_another() {
    let mut network = network(54);
    let tap = Tap::on(&mut network);
    let main = network.add(Role::MainServer, "");
    let client = network.add(Role::Client, "client");
    joins(&mut network, client, main);
    let hello = tap.last(main, Kind::HELLO).expect("somebody said hello").payload;
    let at = hello.windows(6).position(|part| part == b"client").expect("it says its name");
    for name in ["\u{1b}[31mx", "two\nli", "a\r\n\tbc", "\0\0\0\0\0\0", "higher"] {
        let stranger = network.add_puppet();
        network.connect_puppet(stranger, main);
        let mut frame = spoken(&network, stranger, main, Kind::HELLO);
        let mut payload = hello.to_vec();
        payload[at..at + 6].copy_from_slice(name.as_bytes());
        frame.payload = Bytes::from(payload);
        assert!(network.inject(stranger, main, frame));
        network.run_for(SECOND);
        let welcome = tap.last(stranger, Kind::WELCOME).expect("a bad name keeps nobody out");
        let said = String::from_utf8_lossy(&welcome.payload).into_owned();
        let given = format!("unnamed_{}", network.id(stranger).short());
        assert!(said.contains(&given), "{name:?}: {said:?}");
        assert!(!said.contains(name) || name == "higher", "{name:?}: {said:?}");
    }
    assert_eq!(network.send(client, "/", "all well"), Outcome::Delivered);
}

#[test]
fn a_stranger_that_says_nothing_is_not_kept() {
    let mut network = network(52);
    let main = network.add(Role::MainServer, "");
    let stranger = network.add_puppet();
    network.connect_puppet(stranger, main);
    network.run_for(SECOND * 4);
    assert_eq!(network.snapshot(main).pending_links, 1);
    network.run_for(SECOND * 2);
    assert_eq!(network.snapshot(main).pending_links, 0);
    assert!(!network.standing_wires().contains(&(stranger, main)));
}

#[test]
fn two_hundred_silent_strangers_do_not_keep_a_member_out() {
    let mut network = network(53);
    let main = network.add(Role::MainServer, "");
    for _ in 0..200 {
        let stranger = network.add_puppet();
        network.connect_puppet(stranger, main);
    }
    assert!(network.snapshot(main).pending_links <= 129);
    network.run_for(SECOND * 6);
    let client = network.add(Role::Client, "client");
    joins(&mut network, client, main);
    assert!(network.run_until_quiet());
    assert_eq!(network.snapshot(main).pending_links, 0);
}

#[test]
fn garbage_in_every_kind_harms_nobody() {
    let Demonstration { mut network, sub1, sub3, clients, .. } = demonstration();
    let mut random = ltn_proto::sim::Random::new(54);
    for kind in 0..=0x60 {
        for flags in [0, 1, 2, 4, 8, 0x10, 0x3f] {
            let mut frame = spoken(&network, clients[3], sub3, Kind(kind));
            frame.header.flags = Flags(flags);
            frame.header.id = random.number();
            frame.payload = Bytes::copy_from_slice(&random.bytes()[..random.below(33)]);
            // A link that was closed for it comes back by itself.
            if !network.inject(clients[3], sub3, frame) {
                network.run_for(SECOND * 31);
            }
            network.run_for(SECOND / 10);
        }
    }
    network.run_for(SECOND * 60);
    assert_eq!(network.send(clients[0], "/sub1/client3", "all well?"), Outcome::Delivered);
    assert_eq!(network.snapshot(sub3).parent, Some(network.id(sub1)));
    assert_eq!(network.send(clients[3], "/client1", "all well"), Outcome::Delivered);
}

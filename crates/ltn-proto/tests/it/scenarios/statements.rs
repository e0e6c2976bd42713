//! Nobody announces another's node: what servers believe of places is what the nodes signed.

use bytes::Bytes;
use ltn_proto::{CloseReason, Frame, Kind, Op};

use super::strangers::Tap;
use super::*;

/// `/sub1/client` and `/sub2`, and the frame by which `sub1` announced the client.
struct Story {
    network: Network,
    main: HostId,
    sub1: HostId,
    sub2: HostId,
    client: HostId,
    announced: Frame,
}

fn story(seed: u64) -> Story {
    let mut network = network(seed);
    let tap = Tap::on(&mut network);
    let main = network.add(Role::MainServer, "");
    let sub1 = network.add(Role::SubServer, "sub1");
    let sub2 = network.add(Role::SubServer, "sub2");
    let client = network.add(Role::Client, "client");
    joins(&mut network, sub1, main);
    joins(&mut network, sub2, main);
    joins(&mut network, client, sub1);
    assert!(network.run_until_quiet());
    let announced = tap.last(main, Kind::TREE).expect("sub1 announced the client");
    assert_eq!(paths(&network, main), ["/", "/sub1", "/sub1/client", "/sub2"]);
    Story { network, main, sub1, sub2, client, announced }
}

fn with(frame: &Frame, change: impl FnOnce(&mut Vec<u8>)) -> Frame {
    let mut payload = frame.payload.to_vec();
    change(&mut payload);
    Frame { payload: Bytes::from(payload), ..frame.clone() }
}

/// Where these bytes stand, every time.
fn places_of(payload: &[u8], wanted: &[u8]) -> Vec<usize> {
    let windows = payload.windows(wanted.len()).enumerate();
    windows.filter(|(_, part)| *part == wanted).map(|(at, _)| at).collect()
}

/// How often this host was thrown out for breaking the rules.
fn times_thrown_out(network: &Network, host: HostId) -> usize {
    let thrown_out = |event: &&Event| {
        matches!(event, Event::Disconnected { reason: CloseReason::Misbehaved, .. })
    };
    network.history().told(host).filter(thrown_out).count()
}

/// The neighbour says this, is thrown out for it, and comes back to where everything was.
#[track_caller]
fn is_no_use(story: &mut Story, lie: Frame) {
    let Story { network, main, sub1, client, .. } = story;
    let before = times_thrown_out(network, *sub1);
    assert!(network.inject(*sub1, *main, lie));
    network.run_for(SECOND * 40);
    assert!(network.run_until_quiet());
    assert_eq!(times_thrown_out(network, *sub1), before + 1);
    assert_eq!(paths(network, *main), ["/", "/sub1", "/sub1/client", "/sub2"]);
    assert_eq!(network.send(*main, "/sub1/client", "still there"), Outcome::Delivered);
    assert_eq!(network.home(*client).parent, Some(network.id(*sub1)));
}

#[test]
fn a_server_cannot_claim_a_node_that_hangs_elsewhere() {
    let mut story = story(70);
    let elsewhere = story.network.add(Role::Client, "elsewhere");
    let main = story.main;
    joins(&mut story.network, elsewhere, story.sub2);
    for victim in [elsewhere, story.sub2, story.client] {
        let Story { network, sub1, .. } = &mut story;
        assert!(network.announce(*sub1, main, victim));
        network.run_for(SECOND * 40);
        assert!(network.run_until_quiet());
        let all = ["/", "/sub1", "/sub1/client", "/sub2", "/sub2/elsewhere"];
        assert_eq!(paths(network, main), all);
        assert_eq!(network.send(main, "/sub2/elsewhere", "still there"), Outcome::Delivered);
    }
    assert_eq!(times_thrown_out(&story.network, story.sub1), 3);
    assert_eq!(story.network.snapshot(main).counters.unsigned_places, 3);
}

#[test]
fn a_server_cannot_invent_a_node() {
    let mut story = story(71);
    let nobody = story.network.add_puppet();
    let Story { network, main, sub1, .. } = &mut story;
    assert!(network.announce(*sub1, *main, nobody));
    network.run_for(SECOND * 40);
    assert_eq!(paths(network, *main), ["/", "/sub1", "/sub1/client", "/sub2"]);
}

#[test]
fn a_server_cannot_call_a_node_by_a_name_that_it_did_not_sign() {
    let mut story = story(72);
    let names = places_of(&story.announced.payload, b"client");
    assert_eq!(names.len(), 2, "the server says the name, and the node does");
    let rename = |at: &[usize]| {
        with(&story.announced, |payload| at.iter().for_each(|at| payload[*at] = b'k'))
    };
    let (in_its_own_words, in_the_nodes_words) = (rename(&names[..1]), rename(&names));
    is_no_use(&mut story, in_its_own_words);
    is_no_use(&mut story, in_the_nodes_words);
}

#[test]
fn swapped_keys_and_bent_or_short_signatures_are_worth_nothing() {
    let mut story = story(73);
    let key = story.network.config(story.client).public_key.clone();
    let liars = story.network.config(story.sub1).public_key.clone();
    let at = places_of(&story.announced.payload, &key)[0];
    let swapped =
        with(&story.announced, |payload| payload[at..at + key.len()].copy_from_slice(&liars));
    // The signature is the last thing that is said: 58 40 and 64 bytes.
    let length = story.announced.payload.len() - 65;
    assert_eq!(story.announced.payload[length - 1..=length], [0x58, 64]);
    let bent = with(&story.announced, |payload| payload[length + 30] ^= 1);
    let short = with(&story.announced, |payload| {
        payload[length] = 63;
        payload.pop();
    });
    for lie in [swapped, bent, short] {
        is_no_use(&mut story, lie);
    }
}

#[test]
fn an_old_statement_does_not_bring_back_who_moved_or_left() {
    let Story { mut network, main, sub1, sub2, client, announced } = story(74);
    joins(&mut network, client, sub2);
    assert!(network.run_until_quiet());
    assert!(network.inject(sub1, main, announced.clone()));
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), ["/", "/sub1", "/sub2", "/sub2/client"]);
    let op = network.begin(client, |op| Op::Disconnect { op });
    network.finish(op);
    assert!(network.run_until_quiet());
    assert!(network.inject(sub1, main, announced));
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), ["/", "/sub1", "/sub2"]);
    // What is merely late is no lie.
    assert_eq!(times_thrown_out(&network, sub1), 0);
    joins(&mut network, client, sub1);
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), ["/", "/sub1", "/sub1/client", "/sub2"]);
}

#[test]
fn a_new_name_is_signed_by_who_has_it_and_the_old_one_does_not_come_back() {
    let Story { mut network, main, sub1, client, announced, .. } = story(75);
    let name = "renamed".to_owned();
    let op = network.begin(client, |op| Op::Rename { op, name });
    network.finish(op);
    assert!(network.run_until_quiet());
    let renamed = ["/", "/sub1", "/sub1/renamed", "/sub2"];
    assert_eq!(paths(&network, main), renamed);
    assert!(network.inject(sub1, main, announced));
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), renamed);
    assert_eq!(network.send(main, "/sub1/renamed", "hello"), Outcome::Delivered);
    // The whole branch comes back with the new names.
    network.break_wires(sub1, main);
    network.run_for(SECOND * 40);
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), renamed);
}

#[test]
fn a_server_that_says_a_living_node_is_gone_hides_it_and_cannot_keep_it_out() {
    let Story { mut network, main, sub1, sub2, client, .. } = story(76);
    assert!(network.announce_gone(sub2, main, client));
    assert!(network.run_until_quiet());
    assert!(paths(&network, main).contains(&"/sub1/client".to_owned()), "it is not in that branch");
    assert!(network.announce_gone(sub1, main, client));
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), ["/", "/sub1", "/sub2"]);
    joins(&mut network, client, sub2);
    assert!(network.run_until_quiet());
    assert_eq!(paths(&network, main), ["/", "/sub1", "/sub2", "/sub2/client"]);
    assert_eq!(network.send(main, "/sub2/client", "hello"), Outcome::Delivered);
}

#[test]
fn nobody_registers_with_the_statement_of_another_or_without_one() {
    let mut network = network(77);
    let tap = Tap::on(&mut network);
    let main = network.add(Role::MainServer, "");
    let client = network.add(Role::Client, "client");
    joins(&mut network, client, main);
    assert!(network.run_until_quiet());
    let hello = tap.last(main, Kind::HELLO).expect("it said hello");
    let register = tap.last(main, Kind::REGISTER).expect("it registered");
    // The map of three entries is one of two without its last: what it signed.
    assert_eq!(register.payload[0], 0xa3);
    let at = places_of(&register.payload, &[0x02, 0xa3])[0];
    let unsigned = with(&register, |payload| {
        payload.truncate(at);
        payload[0] = 0xa2;
    });
    for registration in [register, unsigned] {
        let stranger = network.add_puppet();
        network.connect_puppet(stranger, main);
        for mut frame in [hello.clone(), registration] {
            frame.header.source = network.id(stranger);
            assert!(network.inject(stranger, main, frame));
            network.run_for(SECOND);
        }
        assert!(!network.standing_wires().contains(&(stranger, main)));
    }
    assert_eq!(paths(&network, main), ["/", "/client"]);
    assert_eq!(network.snapshot(main).counters.unsigned_places, 2);
}

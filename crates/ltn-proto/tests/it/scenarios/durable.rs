//! What survives a power cut: whoever was told that a node moved finds it where it said.

use super::*;
use ltn_proto::CloseReason;
use ltn_proto::sim::{Line, Mutant};

/// A power cut in the middle of a move from `sub1` to `sub2`, after so many microseconds.
struct Cut {
    /// Did the old parent hear that the node moved?
    left: bool,
    /// Had the node told its program that it arrived?
    arrived: bool,
    /// Whom the disk names.
    on_disk: HostId,
    /// Where the node is when it is back.
    back_at: HostId,
}

fn cut_in_the_middle_of_a_move(seed: u64, micros: u64, mutant: Option<Mutant>) -> Cut {
    let mut network = network(seed);
    if let Some(mutant) = mutant {
        network.set_mutant(mutant);
    }
    let main = network.add(Role::MainServer, "");
    let [old, new, node] = ["sub1", "sub2", "mover"].map(|name| {
        let host = network.add(Role::SubServer, name);
        joins(&mut network, host, main);
        host
    });
    joins(&mut network, node, old);
    assert!(network.run_until_quiet());
    network.begin_join(node, new);
    network.run_for(Duration::from_micros(micros));
    let arrived = network.home(node).parent == Some(network.id(new));
    network.power_off(node);
    network.run_for(SECOND);
    let is_leaving = |event: &Event| {
        matches!(event, Event::Left { child, reason: CloseReason::Moved, .. }
                 if *child == network.id(node))
    };
    let left = was_told(&network, old, is_leaving);
    let kept = network.on_disk(node).parent.clone().expect("it has joined before");
    let on_disk = network.host_of(kept.id).expect("it is one of them");
    network.restart(node, SECOND);
    network.run_for(60 * SECOND);
    let parent = network.snapshot(node).parent.expect("it is back");
    Cut { left, arrived, on_disk, back_at: network.host_of(parent).expect("it is one of them") }
}

#[test]
fn whoever_moved_is_after_a_power_cut_where_it_said_it_would_be() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..150 {
        let Cut { left, arrived, on_disk, back_at } =
            cut_in_the_middle_of_a_move(seed, seed * 900, None);
        let new = HostId(2);
        assert_eq!(back_at, on_disk, "seed {seed}: the disk decides");
        if left || arrived {
            assert_eq!(on_disk, new, "seed {seed}: it told the others that it moved");
        }
        *(if on_disk == new { &mut after } else { &mut before }) += 1;
    }
    assert!(before > 10 && after > 10, "the cuts hit all of a move: {before} and {after}");
}

#[test]
fn a_mind_that_moves_before_it_is_written_down_is_caught() {
    let caught = (0..150).any(|seed| {
        let cut = cut_in_the_middle_of_a_move(seed, seed * 900, Some(Mutant::HastyMove));
        (cut.left || cut.arrived) && cut.on_disk != HostId(2)
    });
    assert!(caught);
}

#[test]
fn whoever_left_for_good_does_not_come_back_after_a_power_cut() {
    let mut network = network(7);
    let servers = chain(&mut network, 1);
    assert!(network.on_disk(servers[1]).parent.is_some());
    network.leave(servers[1]);
    network.run_for(SECOND);
    assert_eq!(network.on_disk(servers[1]).parent, None);
    network.power_off(servers[1]);
    network.restart(servers[1], SECOND);
    network.run_for(30 * SECOND);
    assert_eq!(network.snapshot(servers[1]).parent, None);
}

#[test]
fn a_confirmation_that_was_used_before_a_power_cut_is_answered_truthfully_after_it() {
    let mut network = network(21);
    let servers = chain(&mut network, 2);
    let admin = network.add(Role::Client, "admin");
    joins(&mut network, admin, servers[0]);
    let to = network.address(servers[0]).to_string();
    let line = || Line::new("s.sethigherserver", &[&to]);
    let Outcome::Confirm(word) = network.call(admin, "/sub1/sub2", &line()) else {
        panic!("it is dangerous")
    };
    let second = line().confirmed(word.token);
    network.begin_call(admin, "/sub1/sub2", &second);
    // The command is written down; the power goes before the move has come to its end.
    let is_written = |network: &Network| !network.on_disk(servers[2]).deeds.is_empty();
    assert!(network.run_until(10 * SECOND, is_written));
    assert!(!network.on_disk(servers[2]).deeds[0].done);
    network.power_off(servers[2]);
    network.restart(servers[2], SECOND);
    network.run_for(60 * SECOND);
    let again = network.call(admin, "/sub1/sub2", &second);
    let Outcome::Unknown(text) = again else { panic!("{again:?}") };
    assert!(text.contains("s.sethigherserver"), "{text}");

    // One that came to its end is never done twice, and says so.
    let done = network.call_and_confirm(admin, "/sub1/sub2", &line());
    assert!(matches!(done, Outcome::Reply(_)), "{done:?}");
    network.run_for(SECOND);
    let deed = network.on_disk(servers[2]).deeds.last().expect("it was written").clone();
    assert!(deed.done);
    network.power_off(servers[2]);
    network.restart(servers[2], SECOND);
    network.run_for(60 * SECOND);
    let again = network.call(admin, "/sub2", &line().confirmed(deed.token));
    let text = refused(again, RefusalKind::BadToken);
    assert!(text.contains("carried out before"), "{text}");
}

#[test]
fn a_root_that_goes_down_in_the_middle_of_a_roll_call_still_says_whom_it_was_meant_for() {
    let mut network = network(22);
    let servers = chain(&mut network, 2);
    let admin = network.add(Role::Client, "admin");
    joins(&mut network, admin, servers[0]);
    let report = Line::new("s.report", &[]);
    refused(network.call(admin, "/", &report), RefusalKind::NotPossible);
    // The lowest server stands still, so the roll call cannot end.
    network.pause(servers[2], 300 * SECOND);
    let line = || Line::new("s.shutdownnetwork", &[]);
    let Outcome::Confirm(word) = network.call(admin, "/", &line()) else { panic!("dangerous") };
    network.begin_call(admin, "/", &line().confirmed(word.token));
    network.run_for(5 * SECOND);
    network.power_off(servers[0]);
    network.restart(servers[0], SECOND);
    network.run_for(20 * SECOND);
    let other = network.add(Role::Client, "other");
    joins(&mut network, other, servers[0]);
    let Outcome::Reply(value) = network.call(other, "/", &report) else { panic!("it remembers") };
    let text = value.get("text").expect("it is told in words").to_string();
    assert!(text.contains("went down before the end"), "{text}");
    let meant = value.get("roll_call").and_then(Value::as_list).expect("whom").len();
    assert_eq!(meant, 4, "{value}");
}

#[test]
fn nobody_is_told_of_an_order_before_it_is_written_down_whom_it_is_meant_for() {
    let mut network = network(23);
    let servers = chain(&mut network, 2);
    let admin = network.add(Role::Client, "admin");
    joins(&mut network, admin, servers[0]);
    let line = Line::new("s.shutdownnetwork", &[]);
    let Outcome::Confirm(word) = network.call(admin, "/", &line) else { panic!("dangerous") };
    network.begin_call(admin, "/", &line.confirmed(word.token));
    let told = |network: &Network| {
        was_told(network, servers[1], |event| matches!(event, Event::Ordered { .. }))
            || was_told(network, admin, |event| matches!(event, Event::Disconnected { .. }))
    };
    // Wherever the power goes: who was told of the order stands in the report that is left.
    let written = |network: &Network| !network.on_disk(servers[0]).reports.is_empty();
    let first = |network: &Network| told(network) || written(network);
    assert!(network.run_until(10 * SECOND, first));
    assert!(written(&network) && !told(&network), "written down before anybody was told");
    assert!(network.run_until(10 * SECOND, told));
}

#[test]
fn a_node_that_was_set_back_to_an_older_state_is_believed_again() {
    for role in [Role::SubServer, Role::Client] {
        let mut network = network(24);
        let main = network.add(Role::MainServer, "");
        let node = network.add(role, "lamp");
        joins(&mut network, node, main);
        for _ in 0..3 {
            network.crash(node);
            network.restart(node, SECOND);
            network.run_for(30 * SECOND);
        }
        assert_eq!(network.snapshot(node).path.to_string(), "/lamp");
        network.power_off(node);
        network.run_for(30 * SECOND);
        // A backup of its first days: it counts its starts from there.
        network.set_back(node, 1);
        network.restart(node, SECOND);
        network.run_for(60 * SECOND);
        assert_eq!(network.snapshot(node).parent, Some(network.id(main)), "{role:?}");
        assert_eq!(line(&network, main, node).stale_for, None);
        // And again, when it goes on from there.
        network.crash(node);
        network.restart(node, SECOND);
        network.run_for(60 * SECOND);
        assert_eq!(network.snapshot(node).parent, Some(network.id(main)), "{role:?}");
    }
}

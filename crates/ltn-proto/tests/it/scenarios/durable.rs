//! What survives a power cut: whoever was told that a node moved finds it where it said.

use super::*;
use ltn_proto::CloseReason;
use ltn_proto::sim::Mutant;

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
    let kept = network.on_disk(node).expect("it has joined before").clone();
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
    assert!(network.on_disk(servers[1]).is_some());
    network.leave(servers[1]);
    network.run_for(SECOND);
    assert_eq!(network.on_disk(servers[1]), None);
    network.power_off(servers[1]);
    network.restart(servers[1], SECOND);
    network.run_for(30 * SECOND);
    assert_eq!(network.snapshot(servers[1]).parent, None);
}

//! Servers that move at the same time, with whole minds and messages that take their time: what
//! `tests/moves` shows of the root's book in every order, this shows of the real rules in many.
//!
//! Six servers; two to four of them want to go somewhere within five seconds, while each frame is
//! on its way for up to three. Links break and the root restarts.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ltn_proto::Role;
use ltn_proto::sim::{HostId, Latency, Mutant, Network, Random};

use crate::model::books::{Books, Keeper};
use crate::model::seeds_or;
use crate::model::truth::Truth;
use crate::model::violation::ViolationKind;

/// Networks of one test run.
const SEEDS: u64 = 2_000;
/// A broken mind has to be caught within so many.
const CAUGHT_WITHIN: u64 = 2_000;
const SERVERS: usize = 6;

/// Something that happens while servers move.
#[derive(Debug, Clone, Copy)]
enum Step {
    Move(HostId, HostId),
    Break,
    RestartRoot,
}

/// What went wrong in the run of this seed.
fn play(seed: u64, mutant: Option<Mutant>) -> Option<String> {
    let mut random = Random::new(seed ^ 0x6372_6f73_7369_6e67);
    let mut network = Network::new(random.number());
    crate::model::trace_if_wanted(&mut network);
    if let Some(mutant) = mutant {
        network.set_mutant(mutant);
    }
    let books = Rc::new(RefCell::new(Books::default()));
    network.observe(Keeper(Rc::clone(&books)));
    network.add(Role::MainServer, "");
    for number in 1..SERVERS {
        let host = network.add(Role::SubServer, &format!("sub{number}"));
        let above = HostId(random.below(number));
        network.begin(host, |op| ltn_proto::Op::Connect {
            op,
            to: ltn_proto::Address::new(&format!("sim:{}", above.0)),
            persist: true,
        });
        network.run_for(Duration::from_millis(400));
    }
    network.run_for(Duration::from_secs(1));
    let longest = [50, 500, 3_000][random.below(3)];
    let (shortest, longest) = (Duration::ZERO, Duration::from_millis(longest));
    network.set_latency(Latency { shortest, longest });
    for (pause, step) in steps(&mut random) {
        network.run_for(pause);
        act(&mut network, &mut random, step);
    }
    network.run_for(Duration::from_secs(30));
    network.set_latency(Latency::default());
    network.run_for(Duration::from_secs(90));
    let found = books.borrow().violations.iter().find(|v| v.kind == ViolationKind::Cycle).cloned();
    if let Some(found) = found {
        return Some(found.to_string());
    }
    let truth = Truth::of(&network);
    let lost = network.hosts().find(|host| !truth.is_rooted(&network, *host));
    let open = network.open_ops().next();
    match (lost, open) {
        (Some(lost), _) => Some(format!("{lost:?} has no way to the root\n{}", network.draw())),
        (None, Some(open)) => Some(format!("{open:?} never ended")),
        (None, None) => None,
    }
}

fn steps(random: &mut Random) -> Vec<(Duration, Step)> {
    let mut steps = Vec::new();
    for _ in 0..2 + random.below(3) {
        let child = 1 + random.below(SERVERS - 1);
        let to = (child + 1 + random.below(SERVERS - 1)) % SERVERS;
        steps.push(Step::Move(HostId(child), HostId(to)));
    }
    let mishaps = [Step::Break, Step::RestartRoot];
    for mishap in mishaps.into_iter().filter(|_| random.percent(30)).collect::<Vec<_>>() {
        let at = random.below(steps.len() + 1);
        steps.insert(at, mishap);
    }
    let pause = |step| (random.time(Duration::ZERO, Duration::from_millis(1_500)), step);
    steps.into_iter().map(pause).collect()
}

fn act(network: &mut Network, random: &mut Random, step: Step) {
    match step {
        Step::Move(child, to) if network.is_up(child) => {
            network.begin_join(child, to);
        }
        Step::Break => {
            if let Some((child, parent)) = random.pick(&network.standing_wires()).copied() {
                network.break_wires(child, parent);
            }
        }
        Step::RestartRoot => {
            network.crash(HostId(0));
            network.restart(HostId(0), random.time(Duration::ZERO, Duration::from_secs(2)));
        }
        Step::Move(..) => {}
    }
}

#[test]
fn crossing_moves_of_whole_minds_close_no_cycle_and_end() {
    for seed in seeds_or(SEEDS) {
        assert_eq!(play(seed, None), None, "seed {seed}: LTN_SIM_START={seed} LTN_SIM_SEEDS=1");
    }
}

#[test]
fn minds_whose_root_looks_at_committed_edges_only_are_caught() {
    let caught =
        (0..CAUGHT_WITHIN).find(|seed| play(*seed, Some(Mutant::NoPendingEdges)).is_some());
    assert!(caught.is_some());
}

#[test]
fn minds_that_look_at_their_own_path_only_are_caught() {
    let caught = (0..CAUGHT_WITHIN).find(|seed| play(*seed, Some(Mutant::PathCheckOnly)).is_some());
    assert!(caught.is_some());
}

//! What goes wrong in random runs, and what a liar says.

use std::collections::BTreeSet;
use std::time::Duration;

use ltn_proto::sim::{HostId, Latency, Line};
use ltn_proto::{Outcome, Role};

use super::plan::Size;
use super::totals::Totals;
use super::truth::Truth;
use super::world::{Watch, World};

/// What a disturbance leaves on the wires is gone after this time.
const AFTERMATH: Duration = Duration::from_secs(3);
/// A clone has been turned away by then.
const CLONE_ATTEMPT: Duration = Duration::from_secs(8);

/// One random fault. Says whether there was anything left to go wrong.
pub(crate) fn fault(world: &mut World) -> bool {
    let time = world.random.time(Duration::from_secs(1), Duration::from_secs(25));
    let truth = Truth::of(&world.network);
    let wires: Vec<(HostId, HostId)> = truth.parents.iter().map(|(c, p)| (*c, *p)).collect();
    let wire = world.random.pick(&wires).copied();
    let up: Vec<HostId> = world.network.hosts().filter(|host| world.can_ask(*host)).collect();
    let host = world.random.pick(&up).copied();
    let (Some(wire), Some(host)) = (wire, host) else { return false };
    let Some(word) = world.random.pick(&world.plan.kinds).copied() else { return false };
    let now = world.network.now();
    let lasts = match word {
        "broken-link" | "silent-cut" | "one-way-cut" | "slow-lines" => {
            line_fault(world, word, wire, time)
        }
        "slow-reader" => return slow_reader(world, &truth, wire, time),
        _ => machine_fault(world, word, (host, wire), time),
    };
    Totals::count(&mut world.totals.faults, word, 1);
    world.books.borrow_mut().disturb(now, now + lasts + AFTERMATH);
    true
}

/// Something is wrong between two hosts, or everywhere, for as long as is returned.
fn line_fault(
    world: &mut World,
    word: &'static str,
    (child, parent): (HostId, HostId),
    time: Duration,
) -> Duration {
    match word {
        "broken-link" => world.network.break_wires(child, parent),
        "silent-cut" => {
            let at = world.network.now();
            // A parent that has not heard yet that the child took its place has nothing to miss.
            let id = world.network.id(child);
            let is_there = world.network.claimed_children(parent).contains(&id);
            world.network.cut_both_ways(child, parent, time);
            if is_there {
                world.watches.push(Watch { child, parent, at, until: at + time });
            }
            if world.random.percent(40) {
                // Somebody moves what nobody knows to be cut off: the old parent cannot be told.
                world.move_elsewhere(child);
            }
        }
        "one-way-cut" if world.random.percent(50) => world.network.cut(child, parent, time),
        "one-way-cut" => world.network.cut(parent, child, time),
        _ => {
            let (shortest, longest) = (Duration::from_millis(20), Duration::from_millis(400));
            world.network.slow_down(Latency { shortest, longest }, time);
        }
    }
    time
}

/// Something is wrong with a machine or with many, for as long as is returned.
fn machine_fault(
    world: &mut World,
    word: &'static str,
    (host, (child, parent)): (HostId, (HostId, HostId)),
    time: Duration,
) -> Duration {
    let network = &mut world.network;
    match word {
        "crash" => {
            network.crash(host);
            network.restart(host, time);
        }
        "power-off" => {
            network.power_off(host);
            network.restart(host, time);
        }
        "pause" => {
            let now = network.now();
            network.pause(host, time);
            world.books.borrow_mut().pauses.push((host, now, now + time));
        }
        "sleep" => {
            let now = network.now();
            network.put_to_sleep(host, time);
            world.books.borrow_mut().pauses.push((host, now, now + time));
        }
        "late-order" => return late_order(world, (child, parent)),
        "clog" => network.clog(host, &mut world.random),
        "partition" => {
            let truth = Truth::of(network);
            let branch = world.random.percent(50);
            let apart = |at: &HostId, random: &mut ltn_proto::sim::Random| {
                if branch { truth.is_below(*at, child) } else { random.percent(40) }
            };
            let hosts: Vec<HostId> = network.hosts().collect();
            let these: Vec<HostId> =
                hosts.into_iter().filter(|at| apart(at, &mut world.random)).collect();
            network.part(&these, time);
        }
        "root-restart" => {
            network.crash(HostId(0));
            network.restart(HostId(0), time / 5);
        }
        "clock-jump" => {
            let by = world.random.time(Duration::from_secs(60), Duration::from_secs(7_200));
            network.jump_clock(host, by);
        }
        "clone" => {
            network.clone_machine(child, parent);
            return CLONE_ATTEMPT;
        }
        other => unreachable!("nobody knows the fault {other}"),
    }
    time
}

/// A server is ordered to stop and stands still before it hears so, for longer than the lease.
fn late_order(world: &mut World, (child, parent): (HostId, HostId)) -> Duration {
    let root = HostId(0);
    let subs =
        [child, parent].into_iter().find(|host| world.network.role(*host) == Role::SubServer);
    let Some(sub) = subs.filter(|sub| world.can_ask(root) && world.can_ask(*sub)) else {
        return Duration::ZERO;
    };
    let id = world.network.id(sub).to_string();
    let line = Line::new("s.shutdownserver", &[&id]);
    let asked = world.network.begin_call(root, "/", &line);
    world.network.run_for(Duration::from_millis(50));
    let Some(Outcome::Confirm(word)) = world.network.outcome(asked).cloned() else {
        return Duration::ZERO;
    };
    world.network.begin_call(root, "/", &line.confirmed(word.token));
    let (now, time) = (world.network.now(), Duration::from_secs(18));
    world.network.pause(sub, time);
    world.books.borrow_mut().pauses.push((sub, now, now + time));
    time
}

/// One end of a link stops reading: that is nobody's trouble but of those behind that link.
fn slow_reader(
    world: &mut World,
    truth: &Truth,
    (child, parent): (HostId, HostId),
    time: Duration,
) -> bool {
    let now = world.network.now();
    let behind: BTreeSet<HostId> =
        world.network.hosts().filter(|host| truth.is_below(*host, child)).collect();
    world.books.borrow_mut().behind_slow.push((behind, now, now + time + AFTERMATH));
    if world.random.percent(50) {
        world.network.stop_reading(child, parent, time);
    } else {
        world.network.stop_reading(parent, child, time);
    }
    Totals::count(&mut world.totals.faults, "slow-reader", 1);
    true
}

/// Somebody stops reading while all others talk in peace, if this run has such.
pub(crate) fn disturb_one(world: &mut World) {
    let wanted = world.plan.size == Size::Large && world.plan.kinds.contains(&"slow-reader");
    if !wanted || !world.random.percent(50) {
        return;
    }
    let truth = Truth::of(&world.network);
    let is_leaf = |child: &HostId| truth.children(*child).next().is_none();
    let leaves = truth.parents.iter().filter(|(child, _)| is_leaf(child));
    let wires: Vec<(HostId, HostId)> = leaves.map(|(child, parent)| (*child, *parent)).collect();
    if let Some(wire) = world.random.pick(&wires).copied() {
        slow_reader(world, &truth, wire, Duration::from_secs(9));
    }
}

/// A host tells its parent something in another one's name.
pub(crate) fn lie(world: &mut World) {
    let Some(liar) = world.liar.filter(|liar| world.network.is_up(*liar)) else { return };
    let truth = Truth::of(&world.network);
    let Some(parent) = truth.parents.get(&liar).copied() else { return };
    // A server whose map is not up to date yet may rightly take a source for one below the liar.
    let now = world.network.now();
    if !world.books.borrow().is_calm(now - Duration::from_secs(2), now) {
        return;
    }
    // Who hangs nowhere may be on the way to a place below the liar, who then speaks for it.
    let has_place = |host: HostId| truth.parents.contains_key(&host) || host == parent;
    let foreign = |host: &HostId| has_place(*host) && !truth.is_below(*host, liar);
    let others: Vec<HostId> = world.network.hosts().filter(foreign).collect();
    let Some(victim) = world.random.pick(&others).copied() else { return };
    if world.network.role(liar).is_server() && world.random.percent(25) {
        return claim(world, (liar, parent), victim);
    }
    let sample = world.random.pick(&world.books.borrow().samples).cloned();
    let Some(mut frame) = sample else { return };
    if frame.header.source == world.network.id(victim) {
        return;
    }
    frame.header.source = world.network.id(victim);
    if world.network.inject(liar, parent, frame) {
        Totals::count(&mut world.totals.faults, "forged-frame", 1);
    }
}

/// A server says that a node of others hangs below it. It is thrown out for that and comes back.
fn claim(world: &mut World, (liar, parent): (HostId, HostId), victim: HostId) {
    if world.network.announce(liar, parent, victim) {
        Totals::count(&mut world.totals.faults, "false-claim", 1);
        let now = world.network.now();
        world.books.borrow_mut().disturb(now, now + AFTERMATH);
    }
}

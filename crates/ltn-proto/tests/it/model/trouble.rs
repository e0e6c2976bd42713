//! What goes wrong in random runs, and what a liar says.

use std::time::Duration;

use ltn_proto::sim::{HostId, Latency};

use super::totals::Totals;
use super::truth::Truth;
use super::world::World;

/// What a disturbance leaves on the wires is gone after this time.
const AFTERMATH: Duration = Duration::from_secs(3);

/// One random fault. Says whether there was anything left to go wrong.
pub(crate) fn fault(world: &mut World) -> bool {
    let time = world.random.time(Duration::from_secs(1), Duration::from_secs(25));
    let wires = world.network.standing_wires();
    let wire = world.random.pick(&wires).copied();
    let up: Vec<HostId> = world.network.hosts().filter(|host| world.network.is_up(*host)).collect();
    let host = world.random.pick(&up).copied();
    let (Some((child, parent)), Some(host)) = (wire, host) else { return false };
    let word = match world.random.below(8) {
        0 => {
            world.network.break_wires(child, parent);
            "broken-link"
        }
        1 => {
            world.network.cut_both_ways(child, parent, time);
            "silent-cut"
        }
        2 => {
            world.network.cut(child, parent, time);
            "one-way-cut"
        }
        3 => {
            world.network.cut(parent, child, time);
            "one-way-cut"
        }
        4 => {
            world.network.crash(host);
            world.network.restart(host, time);
            "crash"
        }
        5 => {
            world.network.power_off(host);
            world.network.restart(host, time);
            "power-off"
        }
        6 => {
            let now = world.network.now();
            world.network.pause(host, time);
            world.books.borrow_mut().pauses.push((host, now, now + time));
            "pause"
        }
        _ => {
            let (shortest, longest) = (Duration::from_millis(20), Duration::from_millis(400));
            world.network.slow_down(Latency { shortest, longest }, time);
            "slow-lines"
        }
    };
    Totals::count(&mut world.totals.faults, word, 1);
    let now = world.network.now();
    world.books.borrow_mut().disturb(now, now + time + AFTERMATH);
    true
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
    let foreign = |host: &HostId| !truth.is_below(*host, liar);
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

//! What happens in a storm, and what has to come of it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::field::{Dice, Field, PATIENCE};

/// A silent link is given up after the lease of ten seconds, counted from when the last was heard:
/// up to two and a half seconds earlier, and noticed up to as much later. Never much before.
const NEVER_BEFORE: Duration = Duration::from_secs(6);
/// What a node says when its parent is gone.
const LOST: &str = "disconnected from";

/// One case by chance.
pub(crate) fn any(field: &mut Field, dice: &mut Dice) {
    let node = 1 + usize::try_from(dice.below(field.nodes.len() as u64 - 1)).unwrap_or(0);
    match dice.below(8) {
        0 => cut_silently(field, node),
        1 => cut_one_way(field, node, dice),
        2 => kill(field, node, dice),
        3 => kill(field, 0, dice),
        4 => freeze_for_a_moment(field, node, Duration::from_millis(500 + dice.below(4_000))),
        5 => freeze_for_long(field, node, Duration::from_secs(14 + dice.below(16))),
        6 => part(field, node),
        _ => slow_and_clogged(field, dice),
    }
}

/// Nothing passes between a node and its parent, and nobody is told.
pub(crate) fn cut_silently(field: &mut Field, node: usize) {
    let parent = field.nodes[node].parent;
    let begun = Instant::now();
    field.cut(node, parent, true);
    lost_at_both_ends(field, node, begun);
    field.cut(node, parent, false);
    field.wait_until_whole("back after a silent cut, s");
}

/// Nothing passes one way between a node and its parent.
pub(crate) fn cut_one_way(field: &mut Field, node: usize, dice: &mut Dice) {
    let parent = field.nodes[node].parent;
    let (from, to) = if dice.below(2) == 0 { (node, parent) } else { (parent, node) };
    let begun = Instant::now();
    field.stall(from, to, true);
    lost_at_both_ends(field, node, begun);
    field.stall(from, to, false);
    field.wait_until_whole("back after a one-way cut, s");
}

/// Both ends have to give the link up, neither at once.
fn lost_at_both_ends(field: &mut Field, node: usize, begun: Instant) {
    let path = field.path(node);
    field.wait(
        "silence noticed above, s",
        || format!("{path} is lost to the main server"),
        |field| field.tree().get(&path) == Some(&false),
    );
    let above = begun.elapsed();
    field.wait(
        "then noticed below, s",
        || format!("{path} says that it is {LOST} its parent"),
        |field| field.said(node, LOST, begun).is_some(),
    );
    let below = field.said(node, LOST, begun).map(|at| at - begun).unwrap_or_default();
    field.note("silence noticed below, s", below);
    for noticed in [above, below] {
        assert!(noticed > NEVER_BEFORE, "{noticed:?} is no lease\n{}", field.story());
    }
}

/// A process is killed and starts again. Whoever asks for it meanwhile is told.
pub(crate) fn kill(field: &mut Field, node: usize, dice: &mut Dice) {
    let path = field.path(node);
    field.kill(node);
    if node != 0 {
        let begun = Instant::now();
        let (code, said) = field.visit(0, &["ping", &path, "--count", "1", "--timeout", "10"]);
        assert_ne!(code, Some(0), "a dead process answered: {said}\n{}", field.story());
        let took = begun.elapsed();
        assert!(took < PATIENCE, "asking for a dead process took {took:?}");
        field.note("told of a dead process, s", took);
    }
    sleep(Duration::from_millis(dice.below(3_000)));
    field.start(node);
    field.wait_until_whole("back after kill -9, s");
}

/// A process stands still for less than a lease: nobody makes anything of it.
pub(crate) fn freeze_for_a_moment(field: &mut Field, node: usize, time: Duration) {
    let begun = Instant::now();
    field.signal(node, Signal::STOP);
    sleep(time);
    field.signal(node, Signal::CONT);
    field.wait_until_whole("whole after a short pause, s");
    // On a machine that stands still itself a lease may be over; then this shows nothing.
    if begun.elapsed() < NEVER_BEFORE {
        nobody_was_cut_off(field, begun);
    }
}

/// A process stands still for longer than a lease.
pub(crate) fn freeze_for_long(field: &mut Field, node: usize, time: Duration) {
    let path = field.path(node);
    let begun = Instant::now();
    field.signal(node, Signal::STOP);
    field.wait(
        "frozen process noticed, s",
        || format!("{path} is lost"),
        |field| field.tree().get(&path) == Some(&false),
    );
    assert!(begun.elapsed() > NEVER_BEFORE, "that was no lease\n{}", field.story());
    sleep(time.saturating_sub(begun.elapsed()));
    field.signal(node, Signal::CONT);
    field.wait_until_whole("back after a long pause, s");
}

/// A branch is cut from everybody else. It goes on within itself, and knows what is out of reach.
pub(crate) fn part(field: &mut Field, top: usize) {
    let branch = field.branch(top);
    let others: Vec<usize> = (0..field.nodes.len()).filter(|n| !branch.contains(n)).collect();
    let pairs: Vec<(usize, usize)> =
        branch.iter().flat_map(|one| others.iter().map(|other| (*one, *other))).collect();
    let begun = Instant::now();
    for (one, other) in &pairs {
        field.cut(*one, *other, true);
    }
    lost_at_both_ends(field, top, begun);
    for node in &branch {
        let path = field.path(*node);
        let (code, said) = field.visit(top, &["ping", &path, "--count", "1", "--timeout", "20"]);
        assert_eq!(code, Some(0), "{path} within the branch: {said}\n{}", field.story());
    }
    let asked = Instant::now();
    let (code, said) = field.visit(top, &["ping", "/", "--count", "1", "--timeout", "20"]);
    assert_ne!(code, Some(0), "who is cut off was answered: {said}");
    field.note("told that it is out of reach, s", asked.elapsed());
    for (one, other) in &pairs {
        field.cut(*one, *other, false);
    }
    field.wait_until_whole("back after a partition, s");
}

/// Slow lines, and stalls that are shorter than a lease: everything takes longer, nobody is lost.
pub(crate) fn slow_and_clogged(field: &mut Field, dice: &mut Dice) {
    let begun = Instant::now();
    field.delay(Duration::from_millis(100));
    for _ in 0..4 {
        let node = 1 + usize::try_from(dice.below(field.nodes.len() as u64 - 1)).unwrap_or(0);
        let parent = field.nodes[node].parent;
        field.cut(node, parent, true);
        sleep(Duration::from_millis(dice.below(3_000)));
        field.cut(node, parent, false);
        let path = field.path(node);
        let asked = Instant::now();
        let (code, said) = field.visit(0, &["ping", &path, "--count", "1", "--timeout", "20"]);
        assert_eq!(code, Some(0), "{path}: {said}\n{}", field.story());
        field.note("ping over slow lines, s", asked.elapsed());
    }
    field.delay(Duration::ZERO);
    nobody_was_cut_off(field, begun);
    field.wait_until_whole("whole after slow lines, s");
}

fn nobody_was_cut_off(field: &Field, since: Instant) {
    for node in 1..field.nodes.len() {
        let said = field.said(node, LOST, since);
        assert!(said.is_none(), "{} lost its parent\n{}", field.nodes[node].name, field.story());
    }
}

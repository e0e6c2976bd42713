//! The walk through all states, breadth first, so that what is found is told in the fewest steps.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ltn_proto::sim::Mutant;

use super::sets::{Moves, Tree};
use super::state::{Above, Below, Left, NODES, Node, Stage, State, Wish};
use super::steps::successors;

/// What was found out about some sets of moves.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) states: u64,
    /// The first promise that was found broken, and how.
    pub(crate) broken: Option<String>,
}

/// Searches all these sets of moves, on all cores.
pub(crate) fn check(tree: Tree, sets: &[Moves], left: Left, mutant: Option<Mutant>) -> Findings {
    let (next, states) = (AtomicUsize::new(0), AtomicU64::new(0));
    let broken = Mutex::new(None);
    let work = || {
        while let Some(moves) = sets.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut start = State::at_rest(tree, left, mutant);
            let wish =
                |(child, to): &(Node, Node)| Wish { child: *child, to: *to, stage: Stage::Waiting };
            start.wishes = moves.iter().map(wish).collect();
            let (count, found) = search(start, mutant);
            states.fetch_add(count, Ordering::Relaxed);
            if let Some(what) = found {
                let mut broken = broken.lock().expect("nobody panics here");
                broken.get_or_insert(format!("{moves:?} in {tree:?}: {what}"));
                next.store(sets.len(), Ordering::Relaxed);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    Findings {
        states: states.into_inner(),
        broken: broken.into_inner().expect("nobody panics here"),
    }
}

/// Everything that can become of a state. Only fingerprints of what was seen are kept: 128 bits,
/// so that two states in a billion are never taken for one.
fn search(start: State, mutant: Option<Mutant>) -> (u64, Option<String>) {
    let mut seen = BTreeSet::from([fingerprint(&start)]);
    let mut open = VecDeque::from([start]);
    let mut next = Vec::new();
    while let Some(state) = open.pop_front() {
        successors(&state, mutant, &mut next);
        let wrong = if state.has_cycle() {
            Some("a cycle")
        } else if next.is_empty() {
            unfinished(&state)
        } else {
            None
        };
        if let Some(what) = wrong {
            return (seen.len() as u64, Some(tell(what, &state)));
        }
        for state in next.drain(..) {
            if seen.insert(fingerprint(&state)) {
                open.push_back(state);
            }
        }
    }
    (seen.len() as u64, None)
}

/// What is not as it should be where nothing can happen any more.
fn unfinished(state: &State) -> Option<&'static str> {
    if state.wishes.iter().any(|wish| wish.stage != Stage::Ended) {
        return Some("a move that never ends");
    }
    for child in 1..NODES as Node {
        let registered = |l: &&super::state::Link| l.child == child && l.above == Above::Child;
        let parents = state.links.iter().filter(registered).count();
        let torn = state.links.iter().filter(registered).any(|l| l.below != Below::Uplink);
        let uplink = state.minds[usize::from(child)].uplink;
        if parents > 1 {
            return Some("a server below two parents");
        }
        if torn || uplink.is_some() != (parents == 1) {
            return Some("a server that is not where it believes to be");
        }
    }
    None
}

/// A broken promise and how it came about, for people.
fn tell(what: &str, state: &State) -> String {
    let steps: Vec<String> = state.trail.steps().iter().map(ToString::to_string).collect();
    format!("{what}\n  {}\n{state:?}", steps.join("\n  "))
}

fn fingerprint(state: &State) -> u128 {
    let mut hasher = Fingerprint(0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f);
    state.hash(&mut hasher);
    u128::from(hasher.0) << 64 | u128::from(hasher.1)
}

/// Two independent multiplicative hashes side by side: quick, and long enough.
struct Fingerprint(u64, u64);

impl Fingerprint {
    const fn mix(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.1 = (self.1 ^ number).wrapping_mul(0x9fb2_1c65_1e98_df25).rotate_left(29);
    }
}

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(number) ^ (chunk.len() as u64) << 59);
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.1
    }
}

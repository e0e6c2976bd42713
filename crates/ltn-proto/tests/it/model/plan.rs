//! How large a random run is, how long it lives, and what may go wrong in it.
//!
//! Large runs draw a *swarm*: each seed enables a part of the faults only, since faults that are
//! always there together hide what one of them does alone.

use std::time::Duration;

use ltn_proto::sim::Random;

/// The two kinds of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Size {
    /// Five to fifteen nodes: quick, and near enough to each other to get in each other's way.
    Small,
    /// Twenty to sixty nodes in up to six layers, for two minutes and more.
    Large,
}

/// What is drawn for one run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) size: Size,
    pub(crate) nodes: usize,
    pub(crate) servers: usize,
    /// Layers below the root that servers are put in.
    pub(crate) layers: usize,
    pub(crate) operations: usize,
    pub(crate) faults: usize,
    /// Faults that come together, at most.
    pub(crate) at_once: usize,
    /// The kinds that may come.
    pub(crate) kinds: Vec<&'static str>,
    /// It lives for so long at least.
    pub(crate) life: Duration,
}

/// What goes wrong in all runs.
pub(crate) const FAULTS: [&str; 8] = [
    "broken-link",
    "silent-cut",
    "one-way-cut",
    "crash",
    "power-off",
    "pause",
    "slow-lines",
    "late-order",
];
/// What goes wrong in large runs as well.
pub(crate) const MORE_FAULTS: [&str; 7] =
    ["clog", "partition", "root-restart", "slow-reader", "clock-jump", "clone", "sleep"];

impl Plan {
    pub(crate) fn draw(size: Size, random: &mut Random) -> Self {
        match size {
            Size::Small => {
                let nodes = 5 + random.below(11);
                Self {
                    size,
                    nodes,
                    servers: 1 + random.below(nodes / 2),
                    layers: usize::MAX,
                    operations: 200,
                    faults: 5,
                    at_once: 1,
                    kinds: FAULTS.to_vec(),
                    life: Duration::ZERO,
                }
            }
            Size::Large => {
                let nodes = 20 + random.below(41);
                let mut kinds = Vec::new();
                while kinds.len() < 3 {
                    let all = FAULTS.into_iter().chain(MORE_FAULTS);
                    kinds = all.filter(|_| random.percent(50)).collect();
                }
                Self {
                    size,
                    nodes,
                    servers: 6 + random.below(nodes / 3),
                    layers: 6,
                    operations: 150,
                    faults: 10 + random.below(21),
                    at_once: 1 + random.below(4),
                    kinds,
                    life: Duration::from_secs(120),
                }
            }
        }
    }
}

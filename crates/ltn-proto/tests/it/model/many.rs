//! What programs say to many at once, by chance, and whether each roll call kept its promise: every
//! node that was counted is told of once.

use std::collections::BTreeSet;
use std::time::Duration;

use ltn_proto::sim::{HostId, Network};
use ltn_proto::{Event, ManyEvent, ManyOp, Op, OpId, Outcome, Value, Whom, Wording};

use super::books::Books;
use super::violation::ViolationKind;
use super::world::World;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Whom people name when they mean many.
const SELECTORS: [&str; 8] = [
    "/**",
    "/*",
    "role=client",
    "role=server & /**",
    "./**",
    "../*",
    "/*/** & role=client",
    "/nobody/**",
];

impl World {
    /// One random thing that concerns many nodes.
    pub(crate) fn say_to_many(&mut self, host: HostId) {
        let text = self.random.pick(&SELECTORS).copied().unwrap_or("/**");
        let selector = text.parse().expect("a proper selector");
        match self.random.below(10) {
            0..6 => {
                let what = Wording::Request { name: "PING".to_owned(), argument: Value::Null };
                let (whom, timeout) = (Whom::Fitting(selector), TIMEOUT);
                let gather = |op| Op::Many(ManyOp::Gather { op, whom, what, timeout });
                self.begin("gather", host, gather);
            }
            6..8 => {
                let timeout = TIMEOUT;
                let select = |op| Op::Many(ManyOp::Select { op, selector, timeout });
                self.begin("select", host, select);
            }
            _ => {
                let watch = |op| Op::Many(ManyOp::Watch { op, places: selector });
                self.begin("watch", host, watch);
            }
        }
    }
}

/// Was every one who was counted told of, once, and nobody else?
pub(crate) fn judge_roll_calls(network: &Network, books: &mut Books) {
    let well = |outcome: &Option<_>| matches!(outcome, Some((_, Outcome::Reply(_))));
    let ended: Vec<(HostId, OpId)> = network
        .ops()
        .filter(|record| record.word == "gather" && well(&record.outcome))
        .map(|record| (record.host, record.op))
        .collect();
    for (host, of) in ended {
        let (mut told, mut twice, mut counted) = (BTreeSet::new(), 0, None);
        for event in network.history().told(host) {
            match event {
                Event::Many(ManyEvent::Counted { op, total }) if *op == of => {
                    counted = Some(*total);
                }
                Event::Many(ManyEvent::Gathered { op, entry }) if *op == of => {
                    twice += usize::from(!told.insert(entry.id));
                }
                _ => {}
            }
        }
        // Those who move between two pages may be told of on neither; no page is that small here.
        if twice > 0 || counted != Some(told.len()) {
            let what = format!("{of:?} at {host:?}: {counted:?} counted, {told:?}, {twice} twice");
            books.accuse(ViolationKind::FalseRollCall, what);
        }
    }
}

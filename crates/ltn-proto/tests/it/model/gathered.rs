//! After a run: did every gathering name each node once, and everybody who was there?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ltn_proto::sim::{HostId, Network, What};
use ltn_proto::{Event, Gathered, ManyEvent, Moment, OpId, Outcome};

use super::books::Books;
use super::totals::Totals;
use super::violation::ViolationKind;

/// For this long before it began, the network must have been calm.
const SETTLED: Duration = Duration::from_secs(5);

/// What one gathering told.
#[derive(Debug, Default)]
struct Told {
    total: Option<usize>,
    entries: Vec<Gathered>,
}

/// Writes every broken promise into the books.
pub(crate) fn judge(
    network: &Network,
    books: &mut Books,
    gatherings: &BTreeMap<OpId, BTreeSet<HostId>>,
    totals: &mut Totals,
) {
    let told = all_told(network);
    for record in network.ops() {
        let Some(expected) = gatherings.get(&record.op) else { continue };
        let Some((at, outcome)) = &record.outcome else { continue };
        let Some(told) = told.get(&record.op) else { continue };
        let named: Vec<Option<HostId>> =
            told.entries.iter().map(|entry| network.host_of(entry.id)).collect();
        let once: BTreeSet<Option<HostId>> = named.iter().copied().collect();
        if once.len() < named.len() || once.contains(&None) {
            let text = format!("{record:?} named {named:?}");
            books.accuse(ViolationKind::FalseGathering, text);
        }
        if !matches!(outcome, Outcome::Reply(_)) {
            continue;
        }
        if told.total != Some(told.entries.len()) {
            let text = format!("{record:?} told of {named:?}, and said {:?}", told.total);
            books.accuse(ViolationKind::FalseGathering, text);
        }
        if is_calm(books, record.started, *at) {
            Totals::count(&mut totals.checks, "gathering without excuse", 1);
            let answered = |host: &HostId| {
                told.entries.iter().any(|entry| {
                    network.host_of(entry.id) == Some(*host)
                        && matches!(entry.outcome, Outcome::Reply(_))
                })
            };
            let missing: Vec<&HostId> = expected.iter().filter(|host| !answered(host)).collect();
            if !missing.is_empty() {
                let text = format!("{record:?} without an answer of {missing:?}: {told:?}");
                books.accuse(ViolationKind::FalseGathering, text);
            }
        }
    }
}

fn is_calm(books: &Books, started: Moment, ended: Moment) -> bool {
    books.is_calm(started - SETTLED, ended) && books.behind_slow.is_empty()
}

fn all_told(network: &Network) -> BTreeMap<OpId, Told> {
    let mut all: BTreeMap<OpId, Told> = BTreeMap::new();
    for record in &network.history().records {
        match &record.what {
            What::Told(Event::Many(ManyEvent::Counted { op, total })) => {
                all.entry(*op).or_default().total = Some(*total);
            }
            What::Told(Event::Many(ManyEvent::Gathered { op, entry })) => {
                all.entry(*op).or_default().entries.push(entry.clone());
            }
            _ => {}
        }
    }
    all
}

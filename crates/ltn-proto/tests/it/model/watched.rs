//! What is looked at while time passes: who is claimed by two parents for too long; and after a
//! run: was every silent end noticed in time?

use std::collections::BTreeMap;
use std::time::Duration;

use ltn_proto::sim::{HostId, Network, What};
use ltn_proto::{Event, Limits, Moment, NodeId};

use super::books::Books;
use super::totals::Totals;
use super::violation::ViolationKind;
use super::world::Watch;

/// What slow lines add to every limit.
const SLACK: Duration = Duration::from_secs(4);

/// The longest time in which a silent end goes unnoticed: the lease, and one look.
fn notice() -> Duration {
    let Limits { lease, ping_interval, .. } = Limits::default();
    lease + ping_interval + SLACK
}

/// Since when more than one server claims a child.
#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<NodeId, Moment>);

impl Claims {
    /// Looks at who claims whom now.
    pub(crate) fn look(&mut self, network: &Network, books: &mut Books) {
        let now = network.now();
        let mut claimed: BTreeMap<NodeId, Vec<HostId>> = BTreeMap::new();
        for parent in network.hosts().filter(|h| network.is_up(*h) && !network.is_paused(*h)) {
            for child in network.claimed_children(parent) {
                claimed.entry(child).or_default().push(parent);
            }
        }
        claimed.retain(|_, parents| parents.len() > 1);
        self.0.retain(|child, _| claimed.contains_key(child));
        for (child, parents) in claimed {
            let since = *self.0.entry(child).or_insert(now);
            let resumed = parents
                .iter()
                .any(|parent| books.paused_between(*parent, since, now) > Duration::ZERO);
            if now.since(since) > notice() && !resumed {
                let text = format!("{child:?} is below {parents:?} since {since:?}");
                books.accuse(ViolationKind::TwoParents, text);
                self.0.insert(child, now);
            }
        }
    }
}

/// Was every link that nothing came over any more given up by both ends in time?
pub(crate) fn judge(network: &Network, books: &mut Books, watches: &[Watch], totals: &mut Totals) {
    for watch in watches {
        let limit = watch.at + notice();
        let about = |host: HostId| {
            let records = network.history().records.iter();
            records.filter(move |r| r.host == host && watch.at <= r.at && r.at <= limit)
        };
        // The cut itself upsets nobody; what comes with it, in the same moment, may.
        let upset = |host: HostId| {
            about(host).any(|record| match record.what {
                What::Fault("silent cut") => record.at > watch.at,
                What::Started(_) | What::Stopped | What::Crashed | What::Fault(_) => true,
                _ => false,
            })
        };
        let heard_nothing = [watch.child, watch.parent]
            .iter()
            .all(|host| books.paused_between(*host, watch.at, limit).is_zero());
        let excused = upset(watch.child) || upset(watch.parent) || !heard_nothing;
        if watch.until < limit || excused {
            continue;
        }
        let (child, parent) = (network.id(watch.child), network.id(watch.parent));
        // Who went elsewhere meanwhile is no longer that parent's to miss.
        let went = about(watch.child)
            .any(|record| matches!(record.what, What::Told(Event::Connected { .. })));
        if went {
            continue;
        }
        let left = about(watch.child).any(|record| match &record.what {
            What::Told(Event::Disconnected { parent: lost, .. }) => *lost == parent,
            _ => false,
        });
        let missed = about(watch.parent).any(|record| {
            matches!(&record.what, What::Told(Event::Left { child: c, .. }) if *c == child)
        });
        Totals::count(&mut totals.checks, "silence noticed", 1);
        if !left || (!missed && network.role(watch.child).is_listed()) {
            let text = format!("{watch:?}: noticed by the child: {left}, the parent: {missed}");
            books.accuse(ViolationKind::NoticedLate, text);
        }
    }
}

/// How many are accused of overlooking a cut at whose very moment this happens.
#[cfg(test)]
fn overlooked(at_the_same_moment: fn(&mut Network, HostId)) -> usize {
    use ltn_proto::Role;

    let mut network = Network::new(11_170);
    let parent = network.add(Role::MainServer, "");
    let child = network.add(Role::Session, "");
    network.join(child, parent);
    let (at, time) = (network.now(), Duration::from_secs(24));
    network.cut_both_ways(child, parent, time);
    at_the_same_moment(&mut network, child);
    network.run_for(time);
    let watch = Watch { child, parent, at, until: at + time };
    let mut books = Books::default();
    judge(&network, &mut books, &[watch], &mut Totals::default());
    books.violations.len()
}

#[test]
fn whoever_dies_in_the_moment_of_the_cut_has_not_overlooked_it() {
    assert_eq!(overlooked(Network::crash), 0);
    assert_eq!(overlooked(|_, _| {}), 0);
}

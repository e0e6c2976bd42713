//! At rest: does what each watcher was told end in what is?

use std::collections::BTreeMap;

use ltn_proto::sim::{HostId, Network};
use ltn_proto::{Event, ManyEvent, NodeId, NodePath, OpId, Presence, PresenceKind};

use super::totals::Totals;
use super::truth::Truth;
use super::violation::{Violation, ViolationKind};

/// Everything that the watchers of the whole network would get wrong.
pub(crate) fn look(
    network: &Network,
    watchers: &[(HostId, OpId)],
    totals: &mut Totals,
) -> Vec<Violation> {
    let truth = Truth::of(network);
    let mut wrong = Vec::new();
    for (watcher, op) in watchers {
        let record = network.ops().find(|record| record.op == *op);
        let goes_on = record.is_some_and(|record| {
            network.is_up(*watcher)
                && network.run_of(*watcher) == record.run
                && record.outcome.is_none()
        });
        if !goes_on || !truth.is_rooted(network, *watcher) {
            continue;
        }
        let heard = Heard::by(network, *watcher, *op);
        Totals::count(&mut totals.checks, "watcher compared", 1);
        for what in heard.mistakes(network, &truth, *watcher) {
            let what = format!("{watcher:?} {what}");
            wrong.push(Violation { at: network.now(), kind: ViolationKind::FalsePresence, what });
        }
    }
    wrong
}

/// What one watcher knows by its news alone.
#[derive(Debug, Default)]
struct Heard {
    is_served: bool,
    /// Was it told of everything since there was nobody?
    is_complete: bool,
    /// Where everybody is of whom it was told since it had to look anew; `None`: not there.
    places: BTreeMap<NodeId, Option<NodePath>>,
}

impl Heard {
    fn by(network: &Network, watcher: HostId, op: OpId) -> Self {
        // The main server watches from before anybody joined it.
        let mut heard = Self { is_complete: watcher == HostId(0), ..Self::default() };
        for event in network.history().told(watcher) {
            match event {
                Event::Many(event) if event.op() == op => heard.take(event),
                _ => {}
            }
        }
        heard
    }

    fn take(&mut self, event: &ManyEvent) {
        match event {
            ManyEvent::Watching { .. } => self.is_served = true,
            ManyEvent::Interrupted { .. } => self.is_served = false,
            ManyEvent::Gap { .. } => {
                self.is_complete = false;
                self.places.clear();
            }
            ManyEvent::Presence { news: Presence { kind, id, path, .. }, .. } => {
                let known = self.places.get(id);
                let is_there = match kind {
                    PresenceKind::Joined | PresenceKind::Back => true,
                    PresenceKind::Left | PresenceKind::Lost => false,
                    // Moved or renamed: whoever is lost has its place in the list elsewhere.
                    _ => match known {
                        Some(place) => place.is_some(),
                        None => return,
                    },
                };
                self.places.insert(*id, is_there.then(|| path.clone()));
            }
            _ => {}
        }
    }

    fn mistakes(&self, network: &Network, truth: &Truth, watcher: HostId) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.is_served {
            wrong.push("is told nothing any more".to_owned());
        }
        let place = |host: HostId| {
            let listed = network.is_up(host) && network.role(host).is_listed();
            truth.path(network, host).filter(|_| listed)
        };
        for (id, told) in &self.places {
            let is = network.host_of(*id).and_then(place);
            if is != *told {
                wrong.push(format!("was told that {id:?} is at {told:?}, and it is at {is:?}"));
            }
        }
        let others = network.hosts().filter(|host| self.is_complete && *host != watcher);
        let untold = others
            .filter(|host| place(*host).is_some())
            .filter(|host| !self.places.contains_key(&network.id(*host)));
        wrong.extend(untold.map(|host| format!("was never told that {host:?} is there")));
        wrong
    }
}

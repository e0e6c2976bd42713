//! After healing: is everybody where he should be, does everybody know where that is, and are the
//! tables empty again?

use std::collections::BTreeMap;

use ltn_proto::sim::{HostId, Network};
use ltn_proto::{NodeId, Role, Snapshot, TreeNode};

use super::totals::Totals;
use super::truth::Truth;
use super::violation::{Violation, ViolationKind};

/// Everything that is not as it should be in a network at rest.
pub(crate) fn look(network: &Network, totals: &mut Totals) -> Vec<Violation> {
    let truth = Truth::of(network);
    let mut wrong = Vec::new();
    let mut accuse = |kind, what: String| {
        wrong.push(Violation { at: network.now(), kind, what });
    };
    if let Some(members) = truth.cycle() {
        accuse(ViolationKind::Cycle, format!("{members:?}"));
    }
    for host in &truth.torn {
        accuse(ViolationKind::WrongPlace, format!("{host:?} has two parents"));
    }
    for host in network.hosts().filter(|host| network.is_up(*host)) {
        if let Some(what) = namesakes(network, &truth, host) {
            accuse(ViolationKind::SameName, what);
        }
        let seen = network.snapshot(host);
        if let Some(why) = absent(network, &truth, host) {
            accuse(ViolationKind::NotConnected, why);
        }
        if let Some(what) = misplaced(network, &truth, host, &seen) {
            accuse(ViolationKind::WrongPlace, what);
        }
        if network.role(host).is_server() {
            for what in false_map(network, &truth, host, &seen) {
                accuse(ViolationKind::WrongTree, what);
            }
        }
        let tables = [seen.open_requests, seen.inbound_requests, seen.pending_links];
        // A server that seeks a parent always has something under way.
        let seeks = network.home(host).wanted && !truth.parents.contains_key(&host);
        if tables != [0; 3] && !seeks {
            accuse(ViolationKind::Leak, format!("{host:?} keeps {tables:?}"));
        }
    }
    if wrong.is_empty() {
        count(network, &truth, totals);
    }
    wrong
}

fn count(network: &Network, truth: &Truth, totals: &mut Totals) {
    let checks = &mut totals.checks;
    Totals::count(checks, "place compared", truth.parents.len() as u64);
    let back = truth.parents.keys().filter(|host| {
        let connections = network.history().told(**host).filter(|event| {
            matches!(event, ltn_proto::Event::Disconnected { returning: true, .. })
        });
        network.role(**host) == Role::SubServer && connections.count() > 0
    });
    Totals::count(checks, "fragment came back", back.count() as u64);
}

/// Have two children of this host the same name?
fn namesakes(network: &Network, truth: &Truth, host: HostId) -> Option<String> {
    let mut names = BTreeMap::new();
    for child in truth.children(host) {
        let Some(name) = network.home(child).name.as_ref() else { continue };
        if let Some(other) = names.insert(name.as_str().to_lowercase(), child) {
            return Some(format!("{other:?} and {child:?} below {host:?} are both called {name}"));
        }
    }
    None
}

/// Should this node have a parent, and has none?
fn absent(network: &Network, truth: &Truth, host: HostId) -> Option<String> {
    let home = network.home(host);
    if !home.wanted || truth.parents.contains_key(&host) {
        return None;
    }
    let server = network.host_at(home.address.as_ref()?)?;
    let served = if network.role(host).is_server() {
        truth.is_rooted(network, server)
    } else {
        network.is_up(server)
    };
    served.then(|| format!("{host:?} is not connected to {server:?}, where it wants to be"))
}

/// What a node gets wrong about its own place.
fn misplaced(network: &Network, truth: &Truth, host: HostId, seen: &Snapshot) -> Option<String> {
    let parent = truth.parents.get(&host).map(|parent| network.id(*parent));
    if seen.parent != parent {
        return Some(format!("{host:?} takes {:?} for its parent, not {parent:?}", seen.parent));
    }
    let rooted = truth.is_rooted(network, host);
    if seen.rooted != rooted {
        return Some(format!("{host:?} says rooted: {}, in truth {rooted}", seen.rooted));
    }
    if !rooted {
        return None;
    }
    let above: Vec<NodeId> = truth.above(host).iter().rev().map(|host| network.id(*host)).collect();
    if seen.ancestors != above {
        return Some(format!("{host:?} sees {:?} above, not {above:?}", seen.ancestors));
    }
    let path = truth.path(network, host).filter(|_| network.role(host).is_listed())?;
    (seen.path != path).then(|| format!("{host:?} believes to be at {}, not {path}", seen.path))
}

/// What a server gets wrong about what is below it.
fn false_map(network: &Network, truth: &Truth, host: HostId, seen: &Snapshot) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut listed: BTreeMap<NodeId, &TreeNode> = BTreeMap::new();
    for node in &seen.tree {
        if listed.insert(node.id, node).is_some() {
            wrong.push(format!("{host:?} lists {:?} twice", node.id));
        }
    }
    let mut sessions = 0;
    for below in network.hosts().filter(|below| network.is_up(*below)) {
        let is_below = truth.is_below(below, host);
        let is_listed = network.role(below).is_listed();
        sessions += usize::from(is_below && !is_listed);
        match listed.remove(&network.id(below)) {
            Some(node) if is_below && is_listed => {
                wrong.extend(false_line(network, truth, host, below, node));
            }
            None if is_below && is_listed => wrong.push(format!("{host:?} misses {below:?}")),
            Some(node) if node.stale_for.is_none() => {
                wrong.push(format!("{host:?} lists {below:?}, which is not there"));
            }
            _ => {}
        }
    }
    for node in listed.values().filter(|node| node.stale_for.is_none()) {
        wrong.push(format!("{host:?} lists {:?} ({}), which is dead", node.id, node.path));
    }
    if seen.sessions != sessions {
        wrong.push(format!("{host:?} counts {} sessions, not {sessions}", seen.sessions));
    }
    wrong
}

/// What one line of a map gets wrong.
fn false_line(
    network: &Network,
    truth: &Truth,
    host: HostId,
    below: HostId,
    node: &TreeNode,
) -> Option<String> {
    let parent = if below == host { below } else { *truth.parents.get(&below)? };
    let children = |wanted: fn(Role) -> bool| {
        truth.children(below).filter(|child| wanted(network.role(*child))).count()
    };
    let is_client = |role: Role| role.is_listed() && !role.is_server();
    let counts = (children(Role::is_server), children(is_client));
    let path = truth.path(network, below);
    let right = node.parent == network.id(parent)
        && node.role == network.role(below)
        && node.stale_for.is_none()
        && path.as_ref().is_none_or(|path| *path == node.path)
        && (node.servers, node.clients) == counts;
    (!right).then(|| {
        let wanted = (parent, path.map(|path| path.to_string()), counts);
        format!("{host:?} lists {below:?} as {node:?}, in truth {wanted:?}")
    })
}

//! Selectors as arguments of commands: who is meant, who is shown before it is done, and what is
//! said where nobody is meant.

use super::*;
use ltn_proto::NodeId;
use ltn_proto::sim::Line;

/// `/a` and `/b` with two servers each, and a client on every one of these four.
struct House {
    network: Network,
    main: HostId,
    admin: HostId,
    /// `/a/low1`, `/a/low2`, `/b/low1`, `/b/low2`.
    low: Vec<HostId>,
    lamps: Vec<HostId>,
}

fn house(seed: u64) -> House {
    let mut network = network(seed);
    let main = network.add(Role::MainServer, "");
    let admin = network.add(Role::Client, "admin");
    joins(&mut network, admin, main);
    let (mut low, mut lamps) = (Vec::new(), Vec::new());
    for upper in ["a", "b"] {
        let above = network.add(Role::SubServer, upper);
        joins(&mut network, above, main);
        for name in ["low1", "low2"] {
            let server = network.add(Role::SubServer, name);
            joins(&mut network, server, above);
            let lamp = network.add(Role::Client, "lamp");
            joins(&mut network, lamp, server);
            low.push(server);
            lamps.push(lamp);
        }
    }
    assert!(network.run_until_quiet());
    House { network, main, admin, low, lamps }
}

fn sorted(network: &Network, hosts: &[HostId]) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = hosts.iter().map(|host| network.id(*host)).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_selector_stops_those_who_were_shown_and_nobody_who_came_later() {
    let House { mut network, main, admin, low, .. } = house(1_200);
    let line = || Line::new("s.shutdownserver", &["/a/*", "role=server & /b/low2/**"]);
    let Outcome::Confirm(word) = network.call(admin, "/", &line()) else { panic!("dangerous") };
    let mut targets = word.targets.clone();
    targets.sort_unstable();
    assert_eq!(targets, sorted(&network, &[low[0], low[1], low[3]]));
    for path in ["/a/low1", "/a/low2", "/b/low2"] {
        assert!(word.text.contains(path), "{}", word.text);
    }
    let late = network.add(Role::SubServer, "late");
    let above = network.host_of(network.snapshot(low[0]).parent.expect("/a")).expect("it is here");
    joins(&mut network, late, above);
    network.run_for(SECOND);
    let outcome = network.call(admin, "/", &line().confirmed(word.token));
    let roll = roll_call(&outcome);
    let stopped = roll.iter().filter(|(_, outcome)| outcome == "stopped");
    let paths: Vec<&str> = stopped.map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/a/low1", "/a/low2", "/b/low2"], "{roll:?}");
    assert_eq!(roll.len(), 6, "with the client of each: {roll:?}");
    network.run_for(SECOND);
    assert!(has_stopped(&network, low[0]) && !has_stopped(&network, low[2]));
    assert!(!has_stopped(&network, late) && !has_stopped(&network, main));
}

#[test]
fn who_fits_nothing_is_told_the_nearest_that_is_there() {
    let House { mut network, admin, .. } = house(1_201);
    for (command, argument, part) in [
        ("s.shutdownserver", "/a/cellar/*", "/a is there and has nobody called `cellar`"),
        ("s.restartserver", "/a/*/nobody", "nobody fits `/a/*/nobody`: /a is there, with 4 below"),
        ("s.shutdownsubtree", "role=client & /**", "none is a server below Mainserver"),
        ("s.mute", "/b/low1/*/x", "nobody fits"),
        ("s.kickuser", "./nobody/*", "has nobody called `nobody`"),
        ("s.info", "role=sub-server & /admin/**", "nobody fits"),
        ("s.giverights", "/a/low9/**", "has nobody called `low9`"),
    ] {
        // The word is a permission to one of them, and somebody to the others; but not the first.
        let arguments = [argument, "admin"];
        let outcome = network.call(admin, "/", &Line::new(command, &arguments));
        let text = refused(outcome, RefusalKind::BadTarget);
        assert!(text.contains(part), "{command}({argument}): {text}");
    }
}

#[test]
fn people_are_meant_by_selectors_and_who_says_so_is_spared() {
    let House { mut network, main, admin, low, lamps } = house(1_202);
    let said = reply_text(network.call(admin, "/", &Line::new("s.mute", &["role=client"])));
    assert!(said.contains("/a/low1/lamp") && said.ends_with("muted at Mainserver"), "{said}");
    refused(network.send(lamps[0], "/admin", "hello"), RefusalKind::Muted);
    assert_eq!(network.send(admin, "/a/low1/lamp", "hello"), Outcome::Delivered);
    let give = Line::new("s.giverights", &["/*/low1/lamp", "gate"]);
    let said = reply_text(network.call(admin, "/", &give));
    assert_eq!(said.lines().count(), 2, "{said}");
    let take = Line::new("s.takerights", &["/**/lamp", "gate"]);
    let said = reply_text(network.call(admin, "/", &take));
    assert_eq!(said.lines().count(), 2, "of whom it was given to: {said}");
    let why = refused(network.call(admin, "/", &take), RefusalKind::NotPossible);
    assert!(why.contains("nobody of them was given"), "{why}");

    // Only who is joined to it itself is thrown out by a server.
    let kick = Line::new("s.kickuser", &["./*"]);
    refused(network.call(main, "/", &Line::new("s.kickuser", &["/a/*"])), RefusalKind::NotPossible);
    let low1 = low[0];
    let said = reply_text(network.call(low1, "/a/low1", &kick));
    assert!(said.starts_with("lamp kicked"), "{said}");
}

//! New names for nodes that are in the network.

use super::*;
use ltn_proto::Op;
use ltn_proto::sim::Line;

fn rename(network: &mut Network, host: HostId, name: &str) -> Outcome {
    let name = name.to_owned();
    let op = network.begin(host, |op| Op::Rename { op, name });
    network.finish(op)
}

#[track_caller]
fn says(network: &mut Network, host: HostId, to: &str, line: &Line<'_>) -> String {
    reply_text(network.call(host, to, line))
}

#[test]
fn a_client_takes_another_name_and_everybody_above_knows_it() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    let said = says(&mut network, clients[3], "..", &Line::new("s.changename", &["lamp"]));
    assert_eq!(said, "client4 is called lamp now");
    assert!(network.run_until_quiet());
    let place = "/sub1/lower_sub3/lamp";
    assert_eq!(path(&network, clients[3]), place);
    for server in [main, sub1, sub3] {
        assert!(paths(&network, server).contains(&place.to_owned()), "{server:?}");
    }
    assert_eq!(network.send(clients[0], place, "hello"), Outcome::Delivered);
    assert_eq!(network.send(clients[0], "lamp", "hello again"), Outcome::Delivered);
    no_route(network.send(clients[0], "/sub1/lower_sub3/client4", "hello"));
    let (lamp, me) = (network.id(clients[3]), network.id(clients[3]));
    let told = |event: &Event| matches!(event, Event::Renamed { node, .. } if *node == lamp);
    assert!(was_told(&network, clients[3], told) && was_told(&network, sub3, told));
    assert_eq!(me, lamp);
}

#[test]
fn a_new_name_is_asked_for_again_wherever_the_node_joins() {
    let Demonstration { mut network, main, sub2, clients, .. } = demonstration();
    assert_eq!(
        rename(&mut network, clients[0], "lamp"),
        Outcome::Reply(text("lamp is the name now"))
    );
    joins(&mut network, clients[0], sub2);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[0]), "/sub2/lamp");
    network.leave(clients[0]);
    joins(&mut network, clients[0], main);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, clients[0]), "/lamp");
}

#[test]
fn a_server_with_another_name_takes_all_paths_below_along() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    let line = Line::new("s.changename", &["attic", "sub1"]);
    assert_eq!(says(&mut network, clients[0], "/", &line), "sub1 is called attic now");
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, sub1), "/attic");
    assert_eq!(path(&network, sub3), "/attic/lower_sub3");
    assert_eq!(path(&network, clients[3]), "/attic/lower_sub3/client4");
    assert!(paths(&network, main).contains(&"/attic/lower_sub3/client4".to_owned()));
    assert_eq!(
        network.send(clients[1], "/attic/lower_sub3/client4", "up there?"),
        Outcome::Delivered
    );
    assert_eq!(network.send(clients[3], "/client2", "yes"), Outcome::Delivered);
    // What it says of itself is news for its neighbours.
    network.run_for(SECOND * 3);
    let id = network.id(sub1);
    let news = |event: &Event| matches!(event, Event::MetadataChanged { peer } if *peer == id);
    assert!(was_told(&network, main, news));
}

#[test]
fn a_server_changes_its_own_name_by_asking_its_parent() {
    let Demonstration { mut network, main, sub1, sub2, clients, .. } = demonstration();
    assert!(matches!(rename(&mut network, sub1, "attic"), Outcome::Reply(_)));
    let said = says(&mut network, clients[0], "/attic", &Line::new("changename", &["loft"]));
    assert_eq!(said, "loft is the name now");
    let said =
        says(&mut network, clients[0], "/sub2", &Line::new("s.changename", &["shed", "sub2"]));
    assert_eq!(said, "shed is the name now");
    assert!(network.run_until_quiet());
    assert_eq!((path(&network, sub1).as_str(), path(&network, sub2).as_str()), ("/loft", "/shed"));
    assert!(paths(&network, main).contains(&"/loft/client3".to_owned()));
    let taken = refused(rename(&mut network, sub1, "shed"), RefusalKind::BadArguments);
    assert!(taken.contains("is taken here"), "{taken}");
    assert_eq!(path(&network, sub1), "/loft");
}

#[test]
fn a_name_that_cannot_be_is_refused_and_the_old_one_kept() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    for bad in ["client2", "CLIENT2", "command", "a/b", "", "unnamed_x", "two\nlines", "id:abc"] {
        refused(rename(&mut network, clients[0], bad), RefusalKind::BadArguments);
        let line = Line::new("s.changename", &[bad]);
        refused(network.call(clients[0], "/", &line), RefusalKind::BadArguments);
    }
    // Letters of another script that look like those of a sibling's name.
    let alike = refused(rename(&mut network, clients[0], "сlient2"), RefusalKind::BadArguments);
    assert!(alike.contains("looks like"), "{alike}");
    assert_eq!(path(&network, clients[0]), "/client1");
    let root = refused(rename(&mut network, main, "boss"), RefusalKind::NotPossible);
    assert!(root.contains("always called"), "{root}");
    // Only the case of one's own name is another name, and nobody's.
    assert!(matches!(rename(&mut network, clients[0], "Client1"), Outcome::Reply(_)));
    assert_eq!(path(&network, clients[0]), "/Client1");
}

#[test]
fn two_who_want_one_name_at_once_do_not_both_get_it() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let wish = |op| Op::Rename { op, name: "lamp".to_owned() };
    let (one, other) = (network.begin(clients[0], wish), network.begin(clients[1], wish));
    let both = [network.finish(one), network.finish(other)];
    let got_it = both.iter().filter(|end| matches!(end, Outcome::Reply(_))).count();
    assert_eq!(got_it, 1, "{both:?}");
    let lamps = paths(&network, main).into_iter().filter(|path| path == "/lamp").count();
    assert_eq!(lamps, 1);
}

#[test]
fn anothers_name_is_changed_by_admins_of_its_own_server_only() {
    let mut network = network(31);
    let main = network.add_with(Role::MainServer, "", users_only);
    let sub = network.add(Role::SubServer, "sub");
    let [ann, bob, low] = ["ann", "bob", "low"].map(|name| network.add(Role::Client, name));
    for (host, server) in [(sub, main), (ann, main), (bob, main), (low, sub)] {
        joins(&mut network, host, server);
    }
    assert!(network.run_until_quiet());
    let line = Line::new("s.changename", &["fool", "bob"]);
    let why = refused(network.call(ann, "/", &line), RefusalKind::NoPermission);
    assert!(why.contains("admin"), "{why}");
    // Who is joined elsewhere has its name from there.
    let line = Line::new("s.changename", &["high", "low"]);
    let why = refused(network.call(main, "/", &line), RefusalKind::NotPossible);
    assert!(why.contains("its server, /sub"), "{why}");
    let why = refused(
        network.call(ann, "/sub", &Line::new("s.changename", &["anna"])),
        RefusalKind::NotPossible,
    );
    assert!(why.contains("say it to its server"), "{why}");
    refused(
        network.call(main, "/", &Line::new("s.changename", &["x", "nobody"])),
        RefusalKind::BadTarget,
    );
    assert_eq!(
        says(&mut network, main, "/", &Line::new("s.changename", &["bert", "bob"])),
        "bob is called bert now"
    );
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, bob), "/bert");
}

#[test]
fn a_name_asked_for_when_the_parent_dies_ends_as_unknown_within_its_time() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    network.pause(main, SECOND * 60);
    let op = network.begin(clients[0], |op| Op::Rename { op, name: "lamp".to_owned() });
    let again = rename(&mut network, clients[0], "bulb");
    refused(again, RefusalKind::Busy);
    let ended = network.finish(op);
    assert!(matches!(ended, Outcome::Unknown(_)), "{ended:?}");
}

#[test]
fn without_a_parent_a_node_names_itself() {
    let mut network = network(32);
    let sub = network.add(Role::SubServer, "sub");
    let below = network.add(Role::Client, "below");
    joins(&mut network, below, sub);
    assert!(matches!(rename(&mut network, sub, "attic"), Outcome::Reply(_)));
    let main = network.add(Role::MainServer, "");
    joins(&mut network, sub, main);
    assert!(network.run_until_quiet());
    assert_eq!(path(&network, below), "/attic/below");
}

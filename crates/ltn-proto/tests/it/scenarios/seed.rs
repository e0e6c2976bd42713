//! The demonstration that this project was made from, cell by cell.

use super::*;
use ltn_proto::CloseReason;
use ltn_proto::sim::Line;

#[test]
fn everybody_joins_and_gets_a_place_cells_7_to_13() {
    let Demonstration { network, main, sub1, sub2, sub3, clients } = demonstration();
    let places = [
        (main, "/"),
        (sub1, "/sub1"),
        (sub2, "/sub2"),
        (sub3, "/sub1/lower_sub3"),
        (clients[0], "/client1"),
        (clients[1], "/client2"),
        (clients[2], "/sub1/client3"),
        (clients[3], "/sub1/lower_sub3/client4"),
    ];
    for (host, place) in places {
        assert_eq!(path(&network, host), place);
        assert!(network.snapshot(host).rooted);
    }
    assert_eq!(network.snapshot(clients[3]).path.layer(), 3);
    let admin = |event: &Event| matches!(event, Event::Connected { admin: true, .. });
    assert!(was_told(&network, clients[0], admin), "everybody is admin in the open mode");
}

#[test]
fn a_server_that_shall_go_below_itself_keeps_its_parent_cells_14_and_15() {
    let Demonstration { mut network, sub1, sub3, clients, .. } = demonstration();
    let own_address = network.address(sub3).to_string();
    let line = Line::new("s.sethigherserver", &[&own_address]);
    for _ in 0..2 {
        let outcome = network.call_and_confirm(clients[3], "..", &line);
        let why = refused(outcome, RefusalKind::OwnAddress);
        assert!(why.contains("itself"), "{why}");
    }
    assert!(network.run_until_quiet());
    assert_eq!(network.snapshot(sub3).parent, Some(network.id(sub1)));
    assert_eq!(path(&network, clients[3]), "/sub1/lower_sub3/client4");
    let lost = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert!(!was_told(&network, sub3, lost), "it never left its parent");
}

#[test]
fn the_network_is_listed_cell_16() {
    let Demonstration { mut network, main, sub1, clients, .. } = demonstration();
    let drawing = reply_text(network.call(clients[0], "/", &Line::new("s.listnetwork", &[])));
    for name in
        ["Mainserver", "client1", "client2", "client3", "client4", "sub1", "sub2", "lower_sub3"]
    {
        assert_eq!(drawing.matches(name).count(), 1, "{name} in\n{drawing}");
    }
    assert!(drawing.contains("2 servers") && drawing.contains("2 clients"), "{drawing}");
    let root = line(&network, main, main);
    assert_eq!((root.servers, root.clients), (2, 2));
    let sub = line(&network, main, sub1);
    assert_eq!((sub.servers, sub.clients), (1, 1));
    let all = [
        "/",
        "/client1",
        "/client2",
        "/sub1",
        "/sub1/client3",
        "/sub1/lower_sub3",
        "/sub1/lower_sub3/client4",
        "/sub2",
    ];
    assert_eq!(paths(&network, main), all);
}

#[test]
fn the_list_can_be_asked_for_as_a_value_too() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let listed = network.request(clients[3], "/", "LISTNETWORK", Value::Null);
    let Outcome::Reply(Value::List(lines)) = listed else { panic!("{listed:?}") };
    let listed: Vec<_> = lines.iter().map(|line| word(line, "path")).collect();
    assert_eq!(listed, paths(&network, main));
    assert_eq!(word(&lines[0], "id"), network.id(main).to_string());
}

#[test]
fn one_server_shuts_down_alone_and_its_client_learns_it_cell_17() {
    let Demonstration { mut network, main, sub1, sub3, clients, .. } = demonstration();
    network.stop(sub3, false);
    assert!(network.run_until_quiet());
    assert!(!network.is_up(sub3));
    let told_why = |event: &Event| {
        matches!(event, Event::Disconnected { reason: CloseReason::Stopping, returning: false, .. })
    };
    assert!(was_told(&network, clients[3], told_why));
    let left = |event: &Event| matches!(event, Event::Left { reason: CloseReason::Stopping, .. });
    assert!(was_told(&network, sub1, left));
    let stopped = network.id(sub3);
    let live = |server| {
        let tree = network.snapshot(server).tree;
        tree.iter().any(|node| node.id == stopped && node.stale_for.is_none())
    };
    assert!(!live(main) && !live(sub1));
    network.run_for(SECOND * 60);
    assert_eq!(network.snapshot(clients[3]).parent, None, "nobody comes back to a stopped server");
}

#[test]
fn the_whole_network_shuts_down_and_the_roll_call_names_each_once_cells_18_and_19() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    network.stop(sub3, false);
    assert!(network.run_until_quiet());
    let order = Line::new("s.shutdownnetwork", &[]);
    let first = network.call(clients[0], "/", &order);
    let Outcome::Confirm(confirmation) = first else { panic!("{first:?}") };
    for host in [main, sub1, sub2] {
        assert!(network.is_up(host), "nothing happens before the confirmation");
        assert!(confirmation.targets.contains(&network.id(host)));
    }
    let report = network.call(clients[0], "/", &order.confirmed(confirmation.token));
    let roll = roll_call(&report);
    let expected = [
        ("/", "stopping"),
        ("/client1", "told"),
        ("/client2", "told"),
        ("/sub1", "stopped"),
        ("/sub1/client3", "told"),
        ("/sub2", "stopped"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(path, how)| ((*path).to_owned(), (*how).to_owned())).collect();
    assert_eq!(roll, expected);
    network.run_for(SECOND * 5);
    for server in [main, sub1, sub2] {
        assert!(!network.is_up(server) && has_stopped(&network, server));
    }
    for client in &clients[..3] {
        let told = |event: &Event| {
            matches!(event, Event::Disconnected { reason: CloseReason::Stopping, .. })
        };
        assert!(was_told(&network, *client, told), "{client:?}");
    }
    let called =
        |event: &Event| matches!(event, Event::RollCall { entries, .. } if entries.len() == 6);
    assert!(was_told(&network, main, called), "the root shows the report before it goes");
}

//! Who comes, goes and moves, as those hear who want to know.

use super::*;
use ltn_proto::{ManyOp, Op, OpId};

/// The news since the watch began, without the word that it did.
fn heard(network: &Network, host: HostId, op: OpId) -> Vec<String> {
    network.news(host, op).split_off(1)
}

#[test]
fn a_watcher_hears_of_everybody_who_comes_goes_and_moves() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients, .. } = demonstration();
    let op = network.watch(clients[0], "/**");
    let lamp = network.add(Role::Client, "lamp");
    joins(&mut network, lamp, sub1);
    network.run_for(SECOND);
    joins(&mut network, lamp, sub2);
    network.run_for(SECOND);
    network.leave(lamp);
    network.run_for(SECOND * 3);
    assert_eq!(
        heard(&network, clients[0], op),
        ["joined /sub1/lamp", "moved /sub2/lamp", "left /sub2/lamp"]
    );
    let before = network.news(clients[0], op).len();
    joins(&mut network, sub3, main);
    network.run_for(SECOND * 4);
    let mut moved = network.news(clients[0], op).split_off(before);
    moved.sort();
    assert_eq!(moved, ["moved /lower_sub3", "moved /lower_sub3/client4"]);
}

#[test]
fn a_new_name_is_heard_of_with_all_below_it() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    let op = network.watch(clients[0], "/**");
    let name = "hall".to_owned();
    let renamed = network.begin(sub1, |op| Op::Rename { op, name });
    assert!(matches!(network.finish(renamed), Outcome::Reply(_)));
    network.run_for(SECOND);
    let mut news = heard(&network, clients[0], op);
    news.sort();
    assert_eq!(news.len(), 4, "{news:?}");
    assert!(news.contains(&"renamed /hall".to_owned()), "{news:?}");
    assert!(news.contains(&"moved /hall/lower_sub3/client4".to_owned()), "{news:?}");
}

#[test]
fn only_the_wanted_places_are_heard_of() {
    let Demonstration { mut network, main, sub1, sub2, clients, .. } = demonstration();
    let op = network.watch(clients[3], "role=client & /sub1/**");
    let place = network.watch(sub2, "/lamp");
    for (name, server) in [("a", main), ("b", sub1), ("c", sub2), ("lamp", main)] {
        let client = network.add(Role::Client, name);
        joins(&mut network, client, server);
    }
    let low = network.add(Role::SubServer, "low");
    joins(&mut network, low, sub1);
    network.run_for(SECOND);
    assert_eq!(heard(&network, clients[3], op), ["joined /sub1/b"]);
    assert_eq!(heard(&network, sub2, place), ["joined /lamp"], "before there was anybody");
}

#[test]
fn a_branch_that_is_lost_and_comes_back_is_heard_of_as_that_and_nothing_else() {
    let Demonstration { mut network, main, sub1, clients, .. } = demonstration();
    let op = network.watch(clients[0], "/sub1/**");
    network.break_wires(main, sub1);
    network.run_for(SECOND * 30);
    let news = heard(&network, clients[0], op);
    for place in ["/sub1", "/sub1/client3", "/sub1/lower_sub3", "/sub1/lower_sub3/client4"] {
        let of_it: Vec<_> = news.iter().filter(|n| n.ends_with(&format!(" {place}"))).collect();
        assert_eq!(of_it, [&format!("lost {place}"), &format!("back {place}")], "{news:?}");
    }
    assert_eq!(news.len(), 8, "{news:?}");
}

#[test]
fn a_watch_goes_with_a_watcher_that_moves_and_nothing_is_missed() {
    let Demonstration { mut network, main, sub2, clients, .. } = demonstration();
    let op = network.watch(clients[3], "/**");
    joins(&mut network, clients[3], sub2);
    network.run_for(SECOND);
    let lamp = network.add(Role::Client, "lamp");
    joins(&mut network, lamp, main);
    network.run_for(SECOND);
    let news = heard(&network, clients[3], op);
    assert_eq!(news, ["moved /sub2/client4", "joined /lamp"], "it hears of itself, too");
}

#[test]
fn a_watch_that_was_cut_off_says_so_goes_on_by_itself_and_marks_the_gap() {
    let Demonstration { mut network, main, sub2, sub3, clients, .. } = demonstration();
    let op = network.watch(clients[3], "/**");
    let local = network.watch(clients[3], "/sub1/lower_sub3/**");
    network.crash(main);
    network.run_for(SECOND * 15);
    assert_eq!(network.news(clients[3], op).last().map(String::as_str), Some("interrupted"));
    let inside = network.add(Role::Client, "inside");
    joins(&mut network, inside, sub3);
    network.run_for(SECOND);
    assert_eq!(
        network.news(clients[3], local).last().map(String::as_str),
        Some("joined /sub1/lower_sub3/inside"),
        "a fragment goes on by itself"
    );
    network.restart(main, SECOND);
    network.run_for(SECOND * 60);
    let news = network.news(clients[3], op);
    let end = news.iter().position(|n| n == "interrupted").unwrap();
    assert_eq!(news[end + 1..=end + 2], ["gap", "watching"], "{news:?}");
    let lamp = network.add(Role::Client, "lamp");
    joins(&mut network, lamp, sub2);
    network.run_for(SECOND);
    assert_eq!(network.news(clients[3], op).last().map(String::as_str), Some("joined /sub2/lamp"));
}

#[test]
fn who_does_not_watch_any_more_is_told_nothing() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let op = network.watch(clients[3], "/**");
    network.tell(clients[3], Op::Many(ManyOp::Abandon { op }));
    network.run_for(SECOND);
    let lamp = network.add(Role::Client, "lamp");
    joins(&mut network, lamp, main);
    network.run_for(SECOND);
    assert!(heard(&network, clients[3], op).is_empty());
    assert_eq!(network.snapshot(clients[3]).counters.late_replies, 0, "it was not even said");
}

#[test]
fn a_watch_is_about_places_that_somebody_here_can_know() {
    let Demonstration { mut network, main, clients, .. } = demonstration();
    let begin = |network: &mut Network, places: &str| {
        let places = places.parse().unwrap();
        let op = network.begin(clients[3], |op| Op::Many(ManyOp::Watch { op, places }));
        network.finish(op)
    };
    refused(begin(&mut network, "client1"), RefusalKind::BadTarget);
    for number in 0..16 {
        network.watch(clients[3], &format!("/p{number}"));
    }
    refused(begin(&mut network, "/p16"), RefusalKind::Busy);
    let other = network.watch(clients[2], "/**");
    network.crash(main);
    network.run_for(SECOND * 15);
    assert!(network.news(clients[2], other).contains(&"interrupted".to_owned()));
    let places = "/elsewhere/**".parse().unwrap();
    let op = network.begin(clients[2], |op| Op::Many(ManyOp::Watch { op, places }));
    no_route(network.finish(op));
}

#[test]
fn a_lost_server_whose_place_is_elsewhere_now_is_told_of_as_back_when_it_is() {
    let Demonstration { mut network, sub1, sub3, clients, .. } = demonstration();
    let op = network.watch(clients[0], "/**");
    network.crash(sub3);
    network.run_for(SECOND * 3);
    let name = "hall".to_owned();
    let renamed = network.begin(sub1, |op| Op::Rename { op, name });
    assert!(matches!(network.finish(renamed), Outcome::Reply(_)));
    network.run_for(SECOND);
    network.restart(sub3, SECOND);
    network.run_for(SECOND * 20);
    let news = heard(&network, clients[0], op);
    let of_it = news.iter().filter(|news| news.ends_with("/lower_sub3"));
    let wanted = ["lost /sub1/lower_sub3", "moved /hall/lower_sub3", "back /hall/lower_sub3"];
    assert_eq!(of_it.collect::<Vec<_>>(), wanted, "{news:?}");
}

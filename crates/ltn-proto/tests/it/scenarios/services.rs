//! Periodic routines: those of programs, and the two that come with every server.

use super::*;
use ltn_proto::sim::Line;
use ltn_proto::{Op, ServiceStatus, ServiceWish};

fn wish(network: &mut Network, host: HostId, wish: ServiceWish) -> Outcome {
    let op = network.begin(host, |op| Op::Service { op, wish });
    network.finish(op)
}

fn keep(name: &str, interval: Duration) -> ServiceWish {
    ServiceWish::Keep { name: name.to_owned(), interval }
}

fn status(network: &Network, host: HostId, name: &str) -> ServiceStatus {
    let mut services = network.snapshot(host).services.into_iter();
    services.find(|service| service.name == name).expect("the service is there")
}

/// What the program on this host was told, of this kind.
fn told<T>(network: &Network, host: HostId, fits: impl Fn(&Event) -> Option<T>) -> Vec<T> {
    network.history().told(host).filter_map(fits).collect()
}

/// The runs that were begun of a service of the program, with whom they were told of.
fn runs(network: &Network, host: HostId) -> Vec<(u64, usize)> {
    told(network, host, |event| match event {
        Event::ServiceDue { run, connections, .. } => Some((*run, connections.len())),
        _ => None,
    })
}

fn over(network: &mut Network, host: HostId, name: &str, error: Option<&str>) {
    let run = runs(network, host).last().expect("a run has begun").0;
    let error = error.map(str::to_owned);
    network.tell(host, Op::ServiceEnded { name: name.to_owned(), run, error });
}

#[test]
fn a_service_is_told_to_run_one_run_at_a_time() {
    let Demonstration { mut network, sub1, .. } = demonstration();
    wish(&mut network, sub1, keep("read-sensor", SECOND * 60));
    network.run_for(SECOND);
    assert_eq!(runs(&network, sub1).len(), 1, "at once");
    assert_eq!(runs(&network, sub1)[0].1, 2, "lower_sub3 and client3 are joined to it");
    network.run_for(SECOND * 150);
    assert_eq!(runs(&network, sub1).len(), 1, "the first run is not over");
    over(&mut network, sub1, "read-sensor", None);
    network.run_for(SECOND * 30);
    assert_eq!(runs(&network, sub1).len(), 2, "at the third minute");
    assert_eq!(status(&network, sub1, "read-sensor").skipped, 2);
}

#[test]
fn a_failing_service_is_disabled_and_s_info_says_so() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    wish(&mut network, sub1, keep("read-sensor", SECOND));
    network.run_for(SECOND / 2);
    over(&mut network, sub1, "read-sensor", Some("no sensor"));
    let failed = told(&network, sub1, |event| match event {
        Event::ServiceFailed { name, error } => Some((name.clone(), error.clone())),
        _ => None,
    });
    assert_eq!(failed, [("read-sensor".to_owned(), "no sensor".to_owned())]);
    network.run_for(SECOND * 10);
    assert_eq!(runs(&network, sub1).len(), 1);
    let info = network.call(clients[2], "/sub1", &Line::new("s.info", &[]));
    let Outcome::Reply(Value::Map(info)) = info else { panic!("{info:?}") };
    let lines = info["services"].to_string();
    assert!(lines.contains("read-sensor: disabled, it failed, every 1s"), "{lines}");
    assert!(lines.contains("error: no sensor"), "{lines}");
    assert!(lines.contains("Ping: on, every 10s"), "{lines}");

    let name = Some("read-sensor".to_owned());
    let enabled = wish(&mut network, sub1, ServiceWish::Enable { name, enabled: true });
    assert_eq!(enabled, Outcome::Reply(Value::Null));
    network.run_for(SECOND / 2);
    assert_eq!(runs(&network, sub1).len(), 2);
}

#[test]
fn a_service_that_is_not_there_is_refused() {
    let Demonstration { mut network, sub1, .. } = demonstration();
    let remove = |name: &str| ServiceWish::Remove { name: name.to_owned() };
    refused(wish(&mut network, sub1, remove("nothing")), RefusalKind::NotOffered);
    refused(wish(&mut network, sub1, remove("Ping")), RefusalKind::NotPossible);
    let run = ServiceWish::RunNow { name: "ping".to_owned() };
    let text = refused(wish(&mut network, sub1, run), RefusalKind::NotOffered);
    assert!(text.ends_with("did you mean `Ping`?"), "{text}");
}

#[test]
fn the_round_trip_to_a_neighbour_is_known() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    network.run_for(SECOND * 15);
    assert!(status(&network, sub1, "Ping").runs > 0);
    let info = Line::new("s.info", &["client3"]);
    let text = match network.call(clients[2], "/sub1", &info) {
        Outcome::Reply(Value::Text(text)) => text,
        other => panic!("{other:?}"),
    };
    let text = text.lines().next().unwrap_or_default().to_owned();
    let (_, ping) = text.split_once(", ping ").unwrap_or_else(|| panic!("{text}"));
    assert!(ping.trim_end_matches(" ms").parse::<f64>().unwrap() > 0.0, "{text}");
}

#[test]
fn a_busy_link_is_measured_by_the_service_alone() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    let all_off = ServiceWish::Enable { name: None, enabled: false };
    wish(&mut network, sub1, all_off);
    let chatter = |network: &mut Network| {
        for _ in 0..12 {
            network.run_for(SECOND);
            network.cast(clients[2], "/sub1", "busy");
        }
    };
    let text = |network: &mut Network| {
        network.call(clients[2], "/sub1", &Line::new("s.info", &["client3"]))
    };
    let known = |outcome: &Outcome| format!("{outcome:?}").contains("ping");
    chatter(&mut network);
    let unmeasured = text(&mut network);
    assert!(!known(&unmeasured), "{unmeasured:?}");
    wish(&mut network, sub1, ServiceWish::RunNow { name: "Ping".to_owned() });
    network.run_for(SECOND);
    let measured = text(&mut network);
    assert!(known(&measured), "{measured:?}");
}

#[test]
fn neighbours_hear_that_an_offer_has_changed_and_nobody_else_does() {
    let Demonstration { mut network, main, sub1, sub2, sub3, clients } = demonstration();
    let offer = || Op::OfferRequestable { name: "colour".to_owned() };
    network.tell(sub1, offer());
    network.run_for(SECOND);
    let news = |network: &Network, host| {
        told(network, host, |event| match event {
            Event::MetadataChanged { peer } => Some(*peer),
            _ => None,
        })
    };
    let sub1_id = network.id(sub1);
    for host in [main, sub3, clients[2]] {
        assert_eq!(news(&network, host), [sub1_id], "{host:?}");
    }
    assert!(news(&network, sub2).is_empty() && news(&network, clients[3]).is_empty());
    // The same offer again is no news.
    network.tell(sub1, offer());
    network.run_for(SECOND * 2);
    assert_eq!(news(&network, main).len(), 1);
    // Many at once are news once, or twice where the first was told at once.
    for number in 0..100 {
        network.tell(sub1, Op::OfferRequestable { name: format!("r{number}") });
    }
    network.run_for(SECOND * 5);
    assert!(news(&network, main).len() <= 3, "{}", news(&network, main).len());
    let fresh = network.request(clients[0], "/sub1", "SERVERDATA", Value::Null);
    assert!(format!("{fresh:?}").contains("\"r99\""), "{fresh:?}");
}

#[test]
fn neighbours_hear_of_new_data_sockets_and_where_they_are() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    let news = |network: &Network, host| {
        let changed = |event: &Event| matches!(event, Event::MetadataChanged { .. }).then_some(());
        told(network, host, changed).len()
    };
    network.run_for(SECOND * 5);
    let before = news(&network, clients[2]);
    let many = (0..100).map(|n| (format!("feed{n}"), 3_000 + n)).collect();
    network.tell(sub1, Op::DataSockets(many));
    network.run_for(SECOND * 2);
    assert_eq!(news(&network, clients[2]), before + 1);
    let data = network.request(clients[2], "/sub1", "SERVERDATA", Value::Null);
    let Outcome::Reply(Value::Map(data)) = data else { panic!("{data:?}") };
    let Value::List(socks) = &data["socks"] else { panic!("{data:?}") };
    assert_eq!(socks[7], Value::list([Value::from("feed7"), 3_007.into()]));
    assert_eq!(socks.len(), ltn_proto::limits::DATA_SOCKETS_MAX, "what is more is not told");
    // The same again is no news.
    let same = (0..100).map(|n| (format!("feed{n}"), 3_000 + n)).collect();
    network.tell(sub1, Op::DataSockets(same));
    network.run_for(SECOND * 5);
    assert_eq!(news(&network, clients[2]), before + 1);
}

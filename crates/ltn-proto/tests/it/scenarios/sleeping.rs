//! A laptop that sleeps: what it notices when it wakes, and what it does not do.

use super::*;
use ltn_proto::sim::Line;
use ltn_proto::{CloseReason, Op, ServiceWish};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn whoever_wakes_notices_within_two_seconds_that_its_server_is_gone() {
    let mut network = network(11);
    let servers = chain(&mut network, 1);
    let laptop = network.add(Role::Client, "laptop");
    joins(&mut network, laptop, servers[1]);
    assert!(network.run_until_quiet());
    // Shorter than the lease, and the server's machine loses its power meanwhile, without a word.
    network.put_to_sleep(laptop, 5 * SECOND);
    network.power_off(servers[1]);
    network.run_for(5 * SECOND);
    let silent =
        |event: &Event| matches!(event, Event::Disconnected { reason: CloseReason::Silent, .. });
    assert!(!was_told(&network, laptop, silent));
    network.run_for(Duration::from_millis(2_100));
    assert!(was_told(&network, laptop, silent));
}

#[test]
fn a_short_sleep_costs_no_link() {
    let mut network = network(12);
    let servers = chain(&mut network, 2);
    network.put_to_sleep(servers[1], 6 * SECOND);
    network.run_for(20 * SECOND);
    let lost = |event: &Event| matches!(event, Event::Disconnected { .. });
    assert!(!was_told(&network, servers[1], lost) && !was_told(&network, servers[2], lost));
    assert_eq!(path(&network, servers[2]), "/sub1/sub2");
}

#[test]
fn after_an_hour_of_sleep_everybody_is_back_and_no_service_runs_for_what_it_missed() {
    let mut network = network(13);
    let servers = chain(&mut network, 2);
    let laptop = network.add(Role::Client, "laptop");
    joins(&mut network, laptop, servers[2]);
    let (name, interval) = ("count".to_owned(), SECOND);
    network.begin(laptop, |op| Op::Service { op, wish: ServiceWish::Keep { name, interval } });
    let runs = |network: &Network| {
        let due = |event: &&Event| matches!(event, Event::ServiceDue { .. });
        network.history().told(laptop).filter(due).count()
    };
    for _ in 0..10 {
        network.run_for(SECOND);
        let run = runs(&network) as u64;
        let name = "count".to_owned();
        network.tell(laptop, Op::ServiceEnded { name, run, error: None });
    }
    let before = runs(&network);
    assert!(before > 5, "{before} runs");
    network.put_to_sleep(laptop, HOUR);
    network.run_for(HOUR + SECOND / 2);
    assert!(runs(&network) <= before + 1, "{} runs after {before}", runs(&network));
    network.run_for(60 * SECOND);
    assert_eq!(path(&network, laptop), "/sub1/sub2/laptop");
}

#[test]
fn what_was_to_be_confirmed_before_a_sleep_is_dead_after_it() {
    let mut network = network(14);
    let servers = chain(&mut network, 1);
    let line = Line::new("s.restart", &[]);
    let Outcome::Confirm(word) = network.call(servers[0], "/sub1", &line) else {
        panic!("it is dangerous")
    };
    network.put_to_sleep(servers[1], 3 * SECOND);
    network.run_for(4 * SECOND);
    let line = Line::new("s.restart", &[]).confirmed(word.token);
    let second = network.call(servers[0], "/sub1", &line);
    refused(second, RefusalKind::BadToken);
}

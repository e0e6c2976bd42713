//! The services of one node, moment by moment.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Moment {
    Moment::after_zero(Duration::from_secs(seconds))
}

/// One service of the program that runs every ten seconds, from zero on.
fn every_ten() -> Services {
    let mut services = Services::default();
    services.keep(at(0), "tick", SECOND * 10).unwrap();
    services
}

fn status(services: &Services, now: u64) -> ServiceStatus {
    services.statuses(at(now)).remove(0)
}

fn begins(services: &mut Services, now: u64) -> u64 {
    services.pop_due(at(now)).unwrap_or_else(|| panic!("nothing begins at {now} s")).number
}

#[test]
fn a_service_runs_at_once_and_then_at_every_tick() {
    let mut services = every_ten();
    for tick in [0, 10, 20] {
        assert_eq!(services.next_due(), Some(at(tick)));
        let run = begins(&mut services, tick);
        assert_eq!(services.pop_due(at(tick)), None, "once per tick");
        assert_eq!(services.ended(at(tick + 3), "tick", run, None), None);
    }
    assert_eq!(services.pop_due(at(29)), None);
    let status = status(&services, 25);
    assert_eq!((status.runs, status.skipped, status.running), (3, 0, false));
    assert_eq!(status.last_run, Some(SECOND * 5));
    assert_eq!(status.interval, Some(SECOND * 10));
}

#[test]
fn ticks_that_pass_during_a_run_are_skipped() {
    let mut services = every_ten();
    let run = begins(&mut services, 0);
    assert_eq!(services.next_due(), None, "one run at a time");
    assert_eq!(services.pop_due(at(25)), None);
    services.ended(at(25), "tick", run, None);
    assert_eq!(services.next_due(), Some(at(30)), "the ticks stay where they were");
    assert_eq!(status(&services, 25).skipped, 2);
}

#[test]
fn a_run_that_ends_on_a_tick_does_not_miss_it() {
    let mut services = every_ten();
    let run = begins(&mut services, 0);
    services.ended(at(20), "tick", run, None);
    assert_eq!(services.next_due(), Some(at(20)));
    assert_eq!(status(&services, 20).skipped, 1);
}

#[test]
fn a_machine_that_slept_makes_up_for_nothing() {
    let mut services = every_ten();
    let run = begins(&mut services, 0);
    services.ended(at(0), "tick", run, None);
    begins(&mut services, 47);
    assert_eq!(status(&services, 47).skipped, 3, "those at 20, 30 and 40");
    services.ended(at(48), "tick", 2, None);
    assert_eq!(services.next_due(), Some(at(50)));
}

#[test]
fn the_earliest_comes_first() {
    let mut services = every_ten();
    services.keep(at(3), "also", SECOND * 60).unwrap();
    assert_eq!(services.pop_due(at(5)).unwrap().name, "tick");
    assert_eq!(services.pop_due(at(5)).unwrap().name, "also");
    assert_eq!(services.pop_due(at(5)), None);
}

#[test]
fn a_failing_one_is_disabled_with_its_error_until_it_is_enabled() {
    let mut services = every_ten();
    let run = begins(&mut services, 0);
    let error = services.ended(at(1), "tick", run, Some("no\u{1b}[2J\nsensor"));
    assert_eq!(error.as_deref(), Some("no[2J sensor"));
    assert_eq!(services.next_due(), None);
    let failed = status(&services, 1);
    assert!(!failed.enabled && failed.last_error == error);

    services.enable(at(33), Some("tick"), true).unwrap();
    assert_eq!(services.next_due(), Some(at(33)), "it is due at once");
    let run = begins(&mut services, 33);
    services.ended(at(34), "tick", run, None);
    let well = status(&services, 34);
    assert!(well.enabled && well.last_error.is_none() && well.skipped == 0);
}

#[test]
fn a_long_error_is_cut() {
    let mut services = every_ten();
    let run = begins(&mut services, 0);
    let error = services.ended(at(0), "tick", run, Some(&"x".repeat(1_000_000))).unwrap();
    assert_eq!(error.chars().count(), ERROR_CHARS_MAX);
}

#[test]
fn all_are_switched_at_once_and_a_run_goes_on_to_its_end() {
    let mut services = every_ten();
    services.keep(at(0), "also", SECOND).unwrap();
    let run = begins(&mut services, 0);
    services.enable(at(0), None, false).unwrap();
    assert_eq!(services.next_due(), None);
    assert!(services.statuses(at(0)).iter().all(|service| !service.enabled));
    assert!(services.statuses(at(0)).iter().any(|service| service.running));
    for name in ["also", "tick"] {
        services.ended(at(1), name, run, None);
    }
    assert!(services.statuses(at(1)).iter().all(|service| !service.running));
    services.enable(at(2), None, true).unwrap();
    assert_eq!(services.next_due(), Some(at(2)));
}

#[test]
fn run_now_asks_neither_the_clock_nor_the_switch() {
    let mut services = every_ten();
    let first = begins(&mut services, 0);
    assert_eq!(services.run_now(at(1), "tick").unwrap_err().kind, RefusalKind::Busy);
    services.ended(at(1), "tick", first, None);
    let run = services.run_now(at(2), "tick").unwrap();
    services.ended(at(2), "tick", run.number, None);
    assert_eq!(services.next_due(), Some(at(10)), "its ticks stay where they are");
    services.enable(at(3), Some("tick"), false).unwrap();
    let run = services.run_now(at(4), "tick").unwrap();
    services.ended(at(4), "tick", run.number, None);
    assert!(!status(&services, 4).enabled);
}

#[test]
fn a_replaced_one_begins_anew_and_its_old_run_counts_no_more() {
    let mut services = every_ten();
    let old = begins(&mut services, 0);
    services.keep(at(1), "tick", SECOND).unwrap();
    let new = begins(&mut services, 1);
    assert_eq!(services.ended(at(1), "tick", old, Some("too late")), None);
    assert!(status(&services, 1).running);
    services.ended(at(1), "tick", new, None);
    services.remove("tick").unwrap();
    assert_eq!(services.next_due(), None);
    assert_eq!(services.ended(at(1), "tick", new, Some("gone")), None);
}

#[test]
fn one_that_waits_to_be_woken_runs_when_it_is_and_not_too_often() {
    let mut services = Services::default();
    services.build_in(at(0), "push", Rhythm::WhenWoken(SECOND * 5));
    assert_eq!(services.next_due(), None);
    services.wake(at(7), "push");
    services.wake(at(8), "push");
    let run = begins(&mut services, 8);
    services.ended(at(8), "push", run, None);
    services.wake(at(9), "push");
    assert_eq!(services.next_due(), Some(at(13)));
    services.enable(at(9), None, false).unwrap();
    assert_eq!(services.pop_due(at(20)), None);
    services.enable(at(21), None, true).unwrap();
    begins(&mut services, 21);
    assert_eq!(status(&services, 21).skipped, 0);
}

#[test]
fn what_comes_with_the_node_stays() {
    let mut services = Services::default();
    services.build_in(at(0), "Ping", Rhythm::Every(SECOND));
    assert_eq!(services.next_due(), Some(at(1)));
    assert_eq!(services.remove("Ping").unwrap_err().kind, RefusalKind::NotPossible);
    let replaced = services.keep(at(0), "Ping", SECOND);
    assert_eq!(replaced.unwrap_err().kind, RefusalKind::NotPossible);
    services.enable(at(0), Some("Ping"), false).unwrap();
    assert_eq!(services.next_due(), None);
}

#[test]
fn a_node_that_stops_begins_no_run() {
    let mut services = every_ten();
    services.halt();
    services.enable(at(0), None, true).unwrap();
    assert_eq!((services.next_due(), services.pop_due(at(20))), (None, None));
    assert_eq!(services.statuses(at(0)).len(), 1, "and is still asked how they are");
}

#[test]
fn names_intervals_and_numbers_have_bounds() {
    let mut services = every_ten();
    for bad in ["", "a b", "a\u{202e}", "a/b", &"x".repeat(65)] {
        let refusal = services.keep(at(0), bad, SECOND).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::BadArguments, "{bad}");
    }
    let hectic = services.keep(at(0), "hectic", Duration::ZERO).unwrap_err();
    assert_eq!(hectic.kind, RefusalKind::BadArguments);
    services.keep(at(0), "never", Duration::MAX).unwrap();
    for number in services.services.len()..SERVICES_MAX {
        services.keep(at(0), &format!("s{number}"), SECOND).unwrap();
    }
    let more = services.keep(at(0), "more", SECOND).unwrap_err();
    assert_eq!(more.kind, RefusalKind::Full);
    services.keep(at(0), "tick", SECOND).unwrap();
    assert_eq!(services.statuses(at(0)).len(), SERVICES_MAX);
}

#[test]
fn who_asks_for_an_unknown_one_is_told_the_nearest() {
    let mut services = every_ten();
    let refusal = services.enable(at(0), Some("tikc"), true).unwrap_err();
    assert_eq!(refusal.text, "there is no service called `tikc`; did you mean `tick`?");
    assert_eq!(services.run_now(at(0), "x").unwrap_err().kind, RefusalKind::NotOffered);
}

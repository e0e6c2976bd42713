//! The audit log: whatever needs more than `user` is in it, run or refused, before its effect.

use ltn_proto::{Audited, Durable, Event, NodeId, Outcome, Role};

use crate::club::{Club, ROOT, SAFE};

/// The lines that this node wrote about itself, or as copies.
fn lines(club: &Club, number: usize, copies: bool) -> Vec<(Option<NodeId>, Audited)> {
    let written = club.written.iter().filter(|(who, _, _)| *who == number);
    let audited = written.filter_map(|(_, what, _)| what.audited());
    let wanted = audited.filter(|(copy, _)| copy.is_some() == copies);
    wanted.map(|(copy, what)| (copy.map(|copy| copy.node), what.clone())).collect()
}

#[test]
fn what_is_run_and_what_is_refused_is_written_down_before_and_copied_to_the_main_server() {
    let mut club = Club::new();
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let (ann, eve) =
        (club.member(Role::Client, "ann", ROOT), club.member(Role::Client, "eve", ROOT));
    club.make_admin(ann, ROOT);
    club.offer(hall, "gate", false);
    club.offer(hall, "vault", true);
    club.call(ann, hall, ("gate", "open"));
    club.call_and_confirm(ann, hall, ("vault", "shut"));
    club.call(eve, hall, ("gate", "burn"));
    club.call(eve, hall, ("s.help", ""));
    let told = begun(lines(&club, hall, false));
    let words = |what: &Audited| {
        (what.actor, what.command.clone(), what.arguments.clone(), what.refused.is_some())
    };
    let told: Vec<_> = told.iter().map(words).collect();
    let (ann, eve, id) = (club.ids[ann], club.ids[eve], club.ids[hall]);
    let line = |actor, command: &str, argument: &str, refused| {
        (actor, command.to_owned(), argument.to_owned(), refused)
    };
    let wanted = [
        line(ann, "gate", "open", false),
        line(ann, "vault", "shut", false),
        line(eve, "gate", "burn", true),
    ];
    assert_eq!(told, wanted);
    let copies = lines(&club, ROOT, true);
    assert!(copies.iter().all(|(node, _)| *node == Some(id)));
    assert_eq!(begun(copies).iter().map(words).collect::<Vec<_>>(), wanted);
    // Each line of what ran was written before the program heard of it.
    let ran = club
        .events
        .iter()
        .enumerate()
        .filter(|(_, (who, event))| *who == hall && matches!(event, Event::Called { .. }));
    let ran: Vec<usize> = ran.map(|(at, _)| at).collect();
    let before = club
        .written
        .iter()
        .filter(|(who, what, _)| *who == hall && matches!(what, Durable::Accepted { .. }));
    let before: Vec<usize> = before.map(|(_, _, events)| *events).collect();
    assert_eq!(ran.len(), 2);
    assert!(before.iter().zip(&ran).all(|(written, ran)| written <= ran));
}

/// The lines that are not about the end of something.
fn begun(lines: Vec<(Option<NodeId>, Audited)>) -> Vec<Audited> {
    lines.into_iter().map(|(_, what)| what).filter(|what| what.ended.is_none()).collect()
}

/// A hall with a gate, and an admin who has opened it and then named somebody who is not there.
fn two_commands() -> (Club, usize, usize) {
    let mut club = Club::new();
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let ann = club.member(Role::Client, "ann", ROOT);
    club.make_admin(ann, ROOT);
    club.offer(hall, "gate", false);
    club.call(ann, hall, ("gate", "open"));
    club.call(ann, hall, ("s.mute", "nobody"));
    (club, hall, ann)
}

#[test]
fn how_a_command_ended_is_one_more_line_about_the_same_deed_also_at_the_main_server() {
    let (club, hall, _) = two_commands();
    let told = lines(&club, hall, false);
    let how = |(_, what): &(Option<NodeId>, Audited)| (what.deed, what.ended.clone());
    let how: Vec<_> = told.iter().map(how).collect();
    assert_eq!(how.len(), 4, "{told:?}");
    assert_eq!((how[1].0, how[1].1.as_deref()), (how[0].0, Some("done")));
    assert_eq!((how[0].1.as_ref(), how[2].1.as_ref()), (None, None));
    assert!(how[0].0.is_some() && how[2].0 > how[0].0 && how[3].0 == how[2].0);
    let why = how[3].1.as_deref().unwrap_or_default();
    assert!(why.starts_with("refused: "), "{why}");
    let copies = lines(&club, ROOT, true).into_iter().map(|(_, what)| what);
    assert!(copies.eq(told.into_iter().map(|(_, what)| what)));
}

#[test]
fn how_a_command_with_a_key_ended_does_not_say_the_key() {
    let mut club = Club::new();
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let ann = club.member(Role::Client, "ann", ROOT);
    club.make_admin(ann, ROOT);
    club.offer_safe(hall);
    let failed = club.call(ann, hall, (SAFE, "sesame"));
    assert!(matches!(failed, Outcome::Failed(why) if why.contains("sesame")));
    let told = lines(&club, hall, false);
    let ended: Vec<_> = told.iter().filter_map(|(_, what)| what.ended.as_deref()).collect();
    assert_eq!(ended, ["failed"]);
    assert!(!format!("{:?}", club.written).contains("sesame"));
}

#[test]
fn keys_are_in_no_line_and_copies_wait_for_the_way_to_the_main_server() {
    let mut club = Club::new();
    let hall = club.member(Role::SubServer, "hall", ROOT);
    let ann = club.member(Role::Client, "ann", hall);
    club.make_admin(ann, ROOT);
    club.begin_call(ann, hall, ("s.setadminkey", "a secret key"), None);
    let told = lines(&club, hall, false);
    assert_eq!((told[0].1.command.as_str(), told[0].1.arguments.as_str()), ("s.setadminkey", "…"));
    assert!(!format!("{:?}", club.written).contains("a secret key"));
    // The hall is a fragment for a while, and tells of it when it is back.
    let before = lines(&club, ROOT, true).len();
    club.cut(hall, ROOT);
    club.begin_call(ann, hall, ("s.getadminkey", ""), None);
    assert_eq!(lines(&club, ROOT, true).len(), before);
    assert!(club.join(hall, ROOT));
    let copies = lines(&club, ROOT, true);
    assert_eq!(copies.last().map(|(_, what)| what.command.as_str()), Some("s.getadminkey"));
}

#[test]
fn nobody_fills_a_log_by_asking_for_what_he_may_not() {
    let mut club = Club::new();
    let eve = club.member(Role::Client, "eve", ROOT);
    for _ in 0..200 {
        let outcome = club.call(eve, ROOT, ("s.getadminkey", ""));
        assert!(matches!(outcome, Outcome::Refused(_)));
    }
    let each = usize::try_from(ltn_proto::limits::AUDIT_REFUSALS_EACH).expect("a small number");
    assert_eq!(lines(&club, ROOT, false).len(), each);
    // What somebody else tries is written all the same, and how much was left out.
    let max = club.member(Role::Client, "max", ROOT);
    club.call(max, ROOT, ("s.getadminkey", ""));
    let told = lines(&club, ROOT, false);
    let last = told.last().map(|(_, what)| (what.actor, what.left_out));
    assert_eq!(last, Some((club.ids[max], 200 - each as u64)));
}

#[test]
fn each_line_of_a_node_has_its_count_and_so_have_the_copies_also_after_a_restart() {
    let (mut club, hall, ann) = two_commands();
    let counts = |club: &Club, number, copies| -> Vec<Option<u64>> {
        lines(club, number, copies).iter().map(|(_, what)| what.count).collect()
    };
    assert_eq!(counts(&club, hall, false), [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(counts(&club, ROOT, true), counts(&club, hall, false));
    club.restart(hall, ROOT);
    club.call(ann, hall, ("s.mute", "nobody"));
    assert_eq!(counts(&club, ROOT, true)[4..], [Some(5), Some(6)]);
}

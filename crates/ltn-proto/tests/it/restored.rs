//! A main server that was restored from a backup: whoever was put out stays out, whenever and from
//! whomever the news of it comes.

use std::cell::RefCell;
use std::rc::Rc;

use ltn_proto::{Charter, Durable, Edition, Event, Kind, Role, SignedCharter};

use crate::club::{Club, ROOT};

/// A network whose main server was restored, and has begun its second epoch.
struct Restored {
    club: Club,
    /// Put out after the backup, which the main server does not know.
    thief: usize,
    /// What the main server signed when it put the thief out.
    lost: Charter,
}

impl Restored {
    fn new() -> Self {
        let mut club = Club::new();
        let thief = club.node(Role::Client, Some(Role::Client));
        let mut lost = club.charter.clone();
        lost.revoked.push(club.ids[thief]);
        lost.edition.version += 7;
        Self { club, thief, lost }
    }

    /// One who was there when the thief was put out, and away while the main server learnt.
    fn who_was_away(&mut self, role: Role) -> usize {
        let now = std::mem::replace(&mut self.club.charter, self.lost.clone());
        let away = self.club.node(role, Some(role));
        self.club.charter = now;
        away
    }

    fn begin_epoch(&mut self) {
        self.club.declare(|charter| charter.edition = Edition { epoch: 2, version: 0 });
    }

    fn lets_the_thief_in(&mut self, at: usize) -> bool {
        self.club.join(self.thief, at)
    }

    /// What the main server's book was told of.
    fn unheard(&self) -> Vec<Charter> {
        let told = self.club.events.iter().filter(|(who, _)| *who == ROOT);
        let told = told.filter_map(|(_, event)| match event {
            Event::UnheardCharter { charter } => Some(self.read(charter)),
            _ => None,
        });
        told.collect()
    }

    fn read(&self, charter: &SignedCharter) -> Charter {
        charter.read(&self.club.authority.public).expect("the authority signed it")
    }

    /// Whom the newest charter lacks, as this node has written it down.
    fn owed(&self, number: usize) -> Vec<Charter> {
        let mut written = self.club.written.iter().rev();
        let owed = written.find_map(|(who, what, _)| match what {
            Durable::Charter { owed, .. } if *who == number => Some(owed),
            _ => None,
        });
        owed.map_or_else(Vec::new, |owed| owed.iter().map(|charter| self.read(charter)).collect())
    }
}

#[test]
fn what_only_one_knew_who_was_away_is_not_lost_in_a_new_epoch() {
    let mut restored = Restored::new();
    let hall = restored.club.node(Role::SubServer, Some(Role::SubServer));
    let away = restored.who_was_away(Role::SubServer);
    restored.begin_epoch();
    assert!(restored.club.join(hall, ROOT) && restored.club.join(away, hall));
    assert_eq!(restored.unheard(), [restored.lost.clone()], "the book is told, through the hall");
    for server in [away, hall, ROOT] {
        assert!(!restored.lets_the_thief_in(server), "nobody waits for the book");
        assert_eq!(restored.owed(server), [restored.lost.clone()]);
    }
    let out = restored.club.ids[restored.thief];
    restored.club.declare(|charter| charter.revoked.push(out));
    for server in [away, hall, ROOT] {
        assert!(!restored.lets_the_thief_in(server));
        assert_eq!(restored.owed(server), [], "the newest one has it");
    }
}

/// A copy of the main server's directory was put back, and signed another charter of the edition
/// that others had: each took its own for the newest.
#[test]
fn two_charters_of_one_edition_are_told_apart_and_who_is_out_by_either_is_out() {
    let mut restored = Restored::new();
    let away = restored.who_was_away(Role::SubServer);
    let edition = restored.lost.edition;
    restored.club.declare(|charter| {
        charter.edition = Edition { version: edition.version - 1, ..edition };
    });
    assert!(restored.club.join(away, ROOT));
    assert_eq!(restored.unheard(), [restored.lost.clone()]);
    for server in [away, ROOT] {
        assert!(!restored.lets_the_thief_in(server), "at once, before the book has signed anew");
    }
    // And the same again: nothing goes to and fro without end.
    restored.club.cut(away, ROOT);
    assert!(restored.club.join(away, ROOT));
    assert!(!restored.lets_the_thief_in(ROOT));
}

#[test]
fn who_has_forgotten_nobody_begins_anew_and_tells_it_where_it_comes_next() {
    let mut restored = Restored::new();
    let lamp = restored.club.node(Role::Client, Some(Role::Client));
    let away = restored.who_was_away(Role::SubServer);
    restored.begin_epoch();
    assert!(restored.club.join(lamp, ROOT));
    // It hears of the new epoch from somebody below it, and has nobody above it yet.
    restored.club.cut(lamp, ROOT);
    assert!(restored.club.join(lamp, away));
    assert!(restored.unheard().is_empty());
    restored.club.begin_anew(away);
    assert!(!restored.lets_the_thief_in(away), "nor after a power cut");
    assert!(restored.club.join(away, ROOT));
    assert_eq!(restored.unheard(), [restored.lost.clone()]);
}

#[test]
fn a_server_below_the_main_server_carries_on_what_it_was_shown_while_it_was_cut_off() {
    let mut restored = Restored::new();
    let hall = restored.club.node(Role::SubServer, Some(Role::SubServer));
    let lamp = restored.who_was_away(Role::Client);
    restored.begin_epoch();
    assert!(restored.club.join(hall, ROOT));
    restored.club.cut(hall, ROOT);
    assert!(restored.club.join(lamp, hall));
    restored.club.cut(lamp, hall);
    restored.club.restart(hall, ROOT);
    assert_eq!(restored.unheard(), [restored.lost.clone()], "the lamp is away again");
}

#[test]
fn of_two_who_know_different_things_both_are_heard() {
    let mut restored = Restored::new();
    let first = restored.who_was_away(Role::Client);
    // Another main server of that epoch, from the same backup, put out somebody else.
    let other = restored.club.node(Role::Client, Some(Role::Client));
    let mut lost = restored.lost.clone();
    lost.revoked = vec![restored.club.ids[other]];
    let one = std::mem::replace(&mut restored.lost, lost.clone());
    let second = restored.who_was_away(Role::Client);
    restored.begin_epoch();
    assert!(restored.club.join(first, ROOT) && restored.club.join(second, ROOT));
    assert_eq!(restored.unheard(), [one.clone(), lost.clone()]);
    assert_eq!(restored.owed(ROOT), [one, lost]);
    for thief in [restored.thief, other] {
        assert!(!restored.club.join(thief, ROOT));
    }
}

#[test]
fn a_main_server_that_is_superseded_gives_back_whom_it_put_out() {
    let mut restored = Restored::new();
    let mut newer = restored.club.charter.clone();
    newer.edition = Edition { epoch: 2, version: 1 };
    let lost = restored.lost.clone();
    restored.club.declare(|charter| *charter = lost);
    let before = std::mem::replace(&mut restored.club.charter, newer);
    let hall = restored.club.node(Role::SubServer, Some(Role::SubServer));
    restored.club.charter = before;
    assert!(restored.club.join(hall, ROOT));
    assert_eq!(restored.unheard().len(), 1, "it hears of the newer epoch");
    assert_eq!(restored.owed(hall), [restored.club.charter.clone()], "and says what it knows");
    assert!(!restored.lets_the_thief_in(hall));
}

/// A charter is a frame of up to 64 KiB: it goes over each link once, however many bring it.
#[test]
fn the_proof_goes_up_once_for_all_who_bring_it() {
    let mut restored = Restored::new();
    let hall = restored.club.node(Role::SubServer, Some(Role::SubServer));
    let lamps: Vec<usize> = (0..5).map(|_| restored.who_was_away(Role::Client)).collect();
    restored.begin_epoch();
    assert!(restored.club.join(hall, ROOT));
    let sent = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&sent);
    restored.club.tap = Some(Box::new(move |from, to, frame| {
        if frame.header.kind == Kind::CHARTER {
            seen.borrow_mut().push((from, to));
        }
        true
    }));
    for lamp in &lamps {
        assert!(restored.club.join(*lamp, hall));
    }
    let count = |way| sent.borrow().iter().filter(|known| **known == way).count();
    assert_eq!(count((hall, ROOT)), 1);
    for lamp in lamps {
        assert_eq!(count((lamp, hall)), 1);
        assert!(count((hall, lamp)) <= 2, "the newest one, and once more as the answer");
    }
}

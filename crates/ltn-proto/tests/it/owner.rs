//! The owner of the main server: what he may is nobody's to take, by whatever command.

use std::time::Duration;

use ltn_proto::registry::Registry;
use ltn_proto::{Charter, Grant, Outcome, Permission, RefusalKind, Role, Value};

use crate::club::{Club, ROOT};
use crate::registry::{Home, admin};
use crate::signer::Signer;

fn right_of(home: &Home) -> Grant {
    let root = home.root.id();
    Grant { who: root, what: admin(), scope: root }
}

/// May the owner do everything, for ever, as it is signed?
fn holds(book: &Registry) -> bool {
    let Charter { grants, ending, .. } = book.charter_to_sign();
    let root = book.charter().root;
    let is_his = |grant: &Grant| grant.who == root && grant.scope == root;
    grants.iter().any(|grant| is_his(grant) && grant.what.contains(&Permission::admin()))
        && ending.is_none_or(|ending| !ending.iter().any(is_his))
}

/// This book as it would be if these bytes in it were others.
fn with(book: &Registry, old: &[u8], new: &[u8]) -> Registry {
    let mut bytes = book.to_bytes().to_vec();
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(old.len()).position(|part| part == old) {
        bytes.splice(from + at..from + at + old.len(), new.iter().copied());
        from += at + new.len();
    }
    Registry::read(&bytes).expect("it is a book")
}

fn bytes_of(grants: &[Grant]) -> Vec<u8> {
    minicbor::to_vec(grants.to_vec()).expect("they are written")
}

/// An admin could: then nobody but who sits at the main server's directory was left.
#[test]
fn nobody_takes_the_right_of_the_owner() {
    let mut home = Home::new();
    let (root, before) = (home.root.id(), home.book.clone());
    let visit = before.members().find(|(id, _)| *id == root).unwrap().1.visitors[0];
    for id in [root, visit] {
        let refused = home.book.ungrant(id, &admin()).unwrap_err();
        assert!(refused.text.contains("the owner of the main server"), "{refused}");
    }
    let word = Permission::word("heat").unwrap();
    assert!(home.book.ungrant(root, &[word]).is_err());
    assert_eq!(home.book, before);
    assert!(holds(&home.book));
}

/// Given for a minute, what he had for ever ended with it.
#[test]
fn the_right_of_the_owner_gets_no_end() {
    let mut home = Home::new();
    let right = right_of(&home);
    for time in [Some(Duration::from_secs(60)), None] {
        let refused = home.book.grant(right.clone(), time).unwrap_err();
        assert!(refused.text.contains("for ever"), "{refused}");
    }
    home.book.run_on(Duration::from_secs(61));
    assert!(holds(&home.book));
}

#[test]
fn no_invite_takes_over_from_the_main_server() {
    let mut home = Home::new();
    let root = home.root.id();
    for role in [Role::Client, Role::MainServer] {
        let refused = home.invite(|wish| (wish.role, wish.replaces) = (role, Some(root)));
        let refused = refused.unwrap_err();
        assert!(refused.text.contains("`ltn restore`"), "{refused}");
    }
}

/// A book from a backup takes the id of somebody whom it does not know, so it took these too.
#[test]
fn no_key_for_visits_is_revoked_alone() {
    let mut home = Home::new();
    let ann = Signer::new();
    let invite = home.invite(|wish| wish.name = crate::registry::named("ann")).unwrap();
    let visit = home.join(&invite, &ann).unwrap().visitors[0];
    home.book.begin_learning();
    home.book.run_on(Duration::from_secs(60));
    let root = home.root.id();
    let owners = home.book.members().find(|(id, _)| *id == root).unwrap().1.visitors[0];
    let refused = home.book.revoke(owners).unwrap_err();
    assert!(refused.text.contains("the owner of the main server"), "{refused}");
    let refused = home.book.revoke(visit).unwrap_err();
    assert!(refused.text.contains("revoke ann"), "{refused}");
    assert_eq!(home.book.charter().revoked, []);
}

#[test]
fn a_restored_book_gives_the_owner_his_right_whatever_charter_it_is_shown() {
    let home = Home::new();
    let right = right_of(&home);
    let mut taken = home.book.charter().clone();
    taken.grants.clear();
    let ends = Charter { grants: vec![right.clone()], ending: Some(vec![right]), ..taken.clone() };
    for mut other in [taken, ends] {
        for later in [0, 5] {
            other.edition.version = home.book.charter().edition.version + later;
            // A copy of a directory takes over at once, a backup while it learns.
            let mut copy = home.book.clone();
            assert_eq!(copy.adopt(&other), Ok(later > 0 || other.ending.is_none()));
            assert!(holds(&copy));
            let mut backup = home.book.clone();
            backup.begin_learning();
            let _ = backup.adopt(&other).unwrap();
            assert_eq!(backup.adopt(&other), Ok(false), "once");
            assert!(backup.run_on(Duration::from_secs(60)));
            assert!(holds(&backup));
            assert_eq!(backup.charter().edition.epoch, 2);
        }
    }
}

#[test]
fn a_book_that_the_right_was_taken_out_of_has_it_again() {
    let mut home = Home::new();
    let mut book = with(&home.book, &bytes_of(&[right_of(&home)]), &bytes_of(&[]));
    assert!(!holds(&book));
    let before = book.charter().edition;
    assert!(book.run_on(Duration::from_secs(1)), "everybody is told");
    assert!(holds(&book) && book.charter().edition > before);
    assert!(!book.run_on(Duration::from_secs(1)), "once");

    // The same where it was given an end.
    let ann = Signer::new();
    let invite = home.invite(|_| {}).unwrap();
    home.join(&invite, &ann).unwrap();
    let anns = Grant { who: ann.id(), ..right_of(&home) };
    home.book.grant(anns.clone(), Some(Duration::from_secs(60))).unwrap();
    let [anns, his] = [anns, right_of(&home)].map(|grant| minicbor::to_vec(grant).unwrap());
    for seconds in [1, 60] {
        let mut book = with(&home.book, &anns, &his);
        assert!(!holds(&book));
        assert!(book.run_on(Duration::from_secs(seconds)));
        book.run_on(Duration::from_secs(60));
        assert!(holds(&book));
    }
}

fn refused(club: &mut Club, by: usize, at: usize, what: (&str, &str)) -> String {
    let Outcome::Refused(refusal) = club.call(by, at, what) else { panic!("{what:?}") };
    assert_eq!(refusal.kind, RefusalKind::NotPossible, "{refusal}");
    refusal.text
}

#[test]
fn no_admin_silences_the_main_server_or_throws_its_owner_out() {
    let (mut club, [hall, attic, ann]) = Club::guarded();
    let (visit, other) = (club.visit_of(ROOT), club.visit_of(ROOT));
    assert!(club.join(visit, ROOT));
    let [root, owner, later] = [ROOT, visit, other].map(|number| club.ids[number].to_string());
    for (server, command, who) in [
        (ROOT, "s.mute", &owner),
        (ROOT, "s.kickuser", &owner),
        (hall, "s.mute", &root),
        (hall, "s.kickuser", &root),
        (attic, "s.mute", &root),
    ] {
        let text = refused(&mut club, ann, server, (command, who));
        assert!(text.contains("its owner"), "{command}: {text}");
    }
    // All of the club speak from there: the others are kicked, he is not.
    club.call(ann, ROOT, ("s.kickip", "192.0.2.9:4000"));
    assert!(club.is_joined(visit, ROOT));
    // Nor is a key silenced of which nobody knew whose it is.
    assert!(matches!(club.call(ann, ROOT, ("s.mute", &later)), Outcome::Reply(_)));
    assert!(club.join(other, ROOT));
    assert_eq!(club.call(other, ROOT, ("gate", "open")), Outcome::Reply(Value::from("done")));
}

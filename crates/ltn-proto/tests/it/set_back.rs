//! Books that were set back: by a restore, which knows it, or by a copy of a directory, which does
//! not.

use std::time::Duration;

use ltn_proto::registry::Registry;
use ltn_proto::{Grant, Permission};

use crate::registry::{Home, admin};
use crate::signer::Signer;

/// When it ends stood only in the book that was lost: it lasted for ever.
#[test]
fn a_grant_for_a_time_does_not_outlive_a_restore() {
    let mut home = Home::new();
    let [ann, bob] = [Signer::new(), Signer::new()];
    for key in [&ann, &bob] {
        let invite = home.invite(|_| {}).unwrap();
        home.join(&invite, key).unwrap();
    }
    let scope = home.book.charter().root;
    let hour = Some(Duration::from_secs(3_600));
    let known = Grant { who: ann.id(), what: admin(), scope };
    home.book.grant(known.clone(), hour).unwrap();
    let mut backup = Registry::read(&home.book.to_bytes()).unwrap();
    let later = Grant { who: bob.id(), what: admin(), scope };
    let stays = Grant { what: vec![Permission::word("gate").unwrap()], ..later.clone() };
    home.book.grant(later.clone(), hour).unwrap();
    home.book.grant(stays.clone(), None).unwrap();

    backup.begin_learning();
    assert_eq!(backup.adopt(&home.book.charter_to_sign()), Ok(true));
    assert!(backup.run_on(Duration::from_secs(60)));
    let has = |book: &Registry, grant| book.charter_to_sign().grants.contains(grant);
    assert!(has(&backup, &known) && has(&backup, &stays) && !has(&backup, &later));
    assert!(backup.run_on(Duration::from_secs(3_600)), "what the backup knew ends in its time");
    assert!(!has(&backup, &known) && has(&backup, &stays));
}

/// A copy of the whole directory does not know that it is one.
#[test]
fn a_book_that_was_set_back_and_signed_the_same_edition_keeps_what_both_say() {
    let mut home = Home::new();
    let [ann, bob, eve] = [Signer::new(), Signer::new(), Signer::new()];
    for key in [&ann, &bob, &eve] {
        let invite = home.invite(|_| {}).unwrap();
        home.join(&invite, key).unwrap();
    }
    let root = home.book.charter().root;
    let word = Permission::word("gate").unwrap();
    let gate = |who: &Signer| Grant { who: who.id(), what: vec![word.clone()], scope: root };
    home.book.grant(gate(&ann), None).unwrap();
    let open = home.invite(|_| {}).unwrap();
    let mut copy = home.book.clone();
    home.book.revoke(eve.id()).unwrap();
    copy.grant(gate(&bob), None).unwrap();
    let mut theirs = home.book.charter().clone();
    theirs.edition = copy.charter().edition;
    assert_eq!(copy.adopt(&theirs), Ok(true));
    let charter = copy.charter();
    assert!(charter.is_revoked(eve.id()) && charter.edition > theirs.edition);
    assert!(charter.grants.iter().any(|grant| grant.who == ann.id()), "both say so");
    assert!(charter.grants.iter().all(|grant| grant.who != bob.id()), "one says so");
    assert!(copy.expects(open.id).is_err(), "it may have been used since");
    assert_eq!(copy.adopt(&theirs), Ok(false), "once");
}

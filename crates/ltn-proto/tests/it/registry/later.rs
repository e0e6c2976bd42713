//! Who joined after the backup that a restored book is from, and who did not.

use std::time::Duration;

use ltn_proto::registry::{self, Registry};
use ltn_proto::{OwnName, Role};

use super::{Home, named};
use crate::signer::Signer;

/// Whoever joined after the backup was known by his id only.
#[test]
fn who_joined_after_the_backup_is_known_by_his_name_once_he_has_shown_himself() {
    let mut home = Home::new();
    let invite = home.invite(|wish| wish.name = named("lamp")).unwrap();
    home.join(&invite, &Signer::new()).unwrap();
    let [kitchen, lamp, out] = [(); 3].map(|()| Signer::new().id());
    let recognise = |book: &mut Registry, id, name| {
        book.recognise(id, Role::Client, (named(name), "/hall".parse().ok()))
    };
    assert_eq!(recognise(&mut home.book, kitchen, "kitchen"), Ok(false), "it knows everybody");
    home.book.begin_learning();
    // What whoever joined last brings with him.
    let mut later = home.book.charter().clone();
    let own = |name: &str, id| OwnName::new(&named(name).expect("a name"), id);
    later.names.extend([own("kitchen", kitchen), own("lamp", lamp)]);
    later.edition.version += 1;
    assert_eq!(home.book.adopt(&later), Ok(true));
    assert_eq!(recognise(&mut home.book, kitchen, "kitchen"), Ok(true), "also while it learns");
    assert_eq!(recognise(&mut home.book, kitchen, "bath"), Ok(false), "once");
    home.book.run_on(Duration::from_secs(60));
    home.book.revoke(out).unwrap();
    assert_eq!(recognise(&mut home.book, out, "thief"), Ok(false));
    for role in [Role::MainServer, Role::Session] {
        assert_eq!(home.book.recognise(lamp, role, (None, None)), Ok(false), "{role}");
    }
    assert_eq!(recognise(&mut home.book, lamp, "LAMP"), Ok(true));
    let book = Registry::read(&home.book.to_bytes()).unwrap();
    assert_eq!(book.find("kitchen"), Ok(kitchen));
    assert_ne!(book.find("lamp"), Ok(lamp), "the name is another one's");
    let member = book.members().find(|(id, _)| *id == lamp).unwrap().1.clone();
    assert_eq!((member.name, member.place), (None, "/hall".parse().ok()));
    home.book.revoke(kitchen).unwrap();
    assert!(home.book.charter().is_revoked(kitchen));
}

/// Whoever came to a restored main server was called as he called himself by then.
#[test]
fn who_joined_after_the_backup_has_no_name_that_no_charter_gave_him() {
    let mut home = Home::new();
    home.book.begin_learning();
    let eve = Signer::new().id();
    assert_eq!(home.book.recognise(eve, Role::Client, (named("boss"), None)), Ok(true));
    assert!(home.book.find("boss").is_err());
    assert_eq!(home.book.names().get(&eve), None);
}

/// It belonged where it was seen first, so whoever had a right there had it over all below.
#[test]
fn a_server_that_joined_after_the_backup_belongs_nowhere_until_an_admin_says_so() {
    let mut home = Home::new();
    home.book.begin_learning();
    let hall = Signer::new().id();
    let seen = (None, "/b".parse().ok());
    assert_eq!(home.book.recognise(hall, Role::SubServer, seen), Ok(true));
    assert_eq!(home.book.homes().get(&hall), Some(&registry::Home::Below(hall)));
}

/// The book of the backup still had an invite as open that was used, or over, since.
#[test]
fn no_invite_from_before_a_backup_lets_anybody_in_after_it_was_restored() {
    let mut home = Home::new();
    let seen = home.invite(|wish| wish.admin = true).unwrap();
    let mut restored = Registry::read(&home.book.to_bytes()).unwrap();
    home.join(&seen, &Signer::new()).unwrap();
    restored.begin_learning();
    restored.run_on(Duration::from_secs(60));
    home.book = restored;
    assert!(home.join(&seen, &Signer::new()).is_err());
    assert_eq!(home.book.open_invites().len(), 0);
}

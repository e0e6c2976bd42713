//! Who let whom in, as the book keeps it: whoever puts an admin out wants to know who came by him.

use std::time::Duration;

use ltn_proto::registry::Registry;
use ltn_proto::{NodeId, Role};

use super::{Home, named};
use crate::signer::Signer;

fn inviter(book: &Registry, of: &Signer) -> Option<NodeId> {
    book.members().find(|(id, _)| *id == of.id()).and_then(|(_, member)| member.by)
}

/// One more member, by an invite of that one.
fn let_in(home: &mut Home, name: &str, by: Option<NodeId>) -> Signer {
    let key = Signer::new();
    let invite = home.invite(|wish| (wish.name, wish.admin, wish.by) = (named(name), true, by));
    home.join(&invite.expect("there is room"), &key).expect("it is let in");
    key
}

/// New hardware for that one, with a line of this one.
fn replace(home: &mut Home, old: &Signer, by: Option<NodeId>) -> Signer {
    let new = Signer::new();
    let invite = home.invite(|wish| (wish.replaces, wish.by) = (Some(old.id()), by));
    home.join(&invite.expect("there is room"), &new).expect("it is let in");
    new
}

#[test]
fn the_book_keeps_who_let_whom_in() {
    let mut home = Home::new();
    let root = home.root.id();
    let ann = let_in(&mut home, "ann", None);
    let (lamp, bell) =
        (let_in(&mut home, "lamp", Some(ann.id())), let_in(&mut home, "bell", Some(ann.id())));
    assert_eq!(inviter(&home.book, &home.root), None, "nobody");
    home.book = Registry::read(&home.book.to_bytes()).unwrap();
    assert_eq!(inviter(&home.book, &ann), Some(root));
    assert_eq!(inviter(&home.book, &lamp), Some(ann.id()));
    assert_eq!(home.book.let_in_by(root), [ann.id()]);
    home.book.revoke(bell.id()).unwrap();
    assert_eq!(home.book.let_in_by(ann.id()), [lamp.id()], "those that are in");
    // She goes, and they stay.
    home.book.revoke(ann.id()).unwrap();
    assert_eq!(home.book.let_in_by(ann.id()), [lamp.id()]);
    // Of who joined after a backup nobody knows it.
    home.book.begin_learning();
    home.book.run_on(Duration::from_secs(60));
    let late = Signer::new();
    home.book.recognise(late.id(), Role::Client, (named("late"), None)).unwrap();
    assert_eq!(inviter(&home.book, &late), None);
}

#[test]
fn new_hardware_was_let_in_by_who_let_the_old_one_in() {
    let mut home = Home::new();
    let ann = let_in(&mut home, "ann", None);
    let bob = let_in(&mut home, "bob", Some(ann.id()));
    let lamp = let_in(&mut home, "lamp", Some(bob.id()));
    let lamp = replace(&mut home, &lamp, None);
    assert_eq!(inviter(&home.book, &lamp), Some(bob.id()));
    // He has new hardware himself, with a line of his own.
    let bob = replace(&mut home, &bob, Some(bob.id()));
    assert_eq!(inviter(&home.book, &bob), Some(ann.id()), "not by himself");
    assert_eq!(home.book.let_in_by(bob.id()), [lamp.id()]);
    // Another admin chooses the key: it is his word that it is the lamp's.
    let lamp = replace(&mut home, &lamp, Some(ann.id()));
    assert_eq!(inviter(&home.book, &lamp), Some(ann.id()));
    assert_eq!(home.book.let_in_by(bob.id()), []);
}

#[test]
fn a_book_that_did_not_keep_who_let_whom_in_is_read() {
    let mut home = Home::new();
    let lamp = let_in(&mut home, "lamp", None);
    let mut bytes = home.book.to_bytes().to_vec();
    let find = |bytes: &[u8], part: &[u8]| {
        bytes.windows(part.len()).rposition(|known| known == part).unwrap()
    };
    // The member is a map with one more entry, the last one.
    let by = minicbor::to_vec(home.root.id()).unwrap();
    let entry = find(&bytes, &[&[5], &by[..]].concat());
    bytes.drain(entry..=entry + by.len());
    let member = minicbor::to_vec(lamp.id()).unwrap();
    let head = find(&bytes[..entry], &member) + member.len();
    bytes[head] -= 1;
    let book = Registry::read(&bytes).unwrap();
    assert_eq!(inviter(&book, &lamp), None);
    assert_eq!(book.let_in_by(home.root.id()), []);
    assert_eq!(book.find("lamp"), Ok(lamp.id()));
}

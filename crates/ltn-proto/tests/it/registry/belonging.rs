//! What belongs to members in the book: their names, and the places of servers.

use ltn_proto::OwnName;
use ltn_proto::Role;
use ltn_proto::registry::{Home as Place, Registry};

use super::{Home, named};
use crate::signer::Signer;

#[test]
fn the_book_keeps_where_servers_belong_and_new_hardware_belongs_there_too() {
    let mut home = Home::new();
    let (hall, attic, lamp) = (Signer::new(), Signer::new(), Signer::new());
    for (key, role, under) in [
        (&hall, Role::SubServer, None),
        (&attic, Role::SubServer, Some("/hall")),
        (&lamp, Role::Client, Some("/hall")),
    ] {
        let place = under.map(|under| under.parse().unwrap());
        let invite = home.invite(|wish| (wish.role, wish.place) = (role, place)).unwrap();
        home.join(&invite, key).unwrap();
    }
    let (hall, attic, root) = (hall.id(), attic.id(), home.root.id());
    let homes = home.book.homes();
    let invited = Place::Invited("/hall".parse().unwrap());
    assert_eq!(homes.into_iter().collect::<Vec<_>>(), {
        let mut all = vec![(hall, Place::Anywhere), (attic, invited)];
        all.sort_by_key(|(id, _)| *id);
        all
    });
    home.book.settle(hall, root);
    home.book.settle(attic, hall);
    home.book = Registry::read(&home.book.to_bytes()).unwrap();
    let replace = home.invite(|wish| {
        (wish.role, wish.replaces) = (Role::SubServer, Some(hall));
    });
    let (replace, new) = (replace.unwrap(), Signer::new());
    home.join(&replace, &new).unwrap();
    let homes = home.book.homes();
    assert_eq!(homes.get(&new.id()), Some(&Place::Below(root)));
    assert_eq!(homes.get(&attic), Some(&Place::Below(new.id())));
    assert_eq!(homes.get(&hall), None, "it is out");
}

#[test]
fn the_charter_says_whose_each_invited_name_is() {
    let mut home = Home::new();
    let (lamp, eve) = (Signer::new(), Signer::new());
    let invite = home.invite(|wish| wish.name = named("lamp")).unwrap();
    let before = home.book.charter().edition;
    home.join(&invite, &lamp).unwrap();
    let invite = home.invite(|_| {}).unwrap();
    home.join(&invite, &eve).unwrap();
    let name = named("Lamp").unwrap();
    let of = |key: &Signer| OwnName::new(&name, key.id());
    assert_eq!(home.book.charter().names, [of(&lamp)]);
    assert!(home.book.charter().edition > before, "everybody is told");
    let replace = home.invite(|wish| {
        (wish.name, wish.replaces) = (named("lamp"), Some(lamp.id()));
    });
    let (replace, new) = (replace.unwrap(), Signer::new());
    home.join(&replace, &new).unwrap();
    assert_eq!(home.book.charter().names, [of(&new)]);
    home.book.revoke(new.id()).unwrap();
    assert_eq!(home.book.charter().names, [], "who is out has no name");
    let changed = home.book.charter().to_bytes().unwrap();
    let read: ltn_proto::Charter = minicbor::decode(&changed).unwrap();
    assert_eq!(&read, home.book.charter());
}

//! The root's book once more: invites that are open, whom a name means, and what new hardware takes
//! over.

use std::time::Duration;

use ltn_proto::registry::Registry;
use ltn_proto::{Grant, Permission};

use crate::registry::{Home, admin, named};
use crate::signer::Signer;

#[test]
fn the_invites_of_who_is_out_are_out_too() {
    let mut home = Home::new();
    let (ann, bob) = (Signer::new(), Signer::new());
    for (key, name) in [(&ann, "ann"), (&bob, "bob")] {
        let invite = home.invite(|wish| (wish.admin, wish.name) = (true, named(name))).unwrap();
        home.join(&invite, key).unwrap();
    }
    let by = |key: &Signer| Some(key.id());
    let by_ann = home.invite(|wish| (wish.admin, wish.by) = (true, by(&ann))).unwrap();
    let by_bob = home.invite(|wish| wish.by = by(&bob)).unwrap();
    let by_owner = home.invite(|_| {}).unwrap();
    let open =
        |home: &Home| home.book.open_invites().iter().map(|open| open.id).collect::<Vec<_>>();
    assert_eq!(open(&home).len(), 3);
    home.book.revoke(ann.id()).unwrap();
    assert!(!open(&home).contains(&by_ann.id));
    assert!(home.join(&by_ann, &Signer::new()).is_err(), "nobody comes in by her any more");
    assert_eq!(home.book.ungrant(bob.id(), &admin()), Ok(1));
    assert!(home.join(&by_bob, &Signer::new()).is_err(), "who is no admin invites nobody");
    home.join(&by_owner, &Signer::new()).unwrap();

    // One for a time, and the invites of who was replaced by new hardware.
    let scope = home.root.id();
    let grant = Grant { who: bob.id(), what: admin(), scope };
    home.book.grant(grant.clone(), Some(Duration::from_secs(60))).unwrap();
    let timed = home.invite(|wish| wish.by = by(&bob)).unwrap();
    home.book.run_on(Duration::from_secs(60));
    assert!(home.book.expects(timed.id).is_err());
    home.book.grant(grant, None).unwrap();
    let old = home.invite(|wish| wish.by = by(&bob)).unwrap();
    let new = home.invite(|wish| wish.replaces = Some(bob.id())).unwrap();
    home.join(&new, &Signer::new()).unwrap();
    assert!(home.book.expects(old.id).is_err());
}

#[test]
fn an_open_invite_is_withdrawn_by_its_number_or_name() {
    let mut home = Home::new();
    let lamp = home.invite(|wish| wish.name = named("lamp")).unwrap();
    let other = home.invite(|_| {}).unwrap();
    assert!(home.book.uninvite("bell").is_err());
    assert!(home.book.uninvite("").is_err());
    assert_eq!(home.book.uninvite("Lamp").map(|open| open.id), Ok(lamp.id));
    assert!(home.join(&lamp, &Signer::new()).is_err());
    let number = other.id.to_string();
    assert!(home.book.uninvite(&number[..3]).is_err(), "too short to say which");
    assert_eq!(home.book.uninvite(&number[..4]).map(|open| open.id), Ok(other.id));
    assert_eq!(home.book.open_invites(), []);
}

#[test]
fn two_invites_of_one_name_let_one_in() {
    let mut home = Home::new();
    let first = home.invite(|wish| wish.name = named("lamp")).unwrap();
    let second = home.invite(|wish| wish.name = named("LAMP")).unwrap();
    let refused = home.join(&first, &Signer::new()).unwrap_err();
    assert!(refused.text.contains("is not known here"), "{refused}");
    let lamp = Signer::new();
    home.join(&second, &lamp).unwrap();
    assert_eq!(home.book.find("lamp"), Ok(lamp.id()));
    // Of two lines for new hardware the later one counts as well.
    let first = home.invite(|wish| wish.replaces = Some(lamp.id())).unwrap();
    let second = home.invite(|wish| wish.replaces = Some(lamp.id())).unwrap();
    assert!(home.join(&first, &Signer::new()).is_err());
    home.join(&second, &Signer::new()).unwrap();
}

/// A book that was written before invites of one name withdrew one another can have two.
#[test]
fn a_name_of_several_members_is_refused() {
    let mut home = Home::new();
    let (first, second) = (Signer::new(), Signer::new());
    let invite = home.invite(|wish| wish.name = named("lamp")).unwrap();
    home.join(&invite, &first).unwrap();
    let invite = home.invite(|wish| wish.name = named("lamp2")).unwrap();
    home.join(&invite, &second).unwrap();
    let other = home.invite(|wish| wish.name = named("bell")).unwrap();
    let bytes = home.book.to_bytes().to_vec();
    let swap = |mut bytes: Vec<u8>, old: &[u8], new: &[u8]| {
        while let Some(at) = bytes.windows(old.len()).position(|part| part == old) {
            bytes.splice(at..at + old.len(), new.iter().copied());
        }
        bytes
    };
    let bytes = swap(bytes, b"\x65lamp2", b"\x64lamp");
    home.book = Registry::read(&swap(bytes, b"\x64bell", b"\x64lamp")).unwrap();
    let refused = home.book.find("lamp").unwrap_err();
    for key in [&first, &second] {
        assert!(refused.text.contains(&key.id().to_string()), "{refused}");
    }
    assert_eq!(home.book.find(&first.id().to_string()), Ok(first.id()));
    let refused = home.join(&other, &Signer::new()).unwrap_err();
    assert!(refused.text.contains("is called `lamp` by now"), "{refused}");
}

#[test]
fn what_was_granted_at_a_server_holds_at_new_hardware_in_its_place() {
    let mut home = Home::new();
    let (hall, ann, new) = (Signer::new(), Signer::new(), Signer::new());
    for key in [&hall, &ann] {
        let invite = home.invite(|_| {}).unwrap();
        home.join(&invite, key).unwrap();
    }
    let grant = Grant { who: ann.id(), what: admin(), scope: hall.id() };
    home.book.grant(grant, Some(Duration::from_secs(60))).unwrap();
    let invite = home.invite(|wish| wish.replaces = Some(hall.id())).unwrap();
    home.join(&invite, &new).unwrap();
    let at = |book: &Registry, scope| book.charter().granted(ann.id(), |known| known == scope);
    assert!(at(&home.book, new.id()).allow(&Permission::admin()));
    assert!(!at(&home.book, hall.id()).allow(&Permission::admin()));
    assert!(home.book.run_on(Duration::from_secs(60)), "it ends all the same");
    assert!(!at(&home.book, new.id()).allow(&Permission::admin()));
}

#[test]
fn a_grant_without_an_end_takes_the_end_of_an_earlier_one_away() {
    let mut home = Home::new();
    let ann = Signer::new();
    let invite = home.invite(|_| {}).unwrap();
    home.join(&invite, &ann).unwrap();
    let grant = Grant { who: ann.id(), what: admin(), scope: home.root.id() };
    home.book.grant(grant.clone(), Some(Duration::from_secs(60))).unwrap();
    let before = home.book.charter().edition;
    home.book.grant(grant.clone(), None).unwrap();
    assert!(home.book.charter().edition > before, "the charter says which grants end");
    assert!(!home.book.run_on(Duration::from_secs(61)));
    assert!(home.book.charter().granted(ann.id(), |_| false).allow(&Permission::admin()));
    assert!(home.book.grant(grant, None).is_err(), "that is so already");
}

//! Directories of members: what does not fit together starts nothing.

use super::super::testing::{Place, copy};
use super::super::*;
use super::{Value, fs, person};
use crate::membership::make_network_at;

const MAIN: Owner<'static> =
    Owner { role: Role::MainServer, name: "Mainserver", kind: NetworkKind::Members };

fn home() -> Place {
    let place = Place::new();
    make_network_at(place.path(), "home").unwrap();
    place
}

fn open(place: &Place) -> Result<State, StateError> {
    State::open(place.path(), MAIN)
}

fn charter_of(place: &Place) -> SignedCharter {
    State::inspect(place.path()).unwrap().remembered().charter.clone().unwrap()
}

#[test]
fn a_network_is_the_same_one_at_its_next_start() {
    let place = home();
    let state = open(&place).unwrap();
    let (belonging, standing) = state.belonging().unwrap();
    assert_eq!(belonging.label, "home");
    assert_eq!(standing.charter().root, state.identity().id());
    assert!(belonging.office.is_some());
    let network = belonging.membership.network;
    assert!(make_network_at(place.path(), "other").is_err(), "it is in use");
    drop(state);
    let again = make_network_at(place.path(), "other").unwrap_err().to_string();
    assert!(again.contains("holds a node already"), "{again}");
    let state = open(&place).unwrap();
    assert_eq!(state.belonging().unwrap().0.membership.network, network);
    let visitor = Visitors::of_directory(place.path()).unwrap();
    assert_eq!(visitor.network, network, "also while its owner runs");
}

#[test]
fn what_a_directory_holds_is_told_in_the_right_number() {
    let place = home();
    let mut state = State::inspect(place.path()).unwrap();
    let lamp = person("lamp", &["admin"], true);
    state.facts.remembered.people.insert(lamp.node, lamp);
    let told = |state: &State| state.describe().join("\n");
    let text = told(&state);
    for part in [
        "never started",
        "charter: 1 grant, 0 keys refused",
        "which has 1 member",
        "1 node was given rights here, 1 is muted",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let door = person("door", &["admin"], true);
    state.facts.remembered.people.insert(door.node, door);
    assert!(told(&state).contains("2 nodes were given rights here, 2 are muted"));
}

#[test]
fn neither_kind_of_network_takes_the_directory_of_the_other() {
    let place = home();
    let as_open = Owner { kind: NetworkKind::Open, ..MAIN };
    let error = State::open(place.path(), as_open).unwrap_err().to_string();
    assert!(error.contains("the open mode must not touch it"), "{error}");
    let place = Place::new();
    drop(State::open(place.path(), as_open).unwrap());
    let error = open(&place).unwrap_err().to_string();
    assert!(error.contains("belongs to an open network"), "{error}");
    let nothing = Place::new();
    let error = open(&nothing).unwrap_err().to_string();
    assert!(error.contains("`ltn join`"), "{error}");
    assert!(Visitors::of_directory(nothing.path()).is_err());
}

#[test]
fn a_missing_or_empty_key_for_visits_is_refused_by_its_name() {
    let place = home();
    let file = place.path().join("visitor");
    fs::write(&file, "").unwrap();
    let error = open(&place).unwrap_err().to_string();
    assert!(error.contains("visitor") && error.contains("empty"), "{error}");
    fs::remove_file(&file).unwrap();
    let error = open(&place).unwrap_err().to_string();
    assert!(error.contains("visitor") && error.contains("missing"), "{error}");
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_keys_and_what_others_could_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = home();
    for entry in fs::read_dir(place.path()).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    let key = place.path().join("visitor");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    for error in [open(&place).unwrap_err(), Visitors::of_directory(place.path()).unwrap_err()] {
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn each_visit_has_a_key_of_its_own_and_is_known_for_a_later_one() {
    let place = home();
    let visit = || Visitors::of_directory(place.path()).unwrap().take_turn(place.path()).unwrap();
    let all: Vec<Visit> = (0..4).map(|_| visit()).collect();
    let mut ids: Vec<_> = all.iter().map(|visit| visit.identity.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), all[0].number), (4, 1));
    // One more waits until the first is over.
    let path = place.path().to_owned();
    let waiting = std::thread::spawn(move || {
        Visitors::of_directory(&path).unwrap().take_turn(&path).unwrap()
    });
    drop(all);
    assert_eq!(waiting.join().unwrap().number, 2);
    fs::write(place.path().join("visit-0"), "many").unwrap();
    let visitors = Visitors::of_directory(place.path()).unwrap();
    let error = visitors.take_turn(place.path()).unwrap_err().to_string();
    assert!(error.contains("visit-0"), "{error}");
}

/// Charters of this network, each newer than the one before.
fn charters(place: &Place, count: u64) -> Vec<SignedCharter> {
    let state = State::inspect(place.path()).unwrap();
    let office = state.belonging().unwrap().0.office.clone().unwrap();
    let authority = crate::tls::Authority::of_key(&office.key).unwrap();
    let mut charter = office.book.charter().clone();
    let mut next = |_| {
        charter.edition.version += 1;
        let bytes = charter.to_bytes().unwrap();
        let signature = authority.sign_charter(&bytes).unwrap();
        SignedCharter { bytes, signature }
    };
    (0..count).map(&mut next).collect()
}

#[test]
fn an_older_charter_takes_no_newer_ones_place_beside_the_keys_for_visits() {
    let place = home();
    let charters = charters(&place, 8);
    let known = || Visitors::of_directory(place.path()).unwrap().charter;
    // Another one has read it, and is about to replace it.
    let first = known();
    let turn = directory::hold_visitor(place.path(), 0).unwrap();
    Visitors::try_to_learn(place.path(), &charters[0], 0).unwrap_err();
    assert_eq!(known(), first);
    drop(turn);
    Visitors::learn(place.path(), &charters[1]);
    Visitors::learn(place.path(), &charters[0]);
    assert_eq!(known(), charters[1]);
    std::thread::scope(|scope| {
        for charter in charters.iter().rev() {
            scope.spawn(|| Visitors::learn(place.path(), charter));
        }
    });
    assert_eq!(known(), charters[7]);
}

#[test]
fn no_changed_byte_of_the_key_for_visits_is_overlooked() {
    let place = home();
    let file = place.path().join("visitor");
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&file, &changed).unwrap();
        assert!(Visitors::of_directory(place.path()).is_err(), "byte {at}");
        fs::write(&file, &whole[..at]).unwrap();
        assert!(Visitors::of_directory(place.path()).is_err(), "cut at {at}");
    }
    fs::write(&file, &whole).unwrap();
    Visitors::of_directory(place.path()).unwrap();
}

/// Parts that are good where they come from, and not here.
#[test]
fn no_part_of_another_network_is_taken() {
    let other = home();
    let theirs = State::inspect(other.path()).unwrap();
    for name in ["authority", "certificate", "authority_key", "book", "charter", "id"] {
        let bytes = theirs.store.get(crate::store::Shelf::Facts, name.as_bytes()).unwrap();
        let place = home();
        let mut state = State::inspect(place.path()).unwrap();
        state.commit(&[Change::put(crate::store::Shelf::Facts, name, bytes.unwrap())]).unwrap();
        drop(state);
        assert!(open(&place).is_err(), "the other's {name}");
    }
    drop(theirs);
    for name in ["visitor", "identity"] {
        let place = home();
        fs::copy(other.path().join(name), place.path().join(name)).unwrap();
        assert!(open(&place).is_err(), "the other's {name}");
    }
}

#[test]
fn an_entry_that_is_missing_or_not_as_it_should_be_starts_nothing() {
    for name in ["authority", "certificate", "authority_key", "book", "charter", "label", "network"]
    {
        for bytes in [None, Some(Value::from("blue").to_cbor())] {
            if (name, bytes.is_some()) == ("label", true) {
                continue;
            }
            let place = home();
            let mut state = State::inspect(place.path()).unwrap();
            let change = Change { shelf: crate::store::Shelf::Facts, key: name.into(), bytes };
            state.commit(&[change]).unwrap();
            drop(state);
            assert!(open(&place).is_err(), "{name}");
        }
    }
}

#[test]
fn no_changed_byte_of_a_members_store_leads_to_another_state() {
    let place = home();
    let charter = charter_of(&place);
    let file = place.path().join("store");
    let whole = fs::read(&file).unwrap();
    let used: Vec<usize> = (512..whole.len()).filter(|at| whole[*at] != 0).collect();
    let mut refused = 0;
    for at in used.iter().step_by((used.len() / 80).max(1)) {
        let mut changed = whole.clone();
        changed[*at] ^= 1 << (at % 8);
        fs::write(&file, &changed).unwrap();
        match State::inspect(place.path()) {
            Err(_) => refused += 1,
            Ok(state) => assert_eq!(state.remembered().charter.as_ref(), Some(&charter)),
        }
    }
    assert!(refused > 10, "only {refused} were noticed at all");
}

#[test]
fn the_newest_charter_is_there_again_and_the_book_takes_it_over() {
    let place = home();
    let mut state = open(&place).unwrap();
    let office = state.belonging().unwrap().0.office.clone().unwrap();
    let mut later = office.book.charter().clone();
    later.edition.version += 4;
    later.revoked.push(ltn_proto::NodeId::of_public_key(b"a thief"));
    let bytes = later.to_bytes().unwrap();
    let authority = crate::tls::Authority::of_key(&office.key).unwrap();
    let signature = authority.sign_charter(&bytes).unwrap();
    let newest = SignedCharter { bytes, signature };
    state.write(&Durable::Charter { newest, owed: Vec::new() }).unwrap();
    drop(state);
    let state = open(&place).unwrap();
    assert_eq!(state.belonging().unwrap().1.charter(), &later);
    let (_, book) = crate::membership::of_state(&state).unwrap().unwrap();
    assert!(book.registry().charter().edition > later.edition);
    assert_eq!(book.registry().charter().revoked, later.revoked);
}

#[test]
fn an_older_charter_that_refuses_somebody_is_there_again_and_the_book_takes_it_over() {
    let place = home();
    let mut state = open(&place).unwrap();
    let office = state.belonging().unwrap().0.office.clone().unwrap();
    let thief = ltn_proto::NodeId::of_public_key(b"a thief");
    let mut older = office.book.charter().clone();
    older.revoked.push(thief);
    let bytes = older.to_bytes().unwrap();
    let authority = crate::tls::Authority::of_key(&office.key).unwrap();
    let signature = authority.sign_charter(&bytes).unwrap();
    let newest = state.remembered().charter.clone().unwrap();
    let owed = vec![SignedCharter { bytes, signature }];
    state.write(&Durable::Charter { newest: newest.clone(), owed }).unwrap();
    drop(state);
    let mut state = open(&place).unwrap();
    assert!(state.belonging().unwrap().1.is_revoked(thief));
    assert!(state.describe().join("\n").contains("keeps 1 older charter, which refuses"));
    let (_, book) = crate::membership::of_state(&state).unwrap().unwrap();
    assert!(book.registry().charter().is_revoked(thief));
    assert!(book.registry().charter().edition > older.edition);
    // One that the authority did not sign starts nothing.
    let forged = SignedCharter { signature: [1; 64], ..newest.clone() };
    state.write(&Durable::Charter { newest, owed: vec![forged] }).unwrap();
    drop(state);
    assert!(open(&place).unwrap_err().to_string().contains("its charter"));
}

#[test]
fn a_machine_that_joins_asks_with_the_same_keys_until_it_has_joined() {
    let place = Place::new();
    let [invite, other] = [ltn_proto::InviteId([1; 8]), ltn_proto::InviteId([2; 8])];
    let begin = |invite| Candidate::begin(place.path(), invite).unwrap();
    let ids = |candidate: &Candidate| (candidate.identity.id(), candidate.visitors[3].id());
    let first = begin(invite);
    let keys = ids(&first);
    drop(first);
    assert_eq!(ids(&begin(invite)), keys);
    for error in [
        State::inspect(place.path()).unwrap_err(),
        State::open(place.path(), Owner { kind: NetworkKind::Open, ..MAIN }).unwrap_err(),
        open(&place).unwrap_err(),
        make_network_at(place.path(), "home").unwrap_err(),
    ] {
        assert!(error.to_string().contains("`ltn join` with the same invite"), "{error}");
    }
    // The power went while the state was being made.
    let made = home();
    copy(made.path(), place.path());
    fs::write(place.path().join("making"), "").unwrap();
    assert_eq!(ids(&begin(invite)), keys);
    assert_ne!(ids(&begin(other)), keys, "another invite is another attempt");
    let file = place.path().join("joining");
    let whole = fs::read_to_string(&file).unwrap();
    for at in (0..whole.len()).step_by(7) {
        fs::write(&file, &whole[..at]).unwrap();
        assert!(Candidate::begin(place.path(), other).is_err(), "cut at {at}");
    }
}

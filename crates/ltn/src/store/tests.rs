//! What the store promises, whoever fills it.

use super::*;
use crate::state::testing::Place;

fn put(key: &str, bytes: &str) -> Change {
    Change::put(Shelf::Facts, key, bytes)
}

#[test]
fn what_was_committed_is_there_when_the_store_is_opened_again() {
    let place = Place::new();
    let path = place.path().join("store");
    let mut store = Store::create(&path).unwrap();
    assert_eq!(store.generation(), 0);
    store.commit(&[put("name", "hall"), put("old", "1")]).unwrap();
    store.commit(&[Change::remove(Shelf::Facts, "old")]).unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.generation(), 2);
    assert_eq!(store.get(Shelf::Facts, b"name").unwrap().unwrap(), b"hall");
    assert_eq!(store.get(Shelf::Facts, b"old").unwrap(), None);
    assert_eq!(store.all(Shelf::Facts).unwrap().len(), 1);
    assert_eq!(store.all(Shelf::Journal).unwrap(), []);
}

#[test]
fn a_commit_that_is_refused_changes_nothing() {
    let place = Place::new();
    let mut store = Store::create(&place.path().join("store")).unwrap();
    let large = Change::put(Shelf::Facts, "large", vec![0; ENTRY_BYTES_MAX + 1]);
    assert!(store.commit(&[put("name", "hall"), large]).is_err());
    assert_eq!(store.generation(), 0);
    assert_eq!(store.get(Shelf::Facts, b"name").unwrap(), None);
}

#[test]
fn one_file_has_one_store_and_an_empty_file_has_none() {
    let place = Place::new();
    let path = place.path().join("store");
    let store = Store::create(&path).unwrap();
    assert!(Store::open(&path).is_err(), "it is open already");
    assert!(Store::create(&path).is_err(), "it is there already");
    drop(store);
    let empty = place.path().join("empty");
    std::fs::write(&empty, b"").unwrap();
    assert!(Store::open(&empty).is_err());
    assert!(Store::open(&place.path().join("nothing")).is_err());
}

//! A disk that takes no more, and has room again later.

use super::disk::Disk;
use super::*;

/// Enough that several pages of the store are written.
const LARGE: usize = 20_000;

fn store_on(disk: &Disk) -> Store {
    let database = builder().create_with_backend(disk.clone()).unwrap();
    let mut store = Store::make(database, disk.opener()).unwrap();
    store.commit(&[Change::put(Shelf::Facts, "first", "1")]).unwrap();
    store
}

fn large() -> [Change; 1] {
    [Change::put(Shelf::Facts, "large", vec![7; LARGE])]
}

fn last() -> [Change; 1] {
    [Change::put(Shelf::Facts, "last", "3")]
}

fn keys(store: &Store) -> Vec<String> {
    let entries = store.all(Shelf::Facts).unwrap();
    entries.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

/// A node goes on when there is room again; it needs no restart. The disk fills up before each of
/// the steps of a commit, in turn.
#[test]
fn when_a_full_disk_has_room_again_the_store_goes_on() {
    let mut failed = 0;
    for takes in 0.. {
        let disk = Disk::default();
        let mut store = store_on(&disk);
        disk.take_only(Some(takes));
        if store.commit(&large()).is_ok() {
            break;
        }
        failed += 1;
        assert!(store.commit(&last()).is_err(), "it is still full, after {takes} steps");
        disk.take_only(None);
        match store.commit(&last()) {
            Ok(generation) => {
                assert_eq!(generation, 2, "the refused one does not count, after {takes} steps");
                assert_eq!(keys(&store), ["first", "last"], "after {takes} steps");
            }
            // Only the last sync was refused, and what it was for had been written.
            Err(error) => {
                assert!(error.to_string().contains("on the disk after all"), "{error}");
                drop(store);
                let store = Store::read(disk.opener()).unwrap();
                assert_eq!(store.generation(), 2, "after {takes} steps");
                assert_eq!(keys(&store), ["first", "large"], "after {takes} steps");
            }
        }
    }
    assert!(failed > 5, "only {failed} steps were refused");
}

/// What is told of a full disk is what the system says, each time.
#[test]
fn a_full_disk_is_called_by_its_name_each_time() {
    let disk = Disk::default();
    let mut store = store_on(&disk);
    disk.take_only(Some(0));
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull).to_string();
    for _ in 0..3 {
        let error = store.commit(&large()).unwrap_err().to_string();
        assert!(error.contains(&full), "{error}");
    }
    assert_eq!(store.generation(), 1);
}

//! The map alone: what it takes, and what becomes of what is below.

use super::*;

fn id(n: u8) -> NodeId {
    NodeId::from_bytes([n; 32])
}

pub(super) fn record(n: u8, parent: u8, name: &str, edition: u64) -> Record {
    let (id, parent, name) = (id(n), id(parent), Some(Name::known(name).unwrap()));
    let (role, signed) = (Role::SubServer, Signed::blank());
    let (address, stale_since, stated_name) = (None, None, None);
    Record { id, parent, name, role, edition, address, stale_since, signed, stated_name }
}

/// 0 ── 1 ── 2 ── 3, and 4 below 0.
fn sample() -> Tree {
    let mut tree = Tree::new(id(0), 10);
    for (n, parent, name) in [(1, 0, "a"), (2, 1, "b"), (3, 2, "c"), (4, 0, "d")] {
        tree.put(record(n, parent, name, 1)).unwrap();
    }
    tree
}

#[test]
fn a_moved_subtree_changes_its_branch_as_a_whole() {
    let mut tree = sample();
    assert_eq!(tree.branch_of(id(3)), Some(id(1)));
    tree.put(record(2, 4, "b", 2)).unwrap();
    assert_eq!(tree.branch_of(id(3)), Some(id(4)));
    assert_eq!(tree.names_to(id(3)).unwrap().len(), 3);
    assert_eq!(tree.put(record(2, 1, "b", 1)), Err(NotTaken::Outdated));
}

#[test]
fn a_place_that_is_over_does_not_come_back() {
    let mut tree = sample();
    tree.end(id(2));
    tree.remove(id(2));
    assert_eq!(tree.put(record(2, 1, "b", 1)), Err(NotTaken::Outdated));
    tree.put(record(2, 4, "b", 2)).unwrap();
    tree.put(record(3, 2, "c", 1)).unwrap();
    assert_eq!(tree.branch_of(id(3)), Some(id(4)), "what was below it comes along");
}

#[test]
fn nobody_hangs_below_himself() {
    let mut tree = sample();
    assert_eq!(tree.put(record(1, 3, "a", 2)), Err(NotTaken::Cycle));
    assert_eq!(tree.put(record(0, 3, "top", 2)), Err(NotTaken::Cycle));
    assert_eq!(tree.put(record(7, 6, "x", 1)), Err(NotTaken::Orphan));
}

#[test]
fn removing_takes_the_whole_subtree_and_frees_the_names() {
    let mut tree = sample();
    assert_eq!(tree.remove(id(1)).len(), 3);
    assert_eq!(tree.len(), 1);
    tree.put(record(9, 0, "A", 1)).unwrap();
    assert_eq!(tree.child_named(id(0), &Name::known("a").unwrap()), Some(id(9)));
    assert!(tree.named(&Name::known("c").unwrap()).is_empty());
}

#[test]
fn a_chain_ends_where_the_depth_of_a_tree_does() {
    let mut tree = Tree::new(id(0), 1_000);
    let put = |tree: &mut Tree, n: u8| tree.put(record(n, n - 1, &format!("n{n}"), 1));
    for n in 1..=16 {
        put(&mut tree, n).unwrap();
    }
    assert_eq!(put(&mut tree, 17), Err(NotTaken::TooDeep));
    tree.put(record(20, 0, "new", 1)).unwrap();
    assert_eq!(tree.put(record(1, 20, "n1", 2)), Err(NotTaken::TooDeep));
}

#[test]
fn a_name_goes_from_who_is_out_of_reach_to_who_is_there() {
    let mut tree = sample();
    tree.mark_stale(id(1), Moment::ZERO);
    tree.put(record(9, 0, "a", 1)).unwrap();
    assert_eq!(tree.child_named(id(0), &Name::known("a").unwrap()), Some(id(9)));
    assert_eq!(tree.get(id(1)).unwrap().name, None);
}

#[test]
fn the_map_has_a_maximum() {
    let mut tree = Tree::new(id(0), 1);
    tree.put(record(1, 0, "a", 1)).unwrap();
    assert_eq!(tree.put(record(2, 0, "b", 1)), Err(NotTaken::Full));
    tree.put(record(1, 0, "c", 2)).unwrap();
}

#[test]
fn a_path_that_ends_early_says_where() {
    let tree = sample();
    let names: Vec<Name> = ["a", "b", "x"].iter().map(|n| Name::known(n).unwrap()).collect();
    assert_eq!(tree.find(&names), Err((2, id(2))));
    assert_eq!(tree.find(&names[..2]), Ok(id(2)));
}

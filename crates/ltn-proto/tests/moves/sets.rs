//! Which moves are searched: sets that could close a cycle if all of them came true, each once and
//! not again with its servers renamed.
//!
//! A set whose edges, added to those of the tree, have no cycle cannot close one in any order,
//! since all edges that can ever be are among these; it needs no search.

use std::collections::BTreeSet;

use super::state::{NODES, Node};

/// A tree by the parents of servers 1 to 5.
pub(crate) type Tree = [Node; NODES - 1];
/// Who wants to go to whom.
pub(crate) type Moves = Vec<(Node, Node)>;

fn servers() -> impl Iterator<Item = Node> {
    1..NODES as Node
}

/// The servers that are on a cycle once all edges are there.
fn on_a_cycle(tree: Tree, moves: &[(Node, Node)]) -> BTreeSet<Node> {
    let above = |at: Node| {
        let committed = at.checked_sub(1).map(|index| tree[usize::from(index)]);
        let wanted = moves.iter().filter(move |(child, _)| *child == at).map(|(_, to)| *to);
        committed.into_iter().chain(wanted).collect::<Vec<_>>()
    };
    let comes_back = |start: &Node| {
        let (mut open, mut seen) = (above(*start), BTreeSet::new());
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                open.extend(above(at));
            }
        }
        seen.contains(start)
    };
    servers().filter(comes_back).collect()
}

/// Could these moves close a cycle in any order, if all of them came true?
pub(crate) fn could_close_a_cycle(tree: Tree, moves: &[(Node, Node)]) -> bool {
    !on_a_cycle(tree, moves).is_empty()
}

/// All sets of so many moves that could close a cycle in this tree; only those in which different
/// servers on such a cycle move, if the `core` of the danger is asked for.
pub(crate) fn sets(tree: Tree, count: usize, core: bool) -> Vec<Moves> {
    let pairs = servers().flat_map(|child| (0..NODES as Node).map(move |to| (child, to)));
    let moves: Moves = pairs.filter(|(child, to)| child != to).collect();
    let mut sets: Vec<(usize, Moves)> = vec![(0, vec![])];
    for _ in 0..count {
        let longer = |(from, set): (usize, Moves)| {
            let with = |at: usize| (at + 1, [&set[..], &[moves[at]]].concat());
            (from..moves.len()).map(with).collect::<Vec<_>>()
        };
        sets = sets.into_iter().flat_map(longer).collect();
    }
    let renamings = renamings(tree);
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for (_, set) in sets {
        let cycle = on_a_cycle(tree, &set);
        let children: BTreeSet<Node> = set.iter().map(|(child, _)| *child).collect();
        let is_core = children.len() == set.len() && children.is_subset(&cycle);
        if !cycle.is_empty() && (is_core || !core) {
            let renamed = renamings.iter().map(|names| {
                let name = |(child, to): &(Node, Node)| {
                    (names[usize::from(*child)], names[usize::from(*to)])
                };
                let mut set: Moves = set.iter().map(name).collect();
                set.sort_unstable();
                set
            });
            let first = renamed.min();
            if first.is_some_and(|first| known.insert(first)) {
                found.push(set);
            }
        }
    }
    found
}

/// All ways to rename the servers that leave the tree as it is.
fn renamings(tree: Tree) -> Vec<[Node; NODES]> {
    let mut names: Vec<Vec<Node>> = vec![vec![0]];
    for _ in servers() {
        let longer = |names: Vec<Node>| {
            let free = servers().filter(|n| !names.contains(n)).collect::<Vec<_>>();
            free.into_iter().map(move |name| [&names[..], &[name]].concat())
        };
        names = names.into_iter().flat_map(longer).collect();
    }
    let same = |names: &[Node; NODES]| {
        servers().zip(tree).all(|(child, parent)| {
            tree[usize::from(names[usize::from(child)]) - 1] == names[usize::from(parent)]
        })
    };
    let whole = names.into_iter().filter_map(|names| <[Node; NODES]>::try_from(names).ok());
    whole.filter(same).collect()
}

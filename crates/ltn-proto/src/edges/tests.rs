//! The book alone: what it allows, and what it forgets when.

use super::*;

fn id(n: u8) -> NodeId {
    NodeId::from_bytes([n; 32])
}

fn wish(child: u8, parent: u8, attempt: u64) -> Wish {
    Wish {
        child: id(child),
        parent: id(parent),
        attempt,
        current_parent: None,
        root_incarnation: None,
        nonce: Some(attempt),
        asker_starts: 1,
        branch: id(parent),
        is_there: true,
    }
}

fn end(child: u8, parent: u8, attempt: u64, committed: bool) -> End {
    End { child: id(child), parent: id(parent), attempt, nonce: Some(attempt), committed }
}

/// The root is 0; 1 and 2 are below it, 3 is below 1.
fn committed(node: NodeId) -> Option<NodeId> {
    let parents = BTreeMap::from([(id(1), id(0)), (id(2), id(0)), (id(3), id(1))]);
    parents.get(&node).copied()
}

fn below_root(_: NodeId) -> Option<NodeId> {
    Some(id(0))
}

fn edges() -> Edges {
    Edges::new(7, Moment::ZERO, 1_000)
}

#[test]
fn nobody_moves_below_himself_and_the_members_are_named() {
    let refused = edges().grant(id(0), wish(1, 3, 1), Moment::ZERO, committed);
    assert_eq!(refused, Err(NotAllowed::Cycle(vec![id(1), id(3)])));
    let refused = edges().grant(id(0), wish(1, 1, 1), Moment::ZERO, committed);
    assert_eq!(refused, Err(NotAllowed::Cycle(vec![id(1)])));
}

#[test]
fn two_moves_that_would_cross_cannot_both_be_granted() {
    let mut edges = edges();
    edges.grant(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
    let refused = edges.grant(id(0), wish(2, 3, 1), Moment::ZERO, committed);
    assert_eq!(refused, Err(NotAllowed::Cycle(vec![id(2), id(1), id(3)])));
    edges.done(end(1, 2, 1, false));
    edges.grant(id(0), wish(2, 3, 2), Moment::ZERO, committed).unwrap();
}

#[test]
fn a_delayed_older_attempt_does_not_replace_a_newer_one() {
    let mut edges = edges();
    edges.grant(id(0), wish(3, 2, 5), Moment::ZERO, committed).unwrap();
    let refused = edges.grant(id(0), wish(3, 0, 4), Moment::ZERO, committed);
    assert_eq!(refused, Err(NotAllowed::Outdated));
    edges.done(end(3, 2, 4, true));
    assert!(edges.pending.contains_key(&id(3)), "an old end does not end a newer attempt");
}

#[test]
fn a_restarted_root_is_quiet_except_directly_below_itself() {
    let mut edges = edges();
    let mut old = wish(1, 0, 1);
    old.root_incarnation = Some(6);
    edges.grant(id(0), old, Moment::ZERO, committed).unwrap();
    let refused = edges.grant(id(0), wish(3, 2, 1), Moment::ZERO, committed);
    assert_eq!(refused, Err(NotAllowed::Quiet));
    let later = Moment::ZERO + QUIET_TIME;
    edges.grant(id(0), wish(3, 2, 1), later, committed).unwrap();
}

#[test]
fn only_who_asked_says_what_became_of_it_and_nobody_fills_the_book() {
    let mut edges = edges();
    edges.grant(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
    edges.done(end(1, 9, 1, true));
    assert!(edges.pending.contains_key(&id(1)), "that was somebody else's word");
    for child in 10..250 {
        let _full = edges.grant(id(0), wish(child, 2, 1), Moment::ZERO, below_root);
    }
    assert_eq!(edges.asked_by(id(2)), PENDING_PER_ASKER_MAX);
    edges.grant(id(0), wish(251, 3, 1), Moment::ZERO, below_root).unwrap();
    edges.forget_out(|node| node == id(2));
    assert_eq!(edges.pending.len(), 1);
}

#[test]
fn made_up_servers_of_one_branch_do_not_fill_the_book() {
    let mut edges = Edges::new(7, Moment::ZERO, 2_000);
    let made_up = |n: u16| {
        let mut bytes = [9; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        NodeId::from_bytes(bytes)
    };
    for n in 0..2_500 {
        let parent = made_up(n / 100);
        let wish = Wish { child: made_up(n), parent, branch: id(2), ..wish(1, 2, 1) };
        let _full = edges.grant(id(0), wish, Moment::ZERO, below_root);
        let end = End { child: wish.child, parent, ..end(1, 2, 1, false) };
        edges.done(if n % 2 == 0 { end } else { End { attempt: 9, ..end } });
    }
    assert!(edges.pending.len() <= 2_000 / BRANCH_SHARE);
    edges.grant(id(0), wish(251, 3, 1), Moment::ZERO, below_root).unwrap();
}

#[test]
fn an_edge_of_who_is_gone_for_good_is_forgotten_and_not_before() {
    let mut edges = edges();
    edges.grant(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
    edges.forget_missing(|_| false);
    edges.forget_missing(|_| true);
    edges.forget_missing(|_| false);
    assert_eq!(edges.pending.len(), 1, "it was back in between");
    edges.forget_missing(|node| node != id(2));
    assert!(edges.pending.is_empty());
    // Of an edge that is not taken the child alone tells where it is.
    let told = Wish { current_parent: Some(id(3)), ..wish(1, 2, 2) };
    edges.grant(id(0), told, Moment::ZERO, below_root).unwrap();
    edges.done(end(1, 2, 2, false));
    for _ in 0..2 {
        edges.forget_missing(|node| node == id(1));
    }
    assert_eq!(edges.pending.len(), 1);
    for _ in 0..2 {
        edges.forget_missing(|node| node != id(1));
    }
    assert!(edges.pending.is_empty());
}

#[test]
fn a_way_up_that_is_not_known_to_its_end_is_no_way() {
    let mut edges = edges();
    // 3 may be below 2 soon, and 2 is somewhere below the root or below 1: nobody knows.
    edges.grant(id(0), wish(3, 2, 1), Moment::ZERO, committed).unwrap();
    let without_2 = |node| committed(node).filter(|_| node != id(2));
    let refused = edges.grant(id(0), wish(1, 3, 1), Moment::ZERO, |node| {
        if node == id(3) { Some(id(0)) } else { without_2(node) }
    });
    assert_eq!(refused, Err(NotAllowed::Unclear));
}

#[test]
fn where_a_child_says_it_is_counts_until_it_asks_again() {
    let mut edges = edges();
    let mut told = wish(3, 2, 1);
    told.current_parent = Some(id(1));
    edges.grant(id(0), told, Moment::ZERO, below_root).unwrap();
    edges.done(end(3, 2, 1, false));
    let refused = edges.grant(id(0), wish(1, 3, 1), Moment::ZERO, below_root);
    assert!(matches!(refused, Err(NotAllowed::Cycle(_))));
    edges.settle(id(3), id(1));
    assert!(edges.pending.is_empty());
}

#[test]
fn an_end_without_the_nonce_of_its_question_is_worth_nothing() {
    let mut edges = edges();
    edges.grant(id(0), wish(3, 2, 1), Moment::ZERO, committed).unwrap();
    // The parent was asked again for the very same attempt: the first question is void.
    let again = Wish { nonce: Some(99), ..wish(3, 2, 1) };
    edges.grant(id(0), again, Moment::ZERO, committed).unwrap();
    edges.done(end(3, 2, 1, false));
    assert!(edges.pending.contains_key(&id(3)), "that was the end of another question");
    edges.done(End { nonce: Some(99), ..end(3, 2, 1, true) });
    assert!(edges.pending.is_empty());
}

#[test]
fn a_new_run_of_the_new_parent_ends_what_its_earlier_ones_asked_for_and_no_more() {
    let mut edges = edges();
    edges.grant(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
    let later = Wish { asker_starts: 2, ..wish(9, 2, 1) };
    edges.grant(id(0), later, Moment::ZERO, below_root).unwrap();
    edges.asker_runs_anew(id(2), 1);
    assert_eq!(edges.pending.len(), 2, "a word of an earlier run that came late");
    edges.asker_runs_anew(id(2), 2);
    assert_eq!(edges.pending.keys().collect::<Vec<_>>(), [&id(9)]);
}

#[test]
fn what_a_child_wanted_once_is_not_its_wish_for_ever() {
    let mut edges = edges();
    let grant = |edges: &mut Edges, wish| edges.grant(id(0), wish, Moment::ZERO, below_root);
    for attempt in [1, 2] {
        grant(&mut edges, wish(3, 2, attempt)).unwrap();
        edges.done(end(3, 2, attempt, true));
    }
    for attempt in [1, 2] {
        let again = Wish { nonce: Some(99), ..wish(3, 2, attempt) };
        assert_eq!(grant(&mut edges, again), Err(NotAllowed::Outdated), "{attempt}");
    }
    // Who comes back from an older copy of its directory counts from there.
    grant(&mut edges, Wish { is_there: false, ..wish(3, 2, 1) }).unwrap();
    // And the table has an end.
    let mut edges = Edges::new(7, Moment::ZERO, 4);
    for child in 10..60 {
        grant(&mut edges, wish(child, 2, 1)).unwrap();
        edges.done(end(child, 2, 1, true));
    }
    assert!(edges.latest.len() <= 4);
}

#[test]
fn a_rehearsal_grants_nothing() {
    let mut edges = edges();
    edges.check(id(0), wish(1, 2, 1), Moment::ZERO, committed).unwrap();
    assert!(edges.pending.is_empty());
    let refused = edges.check(id(0), wish(1, 3, 1), Moment::ZERO, committed);
    assert!(matches!(refused, Err(NotAllowed::Cycle(_))));
}

//! What a checker says when a promise was broken.

use std::fmt;

use ltn_proto::Moment;

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ViolationKind {
    /// Something that was asked for never ended.
    NeverEnded,
    /// It ended more than once.
    EndedTwice,
    /// It ended after its deadline.
    EndedLate,
    /// One word reached programs more than once.
    EnteredTwice,
    /// A certain "no" to something that a program had got.
    SaidNoButEntered,
    /// A "done" for something that no program had got, or had answered otherwise.
    SaidDoneButNot,
    /// A word reached somebody it was not meant for.
    WrongTarget,
    /// Casts of one sender arrived in another order.
    OutOfOrder,
    /// Somebody believed, or passed on, a source that had said no such thing.
    Forged,
    /// Nobody knew how it went, though nothing had come between.
    LostAnswer,
    /// No way to a node that was there all the time.
    NoWay,
    /// Live uplinks closed a circle.
    Cycle,
    /// A node that should have come back did not.
    NotConnected,
    /// A node has a wrong idea of its place.
    WrongPlace,
    /// A server's map differs from what is there.
    WrongTree,
    /// Tables did not become empty.
    Leak,
    /// Two children of one server have the same name.
    SameName,
    /// Two servers took the same node for their child, for longer than a lease.
    TwoParents,
    /// Nothing came over a link any more, and it was not given up in time.
    NoticedLate,
    /// A gathering named somebody twice, or left somebody out.
    FalseGathering,
    /// A roll call told something that did not happen.
    FalseRollCall,
    /// A server obeyed an order that nobody wanted any more.
    LateOrder,
    /// A node said that it moved before it had written that down.
    NotWritten,
    /// What a watcher was told does not end in what is.
    FalsePresence,
    /// What a server did not know it passed on otherwise than it came.
    Altered,
    /// Nobody said that he does not know what he was told.
    Unanswered,
}

impl ViolationKind {
    /// All of them.
    pub(crate) const ALL: [Self; 26] = [
        Self::NeverEnded,
        Self::EndedTwice,
        Self::EndedLate,
        Self::EnteredTwice,
        Self::SaidNoButEntered,
        Self::SaidDoneButNot,
        Self::WrongTarget,
        Self::OutOfOrder,
        Self::Forged,
        Self::LostAnswer,
        Self::NoWay,
        Self::Cycle,
        Self::NotConnected,
        Self::WrongPlace,
        Self::WrongTree,
        Self::Leak,
        Self::SameName,
        Self::TwoParents,
        Self::NoticedLate,
        Self::FalseGathering,
        Self::FalseRollCall,
        Self::LateOrder,
        Self::NotWritten,
        Self::FalsePresence,
        Self::Altered,
        Self::Unanswered,
    ];
}

/// One broken promise.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) at: Moment,
    pub(crate) kind: ViolationKind,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:.6} s: {}", self.kind, self.at.since_zero().as_secs_f64(), self.what)
    }
}

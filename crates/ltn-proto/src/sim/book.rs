//! The root's book of edges, the real one, as the exhaustive check of concurrent moves holds it.

use crate::edges::{Broken, Edges, End, NotAllowed, Wish};
use crate::id::NodeId;
use crate::moment::Moment;

use super::mutant::Mutant;

/// The root's book of edges.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Book(Edges);

/// Why the book does not allow an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum No {
    /// It would close a cycle.
    Cycle,
    /// Everything else: it may be asked for again later.
    NotNow,
}

/// An edge that a server asks for.
#[derive(Debug, Clone, Copy)]
pub struct EdgeWish {
    /// Who wants to hang there.
    pub child: NodeId,
    /// The server that asks.
    pub parent: NodeId,
    /// Which of the child's attempts it is.
    pub attempt: u64,
    /// The child's higher server as it is now.
    pub current_parent: Option<NodeId>,
    /// The incarnation of the root that the child saw last.
    pub root_incarnation: Option<u64>,
}

impl Book {
    /// The empty book of a root that starts now.
    #[must_use]
    pub fn new(incarnation: u64, started: Moment, mutant: Option<Mutant>) -> Self {
        let mut edges = Edges::new(incarnation, started, 1_000);
        if let Some(broken) = mutant.and_then(Mutant::of_the_book) {
            edges.break_it(broken);
        }
        Self(edges)
    }

    /// May this edge come into being?
    ///
    /// # Errors
    /// Says why not.
    pub fn grant(
        &mut self,
        root: NodeId,
        wish: EdgeWish,
        now: Moment,
        committed: impl Fn(NodeId) -> Option<NodeId>,
    ) -> Result<(), No> {
        let EdgeWish { child, parent, attempt, current_parent, root_incarnation } = wish;
        let wish = Wish {
            child,
            parent,
            attempt,
            current_parent,
            root_incarnation,
            nonce: Some(attempt),
            asker_starts: 1,
            branch: parent,
            is_there: true,
        };
        self.0.grant(root, wish, now, committed).map_err(|no| match no {
            NotAllowed::Cycle(_) => No::Cycle,
            NotAllowed::Unclear | NotAllowed::Outdated | NotAllowed::Quiet | NotAllowed::Full => {
                No::NotNow
            }
        })
    }

    /// What became of a granted edge.
    pub fn done(&mut self, child: NodeId, parent: NodeId, attempt: u64, committed: bool) {
        let nonce = Some(attempt);
        self.0.done(End { child, parent, attempt, nonce, committed });
    }

    /// The map has this parent for that child.
    pub fn settle(&mut self, child: NodeId, committed: NodeId) {
        self.0.settle(child, committed);
    }

    /// How many moves are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.0.under_way()
    }
}

impl Mutant {
    pub(crate) const fn of_the_book(self) -> Option<Broken> {
        match self {
            Self::NoPendingEdges => Some(Broken::NoPendingEdges),
            Self::NoQuietTime => Some(Broken::NoQuietTime),
            _ => None,
        }
    }
}

//! What handles of a node ask of its driver. This room knows only the words.

use ltn_proto::{Address, NoRoute, NodeId, Op, OpId, Outcome, Refusal, Snapshot, StreamHop};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::ConnectError;
use crate::handlers::Offer;
use crate::words::Joined;

/// One thing that a handle wants.
pub(crate) enum Ask {
    /// Something that nobody waits for.
    Op {
        /// What.
        op: Op,
        /// The room that its content takes in the queue, given back when this is dropped.
        room: Option<OwnedSemaphorePermit>,
    },
    /// Something that ends once.
    Wait {
        /// Its number, the same as in `op`.
        id: OpId,
        /// What.
        op: Op,
        /// Who waits.
        end: End,
        /// See [`Self::Op`].
        room: Option<OwnedSemaphorePermit>,
    },
    /// A picture of what the node knows.
    Snapshot(oneshot::Sender<Snapshot>),
    /// Where does a stream go next?
    StreamHop {
        /// The neighbour that it came from; `None` if it begins here.
        from: Option<NodeId>,
        /// Whose stream it is.
        source: NodeId,
        /// Whom it is for.
        destination: NodeId,
        /// Told the way.
        reply: oneshot::Sender<Result<StreamHop, NoRoute>>,
    },
    /// Something to offer from now on.
    Offer {
        /// By which name.
        name: String,
        /// What.
        offer: Offer,
        /// Told when the mind knows it, or why it was not taken.
        reply: OfferReply,
    },
    /// Something to offer no longer.
    Withdraw {
        /// Its name.
        name: String,
        /// Told when the mind knows it.
        reply: oneshot::Sender<()>,
    },
}

/// Told when an offer stands.
pub(crate) type OfferReply = oneshot::Sender<Result<(), Refusal>>;

impl Ask {
    /// Something that nobody waits for and that carries no large content.
    pub(crate) const fn plain(op: Op) -> Self {
        Self::Op { op, room: None }
    }
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Op { op, .. } | Self::Wait { op, .. } => op.fmt(f),
            Self::Snapshot(_) => f.write_str("Snapshot"),
            Self::StreamHop { destination, .. } => write!(f, "StreamHop({destination})"),
            Self::Offer { name, .. } => write!(f, "Offer({name})"),
            Self::Withdraw { name, .. } => write!(f, "Withdraw({name})"),
        }
    }
}

/// Who waits for the end of an operation.
pub(crate) enum End {
    /// Somebody who takes any outcome.
    Outcome(oneshot::Sender<Outcome>),
    /// Somebody who joins a server and wants to know what that brought.
    Joined {
        /// Where to, for the error.
        to: Address,
        /// Does it go on trying?
        persist: bool,
        /// Who waits.
        end: oneshot::Sender<Result<Joined, ConnectError>>,
    },
}

/// Which life of a node this is; a restart in place begins the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Life {
    /// Counts from 0.
    pub(crate) run: u64,
    /// The node has stopped for good.
    pub(crate) ended: bool,
}

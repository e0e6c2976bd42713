//! What handles of a node ask of its driver. This room knows only the words.

use ltn_proto::{
    Address, Content, NoRoute, NodeId, Op, OpId, Outcome, Refusal, Snapshot, StreamHop, Target,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::error::ConnectError;
use crate::handlers::Offer;
use crate::many::Heard;
use crate::services::Routine;
use crate::words::{Joined, TaskStatus};

/// One thing that a handle wants. Small, because millions of casts a second are moved through the
/// queue by value: whatever is large and rarer is boxed.
pub(crate) enum Ask {
    /// A message that nobody answers.
    Cast {
        /// To whom.
        to: Target,
        /// What.
        content: Content,
        /// The room that the content takes in the queue, given back when this is dropped.
        room: Option<OwnedSemaphorePermit>,
    },
    /// Something else that nobody waits for.
    Op(Box<Op>),
    /// Something that ends once.
    Wait(Box<Waited>),
    /// Something of which more is heard than its end: about many nodes, or with parts.
    Listen {
        /// Its number, the same as in `op`.
        id: OpId,
        /// What.
        op: Box<Op>,
        /// Who listens.
        listener: mpsc::UnboundedSender<Heard>,
    },
    /// What is at work in this node.
    Tasks(oneshot::Sender<Vec<TaskStatus>>),
    /// A picture of what the node knows.
    Snapshot(oneshot::Sender<Snapshot>),
    /// Where does a stream go next?
    StreamHop {
        /// Which stream.
        of: Box<StreamWish>,
        /// Told the way.
        reply: oneshot::Sender<Result<StreamWay, NoRoute>>,
    },
    /// Something to offer from now on.
    Offer {
        /// By which name.
        name: String,
        /// What.
        offer: Box<Offer>,
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

/// A stream that looks for its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamWish {
    /// The neighbour that it came from; `None` if it begins here.
    pub(crate) from: Option<NodeId>,
    /// Whose stream it is.
    pub(crate) source: NodeId,
    /// Whom it is for.
    pub(crate) destination: NodeId,
}

/// Where a stream goes, with what people call the places on its way.
#[derive(Debug, Clone)]
pub(crate) struct StreamWay {
    /// Where next.
    pub(crate) hop: StreamHop,
    /// The path of this node.
    pub(crate) here: String,
    /// The neighbour that it came from.
    pub(crate) from: String,
    /// The next node.
    pub(crate) next: String,
}

/// Told when an offer stands.
pub(crate) type OfferReply = oneshot::Sender<Result<(), Refusal>>;

impl Ask {
    /// Something that nobody waits for.
    pub(crate) fn plain(op: Op) -> Self {
        Self::Op(Box::new(op))
    }
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cast { to, .. } => write!(f, "Cast({to})"),
            Self::Op(op) => op.fmt(f),
            // Its arguments may be a key.
            Self::Wait(waited) => match &waited.op {
                Op::Call { command, .. } => write!(f, "Call({command})"),
                op => op.fmt(f),
            },
            // It may be a call, and its arguments a key.
            Self::Listen { .. } => f.write_str("Listen"),
            Self::Tasks(_) => f.write_str("Tasks"),
            Self::Snapshot(_) => f.write_str("Snapshot"),
            Self::StreamHop { of, .. } => write!(f, "StreamHop({})", of.destination),
            Self::Offer { name, .. } => write!(f, "Offer({name})"),
            Self::Withdraw { name, .. } => write!(f, "Withdraw({name})"),
        }
    }
}

/// Something that ends once, and who waits for that.
pub(crate) struct Waited {
    /// Its number, the same as in `op`.
    pub(crate) id: OpId,
    /// What.
    pub(crate) op: Op,
    /// Who waits.
    pub(crate) end: End,
    /// See [`Ask::Cast`].
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Who waits for the end of an operation.
pub(crate) enum End {
    /// Somebody who takes any outcome.
    Outcome(oneshot::Sender<Outcome>),
    /// Somebody who has a new service; this is its function.
    Service(Routine, oneshot::Sender<Outcome>),
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

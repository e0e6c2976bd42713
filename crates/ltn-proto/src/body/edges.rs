//! What is said about edges of the tree before they are there: may this node hang below that one?
//!
//! A *nonce* is made by the server that asks, for one question. Whatever comes back without it
//! belongs to another question and is worth nothing.

use minicbor::{Decode, Encode};

use crate::body::{Hello, Refused};
use crate::id::NodeId;
use crate::pass::Pass;
use crate::statement::Signed;

/// `EDGE_ASK`: may this server hang below me?
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct EdgeAsk {
    /// Which server.
    #[n(0)]
    pub(crate) child: NodeId,
    /// Which of its attempts.
    #[n(1)]
    pub(crate) attempt: u64,
    /// Its higher server as it is now.
    #[n(3)]
    pub(crate) current_parent: Option<NodeId>,
    /// The incarnation of the root that the child saw last.
    #[n(4)]
    pub(crate) root_incarnation: Option<u64>,
    /// Layers below the child.
    #[n(5)]
    pub(crate) height: u8,
    /// Made by who asks, for this question alone.
    #[n(6)]
    pub(crate) nonce: Option<u64>,
    /// How often the server that asks was started.
    #[n(7)]
    pub(crate) starts: Option<u32>,
    /// Is it only asked whether it could be? Then nothing is granted.
    #[n(8)]
    pub(crate) rehearsal: Option<bool>,
    /// That the child wants this, as it signed it. A rehearsal needs none.
    #[n(9)]
    pub(crate) intent: Option<Signed>,
}

/// `EDGE_ANSWER`: the root's word.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct EdgeAnswer {
    /// About whom.
    #[n(0)]
    pub(crate) child: NodeId,
    /// Which of the child's attempts.
    #[n(1)]
    pub(crate) attempt: u64,
    /// The refusal, if it is one.
    #[n(2)]
    pub(crate) refused: Option<Refused>,
    /// The nonce of the question.
    #[n(3)]
    pub(crate) nonce: Option<u64>,
}

/// `EDGE_DONE`: what became of a granted edge. About oneself it says only how often one was
/// started: of the edges that earlier runs asked for none will be taken.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct EdgeDone {
    /// About whom.
    #[n(0)]
    pub(crate) child: NodeId,
    /// Which of the child's attempts.
    #[n(1)]
    pub(crate) attempt: u64,
    /// Did the child take it?
    #[n(2)]
    pub(crate) committed: bool,
    /// The nonce of the question.
    #[n(3)]
    pub(crate) nonce: Option<u64>,
    /// How often the server that says this was started.
    #[n(4)]
    pub(crate) starts: Option<u32>,
}

/// `TAKE_ASK`: would you take me below you, and where would that be? Nothing is promised by the
/// answer, a value; the same is asked again when it is done.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TakeAsk {
    /// What would be said when joining.
    #[n(0)]
    pub(crate) hello: Hello,
    /// Who wants it.
    #[n(1)]
    pub(crate) actor: NodeId,
    /// Whose visit that is, if it is one.
    #[n(2)]
    pub(crate) pass: Option<Pass>,
}

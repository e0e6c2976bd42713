//! An order to stop or restart, and its second word between two servers: that is asked for by who
//! shall carry the order out, so that one which was on its way for too long is none any more.
//! Nobody shares a clock; what is fresh is found out by asking.

use minicbor::{Decode, Encode};

use crate::id::NodeId;
use crate::pass::Pass;
use crate::proof::Proof;

/// `ORDER`: stop, or restart.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Order {
    /// Which order; all servers it goes through use the same number.
    #[n(0)]
    pub(crate) order: u64,
    /// Come back afterwards?
    #[n(1)]
    pub(crate) restart: bool,
    /// With everything below?
    #[n(2)]
    pub(crate) subtree: bool,
    /// Who gave it in the first place.
    #[n(3)]
    pub(crate) issuer: NodeId,
    /// Whose visit that is, if it is one.
    #[n(4)]
    pub(crate) pass: Option<Pass>,
}

/// `ORDER_CHECK`: an order came in; does its giver still want it?
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OrderCheck {
    /// Which order.
    #[n(0)]
    pub(crate) order: u64,
    /// Made by who asks, for this question alone.
    #[n(1)]
    pub(crate) nonce: u64,
    /// For whom it is asked, where a server asks for another one.
    #[n(2)]
    pub(crate) node: Option<NodeId>,
}

/// `ORDER_GO`: yes, do it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OrderGo {
    /// Which order.
    #[n(0)]
    pub(crate) order: u64,
    /// The nonce of the question.
    #[n(1)]
    pub(crate) nonce: u64,
    /// The time for it, in milliseconds, counted from the question.
    #[n(2)]
    pub(crate) time_left_ms: u64,
    /// For whom it is, where servers pass it on.
    #[n(3)]
    pub(crate) node: Option<NodeId>,
    /// The main server's signed word, between members.
    #[n(4)]
    pub(crate) words: Option<Proof>,
}

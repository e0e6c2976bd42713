//! The second word of an order between two servers: it is asked for by who shall carry it out, so
//! that an order which was on its way for too long is none any more. Nobody shares a clock; what is
//! fresh is found out by asking.

use minicbor::{Decode, Encode};

use crate::id::NodeId;
use crate::proof::Proof;

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

//! (signatures first; filled in next)

use std::sync::Arc;

use ltn_proto::{CloseReason, Frame, Limits, LinkId, NodeId};

use crate::carrier::Carriers;
use crate::tls::Tls;
use crate::wake::WakeSender;

/// What every connection of one node shares. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LinkContext {}

impl LinkContext {
    /// The ground of a node's links.
    pub(crate) fn new(_tls: Tls, _carriers: Carriers, _limits: Limits, _wakes: WakeSender) -> Self {
        unimplemented!()
    }
    pub(crate) fn carriers(&self) -> &Carriers {
        unimplemented!()
    }
    pub(crate) fn limits(&self) -> &Arc<Limits> {
        unimplemented!()
    }
}

/// The way to send on one link. Cheap to clone; when the last clone is dropped the link closes.
#[derive(Debug, Clone)]
pub(crate) struct LinkHandle {}

impl LinkHandle {
    /// The number of the link.
    pub(crate) fn link(&self) -> LinkId {
        unimplemented!()
    }

    /// Who the other end proved to be.
    pub(crate) fn peer(&self) -> NodeId {
        unimplemented!()
    }

    /// Where the other end is, for people.
    pub(crate) fn remote(&self) -> &str {
        unimplemented!()
    }

    /// Queues a frame; never blocks. There is no flush: the writer is woken by the first frame into
    /// an empty queue and takes all that has gathered until it runs. Look at
    /// [`Self::is_congested`] after each push and wait with [`Self::wait_for_room`]; a queue at its
    /// hard limit closes the link as `SlowReader`. Pushing on a closed link does nothing.
    pub(crate) fn push(&self, _frame: Frame) {
        unimplemented!()
    }

    /// More than half of the queue's limits is taken: wait before the next push. (One atomic load.)
    pub(crate) fn is_congested(&self) -> bool {
        unimplemented!()
    }

    /// It has been congested for 50 ms or longer (`Wake::LinkStalled` told, or is about to): do not
    /// wait for it, others must not suffer. (One atomic load.)
    pub(crate) fn is_stalled(&self) -> bool {
        unimplemented!()
    }

    /// Returns once the queue is below a quarter of its limits, or the link is stalled or closed.
    /// So it never waits for longer than about 50 ms and the driver may await it in its turn.
    pub(crate) async fn wait_for_room(&self) {
        unimplemented!()
    }

    /// Closes the link after all that was pushed before has left, 2 s at the most. The first reason
    /// counts. `Wake::LinkClosed` follows.
    pub(crate) fn close(&self, _reason: CloseReason) {
        unimplemented!()
    }
}

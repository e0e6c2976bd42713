//! A link: an authenticated connection between two nodes, over which frames go both ways.
//!
//! Each link has a reader task and a writer task. The reader hands the driver all frames of one
//! read at once; the writer takes all that is queued at once and makes one TLS write of it. The
//! driver holds a [`LinkHandle`], never waits for a socket, and hears of the link's end exactly
//! once. What frames mean, who may say them and for how long a link may be silent is for the mind.
//!
//! Read `queue.rs` for the bounds, `writer.rs` for how a link ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ltn_proto::{CloseReason, Direction, Frame, Limits, LinkId, NodeId};

use crate::carrier::Carriers;
use crate::membership::relay::Joiners;
use crate::tls::{SecureStream, Tls};
use crate::wake::{Wake, WakeSender};

mod halves;
pub(crate) mod holding;
mod queue;
mod reader;
mod writer;

use queue::Queue;

/// What every connection of one node shares. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LinkContext {
    tls: Tls,
    carriers: Carriers,
    limits: Arc<Limits>,
    wakes: WakeSender,
    links_so_far: Arc<AtomicU64>,
    joiners: Option<Joiners>,
}

impl LinkContext {
    /// The ground of a node's links.
    pub(crate) fn new(tls: Tls, carriers: Carriers, limits: Limits, wakes: WakeSender) -> Self {
        let limits = Arc::new(limits);
        Self { tls, carriers, limits, wakes, links_so_far: Arc::default(), joiners: None }
    }

    /// The same for a server of a network with members: machines may join through it.
    pub(crate) fn with_joiners(mut self, joiners: Joiners) -> Self {
        self.joiners = Some(joiners);
        self
    }

    /// The way in for those who want to become members.
    pub(crate) const fn joiners(&self) -> Option<&Joiners> {
        self.joiners.as_ref()
    }

    /// The keys and rules of its connections.
    pub(crate) const fn tls(&self) -> &Tls {
        &self.tls
    }

    /// What carries its connections.
    pub(crate) const fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// The maxima.
    pub(crate) const fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The way to the driver.
    pub(crate) const fn wakes(&self) -> &WakeSender {
        &self.wakes
    }

    /// Makes a link of a connection whose handshake is done and tells the driver of it.
    pub(crate) async fn open_link(&self, stream: SecureStream, direction: Direction) {
        let link = LinkId(self.links_so_far.fetch_add(1, Ordering::Relaxed));
        let (peer, invited_as) = (stream.peer(), stream.invited_as());
        let queue = Arc::new(Queue::new(&self.limits));
        let remote = stream.remote().into();
        let (reading, writing) = halves::split(stream);
        tracing::info!(link = link.0, peer = %peer, remote, ?direction, "link opened");
        let open =
            Open { link, peer, remote, close_when_dropped: CloseWhenDropped(Arc::clone(&queue)) };
        let handle = LinkHandle { open: Arc::new(open) };
        let opened = Wake::LinkOpened { link, direction, peer, invited_as, handle };
        if self.wakes.send(opened).await.is_err() {
            // The driver has ended, and with it all that a link could be for.
            return;
        }
        let reader = reader::Reader {
            link,
            half: reading,
            queue: Arc::clone(&queue),
            wakes: self.wakes.clone(),
            stranger: direction == Direction::Down,
        };
        let reader = tokio::spawn(reader.run());
        let stall_patience = self.limits.stalled_link_timeout;
        tokio::spawn(
            writer::Writer::new(link, writing, queue, self.wakes.clone())
                .run(reader, stall_patience),
        );
    }
}

/// The way to send on one link. Cheap to clone; when the last clone is dropped the link closes.
#[derive(Debug, Clone)]
pub(crate) struct LinkHandle {
    open: Arc<Open>,
}

#[derive(Debug)]
struct Open {
    link: LinkId,
    peer: NodeId,
    remote: Box<str>,
    close_when_dropped: CloseWhenDropped,
}

#[derive(Debug)]
struct CloseWhenDropped(Arc<Queue>);

impl Drop for CloseWhenDropped {
    fn drop(&mut self) {
        self.0.close(CloseReason::Lost);
    }
}

impl LinkHandle {
    /// Queues a frame; never blocks. There is no flush: the first frame into an empty queue wakes
    /// the writer, and it takes all that has gathered until it runs.
    ///
    /// Look at [`Self::is_congested`] after each push and wait with [`Self::wait_for_room`] if it
    /// is: a queue at its hard limit closes the link as `SlowReader`. Pushing on a link that is
    /// closed or closing does nothing; `Wake::LinkClosed` tells.
    pub(crate) fn push(&self, frame: Frame) {
        self.queue().push(frame);
    }

    /// Is half of the queue taken, so that the next push should wait? One atomic load.
    pub(crate) fn is_congested(&self) -> bool {
        self.queue().is_congested()
    }

    /// Has it been congested for 50 ms, so that nobody should wait for it? One atomic load.
    /// `Wake::LinkStalled` has been told or is about to be.
    pub(crate) fn is_stalled(&self) -> bool {
        self.queue().is_stalled()
    }

    /// Returns once a quarter of the queue is taken or less, or the link is stalled or closed. So
    /// it takes about 50 ms at the most, and the driver may await it in its turn.
    pub(crate) async fn wait_for_room(&self) {
        self.queue().wait_for_room().await;
    }

    /// Closes the link after all that was pushed before has left, 2 s at the most. The first reason
    /// counts. `Wake::LinkClosed` follows.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.queue().close(reason);
    }

    /// The number of the link.
    pub(crate) fn link(&self) -> LinkId {
        self.open.link
    }

    /// Who the other end proved to be.
    pub(crate) fn peer(&self) -> NodeId {
        self.open.peer
    }

    /// Where the other end is, for people.
    pub(crate) fn remote(&self) -> &str {
        &self.open.remote
    }

    fn queue(&self) -> &Queue {
        &self.open.close_when_dropped.0
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

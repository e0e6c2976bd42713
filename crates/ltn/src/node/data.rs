//! Streams and transfers, as programs open them and take them.

use std::sync::PoisonError;

use ltn_proto::Target;
use tokio::sync::mpsc;

use super::Node;
use crate::error::StreamError;
use crate::streams::{DataStream, Errand};
use crate::transfer::IncomingTransfers;
use crate::words::IntoTarget;

impl Node {
    /// Opens a stream of bytes to another node, hop by hop over connections of its own, so that it
    /// is in nobody's way.
    pub async fn open_stream(&self, to: impl IntoTarget) -> Result<DataStream, StreamError> {
        let to = to.into_target().map_err(StreamError::Target)?;
        self.open_stream_for(to, Errand::PROGRAM).await
    }

    pub(crate) async fn open_stream_for(
        &self,
        to: Target,
        errand: Errand,
    ) -> Result<DataStream, StreamError> {
        let destination = match to {
            Target::Id(id) => id,
            target => self.locate(target).await.map_err(StreamError::Target)?.id,
        };
        self.shared.streams.open(destination, errand).await
    }

    /// Takes the queue of streams that others open to this node; there is one, and the first who
    /// asks gets it. Up to 64 streams wait in it, further ones are refused as busy.
    #[must_use]
    pub fn incoming_streams(&self) -> Option<mpsc::Receiver<DataStream>> {
        self.queues.streams.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes the queue of transfers that others offer to this node; there is one, and the first who
    /// asks gets it. Until then transfers are refused; up to 64 wait in it, further ones are
    /// refused as busy.
    #[must_use]
    pub fn incoming_transfers(&self) -> Option<IncomingTransfers> {
        let queue = self.queues.transfers.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.shared.streams.take_transfers();
        Some(IncomingTransfers::new(queue))
    }
}

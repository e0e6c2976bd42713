//! The receiving end of a transfer: nothing comes before the program has said yes, and nothing
//! beyond what it is willing to take.

use bytes::Bytes;
use ltn_proto::{NodeId, Refusal, RefusalKind, Value};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

use super::sending::{PIECE_BYTES, within};
use super::words::{self, Offer};
use super::{DataKind, Progress, Receipt};
use crate::error::TransferError;
use crate::streams::{Arrival, DataStream};

/// The transfers that others offer to a node.
#[derive(Debug)]
pub struct IncomingTransfers {
    queue: mpsc::Receiver<Arrival>,
}

/// A transfer that another node offers. Take it with one of the methods, or refuse it; one that is
/// dropped has failed.
#[derive(Debug)]
pub struct IncomingTransfer {
    offer: Offer,
    stream: DataStream,
    progress: watch::Sender<Progress>,
}

impl IncomingTransfers {
    pub(crate) const fn new(queue: mpsc::Receiver<Arrival>) -> Self {
        Self { queue }
    }

    /// The next one; `None` when the node has stopped.
    pub async fn recv(&mut self) -> Option<IncomingTransfer> {
        loop {
            let Arrival { about, stream } = self.queue.recv().await?;
            match Offer::from_bytes(&about) {
                Ok(offer) => return Some(IncomingTransfer::new(offer, stream)),
                Err(error) => stream.abort(&error.to_string()),
            }
        }
    }
}

impl IncomingTransfer {
    fn new(offer: Offer, stream: DataStream) -> Self {
        let progress = watch::Sender::new(Progress { bytes: 0, total: offer.size });
        Self { offer, stream, progress }
    }

    /// Who sends it.
    #[must_use]
    pub const fn from(&self) -> NodeId {
        self.stream.peer()
    }

    /// What the sender calls it: text from others, of at most 255 bytes and without control
    /// characters, and no path that may be used as it is (see [`Self::save_in`]).
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.offer.name.as_deref()
    }

    /// How many bytes the sender says it has, if he knows.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.offer.size
    }

    /// Bytes, or a value?
    #[must_use]
    pub const fn kind(&self) -> DataKind {
        self.offer.kind
    }

    /// How far it is; changes as it goes on. Bytes count when the writer has taken them.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Does not want it, and says why (the first 512 bytes of it).
    pub async fn refuse(self, why: &str) {
        self.refuse_as(Refusal::new(RefusalKind::NotPossible, why)).await;
    }

    async fn refuse_as(mut self, refusal: Refusal) {
        // If the sender has gone meanwhile nobody needs the reason.
        let _ = within(words::refuse(&mut self.stream, &refusal)).await;
    }

    /// Takes all of it into this writer, at the writer's own speed. What is larger than `bytes_max`
    /// is refused, or given up as soon as it is seen.
    ///
    /// # Errors
    /// The transfer broke, or the writer did; the sender has been told. What was written is then a
    /// part of the whole and not to be trusted.
    pub async fn write_to(
        self,
        writer: &mut (impl AsyncWrite + Unpin),
        bytes_max: u64,
    ) -> Result<Receipt, TransferError> {
        self.write_and_settle(writer, bytes_max, async |_| Ok(())).await
    }

    /// As [`Self::write_to`]; `settle` comes last before the sender hears that all is well.
    pub(super) async fn write_and_settle<W: AsyncWrite + Unpin>(
        mut self,
        writer: &mut W,
        bytes_max: u64,
        settle: impl AsyncFnOnce(&mut W) -> std::io::Result<()>,
    ) -> Result<Receipt, TransferError> {
        if let Some(size) = self.offer.size.filter(|size| *size > bytes_max) {
            let refusal = too_large(size, bytes_max);
            self.refuse_as(refusal.clone()).await;
            return Err(TransferError::Refused(refusal));
        }
        let taken = async {
            within(words::accept(&mut self.stream)).await?;
            let digest = take(&mut self.stream, writer, &self.progress, bytes_max).await?;
            let bytes = self.stream.bytes_read();
            if let Some(size) = self.offer.size.filter(|size| *size != bytes) {
                let text = format!("{bytes} bytes came, and {size} were announced");
                return Err(TransferError::Failed(text));
            }
            writer.flush().await.map_err(TransferError::writer)?;
            settle(writer).await.map_err(TransferError::writer)?;
            let receipt = Receipt { bytes, digest };
            within(receipt.write(&mut self.stream)).await?;
            Ok(receipt)
        };
        let taken = taken.await;
        if let Err(error) = &taken {
            self.stream.abort(&error.to_string());
        }
        taken
    }

    /// Takes all of it into memory, up to `bytes_max` bytes.
    ///
    /// # Errors
    /// See [`Self::write_to`].
    pub async fn into_bytes(self, bytes_max: usize) -> Result<Bytes, TransferError> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes, bytes_max as u64).await?;
        Ok(bytes.into())
    }

    /// Takes a value of up to `bytes_max` bytes in CBOR.
    ///
    /// # Errors
    /// See [`Self::write_to`]; also if what came is no value.
    pub async fn into_value(self, bytes_max: usize) -> Result<Value, TransferError> {
        if self.offer.kind != DataKind::Value {
            let refusal = Refusal::new(RefusalKind::NotPossible, "a value is wanted, not bytes");
            self.refuse_as(refusal.clone()).await;
            return Err(TransferError::Refused(refusal));
        }
        let bytes = self.into_bytes(bytes_max).await?;
        Value::from_cbor(&bytes).map_err(|bad| TransferError::Failed(bad.to_string()))
    }
}

/// Returns the digest of what it took.
async fn take(
    stream: &mut DataStream,
    writer: &mut (impl AsyncWrite + Unpin),
    progress: &watch::Sender<Progress>,
    bytes_max: u64,
) -> Result<[u8; 32], TransferError> {
    let mut digest = blake3::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = within(stream.read(&mut piece)).await?;
        if count == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(&piece[..count]);
        let bytes = stream.bytes_read();
        if bytes > bytes_max {
            return Err(TransferError::Refused(too_large(bytes, bytes_max)));
        }
        writer.write_all(&piece[..count]).await.map_err(TransferError::writer)?;
        progress.send_modify(|progress| progress.bytes = bytes);
    }
}

fn too_large(bytes: u64, bytes_max: u64) -> Refusal {
    let text = format!("it has {bytes} bytes or more, and at most {bytes_max} are taken here");
    Refusal::new(RefusalKind::TooLarge, text)
}

//! The sending end of a transfer. It reads its source no faster than the other end takes it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ltn_proto::{Refusal, RefusalKind, Target};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::words::{self, Offer};
use super::{Data, Progress, Receipt};
use crate::error::TransferError;
use crate::node::Node;
use crate::streams::{DataStream, Errand};
use crate::words::IntoTarget;

/// What is read of a source at one time.
pub(super) const PIECE_BYTES: usize = 256 * 1024;
/// How long the other program may think about an offer.
const DECISION_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a transfer may stand still: a pause, perhaps; whatever is longer is broken.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(600);

/// A transfer under way. Dropping it gives it up.
#[derive(Debug)]
pub struct Sending {
    progress: watch::Receiver<Progress>,
    give_up: Option<oneshot::Sender<String>>,
    result: oneshot::Receiver<Result<Receipt, TransferError>>,
}

impl Sending {
    /// How far it is; changes as it goes on. Bytes count when the network has taken them.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Gives it up. The other end gets to know this reason, and [`Self::finished`] says so too.
    pub fn abort(&mut self, why: &str) {
        if let Some(give_up) = self.give_up.take() {
            // If it has ended already there is nothing to give up.
            let _ = give_up.send(why.to_owned());
        }
    }

    /// Waits for the other program's word that it has everything.
    ///
    /// # Errors
    /// See [`Node::send_data`].
    pub async fn finished(mut self) -> Result<Receipt, TransferError> {
        (&mut self.result).await.unwrap_or(Err(TransferError::Stopped))
    }
}

impl Node {
    /// Sends something of any size and waits until the program there has all of it. It passes at
    /// the speed of the slowest on the way; neither the two ends nor the servers in between hold
    /// more than a few hundred KiB of it. Dropping this future gives the transfer up.
    ///
    /// # Errors
    /// Says whether the other program refused, or where and why the transfer broke. In every case
    /// but success the other program has been told, or will find, that it is not whole.
    pub async fn send_data(
        &self,
        to: impl IntoTarget,
        data: impl Into<Data>,
    ) -> Result<Receipt, TransferError> {
        self.start_sending(to, data)?.finished().await
    }

    /// As [`Self::send_data`], with a handle that shows the progress and can give it up.
    ///
    /// # Errors
    /// Only if the target cannot be read; everything else is told by [`Sending::finished`].
    pub fn start_sending(
        &self,
        to: impl IntoTarget,
        data: impl Into<Data>,
    ) -> Result<Sending, TransferError> {
        let (to, data) = (to.into_target().map_err(TransferError::Target)?, data.into());
        let total = data.size;
        let (told, progress) = watch::channel(Progress { bytes: 0, total });
        let (give_up, given_up) = oneshot::channel();
        let (result, ended) = oneshot::channel();
        let node = self.without_queues();
        tokio::spawn(async move {
            let mut stream = None;
            let sent = tokio::select! {
                sent = send(&node, to, data, &mut stream, told) => sent,
                why = why_given_up(given_up) => Err(TransferError::GivenUp(why)),
            };
            if let (Err(error), Some(stream)) = (&sent, stream) {
                stream.abort(&error.to_string());
            }
            // Whoever does not wait any more does not need to know.
            let _ = result.send(sent);
        });
        Ok(Sending { progress, give_up: Some(give_up), result: ended })
    }
}

async fn why_given_up(given_up: oneshot::Receiver<String>) -> String {
    given_up.await.unwrap_or_else(|_| "the sending program dropped it".to_owned())
}

async fn send(
    node: &Node,
    to: Target,
    data: Data,
    slot: &mut Option<DataStream>,
    told: watch::Sender<Progress>,
) -> Result<Receipt, TransferError> {
    let Data { kind, name, size, source } = data;
    let offer = Offer { kind, name, size };
    let stream = slot.insert(node.open_stream_for(to, Errand::transfer(offer.to_bytes())).await?);
    let verdict = timeout(DECISION_TIMEOUT, words::verdict(stream)).await.map_err(|_| {
        let text = format!("the program there did not decide within {DECISION_TIMEOUT:?}");
        TransferError::Refused(Refusal::new(RefusalKind::Busy, text))
    })?;
    verdict?.map_err(TransferError::Refused)?;
    let digest = pass_on(source, size, stream, &told).await?;
    within(stream.shutdown()).await?;
    let receipt = within(Receipt::read(stream)).await?;
    let own = Receipt { bytes: stream.bytes_written(), digest };
    if receipt == own { Ok(receipt) } else { Err(TransferError::Changed) }
}

/// The bytes, and not one more or less than was said. Returns their digest.
async fn pass_on(
    mut source: Pin<Box<dyn AsyncRead + Send>>,
    size: Option<u64>,
    stream: &mut DataStream,
    told: &watch::Sender<Progress>,
) -> Result<[u8; 32], TransferError> {
    let mut digest = blake3::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = source.read(&mut piece).await.map_err(TransferError::source)?;
        let bytes = stream.bytes_written() + count as u64;
        if size.is_some_and(|size| bytes > size || (count == 0 && bytes < size)) {
            let size = size.unwrap_or_default();
            let what = if count == 0 { "ended after" } else { "did not end after" };
            let at = if count == 0 { bytes } else { size };
            let text = format!("the source {what} {at} bytes, and {size} were announced");
            return Err(TransferError::Source(text));
        }
        if count == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(&piece[..count]);
        within(stream.write_all(&piece[..count])).await?;
        told.send_modify(|progress| progress.bytes = bytes);
    }
}

/// Nothing stands still for ever.
pub(super) async fn within<T>(
    step: impl Future<Output = std::io::Result<T>>,
) -> Result<T, TransferError> {
    match timeout(STALL_TIMEOUT, step).await {
        Ok(done) => done.map_err(TransferError::from),
        Err(_) => {
            let text = format!("nothing went on for {} s", STALL_TIMEOUT.as_secs());
            Err(TransferError::Failed(text))
        }
    }
}

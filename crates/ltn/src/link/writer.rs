//! The writer of one link: queued frames out, many in one TLS write; and the end of the link.
//!
//! It is the one task that ends a link. Whoever finds a reason (the driver, the reader, the queue)
//! leaves a verdict in the queue; the writer acts on it and tells the driver once.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use ltn_proto::{CloseReason, LinkId, codec};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::halves::WriteHalf;
use super::holding;
use super::queue::{CLOSE_PATIENCE, CONGESTION_PATIENCE, Lanes, Load, Queue, Verdict};
use crate::wake::{Wake, WakeSender};

/// What goes into one TLS write: a frame more than this closes the batch. Larger batches gain
/// nothing and would let a ping wait longer.
const BATCH_BYTES: usize = 64 * 1024;
/// An idle writer keeps a buffer of this size; a larger one is given back.
const IDLE_BYTES_MAX: usize = 512;
/// What arrives on a link that is being closed is thrown away in pieces of this size.
const DISCARD_BYTES: usize = 64 * 1024;

/// All that a writer task needs.
#[derive(Debug)]
pub(super) struct Writer {
    link: LinkId,
    half: WriteHalf,
    queue: Arc<Queue>,
    wakes: WakeSender,
    /// What the driver was last told of stalling.
    stall_told: bool,
}

impl Writer {
    /// A writer that has not started.
    pub(super) const fn new(
        link: LinkId,
        half: WriteHalf,
        queue: Arc<Queue>,
        wakes: WakeSender,
    ) -> Self {
        Self { link, half, queue, wakes, stall_told: false }
    }

    /// Writes until there is a verdict, then ends the link in good order.
    pub(super) async fn run(mut self, mut reader: JoinHandle<()>, stall_patience: Duration) {
        let found = self.write(stall_patience).await;
        if self.queue.verdict().is_none() {
            // The connection broke under a write. What the other end said before may still be on
            // its way to the driver, its reason for closing for example.
            self.queue.shut();
            let _ = timeout(CLOSE_PATIENCE, &mut reader).await;
        }
        self.queue.end(found.clone());
        let verdict = self.queue.verdict().unwrap_or(found);
        if !reader.is_finished() {
            reader.abort();
            // It ends at its next await; only then may the reading half change hands.
            let _ = reader.await;
        }
        self.say_goodbye(&verdict).await;
        let Self { link, half, wakes, .. } = self;
        // The socket is gone before the driver hears that it is.
        drop(half);
        tracing::info!(link = link.0, why = %verdict.why, text = verdict.text, "link closed");
        let closed = Wake::LinkClosed { link, why: verdict.why, text: verdict.text };
        // If the driver has ended there is nobody left to tell.
        let _ = wakes.send(closed).await;
    }

    async fn write(&mut self, stall_patience: Duration) -> Verdict {
        let mut lanes = Lanes::default();
        let mut encoded = Load::default();
        let mut buffer = BytesMut::new();
        loop {
            let verdict = self.queue.take(&mut lanes, std::mem::take(&mut encoded));
            if let Some(at_once) = verdict.as_ref().filter(|verdict| verdict.grace.is_none()) {
                return at_once.clone();
            }
            while buffer.len() < BATCH_BYTES
                && let Some(mut frame) = lanes.pop()
            {
                holding::end(&mut frame);
                encoded.add(&frame);
                codec::encode(&frame, &mut buffer);
            }
            if buffer.is_empty() {
                if let Some(verdict) = verdict {
                    return verdict;
                }
                self.rest(&mut lanes, &mut buffer).await;
                continue;
            }
            // The room of what is encoded is given back now: the queue fills while this is written.
            let verdict = self.queue.take(&mut lanes, std::mem::take(&mut encoded));
            if let Err(verdict) = self.write_batch(&buffer, verdict, stall_patience).await {
                return verdict;
            }
            buffer.clear();
            self.queue.check_stall();
            self.try_tell_stall();
        }
    }

    /// Nothing to do: gives memory back and waits for the next frame or verdict. A driver that was
    /// told of a stall hears of its end here at the latest.
    async fn rest(&mut self, lanes: &mut Lanes, buffer: &mut BytesMut) {
        lanes.rest();
        self.queue.rest();
        if buffer.capacity() > IDLE_BYTES_MAX {
            *buffer = BytesMut::new();
        }
        if self.stall_told == self.queue.is_stalled() {
            self.queue.something_for_the_writer().await;
            return;
        }
        tokio::select! {
            () = self.queue.something_for_the_writer() => {}
            permit = self.wakes.reserve() => {
                let stalled = self.queue.is_stalled();
                self.stall_told = stalled;
                if let Ok(permit) = permit {
                    permit.send(Wake::LinkStalled { link: self.link, stalled });
                }
            }
        }
    }

    /// Tells the driver of a stall or its end, if the channel has room. The writer never waits for
    /// the driver while it writes, because the driver may be waiting for the writer.
    fn try_tell_stall(&mut self) {
        let stalled = self.queue.is_stalled();
        if stalled == self.stall_told {
            return;
        }
        let wake = Wake::LinkStalled { link: self.link, stalled };
        if self.wakes.try_send(wake).is_ok() {
            self.stall_told = stalled;
        }
    }

    async fn write_batch(
        &mut self,
        bytes: &[u8],
        verdict: Option<Verdict>,
        stall_patience: Duration,
    ) -> Result<(), Verdict> {
        let half = self.half.clone();
        let mut write = pin!(half.write_all(bytes));
        // Nearly always the carrier takes it at once, and no timer has to be set.
        let at_once = poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await;
        match at_once {
            Poll::Ready(written) => written.map_err(|error| broken(&error)),
            Poll::Pending => self.wait_for_write(write, verdict, stall_patience).await,
        }
    }

    async fn wait_for_write(
        &mut self,
        mut write: Pin<&mut impl Future<Output = io::Result<()>>>,
        mut verdict: Option<Verdict>,
        stall_patience: Duration,
    ) -> Result<(), Verdict> {
        let mut sent = self.half.bytes_sent();
        let mut gives_up_at = Instant::now() + stall_patience;
        loop {
            let grace = verdict.as_ref().and_then(|verdict| verdict.grace);
            let untold = verdict.is_none() && self.stall_told != self.queue.is_stalled();
            let tells_at = untold.then(|| Instant::now() + CONGESTION_PATIENCE);
            let checks_at = [self.queue.stalls_at(), grace, tells_at]
                .into_iter()
                .flatten()
                .fold(gives_up_at, Instant::min);
            tokio::select! {
                biased;
                written = &mut write => return written.map_err(|error| broken(&error)),
                () = self.queue.something_for_the_writer() => {}
                () = sleep_until(checks_at) => {}
            }
            let now = Instant::now();
            verdict = self.queue.verdict();
            match &verdict {
                Some(verdict) if verdict.grace.is_none_or(|until| until <= now) => {
                    return Err(verdict.clone());
                }
                // Of a link that is ending, only the end is still worth telling.
                Some(_) => {}
                None => {
                    self.queue.check_stall();
                    self.try_tell_stall();
                }
            }
            let sent_by_now = self.half.bytes_sent();
            if sent_by_now != sent {
                sent = sent_by_now;
                gives_up_at = now + stall_patience;
            } else if gives_up_at <= now {
                return Err(Verdict::now(
                    CloseReason::SlowReader,
                    format!("the other end has read nothing for {stall_patience:?}"),
                ));
            }
        }
    }

    async fn say_goodbye(&self, verdict: &Verdict) {
        let Some(until) = verdict.grace else {
            // As much of a goodbye as the carrier takes without waiting.
            poll_fn(|cx| Poll::Ready(self.half.poll_shutdown(cx).is_ready())).await;
            return;
        };
        // What the other end still says is read and thrown away until it closes too: a socket that
        // is closed with unread bytes would take back what has not arrived yet.
        let discard = async {
            let mut reading = self.half.reading();
            let mut nothing = BytesMut::new();
            while let Ok(1..) = reading.read_all_there_is(&mut nothing, DISCARD_BYTES).await {
                nothing.clear();
            }
        };
        let _ = timeout_at(until, async {
            if self.half.shutdown().await.is_ok() {
                discard.await;
            }
        })
        .await;
    }
}

fn broken(error: &io::Error) -> Verdict {
    Verdict::now(CloseReason::Lost, format!("the connection broke: {error}"))
}

//! Frames that nobody answers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::compare::Contestant;
use super::frames::{Frames, encoded};
use super::tls::Tls;

/// How many frames go out together where they may.
const BATCH: usize = 512;

/// How frames are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// Many with one write, as somebody would who has them all at hand.
    Batched,
    /// Each by itself.
    Single,
}

/// A sender; its receiver counts until a frame without payload, then reports.
pub(crate) struct OneWay {
    peer: Frames,
    batch: Bytes,
    frames: usize,
    counts: mpsc::Receiver<usize>,
}

impl OneWay {
    pub(crate) async fn new(payload_bytes: u32, writes: Writes) -> Result<Self> {
        let (near, far) = Tls::new()?.pair().await?;
        let (report, counts) = mpsc::channel(1);
        tokio::spawn(count(Frames::new(far), report));
        let frames = if writes == Writes::Batched { BATCH } else { 1 };
        Ok(Self { peer: Frames::new(near), batch: encoded(frames, payload_bytes), frames, counts })
    }
}

/// Counts what comes in; a round ends with an empty frame.
async fn count(mut peer: Frames, report: mpsc::Sender<usize>) -> Result<()> {
    let end = encoded(1, 0);
    let mut total = 0;
    while let Some((frames, count)) = peer.read().await? {
        total += count;
        // No payload of ours ends in what an empty frame looks like.
        if frames.ends_with(&end) {
            report.send(total - 1).await?;
            total = 0;
        }
    }
    Ok(())
}

impl Contestant for OneWay {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < length {
            self.peer.write(&self.batch).await?;
            sent += self.frames;
        }
        self.peer.write(&encoded(1, 0)).await?;
        let delivered = self.counts.recv().await.context("the receiver went away")?;
        let seconds = start.elapsed().as_secs_f64();
        let lost = (sent - delivered) as f64 / sent as f64;
        Ok(vec![delivered as f64 / seconds, lost])
    }
}

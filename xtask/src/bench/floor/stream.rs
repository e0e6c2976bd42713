//! A long row of bytes in pieces of one size.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::super::compare::Contestant;
use super::tls::{Stream, Tls};

/// A sender; its receiver reports each time that all the bytes of a round are there.
pub(crate) struct Streaming {
    peer: Stream,
    piece: Vec<u8>,
    total_bytes: usize,
    arrived: mpsc::Receiver<()>,
}

impl Streaming {
    pub(crate) async fn new(total_bytes: usize, piece_bytes: usize) -> Result<Self> {
        let (peer, far) = Tls::new()?.pair().await?;
        let (report, arrived) = mpsc::channel(1);
        tokio::spawn(receive(far, total_bytes, piece_bytes, report));
        Ok(Self { peer, piece: vec![0x5a; piece_bytes], total_bytes, arrived })
    }
}

async fn receive(
    mut peer: Stream,
    total_bytes: usize,
    piece_bytes: usize,
    report: mpsc::Sender<()>,
) -> Result<()> {
    let mut buffer = vec![0; piece_bytes];
    loop {
        let mut missing = total_bytes;
        while missing > 0 {
            let most = missing.min(piece_bytes);
            match peer.read(&mut buffer[..most]).await? {
                0 => return Ok(()),
                bytes => missing -= bytes,
            }
        }
        report.send(()).await?;
    }
}

impl Contestant for Streaming {
    /// One row of bytes, however long it takes.
    async fn round(&mut self, _: Duration) -> Result<Vec<f64>> {
        let start = Instant::now();
        for _ in 0..self.total_bytes / self.piece.len() {
            self.peer.write_all(&self.piece).await?;
        }
        self.peer.flush().await?;
        self.arrived.recv().await.context("the receiver went away")?;
        Ok(vec![self.total_bytes as f64 / start.elapsed().as_secs_f64()])
    }
}

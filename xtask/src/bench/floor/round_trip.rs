//! Frames that come back: one at a time, or many in flight.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;

use super::super::compare::{Contestant, Samples};
use super::frames::{Frames, encoded, to_echo};
use super::tls::Tls;

/// One frame at a time.
pub(crate) struct RoundTrip {
    peer: Frames,
    frame: Bytes,
}

impl RoundTrip {
    pub(crate) async fn new(relays: usize, payload_bytes: u32) -> Result<Self> {
        let peer = to_echo(&Tls::new()?, relays).await?;
        Ok(Self { peer, frame: encoded(1, payload_bytes) })
    }
}

impl Contestant for RoundTrip {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let mut samples = Samples::new(length);
        while samples.wants_more() {
            let start = Instant::now();
            self.peer.write(&self.frame).await?;
            self.peer.read().await?.context("the echo went away")?;
            samples.push(start);
        }
        Ok(samples.p50_and_p99())
    }
}

/// Always so many frames under way.
pub(crate) struct InFlight {
    peer: Frames,
    first: Bytes,
    in_flight: usize,
}

impl InFlight {
    pub(crate) async fn new(relays: usize, payload_bytes: u32, in_flight: usize) -> Result<Self> {
        let peer = to_echo(&Tls::new()?, relays).await?;
        Ok(Self { peer, first: encoded(in_flight, payload_bytes), in_flight })
    }
}

impl Contestant for InFlight {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let start = Instant::now();
        let mut done = 0_usize;
        let mut under_way = self.in_flight;
        self.peer.write(&self.first).await?;
        while under_way > 0 {
            let (frames, count) = self.peer.read().await?.context("the echo went away")?;
            done += count;
            // What has come back goes out again as it is: as many writes as there were reads.
            if start.elapsed() < length {
                self.peer.write(&frames).await?;
            } else {
                under_way -= count;
            }
        }
        Ok(vec![done as f64 / start.elapsed().as_secs_f64()])
    }
}

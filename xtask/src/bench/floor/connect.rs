//! Handshakes: a connection, both certificates checked, one byte to say that both are content.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::compare::{Contestant, Samples};
use super::tls::{Stream, Tls, listen};

/// Somebody who connects again and again.
pub(crate) struct Connecting {
    tls: Tls,
    server: SocketAddr,
}

impl Connecting {
    pub(crate) async fn new() -> Result<Self> {
        let tls = Tls::new()?;
        let listener = listen().await?;
        let server = listener.local_addr()?;
        tokio::spawn(serve(tls.clone(), listener));
        Ok(Self { tls, server })
    }
}

async fn serve(tls: Tls, listener: TcpListener) -> Result<()> {
    loop {
        let peer = tls.accept(&listener).await?;
        tokio::spawn(welcome(peer));
    }
}

async fn welcome(mut peer: Stream) -> Result<()> {
    peer.write_u8(1).await?;
    peer.flush().await?;
    // Stays until the other end has gone, as a server would.
    peer.read_u8().await?;
    Ok(())
}

impl Contestant for Connecting {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let mut samples = Samples::new(length);
        while samples.wants_more() {
            let start = Instant::now();
            let mut peer = self.tls.dial(self.server).await?;
            peer.read_u8().await?;
            samples.push(start);
            peer.shutdown().await?;
        }
        Ok(samples.p50_and_p99())
    }
}

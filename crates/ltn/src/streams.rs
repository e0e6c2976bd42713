//! Data streams: bytes both ways, in order, with back-pressure, between any two nodes.
//!
//! The bytes never touch the mind nor a link. They go hop by hop over data connections of their
//! own; `streams/hop.rs` says what is spoken on one, `streams/hub.rs` who has which connections and
//! passes bytes on. This file is what the two ends of a stream see: they cut it into chunks and end
//! it with its length and digest, so that a stream which was cut short or changed on the way is an
//! error and never a short success.

mod hop;
mod hub;
#[cfg(test)]
mod tests;
mod tickets;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use ltn_proto::NodeId;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use hub::{StreamEnds, Streams};

use crate::tls::DataConnection;

/// The most bytes of one chunk: a few TLS records, so that heads cost nothing.
const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// The head of a chunk: how many bytes follow; 0 is the end.
const HEAD_BYTES: usize = 4;
/// Behind the end: how many bytes there were in all, and their SHA-256.
const TRAILER_BYTES: usize = 8 + 32;

/// A stream of bytes to and from another node. Reading ends with `Ok(0)` only if everything that
/// the other end wrote has arrived unchanged; anything else is an error. Shut the writing side down
/// (`AsyncWriteExt::shutdown`) when all is written: a stream that is merely dropped was cut short.
#[derive(Debug)]
pub struct DataStream {
    peer: NodeId,
    connection: DataConnection,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl DataStream {
    fn new(peer: NodeId, connection: DataConnection) -> Self {
        Self { peer, connection, incoming: Incoming::default(), outgoing: Outgoing::default() }
    }

    /// The node at the other end: who opened it, or whom it was opened to.
    #[must_use]
    pub const fn peer(&self) -> NodeId {
        self.peer
    }
}

/// Length and digest of one direction so far.
#[derive(Debug, Default)]
struct Tally {
    bytes: u64,
    digest: Sha256,
}

impl Tally {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.digest.update(bytes);
    }

    fn trailer(&mut self) -> [u8; TRAILER_BYTES] {
        let mut trailer = [0; TRAILER_BYTES];
        trailer[..8].copy_from_slice(&self.bytes.to_be_bytes());
        trailer[8..].copy_from_slice(&std::mem::take(&mut self.digest).finalize());
        trailer
    }
}

#[derive(Debug, Default)]
struct Incoming {
    tally: Tally,
    /// What has been read of a head or of the trailer.
    partial: BytesMut,
    /// What has not been read of the chunk.
    left: usize,
    state: Reading,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    Head,
    Chunk,
    Trailer,
    Ended,
}

#[derive(Debug, Default)]
struct Outgoing {
    tally: Tally,
    /// What the connection has not taken yet: never more than one chunk and a trailer.
    pending: BytesMut,
    ended: bool,
}

impl AsyncRead for DataStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { connection, incoming, .. } = self.get_mut();
        loop {
            match incoming.state {
                Reading::Ended => return Poll::Ready(Ok(())),
                Reading::Chunk => return incoming.poll_chunk(connection, cx, into),
                Reading::Head => {
                    ready!(incoming.poll_partial(connection, cx, HEAD_BYTES))?;
                    incoming.left = incoming.partial.get_u32() as usize;
                    incoming.state = match incoming.left {
                        0 => Reading::Trailer,
                        1..=CHUNK_BYTES_MAX => Reading::Chunk,
                        _ => return Poll::Ready(Err(wrong("a chunk is too large"))),
                    };
                }
                Reading::Trailer => {
                    ready!(incoming.poll_partial(connection, cx, TRAILER_BYTES))?;
                    let said = incoming.partial.split();
                    if said[..] != incoming.tally.trailer() {
                        return Poll::Ready(Err(wrong("length or digest do not match")));
                    }
                    incoming.state = Reading::Ended;
                }
            }
        }
    }
}

impl Incoming {
    fn poll_chunk(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let wanted = self.left.min(into.remaining());
        let mut part = ReadBuf::new(into.initialize_unfilled_to(wanted));
        ready!(Pin::new(connection).poll_read(cx, &mut part))?;
        let count = part.filled().len();
        if count == 0 {
            return Poll::Ready(Err(cut_short()));
        }
        self.tally.add(part.filled());
        into.advance(count);
        self.left -= count;
        if self.left == 0 {
            self.state = Reading::Head;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_partial(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<()>> {
        while self.partial.len() < wanted {
            let mut bytes = [0; TRAILER_BYTES];
            let mut part = ReadBuf::new(&mut bytes[..wanted - self.partial.len()]);
            ready!(Pin::new(&mut *connection).poll_read(cx, &mut part))?;
            if part.filled().is_empty() {
                return Poll::Ready(Err(cut_short()));
            }
            self.partial.extend_from_slice(part.filled());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DataStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { connection, outgoing, .. } = self.get_mut();
        if outgoing.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(outgoing.poll_pending(connection, cx))?;
        let chunk = &bytes[..bytes.len().min(CHUNK_BYTES_MAX)];
        if chunk.is_empty() {
            return Poll::Ready(Ok(0));
        }
        outgoing.tally.add(chunk);
        outgoing.pending.reserve(HEAD_BYTES + chunk.len());
        // It fits: a chunk is at most CHUNK_BYTES_MAX long.
        outgoing.pending.put_u32(chunk.len() as u32);
        outgoing.pending.put_slice(chunk);
        match outgoing.poll_pending(connection, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What the connection has no room for yet goes first next time.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(chunk.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { connection, outgoing, .. } = self.get_mut();
        ready!(outgoing.poll_pending(connection, cx))?;
        Pin::new(connection).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { connection, outgoing, .. } = self.get_mut();
        if !outgoing.ended {
            outgoing.ended = true;
            outgoing.pending.put_u32(0);
            let trailer = outgoing.tally.trailer();
            outgoing.pending.put_slice(&trailer);
        }
        ready!(outgoing.poll_pending(connection, cx))?;
        Pin::new(connection).poll_shutdown(cx)
    }
}

impl Outgoing {
    fn poll_pending(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let count = ready!(Pin::new(&mut *connection).poll_write(cx, &self.pending))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.advance(count);
        }
        Poll::Ready(Ok(()))
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the stream was changed on its way: {what}"))
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream broke off before its end")
}

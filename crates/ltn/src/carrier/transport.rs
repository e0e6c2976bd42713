//! A carried connection as TLS sees it: few system calls, and a count of what has left.
//!
//! TLS asks for its input in pieces of 4 KiB. Here one read takes all that has arrived, up to
//! [`READ_AHEAD_BYTES_MAX`], into a buffer that is lent by the thread and goes back when TLS has
//! taken everything, so a connection that is idle keeps nothing, and no byte is copied for it.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ByteStream;

/// What one read takes at the most.
const READ_AHEAD_BYTES_MAX: usize = 64 * 1024;

/// So little is copied rather than to keep a whole buffer for it.
const COPIED_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer of [`READ_AHEAD_BYTES_MAX`].
fn borrow() -> Vec<u8> {
    let spare = SPARE.take();
    if spare.is_empty() { vec![0; READ_AHEAD_BYTES_MAX] } else { spare }
}

fn give_back(buffer: Vec<u8>) {
    if buffer.len() == READ_AHEAD_BYTES_MAX {
        SPARE.set(buffer);
    }
}

/// A byte stream that reads ahead and counts what it has written.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: Box<dyn ByteStream>,
    ahead: Vec<u8>,
    ahead_taken: usize,
    ahead_end: usize,
    bytes_sent: u64,
}

impl Transport {
    /// Wraps a connection.
    pub(crate) fn new(stream: Box<dyn ByteStream>) -> Self {
        Self { stream, ahead: Vec::new(), ahead_taken: 0, ahead_end: 0, bytes_sent: 0 }
    }

    /// How many bytes the carrier has taken so far: whoever waits for a peer that reads slowly sees
    /// here that it does read.
    pub(crate) const fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    fn take_ahead(&mut self, into: &mut ReadBuf<'_>) {
        let rest = &self.ahead[self.ahead_taken..self.ahead_end];
        let count = rest.len().min(into.remaining());
        into.put_slice(&rest[..count]);
        self.ahead_taken += count;
        if self.ahead_taken == self.ahead_end {
            give_back(std::mem::take(&mut self.ahead));
            (self.ahead_taken, self.ahead_end) = (0, 0);
        }
    }

    fn keep(&mut self, buffer: Vec<u8>, count: usize) {
        if count <= COPIED_BYTES_MAX {
            self.ahead = buffer[..count].to_vec();
            give_back(buffer);
        } else {
            self.ahead = buffer;
        }
        self.ahead_end = count;
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead_end == 0 {
            let mut buffer = borrow();
            let mut arrived = ReadBuf::new(&mut buffer);
            let read = Pin::new(&mut this.stream).poll_read(cx, &mut arrived);
            let count = arrived.filled().len();
            if count <= into.remaining() {
                into.put_slice(&buffer[..count]);
                give_back(buffer);
                return read;
            }
            this.keep(buffer, count);
            ready!(read)?;
        }
        this.take_ahead(into);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes))?;
        this.bytes_sent += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, slices))?;
        this.bytes_sent += count as u64;
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn all_bytes_come_through_in_order_whatever_the_pieces() {
        let (mut near, far) = tokio::io::duplex(100_000);
        let sent: Vec<u8> = (0..90_000_u32).map(|i| (i % 251) as u8).collect();
        near.write_all(&sent).await.unwrap();
        drop(near);
        let mut transport = Transport::new(Box::new(far));
        let mut received = Vec::new();
        let mut piece = [0; 777];
        loop {
            let count = transport.read(&mut piece).await.unwrap();
            if count == 0 {
                break;
            }
            received.extend_from_slice(&piece[..count]);
        }
        assert_eq!(received, sent);
        assert_eq!(transport.ahead.capacity(), 0, "an idle connection keeps no buffer");
    }

    #[tokio::test]
    async fn what_has_left_is_counted() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut transport = Transport::new(Box::new(near));
        transport.write_all(b"12345678").await.unwrap();
        assert_eq!(transport.bytes_sent(), 8);
        let mut read = [0; 8];
        far.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"12345678");
    }
}

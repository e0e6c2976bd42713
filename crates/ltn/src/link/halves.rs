//! The two directions of one encrypted stream, each usable by a task of its own.
//!
//! TLS keeps one state for both, so they share it under a lock that is held for one poll, never
//! across an await. Knows nothing of frames.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncBufRead, AsyncWrite};

use crate::tls::SecureStream;

/// One TLS record. Where one read brings this much, more is likely behind it.
const RECORD_BYTES: usize = 16 * 1024;

#[derive(Debug)]
struct Shared(Mutex<SecureStream>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, SecureStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes in.
#[derive(Debug)]
pub(super) struct ReadHalf(Arc<Shared>);

/// What goes out.
#[derive(Debug, Clone)]
pub(super) struct WriteHalf(Arc<Shared>);

/// Takes a stream apart.
pub(super) fn split(stream: SecureStream) -> (ReadHalf, WriteHalf) {
    let shared = Arc::new(Shared(Mutex::new(stream)));
    (ReadHalf(Arc::clone(&shared)), WriteHalf(shared))
}

impl ReadHalf {
    /// Waits until something has arrived and appends all of it, until `into` holds `bytes_max` or a
    /// little more. Returns how much that was; 0 is the end. Safe to drop half-way.
    pub(super) async fn read_all_there_is(
        &mut self,
        into: &mut BytesMut,
        bytes_max: usize,
    ) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut stream = self.0.lock();
            let before = into.len();
            loop {
                let there = Pin::new(&mut *stream).poll_fill_buf(cx);
                let so_far = into.len() - before;
                let piece = match there {
                    // What was read before the error or the end counts; both come again.
                    Poll::Pending | Poll::Ready(Err(_) | Ok([])) if so_far > 0 => {
                        return Poll::Ready(Ok(so_far));
                    }
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(piece)) => piece,
                };
                if piece.is_empty() {
                    return Poll::Ready(Ok(0));
                }
                make_room(into, piece.len(), bytes_max);
                into.extend_from_slice(piece);
                let count = piece.len();
                Pin::new(&mut *stream).consume(count);
                if into.len() >= bytes_max {
                    return Poll::Ready(Ok(into.len() - before));
                }
            }
        })
        .await
    }
}

/// Small reads get what they need, so that their payloads keep no more memory than that alive; a
/// full record gets room for all that may follow it.
fn make_room(into: &mut BytesMut, count: usize, bytes_max: usize) {
    let expected = if count >= RECORD_BYTES { bytes_max.saturating_sub(into.len()) } else { 0 };
    if into.capacity() - into.len() < count {
        into.reserve(expected.max(count));
    }
}

impl WriteHalf {
    /// Writes all of it, down to the carrier. Not safe to drop half-way, except to give up.
    pub(super) async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        poll_fn(|cx| {
            let mut stream = self.0.lock();
            while !rest.is_empty() {
                match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => rest = &rest[count..],
                }
            }
            Pin::new(&mut *stream).poll_flush(cx)
        })
        .await
    }

    /// Says goodbye in TLS and in the carrier.
    pub(super) async fn shutdown(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_shutdown(cx)).await
    }

    /// As [`Self::shutdown`], as far as it goes at once.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock()).poll_shutdown(cx)
    }

    /// How many bytes the carrier has taken so far.
    pub(super) fn bytes_sent(&self) -> u64 {
        self.0.lock().bytes_sent()
    }

    /// The other direction again, for whoever ends the link when its reader is gone.
    pub(super) fn reading(&self) -> ReadHalf {
        ReadHalf(Arc::clone(&self.0))
    }
}

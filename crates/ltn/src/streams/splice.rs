//! A stream that passes through: whole chunks from one connection to the other, both ways, with
//! bounded buffers, until both ways have ended or one connection is lost.
//!
//! When one is lost, the other end is told by whom and why. This room knows nothing of nodes.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::chunks::{CHUNK_BYTES_MAX, Failure, HEAD_BYTES, Kind, first_whole, hung_up};
use crate::tls::DataConnection;

/// One direction holds at most so much: a chunk that is not whole yet, and what leaves meanwhile.
pub(super) const BUFFER_BYTES_MAX: usize = 2 * (HEAD_BYTES + CHUNK_BYTES_MAX);
/// How long a connection is read for nothing after its last words: hanging up on bytes that nobody
/// has read would destroy those words on their way.
const LINGER: Duration = Duration::from_secs(5);

/// Which of the two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Towards who opened the stream.
    Opener,
    /// Towards whom it was opened to.
    Target,
}

/// How a stream that passed through has ended.
#[derive(Debug)]
pub(super) enum Passed {
    /// Both ways to their ends, or to a failure that was passed on too.
    Through,
    /// One of the connections was lost, for this reason.
    Lost(Side, String),
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    buffer: BytesMut,
    /// So many bytes at the front are whole chunks.
    whole: usize,
    /// What ends this direction, if it is among them.
    last: Option<Kind>,
    /// It has left, too.
    done: bool,
}

/// Where one direction broke.
enum Broke {
    Reading(io::Error),
    Writing(io::Error),
}

/// Passes everything on until the end. `cut` ends it early, with which connection counts as lost
/// and why. `describe` says in words what was lost, for who is left.
pub(super) async fn pass(
    opener: &mut DataConnection,
    target: &mut DataConnection,
    cut: impl Future<Output = (Side, String)>,
    describe: impl Fn(Side, &str) -> Failure,
) -> Passed {
    let (mut down, mut up) = (Way::default(), Way::default());
    let lost = tokio::select! {
        lost = both(opener, target, &mut down, &mut up) => lost,
        lost = cut => Some(lost),
    };
    let Some((side, why)) = lost else {
        tokio::join!(linger(opener), linger(target));
        return Passed::Through;
    };
    let failure = describe(side, &why);
    let (way, left) = match side {
        Side::Opener => (down, target),
        Side::Target => (up, opener),
    };
    let words = way.last_words(&failure);
    say_goodbye(left, &words).await;
    Passed::Lost(side, why)
}

/// `None`: both ways have ended, or one with a failure, after which nothing is to be waited for.
async fn both(
    opener: &mut DataConnection,
    target: &mut DataConnection,
    down: &mut Way,
    up: &mut Way,
) -> Option<(Side, String)> {
    poll_fn(|cx| {
        let lost = match (down.poll(opener, target, cx), up.poll(target, opener, cx)) {
            (Poll::Ready(Err(Broke::Reading(error))), _)
            | (_, Poll::Ready(Err(Broke::Writing(error)))) => (Side::Opener, error.to_string()),
            (Poll::Ready(Err(Broke::Writing(error))), _)
            | (_, Poll::Ready(Err(Broke::Reading(error)))) => (Side::Target, error.to_string()),
            (Poll::Ready(Ok(Kind::Failure)), _) | (_, Poll::Ready(Ok(Kind::Failure))) => {
                return Poll::Ready(None);
            }
            (Poll::Ready(Ok(_)), Poll::Ready(Ok(_))) => return Poll::Ready(None),
            _ => return Poll::Pending,
        };
        Poll::Ready(Some(lost))
    })
    .await
}

impl Way {
    /// Ready with what ended it, when that has left.
    fn poll(
        &mut self,
        from: &mut DataConnection,
        to: &mut DataConnection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Kind, Broke>> {
        loop {
            ready!(self.poll_leave(to, cx)).map_err(Broke::Writing)?;
            if let Some(last) = self.last {
                if !self.done {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx)).map_err(Broke::Writing)?;
                    self.done = true;
                }
                return Poll::Ready(Ok(last));
            }
            if self.poll_arrive(from, cx).map_err(Broke::Reading)?.is_pending() {
                ready!(Pin::new(&mut *to).poll_flush(cx)).map_err(Broke::Writing)?;
                return Poll::Pending;
            }
        }
    }

    /// Writes the whole chunks.
    fn poll_leave(
        &mut self,
        to: &mut DataConnection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.whole > 0 {
            let count = ready!(Pin::new(&mut *to).poll_write(cx, &self.buffer[..self.whole]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(count);
            self.whole -= count;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what is there, until the buffer is full.
    fn poll_arrive(
        &mut self,
        from: &mut DataConnection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let before = self.buffer.len();
        // Less than one chunk is held back here, so there is always room for the rest of it.
        while self.buffer.len() < BUFFER_BYTES_MAX {
            let there = match Pin::new(&mut *from).poll_fill_buf(cx) {
                // What came before the error or the end counts; both come again.
                Poll::Pending | Poll::Ready(Err(_) | Ok([])) if self.buffer.len() > before => break,
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok([])) => return Poll::Ready(Err(hung_up())),
                Poll::Ready(Ok(there)) => there,
            };
            let count = there.len().min(BUFFER_BYTES_MAX - self.buffer.len());
            self.buffer.extend_from_slice(&there[..count]);
            Pin::new(&mut *from).consume(count);
        }
        self.find_whole()?;
        Poll::Ready(Ok(()))
    }

    fn find_whole(&mut self) -> io::Result<()> {
        while self.last.is_none()
            && let Some(found) = first_whole(&self.buffer[self.whole..])?
        {
            self.whole += found.bytes;
            if found.kind != Kind::Chunk {
                self.last = Some(found.kind);
                // Nothing may follow, so nothing of it is passed on.
                self.buffer.truncate(self.whole);
            }
        }
        Ok(())
    }

    /// What whoever is left is still told: the chunks that are whole, and that it failed.
    fn last_words(mut self, failure: &Failure) -> BytesMut {
        self.buffer.truncate(self.whole);
        if self.last.is_none() {
            failure.write(&mut self.buffer);
        }
        self.buffer
    }
}

/// Says the last words on a connection and hangs up when they have been heard, or had the time.
pub(super) async fn say_goodbye(connection: &mut DataConnection, words: &[u8]) {
    let said = timeout(LINGER, async {
        connection.write_all(words).await?;
        connection.shutdown().await
    });
    if matches!(said.await, Ok(Ok(()))) {
        linger(connection).await;
    }
}

/// Reads for nothing until the other end hangs up, or has had the time for it.
pub(super) async fn linger(connection: &mut DataConnection) {
    // Whatever ends it, it is over.
    let _ = timeout(LINGER, async {
        loop {
            match connection.fill_buf().await {
                Ok([]) | Err(_) => return,
                Ok(bytes) => {
                    let count = bytes.len();
                    connection.consume(count);
                }
            }
        }
    })
    .await;
}

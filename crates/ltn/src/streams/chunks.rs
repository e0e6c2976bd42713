//! How the bytes of one direction of a stream are cut, counted and ended on a data connection.
//!
//! ```text
//! chunk      1 to 65,536 (4), so many bytes
//! end        0 (4), bytes in all (8), their XXH3 checksum (16); nothing follows
//! failure    ffffffff (4), where (1 + n), why (2 + n); nothing follows
//! ```
//!
//! This room knows nothing of who is at the ends. A server on the way passes chunks on whole, so
//! that between any two of them it can say that the stream has failed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncBufRead, AsyncWrite, ReadBuf};
use twox_hash::XxHash3_128;

use crate::tls::DataConnection;

/// The most bytes of one chunk: a few TLS records, so that heads cost nothing.
pub(super) const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// The head of a chunk, of the end, of a failure.
pub(super) const HEAD_BYTES: usize = 4;
/// Behind the head of the end: how many bytes there were in all, and their checksum.
pub(super) const TRAILER_BYTES: usize = 8 + 16;
/// The head of the end.
const END: u32 = 0;
/// The head of a failure.
const FAILED: u32 = u32::MAX;
/// Where a stream failed, in bytes: it is a path, and has one byte for its length.
const AT_BYTES_MAX: usize = 255;
/// Why a stream failed, in bytes.
const WHY_BYTES_MAX: usize = 512;

/// Why a stream ended before its end, as one end or a server on the way says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The path of who says so.
    pub(super) at: String,
    /// In words.
    pub(super) why: String,
}

impl Failure {
    pub(super) fn write(&self, to: &mut BytesMut) {
        let at = cut(&self.at, AT_BYTES_MAX);
        let why = cut(&self.why, WHY_BYTES_MAX);
        to.put_u32(FAILED);
        // Both fit: they were cut a moment ago.
        to.put_u8(at.len() as u8);
        to.put_slice(at.as_bytes());
        to.put_u16(why.len() as u16);
        to.put_slice(why.as_bytes());
    }

    /// What stands behind the head; `None` while there is not all of it.
    fn read(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some((&at_bytes, rest)) = bytes.split_first() else { return Ok(None) };
        let Some((at, rest)) = rest.split_at_checked(at_bytes.into()) else { return Ok(None) };
        let Some((why_bytes, why)) = rest.split_at_checked(2) else { return Ok(None) };
        let why_bytes = usize::from(u16::from_be_bytes([why_bytes[0], why_bytes[1]]));
        if why_bytes > WHY_BYTES_MAX {
            return Err(wrong("a reason is too long"));
        }
        let Some(why) = why.get(..why_bytes) else { return Ok(None) };
        let text = |bytes| {
            let text = str::from_utf8(bytes).map_err(|_| wrong("a reason is no text"))?;
            Ok::<_, io::Error>(ltn_proto::sanitise_line(text))
        };
        Ok(Some(Self { at: text(at)?, why: text(why)? }))
    }

    pub(super) fn into_error(self) -> io::Error {
        let Self { at, why } = self;
        io::Error::new(
            io::ErrorKind::ConnectionAborted,
            format!("the stream failed at {at}: {why}"),
        )
    }
}

/// Length and checksum of one direction so far. It guards against errors of all who had the bytes
/// in their hands, not against their malice: whoever passes a stream on could write another end.
pub(super) struct Tally {
    bytes: u64,
    sum: XxHash3_128,
}

impl Default for Tally {
    fn default() -> Self {
        Self { bytes: 0, sum: XxHash3_128::new() }
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tally").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Tally {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.sum.write(bytes);
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn trailer(&self) -> [u8; TRAILER_BYTES] {
        let mut trailer = [0; TRAILER_BYTES];
        trailer[..8].copy_from_slice(&self.bytes.to_be_bytes());
        trailer[8..].copy_from_slice(&self.sum.finish_128().to_be_bytes());
        trailer
    }
}

/// What comes in.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    pub(super) tally: Tally,
    /// What has been read of a head, of the trailer or of a failure.
    partial: BytesMut,
    /// What has not been read of the chunk.
    left: usize,
    state: Reading,
    /// An error that came behind bytes which had to be handed out first.
    late: Option<io::Error>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    Head,
    Chunk,
    Trailer,
    Failure,
    Ended,
}

impl Incoming {
    /// The end has come, and everything before it unchanged.
    pub(super) fn has_ended(&self) -> bool {
        self.state == Reading::Ended
    }

    /// Reads as much as there is into `into`; nothing is the end.
    pub(super) fn poll_read(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = self.poll_fill(connection, cx, into);
        let fresh = &into.filled()[before..];
        // In one piece as large as can be: the checksum is fastest so.
        self.tally.add(fresh);
        match read {
            Poll::Pending if !fresh.is_empty() => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) if !fresh.is_empty() => {
                self.late = Some(error);
                Poll::Ready(Ok(()))
            }
            read => read,
        }
    }

    fn poll_fill(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.late.take() {
            return Poll::Ready(Err(error));
        }
        let before = into.filled().len();
        loop {
            if self.state == Reading::Chunk {
                if into.remaining() == 0 {
                    return Poll::Ready(Ok(()));
                }
                let there = ready!(Pin::new(&mut *connection).poll_fill_buf(cx))?;
                if there.is_empty() {
                    return Poll::Ready(Err(hung_up()));
                }
                let count = there.len().min(self.left).min(into.remaining());
                into.put_slice(&there[..count]);
                Pin::new(&mut *connection).consume(count);
                self.left -= count;
                if self.left == 0 {
                    self.state = Reading::Head;
                }
            } else if into.filled().len() > before {
                // The trailer is compared with all bytes, and these are not counted yet: only the
                // head may be looked at.
                ready!(self.poll_head(connection, cx))?;
                if self.state != Reading::Chunk {
                    return Poll::Ready(Ok(()));
                }
            } else {
                ready!(self.poll_advance(connection, cx))?;
                if self.state == Reading::Ended {
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Goes on to the next bytes, or to the end; an error if the stream has failed. Takes no byte
    /// that a reader would get.
    pub(super) fn poll_advance(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match self.state {
                Reading::Chunk | Reading::Ended => return Poll::Ready(Ok(())),
                Reading::Head => ready!(self.poll_head(connection, cx))?,
                Reading::Trailer => {
                    ready!(self.poll_partial(connection, cx, TRAILER_BYTES))?;
                    let said = self.partial.split();
                    if said[..] != self.tally.trailer() {
                        return Poll::Ready(Err(wrong("length or checksum do not match")));
                    }
                    self.state = Reading::Ended;
                }
                Reading::Failure => loop {
                    if let Some(failure) = Failure::read(&self.partial)? {
                        return Poll::Ready(Err(failure.into_error()));
                    }
                    let wanted = self.partial.len() + 1;
                    ready!(self.poll_partial(connection, cx, wanted))?;
                },
            }
        }
    }

    fn poll_head(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.state != Reading::Head {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_partial(connection, cx, HEAD_BYTES))?;
        let head = self.partial.get_u32();
        self.left = head as usize;
        self.state = match head {
            END => Reading::Trailer,
            FAILED => Reading::Failure,
            _ if self.left <= CHUNK_BYTES_MAX => Reading::Chunk,
            _ => return Poll::Ready(Err(wrong("a chunk is too large"))),
        };
        Poll::Ready(Ok(()))
    }

    fn poll_partial(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<()>> {
        while self.partial.len() < wanted {
            let there = ready!(Pin::new(&mut *connection).poll_fill_buf(cx))?;
            if there.is_empty() {
                return Poll::Ready(Err(hung_up()));
            }
            let count = there.len().min(wanted - self.partial.len());
            self.partial.extend_from_slice(&there[..count]);
            Pin::new(&mut *connection).consume(count);
        }
        Poll::Ready(Ok(()))
    }
}

/// What goes out.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub(super) tally: Tally,
    /// What the connection has not taken yet: never more than one chunk and what ends a stream.
    pending: BytesMut,
    ended: bool,
}

impl Outgoing {
    /// The end was said; whether it has left is another question.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The end was said and TLS has it.
    pub(super) fn has_left(&self) -> bool {
        self.ended && self.pending.is_empty()
    }

    pub(super) fn poll_write(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        // With nothing left in TLS either, a chunk is taken whole and need not be copied here.
        ready!(self.poll_flush(connection, cx))?;
        let chunk = &bytes[..bytes.len().min(CHUNK_BYTES_MAX)];
        if chunk.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // It fits: a chunk is at most CHUNK_BYTES_MAX long.
        let head = (chunk.len() as u32).to_be_bytes();
        let both = [IoSlice::new(&head), IoSlice::new(chunk)];
        let taken = ready!(Pin::new(connection).poll_write_vectored(cx, &both))?;
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.pending.extend_from_slice(head.get(taken..).unwrap_or_default());
        self.pending.extend_from_slice(&chunk[taken.saturating_sub(HEAD_BYTES)..]);
        self.tally.add(chunk);
        Poll::Ready(Ok(chunk.len()))
    }

    pub(super) fn poll_flush(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(connection, cx))?;
        Pin::new(connection).poll_flush(cx)
    }

    pub(super) fn poll_end(
        &mut self,
        connection: &mut DataConnection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ended {
            self.ended = true;
            self.pending.put_u32(END);
            let trailer = self.tally.trailer();
            self.pending.put_slice(&trailer);
        }
        ready!(self.poll_pending(connection, cx))?;
        Pin::new(connection).poll_shutdown(cx)
    }

    /// What is still to be written when the stream is given up: the rest, and the reason unless the
    /// end was said already.
    pub(super) fn last_words(&mut self, failure: &Failure) -> BytesMut {
        if !self.ended {
            self.ended = true;
            failure.write(&mut self.pending);
        }
        self.pending.split()
    }

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

/// The first thing in `bytes`, if it is there as a whole.
pub(super) fn first_whole(bytes: &[u8]) -> io::Result<Option<Whole>> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD_BYTES) else { return Ok(None) };
    let head = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    let (length, kind) = match head {
        END => (TRAILER_BYTES, Kind::End),
        FAILED => match Failure::read(rest)? {
            // Length of the place (1), length of the reason (2).
            Some(_) => (3 + failure_bytes(rest), Kind::Failure),
            None => return Ok(None),
        },
        length if length as usize <= CHUNK_BYTES_MAX => (length as usize, Kind::Chunk),
        _ => return Err(wrong("a chunk is too large")),
    };
    Ok((rest.len() >= length).then_some(Whole { bytes: HEAD_BYTES + length, kind }))
}

/// The bytes of both texts as they stand there, which may be more than is left of them when shown.
fn failure_bytes(rest: &[u8]) -> usize {
    let at = usize::from(rest[0]);
    at + usize::from(u16::from_be_bytes([rest[1 + at], rest[2 + at]]))
}

/// See [`first_whole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    /// Head and all.
    pub(super) bytes: usize,
    pub(super) kind: Kind,
}

/// What stands in a stream. Nothing follows an end or a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Chunk,
    End,
    Failure,
}

/// A text of no more bytes than this.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the stream was changed on its way: {what}"))
}

/// The other end of a connection was closed without a word.
pub(super) fn hung_up() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_arrives_cut_to_its_limits_and_clean() {
        let failure =
            Failure { at: "ü".repeat(200), why: format!("\u{1b}[31m{}", "x".repeat(600)) };
        let mut bytes = BytesMut::new();
        failure.write(&mut bytes);
        for short in HEAD_BYTES..bytes.len() {
            assert_eq!(Failure::read(&bytes[HEAD_BYTES..short]).unwrap(), None, "{short}");
            assert_eq!(first_whole(&bytes[..short]).unwrap(), None, "{short}");
        }
        let heard = Failure::read(&bytes[HEAD_BYTES..]).unwrap().unwrap();
        assert_eq!(heard.at.len(), 254);
        assert!(!heard.why.contains('\u{1b}') && heard.why.len() <= WHY_BYTES_MAX, "{heard:?}");
        let whole = Whole { bytes: bytes.len(), kind: Kind::Failure };
        assert_eq!(first_whole(&bytes).unwrap(), Some(whole));
    }

    #[test]
    fn what_is_whole_is_told_from_what_is_not() {
        let mut bytes = BytesMut::new();
        bytes.put_u32(3);
        bytes.put_slice(b"abcd");
        assert_eq!(first_whole(&bytes[..6]).unwrap(), None);
        assert_eq!(first_whole(&bytes).unwrap(), Some(Whole { bytes: 7, kind: Kind::Chunk }));
        let mut end = BytesMut::zeroed(HEAD_BYTES + TRAILER_BYTES);
        assert_eq!(first_whole(&end).unwrap(), Some(Whole { bytes: 28, kind: Kind::End }));
        end[..4].copy_from_slice(&(CHUNK_BYTES_MAX as u32 + 1).to_be_bytes());
        assert!(first_whole(&end).is_err());
        assert!(first_whole(b"\xff\xff\xff\xff\x00\xff\xff").is_err());
    }
}

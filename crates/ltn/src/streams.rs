//! Data streams: bytes both ways, in order, with back-pressure, between any two nodes.
//!
//! The bytes never touch the mind nor a link. They go hop by hop over data connections of their
//! own; `streams/hop.rs` says what is spoken on one before the bytes, `streams/chunks.rs` how these
//! are cut and ended, `streams/hub.rs` who has which connections, `streams/splice.rs` how a stream
//! passes through. This file is what the two ends of a stream see: a stream that was cut short or
//! changed on the way is an error that says where, and never a short success.

mod carrying;
mod chunks;
mod hop;
mod hub;
mod neighbours;
mod splice;
#[cfg(test)]
mod tests;
mod tickets;
#[cfg(feature = "fuzzing")]
pub(crate) mod trying;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use ltn_proto::NodeId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use chunks::{Failure, Incoming, Outgoing};
pub(crate) use hop::Errand;
pub(crate) use hub::{Parks, StreamEnds, Streams};
use neighbours::Cut;

use crate::tls::DataConnection;

/// A stream of bytes to and from another node. Reading ends with `Ok(0)` only if everything that
/// the other end wrote has arrived unchanged; anything else is an error that names where and why.
/// Shut the writing side down (`AsyncWriteExt::shutdown`) when all is written: a stream that is
/// merely dropped was cut short, and the other end is told so.
pub struct DataStream {
    peer: NodeId,
    place: Place,
    /// Gone when the last words are being said.
    connection: Option<DataConnection>,
    incoming: Incoming,
    outgoing: Outgoing,
    cut: Cut,
    /// Why it is over before its end, for both directions.
    failed: Option<(io::ErrorKind, String)>,
    why_dropped: Option<String>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// A stream that comes with something said about it beforehand.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// At most 1,024 bytes.
    pub(crate) about: Vec<u8>,
    /// The stream.
    pub(crate) stream: DataStream,
}

/// What a poll of one end comes to.
type Done<T> = Poll<io::Result<T>>;

/// Where a stream is, in words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// The path of this node.
    pub(crate) here: String,
    /// The next node on the way.
    pub(crate) next: String,
}

impl DataStream {
    pub(crate) fn new(peer: NodeId, place: Place, connection: DataConnection, cut: Cut) -> Self {
        Self {
            peer,
            place,
            connection: Some(connection),
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            cut,
            failed: None,
            why_dropped: None,
            reader: None,
            writer: None,
        }
    }

    /// The node at the other end: who opened it, or whom it was opened to.
    #[must_use]
    pub const fn peer(&self) -> NodeId {
        self.peer
    }

    /// How many bytes were read so far.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.incoming.tally.bytes()
    }

    /// How many bytes were written so far.
    #[must_use]
    pub const fn bytes_written(&self) -> u64 {
        self.outgoing.tally.bytes()
    }

    /// Gives the stream up. The other end reads an error with this reason (the first 512 bytes of
    /// it) instead of an end, unless the end was said already.
    pub fn abort(mut self, why: &str) {
        self.why_dropped = Some(why.to_owned());
    }

    /// Gone without a word, as when the process is killed.
    #[cfg(test)]
    fn vanish(mut self) {
        self.connection = None;
    }

    /// An error that ends both directions: it is remembered, and whoever waits is woken.
    fn fail(&mut self, error: io::Error) -> io::Error {
        let lost = match error.kind() {
            io::ErrorKind::ConnectionAborted | io::ErrorKind::InvalidData => error,
            kind => {
                let Place { here, next } = &self.place;
                let text = format!(
                    "the stream broke off before its end: {here} lost its data connection to \
                     {next} ({error})"
                );
                io::Error::new(kind, text)
            }
        };
        self.failed = Some((lost.kind(), lost.to_string()));
        for waker in self.reader.take().into_iter().chain(self.writer.take()) {
            waker.wake();
        }
        lost
    }

    fn poll_failed(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some((kind, text)) = &self.failed {
            return Err(io::Error::new(*kind, text.clone()));
        }
        match self.cut.poll(cx) {
            Poll::Ready(why) => {
                let Place { here, .. } = &self.place;
                let text = format!("the stream failed at {here}: {why}");
                Err(self.fail(io::Error::new(io::ErrorKind::ConnectionAborted, text)))
            }
            Poll::Pending => Ok(()),
        }
    }

    /// Has the other end given up? Its reason comes by the other direction, which is only looked at
    /// while nobody else waits for it: two tasks that wait for one thing are not both woken.
    fn look_back(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(connection) = &mut self.connection else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        if self.reader.as_ref().is_none_or(|reader| reader.will_wake(cx.waker()))
            && let Poll::Ready(Err(error)) = self.incoming.poll_advance(connection, cx)
        {
            return Err(self.fail(error));
        }
        Ok(())
    }

    fn poll_out<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(&mut Outgoing, &mut DataConnection, &mut Context<'_>) -> Done<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_failed(cx)?;
        self.look_back(cx)?;
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match step(&mut self.outgoing, connection, cx) {
            Poll::Ready(Ok(done)) => Poll::Ready(Ok(done)),
            Poll::Ready(Err(error)) => {
                self.look_back(cx)?;
                Poll::Ready(Err(self.fail(error)))
            }
            Poll::Pending => {
                self.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncRead for DataStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.incoming.has_ended() {
            return Poll::Ready(Ok(()));
        }
        this.poll_failed(cx)?;
        let Some(connection) = &mut this.connection else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match this.incoming.poll_read(connection, cx, into) {
            Poll::Pending => {
                this.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Poll::Ready(read) => {
                this.reader = None;
                Poll::Ready(read.map_err(|error| this.fail(error)))
            }
        }
    }
}

impl AsyncWrite for DataStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.outgoing.has_ended() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        this.poll_out(cx, |outgoing, connection, cx| outgoing.poll_write(connection, cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_out(cx, Outgoing::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let (true, Some(connection)) = (this.outgoing.has_left(), &mut this.connection) {
            // All was said: that the other end takes its leave meanwhile harms nothing.
            return Pin::new(connection).poll_shutdown(cx);
        }
        this.poll_out(cx, Outgoing::poll_end)
    }
}

impl Drop for DataStream {
    fn drop(&mut self) {
        // Outside of a runtime nothing can be said any more: the connection is just closed.
        let (Some(mut connection), Ok(runtime)) =
            (self.connection.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let why = self.why_dropped.take().or_else(|| self.failed.take().map(|(_, text)| text));
        let why = why.unwrap_or_else(|| "it was dropped there before its end".to_owned());
        let failure = Failure { at: std::mem::take(&mut self.place.here), why };
        let words = self.outgoing.last_words(&failure);
        runtime.spawn(async move { splice::say_goodbye(&mut connection, &words).await });
    }
}

impl fmt::Debug for DataStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataStream")
            .field("peer", &self.peer)
            .field("read", &self.bytes_read())
            .field("written", &self.bytes_written())
            .finish_non_exhaustive()
    }
}

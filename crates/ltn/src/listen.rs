//! Letting others in: one task per listener that accepts, and one per handshake that is under way.
//!
//! Before a stranger has proved who it is it costs little and not for long: the handshakes at one
//! time are bounded, in all and per address, and each has a time limit; `places.rs` chooses who is
//! next. After each that comes everything else has its turn, so that a crowd costs those inside
//! little, and the log tells of one in a second. No error of accepting ends a listener. Whether a
//! proved id may join is for the mind.

mod places;

use std::io;
use std::time::Duration;

use ltn_proto::{Address, Direction};
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::carrier::{Acceptor, Carried};
use crate::link::LinkContext;
use crate::membership::relay::TooManyJoiners;
use crate::tls::{Accepted, ConnectionKind, SecureStream, TlsError};
use crate::wake::Wake;
use places::Places;

/// A TLS handshake that takes longer is given up.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after an error of accepting; it doubles up to [`ACCEPT_PAUSE_MAX`]. Most such errors
/// are a lack of file descriptors, which only time can cure.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(20);
/// See [`ACCEPT_PAUSE_MIN`].
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// So often the log tells of somebody who was turned away; the others are counted. In a crowd the
/// lines would cost more than the crowd.
const TELLS: Duration = Duration::from_secs(1);

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serves {
    /// The main port of a server: links, and data connections of children.
    LinksAndData,
    /// A `Maindata` port: data connections only.
    DataOnly,
}

/// A running listener. Dropping it stops it too, a moment later.
#[derive(Debug)]
pub(crate) struct Listener {
    address: Address,
    /// Dropping this is the sign to stop.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Starts to accept. `acceptor` comes from [`crate::port::bind`] or from
    /// [`crate::carrier::Carriers::listen`].
    pub(crate) fn start(acceptor: Box<dyn Acceptor>, serves: Serves, context: LinkContext) -> Self {
        let (stop, stopped) = oneshot::channel();
        let address = acceptor.address();
        let door = Door {
            address: address.clone(),
            serves,
            places: Places::new(context.limits()),
            handshakes: JoinSet::new(),
            tells: Tells::default(),
            context,
        };
        let task = tokio::spawn(door.keep(acceptor, stopped));
        Self { address, stop, task }
    }

    /// Where it is reached, with the real port.
    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    /// Does it still accept?
    pub(crate) fn is_listening(&self) -> bool {
        !self.task.is_finished()
    }

    /// Stops accepting and drops what has not finished its handshake. The port is free when this
    /// returns. Links that stand are not touched.
    pub(crate) async fn shutdown(self) {
        drop(self.stop);
        // It cannot fail: nobody aborts it, and its code does not panic.
        let _ = self.task.await;
    }
}

/// Why a connection was turned away before its end.
#[derive(Debug, thiserror::Error)]
enum TurnedAway {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("nothing that looks like TLS within {TLS_TIMEOUT:?}")]
    Silent,
    #[error("it wants to join, and nobody is let into a network here")]
    NoJoiners,
    #[error(transparent)]
    Crowd(#[from] TooManyJoiners),
    #[error("no ticket for the data connection ({0})")]
    NoTicket(String),
}

/// The accepting side of one listener.
struct Door {
    address: Address,
    serves: Serves,
    context: LinkContext,
    places: Places<Carried>,
    /// With their numbers; whether it was somebody who belongs here.
    handshakes: JoinSet<(u64, String, Result<bool, TurnedAway>)>,
    tells: Tells,
}

/// Of whom the log tells, see [`TELLS`].
#[derive(Default)]
struct Tells {
    last: Option<Instant>,
    /// Those it did not tell of since.
    untold: u64,
}

impl Tells {
    /// One more; if it is to be told of, how many before it were not.
    fn one_more(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now < last + TELLS) {
            self.untold += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Door {
    async fn keep(mut self, mut acceptor: Box<dyn Acceptor>, mut stopped: oneshot::Receiver<()>) {
        tracing::info!(address = %self.address, serves = ?self.serves, "listening");
        let mut pause = ACCEPT_PAUSE_MIN;
        loop {
            self.begin_next();
            let makes_room_at = self.places.makes_room_at();
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                Some(done) = self.handshakes.join_next() => {
                    if let Ok((number, remote, done)) = done {
                        self.end(number, &remote, done);
                    }
                }
                () = sleep_until(makes_room_at.unwrap_or_else(Instant::now)),
                    if makes_room_at.is_some() => self.make_room(),
                accepted = acceptor.accept() => match accepted {
                    Ok(carried) => {
                        pause = ACCEPT_PAUSE_MIN;
                        self.welcome(carried);
                        yield_now().await;
                    }
                    Err(error) if concerns_one_connection(&error) => {
                        tracing::debug!(address = %self.address, %error, "a connection was gone");
                    }
                    Err(error) => {
                        tracing::warn!(
                            address = %self.address, %error, ?pause,
                            "cannot accept connections now, trying again"
                        );
                        tokio::select! {
                            _ = &mut stopped => break,
                            () = sleep(pause) => {}
                        }
                        pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                    }
                },
            }
        }
        drop(acceptor);
        self.handshakes.shutdown().await;
        tracing::info!(address = %self.address, "no longer listening");
    }

    fn welcome(&mut self, carried: Carried) {
        if let Some(goes) = self.places.wait(carried.origin, carried) {
            self.turned_away(&goes.remote, &"too many others wait");
        }
    }

    fn begin_next(&mut self) {
        while let Some((origin, carried)) = self.places.next() {
            let (context, serves) = (self.context.clone(), self.serves);
            let (number, remote) = (self.places.number(), carried.remote.clone());
            let name = remote.clone();
            let task = self.handshakes.spawn(async move {
                let done = handshake(&context, serves, carried).await;
                (number, name, done)
            });
            self.places.begin(number, remote, origin, task);
        }
    }

    fn end(&mut self, number: u64, remote: &str, done: Result<bool, TurnedAway>) {
        if let Err(why) = &done {
            self.turned_away(remote, why);
        }
        self.places.end(number, done.is_ok_and(|belongs_here| belongs_here));
    }

    fn make_room(&mut self) {
        if let Some(oldest) = self.places.make_room() {
            self.turned_away(&oldest.remote, &"its handshake takes others' time");
        }
    }

    fn turned_away(&mut self, remote: &str, why: &dyn std::fmt::Display) {
        let Some(others_before) = self.tells.one_more(Instant::now()) else { return };
        let listener = &self.address;
        tracing::info!(%listener, remote, %why, others_before, "a connection was turned away");
    }
}

/// Says whether it was one that belongs here, not one that wants to.
async fn handshake(
    context: &LinkContext,
    serves: Serves,
    carried: Carried,
) -> Result<bool, TurnedAway> {
    let tls = context.tls();
    let secured = timeout(TLS_TIMEOUT, async {
        match serves {
            Serves::LinksAndData => tls.accept(carried).await,
            Serves::DataOnly => {
                tls.accept_data(carried).await.map(|(kind, stream)| Accepted::Node(kind, stream))
            }
        }
    });
    let accepted = secured.await.map_err(|_| TurnedAway::Silent)??;
    let belongs_here = matches!(accepted, Accepted::Node(..));
    match accepted {
        Accepted::Node(ConnectionKind::Link, stream) => {
            context.open_link(stream, Direction::Down).await;
        }
        Accepted::Node(ConnectionKind::Data, stream) => take_ticket(context, stream).await?,
        // Nobody gets this far with a certificate, and without one only where it is wanted.
        Accepted::Node(ConnectionKind::Join, _) => {}
        Accepted::Joiner(stream) => {
            context.joiners().ok_or(TurnedAway::NoJoiners)?.let_in(stream)?;
        }
    }
    Ok(belongs_here)
}

async fn take_ticket(context: &LinkContext, mut stream: SecureStream) -> Result<(), TurnedAway> {
    let mut ticket = [0; 16];
    timeout(context.limits().hello_timeout, stream.read_exact(&mut ticket))
        .await
        .map_err(|_| TurnedAway::NoTicket("it said nothing in time".to_owned()))?
        .map_err(|error| TurnedAway::NoTicket(error.to_string()))?;
    let opened = Wake::DataOpened { peer: stream.peer(), ticket, stream };
    // If the driver has ended the connection is dropped, which is all that is left to do.
    let _ = context.wakes().send(opened).await;
    Ok(())
}

/// Errors that a connection had before it was accepted; the next one is fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::InvalidInput
    )
}

#[cfg(test)]
mod tests;

//! How a stream gets from hop to hop.
//!
//! Which way is next is asked of the mind through the driver; the bytes are passed on with bounded
//! buffers and never reach either. Each stream has connections of its own, so one that nobody reads
//! is in the way of no other. Who has which connections is for `hub.rs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ltn_proto::{NoRoute, NodeId, Refusal, RefusalKind, StreamHop};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::chunks::Failure;
use super::hop::{self, Errand, ErrandKind, HOP_TIMEOUT, Opening, Purpose};
use super::hub::{Streams, broken, refused_as_busy};
use super::neighbours::Cut;
use super::splice::{self, Passed, Side};
use super::tickets::Uplink;
use super::{Arrival, DataStream, Place};
use crate::driver::{Ask, StreamWay, StreamWish};
use crate::error::StreamError;
use crate::sockets::Seat;
use crate::tls::DataConnection;

/// How long an opener waits for the far end's word: the hops in between wait for each other.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// What became of a stream that a neighbour wanted.
enum Carried<'a> {
    /// It is for this node's program, which has this place for it.
    Here(Taker<'a>, Place, Cut),
    /// It was passed on and has ended.
    On,
}

/// Who takes a stream at this node.
enum Taker<'a> {
    Program(mpsc::Permit<'a, DataStream>),
    Transfers(mpsc::Permit<'a, Arrival>, Vec<u8>),
    Socket(Seat),
}

impl Streams {
    /// Opens a stream of this node's own program.
    pub(crate) async fn open(
        &self,
        destination: NodeId,
        errand: Errand,
    ) -> Result<DataStream, StreamError> {
        self.open_at(destination, errand, None).await
    }

    /// As [`Self::open`]; where the next node is the higher server, at this port of it.
    pub(crate) async fn open_at(
        &self,
        destination: NodeId,
        errand: Errand,
        port: Option<u16>,
    ) -> Result<DataStream, StreamError> {
        let stream = self.0.streams_so_far.fetch_add(1, Ordering::Relaxed);
        let opening = Opening::new(stream, self.0.me, destination, errand);
        let way = self.next_hop(None, &opening).await?;
        let StreamHop::To(next) = way.hop else {
            let text = "a node has no stream to itself";
            return Err(StreamError::Refused(Refusal::new(RefusalKind::NotPossible, text)));
        };
        let (connection, cut) = self.open_onward((next, port), &way.next, &opening).await?;
        let place = Place { here: way.here, next: way.next };
        Ok(DataStream::new(destination, place, connection, cut))
    }

    /// A child came with a good ticket: it gets another one and says what it wants.
    pub(super) async fn serve(
        &self,
        child: NodeId,
        mut connection: DataConnection,
    ) -> Result<(), StreamError> {
        self.give_ticket(child).await?;
        let welcome = async {
            match Purpose::hear(&mut connection).await? {
                Purpose::Park => Ok(None),
                Purpose::Open => Opening::read(&mut connection).await.map(Some),
            }
        };
        let heard: std::io::Result<_> = timeout(HOP_TIMEOUT, welcome).await.map_err(broken)?;
        match heard.map_err(broken)? {
            Some(opening) => self.carry(connection, child, opening).await,
            None => self.park(child, connection),
        }
        Ok(())
    }

    /// A neighbour wants a stream: to this node's program, or further on.
    pub(super) async fn carry(
        &self,
        mut connection: DataConnection,
        from: NodeId,
        opening: Opening,
    ) {
        let (stream, source) = (opening.stream, opening.source);
        let destination = opening.destination;
        let carried = self.try_carry(&mut connection, from, opening).await;
        let ended = match carried {
            Ok(Carried::Here(taker, place, cut)) => match hop::accept(&mut connection).await {
                Ok(()) => {
                    taker.take(DataStream::new(source, place, connection, cut));
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Ok(Carried::On) => Ok(()),
            Err(why) => {
                tracing::debug!(stream, %source, %destination, %why, "stream refused");
                let refused = timeout(HOP_TIMEOUT, hop::refuse(&mut connection, &why)).await;
                refused.unwrap_or_else(|late| Err(late.into()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(stream, %source, %destination, %error, "stream broken");
        }
    }

    async fn try_carry(
        &self,
        connection: &mut DataConnection,
        from: NodeId,
        opening: Opening,
    ) -> Result<Carried<'_>, StreamError> {
        let way = self.next_hop(Some(from), &opening).await?;
        let gone = || broken("the neighbour that the stream comes from is gone");
        let cut_back = self.cut_of(from).ok_or_else(gone)?;
        let StreamHop::To(next) = way.hop else {
            let taker = self.taker(opening.errand, opening.source)?;
            let place = Place { here: way.here, next: way.from };
            return Ok(Carried::Here(taker, place, cut_back));
        };
        let no_hops = || {
            let text = "it went through too many servers".to_owned();
            StreamError::NoRoute(NoRoute { at: way.here.clone(), text })
        };
        let stream = opening.stream;
        let opening = opening.passed_on().ok_or_else(no_hops)?;
        let busy = |_| refused_as_busy("too many streams pass through a server on the way");
        let _slot = self.0.splices.try_acquire().map_err(busy)?;
        let (mut onward, cut_on) = self.open_onward((next, None), &way.next, &opening).await?;
        if let Err(error) = hop::accept(connection).await {
            tracing::debug!(stream, %error, "stream broken on its way");
            return Ok(Carried::On);
        }
        let cut = async {
            tokio::select! {
                why = cut_back.wait() => (Side::Opener, why),
                why = cut_on.wait() => (Side::Target, why),
            }
        };
        let describe = |side, why: &str| {
            let lost = if side == Side::Opener { &way.from } else { &way.next };
            let why = format!("the data connection to {lost} was lost ({why})");
            Failure { at: way.here.clone(), why }
        };
        if let Passed::Lost(side, why) = splice::pass(connection, &mut onward, cut, describe).await
        {
            tracing::debug!(stream, ?side, why, "stream broken on its way");
        }
        Ok(Carried::On)
    }

    /// Who takes such a stream here, if there is room for it.
    fn taker(&self, errand: Errand, source: NodeId) -> Result<Taker<'_>, StreamError> {
        let not_possible =
            |text: &str| StreamError::Refused(Refusal::new(RefusalKind::NotPossible, text));
        match errand.kind() {
            Some(ErrandKind::Program) => {
                let busy = |_| refused_as_busy("too many streams wait to be taken there");
                self.0.incoming.try_reserve().map(Taker::Program).map_err(busy)
            }
            Some(ErrandKind::Transfer) => {
                let nobody = "the program there takes no transfers";
                if !self.0.takes_transfers.load(Ordering::Relaxed) {
                    return Err(not_possible(nobody));
                }
                match self.0.transfers.try_reserve() {
                    Ok(place) => Ok(Taker::Transfers(place, errand.into_about())),
                    Err(TrySendError::Full(())) => {
                        Err(refused_as_busy("too many transfers wait for a decision there"))
                    }
                    Err(TrySendError::Closed(())) => Err(not_possible(nobody)),
                }
            }
            Some(ErrandKind::Socket) => {
                let name = errand.into_about();
                let name = String::from_utf8_lossy(&name);
                let seat = self.sockets().seat(&name, source);
                seat.map(Taker::Socket).map_err(StreamError::Refused)
            }
            None => Err(not_possible("the version there knows no streams of this kind")),
        }
    }

    /// A connection to a neighbour on which the stream stands, all the way to its far end.
    async fn open_onward(
        &self,
        (next, port): (NodeId, Option<u16>),
        called: &str,
        opening: &Opening,
    ) -> Result<(DataConnection, Cut), StreamError> {
        let to_next = |error: StreamError| match error {
            StreamError::Broken(why) => StreamError::Broken(format!("to {called}: {why}")),
            other => other,
        };
        let connection = match self.uplink_to(next).await {
            Some(uplink) => self.dial_up(&uplink, port, Purpose::Open).await,
            None => self.parked_by(next).await,
        };
        let mut connection = connection.map_err(to_next)?;
        let gone = || to_next(broken("it is gone"));
        let cut = self.cut_of(next).ok_or_else(gone)?;
        let answered = async {
            opening.write(&mut connection).await?;
            hop::answer(&mut connection).await
        };
        let answered = timeout(OPEN_TIMEOUT, answered).await;
        let answered = answered.map_err(|late| to_next(broken(late)))?;
        answered.map_err(|error| to_next(broken(error)))??;
        Ok((connection, cut))
    }

    /// The way up, if that is the next node; its tickets may be a moment behind its welcome.
    async fn uplink_to(&self, next: NodeId) -> Option<Arc<Uplink>> {
        let wait = async {
            loop {
                let changed = self.0.parked.notified();
                tokio::pin!(changed);
                // Listen before looking, so that nothing is missed in between.
                changed.as_mut().enable();
                if !self.is_parent(next) {
                    return None;
                }
                let uplink = self.state().uplink.clone();
                match uplink {
                    Some(uplink) => return Some(uplink),
                    None => changed.await,
                }
            }
        };
        timeout(HOP_TIMEOUT, wait).await.ok().flatten()
    }

    async fn parked_by(&self, child: NodeId) -> Result<DataConnection, StreamError> {
        let mut asked = false;
        let wait = async {
            loop {
                let parked = self.0.parked.notified();
                tokio::pin!(parked);
                // Listen before looking, so that what is parked in between is not missed.
                parked.as_mut().enable();
                let found = self.state().children.get_mut(&child).map(|c| c.parked.pop_front());
                match found {
                    Some(Some(connection)) => return Ok(connection),
                    Some(None) => {
                        // A further ticket is the sign that a connection is wanted.
                        if !std::mem::replace(&mut asked, true) {
                            self.give_ticket(child).await?;
                        }
                        parked.await;
                    }
                    None => return Err(broken("it is not connected")),
                }
            }
        };
        timeout(HOP_TIMEOUT, wait).await.map_err(broken)?
    }

    async fn next_hop(
        &self,
        from: Option<NodeId>,
        opening: &Opening,
    ) -> Result<StreamWay, StreamError> {
        let (reply, hop) = oneshot::channel();
        let of =
            Box::new(StreamWish { from, source: opening.source, destination: opening.destination });
        let ask = Ask::StreamHop { of, reply };
        self.0.asks.send(ask).await.map_err(|_| StreamError::Stopped)?;
        hop.await.map_err(|_| StreamError::Stopped)?.map_err(StreamError::NoRoute)
    }
}

impl Taker<'_> {
    fn take(self, stream: DataStream) {
        match self {
            Self::Program(place) => place.send(stream),
            Self::Transfers(place, about) => place.send(Arrival { about, stream }),
            Self::Socket(seat) => seat.take(stream),
        }
    }
}

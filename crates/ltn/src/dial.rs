//! Reaching others: one attempt at one address, with a time limit and an answer in every case; for
//! links, for data connections, and only to see who is there.
//!
//! When to try again, and where, is for the mind; whom to look for is for `find.rs`.

use std::time::Duration;

use ltn_proto::{Address, DialError, DialId, Direction, Limits, NetworkId, NodeId};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::carrier::{Carriers, DialFailure, Reach};
use crate::link::LinkContext;
use crate::tls::{ConnectionKind, DataConnection, Identity, IdentityError, SecureStream};
use crate::tls::{Tls, TlsError, knock_at_member};
use crate::wake::Wake;

/// An attempt ends after this time: connecting and the TLS handshake together. On any network of
/// ours both take milliseconds, and a person may be waiting.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts to reach this address in a task of its own. `Wake::LinkOpened` with the direction
/// `Up(dial)` or `Wake::DialFailed` tells how it went, once, within 5 s.
pub(crate) fn dial_link(context: &LinkContext, dial: DialId, to: Address) {
    let context = context.clone();
    tokio::spawn(async move {
        match within(DIAL_TIMEOUT, &to, reach_from(&context, &to, ConnectionKind::Link)).await {
            Ok(stream) => context.open_link(stream, Direction::Up(dial)).await,
            Err(DialFailure { why, text }) => {
                tracing::debug!(%to, text, "not reached");
                // If the driver has ended there is nobody left to tell.
                let _ = context.wakes().send(Wake::DialFailed { dial, why, text }).await;
            }
        }
    });
}

/// Opens a data connection to this node at this address and presents the ticket.
pub(crate) async fn dial_data(
    context: &LinkContext,
    to: &Address,
    peer: NodeId,
    ticket: [u8; 16],
) -> Result<DataConnection, DialFailure> {
    within(DIAL_TIMEOUT, to, async {
        let mut stream = reach_from(context, to, ConnectionKind::Data).await?;
        if stream.peer() != peer {
            // The ticket stays ours: it is worth something to `peer` alone.
            let text = format!("at {to} there is another node than {peer}");
            return Err(DialFailure::new(DialError::NotLtn, text));
        }
        let presented = async {
            stream.write_all(&ticket).await?;
            stream.flush().await
        };
        presented.await.map_err(|error| {
            DialFailure::new(DialError::NoServer, format!("{to} hung up: {error}"))
        })?;
        Ok(stream)
    })
    .await
}

/// Who looks whether somebody is there, and says nothing else: it has a key of its own that is
/// thrown away with it, so a server learns no more of it than that somebody knocked.
#[derive(Debug, Clone)]
pub(crate) struct Knocker {
    carriers: Carriers,
    whom: Whom,
}

/// Whose servers are looked for.
#[derive(Debug, Clone)]
enum Whom {
    Open(Box<Tls>),
    /// Those of this network, which see no certificate of who knocks.
    Members(NetworkId),
}

/// Nobody is there, or somebody else.
#[derive(Debug)]
pub(crate) enum Unmet {
    Nobody,
    /// One who says that he is of another network with members.
    AnotherNetwork,
    /// One who speaks TLS, or not even that.
    NotOurs,
}

impl Knocker {
    /// Looks for servers of the open mode, over these carriers.
    pub(crate) fn open(carriers: Carriers) -> Result<Self, IdentityError> {
        let tls = Tls::open(&Identity::throw_away()?)?;
        Ok(Self { carriers, whom: Whom::Open(Box::new(tls)) })
    }

    /// Looks for servers of this network, over TCP.
    pub(crate) fn members(network: NetworkId) -> Self {
        let carriers = Carriers::tcp(&Limits::default(), Reach::Everywhere);
        Self { carriers, whom: Whom::Members(network) }
    }

    /// The same over TCP alone.
    pub(crate) fn open_tcp() -> Result<Self, IdentityError> {
        Self::open(Carriers::tcp(&Limits::default(), Reach::ThisMachine))
    }

    /// Who is the server at this address? All of the TLS handshake happens, and nothing after it.
    pub(crate) async fn knock(&self, to: &Address, limit: Duration) -> Result<NodeId, Unmet> {
        let knock = async {
            let carried = self.carriers.dial(to).await.map_err(|_| Unmet::Nobody)?;
            let answer = match &self.whom {
                Whom::Members(network) => knock_at_member(carried, *network).await,
                Whom::Open(tls) => match tls.connect(carried, ConnectionKind::Link).await {
                    Ok(mut stream) => {
                        // The handshake has told all that there is to know: a server that hears no
                        // farewell sees the end of the connection.
                        let _ = stream.shutdown().await;
                        Ok(stream.peer())
                    }
                    Err(error) => Err(error),
                },
            };
            answer.map_err(|error| match error {
                // A server that goes down hangs up in the middle; that says nothing of its kind.
                TlsError::Broken(_) => Unmet::Nobody,
                TlsError::OtherNetwork => Unmet::AnotherNetwork,
                _ => Unmet::NotOurs,
            })
        };
        timeout(limit, knock).await.unwrap_or(Err(Unmet::Nobody))
    }
}

async fn reach_from(
    context: &LinkContext,
    to: &Address,
    kind: ConnectionKind,
) -> Result<SecureStream, DialFailure> {
    reach(context.carriers(), context.tls(), to, kind).await
}

async fn reach(
    carriers: &Carriers,
    tls: &Tls,
    to: &Address,
    kind: ConnectionKind,
) -> Result<SecureStream, DialFailure> {
    let carried = carriers.dial(to).await?;
    tls.connect(carried, kind).await.map_err(|error| {
        let why = match error {
            // A server that goes down hangs up in the middle; that says nothing about its kind.
            TlsError::Broken(_) => DialError::NoServer,
            _ => DialError::NotLtn,
        };
        DialFailure::new(why, format!("{to}: {error}"))
    })
}

async fn within<T>(
    limit: Duration,
    to: &Address,
    attempt: impl Future<Output = Result<T, DialFailure>>,
) -> Result<T, DialFailure> {
    timeout(limit, attempt).await.unwrap_or_else(|_| {
        Err(DialFailure::new(DialError::Timeout, format!("no answer from {to} in {limit:?}")))
    })
}

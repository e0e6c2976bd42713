//! Reaching others: one attempt at one address, with a time limit and an answer in every case.
//!
//! When to try again, and where, is for the mind.

use std::time::Duration;

use ltn_proto::{Address, DialError, DialId, Direction, NodeId};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::carrier::DialFailure;
use crate::link::LinkContext;
use crate::tls::{ConnectionKind, DataConnection, SecureStream, TlsError};
use crate::wake::Wake;

/// An attempt ends after this time: connecting and the TLS handshake together. On any network of
/// ours both take milliseconds, and a person may be waiting.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts to reach this address in a task of its own. `Wake::LinkOpened` with the direction
/// `Up(dial)` or `Wake::DialFailed` tells how it went, once, within 5 s.
pub(crate) fn dial_link(context: &LinkContext, dial: DialId, to: Address) {
    let context = context.clone();
    tokio::spawn(async move {
        match within(DIAL_TIMEOUT, &to, reach(&context, &to, ConnectionKind::Link)).await {
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
        let mut stream = reach(context, to, ConnectionKind::Data).await?;
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

async fn reach(
    context: &LinkContext,
    to: &Address,
    kind: ConnectionKind,
) -> Result<SecureStream, DialFailure> {
    let carried = context.carriers().dial(to).await?;
    context.tls().connect(carried, kind).await.map_err(|error| {
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

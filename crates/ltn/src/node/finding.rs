//! The handle's part in finding servers: what a node remembers, and joining whichever of them
//! answers.

use ltn_proto::{Address, Refusal, RefusalKind};
use tokio::task::JoinSet;

use super::Node;
use crate::dial::Knocker;
use crate::error::{ConnectError, TalkError};
use crate::find::ATTEMPT_LIMIT;
use crate::words::Joined;

/// So many addresses are named in an error; of further ones, how many.
const ADDRESSES_NAMED: usize = 4;

impl Node {
    /// The addresses of servers that [`Self::autoconnect`] tries, the newest first: those that this
    /// node has joined since it started, and what [`Self::remember_server`] was told. At most
    /// [`crate::SERVERS_REMEMBERED_MAX`]; a node that starts remembers nothing.
    #[must_use]
    pub fn remembered_servers(&self) -> Vec<Address> {
        self.shared.servers.list().iter().cloned().collect()
    }

    /// Remembers this address as the newest one.
    pub fn remember_server(&self, address: &Address) {
        self.shared.servers.remember(address);
    }

    /// Remembers this address no longer.
    pub fn forget_server(&self, address: &Address) {
        self.shared.servers.forget(address);
    }

    /// Joins one of the remembered servers. All of them are knocked at, at the same time, so that
    /// dead addresses cost nothing; the first that answers and lets this node in is the one.
    ///
    /// # Errors
    /// [`ConnectError::NothingListed`] if no address is remembered (its own does not count),
    /// [`ConnectError::NoServer`] if nobody answers within 2 s, [`ConnectError::Refused`] if this
    /// node has a higher server already; else why the last that answered did not let it in.
    pub async fn autoconnect(&self) -> Result<Joined, ConnectError> {
        let own = self.address();
        let is_own = |to: &Address| own.as_ref().is_some_and(|own| own.same_listener(to));
        self.is_free().await?;
        let mut servers = self.remembered_servers();
        servers.retain(|address| !is_own(address));
        if servers.is_empty() {
            return Err(ConnectError::NothingListed);
        }
        let knocker = Knocker::open(self.shared.carriers.clone())
            .map_err(|error| refused(error.to_string()))?;
        // Dropping the set, with this future, ends every attempt.
        let mut attempts = JoinSet::new();
        for address in servers.iter().cloned() {
            let knocker = knocker.clone();
            attempts.spawn(
                async move { knocker.knock(&address, ATTEMPT_LIMIT).await.map(|_| address) },
            );
        }
        let mut last = ConnectError::NoServer(in_words(&servers));
        while let Some(attempt) = attempts.join_next().await {
            let Ok(Ok(address)) = attempt else { continue };
            match self.connect(&address).await {
                Err(error @ (ConnectError::AlreadyConnecting | ConnectError::Stopped)) => {
                    return Err(error);
                }
                Err(error) => last = error,
                joined => return joined,
            }
        }
        Err(last)
    }

    /// Has this node no higher server?
    async fn is_free(&self) -> Result<(), ConnectError> {
        let stopped = |_: TalkError| ConnectError::Stopped;
        match self.snapshot().await.map_err(stopped)?.parent {
            None => Ok(()),
            Some(parent) => {
                let text = format!("already joined to id:{}…; disconnect first", parent.short());
                Err(refused(text))
            }
        }
    }
}

fn refused(text: String) -> ConnectError {
    ConnectError::Refused(Refusal::new(RefusalKind::NotPossible, text))
}

fn in_words(addresses: &[Address]) -> String {
    let named: Vec<&str> = addresses.iter().take(ADDRESSES_NAMED).map(Address::as_str).collect();
    match addresses.len().saturating_sub(ADDRESSES_NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

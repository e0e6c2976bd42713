//! The end of one life of a node and the beginning of the next.
//!
//! The listener stays open in between, so nobody can take the port and whoever comes back early
//! only waits for the new mind.

use std::time::Duration;

use ltn_proto::{CloseReason, Input, KeyNews, NodeState, Op, OpId, ServiceWish};

use super::{Driver, Restart};
use crate::tls::random_bytes;
use crate::wake::Wake;

/// How long the links have to send their last words: a little more than a link itself takes at
/// most.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// What newcomers may say before the next life begins; beyond that their links are dropped.
const EARLY_MAX: usize = 512;
/// The number of what is done again after a restart, which nobody waits for; handles count from 1.
const NOBODY_WAITS: OpId = OpId(0);

impl Driver {
    /// Ends whatever still waits, and closes every link behind its last words.
    pub(super) async fn close_everything(&mut self) {
        self.waiting.clear();
        self.listeners_to_many.clear();
        self.answers.clear();
        self.congested.clear();
        self.handlers.abort_all();
        self.services.abort_all();
        self.streams.end();
        let reason = match self.stopped {
            Some(Restart::Yes) => CloseReason::Restarting,
            Some(Restart::No) | None => CloseReason::Stopping,
        };
        for handle in self.links.values() {
            handle.close(reason);
        }
        let mut early = Vec::new();
        // A link that is not gone by then is dropped with its handle.
        let _ = tokio::time::timeout(LAST_WORDS, self.last_words(&mut early)).await;
        self.links.clear();
        self.early = early;
    }

    async fn last_words(&mut self, early: &mut Vec<Wake>) {
        while !self.links.is_empty() {
            match self.wakes.recv().await {
                Some(Wake::LinkClosed { link, .. }) if self.links.remove(&link).is_some() => {}
                Some(Wake::Frames { link, .. } | Wake::LinkStalled { link, .. })
                    if self.links.contains_key(&link) => {}
                Some(wake) if self.stopped == Some(Restart::Yes) && early.len() < EARLY_MAX => {
                    early.push(wake);
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    /// A fresh mind with the same identity, the same offers and the same way up.
    ///
    /// # Errors
    /// Says why there is none: no randomness, or a start that could not be written down.
    pub(super) async fn begin_again(&mut self) -> Result<(), String> {
        let seed = random_bytes().map_err(|error| format!("no randomness: {error}"))?;
        // A later run of the same key: its places are newer than all that the last one took.
        self.config.incarnation = self.config.incarnation.wrapping_add(1);
        self.config.starts = self.count_start().await?;
        self.config.seed = seed;
        self.read_clock();
        let before = self.mind.snapshot(self.now).services;
        self.mind = NodeState::new(self.config.clone(), self.now);
        self.armed = None;
        self.joins.begin_again();
        self.drain();
        self.tell_offers().await;
        // One that failed has another chance; one that somebody switched off stays off.
        for off in before.into_iter().filter(|s| !s.enabled && s.last_error.is_none()) {
            self.wish(ServiceWish::Enable { name: Some(off.name), enabled: false }).await;
        }
        for wake in std::mem::take(&mut self.early) {
            self.on_wake(wake).await;
        }
        if let Some(to) = self.joins.uplink().cloned() {
            self.feed(Input::Op(Op::Connect { op: NOBODY_WAITS, to, persist: true })).await;
        }
        self.life.send_modify(|life| life.run += 1);
        Ok(())
    }

    /// The number of the life that begins. The state directory may still have something to say to
    /// this task before it can count, so this listens.
    async fn count_start(&mut self) -> Result<u32, String> {
        let Some(keeper) = self.keeper.clone() else { return Ok(self.config.starts + 1) };
        let counting = keeper.count_start();
        tokio::pin!(counting);
        loop {
            tokio::select! {
                counted = &mut counting => return counted,
                Some(wake) = self.wakes.recv() => {
                    if self.early.len() < EARLY_MAX {
                        self.early.push(wake);
                    }
                }
            }
        }
    }

    /// Tells a mind that knows nothing yet what the program offers and does.
    pub(super) async fn tell_offers(&mut self) {
        let has_key = KeyNews::Known(self.admin_key.is_set());
        self.feed(Input::Op(Op::AdminKey(has_key))).await;
        for op in self.handlers.declarations() {
            self.feed(Input::Op(op)).await;
        }
        let sockets = self.streams.sockets().ports();
        self.feed(Input::Op(Op::DataSockets(sockets))).await;
        for wish in self.services.declarations() {
            self.wish(wish).await;
        }
    }

    async fn wish(&mut self, wish: ServiceWish) {
        self.feed(Input::Op(Op::Service { op: NOBODY_WAITS, wish })).await;
    }
}

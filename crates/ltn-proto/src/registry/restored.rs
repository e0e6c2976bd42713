//! A book from a backup: it learns what was signed after it before it signs anything itself.

use std::time::Duration;

use super::Registry;
use crate::charter::Charter;
use crate::outcome::{Refusal, RefusalKind};

/// So long a restored main server runs before it signs anything: members that lost it try it again
/// within half a minute.
const LEARNING: Duration = Duration::from_secs(60);

impl Registry {
    /// This book is from a backup.
    pub fn begin_learning(&mut self) {
        let more = u64::try_from(LEARNING.as_millis()).unwrap_or(u64::MAX);
        self.learns_until_ms = Some(self.running_ms.saturating_add(more));
    }

    /// Is it from a backup, and learns what was signed after it?
    #[must_use]
    pub const fn is_learning(&self) -> bool {
        self.learns_until_ms.is_some()
    }

    /// A member showed a later charter of this very authority: this book is from a backup, and
    /// takes over what was signed after it. Says whether it did.
    pub fn adopt(&mut self, later: &Charter) -> bool {
        let is_later = later.edition > self.charter.edition;
        if !is_later || later.network != self.network() || later.root != self.charter.root {
            return false;
        }
        self.charter = later.clone();
        if !self.is_learning() {
            self.charter.edition.version += 1;
        }
        true
    }

    /// Was a charter signed by a main server that was restored after this one was? Then this one
    /// must not sign any more.
    #[must_use]
    pub const fn is_superseded_by(&self, other: &Charter) -> bool {
        !self.is_learning() && other.edition.epoch > self.charter.edition.epoch
    }

    /// May there be members that this book does not know? Whoever joined after the backup that it
    /// is from is one; he is put out by his id.
    pub(super) const fn may_miss_members(&self) -> bool {
        self.charter.edition.epoch > 1
    }

    /// What it says counts from now on before all that was said in earlier epochs.
    pub(super) fn end_learning(&mut self) {
        self.learns_until_ms = None;
        self.charter.edition.epoch += 1;
        self.charter.edition.version = 1;
    }

    pub(super) fn check_has_learnt(&self) -> Result<(), Refusal> {
        let Some(until) = self.learns_until_ms else { return Ok(()) };
        let seconds = until.saturating_sub(self.running_ms).div_ceil(1_000);
        let text = format!(
            "this main server was restored from a backup, and first learns from its members what \
             was signed after it: try again when it has run for {seconds} s more"
        );
        Err(Refusal::new(RefusalKind::NotPossible, text))
    }
}

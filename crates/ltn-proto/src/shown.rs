//! What this node was shown of dangerous commands, in a network with members: by each token, what
//! it was given for. A second word is signed only for what was shown.
//!
//! This room compares; it neither signs nor asks.

use std::collections::BTreeMap;

use crate::expiring::Deadlines;
use crate::id::NodeId;
use crate::limits::CONFIRMATION_LIFETIME;
use crate::moment::Moment;

type Fingerprint = [u8; 32];

/// What a token was given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// By whom.
    pub(crate) at: NodeId,
    pub(crate) command: String,
    pub(crate) arguments: Fingerprint,
}

/// Why nothing is signed for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotShown {
    #[error(
        "this node was not shown this confirmation, or it is older than 30 s; nothing was done"
    )]
    Unknown,
    #[error("this confirmation was given for something else; nothing was done")]
    OtherDeed,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    given: BTreeMap<[u8; 16], (Given, Fingerprint)>,
    ends: Deadlines<[u8; 16]>,
    most: usize,
}

impl Shown {
    pub(crate) fn new(most: usize) -> Self {
        Self { given: BTreeMap::new(), ends: Deadlines::default(), most }
    }

    /// The token was given for this, about these targets.
    pub(crate) fn remember(
        &mut self,
        now: Moment,
        token: [u8; 16],
        given: Given,
        targets: Fingerprint,
    ) {
        self.expire(now);
        if self.given.len() >= self.most
            && let Some(oldest) = self.ends.pop_first()
        {
            self.given.remove(&oldest);
        }
        self.given.insert(token, (given, targets));
        self.ends.set(token, now + CONFIRMATION_LIFETIME);
    }

    /// The targets that were shown, if the token was given for this; it is used by that.
    pub(crate) fn take(
        &mut self,
        now: Moment,
        token: [u8; 16],
        wanted: &Given,
    ) -> Result<Fingerprint, NotShown> {
        self.expire(now);
        let (given, targets) = self.given.get(&token).ok_or(NotShown::Unknown)?;
        if given != wanted {
            return Err(NotShown::OtherDeed);
        }
        let targets = *targets;
        self.given.remove(&token);
        self.ends.cancel(token);
        Ok(targets)
    }

    fn expire(&mut self, now: Moment) {
        while let Some(token) = self.ends.pop_due(now) {
            self.given.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(command: &str) -> Given {
        let at = NodeId::from_bytes([1; 32]);
        Given { at, command: command.to_owned(), arguments: [2; 32] }
    }

    #[test]
    fn a_token_is_good_once_in_time_and_for_what_it_was_given() {
        let mut shown = Shown::new(2);
        shown.remember(Moment::ZERO, [1; 16], given("s.shutdown"), [9; 32]);
        let take = |shown: &mut Shown, token, command| {
            shown.take(Moment::ZERO, [token; 16], &given(command))
        };
        assert_eq!(take(&mut shown, 1, "s.restart"), Err(NotShown::OtherDeed));
        assert_eq!(take(&mut shown, 2, "s.shutdown"), Err(NotShown::Unknown));
        assert_eq!(take(&mut shown, 1, "s.shutdown"), Ok([9; 32]));
        assert_eq!(take(&mut shown, 1, "s.shutdown"), Err(NotShown::Unknown));
        shown.remember(Moment::ZERO, [1; 16], given("s.shutdown"), [9; 32]);
        let late = Moment::ZERO + CONFIRMATION_LIFETIME;
        assert_eq!(shown.take(late, [1; 16], &given("s.shutdown")), Err(NotShown::Unknown));
    }

    #[test]
    fn what_is_known_is_bounded_and_the_newest() {
        let mut shown = Shown::new(2);
        for n in 0..9 {
            let now = Moment::ZERO + std::time::Duration::from_millis(n.into());
            shown.remember(now, [n; 16], given("s.shutdown"), [n; 32]);
        }
        assert_eq!(shown.given.len(), 2);
        assert_eq!(shown.take(Moment::ZERO, [8; 16], &given("s.shutdown")), Ok([8; 32]));
    }
}

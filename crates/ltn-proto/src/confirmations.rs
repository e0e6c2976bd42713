//! The second word for dangerous commands: tokens that work once, for 30 seconds, and only for the
//! very thing they were given for.
//!
//! This room compares; it does not know what a command does.

use std::collections::BTreeMap;

use crate::id::NodeId;
use crate::limits::{
    CHALLENGES_MAX, CHALLENGES_PER_ACTOR_MAX, CONFIRMATION_LIFETIME, CONFIRMATIONS_MAX,
    CONFIRMATIONS_PER_ACTOR_MAX,
};
use crate::moment::Moment;

/// What a token was given for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deed {
    pub(crate) actor: NodeId,
    pub(crate) command: String,
    /// The fingerprint of its arguments, which may be large.
    pub(crate) arguments: [u8; 32],
}

#[derive(Debug, Clone)]
struct Offer {
    deed: Deed,
    targets: Vec<NodeId>,
    until: Moment,
}

/// All tokens that wait for their second word.
#[derive(Debug, Clone)]
pub(crate) struct Confirmations {
    offers: BTreeMap<[u8; 16], Offer>,
    per_actor_max: usize,
    all_max: usize,
}

/// Why a token does not work.
pub(crate) const NOT_CONFIRMED: &str = "this confirmation is unknown, used, older than 30 s, or \
                                        was given for something else; nothing was done";

impl Confirmations {
    /// For dangerous commands, which people confirm.
    pub(crate) const fn of_people() -> Self {
        Self::new(CONFIRMATIONS_PER_ACTOR_MAX, CONFIRMATIONS_MAX)
    }

    /// For calls that their issuers sign, which minds do by themselves.
    pub(crate) const fn of_minds() -> Self {
        Self::new(CHALLENGES_PER_ACTOR_MAX, CHALLENGES_MAX)
    }

    const fn new(per_actor_max: usize, all_max: usize) -> Self {
        Self { offers: BTreeMap::new(), per_actor_max, all_max }
    }

    /// Remembers what this token is for. An actor with too many open ones loses the oldest.
    pub(crate) fn offer(&mut self, token: [u8; 16], deed: Deed, targets: Vec<NodeId>, now: Moment) {
        self.expire(now);
        let actor = deed.actor;
        self.make_room(self.per_actor_max, |offer| offer.deed.actor == actor);
        self.make_room(self.all_max, |_| true);
        self.offers.insert(token, Offer { deed, targets, until: now + CONFIRMATION_LIFETIME });
    }

    /// Takes the token: the targets it was given for, if it was given for this deed and is fresh.
    pub(crate) fn take(
        &mut self,
        token: [u8; 16],
        deed: &Deed,
        now: Moment,
    ) -> Option<Vec<NodeId>> {
        self.expire(now);
        if self.offers.get(&token)?.deed != *deed {
            return None;
        }
        self.offers.remove(&token).map(|offer| offer.targets)
    }

    /// No token given so far works any more.
    pub(crate) fn forget_all(&mut self) {
        self.offers.clear();
    }

    fn expire(&mut self, now: Moment) {
        self.offers.retain(|_, offer| offer.until > now);
    }

    fn make_room(&mut self, max: usize, counts: impl Fn(&Offer) -> bool) {
        let counted = || self.offers.iter().filter(|(_, offer)| counts(offer));
        if counted().count() < max {
            return;
        }
        if let Some(oldest) = counted().min_by_key(|(_, offer)| offer.until).map(|(t, _)| *t) {
            self.offers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn deed(actor: u8, argument: u8) -> Deed {
        Deed {
            actor: NodeId::from_bytes([actor; 32]),
            command: "s.shutdown".to_owned(),
            arguments: [argument; 32],
        }
    }

    #[test]
    fn a_token_is_bound_to_actor_and_arguments_and_works_once() {
        let mut room = Confirmations::of_people();
        room.offer([1; 16], deed(1, 1), vec![], Moment::ZERO);
        assert_eq!(room.take([1; 16], &deed(2, 1), Moment::ZERO), None);
        assert_eq!(room.take([1; 16], &deed(1, 2), Moment::ZERO), None);
        assert_eq!(room.take([2; 16], &deed(1, 1), Moment::ZERO), None);
        assert_eq!(room.take([1; 16], &deed(1, 1), Moment::ZERO), Some(vec![]));
        assert_eq!(room.take([1; 16], &deed(1, 1), Moment::ZERO), None);
    }

    #[test]
    fn a_token_dies_after_thirty_seconds() {
        let mut room = Confirmations::of_people();
        room.offer([1; 16], deed(1, 1), vec![], Moment::ZERO);
        let later = Moment::ZERO + Duration::from_secs(30);
        assert_eq!(room.take([1; 16], &deed(1, 1), later), None);
    }

    #[test]
    fn open_tokens_are_bounded_per_actor_and_in_all() {
        let mut room = Confirmations::of_people();
        for n in 0..200_u8 {
            let now = Moment::ZERO + Duration::from_millis(u64::from(n));
            room.offer([n; 16], deed(n / 10, 0), vec![], now);
        }
        assert!(room.offers.len() <= CONFIRMATIONS_MAX);
        let of_last = room.offers.values().filter(|o| o.deed.actor == deed(19, 0).actor).count();
        assert_eq!(of_last, CONFIRMATIONS_PER_ACTOR_MAX);
    }
}

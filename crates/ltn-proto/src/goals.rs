//! Where a node without a parent looks for one: whom it tries, in which order, and when.
//!
//! A node *belongs* to the parent that somebody put it below; that one is its home and always tried
//! first. The *given* parents are those that its owner named for bad times. Those *above* are the
//! servers that were above the lost parent: learnt from the path, asked for by nobody, so they come
//! last and late. Who lives elsewhere than at home tries home again now and then, and moves there
//! when it answers. Decision 9 says why.
//!
//! This room knows addresses and moments. Dialing and telling people is done by `node/joining.rs`.

use std::time::Duration;

use crate::address::Address;
use crate::limits::{
    ANCESTOR_PATIENCE, BACKUP_PARENTS_MAX, BACKUP_PATIENCE, DEPTH_MAX, HOMING_PAUSE_MAX,
    HOMING_PAUSE_MIN, RECONNECT_PAUSE_MAX, RECONNECT_PAUSE_MIN, RESTART_PATIENCE,
};
use crate::moment::Moment;
use crate::outcome::CloseReason;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Goals {
    /// The node's own listener: nobody looks for a parent there.
    own: Option<Address>,
    given: Vec<Address>,
    home: Option<Address>,
    /// Where home may be found too.
    also: Vec<Address>,
    /// What was lost, while something is looked for.
    loss: Option<Loss>,
    /// How many of the present round were tried.
    turn: usize,
    /// Rounds since the last success.
    failures: u32,
    /// When home is tried again from elsewhere.
    homing: Option<Moment>,
    /// How often home was lost again soon after it was found.
    falls: u32,
    joined: Moment,
}

/// A lost parent.
#[derive(Debug, Clone)]
struct Loss {
    since: Moment,
    /// A lost parent that may be tried again, if it was not home.
    parent: Option<Address>,
    /// From the nearest upwards.
    above: Vec<Address>,
    /// How long home alone is tried, and home and the given ones.
    patience: (Duration, Duration),
}

impl Goals {
    /// Nobody is looked for yet.
    pub(crate) fn new(own: Option<Address>, given: Vec<Address>) -> Self {
        let mut goals = Self { own, ..Self::default() };
        goals.give(given);
        goals
    }

    /// The owner names these for bad times.
    pub(crate) fn give(&mut self, given: Vec<Address>) {
        self.given = given;
        self.given.truncate(BACKUP_PARENTS_MAX);
    }

    /// Those that the owner named.
    pub(crate) fn given(&self) -> &[Address] {
        &self.given
    }

    /// The server that the node belongs to may be found at any of these addresses.
    pub(crate) fn know_home(&mut self, addresses: &[Address]) {
        self.also = addresses.to_vec();
    }

    /// The parent that the node belongs to.
    pub(crate) const fn home(&self) -> Option<&Address> {
        self.home.as_ref()
    }

    /// A first parent is looked for without end: this one, else the given ones.
    pub(crate) fn seek(&mut self, home: Address, now: Moment) {
        self.home = Some(home);
        self.begin(Loss {
            since: now,
            parent: None,
            above: Vec::new(),
            patience: (BACKUP_PATIENCE, ANCESTOR_PATIENCE),
        });
    }

    /// Somebody put the node there: it belongs there from now on.
    pub(crate) fn belong(&mut self, home: Address, now: Moment) {
        (self.home, self.loss, self.homing) = (Some(home), None, None);
        (self.turn, self.failures, self.falls, self.joined) = (0, 0, 0, now);
    }

    /// The node came there by itself.
    pub(crate) fn arrive(&mut self, at: &Address, now: Moment) {
        let is_home = !self.is_elsewhere(at);
        if is_home {
            self.home = Some(at.clone());
        }
        (self.loss, self.turn, self.failures, self.joined) = (None, 0, 0, now);
        self.homing = (!is_home).then(|| now + self.homing_pause());
    }

    /// Is this another place than where the node belongs?
    pub(crate) fn is_elsewhere(&self, at: &Address) -> bool {
        let is_there = |home: &Address| home.same_listener(at);
        self.home.as_ref().is_some_and(|home| !is_there(home) && !self.also_home().any(is_there))
    }

    /// The other addresses of home, if they are those of the present one.
    fn also_home(&self) -> impl Iterator<Item = &Address> {
        let is_home = |at: &Address| self.home.as_ref().is_some_and(|home| home.same_listener(at));
        self.also.iter().filter(move |_| self.also.iter().any(is_home))
    }

    /// A parent is gone, for this reason; these were above it, the nearest first.
    pub(crate) fn lose(
        &mut self,
        now: Moment,
        parent: &Address,
        reason: CloseReason,
        above: Vec<Address>,
    ) {
        let was_home = !self.is_elsewhere(parent);
        self.homing = None;
        if was_home && now.since(self.joined) < HOMING_PAUSE_MAX {
            self.falls = self.falls.saturating_add(1);
        } else if was_home {
            self.falls = 0;
        }
        let patience = match reason {
            // Thrown out, or left by one's own wish: nobody is looked for.
            CloseReason::Kicked
            | CloseReason::Revoked
            | CloseReason::Leaving
            | CloseReason::Moved => {
                return self.leave();
            }
            // It does not come back by itself, and nobody goes back to it; what the owner of this
            // node named for such times is another matter.
            CloseReason::Stopping => return self.forsake(now, parent, Vec::new()),
            CloseReason::Restarting => (RESTART_PATIENCE, RESTART_PATIENCE),
            _ => (BACKUP_PATIENCE, ANCESTOR_PATIENCE),
        };
        self.home.get_or_insert_with(|| parent.clone());
        let mut above = above;
        above.truncate(DEPTH_MAX);
        let parent = (!was_home).then(|| parent.clone());
        self.begin(Loss { since: now, parent, above, patience });
    }

    /// Nobody goes back to this parent: those above it are tried at once, and those that the owner
    /// named.
    pub(crate) fn forsake(&mut self, now: Moment, parent: &Address, mut above: Vec<Address>) {
        if !self.is_elsewhere(parent) {
            self.home = None;
        }
        self.homing = None;
        if self.home.is_none() && self.given.is_empty() && above.is_empty() {
            return self.leave();
        }
        above.truncate(DEPTH_MAX);
        let patience = (Duration::ZERO, Duration::ZERO);
        self.begin(Loss { since: now, parent: None, above, patience });
    }

    /// A move is taken back: home is where the node was before.
    pub(crate) fn take_back(&mut self, home: Address) {
        self.home = Some(home);
    }

    /// Nobody is looked for any more.
    pub(crate) fn leave(&mut self) {
        (self.home, self.loss, self.homing) = (None, None, None);
    }

    /// Is somebody looked for?
    pub(crate) const fn is_searching(&self) -> bool {
        self.loss.is_some()
    }

    /// Whom to try next, and after which pause (without jitter).
    pub(crate) fn next(&mut self, now: Moment) -> Option<(Address, Duration)> {
        let goals = self.list(now);
        if self.turn >= goals.len() {
            self.turn = 0;
        }
        let goal = goals.get(self.turn)?.clone();
        let pause = if self.turn == 0 { self.next_pause() } else { RECONNECT_PAUSE_MIN };
        self.turn += 1;
        Some((goal, pause))
    }

    /// The pause before the next round; longer with each.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let doubled = RECONNECT_PAUSE_MIN * 2_u32.pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        doubled.min(RECONNECT_PAUSE_MAX)
    }

    /// When home is to be tried again, if the node lives elsewhere.
    pub(crate) const fn homing(&self) -> Option<Moment> {
        self.homing
    }

    /// Home is tried now; if that comes to nothing, again later.
    pub(crate) fn try_home(&mut self, now: Moment) -> Option<Address> {
        let home = self.home.clone().filter(|_| self.homing.is_some());
        self.homing = home.is_some().then(|| now + self.homing_pause());
        home
    }

    fn begin(&mut self, loss: Loss) {
        (self.turn, self.failures) = (0, 0);
        self.loss = Some(loss);
    }

    /// Everybody who may be tried now, each once.
    fn list(&self, now: Moment) -> Vec<Address> {
        let Some(loss) = &self.loss else { return Vec::new() };
        let waited = now.since(loss.since);
        let given = self.given.iter().filter(|_| waited >= loss.patience.0);
        let above = loss.above.iter().filter(|_| waited >= loss.patience.1);
        let mut list: Vec<Address> = Vec::new();
        let home = self.home.iter().chain(self.also_home());
        for goal in home.chain(&loss.parent).chain(given).chain(above) {
            let is_known = |other: &Address| other.same_listener(goal);
            if !list.iter().any(is_known) && !self.own.as_ref().is_some_and(is_known) {
                list.push(goal.clone());
            }
        }
        list
    }

    fn homing_pause(&self) -> Duration {
        (HOMING_PAUSE_MIN * 2_u32.pow(self.falls.min(8))).min(HOMING_PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(port: u16) -> Address {
        Address::new(&format!("127.0.0.1:{port}"))
    }

    fn at_home(given: &[u16]) -> Goals {
        let mut goals = Goals::new(Some(at(1)), given.iter().map(|port| at(*port)).collect());
        goals.belong(at(4_000), Moment::ZERO);
        goals
    }

    #[test]
    fn home_is_looked_for_at_all_its_addresses_and_is_home_at_each() {
        let mut goals = at_home(&[]);
        goals.know_home(&[at(4_000), at(4_500)]);
        goals.lose(Moment::ZERO, &at(4_000), CloseReason::Lost, Vec::new());
        assert_eq!(round(&mut goals, Moment::ZERO), [at(4_000), at(4_500)]);
        assert!(!goals.is_elsewhere(&at(4_500)) && goals.is_elsewhere(&at(4_600)));
        goals.arrive(&at(4_500), Moment::ZERO);
        goals.know_home(&[at(4_500)]);
        assert_eq!((goals.home(), goals.homing()), (Some(&at(4_500)), None));
        assert!(!goals.is_elsewhere(&at(4_500)) && goals.is_elsewhere(&at(4_000)));
        // Whoever belongs to another server now does not take these for it.
        goals.belong(at(5_000), Moment::ZERO);
        assert!(goals.is_elsewhere(&at(4_500)));
        goals.lose(Moment::ZERO, &at(5_000), CloseReason::Lost, Vec::new());
        assert_eq!(round(&mut goals, Moment::ZERO), [at(5_000)]);
    }

    /// The goals of one round.
    fn round(goals: &mut Goals, now: Moment) -> Vec<Address> {
        goals.turn = usize::MAX;
        let mut round = vec![goals.next(now).unwrap().0];
        while goals.turn < goals.list(now).len() {
            round.push(goals.next(now).unwrap().0);
        }
        round
    }

    #[test]
    fn home_comes_first_then_the_given_ones_then_those_above() {
        let mut goals = at_home(&[4_001, 1, 4_002, 4_000]);
        let now = Moment::ZERO + SECOND;
        goals.lose(now, &at(4_000), CloseReason::Lost, vec![at(4_002), at(4_009)]);
        assert_eq!(round(&mut goals, now), [at(4_000)]);
        let soon = now + BACKUP_PATIENCE;
        assert_eq!(round(&mut goals, soon), [at(4_000), at(4_001), at(4_002)]);
        let late = now + ANCESTOR_PATIENCE;
        assert_eq!(round(&mut goals, late), [at(4_000), at(4_001), at(4_002), at(4_009)]);
    }

    #[test]
    fn who_announced_a_restart_is_waited_for_longer() {
        let mut goals = at_home(&[4_001]);
        goals.lose(Moment::ZERO, &at(4_000), CloseReason::Restarting, vec![at(4_009)]);
        assert_eq!(round(&mut goals, Moment::ZERO + ANCESTOR_PATIENCE), [at(4_000)]);
        assert_eq!(round(&mut goals, Moment::ZERO + RESTART_PATIENCE).len(), 3);
    }

    #[test]
    fn after_a_stop_only_the_given_ones_are_tried_and_after_a_kick_nobody() {
        let mut goals = at_home(&[4_001]);
        goals.lose(Moment::ZERO, &at(4_000), CloseReason::Stopping, vec![at(4_009)]);
        assert_eq!(round(&mut goals, Moment::ZERO + SECOND * 900), [at(4_001)]);
        let mut goals = at_home(&[]);
        goals.lose(Moment::ZERO, &at(4_000), CloseReason::Stopping, vec![at(4_009)]);
        assert!(!goals.is_searching());
        let mut goals = at_home(&[4_001]);
        goals.lose(Moment::ZERO, &at(4_000), CloseReason::Kicked, vec![at(4_009)]);
        assert!(!goals.is_searching());
    }

    #[test]
    fn who_lives_elsewhere_tries_home_again_and_less_often_if_home_does_not_last() {
        let mut goals = at_home(&[4_001]);
        let mut now = Moment::ZERO + HOMING_PAUSE_MAX;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            goals.lose(now, &at(4_000), CloseReason::Lost, Vec::new());
            goals.arrive(&at(4_001), now);
            let due = goals.homing().unwrap();
            pauses.push(due.since(now));
            now = due;
            assert_eq!(goals.try_home(now), Some(at(4_000)));
            goals.arrive(&at(4_000), now);
            assert_eq!(goals.homing(), None);
            now = now + SECOND;
        }
        assert_eq!(pauses[0], HOMING_PAUSE_MIN);
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(pauses[11], HOMING_PAUSE_MAX);
    }

    #[test]
    fn pauses_grow_with_each_round_and_have_an_end() {
        let mut goals = at_home(&[4_001]);
        goals.lose(Moment::ZERO, &at(4_000), CloseReason::Lost, Vec::new());
        let late = Moment::ZERO + SECOND * 600;
        let pauses: Vec<Duration> = (0..80).map(|_| goals.next(late).unwrap().1).collect();
        assert_eq!(pauses[0], RECONNECT_PAUSE_MIN);
        let rounds: Vec<Duration> = pauses.iter().step_by(2).copied().collect();
        assert!(rounds.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(rounds[39], RECONNECT_PAUSE_MAX);
        assert!(pauses.iter().skip(1).step_by(2).all(|pause| *pause == RECONNECT_PAUSE_MIN));
    }

    #[test]
    fn only_so_many_parents_are_given() {
        let many: Vec<u16> = (5_000..5_100).collect();
        let mut goals = at_home(&many);
        goals.lose(Moment::ZERO, &at(4_000), CloseReason::Lost, Vec::new());
        let late = Moment::ZERO + SECOND * 600;
        assert_eq!(round(&mut goals, late).len(), 1 + BACKUP_PARENTS_MAX);
    }
}

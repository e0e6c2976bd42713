//! The places for those who have not proved yet who they are: whose handshake runs, who waits for
//! one, and who goes when there are too many.
//!
//! Half of the places are kept for addresses from which somebody was let in before, so that a crowd
//! of strangers cannot keep those out who belong here. This room counts and chooses; it knows
//! neither sockets nor TLS.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use ltn_proto::Limits;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// When others wait, the oldest handshake gets no more than this. An honest one takes a small part
/// of it.
pub(super) const FAIR_TIME: Duration = Duration::from_millis(500);
/// All places change hands once in this time at the most, one after the other: so there is always
/// one soon, and the work of many handshakes does not come at one moment.
pub(super) const TURNOVER: Duration = Duration::from_secs(1);
/// Connections that wait for a place, each of which costs a file descriptor; beyond that a random
/// one goes.
const WAITING_MAX: usize = 256;
/// Addresses that are remembered because somebody came from there; beyond that the oldest are not.
const KNOWN_MAX: usize = 1_024;

/// A handshake that runs.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) remote: String,
    origin: Option<IpAddr>,
    since: Instant,
    task: AbortHandle,
}

/// Those who wait, the longest waiting first, and where they come from.
type Queue<W> = VecDeque<(Option<IpAddr>, W)>;

/// See the module. `W` is a connection that waits. All of this is asked for every connection that
/// comes, so it has to be quick however many there are.
#[derive(Debug)]
pub(super) struct Places<W> {
    under_way: BTreeMap<u64, UnderWay>,
    /// How many of those there are of each address.
    shares: BTreeMap<IpAddr, usize>,
    /// From addresses that were known when they came.
    waiting_known: Queue<W>,
    /// From all others.
    waiting: Queue<W>,
    /// Each with the handshake that let somebody in last.
    known: BTreeMap<IpAddr, u64>,
    next_number: u64,
    made_room_at: Option<Instant>,
    all_max: usize,
    per_origin_max: usize,
}

impl<W> Places<W> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            under_way: BTreeMap::new(),
            shares: BTreeMap::new(),
            waiting_known: VecDeque::new(),
            waiting: VecDeque::new(),
            known: BTreeMap::new(),
            next_number: 0,
            made_room_at: None,
            all_max: limits.pending_links.max(1),
            per_origin_max: limits.pending_links_per_address.max(1),
        }
    }

    /// One more waits. If too many do, this is one that has to go.
    pub(super) fn wait(&mut self, origin: Option<IpAddr>, connection: W) -> Option<W> {
        let is_known = self.is_known(origin);
        let queue = if is_known { &mut self.waiting_known } else { &mut self.waiting };
        queue.push_back((origin, connection));
        if self.waiting.len() + self.waiting_known.len() <= WAITING_MAX {
            return None;
        }
        // Not the oldest, nor the newest: whoever keeps coming must not decide who goes.
        let goes = self.waiting.remove(dice(self.waiting.len()));
        goes.or_else(|| self.waiting_known.pop_front()).map(|(_, connection)| connection)
    }

    /// The next whose handshake may begin: those from known addresses first, then who waited most.
    /// In a crowd it is who came last: who waited long has gone by then, or wants nothing.
    pub(super) fn next(&mut self) -> Option<(Option<IpAddr>, W)> {
        if self.under_way.len() >= self.all_max {
            return None;
        }
        let may = |(origin, _): &(Option<IpAddr>, W)| self.has_share(*origin);
        if let Some(next) = self.waiting_known.iter().position(may) {
            return self.waiting_known.remove(next);
        }
        if self.waiting.is_empty() || self.strangers() >= self.strangers_max() {
            return None;
        }
        let next = if self.waiting.len() > WAITING_MAX / 2 {
            self.waiting.iter().rposition(may)
        } else {
            self.waiting.iter().position(may)
        };
        self.waiting.remove(next?)
    }

    fn has_share(&self, origin: Option<IpAddr>) -> bool {
        let of_this = origin.and_then(|origin| self.shares.get(&origin));
        of_this.is_none_or(|of_this| *of_this < self.per_origin_max)
    }

    fn is_known(&self, origin: Option<IpAddr>) -> bool {
        origin.is_some_and(|origin| self.known.contains_key(&origin))
    }

    fn strangers(&self) -> usize {
        let known = self.shares.iter().filter(|(origin, _)| self.known.contains_key(origin));
        self.under_way.len() - known.map(|(_, count)| count).sum::<usize>()
    }

    /// Nothing is kept as long as there is nobody to keep it for. One place belongs to strangers
    /// even where there is one only.
    fn strangers_max(&self) -> usize {
        if self.known.is_empty() { self.all_max } else { self.all_max.div_ceil(2) }
    }

    /// A number for a handshake that begins now.
    pub(super) const fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub(super) fn begin(
        &mut self,
        number: u64,
        remote: String,
        origin: Option<IpAddr>,
        task: AbortHandle,
    ) {
        let since = Instant::now();
        if let Some(origin) = origin {
            *self.shares.entry(origin).or_default() += 1;
        }
        self.under_way.insert(number, UnderWay { remote, origin, since, task });
    }

    /// This handshake is over. If it went well, its address is known from now on.
    pub(super) fn end(&mut self, number: u64, let_in: bool) {
        let Some(ended) = self.under_way.remove(&number) else { return };
        self.give_back(ended.origin);
        if let Some(origin) = ended.origin.filter(|_| let_in) {
            self.known.insert(origin, number);
            if self.known.len() > KNOWN_MAX
                && let Some((oldest, _)) = self.known.iter().min_by_key(|(_, last)| **last)
            {
                let oldest = *oldest;
                self.known.remove(&oldest);
            }
        }
    }

    fn give_back(&mut self, origin: Option<IpAddr>) {
        let Some(origin) = origin else { return };
        if let Some(share) = self.shares.get_mut(&origin) {
            *share -= 1;
            if *share == 0 {
                self.shares.remove(&origin);
            }
        }
    }

    /// If somebody waits: when the oldest handshake has to make room.
    pub(super) fn makes_room_at(&self) -> Option<Instant> {
        let waits = !self.waiting.is_empty() || !self.waiting_known.is_empty();
        let (_, oldest) = self.in_the_way().filter(|_| waits)?;
        let places = u32::try_from(self.all_max).unwrap_or(u32::MAX);
        let next = self.made_room_at.map(|last| last + TURNOVER / places);
        next.max(Some(oldest.since + FAIR_TIME))
    }

    /// The oldest handshake in the place of which one of those who wait could begin: nobody has to
    /// go for an address that has its share, nor one that is known for strangers.
    fn in_the_way(&self) -> Option<(u64, &UnderWay)> {
        let is_full = self.under_way.len() >= self.all_max;
        let no_strangers = self.strangers() >= self.strangers_max();
        let in_the_way = |of: &UnderWay| {
            is_full || !self.has_share(of.origin) || (no_strangers && !self.is_known(of.origin))
        };
        let found = self.under_way.iter().find(|(_, under_way)| in_the_way(under_way));
        found.map(|(number, under_way)| (*number, under_way))
    }

    /// The oldest handshake that is in others' way goes.
    pub(super) fn make_room(&mut self) -> Option<UnderWay> {
        let (number, _) = self.in_the_way()?;
        let oldest = self.under_way.remove(&number)?;
        self.give_back(oldest.origin);
        oldest.task.abort();
        self.made_room_at = Some(Instant::now());
        Some(oldest)
    }
}

/// A number below this that nobody outside can foresee; 0 if there is none. Each new state of the
/// standard library's hashes has keys of its own, which is all that is needed here.
fn dice(below: usize) -> usize {
    let roll = RandomState::new().build_hasher().finish();
    usize::try_from(roll % (below.max(1) as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(all: usize, per_address: usize) -> Limits {
        Limits { pending_links: all, pending_links_per_address: per_address, ..Limits::default() }
    }

    fn origin(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    /// Begins all that may begin; says which.
    fn begin_all(places: &mut Places<u32>) -> Vec<u32> {
        let mut begun = Vec::new();
        while let Some((origin, who)) = places.next() {
            let number = places.number();
            places.begin(number, String::new(), origin, tokio::spawn(async {}).abort_handle());
            begun.push(who);
        }
        begun
    }

    #[tokio::test]
    async fn one_address_gets_its_share_and_the_rest_waits() {
        let mut places = Places::new(&limits(100, 3));
        for who in 0..5 {
            assert_eq!(places.wait(origin(1), who), None);
        }
        places.wait(origin(2), 5);
        assert_eq!(begin_all(&mut places), [0, 1, 2, 5]);
        places.end(1, false);
        assert_eq!(begin_all(&mut places), [3], "who waited longest comes next");
        for who in 10..30 {
            places.wait(None, who);
        }
        assert_eq!(begin_all(&mut places).len(), 20, "this machine's own are not counted");
    }

    #[tokio::test]
    async fn half_of_the_places_are_kept_for_addresses_that_are_known() {
        let mut places = Places::new(&limits(4, 4));
        places.wait(origin(1), 0);
        assert_eq!(begin_all(&mut places), [0]);
        places.end(1, true);
        for who in 1..=8 {
            places.wait(origin(100 + u8::try_from(who).unwrap()), who);
        }
        assert_eq!(begin_all(&mut places), [1, 2], "strangers have half of them");
        places.wait(origin(1), 9);
        assert_eq!(begin_all(&mut places), [9], "who was here before has the other half");
        assert!(places.makes_room_at().is_some(), "strangers wait");
        assert!(places.make_room().is_some());
        assert_eq!(begin_all(&mut places), [3]);
    }

    #[tokio::test]
    async fn of_too_many_who_wait_a_stranger_goes() {
        let mut places = Places::new(&limits(2, 4));
        places.wait(origin(1), 0);
        assert_eq!(begin_all(&mut places), [0]);
        places.end(1, true);
        places.wait(None, 1);
        assert_eq!(begin_all(&mut places), [1]);
        places.wait(origin(1), 2);
        let mut gone = Vec::new();
        for who in 100..1_000 {
            gone.extend(places.wait(None, who));
        }
        assert_eq!(gone.len(), 901 - WAITING_MAX);
        assert!(!gone.contains(&2), "not the one whose address is known");
        assert!(!gone.is_sorted(), "neither the oldest nor the newest go");
        assert_eq!(begin_all(&mut places), [2]);
    }

    /// Who came late waited for all who had come before, most of whom were gone or silent.
    #[tokio::test]
    async fn in_a_crowd_who_came_last_comes_first() {
        let mut places = Places::new(&limits(2, 4));
        for who in 0..10 {
            places.wait(None, who);
        }
        assert_eq!(begin_all(&mut places), [0, 1], "this is no crowd");
        for who in 10..300 {
            places.wait(None, who);
        }
        places.end(1, false);
        assert_eq!(begin_all(&mut places), [299]);
    }

    /// All places were taken from those who had them in the same moment, once a second.
    #[tokio::test(start_paused = true)]
    async fn places_change_hands_one_after_the_other() {
        let mut places = Places::new(&limits(10, 4));
        for who in 0..30 {
            places.wait(None, who);
        }
        assert_eq!(begin_all(&mut places).len(), 10);
        let start = Instant::now();
        for made_room in 0..10 {
            let next = places.makes_room_at().unwrap();
            assert_eq!(next - start, FAIR_TIME + TURNOVER / 10 * made_room);
            tokio::time::sleep_until(next).await;
            assert!(places.make_room().is_some());
            assert_eq!(begin_all(&mut places).len(), 1);
        }
    }

    /// One address with many connections had others put out whose places it could not take.
    #[tokio::test]
    async fn nobody_goes_for_an_address_that_has_its_share() {
        let mut places = Places::new(&limits(10, 2));
        places.wait(origin(1), 0);
        for who in 1..5 {
            places.wait(origin(2), who);
        }
        assert_eq!(begin_all(&mut places), [0, 1, 2]);
        assert!(places.make_room().is_some_and(|gone| gone.origin == origin(2)));
        assert_eq!(begin_all(&mut places), [3]);
    }

    #[tokio::test]
    async fn known_addresses_have_a_maximum() {
        let mut places: Places<u32> = Places::new(&limits(2, 4));
        for last in 0..=KNOWN_MAX {
            let address = Some(IpAddr::from(u32::try_from(last).unwrap().to_be_bytes()));
            let number = places.number();
            places.begin(number, String::new(), address, tokio::spawn(async {}).abort_handle());
            places.end(number, true);
        }
        assert_eq!(places.known.len(), KNOWN_MAX);
        assert!(!places.is_known(Some(IpAddr::from([0; 4]))));
    }
}

//! One connection between two hosts: two ends, and a lane each way on which nothing overtakes.
//!
//! A wire behaves as TCP does. While a lane is cut, what was sent waits and arrives after healing;
//! whoever sends to an end that its host has forgotten learns that the connection is gone. This
//! room knows no clock and no mind: it says when something may arrive, `network.rs` lets it.

use std::collections::VecDeque;

use crate::frame::Frame;
use crate::id::{DialId, LinkId};
use crate::moment::Moment;

use super::HostId;

/// The number of a wire; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WireId(pub(super) u64);

/// The two ends of every wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The one who dialed: the child.
    Dialer,
    /// The one who listens: the parent.
    Listener,
}

impl Side {
    /// The other one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Listener,
            Self::Listener => Self::Dialer,
        }
    }
}

/// How far one end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The dialer has not heard yet that it was let through.
    Opening(DialId),
    /// Its host uses it.
    Open,
    /// Its host has closed, lost or forgotten it.
    Gone,
}

/// One end of a wire.
#[derive(Debug)]
pub(super) struct End {
    pub(super) host: HostId,
    /// What its host calls it.
    pub(super) link: LinkId,
    pub(super) stage: Stage,
}

/// What travels on a lane.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parcel {
    /// To the dialer: the connection stands.
    Opened,
    /// Something said.
    Frame(Frame),
    /// The other end is gone.
    Closed,
}

/// One direction of a wire.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// When the last parcel on its way arrives: the next one arrives no earlier.
    last_arrival: Moment,
    /// What arrived while the lane was cut.
    held: VecDeque<Parcel>,
}

impl Lane {
    /// When a parcel arrives that would like to arrive at `wanted`.
    pub(super) fn arrival(&mut self, wanted: Moment) -> Moment {
        self.last_arrival = self.last_arrival.max(wanted);
        self.last_arrival
    }

    /// Keeps a parcel back if the lane is cut, or if others are kept back already; hands it back
    /// if it may arrive.
    pub(super) fn pass(&mut self, cut: bool, parcel: Parcel) -> Option<Parcel> {
        if cut || !self.held.is_empty() {
            self.held.push_back(parcel);
            return None;
        }
        Some(parcel)
    }

    /// Everything that was kept back, in order.
    pub(super) fn release(&mut self) -> VecDeque<Parcel> {
        std::mem::take(&mut self.held)
    }

    /// Is something kept back?
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) dialer: End,
    pub(super) listener: End,
    from_dialer: Lane,
    from_listener: Lane,
}

impl Wire {
    pub(super) fn new(dialer: End, listener: End) -> Self {
        Self { dialer, listener, from_dialer: Lane::default(), from_listener: Lane::default() }
    }

    pub(super) const fn end(&self, side: Side) -> &End {
        match side {
            Side::Dialer => &self.dialer,
            Side::Listener => &self.listener,
        }
    }

    pub(super) const fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Dialer => &mut self.dialer,
            Side::Listener => &mut self.listener,
        }
    }

    /// The lane on which this side speaks.
    pub(super) const fn lane_from(&mut self, side: Side) -> &mut Lane {
        match side {
            Side::Dialer => &mut self.from_dialer,
            Side::Listener => &mut self.from_listener,
        }
    }

    /// Who speaks and who listens on the lane of this side.
    pub(super) const fn ways(&self, from: Side) -> (HostId, HostId) {
        (self.end(from).host, self.end(from.other()).host)
    }

    /// Can both ends use it?
    pub(super) fn is_open(&self) -> bool {
        self.dialer.stage == Stage::Open && self.listener.stage == Stage::Open
    }

    /// Have both ends forgotten it?
    pub(super) fn is_gone(&self) -> bool {
        self.dialer.stage == Stage::Gone && self.listener.stage == Stage::Gone
    }

    /// Is something kept back on either lane?
    pub(super) fn holds(&self) -> bool {
        self.from_dialer.holds() || self.from_listener.holds()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_overtakes_on_a_lane() {
        let mut lane = Lane::default();
        let at = |ms| Moment::after_zero(Duration::from_millis(ms));
        assert_eq!(lane.arrival(at(20)), at(20));
        assert_eq!(lane.arrival(at(5)), at(20));
        assert_eq!(lane.arrival(at(21)), at(21));
    }

    #[test]
    fn what_arrives_during_a_cut_comes_first_after_it() {
        let mut lane = Lane::default();
        assert_eq!(lane.pass(false, Parcel::Opened), Some(Parcel::Opened));
        assert_eq!(lane.pass(true, Parcel::Opened), None);
        assert_eq!(lane.pass(false, Parcel::Closed), None, "the first one is still kept back");
        assert_eq!(lane.release(), [Parcel::Opened, Parcel::Closed]);
        assert!(!lane.holds());
        assert_eq!(lane.pass(false, Parcel::Closed), Some(Parcel::Closed));
    }
}

//! Orders between members: who is to go wants the main server's signature for it, over a nonce of
//! its own, and signs that it goes.
//!
//! Only the main server leads orders that go through the tree, and it has checked who gave them. A
//! server on the way passes both words on. So it cannot stop what is below it, neither by an order
//! that it made up nor by an old one, and cannot tell that somebody stopped who did not.

use std::time::Duration;

use super::NodeState;
use super::broken::Duty;
use super::outbox::{Unsigned, What};
use super::reporting::read_entry;
use crate::body::{self, Entry, OrderCheck, OrderGo, Words};
use crate::frame::{Frame, Header, Kind};
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::{CloseReason, RollCallEntry, RollCallOutcome};
use crate::permissions::Permission;
use crate::proof::{Farewell, Go, Proof};
use crate::rollcall::{Giver, Heard, Order};
use crate::signature::Purpose;
use crate::standing::Standing;

impl NodeState {
    fn root_id(&self) -> Option<NodeId> {
        self.standing.as_ref().map(Standing::root)
    }

    /// A server below asks whether an order still holds. The main server signs that it does; others
    /// ask it.
    pub(super) fn answer_check(
        &mut self,
        now: Moment,
        server: NodeId,
        check: &OrderCheck,
        time_left: Duration,
    ) {
        let (Some(root), Some(roll)) = (self.root_id(), &mut self.roll_call) else { return };
        let OrderCheck { order: number, nonce, node } = *check;
        let order = roll.order;
        if root != self.config.id {
            if node.is_none() && roll.waits_for(server) {
                let ask = OrderCheck { order: number, nonce, node: Some(server) };
                self.tell(now, Kind::ORDER_CHECK, root, body::write(&ask));
            }
            return;
        }
        let node = node.unwrap_or(server);
        let wanted = if node == server {
            roll.goes_on(server)
        } else {
            roll.covers(node) && self.tree.is_below(node, server)
        };
        let (Some((network, _)), Ok(Some(link)), true) =
            (self.membership(), self.way_to(server), wanted)
        else {
            return;
        };
        let Order { restart, subtree, issuer, .. } = order;
        let words = Go { network, order: number, node, nonce, restart, subtree, issuer };
        let words = body::write(&words).to_vec();
        let time_left_ms = u64::try_from(time_left.as_millis()).unwrap_or(0);
        let go = OrderGo { order: number, nonce, time_left_ms, node: Some(node), words: None };
        let header = Header::new(Kind::ORDER_GO, self.config.id, server);
        let what = What::Go { go, words: words.clone() };
        self.have_frame_signed((Purpose::Order, words), Unsigned { link, header, what });
    }

    /// The main server's word for a server below this one.
    pub(super) fn pass_go_on(&mut self, now: Moment, from: NodeId, go: OrderGo, time: Duration) {
        let number = go.order;
        let by_root = self.root_id() == Some(from);
        let mine = self.roll_call.as_mut().filter(|roll| roll.order.number == number);
        let (Some(node), Some(roll), true) = (go.node, mine, by_root) else { return };
        if !time.is_zero() && roll.goes_on(node) {
            let time_left_ms = u64::try_from(time.as_millis()).unwrap_or(0);
            let go = body::write(&OrderGo { time_left_ms, ..go });
            self.tell(now, Kind::ORDER_GO, node, go);
        }
    }

    /// Did the main server sign that this node is to go, for this very question?
    pub(super) fn is_signed_go(&self, heard: &Heard, words: Option<&Proof>) -> bool {
        if !self.wants_seals() || !self.does(Duty::Orders) {
            return true;
        }
        let (Some((network, _)), Some(words)) = (self.membership(), words) else { return false };
        let Order { number, restart, subtree, issuer, .. } = heard.order;
        let (node, nonce) = (self.config.id, heard.nonce);
        let wanted = Go { network, order: number, node, nonce, restart, subtree, issuer };
        match words.open::<Go>(self.scheme, Purpose::Order) {
            Ok((by, said)) => Some(by) == self.root_id() && said == wanted,
            Err(_) => false,
        }
    }

    /// May the issuer of an order stop this node, by what this node knows itself?
    pub(super) fn may_order(&self, issuer: NodeId) -> bool {
        let by_root = self.root_id() == Some(issuer);
        let granted = || self.granted_to(issuer).allow(&Permission::admin());
        !self.wants_seals() || by_root || granted()
    }

    /// Signs that this node goes, to who passed the order on.
    pub(super) fn say_farewell(&mut self, giver: Giver, order: Order) {
        let Giver::Server(giver) = giver else { return };
        let (Some((network, _)), true, Ok(Some(link))) =
            (self.membership(), self.wants_seals(), self.way_to(giver))
        else {
            return;
        };
        let Order { number, restart, .. } = order;
        let words = Farewell { network, order: number, node: self.config.id, restart };
        let words = body::write(&words).to_vec();
        let header = Header::new(Kind::FAREWELL, self.config.id, giver);
        let what = What::Words(words.clone());
        self.have_frame_signed((Purpose::Farewell, words), Unsigned { link, header, what });
    }

    /// A server that was ordered signs that it goes.
    pub(super) fn on_farewell(&mut self, frame: &Frame) {
        let Ok(Words { words }) = body::read(&frame.payload) else { return };
        let node = frame.header.source;
        let Some(order) = self.roll_call.as_ref().map(|roll| roll.order) else { return };
        if self.is_farewell(&words, order, node)
            && let Some(roll) = &mut self.roll_call
        {
            roll.farewell(node, words);
        }
    }

    fn is_farewell(&self, words: &Proof, order: Order, node: NodeId) -> bool {
        let Some((network, _)) = self.membership() else { return false };
        let Order { number, restart, .. } = order;
        let wanted = Farewell { network, order: number, node, restart };
        let opened = words.open::<Farewell>(self.scheme, Purpose::Farewell);
        opened.is_ok_and(|(by, said)| by == node && said == wanted)
    }

    /// What a server reports of another one: that it went is true if that one signed it.
    pub(super) fn check_entry(&mut self, reporter: NodeId, mut entry: Entry) -> RollCallEntry {
        use RollCallOutcome::{Restarting, Stopped, Stopping, Unknown};
        let words = entry.words.take();
        let mut read = read_entry(entry);
        let Some(order) = self.roll_call.as_ref().map(|roll| roll.order) else { return read };
        if !self.wants_seals() || !self.does(Duty::Farewells) {
            return read;
        }
        let is_true = match read.outcome {
            Stopped | Restarting => {
                let words = words.filter(|words| self.is_farewell(words, order, read.id));
                let is_signed = words.is_some();
                if let (Some(roll), Some(words)) = (&mut self.roll_call, words) {
                    roll.farewell(read.id, words);
                }
                is_signed
            }
            // Only who is on the way to the issuer goes last.
            Stopping => self.tree.is_below(order.issuer, read.id),
            _ => true,
        };
        if !is_true {
            read.outcome = Unknown;
            read.detail =
                format!("{} says that it goes, and it has not signed that", self.call(reporter));
        }
        read
    }

    /// The last word of a node, as others tell it: it counts with that node's signature.
    pub(super) fn signed_last_word(
        &self,
        node: NodeId,
        said: Option<CloseReason>,
    ) -> Option<CloseReason> {
        let signed = || self.roll_call.as_ref().is_some_and(|roll| roll.has_said_farewell(node));
        said.filter(|_| !self.wants_seals() || !self.does(Duty::Farewells) || signed())
    }
}

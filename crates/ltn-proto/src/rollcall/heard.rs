//! Orders that came in: which were heard before, and the one that waits for its second word.

use std::collections::VecDeque;

use super::Order;
use crate::id::NodeId;
use crate::limits::ORDERS_KNOWN_MAX;
use crate::moment::Moment;

/// An order that came in and waits for its giver's second word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) order: Order,
    pub(crate) giver: NodeId,
    /// Made for the question whether it is still wanted.
    pub(crate) nonce: u64,
    /// When that was asked.
    pub(crate) asked: Moment,
}

/// The orders that came in: one may wait, and none is carried out twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct OrdersHeard {
    waiting: Option<Heard>,
    /// The numbers of the last ones, the newest last.
    numbers: VecDeque<u64>,
}

impl OrdersHeard {
    /// Is this number known? It is from now on.
    pub(crate) fn is_known(&mut self, number: u64) -> bool {
        if self.numbers.contains(&number) {
            return true;
        }
        if self.numbers.len() == ORDERS_KNOWN_MAX {
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
        false
    }

    /// This one waits for its second word; an earlier one that still did has been left alone.
    pub(crate) const fn wait(&mut self, heard: Heard) {
        self.waiting = Some(heard);
    }

    /// The order that this second word belongs to.
    pub(crate) fn take(&mut self, number: u64, nonce: u64, giver: NodeId) -> Option<Heard> {
        let is_it = |heard: &mut Heard| {
            (heard.order.number, heard.nonce, heard.giver) == (number, nonce, giver)
        };
        self.waiting.take_if(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    #[test]
    fn an_order_is_known_for_a_while_and_the_memory_has_an_end() {
        let mut heard = OrdersHeard::default();
        assert!(!heard.is_known(0));
        assert!(heard.is_known(0));
        (1..=200).for_each(|number| assert!(!heard.is_known(number)));
        assert_eq!(heard.numbers.len(), ORDERS_KNOWN_MAX);
        assert!(heard.is_known(200));
    }

    #[test]
    fn a_second_word_belongs_to_the_question_that_was_asked() {
        let mut heard = OrdersHeard::default();
        let order =
            Order { number: 7, restart: false, subtree: true, issuer: id(9), includes_me: true };
        heard.wait(Heard { order, giver: id(1), nonce: 5, asked: Moment::ZERO });
        assert!(heard.take(7, 4, id(1)).is_none());
        assert!(heard.take(7, 5, id(2)).is_none());
        assert!(heard.take(8, 5, id(1)).is_none());
        assert!(heard.take(7, 5, id(1)).is_some());
        assert!(heard.take(7, 5, id(1)).is_none(), "once");
    }
}

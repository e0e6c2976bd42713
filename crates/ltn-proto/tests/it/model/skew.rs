//! What nobody here knows: it is passed on as it came, and whoever it is for says that he does not
//! know it.

use std::time::Duration;

use ltn_proto::sim::{HostId, Network, Passage};
use ltn_proto::{Frame, Kind, Moment};

use super::books::Books;
use super::totals::Totals;
use super::violation::ViolationKind;

/// In a calm network the answer to what nobody knows has come after this time.
const ANSWER: Duration = Duration::from_secs(4);
/// For this long before it was said, the network must have been calm.
const SETTLED: Duration = Duration::from_secs(5);

/// Something strange that was said.
#[derive(Debug)]
pub(crate) struct Strange {
    pub(crate) frame: Frame,
    pub(crate) by: HostId,
    pub(crate) to: HostId,
    pub(crate) said: Moment,
    pub(crate) answered: bool,
}

/// A frame leaves a host: if it is a strange one, is it still what was said?
pub(crate) fn passed(books: &mut Books, passage: &Passage<'_>) {
    let Some(strange) = books.strange.get(&passage.frame.header.id) else { return };
    let (said, is) = (&strange.frame, passage.frame);
    if is.header.kind != said.header.kind {
        return;
    }
    let mut header = is.header;
    // What each server takes from it.
    header.hops_left = said.header.hops_left;
    header.time_left_ms = said.header.time_left_ms;
    if (header, &is.payload) != (said.header, &said.payload) {
        let text = format!("{:?} made {is:?} of {said:?}", passage.from);
        books.accuse(ViolationKind::Altered, text);
    }
}

/// A frame reaches a host: is it the answer to something strange?
pub(crate) fn received(books: &mut Books, network: &Network, passage: &Passage<'_>) {
    let header = &passage.frame.header;
    if header.kind != Kind::NO_ROUTE || header.destination != network.id(passage.to) {
        return;
    }
    if let Some(strange) = books.strange.get_mut(&header.id) {
        strange.answered |= strange.by == passage.to;
    }
}

/// Was everything strange answered where nothing had come between?
pub(crate) fn judge(network: &Network, books: &mut Books, totals: &mut Totals) {
    let mut silent = Vec::new();
    for (number, strange) in &books.strange {
        let until = strange.said + ANSWER;
        let start = strange.said - SETTLED;
        let calm = until < network.now() && books.is_calm(start, until);
        if !calm || books.is_behind_slow([strange.by, strange.to], start, until) {
            continue;
        }
        Totals::count(&mut totals.checks, "strange kind answered", 1);
        if !strange.answered {
            silent.push(format!("{number}: {strange:?}"));
        }
    }
    for text in silent {
        books.accuse(ViolationKind::Unanswered, text);
    }
}

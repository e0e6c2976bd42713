//! What is told of a roll call: each result as it comes, and all of them at the end.
//!
//! A server tells its giver of each node below it as that one ends, and says at the end that it is
//! ready. The one who leads tells the issuer: the number of all nodes at once, then each that has
//! ended, for good. The report at the end has all of them again, so news that get lost are no loss.

use super::NodeState;
use crate::body::{self, Entry, OrderReport};
use crate::event::{Event, GivenOrder};
use crate::frame::Kind;
use crate::id::{InboundId, NodeId};
use crate::limits::{ORDER_MARGIN, STOPPED_WATCH};
use crate::moment::Moment;
use crate::outcome::{Outcome, RollCallEntry, RollCallOutcome};
use crate::proof::Proof;
use crate::rollcall::{Giver, Order, Stage};
use crate::text::sanitise_line;
use crate::value::Value;

/// Entries that one report names, so that it is never larger than one message.
const REPORTED_MAX: usize = 3_000;
/// Entries per frame of a report.
const ENTRIES_PER_FRAME: usize = 64;

impl NodeState {
    /// A roll call begins: who waits for it hears how many there are.
    pub(super) fn begin_news(&mut self, now: Moment) {
        if let Some(Giver::Command(inbound)) = self.roll_call.as_ref().map(|roll| roll.giver) {
            self.tell_issuer(now, inbound, &[]);
        }
    }

    /// Tells of those that have ended since this was done last.
    pub(super) fn tell_roll_call_news(&mut self, now: Moment) {
        let Some(roll) = &mut self.roll_call else { return };
        if roll.stage != Stage::Collecting {
            return;
        }
        let (news, order) = (roll.news(), roll.order.number);
        match roll.giver {
            _ if news.is_empty() => {}
            Giver::Command(inbound) => self.tell_issuer(now, inbound, &news),
            Giver::Server(giver) => self.report_some(now, order, giver, news),
        }
    }

    fn tell_issuer(&mut self, now: Moment, inbound: InboundId, news: &[RollCallEntry]) {
        let Some(roll) = &self.roll_call else { return };
        let total = roll.len();
        // The first word has the number alone.
        let none: &[RollCallEntry] = &[];
        let first = news.is_empty().then_some(none);
        for some in first.into_iter().chain(news.chunks(ENTRIES_PER_FRAME)) {
            let part = Value::map([
                ("total", Value::from(total as u64)),
                ("ended", Value::list(some.iter().map(line))),
            ]);
            self.tell_part(now, inbound, &part);
        }
    }

    fn report_some(&mut self, now: Moment, order: u64, giver: NodeId, some: Vec<RollCallEntry>) {
        let words = |id| self.roll_call.as_ref().and_then(|roll| roll.farewell_of(id));
        let write = |entry: RollCallEntry| write_entry(words(entry.id), entry);
        let entries: Vec<Entry> = some.into_iter().map(write).collect();
        for some in entries.chunks(ENTRIES_PER_FRAME) {
            let report = OrderReport { order, entries: some.to_vec(), ready: false, refused: None };
            self.tell(now, Kind::ORDER_REPORT, giver, body::write(&report));
        }
    }

    pub(super) fn report_to(&mut self, now: Moment, giver: NodeId) {
        let Some(roll) = &mut self.roll_call else { return };
        let on_the_way = self.tree.is_below(roll.order.issuer, self.config.id);
        if on_the_way {
            // The leader looks on for a while before its report comes this way.
            roll.set_deadline(roll.deadline() + STOPPED_WATCH + ORDER_MARGIN);
        } else {
            roll.set_deadline(now + ORDER_MARGIN);
        }
        let order = roll.order.number;
        let rest = roll.rest();
        self.report_some(now, order, giver, rest);
        let last = OrderReport { order, entries: Vec::new(), ready: true, refused: None };
        self.tell(now, Kind::ORDER_REPORT, giver, body::write(&last));
        if self.uplink.parent.is_none() {
            self.let_everybody_go(now);
        }
    }

    /// The leader's end: the report goes to who gave the order, before anybody on its way goes.
    pub(super) fn finish_leading(&mut self, now: Moment, inbound: InboundId) {
        let Some(roll) = &mut self.roll_call else { return };
        let rest = roll.rest();
        if !rest.is_empty() {
            self.tell_issuer(now, inbound, &rest);
        }
        let Some(roll) = &self.roll_call else { return };
        let (order, entries, kept) = (roll.order, roll.entries(), roll.kept);
        let report = report_value(&entries, order.restart);
        self.keep_report(kept, report.clone());
        self.answer_with(now, inbound, Outcome::Reply(report));
        let issuer = order.issuer;
        self.event(Event::RollCall { order: given(order), issuer, entries });
        self.let_everybody_go(now);
    }
}

pub(super) const fn given(order: Order) -> GivenOrder {
    let Order { number, restart, subtree, issuer, .. } = order;
    GivenOrder { number, restart, subtree, issuer }
}

/// The report as the one who gave the order gets it.
pub(super) fn report_value(entries: &[RollCallEntry], restart: bool) -> Value {
    let ended_well = |entry: &&RollCallEntry| {
        use RollCallOutcome::{Restarting, Stopped, Stopping, Told};
        matches!(entry.outcome, Stopped | Stopping | Restarting | Told)
    };
    // A report beyond one message names those who did not end well; the counts are of all.
    let is_long = entries.len() > REPORTED_MAX;
    let named = entries.iter().filter(|entry| !is_long || !ended_well(entry)).take(REPORTED_MAX);
    let lines = named.map(line);
    let (all, well) = (entries.len(), entries.iter().filter(ended_well).count());
    let what = if restart { "restart" } else { "stop" };
    let text = format!("{well} of {all} nodes were reached by the order to {what}");
    Value::map([("roll_call", Value::list(lines)), ("text", Value::from(text))])
}

/// One node in a report, and in the news of a roll call.
fn line(entry: &RollCallEntry) -> Value {
    let role = if entry.is_server { "server" } else { "client" };
    Value::map([
        ("id", Value::from(entry.id.to_string())),
        ("path", Value::from(entry.path.to_string())),
        ("role", Value::from(role)),
        ("outcome", Value::from(entry.outcome.as_str())),
        ("detail", Value::from(entry.detail.as_str())),
    ])
}

fn write_entry(words: Option<Proof>, entry: RollCallEntry) -> Entry {
    let RollCallEntry { id, path, is_server, outcome, detail } = entry;
    Entry { id, path, is_server, outcome, detail, words }
}

pub(super) fn read_entry(entry: Entry) -> RollCallEntry {
    let Entry { id, path, is_server, outcome, detail, .. } = entry;
    RollCallEntry { id, path, is_server, outcome, detail: sanitise_line(&detail) }
}

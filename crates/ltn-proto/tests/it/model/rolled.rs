//! After a run: is what roll calls said of each node true, by what its process did?

use std::collections::BTreeMap;
use std::time::Duration;

use ltn_proto::limits::{ORDER_LIFETIME, STOPPED_WATCH};
use ltn_proto::sim::{HostId, Network, OpRecord, What};
use ltn_proto::{Event, ManyEvent, Moment, NodeId, Op, Outcome, Value};

use super::books::Books;
use super::totals::Totals;
use super::violation::ViolationKind;

/// So long it may take until the one who leads a roll call hears that somebody is back.
const NEWS: Duration = Duration::from_secs(1);

/// Looks at the report that this ended with, if it is one.
pub(crate) fn judge(network: &Network, books: &mut Books, record: &OpRecord, totals: &mut Totals) {
    let Some((at, Outcome::Reply(Value::Map(reply)))) = &record.outcome else { return };
    let Some(Value::List(lines)) = reply.get("roll_call") else { return };
    judge_news(network, books, record, lines);
    let mut named = Vec::new();
    for line in lines {
        let word = |key| match line {
            Value::Map(line) => match line.get(key) {
                Some(Value::Text(text)) => text.as_str(),
                _ => "",
            },
            _ => "",
        };
        let Some(host) = word("id").parse::<NodeId>().ok().and_then(|id| network.host_of(id))
        else {
            books.accuse(ViolationKind::FalseRollCall, format!("nobody's line: {line:?}"));
            continue;
        };
        if named.contains(&host) {
            books.accuse(ViolationKind::FalseRollCall, format!("{host:?} is named twice"));
        }
        named.push(host);
        let call = Call { given: record.started, told: *at };
        let wrong = match word("outcome") {
            "stopped" => call.is_not_stopped(network, host),
            "restarting" => call.says_nothing(network, host, true),
            "unreachable" | "refused" => {
                judge_late(network, books, (host, call));
                continue;
            }
            _ => continue,
        };
        Totals::count(&mut totals.checks, "end in a roll call", 1);
        if let Some(why) = wrong {
            let text = format!("{host:?} {why}; told at {at:?}: {line:?}");
            books.accuse(ViolationKind::FalseRollCall, text);
        }
    }
}

/// What was told while the roll was called stands in the report, as it was told last.
fn judge_news(network: &Network, books: &mut Books, record: &OpRecord, lines: &[Value]) {
    let id = |line: &Value| line.get("id").and_then(Value::as_text).map(ToOwned::to_owned);
    let mut last = BTreeMap::new();
    for told in network.history().told(record.host) {
        let Event::Many(ManyEvent::Part { op, value }) = told else { continue };
        if *op == record.op {
            let ended = value.get("ended").and_then(Value::as_list).unwrap_or_default();
            last.extend(ended.iter().filter_map(|line| Some((id(line)?, line))));
        }
    }
    for line in lines {
        if let Some(told) = id(line).and_then(|id| last.remove(&id)).filter(|told| *told != line) {
            let text = format!("{told:?} was told, and then {line:?}");
            books.accuse(ViolationKind::FalseRollCall, text);
        }
    }
    for told in last.values() {
        books.accuse(ViolationKind::FalseRollCall, format!("told, and not reported: {told:?}"));
    }
}

/// Whoever certainly did not get an order does not carry it out later either.
fn judge_late(network: &Network, books: &mut Books, (host, call): (HostId, Call)) {
    let (start, end) = (call.given - ORDER_LIFETIME, call.told + ORDER_LIFETIME);
    let near = || network.history().records.iter().filter(move |r| start <= r.at && r.at <= end);
    let is_order = |what: &What| match what {
        What::Asked(Op::Call { command, token: Some(_), .. }) => {
            command.starts_with("s.shutdown") || command.starts_with("s.restart")
        }
        _ => false,
    };
    // What it did may have been the wish of somebody else.
    if near().filter(|record| is_order(&record.what)).count() > 1 {
        return;
    }
    let obeyed = near().find(|record| {
        record.host == host && matches!(record.what, What::Told(Event::Ordered { .. }))
    });
    if let Some(obeyed) = obeyed {
        let text = format!("{host:?} obeyed at {:?} what it did not get: {call:?}", obeyed.at);
        books.accuse(ViolationKind::LateOrder, text);
    }
}

/// When the order was given, and when its report was told.
#[derive(Debug, Clone, Copy)]
struct Call {
    given: Moment,
    told: Moment,
}

impl Call {
    /// Stopped is who said so, whose process is over, and who was not back for a while.
    fn is_not_stopped(self, network: &Network, host: HostId) -> Option<String> {
        let Some(said) = self.said(network, host, false) else {
            return self.says_nothing(network, host, false);
        };
        let after = || {
            let records = network.history().records.iter();
            records.filter(move |record| record.host == host && said <= record.at)
        };
        if !after().any(|record| matches!(record.what, What::Stopped | What::Crashed)) {
            return Some("said that it stops, and its process went on".to_owned());
        }
        // Whoever is led back into the network so soon is seen by the one who looks on.
        let heard = |at: Moment| at <= said + STOPPED_WATCH && at + NEWS < self.told;
        let back = after().find(|record| {
            matches!(record.what, What::Told(Event::Placed { rooted: true, .. }))
                && heard(record.at)
        })?;
        Some(format!("said at {said:?} that it stops, and was back at {:?}", back.at))
    }

    fn says_nothing(self, network: &Network, host: HostId, restart: bool) -> Option<String> {
        let what = if restart { "restarts" } else { "stops" };
        let said = self.said(network, host, restart);
        said.is_none().then(|| format!("never said that it {what}"))
    }

    /// When its process began to stop or restart, between the order and the report.
    fn said(self, network: &Network, host: HostId, restart: bool) -> Option<Moment> {
        let records = network.history().records.iter();
        let mut its = records.filter(|record| record.host == host);
        let begins = its.find(|record| {
            let wanted = Event::Stopping { restart };
            let in_time = self.given <= record.at && record.at <= self.told;
            in_time && matches!(&record.what, What::Told(event) if *event == wanted)
        })?;
        Some(begins.at)
    }
}

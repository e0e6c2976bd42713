//! After a run: was every promise about words and outcomes kept?

use std::collections::BTreeMap;
use std::time::Duration;

use ltn_proto::sim::{Network, OpRecord};
use ltn_proto::{Moment, Outcome, Target, Value};

use super::books::{Books, Reply, Word, WordKind};
use super::rolled;
use super::totals::Totals;
use super::violation::ViolationKind;

/// What an outcome may be late: nothing in a simulation, but deadlines are told in milliseconds.
const SLACK: Duration = Duration::from_millis(250);
/// Joining ends by itself within this time: dial, hello, the root's word.
const JOINING_MAX: Duration = Duration::from_secs(40);
/// An answer this long before the deadline has time enough to travel in a calm network.
const WAY_BACK: Duration = Duration::from_secs(2);
/// For this long before it is spoken of, the network must have been calm.
const SETTLED: Duration = Duration::from_secs(5);

/// Writes every broken promise into the books.
pub(crate) fn judge(network: &Network, books: &mut Books, totals: &mut Totals) {
    books.now = network.now();
    let words_by_op: BTreeMap<_, _> =
        books.words.iter().filter_map(|(number, word)| Some((word.op?, *number))).collect();
    let entered = books.entries.len() as u64;
    Totals::count(&mut totals.checks, "handler entered", entered);
    for record in network.ops() {
        judge_end(network, books, record);
        let Some((at, outcome)) = &record.outcome else { continue };
        Totals::count(&mut totals.outcomes, outcome.word(), 1);
        if let Some(number) = words_by_op.get(&record.op) {
            let word = books.words[number].clone();
            let case = Case { number: *number, word: &word, record, at: *at, outcome };
            judge_outcome(books, &case, totals);
        }
        rolled::judge(network, books, record, totals);
    }
}

/// Did it end, once, in time?
fn judge_end(network: &Network, books: &mut Books, record: &OpRecord) {
    let OpRecord { host, run, .. } = record;
    if record.endings > 1 {
        books.accuse(ViolationKind::EndedTwice, format!("{record:?}"));
    }
    let Some((at, _)) = &record.outcome else {
        let still_runs = network.is_up(*host) && network.run_of(*host) == *run;
        let ended_well = books.stopped.contains(&(*host, *run));
        // A search that goes on until it works may go on for ever.
        let limit = if record.word == "connect" { None } else { record.due };
        let overdue = limit.is_some_and(|due| due + SLACK < network.now());
        if ended_well || (still_runs && overdue) {
            books.accuse(ViolationKind::NeverEnded, format!("{record:?}"));
        }
        return;
    };
    let due = match record.due {
        Some(due) => due,
        None if record.persists => return,
        None => record.started + JOINING_MAX,
    };
    let stood_still = books.paused_between(*host, record.started, *at);
    if due + SLACK + stood_still < *at {
        books.accuse(ViolationKind::EndedLate, format!("{record:?}"));
    }
}

/// One word and how it ended for the one who said it.
struct Case<'a> {
    number: u64,
    word: &'a Word,
    record: &'a OpRecord,
    at: Moment,
    outcome: &'a Outcome,
}

/// Does the outcome fit what really happened?
fn judge_outcome(books: &mut Books, case: &Case<'_>, totals: &mut Totals) {
    let entries = books.entries.get(&case.number).cloned().unwrap_or_default();
    let reply = books.replies.get(&case.number).copied();
    let entered = !entries.is_empty();
    let program = case.word.entered_by_program;
    let answered = |wanted: Reply| entered && reply.is_some_and(|(reply, _)| reply == wanted);
    let tell = || {
        let Case { number, word, record, at, outcome } = case;
        format!("{number}: {word:?} {record:?} {at:?} {outcome:?} {entries:?} {reply:?}")
    };
    let text = tell();
    match case.outcome {
        Outcome::Refused(_) | Outcome::NoRoute(_) => {
            let by_program =
                matches!(case.outcome, Outcome::Refused(_)) && answered(Reply::Refused);
            if entered && !by_program {
                books.accuse(ViolationKind::SaidNoButEntered, text.clone());
            }
        }
        Outcome::Delivered if !answered(Reply::Taken) => {
            books.accuse(ViolationKind::SaidDoneButNot, text.clone());
        }
        Outcome::Failed(_) if program && !answered(Reply::Failed) => {
            books.accuse(ViolationKind::SaidDoneButNot, text.clone());
        }
        Outcome::Reply(value) if program => {
            Totals::count(&mut totals.checks, "answer traced", 1);
            let number = Value::Int(i128::from(case.number));
            let wanted = match case.word.kind {
                WordKind::Call => Value::List(vec![number]),
                _ => number,
            };
            if !answered(Reply::Value) || *value != wanted {
                books.accuse(ViolationKind::SaidDoneButNot, text.clone());
            }
        }
        _ => {}
    }
    let start = case.record.started - SETTLED;
    let ends = [case.word.by, case.word.meant.unwrap_or(case.word.by)];
    let slow = books.is_behind_slow(ends, start, case.at)
        || (case.word.meant.is_none() && !books.behind_slow.is_empty());
    if books.is_calm(start, case.at) && !slow {
        Totals::count(&mut totals.checks, "judged without excuse", 1);
        judge_calm(books, case, entered, reply, &text);
    }
    // Messages may go by a remembered place and then reach whoever was there; commands never do.
    let certain = case.word.kind == WordKind::Call || !matches!(case.word.to, Target::Path(_));
    for entry in entries.into_iter().filter(|_| certain) {
        let elsewhere = case.word.meant.is_some_and(|meant| meant != entry.host);
        if elsewhere && books.is_calm(start, entry.at) {
            books.accuse(ViolationKind::WrongTarget, text.clone());
        }
    }
}

/// In a network that nothing disturbs there is no excuse.
fn judge_calm(
    books: &mut Books,
    case: &Case<'_>,
    entered: bool,
    reply: Option<(Reply, Moment)>,
    text: &str,
) {
    let Case { word, record, .. } = case;
    let Some(due) = record.due else { return };
    let answered_in_time = match reply {
        Some((Reply::Never, _)) => false,
        Some((_, answered)) => answered + WAY_BACK < due,
        None => true,
    };
    match case.outcome {
        Outcome::Unknown(_) if !entered || answered_in_time => {
            books.accuse(ViolationKind::LostAnswer, text);
        }
        Outcome::NoRoute(_) if word.meant.is_some() => {
            books.accuse(ViolationKind::NoWay, text);
        }
        _ => {}
    }
}

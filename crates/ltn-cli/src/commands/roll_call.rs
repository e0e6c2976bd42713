//! Roll calls: how every node ended when the whole network was told to do something.

use std::collections::BTreeSet;

use ltn::{NodeId, NodePath, RollCallEntry, RollCallNews, RollCallOutcome, Value, sanitise_line};

use crate::trouble::Ending;

/// The roll call in a command's result, if it has one that can be read.
pub(crate) fn of_value(result: &Value) -> Option<Vec<RollCallEntry>> {
    result.get("roll_call")?.as_list()?.iter().map(RollCallEntry::from_value).collect()
}

/// What was told so far of an order that is under way.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    ended: BTreeSet<NodeId>,
    begun: bool,
}

impl Progress {
    /// What this part of its answer has to say: one line for each node that has ended.
    pub(crate) fn lines(&mut self, part: &Value) -> Vec<String> {
        let Some(RollCallNews { total, ended }) = RollCallNews::from_value(part) else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            let nodes = if total == 1 { "1 node".to_owned() } else { format!("{total} nodes") };
            lines.push(format!("under way: {nodes} in all"));
        }
        for RollCallEntry { id, path, outcome, detail, .. } in ended {
            self.ended.insert(id);
            let (outcome, count) = (outcome.as_str(), self.ended.len());
            let detail = sanitise_line(&detail);
            let why = if detail.is_empty() { detail } else { format!(": {detail}") };
            lines.push(format!("{count} of {total}  {path}  {outcome}{why}"));
        }
        lines
    }
}

/// Did it go well for everybody, for some, or for nobody?
pub(crate) fn ending(entries: &[RollCallEntry]) -> Ending {
    let well = entries.iter().filter(|entry| went_well(entry.outcome)).count();
    match well {
        0 if entries.is_empty() => Ending::Unknown,
        0 => Ending::Nothing,
        _ if well == entries.len() => Ending::All,
        _ => Ending::Some,
    }
}

const fn went_well(outcome: RollCallOutcome) -> bool {
    matches!(
        outcome,
        RollCallOutcome::Stopped
            | RollCallOutcome::Restarting
            | RollCallOutcome::Stopping
            | RollCallOutcome::Told
    )
}

/// The roll call as a table, the main server first, and a line that counts.
pub(crate) fn table(entries: &[RollCallEntry]) -> String {
    let mut sorted: Vec<&RollCallEntry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let shown = |entry: &RollCallEntry| {
        if entry.path == NodePath::root() {
            "/  (main server)".to_owned()
        } else {
            entry.path.to_string()
        }
    };
    let width = sorted.iter().map(|entry| shown(entry).chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in &sorted {
        let kind = if entry.is_server { "server" } else { "client" };
        let path = shown(entry);
        let outcome = entry.outcome.as_str();
        let mut detail = sanitise_line(&entry.detail);
        if !detail.is_empty() {
            detail.insert_str(0, ": ");
        }
        text += &format!("{path:<width$}  {kind}  {outcome}{detail}\n");
    }
    text + &summary(entries)
}

fn summary(entries: &[RollCallEntry]) -> String {
    let servers = entries.iter().filter(|entry| entry.is_server).count();
    let clients = entries.len() - servers;
    let lost = entries.iter().filter(|entry| !went_well(entry.outcome)).count();
    let end = match lost {
        0 => "all ended as told".to_owned(),
        1 => "one did not end as told".to_owned(),
        _ => format!("{lost} did not end as told"),
    };
    format!("{} and {}: {end}", count(servers, "server"), count(clients, "client"))
}

/// "1 server", "2 servers".
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use ltn::NodeId;

    use super::*;

    fn value(path: &str, role: &str, outcome: &str) -> Value {
        let id = NodeId::of_public_key(path.as_bytes()).to_string();
        Value::map([
            ("path", Value::from(path)),
            ("id", Value::from(id)),
            ("role", Value::from(role)),
            ("outcome", Value::from(outcome)),
            ("detail", Value::from("")),
        ])
    }

    fn result(entries: Vec<Value>) -> Value {
        Value::map([("text", Value::from("…")), ("roll_call", Value::List(entries))])
    }

    #[test]
    fn a_result_is_read_and_drawn_with_the_main_server_first() {
        let entries = of_value(&result(vec![
            value("/sub1", "server", "stopped"),
            value("/sub1/client3", "client", "told"),
            value("/", "server", "stopping"),
        ]))
        .unwrap();
        assert_eq!(ending(&entries), Ending::All);
        let wanted = "/  (main server)  server  stopping\n/sub1             server  stopped\n\
                      /sub1/client3     client  told\n2 servers and 1 client: all ended as told";
        assert_eq!(table(&entries), wanted);
    }

    #[test]
    fn whoever_did_not_stop_shows() {
        let some =
            result(vec![value("/", "server", "stopping"), value("/sub1", "server", "unreachable")]);
        let entries = of_value(&some).unwrap();
        assert_eq!(ending(&entries), Ending::Some);
        assert!(table(&entries).ends_with("one did not end as told"));
        let none = of_value(&result(vec![value("/", "server", "refused")])).unwrap();
        assert_eq!(ending(&none), Ending::Nothing);
    }

    #[test]
    fn whoever_has_ended_is_told_of_with_how_many_there_are() {
        let part = |ended| Value::map([("total", Value::Int(2)), ("ended", Value::List(ended))]);
        let mut progress = Progress::default();
        assert_eq!(progress.lines(&part(Vec::new())), ["under way: 2 nodes in all"]);
        let sub = || value("/sub1", "server", "stopped");
        assert_eq!(progress.lines(&part(vec![sub()])), ["1 of 2  /sub1  stopped"]);
        assert_eq!(progress.lines(&part(vec![sub()])), ["1 of 2  /sub1  stopped"]);
        let root = value("/", "server", "stopping");
        assert_eq!(progress.lines(&part(vec![root])), ["2 of 2  /  stopping"]);
        assert!(progress.lines(&Value::Null).is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_no_roll_call() {
        assert_eq!(of_value(&Value::Null), None);
        assert_eq!(of_value(&result(vec![value("/", "server", "dancing")])), None);
        assert_eq!(of_value(&result(vec![Value::Int(1)])), None);
        assert_eq!(ending(&[]), Ending::Unknown);
    }
}

//! `ltn audit`: which commands that need more than `user` arrived at a node, who gave them, how
//! they ended, and whether the log of it hangs together.

use ltn::{StateError, Target, Value, inspect_keys, inspect_state};

use crate::args::AuditArgs;
use crate::commands::visit::{Asking, Order, visiting};
use crate::console;
use crate::output::{Output, columns};
use crate::settings;
use crate::trouble::{Ending, Trouble};

/// What a line has in each column.
const TITLES: [&str; 5] = ["LINE", "TIME", "BY", "COMMAND", "HOW"];

pub(crate) async fn perform(args: &AuditArgs) -> Result<Ending, Trouble> {
    let directory = settings::directory_of(&args.visit);
    let target = match (&args.node, &directory) {
        (Some(node), _) => console::target(node)?,
        (None, None) => Target::Root,
        (None, Some(directory)) => match inspect_state(directory) {
            Ok(view) if args.copies && !view.keeps_copies => {
                let text = "copies of the audit log are kept by the main server alone";
                return Err(Trouble::usage(text).hint("`ltn audit / --copies` asks it"));
            }
            Ok(view) => {
                let log = view.audit(args.last, args.copies);
                return Ok(tell(Output::new(args.visit.json), &log));
            }
            // Its owner runs, and tells it himself.
            Err(StateError::InUse { .. }) => {
                let keys = inspect_keys(directory).map_err(|error| Trouble::state(&error))?;
                Target::Id(keys.id)
            }
            Err(error) => return Err(Trouble::state(&error)),
        },
    };
    let whose = if args.copies { "copies" } else { "own" };
    let count = Value::from(u64::try_from(args.last).unwrap_or(u64::MAX));
    let order = Order {
        target,
        shown: args.node.clone().unwrap_or_else(|| "the node".to_owned()),
        command: "s.audit".to_owned(),
        arguments: vec![count, whose.into()],
    };
    visiting(&args.visit, "ltn audit", async |visitor| {
        let log = visitor.order(&order, Asking::First).await?;
        Ok(tell(visitor.output, &log))
    })
    .await
}

/// Shows the lines; a log that does not hang together is no good end.
fn tell(output: Output, log: &Value) -> Ending {
    let lines = log.get("lines").and_then(Value::as_list).unwrap_or_default();
    let broken = log.get("broken_before").and_then(Value::as_u64);
    output.map(log, &in_words(lines, broken));
    if broken.is_some() { Ending::Some } else { Ending::All }
}

fn in_words(lines: &[Value], broken: Option<u64>) -> String {
    let end = match (broken, lines.len()) {
        (Some(line), _) => format!(
            "THE LOG IS BROKEN before line {line}: something was changed or taken out of it"
        ),
        (None, 0) => "no command that needs more than `user` has arrived".to_owned(),
        (None, 1) => "1 line; each line of the log follows from the one before".to_owned(),
        (None, many) => format!("{many} lines; each line of the log follows from the one before"),
    };
    if lines.is_empty() {
        return end;
    }
    let mut rows = vec![TITLES.map(str::to_owned)];
    rows.extend(lines.iter().map(row));
    let mut shown = columns(&rows);
    shown.push(end);
    shown.join("\n")
}

fn row(line: &Value) -> [String; 5] {
    let text = |key: &str| line.get(key).and_then(Value::as_text);
    let number = |key: &str| line.get(key).and_then(Value::as_u64);
    let (command, arguments) = (text("command"), text("arguments").unwrap_or_default());
    let command = command.unwrap_or_default();
    let (what, how) = match (text("refused"), text("ended"), number("of")) {
        (Some(why), ..) => (format!("{command}({arguments})"), format!("refused: {why}")),
        (None, Some(how), Some(line)) => (command.to_owned(), format!("{how} (line {line})")),
        (None, Some(how), None) => (command.to_owned(), how.to_owned()),
        (None, None, _) => (format!("{command}({arguments})"), "run".to_owned()),
    };
    let how = match number("left_out") {
        None | Some(0) => how,
        Some(more) => format!("{how}; {more} more before it"),
    };
    let how = match number("missing") {
        None => how,
        Some(missing) => format!("{how}; {missing} LINES OF THIS NODE BEFORE IT ARE MISSING"),
    };
    let called = |name: &str, id: &str| match (text(name), text(id)) {
        (Some(name), _) => Some(name.to_owned()),
        (None, id) => id.map(short),
    };
    let actor = if text("visit_of").is_some() { "visit_of" } else { "actor" };
    let by = called("actor_name", actor).unwrap_or_default();
    let by = match called("node_name", "node") {
        Some(node) => format!("{by} at {node}"),
        None => by,
    };
    let number = number("number").unwrap_or_default();
    [number.to_string(), text("time").unwrap_or_default().to_owned(), by, what, how]
}

/// The beginning of an id.
fn short(id: &str) -> String {
    id.chars().take(8).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, more: &[(&'static str, Value)]) -> Value {
        let rest = [
            ("number", Value::from(number)),
            ("time", "06:00".into()),
            ("actor", "id:abcdefghij".into()),
            ("command", "s.mute".into()),
            ("arguments", "lamp".into()),
        ];
        Value::map(rest.into_iter().chain(more.iter().cloned()))
    }

    #[test]
    fn columns_stand_below_each_other_and_an_end_names_its_beginning() {
        let lines = [
            line(9, &[("refused", Value::Null), ("ended", Value::Null)]),
            line(10, &[("ended", "done".into()), ("of", 9u64.into())]),
        ];
        let wanted = "\
LINE  TIME   BY         COMMAND       HOW
9     06:00  id:abcde…  s.mute(lamp)  run
10    06:00  id:abcde…  s.mute        done (line 9)
";
        let end = "2 lines; each line of the log follows from the one before";
        assert_eq!(in_words(&lines, None), format!("{wanted}{end}"));
        assert!(in_words(&lines, Some(10)).contains("BROKEN before line 10"));
    }

    #[test]
    fn people_are_named_where_names_are_known_and_visits_are_their_owners() {
        let visit = ("visit_of", "id:owner12345".into());
        let row = |more: &[(&'static str, Value)]| row(&line(1, more))[2].clone();
        assert_eq!(row(&[]), "id:abcde…");
        assert_eq!(row(std::slice::from_ref(&visit)), "id:owner…");
        let named = [visit, ("actor_name", "ann".into()), ("node", "id:hall123456".into())];
        assert_eq!(row(&named), "ann at id:hall1…");
        let lost = super::row(&line(1, &[("missing", 3u64.into())]));
        assert_eq!(lost[4], "run; 3 LINES OF THIS NODE BEFORE IT ARE MISSING");
    }
}

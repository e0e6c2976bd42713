//! `ltn find`: where servers answer on this machine.

use ltn::{Found, Search, Value};

use crate::args::FindArgs;
use crate::commands::memory;
use crate::output::Output;
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &FindArgs) -> Result<Ending, Trouble> {
    let output = Output::new(args.json);
    let mut finder = settings::search(args)?;
    // Who says where to look wants to know what is there, and nothing else.
    if args.on.is_empty() && !args.subnet && args.ports.is_none() {
        finder = finder.remembered(memory::servers(output).iter());
    }
    let search = finder.search().await.map_err(|error| Trouble::usage(error.to_string()))?;
    let servers: Vec<Value> = search.found.iter().map(value).collect();
    let fields = [
        ("servers", Value::List(servers)),
        ("looked_at", search.looked_at.into()),
        ("of", search.of.into()),
    ];
    output.tell(&fields, &in_words(&search));
    Ok(if search.found.is_empty() { Ending::Nothing } else { Ending::All })
}

fn value(found: &Found) -> Value {
    let ways = found.found_by.iter().map(|way| way.to_string().into()).collect();
    Value::map([
        ("address", Value::from(found.address.as_str())),
        ("mode", found.mode.to_string().into()),
        ("id", found.id.to_string().into()),
        ("found_by", Value::List(ways)),
        ("answered_in_seconds", found.answered_in.as_secs_f64().into()),
    ])
}

/// A table, and how many there are.
fn in_words(search: &Search) -> String {
    let mut rows = vec![["ADDRESS", "MODE", "ID", "FOUND BY", "ANSWERED IN"].map(str::to_owned)];
    rows.extend(search.found.iter().map(|found| {
        let ways: Vec<String> = found.found_by.iter().map(ToString::to_string).collect();
        [
            found.address.to_string(),
            found.mode.to_string(),
            format!("id:{}…", found.id.short()),
            ways.join(", "),
            format!("{:.1} ms", found.answered_in.as_secs_f64() * 1_000.0),
        ]
    }));
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut lines: Vec<String> = Vec::new();
    if !search.found.is_empty() {
        lines.extend(rows.iter().map(|row| line(row, &widths)));
    }
    lines.push(footer(search));
    lines.join("\n")
}

fn line(row: &[String; 5], widths: &[usize; 5]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn footer(search: &Search) -> String {
    let found = match search.found.len() {
        0 => "no server found".to_owned(),
        1 => "1 server found".to_owned(),
        many => format!("{many} servers found"),
    };
    format!("{found}; looked at {} of {} addresses", search.looked_at, search.of)
}

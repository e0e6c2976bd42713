//! `ltn find`: where servers answer, of this member's network or of open ones on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ltn::{Found, NodeId, Search, StateError, Value, holds_member, inspect_keys, inspect_state};

use crate::args::FindArgs;
use crate::commands::memory;
use crate::commands::visit::names_by;
use crate::output::{Output, columns};
use crate::settings;
use crate::trouble::{Ending, Trouble};

/// The paths of servers, as far as they are known.
type Names = BTreeMap<NodeId, String>;

pub(crate) async fn perform(args: &FindArgs) -> Result<Ending, Trouble> {
    let output = Output::new(args.json);
    let directory = member(args)?;
    let keys = directory.as_deref().map(inspect_keys).transpose();
    let keys = keys.map_err(|error| Trouble::state(&error))?;
    let mut finder = settings::search(args, keys.and_then(|keys| keys.network))?;
    // Who says where to look wants to know what is there, and nothing else.
    if args.on.is_empty() && !args.subnet && args.ports.is_none() {
        finder = match &directory {
            Some(directory) => finder.remembered(known_to(directory)?.iter()),
            None => finder.remembered(memory::servers(output).iter()),
        };
    }
    let search = finder.search().await.map_err(|error| Trouble::usage(error.to_string()))?;
    let names = match &directory {
        Some(directory) if !search.found.is_empty() => {
            let addresses: Vec<_> = search.found.iter().map(|at| at.address.clone()).collect();
            names_by(directory, &addresses, settings::timeout(&args.timeout)?).await
        }
        _ => Names::new(),
    };
    let servers: Vec<Value> = search.found.iter().map(|found| value(found, &names)).collect();
    let mut fields = vec![
        ("servers", Value::List(servers)),
        ("looked_at", search.looked_at.into()),
        ("of", search.of.into()),
    ];
    if directory.is_some() {
        let others = search.others.iter().map(|other| {
            let what = other.what.to_string().into();
            Value::map([("address", Value::from(other.address.as_str())), ("what", what)])
        });
        fields.push(("others", Value::list(others)));
    }
    output.tell(&fields, &in_words(&search, directory.is_some().then_some(&names)));
    Ok(if search.found.is_empty() { Ending::Nothing } else { Ending::All })
}

/// The directory of the member whose network is meant; nothing for open networks.
fn member(args: &FindArgs) -> Result<Option<PathBuf>, Trouble> {
    if args.mode.open {
        return Ok(None);
    }
    let directory = args.state.clone().or_else(settings::default_state);
    match directory.filter(|directory| holds_member(directory)) {
        Some(directory) => Ok(Some(directory)),
        None => Err(Trouble::usage("there is no member here whose network could be looked for")
            .hint(
                "say whose with --state DIR; for open networks on this machine `ltn find --open`",
            )),
    }
}

/// Where the member remembers servers; while its node runs, nobody else looks.
fn known_to(directory: &Path) -> Result<Vec<ltn::Address>, Trouble> {
    match inspect_state(directory) {
        Ok(view) => Ok(view.addresses),
        Err(StateError::InUse { .. }) => Ok(Vec::new()),
        Err(error) => Err(Trouble::state(&error)),
    }
}

fn value(found: &Found, names: &Names) -> Value {
    let ways = found.found_by.iter().map(|way| way.to_string().into()).collect();
    let mut fields = vec![
        ("address", Value::from(found.address.as_str())),
        ("mode", found.mode.to_string().into()),
        ("id", found.id.to_string().into()),
        ("found_by", Value::List(ways)),
        ("answered_in_seconds", found.answered_in.as_secs_f64().into()),
    ];
    fields.extend(names.get(&found.id).map(|path| ("path", Value::from(path.as_str()))));
    Value::map(fields)
}

/// A table, and how many there are.
fn in_words(search: &Search, names: Option<&Names>) -> String {
    let what = if names.is_some() { "WHO" } else { "MODE" };
    let mut rows = vec![["ADDRESS", what, "ID", "FOUND BY", "ANSWERED IN"].map(str::to_owned)];
    rows.extend(search.found.iter().map(|found| {
        let ways: Vec<String> = found.found_by.iter().map(ToString::to_string).collect();
        [
            found.address.to_string(),
            match names {
                Some(names) => who(found, names),
                None => found.mode.to_string(),
            },
            format!("id:{}…", found.id.short()),
            ways.join(", "),
            format!("{:.1} ms", found.answered_in.as_secs_f64() * 1_000.0),
        ]
    }));
    rows.extend(search.others.iter().map(|other| {
        let nothing = String::new;
        [other.address.to_string(), other.what.to_string(), nothing(), nothing(), nothing()]
    }));
    let mut lines = if rows.len() > 1 { columns(&rows) } else { Vec::new() };
    lines.push(footer(search));
    lines.join("\n")
}

fn who(found: &Found, names: &Names) -> String {
    match names.get(&found.id) {
        Some(path) => format!("this network: {path}"),
        None => "this network".to_owned(),
    }
}

fn footer(search: &Search) -> String {
    let found = match search.found.len() {
        0 => "no server found".to_owned(),
        1 => "1 server found".to_owned(),
        many => format!("{many} servers found"),
    };
    format!("{found}; looked at {} of {} addresses", search.looked_at, search.of)
}

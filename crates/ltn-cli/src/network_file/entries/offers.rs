//! What an instance of the network file offers of its own: `[[server.requestable]]`,
//! `[[client.command]]` and so on.
//!
//! This room reads keys and checks that each offer makes sense by itself. Whether programs may run
//! at all, and what they do, is decided elsewhere.

use std::time::Duration;

use ltn::{CommandSpec, DataSocket, ParameterKind, Permission, PortExpr, Value};
use toml::Spanned;
use toml::de::DeValue;

use super::{Section, each, only_these_keys, wrong_type};
use crate::network_file::Wrong;
use crate::programs::OutputKind;

/// One thing that an instance offers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OfferEntry {
    pub(crate) name: String,
    pub(crate) offered: Offered,
    pub(crate) line: usize,
}

/// What it offers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Offered {
    /// A requestable that is a value.
    Value(Value),
    /// A requestable that a program answers.
    Requestable(ProgramEntry),
    /// A command that a program runs.
    Command(CommandSpec, ProgramEntry),
    /// A data socket with a program behind it.
    DataSocket(DataSocket, ProgramEntry),
    /// A service that a program is, and how often it runs.
    Service(Duration, ProgramEntry),
}

/// A program, as far as the file says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProgramEntry {
    pub(crate) command: Vec<String>,
    pub(crate) output: OutputKind,
    pub(crate) timeout: Duration,
}

/// How long a program may run whose entry does not say.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time that an entry may give its program, in seconds.
const TIMEOUT_SECONDS_MAX: f64 = 3_600.0;
/// The longest time from one run of a service to the next, in seconds: a day.
const INTERVAL_SECONDS_MAX: f64 = 86_400.0;
/// The shortest one, as nodes have it.
const SERVICE_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// What commands of servers start with, so that the console knows them from texts.
const SERVER_COMMAND_START: &str = "s.";

const PROGRAM_KEYS: [&str; 3] = ["command", "output", "timeout_s"];
const REQUESTABLE_KEYS: [&str; 2] = ["name", "value"];
const SERVICE_KEYS: [&str; 4] = ["name", "interval_s", "command", "timeout_s"];
const SOCKET_KEYS: [&str; 4] = ["name", "port", "connect_newcomers", "command"];
const COMMAND_KEYS: [&str; 6] =
    ["name", "description", "category", "permission", "dangerous", "parameters"];

impl OfferEntry {
    /// Does a program answer for it?
    pub(crate) const fn program(&self) -> Option<&ProgramEntry> {
        match &self.offered {
            Offered::Value(_) => None,
            Offered::Requestable(program)
            | Offered::Command(_, program)
            | Offered::DataSocket(_, program)
            | Offered::Service(_, program) => Some(program),
        }
    }

    /// What people call it: "the command `s.heat`".
    pub(crate) fn shown(&self) -> String {
        format!("the {} `{}`", self.sort(), self.name)
    }

    const fn sort(&self) -> &'static str {
        match self.offered {
            Offered::Value(_) | Offered::Requestable(_) => "requestable",
            Offered::Command(..) => "command",
            Offered::DataSocket(..) => "data socket",
            Offered::Service(..) => "service",
        }
    }
}

/// All offers of one `[[server]]` or `[[client]]`; `kind` says which of the two.
pub(super) fn of(section: &Section<'_, '_>, kind: &str) -> Result<Vec<OfferEntry>, Wrong> {
    let place = format!("[[{kind}.requestable]]");
    let mut offers =
        each(section.table, "requestable", section.lines, |inner| requestable(inner, &place))?;
    let place = format!("[[{kind}.command]]");
    offers.extend(each(section.table, "command", section.lines, |inner| {
        let offer = command(inner, &place)?;
        if kind == "server" && !offer.name.starts_with(SERVER_COMMAND_START) {
            let name = &offer.name;
            let what = format!("commands of servers start with `s.`: write `s.{name}`");
            return Err(Wrong::at(offer.line, what));
        }
        Ok(offer)
    })?);
    if kind == "server" {
        let place = "[[server.data_socket]]";
        let sockets =
            each(section.table, "data_socket", section.lines, |inner| data_socket(inner, place))?;
        offers.extend(sockets);
        let place = "[[server.service]]";
        let services =
            each(section.table, "service", section.lines, |inner| service(inner, place))?;
        offers.extend(services);
    }
    for (i, offer) in offers.iter().enumerate() {
        let same = |o: &&OfferEntry| o.name == offer.name && o.sort() == offer.sort();
        if let Some(first) = offers[..i].iter().find(same) {
            let what = format!("{} stands twice: line {} has it too", offer.shown(), first.line);
            return Err(Wrong::at(offer.line, what));
        }
    }
    Ok(offers)
}

fn requestable(section: &Section<'_, '_>, place: &str) -> Result<OfferEntry, Wrong> {
    let keys = [&REQUESTABLE_KEYS[..], &PROGRAM_KEYS].concat();
    only_these_keys(section.table, &format!("a {place}"), &keys, section.lines)?;
    let name = name(section, place)?;
    let line = section.line;
    let offered = match (section.table.get("value"), section.table.get("command")) {
        (Some(_), Some(_)) => {
            let what = format!("`{name}` has a `value` and a `command`; it can have one of them");
            return Err(Wrong::at(line, what));
        }
        (None, None) => {
            let what = format!("`{name}` has no `value` and no `command` that tells it");
            return Err(Wrong::at(line, what));
        }
        (Some(value), None) => {
            let of_programs = PROGRAM_KEYS.iter().find(|key| section.table.contains_key(**key));
            if let Some(key) = of_programs {
                let what = format!("`{key}` is for programs, and `{name}` has a `value`");
                return Err(Wrong::at(line, what));
            }
            Offered::Value(value_of(value, section)?)
        }
        (None, Some(_)) => Offered::Requestable(program(section, place)?),
    };
    Ok(OfferEntry { name, offered, line })
}

fn command(section: &Section<'_, '_>, place: &str) -> Result<OfferEntry, Wrong> {
    let keys = [&COMMAND_KEYS[..], &PROGRAM_KEYS].concat();
    only_these_keys(section.table, &format!("a {place}"), &keys, section.lines)?;
    let name = name(section, place)?;
    let mut spec = CommandSpec::new(&name, section.text("description")?.unwrap_or_default())
        .category(section.text("category")?.unwrap_or_else(|| "of this network".to_owned()));
    if let Some(word) = section.text("permission")? {
        let permission = Permission::word(&word).ok_or_else(|| {
            let what = format!("`permission` is one word, and here stands `{word}`");
            Wrong::at(section.line_of("permission"), what)
        })?;
        spec = spec.permission(permission);
    }
    if section.flag("dangerous")?.unwrap_or(false) {
        spec = spec.dangerous();
    }
    for text in section.texts("parameters")?.unwrap_or_default() {
        spec = with_parameter(spec, &text)
            .map_err(|why| Wrong::at(section.line_of("parameters"), why))?;
    }
    spec.validate().map_err(|why| Wrong::at(section.line, why))?;
    let program = program(section, place)?;
    Ok(OfferEntry { name, offered: Offered::Command(spec, program), line: section.line })
}

fn data_socket(section: &Section<'_, '_>, place: &str) -> Result<OfferEntry, Wrong> {
    only_these_keys(section.table, &format!("a {place}"), &SOCKET_KEYS, section.lines)?;
    let name = name(section, place)?;
    let port = section.port("port")?.unwrap_or(PortExpr::Exactly(0));
    let mut socket = DataSocket::new(&name, port);
    if section.flag("connect_newcomers")?.unwrap_or(false) {
        socket = socket.connect_newcomers();
    }
    let program = program(section, place)?;
    Ok(OfferEntry { name, offered: Offered::DataSocket(socket, program), line: section.line })
}

fn service(section: &Section<'_, '_>, place: &str) -> Result<OfferEntry, Wrong> {
    only_these_keys(section.table, &format!("a {place}"), &SERVICE_KEYS, section.lines)?;
    let name = name(section, place)?;
    let wanted = "a number of seconds, at least 0.01, at most a day";
    let within = |value: &DeValue<'_>| {
        let time = seconds(value, INTERVAL_SECONDS_MAX)?;
        (time >= SERVICE_INTERVAL_MIN).then_some(time)
    };
    let interval = section.read("interval_s", wanted, within)?.ok_or_else(|| {
        let what = format!("`{name}` has no `interval_s`: how many seconds from run to run");
        Wrong::at(section.line, what)
    })?;
    let program = program(section, place)?;
    Ok(OfferEntry { name, offered: Offered::Service(interval, program), line: section.line })
}

fn name(section: &Section<'_, '_>, place: &str) -> Result<String, Wrong> {
    let name = section.text("name")?;
    let name =
        name.ok_or_else(|| Wrong::at(section.line, format!("this {place} has no `name`")))?;
    // The same words are good for both, so that people can type them.
    match CommandSpec::new(&name, "").validate() {
        Ok(()) => Ok(name),
        Err(why) => Err(Wrong::at(section.line_of("name"), why.replace("command name", "name"))),
    }
}

/// Reads `"celsius:int"`, `"room?"`, `"names*"` or `"names+"`.
fn with_parameter(spec: CommandSpec, text: &str) -> Result<CommandSpec, String> {
    let (rest, add): (_, fn(CommandSpec, &str, ParameterKind) -> CommandSpec) =
        match text.char_indices().last() {
            Some((at, '?')) => (&text[..at], |spec, name, kind| spec.optional(name, kind)),
            Some((at, '*')) => (&text[..at], |spec, name, kind| spec.any_number(name, kind)),
            Some((at, '+')) => (&text[..at], |spec, name, kind| spec.one_or_more(name, kind)),
            _ => (text, |spec, name, kind| spec.required(name, kind)),
        };
    let (name, kind) = match rest.split_once(':') {
        None | Some((_, "text")) => (rest.split(':').next().unwrap_or(rest), ParameterKind::Text),
        Some((name, "int")) => (name, ParameterKind::Int),
        Some((_, kind)) => {
            return Err(format!("a parameter is a `text` or an `int`, not a `{kind}`: `{text}`"));
        }
    };
    Ok(add(spec, name, kind))
}

fn program(section: &Section<'_, '_>, place: &str) -> Result<ProgramEntry, Wrong> {
    let command = section.texts("command")?.unwrap_or_default();
    if command.first().is_none_or(String::is_empty) {
        let what = format!("this {place} has no program: write command = [\"./program\"]");
        return Err(Wrong::at(section.line, what));
    }
    if command.iter().any(|word| word.contains('\0')) {
        let what = "`command` has a zero byte in it, which no program can be given";
        return Err(Wrong::at(section.line_of("command"), what));
    }
    let output = match section.text("output")?.as_deref() {
        None | Some("text") => OutputKind::Text,
        Some("json") => OutputKind::Json,
        Some(other) => {
            let what = format!("`output` is \"text\" or \"json\", and here stands: `{other}`");
            return Err(Wrong::at(section.line_of("output"), what));
        }
    };
    let wanted = "a number of seconds, above 0, at most an hour";
    let timeout = section
        .read("timeout_s", wanted, |value| seconds(value, TIMEOUT_SECONDS_MAX))?
        .unwrap_or(TIMEOUT);
    Ok(ProgramEntry { command, output, timeout })
}

fn seconds(value: &DeValue<'_>, most: f64) -> Option<Duration> {
    let seconds = match value_of_scalar(value)? {
        Value::Int(number) => number as f64,
        Value::Float(number) => number,
        _ => return None,
    };
    (seconds > 0.0 && seconds <= most).then(|| Duration::from_secs_f64(seconds))
}

/// A value of TOML as one of the network.
fn value_of(value: &Spanned<DeValue<'_>>, section: &Section<'_, '_>) -> Result<Value, Wrong> {
    let inner = value.get_ref();
    let read = if let Some(items) = inner.as_array() {
        Value::List(items.iter().map(|item| value_of(item, section)).collect::<Result<_, _>>()?)
    } else if let Some(table) = inner.as_table() {
        let entry = |(key, item): (&Spanned<toml::de::DeString<'_>>, &_)| {
            Ok((key.get_ref().to_string(), value_of(item, section)?))
        };
        Value::Map(table.iter().map(entry).collect::<Result<_, _>>()?)
    } else {
        let wanted = "a text, a number, true or false, or a list or table of these";
        let wrong = || wrong_type("value", wanted, value, section.lines);
        value_of_scalar(inner).ok_or_else(wrong)?
    };
    let too_much = |why| Wrong::at(section.lines.of(&value.span()), format!("`value`: {why}"));
    read.check().map_err(too_much)?;
    Ok(read)
}

fn value_of_scalar(value: &DeValue<'_>) -> Option<Value> {
    if let Some(number) = value.as_integer() {
        return i128::from_str_radix(number.as_str(), number.radix()).ok().map(Value::Int);
    }
    if let Some(number) = value.as_float() {
        return number.as_str().parse().ok().map(Value::Float);
    }
    value.as_bool().map(Value::Bool).or_else(|| value.as_str().map(Value::from))
}

//! The entries of a network file, read from TOML one by one.
//!
//! This room knows keys, types and lines. Whether the entries make a tree is checked one floor up.

mod offers;

use std::ops::Range;
use std::path::PathBuf;

use ltn::{Name, Permissions, PortExpr};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::network_file::{Wrong, did_you_mean};
use crate::settings::{self, BACKUPS_MAX};

pub(crate) use offers::{OfferEntry, Offered, ProgramEntry};

/// One `[[server]]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServerEntry {
    pub(crate) name: Name,
    pub(crate) port: Option<PortExpr>,
    pub(crate) data_port: Option<PortExpr>,
    /// The higher server; the main server has none.
    pub(crate) parent: Option<ParentName>,
    /// The servers it goes to when its higher server is lost, in order.
    pub(crate) backups: Vec<ParentName>,
    pub(crate) description: String,
    /// Shall its services run?
    pub(crate) services: bool,
    /// What everybody may do at it; everything unless said.
    pub(crate) newcomers: Option<Permissions>,
    /// The file with its admin key, seen from the folder of the network file.
    pub(crate) admin_key_file: Option<PathBuf>,
    /// Its own requestables and commands.
    pub(crate) offers: Vec<OfferEntry>,
    pub(crate) line: usize,
}

/// One `[[client]]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClientEntry {
    pub(crate) name: Name,
    pub(crate) parent: ParentName,
    /// See [`ServerEntry`].
    pub(crate) backups: Vec<ParentName>,
    pub(crate) description: String,
    /// Its own requestables and commands.
    pub(crate) offers: Vec<OfferEntry>,
    pub(crate) line: usize,
}

/// The name of a parent, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParentName {
    pub(crate) name: String,
    pub(crate) line: usize,
}

const FILE_KEYS: [&str; 3] = ["open", "server", "client"];
const SERVER_KEYS: [&str; 13] = [
    "name",
    "port",
    "data_port",
    "parent",
    "backup",
    "description",
    "services",
    "newcomers",
    "admin_key_file",
    "requestable",
    "command",
    "data_socket",
    "service",
];
const CLIENT_KEYS: [&str; 6] =
    ["name", "parent", "backup", "description", "requestable", "command"];

/// Reads all entries of a file, in its order.
pub(crate) fn read(text: &str) -> Result<(Vec<ServerEntry>, Vec<ClientEntry>), Wrong> {
    let lines = Lines(text);
    let table = DeTable::parse(text).map_err(|error| Wrong {
        line: error.span().map(|span| lines.of(&span)),
        what: format!("this is no TOML: {}", error.message()),
    })?;
    let table = table.get_ref();
    if table.is_empty() {
        return Err(Wrong::anywhere("the file is empty"));
    }
    only_these_keys(table, "a network file", &FILE_KEYS, lines)?;
    open_mode(table, lines)?;
    let servers = each(table, "server", lines, server)?;
    let clients = each(table, "client", lines, client)?;
    if servers.is_empty() {
        return Err(Wrong::anywhere("there is no [[server]]"));
    }
    Ok((servers, clients))
}

fn open_mode(table: &DeTable<'_>, lines: Lines<'_>) -> Result<(), Wrong> {
    let missing = "say `open = true` at the top: the open mode is for this machine alone; a \
                   network with members is made with `ltn init`, and needs no such file";
    let Some(open) = table.get("open") else { return Err(Wrong::anywhere(missing)) };
    let line = lines.of(&open.span());
    match open.get_ref().as_bool() {
        Some(true) => Ok(()),
        Some(false) => Err(Wrong::at(line, missing)),
        None => Err(wrong_type("open", "true", open, lines)),
    }
}

/// Reads every `[[key]]`.
fn each<T>(
    table: &DeTable<'_>,
    key: &str,
    lines: Lines<'_>,
    read: impl Fn(&Section<'_, '_>) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    let Some(value) = table.get(key) else { return Ok(Vec::new()) };
    let wanted = format!("one or more sections [[{key}]]");
    let not_sections = || wrong_type(key, &wanted, value, lines);
    let sections = value.get_ref().as_array().ok_or_else(not_sections)?;
    sections
        .iter()
        .map(|section| {
            let table = section.get_ref().as_table().ok_or_else(not_sections)?;
            read(&Section { table, line: lines.of(&section.span()), lines })
        })
        .collect()
}

fn server(section: &Section<'_, '_>) -> Result<ServerEntry, Wrong> {
    only_these_keys(section.table, "a [[server]]", &SERVER_KEYS, section.lines)?;
    Ok(ServerEntry {
        name: section.name("server")?,
        port: section.port("port")?,
        data_port: section.port("data_port")?,
        parent: section.parent()?,
        backups: section.backups()?,
        description: section.text("description")?.unwrap_or_default(),
        services: section.flag("services")?.unwrap_or(true),
        newcomers: section.newcomers()?,
        admin_key_file: section.text("admin_key_file")?.map(PathBuf::from),
        offers: offers::of(section, "server")?,
        line: section.line,
    })
}

fn client(section: &Section<'_, '_>) -> Result<ClientEntry, Wrong> {
    only_these_keys(section.table, "a [[client]]", &CLIENT_KEYS, section.lines)?;
    let name = section.name("client")?;
    let Some(parent) = section.parent()? else {
        return Err(Wrong::at(
            section.line,
            format!("the client `{name}` has no `parent`: the server that it joins"),
        ));
    };
    let description = section.text("description")?.unwrap_or_default();
    let offers = offers::of(section, "client")?;
    let backups = section.backups()?;
    Ok(ClientEntry { name, parent, backups, description, offers, line: section.line })
}

/// One `[[server]]` or `[[client]]` being read.
struct Section<'a, 'i> {
    table: &'a DeTable<'i>,
    line: usize,
    lines: Lines<'a>,
}

impl Section<'_, '_> {
    fn name(&self, kind: &str) -> Result<Name, Wrong> {
        let Some(text) = self.text("name")? else {
            return Err(Wrong::at(self.line, format!("this [[{kind}]] has no `name`")));
        };
        Name::wanted(&text)
            .map_err(|why| Wrong::at(self.line_of("name"), format!("the name `{text}`: {why}")))
    }

    fn parent(&self) -> Result<Option<ParentName>, Wrong> {
        let name = self.text("parent")?;
        let line = self.line_of("parent");
        Ok(name.map(|name| ParentName { name, line }))
    }

    fn backups(&self) -> Result<Vec<ParentName>, Wrong> {
        let names = self.texts("backup")?.unwrap_or_default();
        let line = self.line_of("backup");
        if names.len() > BACKUPS_MAX {
            let text = format!("`backup` names {} servers; {BACKUPS_MAX} at most", names.len());
            return Err(Wrong::at(line, text));
        }
        Ok(names.into_iter().map(|name| ParentName { name, line }).collect())
    }

    fn text(&self, key: &str) -> Result<Option<String>, Wrong> {
        self.read(key, "a text in quotes", |value| value.as_str().map(str::to_owned))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, Wrong> {
        self.read(key, "true or false", |value| value.as_bool())
    }

    fn port(&self, key: &str) -> Result<Option<PortExpr>, Wrong> {
        let wanted = "a port: 4000, [4000, 4010] or \">4000\"";
        let Some(text) = self.read(key, wanted, port_text)? else { return Ok(None) };
        let line = self.line_of(key);
        settings::port(&text).map(Some).map_err(|why| Wrong::at(line, format!("`{key}`: {why}")))
    }

    fn newcomers(&self) -> Result<Option<Permissions>, Wrong> {
        let Some(text) = self.text("newcomers")? else { return Ok(None) };
        let read = settings::newcomers(&text).map(Some);
        read.map_err(|why| Wrong::at(self.line_of("newcomers"), format!("`newcomers`: {why}")))
    }

    fn texts(&self, key: &str) -> Result<Option<Vec<String>>, Wrong> {
        let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
        self.read(key, "a list of texts in quotes", |value| {
            value.as_array()?.iter().map(text).collect()
        })
    }

    /// The line of this key's value, or of the section if the key is not there.
    fn line_of(&self, key: &str) -> usize {
        self.table.get(key).map_or(self.line, |value| self.lines.of(&value.span()))
    }

    fn read<T>(
        &self,
        key: &str,
        wanted: &str,
        get: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Result<Option<T>, Wrong> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match get(value.get_ref()) {
            Some(read) => Ok(Some(read)),
            None => Err(wrong_type(key, wanted, value, self.lines)),
        }
    }
}

/// A port expression as the command line would have it.
fn port_text(value: &DeValue<'_>) -> Option<String> {
    let number = |value: &DeValue<'_>| Some(value.as_integer()?.to_string());
    if let Some(list) = value.as_array() {
        let ports: Option<Vec<String>> = list.iter().map(|port| number(port.get_ref())).collect();
        return ports.map(|ports| ports.join(","));
    }
    value.as_str().map(str::to_owned).or_else(|| number(value))
}

/// The first key, in the order of the file, that has no business there.
fn only_these_keys(
    table: &DeTable<'_>,
    place: &str,
    keys: &[&str],
    lines: Lines<'_>,
) -> Result<(), Wrong> {
    let unknown = table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref()));
    match unknown.min_by_key(|key| key.span().start) {
        None => Ok(()),
        Some(key) => Err(Wrong::at(
            lines.of(&key.span()),
            format!(
                "`{}` is no key of {place}; {}",
                key.get_ref(),
                did_you_mean(key.get_ref(), keys)
            ),
        )),
    }
}

fn wrong_type(key: &str, wanted: &str, value: &Spanned<DeValue<'_>>, lines: Lines<'_>) -> Wrong {
    let found = value.get_ref().type_str();
    Wrong::at(lines.of(&value.span()), format!("`{key}` is {wanted}, and here stands: {found}"))
}

/// The text of the file, for finding lines.
#[derive(Debug, Clone, Copy)]
struct Lines<'a>(&'a str);

impl Lines<'_> {
    /// The line, from 1, that holds the start of this span.
    fn of(self, span: &Range<usize>) -> usize {
        let before = self.0.as_bytes().iter().take(span.start);
        1 + before.filter(|byte| **byte == b'\n').count()
    }
}

//! The network file: a whole network described in one TOML file, for `ltn up`.
//!
//! This room reads, checks and orders. A [`NetworkFile`] can only be one that makes sense: one main
//! server, every parent there, no cycle, no name twice. It starts nothing. The format is told to
//! people in `docs/network-file.md`.

mod entries;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use ltn::{Name, PortExpr, nearest};

use crate::trouble::Trouble;

pub(crate) use entries::{ClientEntry, OfferEntry, Offered, ParentName, ProgramEntry, ServerEntry};

/// A network as its file describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NetworkFile {
    /// The servers, each behind its parent; the first is the main server.
    pub(crate) servers: Vec<ServerEntry>,
    /// The clients.
    pub(crate) clients: Vec<ClientEntry>,
}

/// What `--only` can name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Entry<'a> {
    Server(&'a ServerEntry),
    Client(&'a ClientEntry),
}

/// The address of a parent, as far as the file alone can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownPort {
    /// It will be there.
    Exactly(u16),
    /// It will be there if the port was free; else somewhere else.
    Probably(u16),
}

/// Something in the file that makes no sense, and the line where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) line: Option<usize>,
    pub(crate) what: String,
}

/// The largest file that is read, in bytes: some ten thousand nodes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The port of a main server whose entry names none, as the library takes it.
const MAIN_PORT: u16 = 4000;

impl NetworkFile {
    /// Reads and checks a file. Errors start with `file:line`.
    pub(crate) fn read(path: &Path) -> Result<Self, Trouble> {
        let shown = path.display();
        let unreadable = |error| Trouble::usage(format!("{shown} cannot be read: {error}"));
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(Trouble::usage(format!("{shown} is larger than {FILE_BYTES_MAX} bytes")));
        }
        Self::parse(&text).map_err(|wrong| {
            let line = wrong.line.map_or(String::new(), |line| format!(":{line}"));
            Trouble::usage(format!("{shown}{line}: {}", wrong.what))
                .hint("docs/network-file.md tells what can stand there")
        })
    }

    /// Reads and checks the text of a file.
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let (servers, clients) = entries::read(text)?;
        unique_names(&servers, &clients)?;
        known_parents(&servers, &clients)?;
        no_cycle(&servers)?;
        one_root(&servers)?;
        Ok(Self { servers: parents_first(servers), clients })
    }

    /// The entry of this name.
    pub(crate) fn entry(&self, name: &str) -> Result<Entry<'_>, Trouble> {
        if let Some(server) = self.server(name) {
            return Ok(Entry::Server(server));
        }
        if let Some(client) = self.clients.iter().find(|client| client.name.as_str() == name) {
            return Ok(Entry::Client(client));
        }
        let names = self.names();
        Err(Trouble::usage(format!("--only {name}: the file has no such server or client"))
            .hint(did_you_mean(name, &names)))
    }

    /// The server of this name.
    pub(crate) fn server(&self, name: &str) -> Option<&ServerEntry> {
        self.servers.iter().find(|server| server.name.as_str() == name)
    }

    fn names(&self) -> Vec<&str> {
        let servers = self.servers.iter().map(|server| server.name.as_str());
        servers.chain(self.clients.iter().map(|client| client.name.as_str())).collect()
    }
}

impl ServerEntry {
    /// Where this server will listen, for those who cannot ask it; `None` if the file does not say.
    pub(crate) fn known_port(&self) -> Option<KnownPort> {
        let known = match &self.port {
            Some(PortExpr::Exactly(port)) => KnownPort::Exactly(*port),
            Some(PortExpr::FirstOf(ports)) => KnownPort::Probably(*ports.first()?),
            Some(
                PortExpr::FromUpwards(port)
                | PortExpr::FromDownwards(port)
                | PortExpr::Between(port, _),
            ) => KnownPort::Probably(*port),
            None if self.parent.is_none() => KnownPort::Probably(MAIN_PORT),
            None => return None,
        };
        let (KnownPort::Exactly(port) | KnownPort::Probably(port)) = known;
        (port != 0).then_some(known)
    }
}

impl Wrong {
    pub(crate) fn at(line: usize, what: impl Into<String>) -> Self {
        Self { line: Some(line), what: what.into() }
    }

    pub(crate) fn anywhere(what: impl Into<String>) -> Self {
        Self { line: None, what: what.into() }
    }
}

/// "did you mean …?", or the list of what there is.
pub(crate) fn did_you_mean(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: {}", candidates.join(", ")),
    }
}

/// Names are how the file points at things, so they are unique in all of it, not only among
/// siblings.
fn unique_names(servers: &[ServerEntry], clients: &[ClientEntry]) -> Result<(), Wrong> {
    let mut all: Vec<(&Name, usize)> = servers.iter().map(|s| (&s.name, s.line)).collect();
    all.extend(clients.iter().map(|c| (&c.name, c.line)));
    all.sort_by_key(|(_, line)| *line);
    for (i, (name, line)) in all.iter().enumerate() {
        if let Some((first, at)) = all[..i].iter().find(|(other, _)| other.clashes_with(name)) {
            return Err(Wrong::at(
                *line,
                format!("the name `{name}` is taken: line {at} has `{first}`"),
            ));
        }
    }
    Ok(())
}

fn known_parents(servers: &[ServerEntry], clients: &[ClientEntry]) -> Result<(), Wrong> {
    let of_servers = servers.iter().filter_map(|s| Some((&s.name, s.parent.as_ref()?)));
    let of_clients = clients.iter().map(|c| (&c.name, &c.parent));
    let backed_up = servers.iter().map(|s| (&s.name, &s.backups));
    let backed_up = backed_up.chain(clients.iter().map(|c| (&c.name, &c.backups)));
    let backups = backed_up.flat_map(|(child, names)| names.iter().map(move |name| (child, name)));
    if let Some((child, own)) = backups.clone().find(|(child, own)| child.as_str() == own.name) {
        return Err(Wrong::at(own.line, format!("`{child}` is no backup of itself")));
    }
    if let Some(main) = servers.iter().find(|s| s.parent.is_none() && !s.backups.is_empty()) {
        let text = format!("`{}` is the main server; it has no parent to be replaced", main.name);
        return Err(Wrong::at(main.line, text));
    }
    for (child, parent) in of_servers.chain(of_clients).chain(backups) {
        if servers.iter().any(|server| server.name.as_str() == parent.name) {
            continue;
        }
        if clients.iter().any(|client| client.name.as_str() == parent.name) {
            return Err(Wrong::at(
                parent.line,
                format!(
                    "the parent of `{child}` is the client `{}`, and only servers take others",
                    parent.name
                ),
            ));
        }
        let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
        return Err(Wrong::at(
            parent.line,
            format!(
                "`{child}` has the parent `{}`, and no server is called so; {}",
                parent.name,
                did_you_mean(&parent.name, &names)
            ),
        ));
    }
    Ok(())
}

fn no_cycle(servers: &[ServerEntry]) -> Result<(), Wrong> {
    let parent_of = |server: &ServerEntry| {
        let parent = server.parent.as_ref()?;
        servers.iter().find(|other| other.name.as_str() == parent.name)
    };
    let mut fine = BTreeSet::new();
    for start in servers {
        let mut way = vec![start];
        while let Some(above) = parent_of(way[way.len() - 1]) {
            if fine.contains(&above.name) {
                break;
            }
            if let Some(first) = way.iter().position(|server| server.name == above.name) {
                let mut members: Vec<&str> = way[first..].iter().map(|s| s.name.as_str()).collect();
                members.push(above.name.as_str());
                let members = members.join(" below ");
                return Err(Wrong::at(above.line, format!("a cycle: {members}")));
            }
            way.push(above);
        }
        fine.extend(way.iter().map(|server| &server.name));
    }
    Ok(())
}

fn one_root(servers: &[ServerEntry]) -> Result<(), Wrong> {
    let mut roots = servers.iter().filter(|server| server.parent.is_none());
    let Some(root) = roots.next() else {
        return Err(Wrong::anywhere(
            "there is no [[server]] without a parent, so there is no main server",
        ));
    };
    match roots.next() {
        None => Ok(()),
        Some(second) => Err(Wrong::at(
            second.line,
            format!(
                "`{}` has no parent, and neither has `{}` (line {}); only the main server has none",
                second.name, root.name, root.line
            ),
        )),
    }
}

/// The same servers, each behind its parent. The order of the file stays otherwise.
fn parents_first(mut servers: Vec<ServerEntry>) -> Vec<ServerEntry> {
    let mut ordered: Vec<ServerEntry> = Vec::with_capacity(servers.len());
    let mut placed = BTreeSet::new();
    while !servers.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) = servers
            .into_iter()
            .partition(|s| s.parent.as_ref().is_none_or(|parent| placed.contains(&parent.name)));
        // Without cycles each round places somebody; should that ever be wrong, nobody is lost.
        if ready.is_empty() {
            ordered.extend(waiting);
            break;
        }
        placed.extend(ready.iter().map(|server| server.name.as_str().to_owned()));
        ordered.extend(ready);
        servers = waiting;
    }
    ordered
}

#[cfg(test)]
mod tests;

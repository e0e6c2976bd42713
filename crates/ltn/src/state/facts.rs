//! What a node remembers, as entries of its store: each a value in CBOR, read as strictly as what
//! comes from a stranger.
//!
//! An entry that is missing, unknown or not as it should be is an error, never a default.

use std::collections::BTreeMap;
use std::path::Path;

use ltn_proto::{
    Address, Durable, KeptDeed, KeptParent, KeptPerson, KeptReport, Name, NodeId, Permission,
    Permissions, Remembered, Role, Value,
};

use super::network::{Belonging, NetworkKind, charter, charter_change, owed, owed_change};
use super::views::counted;
use super::{Owner, StateError};
use crate::store::{Change, Shelf, Store};

/// How the entries are to be read. What was written by a later program is not guessed at.
const SCHEMA: u64 = 1;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Whose state this is.
    pub(super) id: NodeId,
    /// What makes it a member; nothing in an open network.
    pub(super) belonging: Option<Belonging>,
    pub(super) role: Role,
    /// The name the node was given when it was made; empty for none.
    pub(super) name: String,
    /// How often it was started.
    pub(super) starts: u32,
    /// The higher server it was configured with last.
    pub(super) told_parent: Option<Address>,
    /// What the mind had written.
    pub(super) remembered: Remembered,
    /// The port it had last.
    pub(super) port: Option<u16>,
    /// What its listener was bound to last.
    pub(super) bound: Option<Address>,
    /// The port its data socket had last.
    pub(super) data_port: Option<u16>,
    /// The hash of its admin key, and of the one that it was configured with last.
    pub(super) admin_keys: AdminKeys,
}

/// What is kept of admin keys: hashes with their salts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AdminKeys {
    /// Of the key that holds.
    pub(crate) holds: Option<HashBytes>,
    /// Of the key that the node was configured with at its last start.
    pub(crate) told: Option<HashBytes>,
}

/// A salt and a hash, as they are written.
pub(crate) type HashBytes = [u8; 48];

impl Facts {
    /// The facts of a node that is being made.
    pub(super) fn new(id: NodeId, owner: Owner<'_>) -> Self {
        Self {
            id,
            belonging: None,
            role: owner.role,
            name: owner.name.to_owned(),
            starts: 0,
            told_parent: None,
            remembered: Remembered::default(),
            port: None,
            bound: None,
            data_port: None,
            admin_keys: AdminKeys::default(),
        }
    }

    /// Reads them all.
    pub(super) fn read(store: &Store) -> Result<Self, String> {
        let mut entries = Entries::read(store)?;
        let schema = entries.number("schema")?;
        if schema != SCHEMA {
            return Err(format!(
                "it is written in form {schema}, and this program knows form {SCHEMA}: use the \
                 program that wrote it, or a later one"
            ));
        }
        let network = entries.text("network")?;
        let facts = Self {
            id: entries.id("id")?,
            belonging: Belonging::read(&mut entries, &network)?,
            role: entries.role("role")?,
            name: entries.text("name")?,
            starts: u32::try_from(entries.number("starts")?).map_err(|_| bad("starts"))?,
            told_parent: entries.optional("told_parent")?.map(address).transpose()?,
            remembered: Remembered {
                parent: entries.optional("parent")?.map(parent).transpose()?,
                deeds: read_all(store, Shelf::Journal, deed)?,
                reports: read_all(store, Shelf::Reports, report)?,
                people: read_people(store)?,
                name: entries.optional("given_name")?.map(given_name).transpose()?,
                backup_parents: match entries.optional("backup_parents")? {
                    Some(value) => addresses(&value).ok_or_else(|| bad("backup_parents"))?,
                    None => Vec::new(),
                },
                charter: entries.optional("charter")?.map(charter).transpose()?,
                owed_charters: entries.optional("owed_charters")?.map_or(Ok(Vec::new()), owed)?,
                // The audit log says that itself.
                audit_count: 0,
            },
            bound: entries.optional("bound")?.map(address).transpose()?,
            port: entries.optional("port")?.map(port).transpose()?,
            data_port: entries.optional("data_port")?.map(port).transpose()?,
            admin_keys: AdminKeys {
                holds: entries.optional("admin_key")?.map(hash).transpose()?,
                told: entries.optional("told_admin_key")?.map(hash).transpose()?,
            },
        };
        match entries.0.into_iter().next() {
            None => Ok(facts),
            Some((name, _)) => Err(format!("it has an entry that is not known, `{name}`")),
        }
    }

    /// Is this the directory of the node that wants to start?
    pub(super) fn check(&self, directory: &Path, owner: Owner<'_>) -> Result<(), StateError> {
        let is = |what: &str| format!("belongs to {what}; give another directory for this one");
        let kind = self.kind();
        let may_be_called = match kind {
            NetworkKind::Open => self.name == owner.name,
            // Who was invited without a name may choose one.
            NetworkKind::Members => {
                owner.name.is_empty() || self.name.is_empty() || self.name == owner.name
            }
        };
        let what = if kind != owner.kind {
            match kind {
                NetworkKind::Members => {
                    is("a network with members, and the open mode must not touch it")
                }
                NetworkKind::Open => is("an open network, and holds no member"),
            }
        } else if self.role != owner.role {
            is(&format!("a {}, and this is a {}", self.role, owner.role))
        } else if !may_be_called {
            is(&format!("`{}`, and this is `{}`", self.name, owner.name))
        } else {
            return Ok(());
        };
        Err(StateError::Foreign { directory: directory.to_owned(), what })
    }

    /// Which kind of network.
    pub(super) const fn kind(&self) -> NetworkKind {
        if self.belonging.is_some() { NetworkKind::Members } else { NetworkKind::Open }
    }

    /// All of them, to be written.
    pub(super) fn all_changes(&self) -> Vec<Change> {
        let mut changes = vec![
            put("schema", &Value::Int(SCHEMA.into())),
            put("id", &Value::Bytes(self.id.as_bytes().to_vec())),
            put("network", &Value::from(self.kind().as_str())),
            put("role", &Value::from(self.role.as_str())),
            put("name", &Value::from(self.name.as_str())),
            self.starts_change(),
            parent_change(self.remembered.parent.as_ref()),
            told_parent_change(self.told_parent.as_ref()),
        ];
        changes.push(charter_change(self.remembered.charter.as_ref()));
        changes.extend(self.belonging.iter().flat_map(Belonging::changes));
        changes.extend(self.port_changes());
        changes.push(self.bound_change());
        changes
    }

    pub(super) fn starts_change(&self) -> Change {
        put("starts", &Value::Int(self.starts.into()))
    }

    pub(super) fn port_changes(&self) -> [Change; 2] {
        let change = |name: &str, port: Option<u16>| {
            put_optional(name, port.map(|port| Value::Int(port.into())))
        };
        [change("port", self.port), change("data_port", self.data_port)]
    }

    pub(super) fn admin_key_changes(keys: AdminKeys) -> [Change; 2] {
        let change = |name: &str, key: Option<HashBytes>| {
            put_optional(name, key.map(|key| Value::Bytes(key.to_vec())))
        };
        [change("admin_key", keys.holds), change("told_admin_key", keys.told)]
    }

    pub(super) fn bound_change(&self) -> Change {
        put_optional("bound", self.bound.as_ref().map(|at| Value::from(at.as_str())))
    }

    /// For people: one line for each thing.
    pub(super) fn describe(&self) -> Vec<String> {
        let name = if self.name.is_empty() { "without a name" } else { self.name.as_str() };
        let mut lines = vec![
            format!("{} {name}, {}", self.role, self.id),
            match &self.belonging {
                None => "open network".to_owned(),
                Some(belonging) => format!("member of network {}", belonging.membership.network),
            },
            match self.starts {
                0 => "never started".to_owned(),
                1 => "started once".to_owned(),
                starts => format!("started {starts} times"),
            },
        ];
        if let Some(parent) = &self.remembered.parent {
            let addresses: Vec<&str> = parent.addresses.iter().map(Address::as_str).collect();
            lines.push(format!("belongs to {} at {}", parent.name, addresses.join(", ")));
        }
        if let Some(name) = &self.remembered.name {
            lines.push(format!("was given the name {name}"));
        }
        if !self.remembered.backup_parents.is_empty() {
            let backups = self.remembered.backup_parents.iter().map(Address::as_str);
            lines.push(format!("looks for help at {}", backups.collect::<Vec<_>>().join(", ")));
        }
        let people = || self.remembered.people.values();
        let holders = people().filter(|person| person.rights.iter().next().is_some()).count();
        let muted = people().filter(|person| person.muted).count();
        if holders + muted > 0 {
            let were = if holders == 1 { "was" } else { "were" };
            let are = if muted == 1 { "is" } else { "are" };
            let holders = counted(holders, "node");
            lines.push(format!("{holders} {were} given rights here, {muted} {are} muted"));
        }
        if self.admin_keys.holds.is_some() {
            lines.push("has an admin key, of which only a hash is kept".to_owned());
        }
        if let Some(told) = &self.told_parent {
            lines.push(format!("was told to join {told}"));
        }
        if let Some(port) = self.port {
            lines.push(format!("was last reached at port {port}"));
        }
        lines
    }
}

/// The changes of what the mind wants to be written.
pub(super) fn changes_of(what: &Durable) -> Result<Vec<Change>, String> {
    match what {
        Durable::Parent(parent) => Ok(vec![parent_change(parent.as_ref())]),
        Durable::Audit { .. } => Ok(Vec::new()),
        Durable::Deed(deed) | Durable::Accepted { deed, .. } | Durable::Ended { deed, .. } => {
            let value = Value::map([
                ("token", Value::Bytes(deed.token.to_vec())),
                ("actor", Value::Bytes(deed.actor.as_bytes().to_vec())),
                ("command", Value::from(deed.command.as_str())),
                ("done", Value::Bool(deed.done)),
            ]);
            Ok(vec![Change::put(Shelf::Journal, deed.number.to_be_bytes(), value.to_cbor())])
        }
        Durable::Report(report) => {
            let value = Value::map([
                ("finished", Value::Bool(report.finished)),
                ("report", report.report.clone()),
            ]);
            Ok(vec![Change::put(Shelf::Reports, report.number.to_be_bytes(), value.to_cbor())])
        }
        Durable::People(people) => Ok(people.iter().map(person_change).collect()),
        Durable::Name(name) => Ok(vec![put("given_name", &Value::from(name.as_str()))]),
        Durable::BackupParents(parents) => {
            let parents = parents.iter().map(|parent| Value::from(parent.as_str()));
            Ok(vec![put("backup_parents", &Value::list(parents))])
        }
        Durable::Charter { newest, owed } => {
            Ok(vec![charter_change(Some(newest)), owed_change(owed)])
        }
        other => Err(format!("this program does not know how to write {other:?}")),
    }
}

/// The changes that take away what is too old to be remembered.
pub(super) fn changes_of_forgetting(before: &Remembered, after: &Remembered) -> Vec<Change> {
    let deeds = before.deeds.iter().map(|deed| deed.number);
    let forgotten = deeds.filter(|number| !after.deeds.iter().any(|deed| deed.number == *number));
    let deeds = forgotten.map(|number| (Shelf::Journal, number));
    let reports = before.reports.iter().map(|report| report.number);
    let forgotten =
        reports.filter(|number| !after.reports.iter().any(|report| report.number == *number));
    let reports = forgotten.map(|number| (Shelf::Reports, number));
    let remove = |(shelf, number): (Shelf, u64)| Change::remove(shelf, number.to_be_bytes());
    deeds.chain(reports).map(remove).collect()
}

pub(super) fn told_parent_change(told: Option<&Address>) -> Change {
    put_optional("told_parent", told.map(|told| Value::from(told.as_str())))
}

fn parent_change(parent: Option<&KeptParent>) -> Change {
    put_optional(
        "parent",
        parent.map(|parent| {
            let addresses = parent.addresses.iter().map(|address| Value::from(address.as_str()));
            Value::map([
                ("id", Value::Bytes(parent.id.as_bytes().to_vec())),
                ("name", Value::from(parent.name.as_str())),
                ("addresses", Value::list(addresses)),
            ])
        }),
    )
}

fn person_change(person: &KeptPerson) -> Change {
    let key = person.node.as_bytes().to_vec();
    if person.is_nothing() {
        return Change::remove(Shelf::People, key);
    }
    let rights = person.rights.iter().map(|right| Value::from(right.as_str()));
    let value = Value::map([
        ("rights", Value::list(rights)),
        ("muted", Value::Bool(person.muted)),
        ("kicked", Value::Bool(person.kicked)),
    ]);
    Change::put(Shelf::People, key, value.to_cbor())
}

pub(super) fn put(name: &str, value: &Value) -> Change {
    Change::put(Shelf::Facts, name, value.to_cbor())
}

pub(super) fn put_optional(name: &str, value: Option<Value>) -> Change {
    match value {
        Some(value) => put(name, &value),
        None => Change::remove(Shelf::Facts, name),
    }
}

pub(super) fn bad(name: &str) -> String {
    format!("its entry `{name}` is not as it should be")
}

fn address(value: Value) -> Result<Address, String> {
    value.as_text().map(Address::new).ok_or_else(|| bad("told_parent` or `bound"))
}

fn port(value: Value) -> Result<u16, String> {
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| bad("port"))
}

fn parent(value: Value) -> Result<KeptParent, String> {
    let read = || {
        let id = value.get("id")?.as_bytes()?.try_into().ok().map(NodeId::from_bytes)?;
        let name = Name::known(value.get("name")?.as_text()?).ok()?;
        let listed = addresses(value.get("addresses")?)?;
        let kept = KeptParent::new(id, name, listed.iter().cloned());
        (!kept.addresses.is_empty() && kept.addresses.len() == listed.len()).then_some(kept)
    };
    read().ok_or_else(|| bad("parent"))
}

fn addresses(value: &Value) -> Option<Vec<Address>> {
    value.as_list()?.iter().map(|address| address.as_text().map(Address::new)).collect()
}

fn given_name(value: Value) -> Result<Name, String> {
    let name = value.as_text().and_then(|name| Name::known(name).ok());
    name.ok_or_else(|| bad("given_name"))
}

fn hash(value: Value) -> Result<HashBytes, String> {
    let bytes = value.as_bytes().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| bad("admin_key"))
}

fn person(node: NodeId, value: &Value) -> Option<KeptPerson> {
    let words = value.get("rights")?.as_list()?.iter();
    let words: Option<Vec<Permission>> =
        words.map(|word| word.as_text().and_then(Permission::word)).collect();
    let rights = words?.into_iter().fold(Permissions::default(), Permissions::with);
    let flag = |name: &str| value.get(name)?.as_bool();
    Some(KeptPerson { node, rights, muted: flag("muted")?, kicked: flag("kicked")? })
}

fn read_people(store: &Store) -> Result<BTreeMap<NodeId, KeptPerson>, String> {
    let read = |(key, bytes): (Vec<u8>, Vec<u8>)| {
        let node = NodeId::from_bytes(key.try_into().ok()?);
        Some((node, person(node, &Value::from_cbor(&bytes).ok()?)?))
    };
    let entries = store.all(Shelf::People).map_err(|error| error.to_string())?;
    entries.into_iter().map(|entry| read(entry).ok_or_else(|| bad("people"))).collect()
}

fn deed(number: u64, value: &Value) -> Option<KeptDeed> {
    let token = value.get("token")?.as_bytes()?.try_into().ok()?;
    let actor = value.get("actor")?.as_bytes()?.try_into().ok().map(NodeId::from_bytes)?;
    let command = value.get("command")?.as_text()?.to_owned();
    Some(KeptDeed { number, token, actor, command, done: value.get("done")?.as_bool()? })
}

fn report(number: u64, value: &Value) -> Option<KeptReport> {
    let (finished, report) = (value.get("finished")?.as_bool()?, value.get("report")?.clone());
    Some(KeptReport { number, finished, report })
}

/// All entries of a shelf, the oldest first.
fn read_all<T>(
    store: &Store,
    shelf: Shelf,
    read: impl Fn(u64, &Value) -> Option<T>,
) -> Result<Vec<T>, String> {
    let entries = store.all(shelf).map_err(|error| error.to_string())?;
    let read_one = |(key, bytes): (Vec<u8>, Vec<u8>)| {
        let number = u64::from_be_bytes(key.try_into().ok()?);
        read(number, &Value::from_cbor(&bytes).ok()?)
    };
    let shown = format!("{shelf:?}");
    entries.into_iter().map(|entry| read_one(entry).ok_or_else(|| bad(&shown))).collect()
}

/// The entries that nobody has read yet.
pub(super) struct Entries(BTreeMap<String, Value>);

impl Entries {
    fn read(store: &Store) -> Result<Self, String> {
        let mut entries = Self(BTreeMap::new());
        for (key, bytes) in store.all(Shelf::Facts).map_err(|error| error.to_string())? {
            let name = String::from_utf8(key).map_err(|_| bad("(a name that is no text)"))?;
            let value = Value::from_cbor(&bytes).map_err(|_| bad(&name))?;
            entries.0.insert(name, value);
        }
        Ok(entries)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it reads like its neighbours")]
    pub(super) fn optional(&mut self, name: &str) -> Result<Option<Value>, String> {
        Ok(self.0.remove(name))
    }

    fn needed(&mut self, name: &str) -> Result<Value, String> {
        self.0.remove(name).ok_or_else(|| format!("its entry `{name}` is missing"))
    }

    pub(super) fn bytes(&mut self, name: &str) -> Result<Vec<u8>, String> {
        match self.needed(name)? {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(bad(name)),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, String> {
        self.needed(name)?.as_text().map(str::to_owned).ok_or_else(|| bad(name))
    }

    fn number(&mut self, name: &str) -> Result<u64, String> {
        self.needed(name)?.as_u64().ok_or_else(|| bad(name))
    }

    fn id(&mut self, name: &str) -> Result<NodeId, String> {
        let value = self.needed(name)?;
        let bytes = value.as_bytes().and_then(|bytes| bytes.try_into().ok());
        bytes.map(NodeId::from_bytes).ok_or_else(|| bad(name))
    }

    fn role(&mut self, name: &str) -> Result<Role, String> {
        let text = self.text(name)?;
        let roles = [Role::MainServer, Role::SubServer, Role::Server, Role::Client, Role::Session];
        roles.into_iter().find(|role| role.as_str() == text).ok_or_else(|| bad(name))
    }
}

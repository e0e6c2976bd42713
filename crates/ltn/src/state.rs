//! The state directory of one node: who it is and what it must still know after a power cut at any
//! instant.
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | held by the one process that owns the directory; says which |
//! | `identity` | the node's key, made at its first start |
//! | `store` | everything that changes, in transactions (`store.rs`) |
//! | `seal` | the generation of the store that was last acknowledged |
//! | `making` | there only while the others are being made |
//!
//! Whatever is missing, empty, cut short, changed, or made for another node stops the start with
//! one line; nothing is ever replaced by a default. `directory.rs` holds files and lock,
//! `identity.rs` the key's file, `facts.rs` what the entries mean, `keeper.rs` the thread that
//! writes while the node runs. Who asks for what to be written is not known here.

mod directory;
mod facts;
mod identity;
mod keeper;

use std::path::{Path, PathBuf};

use ltn_proto::{Address, Durable, KeptParent, KeptReport, Remembered, Role, Value};

pub(crate) use keeper::{Keeper, Kept};

use crate::store::{Change, Store};
use crate::tls::Identity;
use directory::{Directory, Found};
pub(crate) use facts::{AdminKeys, HashBytes};
use facts::{Facts, changes_of, changes_of_forgetting};

/// Which kind of network a directory belongs to. What was made for one is of no use in the other.
const OPEN: &str = "open";

/// Whom a directory is opened for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    /// What it is configured to be.
    pub(crate) role: Role,
    /// The name it was given; empty for none.
    pub(crate) name: &'a str,
}

/// What is in a state directory, if all of it is as it was written. No
/// node is started, and nothing but the lock is touched while it is looked at.
///
/// # Errors
/// Says why no node can start with it; [`StateError::InUse`] if one runs with it.
pub fn inspect_state(directory: &Path) -> Result<StateView, StateError> {
    let state = State::inspect(directory)?;
    let parent = state.parent().map(|parent| parent.addresses.clone());
    Ok(StateView {
        lines: state.describe(),
        report: state.remembered().reports.last().map(KeptReport::told),
        addresses: parent.into_iter().flatten().chain(state.told_parent().cloned()).collect(),
    })
}

/// What a state directory holds, for who looks at it while no node runs with it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StateView {
    /// In words, one line for each thing.
    pub lines: Vec<String>,
    /// The last roll call that the node led, as `s.report` would answer.
    pub report: Option<Value>,
    /// Where the node's higher server may be reached, the best first.
    pub addresses: Vec<Address>,
}

/// Why a state directory cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another process owns it.
    #[error("the state directory {} is in use by {holder}", directory.display())]
    InUse {
        /// Which directory.
        directory: PathBuf,
        /// Who has it, as far as it says so.
        holder: String,
    },
    /// It was made for another node, role or kind of network.
    #[error("the state directory {} {what}", directory.display())]
    Foreign {
        /// Which directory.
        directory: PathBuf,
        /// Whose it is, and what to do.
        what: String,
    },
    /// Something in it is missing, unreadable, or not as it was written.
    #[error("{} cannot be trusted: {what}", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// The system does not let us.
    #[error("{} cannot be used: {source}", file.display())]
    System {
        /// Which file or directory.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// An open state directory. It is held until this is dropped.
#[derive(Debug)]
pub(crate) struct State {
    directory: Directory,
    identity: Identity,
    store: Store,
    facts: Facts,
}

impl State {
    /// Opens the directory for this node, or makes it one where there is nothing yet. One start is
    /// counted, durably.
    pub(crate) fn open(path: &Path, owner: Owner<'_>) -> Result<Self, StateError> {
        let directory = Directory::hold(path, &holder(owner))?;
        let mut state = match directory.look()? {
            Found::Nothing => Self::make(directory, owner)?,
            Found::State => Self::read(directory)?,
        };
        state.facts.check(state.directory.path(), owner)?;
        state.facts.starts = state.facts.starts.saturating_add(1);
        let changes = [state.facts.starts_change()];
        state.commit(&changes).map_err(|why| state.directory.damaged(directory::STORE, &why))?;
        Ok(state)
    }

    /// Looks at a directory without an owner and without counting a start.
    pub(crate) fn inspect(path: &Path) -> Result<Self, StateError> {
        if !path.is_dir() {
            let what = "is not there, or is no directory".to_owned();
            return Err(StateError::Foreign { directory: path.to_owned(), what });
        }
        let directory = Directory::hold(path, "`ltn doctor`")?;
        match directory.look()? {
            Found::State => Self::read(directory),
            Found::Nothing => {
                let what = "holds no node yet; the first start makes one".to_owned();
                Err(StateError::Foreign { directory: path.to_owned(), what })
            }
        }
    }

    fn make(directory: Directory, owner: Owner<'_>) -> Result<Self, StateError> {
        directory.begin_making()?;
        let trouble = |error: &dyn std::fmt::Display| {
            let source = std::io::Error::other(error.to_string());
            StateError::System { file: directory.path().to_owned(), source }
        };
        let (identity, key) = Identity::make().map_err(|error| trouble(&error))?;
        let text = identity::write(identity.id(), &key);
        directory.put(directory::IDENTITY, text.as_bytes())?;
        let facts = Facts::new(identity.id(), owner);
        let mut store =
            Store::create(&directory.file(directory::STORE)).map_err(|error| trouble(&error))?;
        directory.make_private(directory::STORE)?;
        let generation = store.commit(&facts.all_changes()).map_err(|error| trouble(&error))?;
        directory.seal(generation)?;
        directory.end_making()?;
        Ok(Self { directory, identity, store, facts })
    }

    fn read(directory: Directory) -> Result<Self, StateError> {
        let text = directory.read(directory::IDENTITY)?;
        let identity =
            identity::read(&text).map_err(|why| directory.damaged(directory::IDENTITY, &why))?;
        let file = directory.file(directory::STORE);
        let store = Store::open(&file)
            .map_err(|error| directory.damaged(directory::STORE, &error.to_string()))?;
        directory.compare_seal(store.generation())?;
        let facts = Facts::read(&store).map_err(|why| directory.damaged(directory::STORE, &why))?;
        if facts.id != identity.id() {
            let why = format!("it belongs to {}, and the key is another one's", facts.id);
            return Err(directory.damaged(directory::STORE, &why));
        }
        Ok(Self { directory, identity, store, facts })
    }

    /// Makes these changes; when this returns they survive a power cut, and an older store would be
    /// found out.
    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        let generation = self.store.commit(changes).map_err(|error| error.to_string())?;
        self.directory.seal(generation).map_err(|error| error.to_string())
    }

    /// Writes what the mind wants written, and takes away what is too old.
    fn write(&mut self, what: &Durable) -> Result<(), String> {
        let mut changes = changes_of(what)?;
        let mut after = self.facts.remembered.clone();
        after.take_in(what);
        changes.extend(changes_of_forgetting(&self.facts.remembered, &after));
        self.commit(&changes)?;
        self.facts.remembered = after;
        Ok(())
    }

    /// The node's key.
    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How often the node was started, this time included.
    pub(crate) const fn starts(&self) -> u32 {
        self.facts.starts
    }

    /// The higher server that the node belongs to.
    pub(crate) const fn parent(&self) -> Option<&KeptParent> {
        self.facts.remembered.parent.as_ref()
    }

    /// What the mind had written.
    pub(crate) const fn remembered(&self) -> &Remembered {
        &self.facts.remembered
    }

    /// The higher server that the node was configured with last.
    pub(crate) const fn told_parent(&self) -> Option<&Address> {
        self.facts.told_parent.as_ref()
    }

    /// The ports that it had last: its own and its data socket's.
    pub(crate) const fn ports(&self) -> (Option<u16>, Option<u16>) {
        (self.facts.port, self.facts.data_port)
    }

    /// The hashes of its admin keys.
    pub(crate) const fn admin_keys(&self) -> AdminKeys {
        self.facts.admin_keys
    }

    /// Other hashes from here on.
    pub(crate) fn keep_admin_keys(&mut self, keys: AdminKeys) -> Result<(), StateError> {
        let changes = Facts::admin_key_changes(keys);
        self.commit(&changes).map_err(|why| self.directory.damaged(directory::STORE, &why))?;
        self.facts.admin_keys = keys;
        Ok(())
    }

    /// Where this is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What is in it, for people: one line for each thing.
    pub(crate) fn describe(&self) -> Vec<String> {
        let mut lines = self.facts.describe();
        lines.push(format!("generation {} of the store, as sealed", self.store.generation()));
        lines
    }

    /// The ports of this run, for the next one.
    pub(crate) fn keep_ports(
        &mut self,
        port: Option<u16>,
        data: Option<u16>,
    ) -> Result<(), StateError> {
        if (self.facts.port, self.facts.data_port) == (port, data) {
            return Ok(());
        }
        (self.facts.port, self.facts.data_port) = (port, data);
        let changes = self.facts.port_changes();
        self.commit(&changes).map_err(|why| self.directory.damaged(directory::STORE, &why))
    }
}

fn holder(owner: Owner<'_>) -> String {
    let name = if owner.name.is_empty() { "without a name" } else { owner.name };
    format!("the {} {name}", owner.role)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

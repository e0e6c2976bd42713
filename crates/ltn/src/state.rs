//! The state directory of one node: who it is and what it must still know after a power cut at any
//! instant.
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | held by the one process that owns the directory; says which |
//! | `identity` | the node's key, made at its first start |
//! | `store` | everything that changes, in transactions (`store.rs`) |
//! | `seal` | the generation of the store that was last acknowledged |
//! | `visitor` | the keys for visits, in the directory of a member |
//! | `visit-0` … | whose turn it is with each of them |
//! | `joining` | the keys of a machine that is about to join |
//! | `making` | there only while the others are being made |
//!
//! Whatever is missing, empty, cut short, changed, or made for another node stops the start with
//! one line; nothing is ever replaced by a default. `directory.rs` holds files and lock,
//! `identity.rs` and `visitor.rs` the keys' files, `facts.rs` and `network.rs` what the entries
//! mean, `keeper.rs` the thread that writes while the node runs, `views.rs` what others see
//! meanwhile. Who asks for what to be written is not known here.

mod directory;
mod facts;
mod identity;
mod joining;
mod keeper;
mod network;
mod views;
mod visitor;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use ltn_proto::{Address, Audited, Durable, KeptParent, Remembered, Role, SignedCharter, Standing};

pub(crate) use joining::Candidate;
pub(crate) use keeper::{Keeper, Kept, LastWord};
pub(crate) use network::{Belonging, NetworkKind, Office};
pub use views::{KeysView, StateView, inspect_keys, inspect_state};
pub(crate) use visitor::{Visit, VisitKey, Visitors};

use crate::audit::{AuditBook, Entry};
use crate::store::{Change, Shelf, Store};
use crate::tls::Identity;
use directory::{Directory, Found};
pub(crate) use facts::{AdminKeys, HashBytes};
use facts::{Facts, changes_of, changes_of_forgetting};

/// Whom a directory is opened for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    /// What it is configured to be.
    pub(crate) role: Role,
    /// The name it was given; empty for none.
    pub(crate) name: &'a str,
    /// The kind of network that it is to be in.
    pub(crate) kind: NetworkKind,
}

/// What a directory is made from when its node becomes a member.
#[derive(Debug)]
pub(crate) struct NewMember {
    pub(crate) identity: Arc<Identity>,
    pub(crate) visitors: Visitors,
    pub(crate) role: Role,
    /// The name that it was invited with; empty for none.
    pub(crate) name: String,
    pub(crate) belonging: Belonging,
    pub(crate) charter: SignedCharter,
    /// Where a server of the network was reached.
    pub(crate) address: Option<Address>,
}

/// Does this state directory hold a member of a network? Only a file is looked for: whether all of
/// it can be trusted, the start says.
#[must_use]
pub fn holds_member(directory: &Path) -> bool {
    directory::holds_visitor(directory)
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
    // Closed before the directory is let go of: the next owner finds it free.
    store: Store,
    directory: Directory,
    identity: Arc<Identity>,
    facts: Facts,
    /// What it knows of its network, if that has members.
    standing: Option<Standing>,
    audit: AuditBook,
    /// The last seal could not be written.
    unsealed: bool,
}

impl State {
    /// Opens the directory for this node, or makes it one where there is nothing yet. One start is
    /// counted, durably.
    pub(crate) fn open(path: &Path, owner: Owner<'_>) -> Result<Self, StateError> {
        let directory = Directory::hold(path, &holder(owner))?;
        let mut state = match directory.look()? {
            Found::Nothing if owner.kind == NetworkKind::Open => Self::make_open(directory, owner)?,
            Found::Nothing => return Err(holds_nobody(directory.path())),
            Found::Joining => return Err(is_joining(directory.path())),
            Found::State => Self::read(directory)?,
        };
        state.facts.check(state.directory.path(), owner)?;
        state.facts.starts = state.facts.starts.saturating_add(1);
        let changes = [state.facts.starts_change()];
        state.commit_or_trouble(&changes)?;
        Ok(state)
    }

    /// Looks at a directory without an owner and without counting a start.
    pub(crate) fn inspect(path: &Path) -> Result<Self, StateError> {
        Self::at_rest(path, "`ltn doctor`")
    }

    /// Opens a directory whose node does not run, for somebody else who says who it is.
    pub(crate) fn at_rest(path: &Path, holder: &str) -> Result<Self, StateError> {
        if !path.is_dir() {
            let what = "is not there, or is no directory".to_owned();
            return Err(StateError::Foreign { directory: path.to_owned(), what });
        }
        let directory = Directory::hold(path, holder)?;
        match directory.look()? {
            Found::State => Self::read(directory),
            Found::Joining => Err(is_joining(directory.path())),
            Found::Nothing => {
                let what = "holds no node yet; the first start makes one".to_owned();
                Err(StateError::Foreign { directory: path.to_owned(), what })
            }
        }
    }

    fn make_open(directory: Directory, owner: Owner<'_>) -> Result<Self, StateError> {
        let (identity, _) = Identity::make().map_err(|error| trouble(directory.path(), &error))?;
        let facts = Facts::new(identity.id(), owner);
        Self::make(directory, (Arc::new(identity), None), facts)
    }

    /// Makes the directory of a member.
    fn make_member(directory: Directory, new: NewMember) -> Result<Self, StateError> {
        let owner = Owner { role: new.role, name: &new.name, kind: NetworkKind::Members };
        let mut facts = Facts::new(new.identity.id(), owner);
        facts.belonging = Some(new.belonging);
        facts.told_parent = new.address;
        facts.remembered.charter = Some(new.charter);
        let state = Self::make(directory, (new.identity, Some(new.visitors)), facts)?;
        state.directory.forget_joining()?;
        Ok(state)
    }

    /// Makes the directory of a new network's main server, where there is nothing yet.
    pub(crate) fn make_root(path: &Path, new: NewMember) -> Result<Self, StateError> {
        let directory = Directory::hold(path, "`ltn init`")?;
        match directory.look()? {
            Found::Nothing => Self::make_member(directory, new),
            Found::Joining => Err(is_joining(directory.path())),
            Found::State => {
                let what = "holds a node already; a new network needs a directory of its own";
                let directory = directory.path().to_owned();
                Err(StateError::Foreign { directory, what: what.to_owned() })
            }
        }
    }

    fn make(
        directory: Directory,
        (identity, visitor): (Arc<Identity>, Option<Visitors>),
        facts: Facts,
    ) -> Result<Self, StateError> {
        directory.begin_making()?;
        let failed = |error: &dyn std::fmt::Display| trouble(directory.path(), error);
        let text = identity::write(identity.id(), identity.pkcs8());
        directory.put(directory::IDENTITY, text.as_bytes())?;
        if let Some(visitor) = &visitor {
            directory.put(directory::VISITOR, visitor.write().as_bytes())?;
        }
        // What could not be read again is not acknowledged.
        let whole = visitor.as_ref().map_or(Ok(()), Visitors::check);
        let standing = whole
            .and_then(|()| check_belonging(&facts, &identity, visitor.as_ref()))
            .map_err(|why| directory.damaged(directory::STORE, &why))?;
        let mut store =
            Store::create(&directory.file(directory::STORE)).map_err(|error| failed(&error))?;
        directory.make_private(directory::STORE)?;
        directory.step(false);
        let generation = store.commit(&facts.all_changes()).map_err(|error| failed(&error))?;
        directory.step(false);
        directory.seal(generation)?;
        directory.end_making()?;
        let audit = AuditBook::read(Vec::new()).map_err(|error| failed(&error))?;
        Ok(Self { directory, identity, store, facts, standing, audit, unsealed: false })
    }

    fn read(directory: Directory) -> Result<Self, StateError> {
        let text = directory.read(directory::IDENTITY)?;
        let identity =
            identity::read(&text).map_err(|why| directory.damaged(directory::IDENTITY, &why))?;
        let visitor = match directory.has(directory::VISITOR)? {
            true => Some(Visitors::of_directory(directory.path())?),
            false => None,
        };
        let file = directory.file(directory::STORE);
        let store = Store::open(&file)
            .map_err(|error| directory.damaged(directory::STORE, &error.to_string()))?;
        directory.compare_seal(store.generation())?;
        let broken = |why: String| directory.damaged(directory::STORE, &why);
        let mut facts = Facts::read(&store).map_err(broken)?;
        if facts.id != identity.id() {
            return Err(broken(format!("it belongs to {}, and the key is another's", facts.id)));
        }
        if facts.belonging.is_some() && visitor.is_none() {
            let what = "it is missing, and the other files of the member are there";
            return Err(directory.damaged(directory::VISITOR, what));
        }
        let standing = check_belonging(&facts, &identity, visitor.as_ref()).map_err(broken)?;
        if let (Some(belonging), Some(standing)) = (&facts.belonging, &standing)
            && belonging.is_superseded(standing)
        {
            return Err(is_superseded(directory.path()));
        }
        let lines = store.all(Shelf::Audit).map_err(|error| broken(error.to_string()))?;
        let audit = AuditBook::read(lines).map_err(|error| broken(error.to_string()))?;
        facts.remembered.audit_count = audit.counted();
        Ok(Self {
            directory,
            identity: Arc::new(identity),
            store,
            facts,
            standing,
            audit,
            unsealed: false,
        })
    }

    /// Makes these changes; when this returns they survive a power cut, and an older store would be
    /// found out.
    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        // The seal must never be more than one behind, or the store is taken for another one.
        if self.unsealed {
            self.seal()?;
        }
        self.store.commit(changes).map_err(|error| error.to_string())?;
        self.directory.step(false);
        self.seal()
    }

    fn seal(&mut self) -> Result<(), String> {
        self.unsealed = true;
        let generation = self.store.generation();
        self.directory.seal(generation).map_err(|error| error.to_string())?;
        self.unsealed = false;
        Ok(())
    }

    /// The same. What was read well and cannot be written is the system's trouble, no damage.
    fn commit_or_trouble(&mut self, changes: &[Change]) -> Result<(), StateError> {
        self.commit(changes).map_err(|why| trouble(&self.directory.file(directory::STORE), &why))
    }

    /// Writes what the mind wants written, and takes away what is too old.
    fn write(&mut self, what: &Durable) -> Result<(), String> {
        let line = what.audited().map(|(copy, audited)| self.audit.take(copy, audited));
        let written = self.write_with(what, line.as_ref());
        self.keep_line(line, written)
    }

    /// A line that could not be written is in the log of nobody.
    fn keep_line(&self, line: Option<Entry>, written: Result<(), String>) -> Result<(), String> {
        if let (Err(_), Some(line)) = (&written, line) {
            self.audit.take_back(line);
        }
        written
    }

    fn write_with(&mut self, what: &Durable, line: Option<&Entry>) -> Result<(), String> {
        let mut changes = changes_of(what)?;
        changes.extend(line.into_iter().flat_map(Entry::changes));
        let mut after = self.facts.remembered.clone();
        after.take_in(what);
        changes.extend(changes_of_forgetting(&self.facts.remembered, &after));
        self.commit(&changes)?;
        self.facts.remembered = after;
        if let Durable::Charter { newest, .. } = what
            && directory::holds_visitor(self.path())
        {
            // A visit begins with what the node knows; that the node knows it is written by now.
            Visitors::learn(self.path(), newest);
        }
        Ok(())
    }

    /// The audit log.
    pub(crate) const fn audit(&self) -> &AuditBook {
        &self.audit
    }

    /// The node's key.
    pub(crate) const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// What makes the node a member, and what it knows of its network; nothing in an open one.
    pub(crate) const fn belonging(&self) -> Option<(&Belonging, &Standing)> {
        match (&self.facts.belonging, &self.standing) {
            (Some(belonging), Some(standing)) => Some((belonging, standing)),
            _ => None,
        }
    }

    /// The name that the node was given when the directory was made; empty for none.
    pub(crate) fn name(&self) -> &str {
        &self.facts.name
    }

    /// What it is configured to be.
    pub(crate) const fn role(&self) -> Role {
        self.facts.role
    }

    /// Keeps the book of the network that this main server makes.
    pub(crate) fn keep_book(&mut self, book: &Bytes, why: Option<&Audited>) -> Result<(), String> {
        let line = why.map(|audited| self.audit.take(None, audited));
        let mut changes = vec![network::book_change(book)];
        changes.extend(line.iter().flat_map(Entry::changes));
        let written = self.commit(&changes);
        self.keep_line(line, written)
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
        self.commit_or_trouble(&changes)?;
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
        if let Some((belonging, standing)) = self.belonging() {
            lines.extend(belonging.describe(standing, self.facts.id));
        }
        lines.push(format!("generation {} of the store, as sealed", self.store.generation()));
        lines
    }

    /// What its listener was bound to last.
    pub(crate) const fn bound(&self) -> Option<&Address> {
        self.facts.bound.as_ref()
    }

    /// Where this run listens, for the next one: its ports, and what its listener is bound to.
    pub(crate) fn keep_listening(
        &mut self,
        (port, data): (Option<u16>, Option<u16>),
        bound: Option<Address>,
    ) -> Result<(), StateError> {
        let facts = &mut self.facts;
        if (facts.port, facts.data_port) == (port, data) && facts.bound == bound {
            return Ok(());
        }
        (facts.port, facts.data_port, facts.bound) = (port, data, bound);
        let [one, other] = facts.port_changes();
        let changes = [one, other, facts.bound_change()];
        self.commit_or_trouble(&changes)
    }
}

/// Does all that makes the node a member fit together?
fn check_belonging(
    facts: &Facts,
    identity: &Identity,
    visitor: Option<&Visitors>,
) -> Result<Option<Standing>, String> {
    match (&facts.belonging, visitor) {
        (Some(belonging), Some(visitor)) => {
            belonging.check(identity, facts.role, &facts.remembered, visitor).map(Some)
        }
        (None, None) if facts.remembered.charter.is_none() => Ok(None),
        _ => Err("it is half a member's and half not".to_owned()),
    }
}

fn holds_nobody(directory: &Path) -> StateError {
    let what = "holds no member of a network yet: `ltn init` makes a network, `ltn join` joins \
                one, `ltn restore` brings one back from a backup";
    StateError::Foreign { directory: directory.to_owned(), what: what.to_owned() }
}

fn is_superseded(directory: &Path) -> StateError {
    let what = "is of a main server whose place another one has taken, which was restored from a \
                backup with the same key: this one does not start any more. If that one is gone \
                for good, restore its newest backup; this directory can be thrown away";
    StateError::Foreign { directory: directory.to_owned(), what: what.to_owned() }
}

fn is_joining(directory: &Path) -> StateError {
    let what = "is of a machine that was about to join a network and has not: try `ltn join` with \
                the same invite again";
    StateError::Foreign { directory: directory.to_owned(), what: what.to_owned() }
}

fn trouble(directory: &Path, error: &dyn std::fmt::Display) -> StateError {
    let source = std::io::Error::other(error.to_string());
    StateError::System { file: directory.to_owned(), source }
}

fn holder(owner: Owner<'_>) -> String {
    let name = if owner.name.is_empty() { "without a name" } else { owner.name };
    format!("the {} {name}", owner.role)
}

#[cfg(test)]
mod camera;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

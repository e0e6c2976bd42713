//! What is seen of a state directory by who does not start its node: all of it while no node runs,
//! and while one does, the keys, which never change. The store is open in that process then, which
//! has looked at all of it when it started.

use std::path::Path;

use ltn_proto::{Address, KeptReport, NetworkId, NodeId, Value};

use super::{State, StateError, Visitors, directory, identity};
use crate::audit::{AuditBook, Names};

/// What is in a state directory, if all of it is as it was written. No node is started, and
/// nothing but the lock is touched while it is looked at.
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
        audit: state.audit().clone(),
        names: names_in(&state),
        keeps_copies: state.belonging().is_some_and(|(belonging, _)| belonging.office.is_some()),
    })
}

/// What the members of its network are called, in the directory of a main server.
fn names_in(state: &State) -> Names {
    let office = state.belonging().and_then(|(belonging, _)| belonging.office.as_ref());
    office.map_or_else(Names::new, |office| office.book.names())
}

/// What a state directory holds, for who looks at it while no node runs with it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StateView {
    /// In words, one line for each thing.
    pub lines: Vec<String>,
    /// The last roll call that the node led, as `s.report` would answer.
    pub report: Option<Value>,
    /// Where the node's higher server may be reached, the best first.
    pub addresses: Vec<Address>,
    /// Is it that of a main server, which has copies of others' audit logs?
    pub keeps_copies: bool,
    audit: AuditBook,
    names: Names,
}

impl StateView {
    /// The last lines of the audit log, as `s.audit` would answer: the node's own, or with `copies`
    /// those of others at the main server.
    #[must_use]
    pub fn audit(&self, count: usize, copies: bool) -> Value {
        self.audit.told(count, copies, &self.names)
    }
}

/// What can be seen of a state directory whose node runs ([`StateError::InUse`]).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysView {
    /// Whose it is.
    pub id: NodeId,
    /// The network that it is a member of, if it is.
    pub network: Option<NetworkId>,
    /// In words, one line for each thing.
    pub lines: Vec<String>,
}

/// Looks at the keys in a state directory, whether or not its node runs. What changes is left to
/// who runs with it.
///
/// # Errors
/// Says which of the files that can be seen cannot be trusted: no node will start with them again.
pub fn inspect_keys(directory: &Path) -> Result<KeysView, StateError> {
    let text = directory::read_identity(directory)?;
    let key = identity::read(&text)
        .map_err(|why| directory::damaged(directory, directory::IDENTITY, &why))?;
    let mut lines = vec![format!("its key is that of {}", key.id())];
    let mut network = None;
    if directory::holds_visitor(directory) {
        let visitors = Visitors::of_directory(directory)?;
        let (count, of) = (visitors.keys.len(), visitors.network);
        lines.push(format!("member of network {of}, with {count} keys for visits"));
        network = Some(of);
    }
    Ok(KeysView { id: key.id(), network, lines })
}

/// So many of these, in words.
pub(super) fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

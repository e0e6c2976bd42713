//! What can be seen of a state directory while its node runs: the keys, which never change. The
//! store is open in the other process, which has looked at all of it when it started.

use std::path::Path;

use ltn_proto::NodeId;

use super::{StateError, Visitors, directory, identity};

/// What can be seen of a state directory whose node runs ([`StateError::InUse`]).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysView {
    /// Whose it is.
    pub id: NodeId,
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
    if directory::holds_visitor(directory) {
        let visitors = Visitors::of_directory(directory)?;
        let (count, network) = (visitors.keys.len(), visitors.network);
        lines.push(format!("member of network {network}, with {count} keys for visits"));
    }
    Ok(KeysView { id: key.id(), lines })
}

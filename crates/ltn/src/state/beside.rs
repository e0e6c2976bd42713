//! What can be seen of a state directory while its node runs: the keys, which never change. The
//! store is open in the other process, which has looked at all of it when it started.

use std::path::Path;

use super::{StateError, Visitors, directory, identity};

/// What can be seen of a state directory whose node runs ([`StateError::InUse`]), in words: one
/// line for each thing. What changes is left to who runs with it.
///
/// # Errors
/// Says which of the files that can be seen cannot be trusted: no node will start with them again.
pub fn inspect_state_in_use(directory: &Path) -> Result<Vec<String>, StateError> {
    let text = directory::read_identity(directory)?;
    let key = identity::read(&text)
        .map_err(|why| directory::damaged(directory, directory::IDENTITY, &why))?;
    let mut lines = vec![format!("its key is that of {}", key.id())];
    if directory::holds_visitor(directory) {
        let visitors = Visitors::of_directory(directory)?;
        let (count, network) = (visitors.keys.len(), visitors.network);
        lines.push(format!("member of network {network}, with {count} keys for visits"));
    }
    Ok(lines)
}

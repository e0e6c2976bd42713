//! Where this user's programs joined servers last: one small file in the user's state directory.
//!
//! What stands in it is for convenience; whatever is wrong with it is said, and stops nothing. The
//! file itself is the library's.

use std::path::{Path, PathBuf};

use ltn::{Address, ServerList};

use crate::output::Output;
use crate::settings;

/// The servers that were joined, the newest first. Where the list cannot be read, it is empty.
pub(crate) fn servers(output: Output) -> ServerList {
    place().map_or_else(ServerList::default, |place| load(&place, output))
}

/// This server was joined.
pub(crate) fn joined(address: &Address, output: Output) {
    let Some(place) = place() else { return };
    let mut list = load(&place, output);
    if list.iter().next() == Some(address) {
        return;
    }
    list.remember(address);
    if let Err(error) = list.store(&place) {
        output.remark(&format!("ltn: {error}; going on, this server will not be remembered"));
    }
}

fn load(place: &Path, output: Output) -> ServerList {
    ServerList::load(place).unwrap_or_else(|error| {
        output.remark(&format!("ltn: {error}; going on without it"));
        ServerList::default()
    })
}

fn place() -> Option<PathBuf> {
    settings::state_home().map(|home| home.join("servers"))
}

//! The state directory of a node that is being made: opened, and handed to the thread that writes.

use std::path::{Path, PathBuf};

use ltn_proto::limits::BACKUP_PARENTS_MAX;
use ltn_proto::{Address, Remembered, Role, Secret};

use super::NodeBuilder;
use crate::admin_key::{self, KeyHash};
use crate::carrier::{Acceptor, LocalDoor};
use crate::error::StartError;
use crate::log::Log;
use crate::node::Facts;
use crate::notice::NoticeKind;
use crate::state::{Keeper, Kept, NetworkKind, Owner, State, StateError};
use crate::wake::WakeSender;

/// Opens the state directory, if there is to be one, on a thread that may wait for a disk.
pub(super) async fn open(
    directory: Option<PathBuf>,
    (role, kind): (Role, NetworkKind),
    name: &str,
) -> Result<Option<State>, StartError> {
    let Some(path) = directory else { return Ok(None) };
    let name = name.to_owned();
    blocking(move || State::open(&path, Owner { role, name: &name, kind })).await.map(Some)
}

/// The admin key that holds from this start on; where nothing is kept, the configured one.
pub(super) async fn admin_key(
    configured: Option<Secret>,
    state: Option<State>,
) -> Result<(Option<KeyHash>, Option<State>), StartError> {
    let kept = state.as_ref().map(State::admin_keys).unwrap_or_default();
    let at_start = admin_key::at_start(configured, kept).await;
    let (key, changed) = at_start.map_err(StartError::BadAdminKey)?;
    match (state, changed) {
        (Some(mut state), Some(changed)) => {
            let keeping = move || state.keep_admin_keys(changed).map(|()| state);
            Ok((key, Some(blocking(keeping).await?)))
        }
        (state, _) => Ok((key, state)),
    }
}

/// The local door, for programs of the same person. A file system that knows no sockets is no
/// reason not to start.
pub(super) fn open_door(directory: &Path) -> Option<Box<dyn Acceptor>> {
    let opened = LocalDoor::in_directory(directory).open();
    let complain = |error: &std::io::Error| {
        tracing::warn!(directory = %directory.display(), %error, "no local door");
    };
    opened.inspect_err(complain).ok()
}

/// Writes down where this run is reached and lets the thread begin that writes from then on.
pub(super) async fn keep(
    state: Option<State>,
    facts: &Facts,
    wakes: WakeSender,
) -> Result<Option<Kept>, StartError> {
    let Some(mut state) = state else { return Ok(None) };
    let port = |address: &Option<Address>| {
        address.as_ref().and_then(Address::socket_addr).map(|address| address.port())
    };
    let ports = (port(&facts.address), port(&facts.data_address));
    let bound = facts.bound.clone();
    blocking(move || {
        state.keep_listening(ports, bound)?;
        Keeper::start(state, wakes).map(Some)
    })
    .await
}

/// What earlier lives of this node wrote down.
pub(super) fn remembered(facts: &Facts) -> Remembered {
    facts.kept.as_ref().map_or_else(Remembered::default, Kept::remembered)
}

/// Whoever reads the log gets to know what an earlier life may have left half done.
pub(super) fn tell_what_is_unknown(remembered: &Remembered, log: &Log) {
    for deed in remembered.deeds.iter().filter(|deed| !deed.done) {
        let (command, actor) = (&deed.command, deed.actor);
        let text = format!(
            "went down while `{command}` of {actor} was under way; whether it was done is unknown"
        );
        log.say(NoticeKind::Warning, &text);
    }
}

/// Does something that waits for a disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, StartError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(StartError::State),
        Err(error) => Err(StartError::Identity(format!("the state directory: {error}"))),
    }
}

impl NodeBuilder {
    /// Parents for bad times, 16 at most; see
    /// [`Node::set_backup_parents`](crate::Node::set_backup_parents).
    #[must_use]
    pub fn backup_parents(mut self, parents: impl IntoIterator<Item = Address>) -> Self {
        self.backup_parents = parents.into_iter().take(BACKUP_PARENTS_MAX).collect();
        self
    }
}

pub(super) fn no_identity(error: impl std::fmt::Display) -> StartError {
    StartError::Identity(error.to_string())
}

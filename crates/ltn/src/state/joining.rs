//! A directory of a machine that is about to join a network: its keys are there before it says a
//! word, so that the same machine may ask again if the answer is lost, or the power goes.

use std::path::Path;
use std::sync::Arc;

use ltn_proto::InviteId;
use ltn_proto::limits::VISITORS_MAX;

use super::directory::{self, Directory, Found, JOINING};
use super::{NewMember, State, StateError, identity, trouble};
use crate::tls::Identity;

/// What the first line begins with.
const WORDS: &str = "ltn joining by invite ";
/// What stands behind each key: the node's own, then those for visits.
const END: &str = ".\n";

/// A directory with keys that are nobody's yet.
#[derive(Debug)]
pub(crate) struct Candidate {
    directory: Directory,
    /// What the node will be.
    pub(crate) identity: Arc<Identity>,
    /// What visits will be made with.
    pub(crate) visitors: Vec<Identity>,
}

impl Candidate {
    /// Holds the directory for this invite, with the keys that are in it from an earlier attempt
    /// with the same invite, or new ones.
    pub(crate) fn begin(path: &Path, invite: InviteId) -> Result<Self, StateError> {
        let directory = Directory::hold(path, "`ltn join`")?;
        let known = match directory.look()? {
            Found::State => return Err(is_taken(directory.path())),
            Found::Nothing => None,
            Found::Joining => {
                let text = directory.read(JOINING)?;
                let found = read(&text).map_err(|why| directory.damaged(JOINING, &why))?;
                Some(found).filter(|(of, ..)| *of == invite)
            }
        };
        let (identity, visitors) = match known {
            Some((_, identity, visitors)) => (identity, visitors),
            None => {
                let make =
                    |_| Identity::throw_away().map_err(|error| trouble(directory.path(), &error));
                let visitors = (0..VISITORS_MAX).map(make).collect::<Result<Vec<_>, _>>()?;
                let identity = make(0)?;
                directory.put(JOINING, write(invite, &identity, &visitors).as_bytes())?;
                (identity, visitors)
            }
        };
        Ok(Self { directory, identity: Arc::new(identity), visitors })
    }

    /// The node is a member: from here on the directory is its state.
    pub(crate) fn admitted(
        self,
        member: impl FnOnce(Arc<Identity>, Vec<Identity>) -> NewMember,
    ) -> Result<State, StateError> {
        let Self { directory, identity, visitors } = self;
        State::make_member(directory, member(identity, visitors))
    }
}

fn is_taken(path: &Path) -> StateError {
    let what = if directory::holds_visitor(path) {
        "belongs to a member already; give another directory for this one"
    } else {
        "belongs to a node of an open network; give another directory for this one"
    };
    StateError::Foreign { directory: path.to_owned(), what: what.to_owned() }
}

fn write(invite: InviteId, identity: &Identity, visitors: &[Identity]) -> String {
    let number = u64::from_be_bytes(invite.0);
    let mut text = format!("{WORDS}{number:016x}\n");
    for key in [identity].into_iter().chain(visitors) {
        text.push_str(&identity::write(key.id(), key.pkcs8()));
        text.push_str(END);
    }
    text
}

fn read(text: &str) -> Result<(InviteId, Identity, Vec<Identity>), String> {
    let broken = || "it is not as it was written".to_owned();
    let rest = text.strip_prefix(WORDS).ok_or_else(broken)?;
    let (number, rest) = rest.split_once('\n').ok_or_else(broken)?;
    let invite = u64::from_str_radix(number, 16).map_err(|_| broken())?;
    let invite = InviteId(invite.to_be_bytes());
    let keys = rest.split_terminator(END).map(identity::read).collect::<Result<Vec<_>, _>>()?;
    let mut keys = keys.into_iter();
    let (identity, visitors) = (keys.next().ok_or_else(broken)?, keys.collect::<Vec<_>>());
    let whole = visitors.len() == VISITORS_MAX && write(invite, &identity, &visitors) == text;
    if whole { Ok((invite, identity, visitors)) } else { Err(broken()) }
}

//! What a node is called, and what it may do at the server that it is joined to.

use ltn_proto::{Op, Target, Value};

use super::{Node, done};
use crate::error::TalkError;

impl Node {
    /// Has this node called so from now on, and returns when that holds. The server that it is
    /// joined to decides, because a name is the only one among its neighbours there; whoever is
    /// joined to nobody decides alone. The new name is asked for again wherever the node joins, and
    /// `Event::Renamed` tells of it, also when somebody else gave it.
    ///
    /// # Errors
    /// [`TalkError::Refused`] says what is wrong with the name, or who has it; the old one stays.
    /// [`TalkError::Unknown`] if the server did not answer within ten seconds.
    pub async fn rename(&self, name: &str) -> Result<(), TalkError> {
        let name = name.to_owned();
        done(self.outcome_of(|op| Op::Rename { op, name }, None).await?).map(|_: Value| ())
    }

    /// Gives the admin key of the server that this node is joined to. From then on, and as long as
    /// it stays joined there, it is admin of that one server: not of others, and not for what goes
    /// through the whole network. The key goes to that server only and is shown and kept nowhere.
    ///
    /// # Errors
    /// [`TalkError::Refused`] with `NoPermission` if it is another key, `NotPossible` if the server
    /// has none, `Busy` with the time to wait after too many wrong ones, `NotConnected` if there is
    /// no such server.
    pub async fn get_admin(&self, key: &str) -> Result<(), TalkError> {
        self.call(Target::Parent, "s.getadmin", vec![key.into()]).await.map(drop)
    }
}

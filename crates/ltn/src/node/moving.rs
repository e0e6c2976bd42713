//! Places in the tree: what a move would change, the move itself, where a node looks for another
//! higher server, and an end that is none for good.

use std::time::Duration;

use ltn_proto::limits::BACKUP_PARENTS_MAX;
use ltn_proto::{Address, NodeId, NodePath, Op, Target, Value};

use super::{Node, TALK_TIMEOUT, done, unreadable};
use crate::driver::Ask;
use crate::error::TalkError;
use crate::listing;
use crate::words::{CallReply, IntoTarget, Location};

/// The command at the node that moves.
const MOVE: &str = "move";
/// The command at the main server, by which a server belongs where it is.
const SETTLE: &str = "s.settle";

/// What a move would change, or has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MovePlan {
    /// The node that moves.
    pub node: NodeId,
    /// The server that it will be below.
    pub under: NodeId,
    /// Where the node is now, and where it will be.
    pub before: NodePath,
    /// See `before`.
    pub after: NodePath,
    /// The places before and after of the node and of everything below it, 1,001 at most.
    pub places: Vec<(NodePath, NodePath)>,
    /// So many servers move along, not counting the node itself.
    pub servers: u64,
    /// So many clients move along.
    pub clients: u64,
    /// Why the node will not have the name that it has now, if it will not.
    pub name_reason: Option<String>,
    /// All of it in one line for people.
    pub text: String,
}

impl Node {
    /// Where this node looks for another higher server when it has lost its own, in this order: 16
    /// at most, further ones are ignored; they take the place of earlier ones. It still belongs to
    /// the server that it was put below, and goes back there when that one is back.
    ///
    /// # Errors
    /// [`TalkError::Stopped`].
    pub async fn set_backup_parents(
        &self,
        parents: impl IntoIterator<Item = Address>,
    ) -> Result<(), TalkError> {
        let parents = parents.into_iter().take(BACKUP_PARENTS_MAX).collect();
        self.ask(Ask::plain(Op::BackUp { parents })).await
    }

    /// Stops this node as [`Self::shutdown`] does, but for now: whoever is joined to it is told
    /// that it may come back, and goes on looking for it.
    pub async fn go_away(&self) {
        // A queue that is closed already means that it has stopped.
        let _ = self.ask(Ask::plain(Op::GoAway)).await;
        self.stopped().await;
    }

    /// Finds a node as [`Self::locate`] does, and has the main server of a network with members
    /// sign it: no server on the way can put another one in its place. For what is said to an id
    /// that came from a path or name. In an open network nothing is signed, here neither.
    ///
    /// # Errors
    /// As [`Self::locate`]; refused if the main server says that another node was found than was
    /// meant, or cannot be asked.
    pub async fn locate_confirmed(&self, target: impl IntoTarget) -> Result<Location, TalkError> {
        let target = target.into_target()?;
        let op = |op| Op::Locate { op, target, confirmed: true, timeout: TALK_TIMEOUT };
        let found = done(self.outcome_of(op, None).await?)?;
        listing::location(&found).ok_or_else(|| unreadable("place"))
    }

    /// What would change if that node, which may be this one, went below that server? Asks the
    /// node, the server and the main server, and changes nothing. Needs the same rights as
    /// [`Self::move_node`].
    ///
    /// # Errors
    /// Whatever would stand in the way of the move: a cycle with its members, a tree too deep, no
    /// way there, a missing permission.
    pub async fn plan_move(
        &self,
        node: impl IntoTarget,
        under: impl IntoTarget,
    ) -> Result<MovePlan, TalkError> {
        let (node, under) = self.both(node, under).await?;
        let arguments = vec![under.to_string().into(), Value::Null, Value::Bool(true)];
        match self.call(node, MOVE, arguments).await? {
            CallReply::Done(plan) => listing::plan(&plan).ok_or_else(|| unreadable("plan")),
            CallReply::Confirm(_) => Err(unreadable("plan")),
        }
    }

    /// Moves a node, which may be this one, below that server, with everything below it. It leaves
    /// its higher server only when the new one has taken it; if that fails it is where it was.
    /// Needs the permission `admin` at the node and at the server. Both words of the confirmation
    /// are said here; the returned place is where the node is then. Between members a server
    /// belongs there from then on, as [`Self::settle`] says, where this node may say that.
    ///
    /// With `return_after`, up to a day, the node goes back to where it was, by itself, if it loses
    /// the new server within this time.
    ///
    /// # Errors
    /// As [`Self::plan_move`]; `Unknown` if nobody can tell how it ended.
    pub async fn move_node(
        &self,
        node: impl IntoTarget,
        under: impl IntoTarget,
        return_after: Option<Duration>,
    ) -> Result<NodePath, TalkError> {
        let (node, under) = self.both(node, under).await?;
        let mut arguments = vec![Value::from(under.to_string())];
        arguments.extend(return_after.map(|time| Value::from(time.as_secs_f64())));
        let moved = match self.call(node, MOVE, arguments.clone()).await? {
            CallReply::Done(moved) => moved,
            CallReply::Confirm(word) => self.confirm(node, MOVE, arguments, &word).await?,
        };
        if self.network_id().is_some()
            && let Err(why) = self.settle(node, under).await
        {
            tracing::warn!(%node, %under, %why, "it is not said that it belongs where it went");
        }
        listing::path(&moved).ok_or_else(|| unreadable("place"))
    }

    /// Says that a server of a network with members belongs below that one, where it is now: rights
    /// over that place reach it and what is below it. Where a server went by itself they do not. Of
    /// a client nothing need be said.
    ///
    /// # Errors
    /// Refused unless this node is `admin` by the charter of the server, as it belonged until now,
    /// and of the place; if it is not there; if the main server cannot be asked.
    pub async fn settle(
        &self,
        server: impl IntoTarget,
        below: impl IntoTarget,
    ) -> Result<(), TalkError> {
        let (server, below) = self.both(server, below).await?;
        let arguments = vec![server.to_string().into(), below.to_string().into()];
        self.call(Target::Root, SETTLE, arguments).await.map(drop)
    }

    /// The ids of both: what a relative place means depends on who says it.
    async fn both(
        &self,
        node: impl IntoTarget,
        under: impl IntoTarget,
    ) -> Result<(NodeId, NodeId), TalkError> {
        Ok((self.certain_id(node).await?, self.certain_id(under).await?))
    }

    /// Whom this means, whatever servers on the way say.
    async fn certain_id(&self, target: impl IntoTarget) -> Result<NodeId, TalkError> {
        match target.into_target()? {
            // Nobody else can be meant, also while the main server cannot be asked.
            Target::Id(id) if self.network_id().is_some() => Ok(id),
            target => Ok(self.locate_confirmed(target).await?.id),
        }
    }
}

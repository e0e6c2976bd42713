//! What a program gets to know of nodes that come, go and move.

use ltn_proto::{ManyEvent, ManyOp, Op, OpId, Presence, Target, Whom};
use tokio::sync::mpsc;

use super::{Node, done};
use crate::driver::Ask;
use crate::error::TalkError;
use crate::many::Heard;
use crate::words::IntoWhom;

/// After so many news that the program has looked at, the node is told so.
const TAKEN_AT_ONCE: usize = 16;

impl Node {
    /// Watches places: a path (`"/hall/lamp"`) or a pattern (`"/hall/**"`, `"role=client"`). From
    /// the return on each node that joins there, leaves, moves in or out, has another name, is lost
    /// or is back is told of once. A watch goes on when this node moves, and after it was cut off.
    ///
    /// ```no_run
    /// # async fn example(node: ltn::Node) -> Result<(), ltn::TalkError> {
    /// let mut hall = node.watch("/hall/**").await?;
    /// while let Some(ltn::WatchEvent::Presence(news)) = hall.next().await {
    ///     println!("{} {}", news.path, news.kind.as_str());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Refused if that is no place, or if the server has as many watches as it serves; no route if
    /// nobody here knows those places.
    pub async fn watch(&self, places: impl IntoWhom) -> Result<Watch, TalkError> {
        let places = match places.into_whom()? {
            Whom::Fitting(selector) => selector,
            Whom::These(nodes) => {
                let first = nodes.first().map_or(Target::Root, |node| Target::Id(node.id));
                first.into()
            }
        };
        let (op, heard) = self.listen(|op| ManyOp::Watch { op, places }).await?;
        let mut watch = Watch { node: self.clone(), op, heard, taken: 0 };
        match watch.heard.recv().await {
            Some(Heard::Event(_)) => Ok(watch),
            Some(Heard::Ended(outcome)) => {
                done(outcome)?;
                Err(TalkError::Stopped)
            }
            None => Err(TalkError::Stopped),
        }
    }
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchEvent {
    /// Something happened to a node.
    Presence(Presence),
    /// Something happened that was not told (so much, where that is known): look at the list anew.
    Gap(Option<u64>),
    /// Nobody tells of these places now, for this reason. It is tried again without end.
    Interrupted(String),
    /// They are told of again.
    Resumed,
}

/// A watch on places; see [`Node::watch`]. Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    node: Node,
    op: OpId,
    heard: mpsc::UnboundedReceiver<Heard>,
    taken: usize,
}

impl Watch {
    /// What happens next; `None` when this node has stopped. Who does not look for long misses the
    /// oldest and is told so.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            return Some(match self.heard.recv().await? {
                Heard::Event(ManyEvent::Presence { news, .. }) => {
                    self.taken += 1;
                    if self.taken >= TAKEN_AT_ONCE {
                        let (op, count) = (self.op, std::mem::take(&mut self.taken));
                        let taken = Op::Many(ManyOp::Taken { op, count });
                        // A node that has stopped says so by itself.
                        let _ = self.node.ask(Ask::plain(taken)).await;
                    }
                    WatchEvent::Presence(news)
                }
                Heard::Event(ManyEvent::Gap { missed, .. }) => WatchEvent::Gap(missed),
                Heard::Event(ManyEvent::Interrupted { why, .. }) => WatchEvent::Interrupted(why),
                Heard::Event(ManyEvent::Watching { .. }) => WatchEvent::Resumed,
                Heard::Event(_) => continue,
                Heard::Ended(_) => return None,
            });
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A queue that is full or closed: then the next thing to tell finds nobody, which ends it.
        let _queued = self.node.try_ask(Ask::plain(Op::Many(ManyOp::Abandon { op: self.op })));
    }
}

//! What a program says to many nodes at once, and what it gets to know of each: roll calls, lists.

use std::time::Duration;

use ltn_proto::{
    Addressee, Content, Gathered, ManyEvent, ManyOp, Op, OpId, Outcome, Pattern, Selector, Target,
    TreeNode, Value, Whom, Wording,
};
use tokio::sync::mpsc;

use super::{CALL_TIMEOUT, Node, TALK_TIMEOUT, done};
use crate::driver::Ask;
use crate::error::TalkError;
use crate::listing;
use crate::many::Heard;
use crate::words::{Body, IntoTarget, IntoWhom};

/// How long the whole of a list may take to be read.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// After so many answers that the program has looked at, the node is told so.
const TAKEN_AT_ONCE: usize = 64;

impl Node {
    /// All nodes that fit a selector, each before what is below it, those included that are known
    /// and out of reach. Read page by page from the nearest server that knows all of them.
    ///
    /// # Errors
    /// Refused if nobody fits; no route, with the nearest node that is there, if the place does not
    /// exist, or if nobody can tell now.
    pub async fn select(&self, who: impl IntoWhom) -> Result<Vec<TreeNode>, TalkError> {
        let selector = match who.into_whom()? {
            Whom::Fitting(selector) => selector,
            Whom::These(nodes) => {
                let mut all = Vec::new();
                for Addressee { id, .. } in nodes {
                    let found = self.list(Selector::One(Target::Id(id))).await?;
                    all.extend(found);
                }
                return Ok(all);
            }
        };
        self.list(selector).await
    }

    async fn list(&self, selector: Selector) -> Result<Vec<TreeNode>, TalkError> {
        let timeout = LIST_TIMEOUT;
        let (_, mut heard) = self.listen(|op| ManyOp::Select { op, selector, timeout }).await?;
        let mut all = Vec::new();
        loop {
            match heard.recv().await {
                Some(Heard::Event(ManyEvent::Selected { nodes, .. })) => all.extend(nodes),
                Some(Heard::Event(_)) => {}
                Some(Heard::Ended(outcome)) => return done(outcome).map(|_| all),
                None => return Err(TalkError::Stopped),
            }
        }
    }

    /// The whole tree as the main server knows it, in drawing order (see
    /// [`Snapshot::tree`](crate::Snapshot::tree)).
    pub async fn network(&self) -> Result<Vec<TreeNode>, TalkError> {
        self.subtree_of(Target::Root).await
    }

    /// The tree below (and with) this node, in drawing order.
    pub async fn subtree_of(&self, target: impl IntoTarget) -> Result<Vec<TreeNode>, TalkError> {
        // An id, a name, "the main server": all become the place that they are at now.
        let place = self.locate(target).await?.path;
        let list = self.list(Selector::Many(Pattern::subtree(&place))).await?;
        Ok(listing::in_drawing_order(list))
    }

    /// Says one thing to all nodes that fit a selector (or to these), each by itself:
    ///
    /// ```no_run
    /// # async fn example(node: ltn::Node) -> Result<(), ltn::TalkError> {
    /// let mut roll = node.gather("role=client & /hall/**").request("watts", ()).await?;
    /// println!("{} lamps", roll.total());
    /// while let Some(lamp) = roll.next().await {
    ///     let lamp = lamp?;
    ///     println!("{}: {}", lamp.path, lamp.outcome.word());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn gather(&self, whom: impl IntoWhom) -> Gather {
        Gather { node: self.clone(), whom: whom.into_whom(), timeout: None }
    }

    /// Puts something about many to the mind, and listens.
    pub(super) async fn listen(
        &self,
        op: impl FnOnce(OpId) -> ManyOp,
    ) -> Result<(OpId, mpsc::UnboundedReceiver<Heard>), TalkError> {
        self.listen_to(|id| Op::Many(op(id))).await
    }
}

/// Something that is about to be said to many; see [`Node::gather`].
#[derive(Debug)]
#[must_use = "nothing is said before `request`, `call` or `send`"]
pub struct Gather {
    node: Node,
    whom: Result<Whom, TalkError>,
    timeout: Option<Duration>,
}

impl Gather {
    /// The whole of it ends after this time: 5 s for requests and messages and 30 s for commands,
    /// unless said. Whoever has not been asked by then is told of as certainly not asked.
    pub const fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Asks all of them a requestable.
    ///
    /// # Errors
    /// As [`Node::select`]; then nobody was asked.
    pub async fn request(
        self,
        name: &str,
        argument: impl Into<Value>,
    ) -> Result<RollCall, TalkError> {
        let what = Wording::Request { name: name.to_owned(), argument: argument.into() };
        self.say(what, TALK_TIMEOUT).await
    }

    /// Sends all of them a message.
    ///
    /// # Errors
    /// As [`Node::select`]; then nobody was sent anything.
    pub async fn send(self, content: impl Into<Body>) -> Result<RollCall, TalkError> {
        let Body(content): Body = content.into();
        let content: Content = content;
        self.say(Wording::Send(content), TALK_TIMEOUT).await
    }

    /// Runs a command at all of them. A dangerous one does nothing yet: each ends as
    /// [`Outcome::Confirm`] with a token of its own. To go on, gather those again as [`Addressee`]s
    /// with their tokens, and call the same.
    ///
    /// # Errors
    /// As [`Node::select`]; then nobody was asked.
    pub async fn call(self, command: &str, arguments: Vec<Value>) -> Result<RollCall, TalkError> {
        self.say(Wording::Call { command: command.to_owned(), arguments }, CALL_TIMEOUT).await
    }

    async fn say(self, what: Wording, timeout: Duration) -> Result<RollCall, TalkError> {
        let Self { node, whom, timeout: wanted } = self;
        let (whom, timeout) = (whom?, wanted.unwrap_or(timeout));
        let (op, heard) = node.listen(|op| ManyOp::Gather { op, whom, what, timeout }).await?;
        let mut roll = RollCall { node, op, heard, total: 0, taken: 0, early: None };
        match roll.heard.recv().await {
            Some(Heard::Event(ManyEvent::Counted { total, .. })) => roll.total = total,
            Some(Heard::Event(event)) => roll.early = Some(Heard::Event(event)),
            Some(Heard::Ended(outcome)) => {
                done(outcome)?;
                roll.early = Some(Heard::Ended(Outcome::Reply(Value::Null)));
            }
            None => return Err(TalkError::Stopped),
        }
        Ok(roll)
    }
}

/// How each of many ended, as the answers come in. Dropping it asks nobody else.
#[derive(Debug)]
pub struct RollCall {
    node: Node,
    op: OpId,
    heard: mpsc::UnboundedReceiver<Heard>,
    total: usize,
    taken: usize,
    early: Option<Heard>,
}

impl RollCall {
    /// How many nodes will be told of.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// The next one that has ended; `None` after the last one. An error says that not all could be
    /// named, and why; nothing follows it.
    pub async fn next(&mut self) -> Option<Result<Gathered, TalkError>> {
        loop {
            let heard = match self.early.take() {
                Some(heard) => heard,
                None => self.heard.recv().await?,
            };
            match heard {
                Heard::Event(ManyEvent::Gathered { entry, .. }) => {
                    self.taken += 1;
                    if self.taken.is_multiple_of(TAKEN_AT_ONCE) {
                        let (op, count) = (self.op, TAKEN_AT_ONCE);
                        let taken = Op::Many(ManyOp::Taken { op, count });
                        // A node that has stopped says so by itself.
                        let _ = self.node.ask(Ask::plain(taken)).await;
                    }
                    return Some(Ok(entry));
                }
                Heard::Event(_) => {}
                Heard::Ended(outcome) => {
                    self.heard.close();
                    return done(outcome).err().map(Err);
                }
            }
        }
    }

    /// All of them, when the last one has ended.
    ///
    /// # Errors
    /// If not all could be named.
    pub async fn all(mut self) -> Result<Vec<Gathered>, TalkError> {
        let mut all = Vec::new();
        while let Some(one) = self.next().await {
            all.push(one?);
        }
        Ok(all)
    }
}

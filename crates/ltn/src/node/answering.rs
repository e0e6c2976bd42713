//! Answers that are heard as they come: parts first, then the whole.

use ltn_proto::{Confirmation, ManyEvent, Op, OpId, Value};
use tokio::sync::mpsc;

use super::{CONFIRM_TIMEOUT, Node, done};
use crate::driver::Ask;
use crate::error::TalkError;
use crate::many::Heard;
use crate::words::IntoTarget;

impl Node {
    /// As [`Self::confirm`], for commands that take their time: what they have to tell before they
    /// end is heard as it comes. Orders to stop or restart tell how each node ended
    /// ([`RollCallNews`](crate::RollCallNews)).
    ///
    /// ```no_run
    /// # async fn example(node: ltn::Node, word: ltn::Confirmation) -> Result<(), ltn::TalkError> {
    /// let mut order = node.confirm_in_parts("/", "s.shutdownnetwork", vec![], &word).await?;
    /// while let Some(part) = order.next().await {
    ///     let news = ltn::RollCallNews::from_value(&part);
    ///     for node in news.into_iter().flat_map(|news| news.ended) {
    ///         println!("{} {}", node.path, node.outcome.as_str());
    ///     }
    /// }
    /// let report = order.end().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the node has stopped. How the command ended is told by [`Answering::end`].
    pub async fn confirm_in_parts(
        &self,
        to: impl IntoTarget,
        command: &str,
        arguments: Vec<Value>,
        confirmation: &Confirmation,
    ) -> Result<Answering, TalkError> {
        let (to, command) = (to.into_target()?, command.to_owned());
        let (token, timeout) = (Some(confirmation.token), CONFIRM_TIMEOUT);
        let op = |op| Op::Call { op, to, command, arguments, token, timeout };
        let (_, heard) = self.listen_to(op).await?;
        Ok(Answering { heard, ended: None })
    }

    /// Puts something to the mind, and listens to all that is heard of it.
    pub(super) async fn listen_to(
        &self,
        op: impl FnOnce(OpId) -> Op,
    ) -> Result<(OpId, mpsc::UnboundedReceiver<Heard>), TalkError> {
        let id = self.next_op();
        let (listener, heard) = mpsc::unbounded_channel();
        self.ask(Ask::Listen { id, op: Box::new(op(id)), listener }).await?;
        Ok((id, heard))
    }
}

/// A command under way that tells of itself. Dropping it stops nothing.
#[derive(Debug)]
pub struct Answering {
    heard: mpsc::UnboundedReceiver<Heard>,
    ended: Option<Result<Value, TalkError>>,
}

impl Answering {
    /// The next part; `None` when the answer itself is here, or will never be. Parts may be left
    /// out where the way to this node is full; the answer does not need them.
    pub async fn next(&mut self) -> Option<Value> {
        while self.ended.is_none() {
            match self.heard.recv().await {
                Some(Heard::Event(ManyEvent::Part { value, .. })) => return Some(value),
                Some(Heard::Event(_)) => {}
                Some(Heard::Ended(outcome)) => self.ended = Some(done(outcome)),
                None => self.ended = Some(Err(TalkError::Stopped)),
            }
        }
        None
    }

    /// The answer, whatever parts come before it.
    ///
    /// # Errors
    /// As [`Node::confirm`].
    pub async fn end(mut self) -> Result<Value, TalkError> {
        while self.next().await.is_some() {}
        self.ended.unwrap_or(Err(TalkError::Stopped))
    }
}

//! The handle that programs hold.

use std::future::Future;
use std::time::Duration;

use ltn_proto::{
    Address, CommandSpec, Confirmation, Content, Event, NodeId, NodePath, Role, Snapshot, Target,
    TreeNode, Value,
};
use tokio::sync::{broadcast, mpsc};

use crate::error::{ConnectError, TalkError};

/// A running node. Cheap to clone; the node stops when told to, not when handles are dropped.
#[derive(Debug, Clone)]
pub struct Node {}

/// What joining a server brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// The server's id.
    pub server: NodeId,
    /// What the server calls itself.
    pub server_name: String,
    /// The name that this node has there.
    pub name: Option<String>,
    /// Why it is not the wanted one.
    pub name_reason: Option<String>,
    /// The port of the server's `Maindata` socket if it has one and we are connected to it.
    pub data_port: Option<u16>,
    /// May this node do everything there?
    pub admin: bool,
    /// The server's texts of welcome.
    pub welcome: Vec<String>,
}

/// What a command answered.
#[derive(Debug, Clone, PartialEq)]
pub enum CallReply {
    /// It ran; this is its result.
    Done(Value),
    /// It is dangerous and did nothing yet: see [`Node::confirm`].
    Confirm(Confirmation),
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who sent it, as the links say.
    pub from: NodeId,
    /// The sender's place, where it is known here; else see [`Node::locate`].
    pub sender: Option<NodePath>,
    /// What it says.
    pub content: Content,
}

/// A question that came in for a requestable of this node.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Who asks.
    pub from: NodeId,
    /// With what.
    pub argument: Value,
}

/// A command that came in, checked against its declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// Who calls.
    pub from: NodeId,
    /// Did it come by the caller's own link?
    pub direct: bool,
    /// The arguments in the order of the declaration.
    pub arguments: Vec<Value>,
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Who.
    pub id: NodeId,
    /// Where.
    pub path: NodePath,
}

impl Node {
    /// This node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        unimplemented!()
    }

    /// What it was configured to be.
    #[must_use]
    pub fn role(&self) -> Role {
        unimplemented!()
    }

    /// Where its listener is reached, if it has one.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        unimplemented!()
    }

    /// Where its `Maindata` socket is reached, if it has one.
    #[must_use]
    pub fn data_address(&self) -> Option<Address> {
        unimplemented!()
    }

    /// Joins the server at this address. If this node has a higher server already it moves: the old
    /// one is left only when the new one has taken it.
    pub async fn connect(&self, _to: &Address) -> Result<Joined, ConnectError> {
        unimplemented!()
    }

    /// As [`Self::connect`], but goes on trying until it works or the node stops.
    pub async fn connect_until_it_works(&self, _to: &Address) -> Result<Joined, ConnectError> {
        unimplemented!()
    }

    /// Leaves the higher server and does not come back by itself.
    pub async fn disconnect(&self) -> Result<(), TalkError> {
        unimplemented!()
    }

    /// Sends a message; returns when the target's application has taken it.
    pub async fn send(
        &self,
        _to: impl IntoTarget,
        _content: impl Into<Body>,
    ) -> Result<(), TalkError> {
        unimplemented!()
    }

    /// Sends a message that nobody acknowledges. Waits only for room in this node's own queue.
    pub async fn cast(
        &self,
        _to: impl IntoTarget,
        _content: impl Into<Body>,
    ) -> Result<(), TalkError> {
        unimplemented!()
    }

    /// Asks a requestable and waits for the value, 5 s at most.
    pub async fn request(
        &self,
        _to: impl IntoTarget,
        _name: &str,
        _argument: impl Into<Value>,
    ) -> Result<Value, TalkError> {
        unimplemented!()
    }

    /// As [`Self::request`] with a time limit of one's own.
    pub async fn request_within(
        &self,
        _timeout: Duration,
        _to: impl IntoTarget,
        _name: &str,
        _argument: impl Into<Value>,
    ) -> Result<Value, TalkError> {
        unimplemented!()
    }

    /// Runs a command and waits for its result, 30 s at most.
    pub async fn call(
        &self,
        _to: impl IntoTarget,
        _command: &str,
        _arguments: Vec<Value>,
    ) -> Result<CallReply, TalkError> {
        unimplemented!()
    }

    /// The second word for a dangerous command: the same command with the token it asked for.
    pub async fn confirm(
        &self,
        _to: impl IntoTarget,
        _command: &str,
        _arguments: Vec<Value>,
        _confirmation: &Confirmation,
    ) -> Result<Value, TalkError> {
        unimplemented!()
    }

    /// Finds a node: its id and its place.
    pub async fn locate(&self, _target: impl IntoTarget) -> Result<Location, TalkError> {
        unimplemented!()
    }

    /// What this node knows: itself, its place and its own subtree.
    pub async fn snapshot(&self) -> Result<Snapshot, TalkError> {
        unimplemented!()
    }

    /// The whole tree as the main server knows it, in drawing order (see [`Snapshot::tree`]).
    pub async fn network(&self) -> Result<Vec<TreeNode>, TalkError> {
        unimplemented!()
    }

    /// The tree below (and with) this node, as that node knows it.
    pub async fn subtree_of(&self, _target: impl IntoTarget) -> Result<Vec<TreeNode>, TalkError> {
        unimplemented!()
    }

    /// Offers a value to everybody who asks for it by this name; replaces an earlier one.
    pub async fn offer(&self, _name: &str, _value: impl Into<Value>) -> Result<(), TalkError> {
        unimplemented!()
    }

    /// Offers a function to everybody who asks for it by this name; replaces an earlier one. It
    /// runs in a task of its own for each question. An `Err` is the text of a failure.
    pub async fn handle<F, Fut>(&self, _name: &str, _handler: F) -> Result<(), TalkError>
    where
        F: Fn(Question) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, String>> + Send + 'static,
    {
        unimplemented!()
    }

    /// Offers a command; replaces an earlier one of this name.
    pub async fn command<F, Fut>(&self, _spec: CommandSpec, _handler: F) -> Result<(), TalkError>
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, String>> + Send + 'static,
    {
        unimplemented!()
    }

    /// Offers the requestable or command of this name no longer.
    pub async fn withdraw(&self, _name: &str) -> Result<(), TalkError> {
        unimplemented!()
    }

    /// All that happens to this node from now on (never `Event::Ended`, and no messages). A
    /// receiver that falls 1,024 events behind misses the oldest and is told so.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        unimplemented!()
    }

    /// Takes the queue of messages that come in; there is one, and the first who asks gets it.
    /// While nobody has taken it, up to 1,024 messages wait and further ones are refused as busy.
    #[must_use]
    pub fn messages(&self) -> Option<mpsc::Receiver<Message>> {
        unimplemented!()
    }

    /// Stops this node: leaves the higher server, tells everybody below, closes everything.
    pub async fn shutdown(&self) {
        unimplemented!()
    }

    /// Restarts this node in place: same identity, name and ports; everybody comes back.
    pub async fn restart(&self) {
        unimplemented!()
    }

    /// Returns when this node has stopped, by whatever way.
    pub async fn stopped(&self) {
        unimplemented!()
    }
}

/// Whatever can be read as a [`Target`]: a target, an id, a path or a text.
pub trait IntoTarget {
    /// Reads it.
    fn into_target(self) -> Result<Target, TalkError>;
}

impl IntoTarget for Target {
    fn into_target(self) -> Result<Target, TalkError> {
        Ok(self)
    }
}

impl IntoTarget for NodeId {
    fn into_target(self) -> Result<Target, TalkError> {
        Ok(Target::Id(self))
    }
}

impl IntoTarget for NodePath {
    fn into_target(self) -> Result<Target, TalkError> {
        Ok(Target::Path(self))
    }
}

impl IntoTarget for &str {
    fn into_target(self) -> Result<Target, TalkError> {
        self.parse().map_err(TalkError::BadTarget)
    }
}

/// What can be sent: text, a value, or bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(pub(crate) Content);

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self(Content::Text(text.to_owned()))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(Content::Text(text))
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self(Content::Value(value))
    }
}

impl From<bytes::Bytes> for Body {
    fn from(bytes: bytes::Bytes) -> Self {
        Self(Content::Bytes(bytes))
    }
}

//! What programs hand to a [`Node`](crate::Node) and get from it: plain data, no behaviour.

use ltn_proto::{
    Addressee, Confirmation, Content, NodeId, NodePath, Pattern, Refusal, Selector, Target, Value,
    Whom,
};

use crate::error::TalkError;

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
    /// It is dangerous and did nothing yet: see [`Node::confirm`](crate::Node::confirm).
    Confirm(Confirmation),
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who sent it, as the links say.
    pub from: NodeId,
    /// The sender's place, where it is known here; else see [`Node::locate`](crate::Node::locate).
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
    /// Whom the confirmation showed; nobody where none was wanted.
    pub confirmed: Vec<NodeId>,
}

/// One thing that is at work in a node, and how it is doing, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    /// What it is: the driver, a listener, a link, the handlers, a service, ….
    pub task: String,
    /// How it is doing.
    pub state: String,
}

/// What a service gets to know when it runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServiceContext {
    /// The node that it is a service of.
    pub node: crate::Node,
    /// The nodes that are joined to it, directly.
    pub connections: Vec<NodeId>,
}

/// Why a handler has no value to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerError {
    /// It was tried and did not work; the text says how.
    Failed(String),
    /// Nothing of it was done, for this reason.
    Refused(Refusal),
}

impl From<String> for HandlerError {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl From<Refusal> for HandlerError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Who.
    pub id: NodeId,
    /// Where.
    pub path: NodePath,
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

/// Whatever says whom of many: a selector, whatever is a [`Target`], nodes that were named before.
pub trait IntoWhom {
    /// Reads it.
    fn into_whom(self) -> Result<Whom, TalkError>;
}

impl IntoWhom for Whom {
    fn into_whom(self) -> Result<Whom, TalkError> {
        Ok(self)
    }
}

impl IntoWhom for Selector {
    fn into_whom(self) -> Result<Whom, TalkError> {
        Ok(Whom::Fitting(self))
    }
}

impl IntoWhom for Pattern {
    fn into_whom(self) -> Result<Whom, TalkError> {
        Ok(Whom::Fitting(Selector::Many(self)))
    }
}

impl IntoWhom for Target {
    fn into_whom(self) -> Result<Whom, TalkError> {
        Ok(Whom::Fitting(Selector::One(self)))
    }
}

impl IntoWhom for NodeId {
    fn into_whom(self) -> Result<Whom, TalkError> {
        Target::Id(self).into_whom()
    }
}

impl IntoWhom for NodePath {
    fn into_whom(self) -> Result<Whom, TalkError> {
        Target::Path(self).into_whom()
    }
}

impl IntoWhom for &str {
    fn into_whom(self) -> Result<Whom, TalkError> {
        self.parse().map(Whom::Fitting).map_err(TalkError::BadTarget)
    }
}

impl IntoWhom for Vec<Addressee> {
    fn into_whom(self) -> Result<Whom, TalkError> {
        Ok(Whom::These(self))
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

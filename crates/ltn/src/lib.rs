//! LocalThingsNetwork (front page to be written).

mod builder;
mod carrier;
mod dial;
mod driver;
mod error;
mod handlers;
mod inbox;
mod link;
mod listen;
mod listing;
mod node;
mod port;
mod tls;
mod wake;
mod words;

pub use builder::{Client, MainServer, NodeBuilder, Server, Session, SubServer};
pub use error::{ConnectError, StartError, TalkError};
pub use ltn_proto::{
    Address, Arity, CloseReason, CommandSpec, Confirmation, Content, Event, Limits, Name, NoRoute,
    NodeId, NodePath, Outcome, Parameter, ParameterKind, Permission, Permissions, Refusal,
    RefusalKind, Role, RollCallEntry, RollCallOutcome, Snapshot, Target, TreeNode, Value,
};
pub use node::Node;
pub use port::{BadPortExpr, PortExpr};
pub use words::{Body, CallReply, IntoTarget, Invocation, Joined, Location, Message, Question};

//! LocalThingsNetwork (front page to be written).

mod builder;
mod error;
mod node;
mod port;

pub use builder::{Client, MainServer, NodeBuilder, Server, Session, SubServer};
pub use error::{ConnectError, StartError, TalkError};
pub use ltn_proto::{
    Address, CloseReason, CommandSpec, Confirmation, Content, Event, Limits, Line, Name, NoRoute,
    NodeId, NodePath, Outcome, Permission, Permissions, Refusal, RefusalKind, Role, RollCallEntry,
    RollCallOutcome, Snapshot, Target, TreeNode, Value, draw_tree, nearest, parse_line, sanitise,
    sanitise_line,
};
pub use node::{
    Body, CallReply, IntoTarget, Invocation, Joined, Location, Message, Node, Question,
};
pub use port::{BadPortExpr, PortExpr};

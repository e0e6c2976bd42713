//! The mind of LocalThingsNetwork (front page to be written with the node).

mod address;
mod commands;
mod event;
pub mod frame;
mod id;
pub mod limits;
mod moment;
mod name;
mod node;
mod outcome;
mod path;
mod permissions;
mod role;
mod snapshot;
mod text;
mod value;

pub use address::Address;
pub use commands::{Arguments, Arity, CommandSpec, Parameter, ParameterKind};
pub use event::{Answer, Content, DialError, Direction, Event, Input, Op, Output};
pub use frame::{Flags, Frame, Header, Kind};
pub use id::{BadNodeId, DialId, InboundId, LinkId, NodeId, OpId};
pub use limits::Limits;
pub use moment::Moment;
pub use name::{BadName, Name};
pub use node::{NodeConfig, NodeState};
pub use outcome::{
    CloseReason, Confirmation, NoRoute, Outcome, Refusal, RefusalKind, RollCallEntry,
    RollCallOutcome,
};
pub use path::{BadPath, NodePath, Target};
pub use permissions::{Permission, Permissions};
pub use role::Role;
pub use snapshot::{Counters, Snapshot, TreeNode};
pub use text::{sanitise, sanitise_line, shorten};
pub use value::{BadValue, Value};

//! The mind of LocalThingsNetwork (front page to be written with the node).

mod address;
pub mod codec;
mod commands;
mod drawing;
mod event;
mod fragments;
pub mod frame;
mod id;
pub mod limits;
mod line;
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
pub use codec::CodecError;
pub use commands::{Arguments, Arity, CommandSpec, Parameter, ParameterKind, nearest};
pub use drawing::draw_tree;
pub use event::{Answer, Content, DialError, Direction, Event, Input, Op, Output};
pub use fragments::{FragmentError, Reassembly, split};
pub use frame::{Flags, Frame, Header, Kind};
pub use id::{BadNodeId, DialId, InboundId, LinkId, NodeId, OpId};
pub use limits::Limits;
pub use line::{BadLine, Line, parse_line};
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

//! The mind of LocalThingsNetwork: everything that a node knows and decides, without any I/O.
//!
//! A network is a tree of nodes: a main server at the root, sub-servers below it to any depth,
//! clients anywhere. There is one kind of thing, the node; a [`Role`] only says which directions it
//! has. [`NodeState`] is the mind of one node. It knows no sockets, no clock and no dice: what
//! happens comes in as [`Input`], what has to be done comes out as [`Output`], and time is an
//! argument. So a whole network runs in one thread of a test, and the same seed gives the same
//! history.
//!
//! # The drive contract
//!
//! *One mutation, then a full drain, then the next mutation.*
//!
//! 1. Something happened: call [`NodeState::handle`] with the moment and the input.
//! 2. Call [`NodeState::poll_output`] until it returns `None`, and carry out each output in order.
//! 3. Ask [`NodeState::poll_timeout`] when [`Input::Timeout`] is due, and wait for whatever comes
//!    first.
//!
//! ```
//! use ltn_proto::{Input, Limits, Moment, NodeConfig, NodeId, NodeState, Op, Permissions, Role};
//!
//! let config = NodeConfig {
//!     id: NodeId::of_public_key(b"the public key of this node"),
//!     public_key: b"the public key of this node".to_vec(),
//!     network: None,
//!     role: Role::MainServer,
//!     name: None,
//!     description: String::new(),
//!     version: "1".to_owned(),
//!     address: None,
//!     data_port: None,
//!     incarnation: 1,
//!     starts: 1,
//!     seed: [7; 32],
//!     newcomers: Permissions::admin(),
//!     limits: Limits::default(),
//!     services: true,
//!     standing: None,
//!     remembered: Default::default(),
//!     backup_parents: Vec::new(),
//!     keeps_key: false,
//! };
//! let mut main = NodeState::new(config, Moment::ZERO);
//! main.handle(Moment::ZERO, Input::Op(Op::Stop { restart: false }));
//! while let Some(output) = main.poll_output() {
//!     println!("the shell carries out {output:?}");
//! }
//! assert_eq!(main.snapshot(Moment::ZERO).name.as_str(), "Mainserver");
//! ```
//!
//! # Where to read next
//!
//! [`Input`], [`Op`], [`Output`] and [`Event`] are all that can happen. [`Outcome`] is how things
//! end. [`frame`] is what is said on a link, [`limits`] every maximum. `node/` decides; the rooms
//! beside it (the map, the links, the requests, …) keep and answer, and do not know one another.

mod address;
pub mod admission;
mod audit;
mod audits;
mod body;
mod charter;
pub mod codec;
mod commands;
mod confirmations;
mod deeds;
mod drawing;
mod durable;
mod edges;
mod event;
mod expiring;
mod followings;
mod fragments;
pub mod frame;
mod gatherings;
mod goals;
mod id;
mod inbound;
mod invite;
mod keydesk;
mod known;
pub mod limits;
mod line;
mod links;
mod moment;
mod name;
mod node;
mod offers;
mod outcome;
mod pass;
mod passes;
mod path;
mod people;
mod permissions;
mod proof;
mod random;
pub mod registry;
mod requests;
mod reservations;
mod role;
mod rollcall;
mod secret;
mod selector;
mod services;
mod shown;
pub mod signature;
#[cfg(feature = "sim")]
pub mod sim;
mod snapshot;
mod standing;
mod statement;
mod text;
mod tree;
mod uplink;
mod value;
mod verified;
mod watches;

pub use address::{ADDRESS_BYTES_MAX, Address};
pub use audit::{
    AUDIT_TEXT_CHARS_MAX, AuditKind, AuditLine, AuditLog, Audited, BrokenChain, CopyOf, Pushed,
};
pub use charter::{BadCharter, Charter, Edition, Grant, OwnName, SignedCharter};
pub use codec::CodecError;
pub use commands::{
    Arguments, Arity, COMMANDS_WITH_KEY, CommandSpec, Parameter, ParameterKind, Reach, nearest,
};
pub use drawing::draw_tree;
pub use durable::{
    DEEDS_MAX, Durable, KEPT_ADDRESSES_MAX, KeptDeed, KeptParent, KeptPerson, KeptReport,
    REPORTS_MAX, Remembered, WriteId,
};
pub use event::{
    Addressee, Answer, CallStep, Content, Crowded, DialError, Direction, Event, Foretold, Gathered,
    GivenOrder, Input, KeyNews, KeyWish, ManyEvent, ManyOp, Op, Output, Parted, Presence,
    ServiceWish, Whom, Wording,
};
pub use fragments::{FragmentError, Reassembly, split};
pub use frame::{Flags, Frame, Header, Kind};
pub use id::{
    BadNetworkId, BadNodeId, DialId, InboundId, LinkId, NetworkId, NodeId, OpId, SigningId,
};
pub use invite::{BadInvite, INVITE_HINTS_MAX, Invite, InviteId, InviteSecret};
pub use limits::Limits;
pub use line::{BadLine, Line, parse_line};
pub use moment::Moment;
pub use name::{BadName, Name};
pub use node::{NodeConfig, NodeState, StreamHop};
pub use outcome::{
    CloseReason, Confirmation, NoRoute, Outcome, Refusal, RefusalKind, RollCallEntry, RollCallNews,
    RollCallOutcome,
};
pub use pass::{BadPass, PASS_BYTES, Pass};
pub use path::{BadPath, NodePath, Target};
pub use permissions::{Permission, Permissions};
pub use role::Role;
pub use secret::Secret;
pub use selector::{Pattern, RoleWord, Segment, Selector};
pub use snapshot::{Counters, PresenceKind, ServiceStatus, Snapshot, TreeNode};
pub use standing::Standing;
pub use text::{sanitise, sanitise_line, shorten};
pub use value::{BadValue, Value};

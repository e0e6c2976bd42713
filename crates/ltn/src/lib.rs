//! LocalThingsNetwork: an encrypted tree of your own machines that message, ask and command each
//! other.
//!
//! A *main server* is the root, *sub-servers* hang below it in layers, *clients* join anywhere, and
//! everybody reaches everybody by path: up, down and across.
//!
//! ```
//! use ltn::{Client, MainServer};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let main = MainServer::builder().open().start().await?;
//!     let lamp = Client::builder("lamp").open().start().await?;
//!     lamp.connect(&main.address().ok_or("a server listens")?).await?;
//!     lamp.offer("watts", 9).await?;
//!     println!("the lamp takes {:?}", main.request("/lamp", "watts", ()).await?);
//!     main.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! There is one kind of thing, a [`Node`]; [`MainServer`], [`SubServer`], [`Server`], [`Client`]
//! and [`Session`] only say what it is configured to be. What one can say:
//!
//! - [`Node::send`]: the target's program has taken the message; or refused, no route, unknown.
//! - [`Node::cast`]: nobody answers; in order, and at most once.
//! - [`Node::request`]: the handler is entered at most once, and a value comes back; or it failed,
//!   refused, no route, unknown.
//! - [`Node::call`]: the same for a command; a dangerous one asks for a confirmation first.
//! - [`Node::open_stream`]: all bytes in order in a [`DataStream`], or a failure at both ends.
//! - [`Node::send_data`]: something of any size, offered, accepted and acknowledged with a digest;
//!   or refused, or a failure at both ends.
//!
//! *Refused* and *no route* mean certainly not done; whatever is uncertain is *unknown*. Whom one
//! talks to is a [`Target`]: a path (`"/sub1/lamp"`), a place relative to the speaker
//! (`"../lamp"`), a bare name, an id, [`Target::Parent`] or [`Target::Root`]. Several at once are
//! a [`Selector`] (`"role=client & /sub1/**"`): [`Node::gather`] says something to all of them and
//! tells how each one ended, [`Node::select`] lists them, [`Node::watch`] tells who comes and goes.
//!
//! Below this crate, `ltn-proto` is the mind of a node, without any input or output; here are its
//! body (one driver task per node, a reader and a writer per link) and its front door. Other crates
//! use only what is public here.

mod admin_commands;
mod admin_key;
mod audit;
mod builder;
mod carrier;
mod clock;
mod dial;
mod discovery;
mod driver;
mod envelope;
mod error;
mod find;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handlers;
mod inbox;
mod link;
mod listen;
mod listing;
mod log;
mod log_file;
mod many;
mod membership;
mod node;
mod notice;
mod offering;
mod port;
mod relay;
mod remembered;
mod sealed;
mod services;
mod socket_commands;
mod sockets;
mod state;
mod store;
mod streams;
mod tls;
mod transfer;
mod wake;
mod words;

pub use builder::{Client, MainServer, NodeBuilder, Server, Session, SubServer};
pub use carrier::MemoryNet;
pub use envelope::{AnswerKey, EnvelopeError};
pub use error::{ConnectError, StartError, StreamError, TalkError, TransferError};
pub use find::{FindError, Finder, Found, FoundBy, NetworkMode, Other, OtherKind, Search};
pub use ltn_proto::admission::Newcomer;
pub use ltn_proto::registry::{InviteWish, Member};
pub use ltn_proto::{
    Address, Addressee, Arity, BadLine, BadName, BadPath, COMMANDS_WITH_KEY, CloseReason,
    CommandSpec, Confirmation, Content, Counters, Event, Gathered, GivenOrder, Limits, Line, Name,
    NoRoute, NodeId, NodePath, Outcome, Parameter, ParameterKind, Pattern, Permission, Permissions,
    Presence, PresenceKind, Reach, Refusal, RefusalKind, Role, RoleWord, RollCallEntry,
    RollCallNews, RollCallOutcome, Segment, Selector, ServiceStatus, Snapshot, Target, TreeNode,
    Value, Whom, draw_tree, nearest, parse_line, sanitise, sanitise_line,
};
pub use ltn_proto::{BadInvite, Grant, Invite, InviteId, InviteSecret, NetworkId};
pub use membership::{
    Credentials, JoinError, MembershipError, Network, RestoreError, join_network, join_network_at,
    make_network_at, restore_network_at, seal_backup,
};
pub use node::{Answering, Gather, MovePlan, Node, RollCall, Watch, WatchEvent};
pub use notice::{Notice, NoticeKind};
pub use port::{BadPortExpr, PortExpr};
pub use remembered::{SERVERS_REMEMBERED_MAX, ServerList, ServerListError};
pub use sockets::{DataSocket, DataSocketStatus};
pub use state::{KeysView, StateError, StateView, holds_member, inspect_keys, inspect_state};
pub use streams::DataStream;
pub use transfer::{
    Data, DataKind, IncomingTransfer, IncomingTransfers, Progress, Receipt, Sending,
};
pub use words::{
    Body, CallReply, HandlerError, IntoTarget, IntoWhom, Invocation, Joined, Location, Message,
    Question, ServiceContext, TaskStatus,
};

/// The examples of the README, which have to compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

//! A whole network in one thread, with a clock that a seed moves.
//!
//! The minds of this crate are real; everything around them is made up here. A [`Network`] holds
//! *hosts*: places where one node's process runs, crashes and comes back. Hosts are joined by
//! *wires* that behave as TCP does: nothing overtakes, what is sent during a cut arrives after it,
//! and an end whose process is gone answers with a broken connection, unless it is silent. What
//! happens next is the earliest entry of one queue, ordered by time and then by the order of
//! entering, so the seed decides everything and the same seed tells the same [`History`].
//!
//! ```
//! use ltn_proto::sim::Network;
//! use ltn_proto::Role;
//! let mut network = Network::new(7);
//! let main = network.add(Role::MainServer, "Mainserver");
//! assert_eq!(network.address(main).as_str(), "sim:0");
//! ```
//!
//! The way of an input: `network.rs` takes it from the queue and gives it to the host's mind, then
//! drains the mind's outputs to the end (the drive contract; a mind that never comes to rest is
//! caught). `carry.rs` carries frames and dials, `program.rs` plays the program on each node:
//! it answers what comes in as a [`Reaction`] says, and keeps the books of what was asked and how
//! it ended. `verbs.rs` has the short forms for stories (`join`, `send`, `request`, `call`),
//! `lies.rs` what liars say, `view.rs` what can be seen, `faults.rs` what goes wrong between hosts
//! (broken and silently cut links, slow lines, partitions), `machines.rs` what happens to whole
//! machines (suspended, cloned, not reading), `mouth.rs` what broken minds say, `skew.rs` what
//! those of another version do, and `draw.rs` pictures for people. Checkers look on as
//! [`Observer`]s and read the history. `book.rs` lends the root's book of edges to the exhaustive
//! check of concurrent moves.
//!
//! Nothing here reads a real clock, sleeps, prints or rolls real dice.

mod book;
mod carry;
mod disk;
mod draw;
mod faults;
mod history;
mod host;
mod lies;
mod machines;
mod mouth;
mod mutant;
mod network;
mod program;
mod random;
mod skew;
mod verbs;
mod view;
mod wire;

pub use book::{Book, EdgeWish, No};
pub use faults::Latency;
pub use history::{History, OpRecord, Record, What, numbered, word};
pub use host::Home;
pub use mutant::Mutant;
pub use network::{Network, Observer, Passage};
pub use program::{Asked, Reaction};
pub use random::Random;
pub use verbs::Line;

pub use crate::statement::toy_signature;

/// A place where one node's process runs; numbered from 0 in the order of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub usize);

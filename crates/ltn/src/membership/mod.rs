//! Becoming a member of a network, and being one: what surrounds the root's book.
//!
//! The book itself (who was invited, who is in, who may what) is pure and lives in
//! `ltn_proto::registry`. `desk.rs` is the root's side of it: it holds the authority's key and
//! writes changes down before anybody hears of them; `network.rs` is the handle that the root's
//! program has; `relay.rs` lets a machine that wants to join talk to the root through any server;
//! `joining.rs` is that machine's own side, `credentials.rs` what it gets.

mod credentials;
pub(crate) mod desk;
mod joining;
mod network;
pub(crate) mod relay;
mod words;

pub use credentials::Credentials;
pub use joining::{JoinError, join_network};
pub use network::{MembershipError, Network};

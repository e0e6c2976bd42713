//! Becoming a member of a network, and being one: what surrounds the root's book.
//!
//! The book itself (who was invited, who is in, who may what) is pure and lives in
//! `ltn_proto::registry`. `desk.rs` is the root's side of it: it holds the authority's key and
//! writes changes down before anybody hears of them; `network.rs` is the handle that the root's
//! program has; `relay.rs` lets a machine that wants to join talk to the root through any server;
//! `joining.rs` is that machine's own side, `credentials.rs` what it gets; `home.rs` is for
//! networks that live in state directories, `commands.rs` what admins say to the
//! root, `foretelling.rs` what that would do, `listing.rs` who is in, out and invited, `backup.rs`
//! a whole network in one file, `recognising.rs` who joined after that was made.

mod backup;
mod commands;
mod credentials;
pub(crate) mod desk;
mod foretelling;
mod home;
mod joining;
mod listing;
mod network;
mod recognising;
pub(crate) mod relay;
mod visiting;
mod words;

pub use backup::{RestoreError, restore_network_at, seal_backup};
pub use credentials::Credentials;
pub(crate) use credentials::VisitFacts;
pub use home::make_network_at;
pub(crate) use home::{MAIN_NAME, home_of, of_state};
pub use joining::{JoinError, join_network, join_network_at};
pub(crate) use network::Home;
pub use network::{MembershipError, Network};
pub(crate) use recognising::serve;
pub(crate) use visiting::remember_charters;

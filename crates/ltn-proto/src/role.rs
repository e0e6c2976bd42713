//! What a node was configured to be. There is one kind of node; a role only says which of the two
//! directions, up and down, it has, and whether it is the root.

use std::fmt;

use minicbor::{Decode, Encode};

/// A node's configured role. It never changes while the node runs: a sub-server without its uplink
/// is a fragment top, not a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// The root of a network: others join it, it joins nobody.
    #[n(0)]
    MainServer,
    /// A server that joins a higher server.
    #[n(1)]
    SubServer,
    /// A server that takes clients only and joins nobody.
    #[n(2)]
    Server,
    /// A node that joins a server and accepts nobody.
    #[n(3)]
    Client,
    /// A short visit, as of a command-line verb: a client without a name that no list shows.
    #[n(4)]
    Session,
}

impl Role {
    /// Does this node take connections from below?
    #[must_use]
    pub const fn accepts_children(self) -> bool {
        matches!(self, Self::MainServer | Self::SubServer | Self::Server)
    }

    /// Does this node take other servers below it?
    #[must_use]
    pub const fn accepts_servers(self) -> bool {
        matches!(self, Self::MainServer | Self::SubServer)
    }

    /// Does this node join a higher server?
    #[must_use]
    pub const fn has_uplink(self) -> bool {
        matches!(self, Self::SubServer | Self::Client | Self::Session)
    }

    /// Is this the root of a network?
    #[must_use]
    pub const fn is_root(self) -> bool {
        matches!(self, Self::MainServer)
    }

    /// Is it a server, for people who count?
    #[must_use]
    pub const fn is_server(self) -> bool {
        self.accepts_children()
    }

    /// Do lists and counts show it?
    #[must_use]
    pub const fn is_listed(self) -> bool {
        !matches!(self, Self::Session)
    }

    /// The word for it in lists and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MainServer => "main-server",
            Self::SubServer => "sub-server",
            Self::Server => "server",
            Self::Client => "client",
            Self::Session => "session",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! What else answers where servers of one network are looked for. It said so itself and nothing of
//! it is proved: it is told to people, and decides nothing.

use std::fmt;

use ltn_proto::Address;

/// Somebody answered who is no server of the network that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Other {
    /// Where.
    pub address: Address,
    /// Who it seems to be.
    pub what: OtherKind,
}

/// Who answers, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtherKind {
    /// A server of another network with members.
    AnotherNetwork,
    /// An open network, or another program.
    NotOurs,
}

impl fmt::Display for OtherKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnotherNetwork => "another network",
            Self::NotOurs => "an open network, or something else",
        })
    }
}

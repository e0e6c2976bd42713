//! What a node must still know after its process, or its machine, went down at any instant.
//!
//! The mind says so with [`Output::Persist`](crate::Output::Persist); where a promise needs it, it
//! goes on only when [`Input::Persisted`](crate::Input::Persisted) has come. These are words: how
//! they are written, and where, is for the shell.

use crate::address::Address;
use crate::id::NodeId;
use crate::name::Name;

/// The addresses that are kept of one higher server.
pub const KEPT_ADDRESSES_MAX: usize = 8;

/// Numbers what has to be written, within one life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// Something to be written; it takes the place of what was written of the same kind before.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Durable {
    /// The higher server that this node belongs to; `None` once it left for good.
    Parent(Option<KeptParent>),
}

/// The higher server that a node belongs to, and where it may be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptParent {
    /// Who it is. Addresses are only hints; this is what the other end has to prove.
    pub id: NodeId,
    /// What it calls itself, for people.
    pub name: Name,
    /// Where it was reached, the best first; [`KEPT_ADDRESSES_MAX`] at the most.
    pub addresses: Vec<Address>,
}

impl KeptParent {
    /// A server that was reached at the first of these addresses.
    #[must_use]
    pub fn new(id: NodeId, name: Name, addresses: impl IntoIterator<Item = Address>) -> Self {
        let mut kept = Self { id, name, addresses: Vec::new() };
        for address in addresses {
            if kept.addresses.len() < KEPT_ADDRESSES_MAX && !kept.addresses.contains(&address) {
                kept.addresses.push(address);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_has_few_addresses_each_once_and_the_best_first() {
        let many = (0..20).map(|n| Address::new(&format!("127.0.0.1:{}", 4_000 + n / 2)));
        let name = Name::known("Mainserver").unwrap();
        let kept = KeptParent::new(NodeId::of_public_key(b"main"), name, many);
        assert_eq!(kept.addresses.len(), KEPT_ADDRESSES_MAX);
        assert_eq!(kept.addresses[0], Address::new("127.0.0.1:4000"));
        assert_eq!(kept.addresses[7], Address::new("127.0.0.1:4007"));
    }
}

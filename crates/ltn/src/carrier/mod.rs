//! (signatures first; filled in next)

use std::fmt;

use ltn_proto::Address;

mod memory;
mod tcp;

pub(crate) use memory::MemoryNet;

/// The carriers of one node, and the one place where the carrier of an address is chosen.
#[derive(Debug, Clone)]
pub(crate) struct Carriers {}

impl Carriers {
    /// TCP alone: what every running node has.
    pub(crate) fn tcp(_limits: &ltn_proto::Limits) -> Self {
        unimplemented!()
    }

    /// TCP, and a net inside this process for addresses that begin with `mem:`.
    pub(crate) fn with_memory(self, _net: MemoryNet) -> Self {
        unimplemented!()
    }

    /// Listens at exactly this address.
    pub(crate) async fn listen(&self, _at: &Address) -> std::io::Result<Box<dyn Acceptor>> {
        unimplemented!()
    }
}

/// A bound address that connections come in at.
pub(crate) trait Acceptor: fmt::Debug + Send {}

//! (signatures first; filled in next)

use ltn_proto::Address;

use crate::carrier::Acceptor;
use crate::link::LinkContext;

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serves {
    /// The main port of a server: links, and data connections of children.
    LinksAndData,
    /// A `Maindata` port: data connections only.
    DataOnly,
}

/// A running listener. Dropping it stops it too, some time later.
#[derive(Debug)]
pub(crate) struct Listener {}

impl Listener {
    /// Starts to accept. `acceptor` comes from `port::bind(…)` or `Carriers::listen(…)`.
    pub(crate) fn start(_a: Box<dyn Acceptor>, _serves: Serves, _context: LinkContext) -> Self {
        unimplemented!()
    }

    /// Where it is reached, with the real port.
    pub(crate) fn address(&self) -> &Address {
        unimplemented!()
    }

    /// Stops accepting and drops what has not finished its handshake. The port is free when this
    /// returns. Links that stand are not touched.
    pub(crate) async fn shutdown(self) {
        unimplemented!()
    }
}

//! (signatures first; filled in next)

use ltn_proto::{Address, DialError, DialId, NodeId};

use crate::link::LinkContext;
use crate::tls::DataConnection;

/// Why a dial came to nothing.
#[derive(Debug)]
pub(crate) struct DialFailure {
    /// For programs.
    pub(crate) why: DialError,
    /// For people.
    pub(crate) text: String,
}

/// Starts to reach this address in a task of its own; `Wake::LinkOpened { direction: Up(dial) }` or
/// `Wake::DialFailed` tells how it went, within 5 s.
pub(crate) fn dial_link(_context: &LinkContext, _dial: DialId, _to: Address) {
    unimplemented!()
}

/// Opens a data connection to the node `peer` at this address and presents the ticket.
pub(crate) async fn dial_data(
    _context: &LinkContext,
    _to: &Address,
    _peer: NodeId,
    _ticket: [u8; 16],
) -> Result<DataConnection, DialFailure> {
    unimplemented!()
}

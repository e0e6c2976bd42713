//! Which port a server takes: a number, a list, or "the next free one".

use std::str::FromStr;

/// A port expression.
///
/// `4000` or `=4000` is exactly that port, `>4000` is 4000 or the next free one above, `<3999` is
/// 3999 or the next free one below, `4000,4010,4020` the first free one of these, and `0` whatever
/// the system gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortExpr {
    /// This one.
    Exactly(u16),
    /// The first free one of these.
    FirstOf(Vec<u16>),
    /// This one or the next free one above.
    FromUpwards(u16),
    /// This one or the next free one below.
    FromDownwards(u16),
}

/// A text that is no port expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no port expression: write 4000, >4000, <3999 or 4000,4010")]
pub struct BadPortExpr(String);

impl FromStr for PortExpr {
    type Err = BadPortExpr;

    fn from_str(_text: &str) -> Result<Self, BadPortExpr> {
        unimplemented!()
    }
}

impl From<u16> for PortExpr {
    fn from(port: u16) -> Self {
        Self::Exactly(port)
    }
}

/// No port of an expression could be had.
#[derive(Debug)]
pub(crate) struct PortError {
    /// What was tried, in words.
    pub(crate) tried: String,
    /// What the system said last.
    pub(crate) source: std::io::Error,
}

/// Binds the first port of the expression that is free, at this IP address (TCP).
pub(crate) async fn bind(
    _carriers: &crate::carrier::Carriers,
    _ip: std::net::IpAddr,
    _expression: &PortExpr,
) -> Result<Box<dyn crate::carrier::Acceptor>, PortError> {
    unimplemented!()
}

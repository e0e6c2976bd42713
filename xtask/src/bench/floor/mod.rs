//! The floors: bare tokio and rustls at the same work, without any protocol. Nobody who uses TLS
//! with certificates of both ends on this machine can be much faster.
//!
//! They know sockets, TLS 1.3 and frames of a length and a payload; nothing of this product.

mod connect;
mod frames;
mod one_way;
mod round_trip;
mod stream;
mod tls;

pub(super) use connect::Connecting;
pub(super) use one_way::{OneWay, Writes};
pub(super) use round_trip::{InFlight, RoundTrip};
pub(super) use stream::Streaming;

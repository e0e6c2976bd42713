//! What hostile bytes are tried on in the body, for the crate `ltn-fuzz` alone: nothing here is
//! part of what this library promises.
//!
//! Each function comes to its end whatever the bytes are, and panics if a promise is broken.

pub use crate::streams::trying::stream_bytes;
pub use crate::tls::trying::certificate;
pub use crate::transfer::trying::transfer_bytes;

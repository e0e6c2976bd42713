//! The values that programs exchange, and their bytes: CBOR in its deterministic form.

use std::collections::BTreeMap;
use std::time::Duration;

/// A value that every language at hand can read: what JSON has, and bytes, and points in time.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number; on the wire a CBOR integer, or a big integer (tags 2 and 3) beyond 64 bits.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Self>),
    /// Values by name.
    Map(BTreeMap<String, Self>),
    /// A point in time: the time since 1970-01-01T00:00:00Z.
    Time(Duration),
}

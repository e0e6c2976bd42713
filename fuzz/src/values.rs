//! Values in CBOR: one value has one form of bytes, and only that one is read.

use ltn_proto::Value;

/// Reads one value; what is accepted is written again as the very same bytes.
pub(crate) fn read(data: &[u8]) {
    let Ok(value) = Value::from_cbor(data) else { return };
    assert_eq!(value.to_cbor(), data, "the deterministic form has no second spelling");
    assert!(value.check().is_ok(), "what was read may be sent");
    let shown = value.to_string();
    assert!(shown.chars().all(|c| !c.is_control()), "no value steers a terminal: {shown:?}");
}

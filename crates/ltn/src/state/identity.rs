//! How the node's key stands in its file: its id, for people, and PKCS#8 in PEM, for tools.
//!
//! A file is taken only if it is, byte for byte, what would be written for the key in it.

use data_encoding::BASE64;
use ltn_proto::NodeId;

use crate::tls::Identity;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// The characters of a line of PEM.
const LINE_CHARS: usize = 64;

/// The text for this key.
pub(super) fn write(id: NodeId, key: &[u8]) -> String {
    let base64 = BASE64.encode(key);
    let mut text = format!("{id}\n{BEGIN}\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE_CHARS));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// The key in this text.
pub(super) fn read(text: &str) -> Result<Identity, String> {
    let broken = || "it is not as it was written".to_owned();
    let (_, rest) = text.split_once(BEGIN).ok_or_else(broken)?;
    let (body, _) = rest.split_once(END).ok_or_else(broken)?;
    let base64: String = body.lines().collect();
    let key = BASE64.decode(base64.as_bytes()).map_err(|_| broken())?;
    let identity = Identity::of_key(&key).map_err(|_| "the key in it is none".to_owned())?;
    if write(identity.id(), &key) == text { Ok(identity) } else { Err(broken()) }
}

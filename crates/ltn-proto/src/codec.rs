//! Frames and their bytes on a link, in both directions.
//!
//! All numbers are big-endian. A length of 4 bytes says how many follow; then come kind, flags and
//! hops left in one byte each, a byte that is 0, the time left (4), the id (8), source and
//! destination (32 each), and the payload up to the end:
//!
//! ```text
//!  0       4    5     6    7 8           12      20        52             84
//!  | length | kind | flags | hops | 0 | time left | id | source | destination | payload …
//! ```
//!
//! This room knows nothing of what frames mean. It is passed by every frame at every hop, so it
//! copies no payload on the way in and makes no allocation of its own.

use bytes::{Buf, Bytes, BytesMut};

use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::NodeId;

/// The length that stands before every frame, in bytes. It does not count itself.
pub const LENGTH_BYTES: usize = 4;
/// The fixed part of a frame behind its length, in bytes.
pub const HEADER_BYTES: usize = 80;
/// What a frame takes on the wire beside its payload, in bytes.
pub const OVERHEAD_BYTES: usize = LENGTH_BYTES + HEADER_BYTES;

/// How many bytes this frame takes on the wire.
#[must_use]
pub const fn encoded_len(frame: &Frame) -> usize {
    OVERHEAD_BYTES + frame.payload.len()
}

/// Appends the frame's bytes to `out`.
pub fn encode(frame: &Frame, out: &mut BytesMut) {
    out.reserve(encoded_len(frame));
    out.extend_from_slice(&encode_head(&frame.header, frame.payload.len()));
    out.extend_from_slice(&frame.payload);
}

/// The bytes before the payload, for writers that send a large payload from where it lies.
#[must_use]
pub fn encode_head(header: &Header, payload_bytes: usize) -> [u8; OVERHEAD_BYTES] {
    let length = u32::try_from(HEADER_BYTES + payload_bytes)
        .expect("whoever makes frames keeps payloads far below 4 GiB");
    let mut head = [0; OVERHEAD_BYTES];
    head[0..4].copy_from_slice(&length.to_be_bytes());
    head[4] = header.kind.0;
    head[5] = header.flags.0;
    head[6] = header.hops_left;
    head[8..12].copy_from_slice(&header.time_left_ms.to_be_bytes());
    head[12..20].copy_from_slice(&header.id.to_be_bytes());
    head[20..52].copy_from_slice(header.source.as_bytes());
    head[52..84].copy_from_slice(header.destination.as_bytes());
    head
}

/// Why bytes are no frame. After any of these the link is of no more use, because nobody knows
/// where the next frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The payload is larger than it may be at this point.
    #[error("a frame with a payload of {declared} bytes, where at most {max} are allowed")]
    TooLong {
        /// The payload's length as the frame tells it.
        declared: usize,
        /// The most that is allowed now.
        max: usize,
    },
    /// The length does not even cover the fixed part.
    #[error("a frame of {declared} bytes, where its fixed part alone takes {HEADER_BYTES}")]
    TooShort {
        /// The length as the frame tells it.
        declared: usize,
    },
    /// The byte that is kept for later is not 0.
    #[error("the reserved byte of a frame is {0}, not 0")]
    Reserved(u8),
}

/// Takes frames out of the bytes of a link as they arrive.
///
/// It keeps nothing between two calls but the largest payload allowed: bytes that are no whole
/// frame yet stay in the caller's buffer. A payload is a view of that buffer, not a copy; whoever
/// keeps a small one for long keeps the buffer's block alive.
#[derive(Debug, Clone)]
pub struct Decoder {
    payload_bytes_max: usize,
}

impl Decoder {
    /// A decoder that refuses payloads of more than `payload_bytes_max`.
    #[must_use]
    pub const fn new(payload_bytes_max: usize) -> Self {
        Self { payload_bytes_max }
    }

    /// From the next frame on another maximum holds: a stranger gets less than a member.
    pub const fn set_payload_bytes_max(&mut self, payload_bytes_max: usize) {
        self.payload_bytes_max = payload_bytes_max;
    }

    /// The next frame, or `None` if more bytes are needed first.
    ///
    /// The length and the reserved byte are judged as soon as they are there, before the rest is
    /// waited for; nothing is ever reserved by a declared length.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, CodecError> {
        let Some(length) = buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        let Some(payload_bytes) = length.checked_sub(HEADER_BYTES) else {
            return Err(CodecError::TooShort { declared: length });
        };
        if payload_bytes > self.payload_bytes_max {
            let max = self.payload_bytes_max;
            return Err(CodecError::TooLong { declared: payload_bytes, max });
        }
        let Some(head) = buffer.first_chunk::<OVERHEAD_BYTES>() else { return Ok(None) };
        let header = decode_head(head)?;
        if buffer.len() - OVERHEAD_BYTES < payload_bytes {
            return Ok(None);
        }
        buffer.advance(OVERHEAD_BYTES);
        let payload = if payload_bytes == 0 {
            // Sharing the buffer for nothing would cost two atomic operations.
            Bytes::new()
        } else {
            buffer.split_to(payload_bytes).freeze()
        };
        Ok(Some(Frame { header, payload }))
    }
}

fn decode_head(head: &[u8; OVERHEAD_BYTES]) -> Result<Header, CodecError> {
    if head[7] != 0 {
        return Err(CodecError::Reserved(head[7]));
    }
    Ok(Header {
        kind: Kind(head[4]),
        flags: Flags(head[5]),
        hops_left: head[6],
        time_left_ms: u32::from_be_bytes(part(head, 8)),
        id: u64::from_be_bytes(part(head, 12)),
        source: NodeId::from_bytes(part(head, 20)),
        destination: NodeId::from_bytes(part(head, 52)),
    })
}

/// The `N` bytes from `start` on. The compiler sees both and drops the check.
#[inline]
fn part<const N: usize>(head: &[u8; OVERHEAD_BYTES], start: usize) -> [u8; N] {
    *head[start..].first_chunk().expect("every field lies within the fixed part")
}

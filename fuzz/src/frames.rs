//! The bytes of a link, and messages in parts: what is read is what was written, and nothing is
//! kept beyond its limit.

use bytes::{Bytes, BytesMut};
use ltn_proto::codec::{self, Decoder};
use ltn_proto::limits::{FRAME_PAYLOAD_BYTES_MAX, MESSAGE_BYTES_MAX};
use ltn_proto::{Flags, Frame, Header, Kind, Moment, NodeId, Reassembly};

use crate::feed::Feed;

/// Reads frames from bytes that arrive in pieces. The first byte says how large payloads may be,
/// the second how large the pieces are.
pub(crate) fn read(data: &[u8]) {
    let mut feed = Feed::new(data);
    let max = usize::from(feed.byte()) * 256;
    let step = usize::from(feed.byte()) + 1;
    let stream = feed.rest();
    let mut decoder = Decoder::new(max);
    let (mut buffer, mut again) = (BytesMut::new(), BytesMut::new());
    for piece in stream.chunks(step) {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(frame)) => {
                    assert!(frame.payload.len() <= max);
                    codec::encode(&frame, &mut again);
                }
                Ok(None) => break,
                Err(_) => return assert!(stream.starts_with(&again)),
            }
        }
        assert!(buffer.len() < codec::OVERHEAD_BYTES + max + step, "it waits for too much");
    }
    again.extend_from_slice(&buffer);
    assert_eq!(again, stream, "what was read, written again, is what came");
}

/// Puts messages together whose parts come from two sources, in any order, for as long as it takes.
pub(crate) fn assemble(data: &[u8]) {
    let mut feed = Feed::new(data);
    let mut room = Reassembly::default();
    let mut now = Moment::ZERO;
    while !feed.is_empty() {
        let [source, id, flags, pause] = feed.array();
        now = now + std::time::Duration::from_millis(u64::from(pause) * 100);
        let mut header =
            Header::new(Kind::SEND, NodeId::from_bytes([source % 2; 32]), NodeId::NOBODY);
        header.id = u64::from(id % 4);
        header.flags = Flags(flags);
        let mut payload = feed.piece().to_vec();
        // Sizes near the limit are out of reach of short inputs.
        if flags & 0x80 != 0 {
            payload.resize(FRAME_PAYLOAD_BYTES_MAX, 7);
        }
        if let Ok(Some(whole)) = room.accept(now, Frame { header, payload: Bytes::from(payload) }) {
            assert!(whole.payload.len() <= MESSAGE_BYTES_MAX);
            assert!(!whole.header.flags.has(Flags::FRAGMENT), "the whole is no part");
        }
    }
}

//! Frames and their bytes: the layout that `docs/protocol.md` tells, hostile lengths, and any
//! frames in any pieces.

use bytes::{Bytes, BytesMut};
use ltn_proto::codec::{self, Decoder, HEADER_BYTES, OVERHEAD_BYTES};
use ltn_proto::limits::FRAME_PAYLOAD_BYTES_MAX;
use ltn_proto::{CodecError, Flags, Frame, Header, Kind, NodeId};
use proptest::prelude::*;

fn bytes_of(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    codec::encode(frame, &mut out);
    out
}

fn small_frame() -> Frame {
    let mut header = Header::new(Kind::SEND, NodeId::from_bytes([1; 32]), NodeId::NOBODY);
    header.flags = Flags::TEXT;
    header.time_left_ms = 0x0102_0304;
    header.id = 0x1112_1314_1516_1718;
    Frame { header, payload: Bytes::from_static(b"hello") }
}

#[test]
fn the_layout_is_the_one_in_the_protocol() {
    let mut expected = vec![0, 0, 0, 85, 0x42, 0x04, 32, 0, 1, 2, 3, 4];
    expected.extend([0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]);
    expected.extend([1; 32]);
    expected.extend([0; 32]);
    expected.extend(b"hello");
    assert_eq!(bytes_of(&small_frame()), expected);
    assert_eq!(codec::encoded_len(&small_frame()), expected.len());
}

#[test]
fn a_length_is_judged_before_its_bytes_are_there() {
    let mut decoder = Decoder::new(1000);
    let mut four = |length: u32| {
        let mut buffer = BytesMut::from(&length.to_be_bytes()[..]);
        decoder.decode(&mut buffer)
    };
    let declared = u32::MAX as usize - HEADER_BYTES;
    assert_eq!(four(u32::MAX), Err(CodecError::TooLong { declared, max: 1000 }));
    assert_eq!(four(1081), Err(CodecError::TooLong { declared: 1001, max: 1000 }));
    assert_eq!(four(1080), Ok(None));
    assert_eq!(four(79), Err(CodecError::TooShort { declared: 79 }));
    assert_eq!(four(0), Err(CodecError::TooShort { declared: 0 }));
}

#[test]
fn nothing_is_reserved_for_bytes_that_have_not_come() {
    let mut buffer = bytes_of(&Frame {
        payload: Bytes::from(vec![0; FRAME_PAYLOAD_BYTES_MAX]),
        ..small_frame()
    });
    let mut buffer = BytesMut::from(&buffer.split_to(100)[..]);
    let before = buffer.capacity();
    assert_eq!(Decoder::new(FRAME_PAYLOAD_BYTES_MAX).decode(&mut buffer), Ok(None));
    assert_eq!((buffer.len(), buffer.capacity()), (100, before));
}

#[test]
fn the_reserved_byte_must_be_zero() {
    let mut buffer = bytes_of(&small_frame());
    buffer[7] = 9;
    assert_eq!(Decoder::new(5).decode(&mut buffer), Err(CodecError::Reserved(9)));
}

#[test]
fn another_maximum_holds_from_the_next_frame_on() {
    let mut decoder = Decoder::new(4);
    let mut buffer = bytes_of(&small_frame());
    let refused = decoder.decode(&mut buffer);
    assert_eq!(refused, Err(CodecError::TooLong { declared: 5, max: 4 }));
    decoder.set_payload_bytes_max(5);
    assert_eq!(decoder.decode(&mut buffer), Ok(Some(small_frame())));
    assert!(buffer.is_empty());
}

#[test]
fn a_payload_is_a_view_of_the_buffer() {
    let mut buffer = bytes_of(&small_frame());
    let payload_at = buffer[OVERHEAD_BYTES..].as_ptr();
    let frame = Decoder::new(5).decode(&mut buffer).unwrap().unwrap();
    assert_eq!(frame.payload.as_ptr(), payload_at);
}

#[test]
fn texts_say_what_was_wrong() {
    assert_eq!(
        CodecError::TooLong { declared: 70_000, max: 65_536 }.to_string(),
        "a frame with a payload of 70000 bytes, where at most 65536 are allowed"
    );
}

prop_compose! {
    pub(crate) fn any_frame()(
        numbers in any::<(u8, u8, u8, u32, u64)>(),
        source in any::<[u8; 32]>(),
        destination in any::<[u8; 32]>(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) -> Frame {
        let (kind, flags, hops_left, time_left_ms, id) = numbers;
        let header = Header {
            kind: Kind(kind),
            flags: Flags(flags),
            hops_left,
            time_left_ms,
            id,
            source: NodeId::from_bytes(source),
            destination: NodeId::from_bytes(destination),
        };
        Frame { header, payload: payload.into() }
    }
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in_whatever_the_pieces(
        frames in prop::collection::vec(any_frame(), 0..10),
        pieces in prop::collection::vec(1..300_usize, 1..20),
    ) {
        let mut sent = BytesMut::new();
        frames.iter().for_each(|frame| codec::encode(frame, &mut sent));
        let mut pieces = pieces.into_iter().cycle();
        let mut decoder = Decoder::new(200);
        let (mut buffer, mut arrived) = (BytesMut::new(), Vec::new());
        while !sent.is_empty() {
            let piece = pieces.next().unwrap().min(sent.len());
            buffer.extend_from_slice(&sent.split_to(piece));
            while let Some(frame) = decoder.decode(&mut buffer).unwrap() {
                arrived.push(frame);
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(arrived, frames);
    }

    #[test]
    fn garbage_ends_in_an_error_or_in_waiting(
        bytes in prop::collection::vec(any::<u8>(), 0..500),
        length in 0..400_u32,
    ) {
        let mut decoder = Decoder::new(100);
        let mut buffer = BytesMut::from(&length.to_be_bytes()[..]);
        buffer.extend_from_slice(&bytes);
        while let Ok(Some(frame)) = decoder.decode(&mut buffer) {
            prop_assert!(frame.payload.len() <= 100);
        }
    }
}

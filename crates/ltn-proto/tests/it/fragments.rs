//! Messages in parts: whole again at the other end, and bounded in number, bytes and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ltn_proto::limits::{
    FRAME_PAYLOAD_BYTES_MAX, MESSAGE_BYTES_MAX, REASSEMBLIES_MAX, REASSEMBLY_BYTES_MAX,
    REASSEMBLY_TIMEOUT,
};
use ltn_proto::{Flags, FragmentError, Frame, Header, Kind, Moment, NodeId, Reassembly, split};
use proptest::prelude::*;

const NOW: Moment = Moment::ZERO;

fn header(source: u8, id: u64) -> Header {
    let mut header = Header::new(Kind::SEND, NodeId::from_bytes([source; 32]), NodeId::NOBODY);
    header.id = id;
    header.flags = Flags::VALUE;
    header
}

fn message(bytes: usize) -> Bytes {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

fn parts(source: u8, id: u64, bytes: usize) -> Vec<Frame> {
    split(header(source, id), message(bytes)).collect()
}

/// A part as only a peer that breaks the rules would make it.
fn part(total: u32, offset: u32, content: &[u8]) -> Frame {
    let mut header = header(1, 1);
    header.flags = header.flags.with(Flags::FRAGMENT);
    let mut payload = BytesMut::new();
    payload.extend_from_slice(&total.to_be_bytes());
    payload.extend_from_slice(&offset.to_be_bytes());
    payload.extend_from_slice(content);
    Frame { header, payload: payload.freeze() }
}

#[test]
fn what_fits_stays_one_plain_frame() {
    for bytes in [0, 1, FRAME_PAYLOAD_BYTES_MAX] {
        let frames = parts(1, 7, bytes);
        assert_eq!(frames, [Frame { header: header(1, 7), payload: message(bytes) }]);
        let accepted = Reassembly::new().accept(NOW, frames[0].clone());
        assert_eq!(accepted, Ok(Some(frames[0].clone())));
    }
}

#[test]
fn a_large_message_is_whole_again() {
    for bytes in [FRAME_PAYLOAD_BYTES_MAX + 1, 200_000, MESSAGE_BYTES_MAX] {
        let mut frames = parts(1, 7, bytes);
        assert!(frames.len() > 1);
        assert!(frames.iter().all(|frame| frame.payload.len() <= FRAME_PAYLOAD_BYTES_MAX));
        let last = frames.pop().unwrap();
        let mut reassembly = Reassembly::new();
        for frame in frames {
            assert_eq!(reassembly.accept(NOW, frame), Ok(None));
        }
        let whole = Frame { header: header(1, 7), payload: message(bytes) };
        assert_eq!(reassembly.accept(NOW, last), Ok(Some(whole)));
        assert_eq!(reassembly.poll_timeout(), None);
    }
}

#[test]
fn parts_of_several_messages_may_be_mixed() {
    let (a, b) = (parts(1, 1, 150_000), parts(2, 1, 150_000));
    let mut reassembly = Reassembly::new();
    let mut wholes = 0;
    for frame in a.into_iter().zip(b).flat_map(|(a, b)| [a, b]) {
        wholes += usize::from(reassembly.accept(NOW, frame).unwrap().is_some());
    }
    assert_eq!(wholes, 2);
}

#[test]
fn a_missing_part_ends_the_message() {
    let mut frames = parts(1, 1, 250_000);
    frames.remove(1);
    let mut reassembly = Reassembly::new();
    let results: Vec<_> = frames.into_iter().map(|frame| reassembly.accept(NOW, frame)).collect();
    assert_eq!(results[0], Ok(None));
    assert!(results[1..].iter().all(|result| *result == Err(FragmentError::OutOfOrder)));
    assert_eq!(reassembly.poll_timeout(), None);
}

#[test]
fn a_source_may_start_anew() {
    let frames = parts(1, 0, 150_000);
    let mut reassembly = Reassembly::new();
    assert_eq!(reassembly.accept(NOW, frames[0].clone()), Ok(None));
    let mut last = None;
    for frame in frames {
        last = reassembly.accept(NOW, frame).unwrap();
    }
    assert_eq!(last.unwrap().payload, message(150_000));
}

#[test]
fn parts_that_lie_are_refused() {
    let too_large = u32::try_from(MESSAGE_BYTES_MAX).unwrap() + 1;
    let cases: [(&[Frame], FragmentError); 8] = [
        (&[part(10, 0, b"")], FragmentError::Empty),
        (&[Frame { payload: Bytes::from_static(b"1234567"), ..part(1, 0, b"") }], {
            FragmentError::Empty
        }),
        (&[part(too_large, 0, b"a")], FragmentError::TooLarge { declared: too_large as usize }),
        (&[part(0, 0, b"a")], FragmentError::OutOfOrder),
        (&[part(10, 5, b"a")], FragmentError::OutOfOrder),
        (&[part(10, 0, b"abcd"), part(10, 3, b"d")], FragmentError::OutOfOrder),
        (&[part(10, 0, b"abcd"), part(3, 4, b"d")], FragmentError::OutOfOrder),
        (&[part(5, 0, b"abcd"), part(5, 4, b"ef")], FragmentError::OutOfOrder),
    ];
    for (frames, why) in cases {
        let mut reassembly = Reassembly::new();
        let results: Vec<_> =
            frames.iter().map(|frame| reassembly.accept(NOW, frame.clone())).collect();
        assert_eq!(results.last(), Some(&Err(why)), "{frames:?}");
        assert_eq!(reassembly.poll_timeout(), None, "nothing is kept of {frames:?}");
    }
}

#[test]
fn half_messages_are_dropped_in_time() {
    let mut reassembly = Reassembly::new();
    let later = NOW + Duration::from_secs(3);
    let (a, b) = (parts(1, 1, 100_000), parts(1, 2, 100_000));
    assert_eq!(reassembly.accept(NOW, a[0].clone()), Ok(None));
    assert_eq!(reassembly.accept(later, b[0].clone()), Ok(None));
    assert_eq!(reassembly.poll_timeout(), Some(NOW + REASSEMBLY_TIMEOUT));
    reassembly.handle_timeout(NOW + REASSEMBLY_TIMEOUT);
    assert_eq!(reassembly.poll_timeout(), Some(later + REASSEMBLY_TIMEOUT));
    assert_eq!(reassembly.accept(later, a[1].clone()), Err(FragmentError::OutOfOrder));
    assert!(reassembly.accept(later, b[1].clone()).unwrap().is_some());
}

#[test]
fn a_source_that_is_gone_is_forgotten() {
    let mut reassembly = Reassembly::new();
    let (a, b) = (parts(1, 1, 100_000), parts(2, 1, 100_000));
    assert_eq!(reassembly.accept(NOW, a[0].clone()), Ok(None));
    assert_eq!(reassembly.accept(NOW, b[0].clone()), Ok(None));
    reassembly.forget(&NodeId::from_bytes([1; 32]));
    assert_eq!(reassembly.accept(NOW, a[1].clone()), Err(FragmentError::OutOfOrder));
    assert!(reassembly.accept(NOW, b[1].clone()).unwrap().is_some());
}

#[test]
fn one_source_cannot_keep_the_others_out() {
    let mut reassembly = Reassembly::new();
    let mut taken = 0;
    for id in 0..1_000 {
        let first = parts(1, id, 100_000).swap_remove(0);
        taken += usize::from(reassembly.accept(NOW, first) == Ok(None));
    }
    assert_eq!(taken, REASSEMBLIES_MAX / 2);
    let [first, second] = parts(2, 1, 100_000).try_into().unwrap();
    assert_eq!(reassembly.accept(NOW, first), Ok(None));
    assert!(reassembly.accept(NOW, second).unwrap().is_some());
}

#[test]
fn the_bytes_and_the_number_of_all_are_bounded() {
    let mut reassembly = Reassembly::new();
    let (mut kept_bytes, mut kept) = (0, 0);
    for source in 0..=u8::MAX {
        let mut frames = parts(source, 1, MESSAGE_BYTES_MAX);
        frames.truncate(10);
        let mut of_this = 0;
        for frame in frames {
            let content = frame.payload.len() - 8;
            of_this = reassembly.accept(NOW, frame).map_or(0, |_| of_this + content);
        }
        kept_bytes += of_this;
        kept += usize::from(of_this > 0);
    }
    assert!(kept_bytes <= REASSEMBLY_BYTES_MAX && kept <= REASSEMBLIES_MAX);
    assert!(kept_bytes > REASSEMBLY_BYTES_MAX / 2, "the limit was reached: {kept_bytes}");
    // What failed gave its room back: after the time is up all of it is free again.
    reassembly.handle_timeout(NOW + REASSEMBLY_TIMEOUT);
    for frame in parts(1, 2, MESSAGE_BYTES_MAX) {
        assert!(reassembly.accept(NOW, frame).is_ok());
    }
}

proptest! {
    #[test]
    fn any_parts_keep_to_the_limits(
        parts in prop::collection::vec((0..40_u32, 0..40_u32, 0..20_usize), 0..200),
    ) {
        let mut reassembly = Reassembly::new();
        for (total, offset, bytes) in parts {
            let accepted = reassembly.accept(NOW, part(total, offset, &message(bytes)));
            if let Ok(Some(whole)) = accepted {
                prop_assert_eq!(whole.payload.len(), total as usize);
            }
        }
    }
}

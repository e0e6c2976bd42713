//! Hosts of another version: they say fields, kinds and flags that these minds do not know.

use bytes::Bytes;

use crate::frame::{Flags, Frame, Header, Kind};

use super::HostId;
use super::network::Network;

/// A kind that no mind here knows.
pub(super) const STRANGE_KIND: Kind = Kind(0x7b);
/// A flag that means nothing here.
const STRANGE_FLAG: u8 = 0x80;
/// The field number 99 of a CBOR map, and `true`.
const STRANGE_FIELD: [u8; 3] = [0x18, 0x63, 0xf5];
/// A CBOR map with so many fields or fewer says their number in its first byte.
const SHORT_MAP: std::ops::RangeInclusive<u8> = 0xa0..=0xb6;

impl Network {
    /// What this host says of its own from now on has a field more than anybody here knows.
    pub fn make_newer(&mut self, host: HostId) {
        self.hosts[host.0].newer = true;
    }

    /// What a host says, as its version says it.
    pub(super) fn in_its_version(&self, host: HostId, mut frame: Frame) -> Frame {
        let mine = frame.header.source == self.id(host);
        // What programs say belongs to them.
        let content = [Kind::SEND, Kind::CAST, Kind::REPLY, Kind::PART];
        let is_whole = !frame.header.flags.has(Flags::FRAGMENT);
        let said = mine && is_whole && !content.contains(&frame.header.kind);
        let first = frame.payload.first().copied().filter(|first| SHORT_MAP.contains(first));
        if let Some(first) = first.filter(|_| said && self.hosts[host.0].newer) {
            let rest = frame.payload.get(1..).unwrap_or_default();
            frame.payload = Bytes::from([&[first + 1], rest, &STRANGE_FIELD].concat());
        }
        frame
    }

    /// Has this frame the field that nobody knows?
    pub(super) fn has_strange_field(frame: &Frame) -> bool {
        let is_map = frame.payload.first().is_some_and(|first| (0xa1..=0xb7).contains(first));
        is_map && frame.payload.ends_with(&STRANGE_FIELD)
    }

    /// A frame of a kind that nobody here knows, with a flag that nobody knows either, from one
    /// host to another; an answer is wanted. The number has to be another one each time.
    #[must_use]
    pub fn strange_frame(&self, from: HostId, to: HostId, number: u64) -> Frame {
        let mut header = Header::new(STRANGE_KIND, self.id(from), self.id(to));
        header.id = number;
        header.time_left_ms = 5_000;
        header.flags = Flags(Flags::ANSWER_WANTED.0 | STRANGE_FLAG);
        Frame { header, payload: Bytes::from(number.to_le_bytes().repeat(3)) }
    }
}

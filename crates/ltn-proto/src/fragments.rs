//! Messages that do not fit into one frame: taken apart at the source, put together at the
//! destination, and passed on in between as the ordinary frames that they are.
//!
//! Each part is a frame with the header of the whole message and [`Flags::FRAGMENT`]; its payload
//! starts with the length of the whole and the offset of this part, 4 bytes each, big-endian. Links
//! keep the order, so the parts arrive one behind the other; a gap means that one is lost, and the
//! message with it. This room does not know what messages mean or who waits for them.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};

use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::NodeId;
use crate::limits::{
    FRAME_PAYLOAD_BYTES_MAX, MESSAGE_BYTES_MAX, REASSEMBLIES_MAX, REASSEMBLY_BYTES_MAX,
    REASSEMBLY_TIMEOUT,
};
use crate::moment::Moment;

/// What stands before the content of each part, in bytes.
const PREFIX_BYTES: usize = 8;
/// The content of one part, in bytes.
const PART_BYTES_MAX: usize = FRAME_PAYLOAD_BYTES_MAX - PREFIX_BYTES;
/// One source gets no more than half of all, so that it cannot keep the others out.
const REASSEMBLIES_PER_SOURCE_MAX: usize = REASSEMBLIES_MAX / 2;
/// See [`REASSEMBLIES_PER_SOURCE_MAX`].
const REASSEMBLY_BYTES_PER_SOURCE_MAX: usize = REASSEMBLY_BYTES_MAX / 2;

/// The frames that carry this message: one plain frame if it fits, else its parts in order.
///
/// The destination refuses more than [`MESSAGE_BYTES_MAX`]; callers check that before, because they
/// can tell the user. Parts of two messages of one source, kind and id must not be mixed.
pub fn split(header: Header, payload: Bytes) -> impl Iterator<Item = Frame> {
    let total = payload.len();
    let is_whole = total <= FRAME_PAYLOAD_BYTES_MAX;
    let step = if is_whole { FRAME_PAYLOAD_BYTES_MAX } else { PART_BYTES_MAX };
    // An empty message is one frame, too.
    (0..total.max(1)).step_by(step).map(move |offset| {
        let content = payload.slice(offset..total.min(offset + step));
        if is_whole {
            let flags = header.flags.without(Flags::FRAGMENT);
            return Frame { header: Header { flags, ..header }, payload: content };
        }
        let mut part = BytesMut::with_capacity(PREFIX_BYTES + content.len());
        part.put_u32(wire_number(total));
        part.put_u32(wire_number(offset));
        part.put_slice(&content);
        let flags = header.flags.with(Flags::FRAGMENT);
        Frame { header: Header { flags, ..header }, payload: part.freeze() }
    })
}

fn wire_number(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("callers keep messages within MESSAGE_BYTES_MAX")
}

/// Why a part could not be taken. What had arrived of its message is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// Its payload has no room for its place, or nothing behind it.
    #[error("a part of a message without content")]
    Empty,
    /// The whole is larger than a message may be.
    #[error("a message of {declared} bytes, where at most {MESSAGE_BYTES_MAX} are allowed")]
    TooLarge {
        /// The length of the whole as the part tells it.
        declared: usize,
    },
    /// It does not fit behind what is there: a part before it is missing, or it says something
    /// else of the whole than the first one.
    #[error("a part of a message that does not follow the parts before it")]
    OutOfOrder,
    /// Too many messages, or too many bytes, are being put together already.
    #[error("too many messages in parts at one time")]
    TooMany,
}

/// Ids are unique per source and kind.
type Key = (NodeId, Kind, u64);

#[derive(Debug, Clone)]
struct Partial {
    flags: Flags,
    total: usize,
    content: BytesMut,
    began: Moment,
}

impl Partial {
    fn missing(&self) -> usize {
        self.total - self.content.len()
    }
}

/// Puts messages together from their parts, within limits of number, bytes and time.
#[derive(Debug, Clone, Default)]
pub struct Reassembly {
    partials: BTreeMap<Key, Partial>,
    bytes: usize,
}

impl Reassembly {
    /// Nothing has arrived yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { partials: BTreeMap::new(), bytes: 0 }
    }

    /// A frame has arrived: the whole message if this completes one, `None` if more is to come.
    /// A frame that is no part passes as it is. The header of a whole is that of its last part.
    ///
    /// After an error the parts that are still on their way end in `OutOfOrder`, one by one:
    /// whoever answers the first error stays silent at those.
    pub fn accept(&mut self, now: Moment, frame: Frame) -> Result<Option<Frame>, FragmentError> {
        if !frame.header.flags.has(Flags::FRAGMENT) {
            return Ok(Some(frame));
        }
        let key = (frame.header.source, frame.header.kind, frame.header.id);
        let result = self.accept_part(now, key, &frame);
        if result.is_err() {
            self.remove(&key);
        }
        Ok(result?.map(|payload| {
            let flags = frame.header.flags.without(Flags::FRAGMENT);
            Frame { header: Header { flags, ..frame.header }, payload }
        }))
    }

    fn accept_part(
        &mut self,
        now: Moment,
        key: Key,
        frame: &Frame,
    ) -> Result<Option<Bytes>, FragmentError> {
        let (total, offset, content) = read_part(&frame.payload)?;
        if total > MESSAGE_BYTES_MAX {
            return Err(FragmentError::TooLarge { declared: total });
        }
        if offset == 0 {
            // A source that starts anew has given up the rest of the one before.
            self.remove(&key);
        }
        self.check_room(&key, content.len())?;
        let flags = frame.header.flags;
        if offset == 0 {
            let partial = Partial { flags, total, content: BytesMut::new(), began: now };
            self.partials.insert(key, partial);
        }
        let partial = self.partials.get_mut(&key).ok_or(FragmentError::OutOfOrder)?;
        let is_same = total == partial.total && flags == partial.flags;
        let follows = offset == partial.content.len() && content.len() <= partial.missing();
        if !is_same || !follows {
            return Err(FragmentError::OutOfOrder);
        }
        // Grows by what has arrived, never by what was declared.
        partial.content.extend_from_slice(content);
        self.bytes += content.len();
        if partial.missing() > 0 {
            return Ok(None);
        }
        Ok(self.remove(&key).map(|partial| partial.content.freeze()))
    }

    /// Is there room for so many bytes more of this message?
    fn check_room(&self, key: &Key, more: usize) -> Result<(), FragmentError> {
        let of_source = || self.partials.range(range_of(&key.0)).map(|(_, partial)| partial);
        let bytes_of_source: usize = of_source().map(|partial| partial.content.len()).sum();
        let is_new = !self.partials.contains_key(key);
        let fits = self.bytes + more <= REASSEMBLY_BYTES_MAX
            && bytes_of_source + more <= REASSEMBLY_BYTES_PER_SOURCE_MAX
            && (!is_new || self.partials.len() < REASSEMBLIES_MAX)
            && (!is_new || of_source().count() < REASSEMBLIES_PER_SOURCE_MAX);
        if fits { Ok(()) } else { Err(FragmentError::TooMany) }
    }

    fn remove(&mut self, key: &Key) -> Option<Partial> {
        let partial = self.partials.remove(key)?;
        self.bytes -= partial.content.len();
        Some(partial)
    }

    /// When [`Self::handle_timeout`] has something to do, if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.partials.values().map(|partial| partial.began + REASSEMBLY_TIMEOUT).min()
    }

    /// Drops what has been incomplete for too long.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.retain(|_, partial| now < partial.began + REASSEMBLY_TIMEOUT);
    }

    /// Drops what has arrived from a source that will not send the rest.
    pub fn forget(&mut self, source: &NodeId) {
        self.retain(|key, _| key.0 != *source);
    }

    fn retain(&mut self, mut is_kept: impl FnMut(&Key, &Partial) -> bool) {
        self.partials.retain(|key, partial| is_kept(key, partial));
        self.bytes = self.partials.values().map(|partial| partial.content.len()).sum();
    }
}

fn range_of(source: &NodeId) -> std::ops::RangeInclusive<Key> {
    (*source, Kind(0), 0)..=(*source, Kind(u8::MAX), u64::MAX)
}

/// The length of the whole, the offset of this part, and its content.
fn read_part(payload: &Bytes) -> Result<(usize, usize, &[u8]), FragmentError> {
    let (total, rest) = payload.split_first_chunk::<4>().ok_or(FragmentError::Empty)?;
    let (offset, content) = rest.split_first_chunk::<4>().ok_or(FragmentError::Empty)?;
    if content.is_empty() {
        return Err(FragmentError::Empty);
    }
    let total = u32::from_be_bytes(*total) as usize;
    Ok((total, u32::from_be_bytes(*offset) as usize, content))
}

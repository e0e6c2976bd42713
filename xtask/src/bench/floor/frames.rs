//! The least that one can call frames: four bytes of length, then so many bytes.

use anyhow::Result;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::tls::{Stream, Tls};

/// What a reader takes in at one go.
const BUFFER_BYTES: usize = 64 * 1024;
/// The bytes before a payload.
const LENGTH_BYTES: usize = size_of::<u32>();

/// A connection that carries frames.
pub(super) struct Frames {
    stream: Stream,
    incoming: BytesMut,
}

impl Frames {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, incoming: BytesMut::with_capacity(BUFFER_BYTES) }
    }

    /// The whole frames that have come in, together and still encoded, and how many they are;
    /// waits for at least one. `None` when the other end has closed.
    pub(super) async fn read(&mut self) -> Result<Option<(BytesMut, usize)>> {
        loop {
            let (bytes, frames) = whole(&self.incoming);
            if frames > 0 {
                return Ok(Some((self.incoming.split_to(bytes), frames)));
            }
            self.incoming.reserve(BUFFER_BYTES);
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Writes encoded frames in one go.
    pub(super) async fn write(&mut self, frames: &[u8]) -> Result<()> {
        self.stream.write_all(frames).await?;
        self.stream.flush().await?;
        Ok(())
    }
}

/// How many bytes at the start are whole frames, and how many frames.
fn whole(mut rest: &[u8]) -> (usize, usize) {
    let (mut bytes, mut frames) = (0, 0);
    while let Some(mut length) = rest.get(..LENGTH_BYTES) {
        let frame = LENGTH_BYTES + length.get_u32_le() as usize;
        let Some(behind) = rest.get(frame..) else { break };
        rest = behind;
        bytes += frame;
        frames += 1;
    }
    (bytes, frames)
}

/// So many frames with a payload of so many bytes, encoded one behind the other.
pub(super) fn encoded(frames: usize, payload_bytes: u32) -> Bytes {
    let mut bytes = BytesMut::new();
    for _ in 0..frames {
        bytes.put_u32_le(payload_bytes);
        bytes.put_bytes(0x5a, payload_bytes as usize);
    }
    bytes.freeze()
}

/// A connection over so many relays to somebody who sends every frame back.
pub(super) async fn to_echo(tls: &Tls, relays: usize) -> Result<Frames> {
    let (near, mut far) = tls.pair().await?;
    for _ in 0..relays {
        let (onward, next) = tls.pair().await?;
        tokio::spawn(relay(Frames::new(far), Frames::new(onward)));
        far = next;
    }
    tokio::spawn(echo(Frames::new(far)));
    Ok(Frames::new(near))
}

async fn echo(mut peer: Frames) -> Result<()> {
    while let Some((frames, _)) = peer.read().await? {
        peer.write(&frames).await?;
    }
    Ok(())
}

/// Passes whole frames on, both ways, as many at a time as have come in.
async fn relay(mut left: Frames, mut right: Frames) -> Result<()> {
    loop {
        let (to, frames) = tokio::select! {
            frames = left.read() => (&mut right, frames?),
            frames = right.read() => (&mut left, frames?),
        };
        let Some((frames, _)) = frames else { return Ok(()) };
        to.write(&frames).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_frames_count() {
        let three = encoded(3, 5);
        assert_eq!(three.len(), 27);
        assert_eq!(whole(&three), (27, 3));
        assert_eq!(whole(&three[..26]), (18, 2));
        assert_eq!(whole(&three[..3]), (0, 0));
    }
}

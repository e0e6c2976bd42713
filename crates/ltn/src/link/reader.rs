//! The reader of one link: bytes in, batches of frames out to the driver.
//!
//! It is woken once per arrival, decodes every complete frame and sends them on as one wake. When
//! the driver is behind, the channel is full, the reader waits, and TCP slows the other end down.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use ltn_proto::codec::{CodecError, Decoder};
use ltn_proto::limits::{FIRST_FRAME_BYTES_MAX, FRAME_PAYLOAD_BYTES_MAX};
use ltn_proto::{CloseReason, Frame, LinkId};

use super::halves::ReadHalf;
use super::holding;
use super::queue::{Queue, Verdict};
use crate::wake::{Wake, WakeSender};

/// What one read takes at the most, beyond what is left of the last one. An idle link keeps none.
const READ_BYTES_MAX: usize = 64 * 1024;

/// All that a reader task needs.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) link: LinkId,
    pub(super) half: ReadHalf,
    pub(super) queue: Arc<Queue>,
    pub(super) wakes: WakeSender,
    /// Did the other end come to us? Then its first frame must be small. Whom we dialed may greet
    /// us at length.
    pub(super) stranger: bool,
}

impl Reader {
    /// Reads until the connection or the other end's good manners end, and says why.
    pub(super) async fn run(mut self) {
        let verdict = self.read().await;
        self.queue.end(verdict);
    }

    async fn read(&mut self) -> Verdict {
        let mut buffer = BytesMut::new();
        let first = if self.stranger { FIRST_FRAME_BYTES_MAX } else { FRAME_PAYLOAD_BYTES_MAX };
        let mut decoder = Decoder::new(first);
        loop {
            let bytes_max = buffer.len() + READ_BYTES_MAX;
            match self.half.read_all_there_is(&mut buffer, bytes_max).await {
                Ok(0) if buffer.is_empty() => return lost("the other end closed the connection"),
                Ok(0) => return lost("the connection ended in the middle of a frame"),
                Ok(_) => {}
                Err(error) => return broken(&error),
            }
            let mut frames = Vec::new();
            let decoded = decode_all(&mut decoder, &mut buffer, &mut frames);
            if !frames.is_empty() {
                let wake = Wake::Frames { link: self.link, frames };
                if self.wakes.send(wake).await.is_err() {
                    return lost("this node has stopped");
                }
            }
            if let Err(error) = decoded {
                return Verdict::now(CloseReason::Misbehaved, error.to_string());
            }
            if buffer.is_empty() {
                buffer = BytesMut::new();
            }
        }
    }
}

fn decode_all(
    decoder: &mut Decoder,
    buffer: &mut BytesMut,
    frames: &mut Vec<Frame>,
) -> Result<(), CodecError> {
    while let Some(mut frame) = decoder.decode(buffer)? {
        holding::begin(&mut frame);
        frames.push(frame);
        decoder.set_payload_bytes_max(FRAME_PAYLOAD_BYTES_MAX);
    }
    Ok(())
}

fn lost(text: &str) -> Verdict {
    Verdict::now(CloseReason::Lost, text)
}

fn broken(error: &io::Error) -> Verdict {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => lost("the connection broke off without a goodbye"),
        // TLS found what nobody who holds the keys would have sent.
        io::ErrorKind::InvalidData => {
            Verdict::now(CloseReason::Misbehaved, format!("bad TLS from the other end: {error}"))
        }
        _ => Verdict::now(CloseReason::Lost, format!("the connection broke: {error}")),
    }
}

//! The queue between the driver and the program that reads messages. Putting in never waits.
//!
//! Two marks, because the two kinds of messages promise different things. A *send* promises that
//! the program will see it, so it is refused as busy when [`WAITING_MESSAGES_MAX`] wait already. A
//! *cast* promises nothing, but a program that reads steadily must not lose any because it was not
//! scheduled for a moment: at two million a second, 60 ms are 120,000 messages. So casts are
//! taken up to [`WAITING_CASTS_MAX`], as long as all that waits stays below [`WAITING_BYTES_MAX`]:
//! four times what a link may have queued, and room for sixteen of the largest messages.

use std::collections::VecDeque;

use bytes::Bytes;
use ltn_proto::{Answer, Content, Refusal, RefusalKind, Value};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::words::Message;

/// Messages that wait before a further send is refused.
pub(crate) const WAITING_MESSAGES_MAX: usize = 1_024;
/// Messages that wait before a further cast is dropped.
pub(crate) const WAITING_CASTS_MAX: usize = 131_072;
/// Bytes of messages that wait before anything further is refused or dropped.
pub(crate) const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// From this many waiting messages on, bytes are copied out of the buffer they arrived in, which
/// may be much larger than they are and would be held as long as they wait.
const COPIED_BEYOND: usize = 256;

/// The driver's end of the queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: mpsc::Sender<Message>,
    /// The sizes of what waits, oldest first. The queue is first in, first out, so its length says
    /// which of them have been read.
    sizes: VecDeque<u32>,
    waiting_bytes: usize,
    dropped: u64,
}

impl Inbox {
    /// An empty queue, and the program's end of it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (queue, messages) = mpsc::channel(WAITING_CASTS_MAX);
        (Self { queue, sizes: VecDeque::new(), waiting_bytes: 0, dropped: 0 }, messages)
    }

    /// Puts a message in whose sender waits to hear that it is taken.
    pub(crate) fn put_send(&mut self, message: Message) -> Answer {
        if self.queue.is_closed() {
            let text = "the program on this node reads no messages";
            return Answer::Refused(Refusal::new(RefusalKind::NotPossible, text));
        }
        let full = self.forget_what_was_read() >= WAITING_MESSAGES_MAX;
        if full || !self.put(message) {
            let text = "too many messages wait to be read there";
            return Answer::Refused(Refusal::new(RefusalKind::Busy, text));
        }
        Answer::Taken
    }

    /// Puts a message in that nobody waits for, or drops it. Returns how many were dropped so far
    /// when that is worth a word: at the first, and each time they have doubled.
    pub(crate) fn put_cast(&mut self, message: Message) -> Option<u64> {
        self.forget_what_was_read();
        if self.put(message) {
            return None;
        }
        self.dropped += 1;
        Some(self.dropped).filter(|dropped| dropped.is_power_of_two())
    }

    /// How many messages wait.
    pub(crate) fn waiting(&mut self) -> usize {
        self.forget_what_was_read()
    }

    /// Is so much waiting that the reader should get the processor before more is put in?
    pub(crate) fn is_filling(&self) -> bool {
        self.sizes.len() > WAITING_MESSAGES_MAX
    }

    /// How many casts were dropped so far.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn forget_what_was_read(&mut self) -> usize {
        let waiting = self.queue.max_capacity() - self.queue.capacity();
        while self.sizes.len() > waiting {
            let size = self.sizes.pop_front().unwrap_or_default();
            self.waiting_bytes -= size as usize;
        }
        waiting
    }

    fn put(&mut self, mut message: Message) -> bool {
        let size = size_of_content(&message.content);
        if self.waiting_bytes + size > WAITING_BYTES_MAX {
            return false;
        }
        if let Content::Bytes(bytes) = &mut message.content
            && self.sizes.len() >= COPIED_BEYOND
        {
            *bytes = Bytes::copy_from_slice(bytes);
        }
        match self.queue.try_send(message) {
            Ok(()) => {
                self.sizes.push_back(u32::try_from(size).unwrap_or(u32::MAX));
                self.waiting_bytes += size.min(u32::MAX as usize);
                true
            }
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => false,
        }
    }
}

fn size_of_content(content: &Content) -> usize {
    match content {
        Content::Text(text) => text.len(),
        Content::Bytes(bytes) => bytes.len(),
        Content::Value(value) => size_of_value(value),
    }
}

/// What a value takes in memory, roughly: its own place and what hangs on it.
fn size_of_value(value: &Value) -> usize {
    let beyond = match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(size_of_value).sum(),
        Value::Map(items) => items.iter().map(|(key, item)| key.len() + size_of_value(item)).sum(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => 0,
    };
    size_of::<Value>() + beyond
}

#[cfg(test)]
mod tests {
    use ltn_proto::NodeId;

    use super::*;

    fn message(length: usize) -> Message {
        let content = Content::Bytes(Bytes::from(vec![1; length]));
        Message { from: NodeId::NOBODY, sender: None, content }
    }

    #[test]
    fn sends_are_refused_long_before_casts_are_dropped() {
        let (mut inbox, mut messages) = Inbox::new();
        for _ in 0..WAITING_MESSAGES_MAX {
            assert_eq!(inbox.put_send(message(8)), Answer::Taken);
        }
        assert!(matches!(
            inbox.put_send(message(8)),
            Answer::Refused(Refusal { kind: RefusalKind::Busy, .. })
        ));
        for _ in WAITING_MESSAGES_MAX..WAITING_CASTS_MAX {
            inbox.put_cast(message(8));
        }
        assert_eq!(inbox.dropped(), 0);
        let worth_a_word: Vec<u64> = (0..5).filter_map(|_| inbox.put_cast(message(8))).collect();
        assert_eq!((inbox.dropped(), worth_a_word), (5, vec![1, 2, 4]));
        let mut count = 0;
        while messages.try_recv().is_ok() {
            count += 1;
        }
        assert_eq!(count, WAITING_CASTS_MAX);
        assert_eq!(inbox.put_send(message(8)), Answer::Taken);
        assert_eq!(inbox.waiting_bytes, 8);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let (mut inbox, mut messages) = Inbox::new();
        let large = WAITING_BYTES_MAX / 4;
        for _ in 0..4 {
            assert_eq!(inbox.put_send(message(large)), Answer::Taken);
        }
        inbox.put_cast(message(1));
        assert_eq!(inbox.dropped(), 1);
        assert!(messages.try_recv().is_ok());
        assert_eq!(inbox.put_send(message(large)), Answer::Taken);
    }

    #[test]
    fn a_program_that_reads_nothing_says_so() {
        let (mut inbox, messages) = Inbox::new();
        drop(messages);
        let answer = inbox.put_send(message(1));
        assert!(matches!(answer, Answer::Refused(Refusal { kind: RefusalKind::NotPossible, .. })));
    }
}

//! Lines that wait: those typed and not yet read, and those read and not yet answered.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, BufRead, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;

/// Of a longer line only the beginning is read; it is larger than any message may be, so that it
/// is refused, not sent in part.
const LINE_BYTES_MAX: u64 = 1024 * 1024 + 1;
/// So many lines are read ahead.
const LINES_AHEAD: usize = 16;

/// Answers that are under way, in the order of their lines. All of them make progress; the first
/// one is shown first.
pub(super) struct Outstanding<T>(VecDeque<Waiting<T>>);

struct Waiting<T> {
    line: String,
    answer: Pin<Box<dyn Future<Output = T> + Send>>,
    answered: Option<T>,
}

impl<T> Outstanding<T> {
    /// One more line, behind all others.
    pub(super) fn push(&mut self, line: String, answer: impl Future<Output = T> + Send + 'static) {
        self.0.push_back(Waiting { line, answer: Box::pin(answer), answered: None });
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is this line under way?
    pub(super) fn contains(&self, line: &str) -> bool {
        self.0.iter().any(|waiting| waiting.line == line)
    }

    /// Waits for the answer to the oldest line; for ever where there is none. May be given up and
    /// called again: nothing is lost.
    pub(super) async fn next(&mut self) -> (String, T) {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(String, T)> {
        // In order, so that lines leave for the network in the order in which they were typed.
        for waiting in self.0.iter_mut().filter(|waiting| waiting.answered.is_none()) {
            if let Poll::Ready(answer) = waiting.answer.as_mut().poll(context) {
                waiting.answered = Some(answer);
            }
        }
        let done = self.0.pop_front_if(|first| first.answered.is_some());
        match done.and_then(|first| Some((first.line, first.answered?))) {
            Some(answered) => Poll::Ready(answered),
            None => Poll::Pending,
        }
    }
}

impl<T> Default for Outstanding<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> fmt::Debug for Outstanding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|waiting| &waiting.line)).finish()
    }
}

/// The lines of standard input, read in a thread of their own: reading cannot be given up, and the
/// program must be able to end while somebody thinks about the next line.
pub(super) fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = read_line(&mut stdin) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The next line without its end; `None` where the input ends or fails.
fn read_line(input: &mut impl BufRead) -> Option<String> {
    let mut bytes = Vec::new();
    let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).ok()?;
    if read == 0 {
        return None;
    }
    if bytes.last() != Some(&b'\n') && bytes.len() as u64 == LINE_BYTES_MAX {
        input.skip_until(b'\n').ok()?;
    }
    Some(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_lines() {
        let mut outstanding = Outstanding::default();
        let (slow, quick) = (oneshot::channel(), oneshot::channel());
        outstanding.push("slow".to_owned(), async { slow.1.await.unwrap() });
        outstanding.push("quick".to_owned(), async { quick.1.await.unwrap() });
        quick.0.send(2).unwrap();
        assert!(futures_pending(&mut outstanding).await, "the first line has no answer yet");
        slow.0.send(1).unwrap();
        assert_eq!(outstanding.next().await, ("slow".to_owned(), 1));
        assert!(!outstanding.contains("slow") && outstanding.contains("quick"));
        assert_eq!(outstanding.next().await, ("quick".to_owned(), 2));
        assert!(outstanding.is_empty());
    }

    async fn futures_pending(outstanding: &mut Outstanding<i32>) -> bool {
        poll_fn(|context| Poll::Ready(outstanding.poll(context).is_pending())).await
    }

    #[test]
    fn lines_are_read_whatever_they_hold() {
        let mut input: &[u8] = b"one\r\ntw\xffo\n\nlast";
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input) {
            lines.push(line);
        }
        assert_eq!(lines, ["one", "tw\u{fffd}o", "", "last"]);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let mut input = io::repeat(b'x').take(5 * LINE_BYTES_MAX).chain(&b"\nnext\n"[..]);
        let mut input = io::BufReader::new(&mut input);
        assert_eq!(read_line(&mut input).unwrap().len() as u64, LINE_BYTES_MAX);
        assert_eq!(read_line(&mut input).unwrap(), "next");
    }
}

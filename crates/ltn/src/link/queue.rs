//! What waits to leave on one link, and the verdict that ends it.
//!
//! The queue is bounded in messages and bytes. Above the half it is *congested*: whoever pushes
//! should wait. If that lasts it is *stalled*: whoever pushes should give this link up, not wait.
//! At the limit the link ends. What the writer has taken counts until it is encoded, so the bounds
//! hold for all that is not yet in the writer's one buffer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ltn_proto::{CloseReason, Frame, Limits};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::holding;

/// A queue that stays congested for longer than this is stalled.
pub(super) const CONGESTION_PATIENCE: Duration = Duration::from_millis(50);
/// What a closed link has to send is given up after this time.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// An idle lane that has grown beyond this many frames gives its memory back.
const IDLE_FRAMES_MAX: usize = 4;

/// How a link ends. The first verdict counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Why, for programs.
    pub(super) why: CloseReason,
    /// Why, for people.
    pub(super) text: String,
    /// If this node closed it in good order: until when what is queued may still leave.
    pub(super) grace: Option<Instant>,
}

impl Verdict {
    /// The end of a link that nothing more can be sent on.
    pub(super) fn now(why: CloseReason, text: impl Into<String>) -> Self {
        Self { why, text: text.into(), grace: None }
    }
}

/// Frames on their way to the writer: what rides ahead, and the rest in the order of pushing.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub(super) ahead: VecDeque<Frame>,
    pub(super) ordinary: VecDeque<Frame>,
}

impl Lanes {
    fn is_empty(&self) -> bool {
        self.ahead.is_empty() && self.ordinary.is_empty()
    }

    /// The next frame to leave.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        self.ahead.pop_front().or_else(|| self.ordinary.pop_front())
    }

    /// Gives back the memory of busier times.
    pub(super) fn rest(&mut self) {
        self.ahead.shrink_to(IDLE_FRAMES_MAX);
        self.ordinary.shrink_to(IDLE_FRAMES_MAX);
    }
}

/// The queue of one link, shared by those who push and its writer.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    congested: AtomicBool,
    stalled: AtomicBool,
    to_writer: Notify,
    room: Notify,
    messages_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    lanes: Lanes,
    load: Load,
    congested_since: Option<Instant>,
    /// Nothing can leave any more, so nothing is taken in.
    shut: bool,
    verdict: Option<Verdict>,
}

/// How much of a queue's limits is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    messages: usize,
    bytes: usize,
}

impl Load {
    /// Counts a frame with what it takes in memory.
    pub(super) fn add(&mut self, frame: &Frame) {
        self.messages += 1;
        self.bytes += size_of::<Frame>() + frame.payload.len();
    }

    fn remove(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

impl Queue {
    /// An empty queue.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            waiting: Mutex::default(),
            congested: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            to_writer: Notify::new(),
            room: Notify::new(),
            messages_max: limits.queued_messages,
            bytes_max: limits.queued_bytes,
        }
    }

    /// See [`super::LinkHandle::push`].
    pub(super) fn push(&self, mut frame: Frame) {
        holding::begin(&mut frame);
        let mut waiting = self.waiting();
        if waiting.shut {
            return;
        }
        let mut wake_writer = waiting.lanes.is_empty();
        waiting.load.add(&frame);
        if self.is_over(waiting.load, 1, 1) && waiting.load.messages > 1 {
            drop(waiting);
            self.end(Verdict::now(
                CloseReason::SlowReader,
                "the other end did not read what it was sent, and the queue is full",
            ));
            return;
        }
        if self.is_over(waiting.load, 1, 2) && waiting.congested_since.is_none() {
            waiting.congested_since = Some(Instant::now());
            self.congested.store(true, Ordering::Release);
            // The writer may be in the middle of a long write: it has to watch the time from now.
            wake_writer = true;
        }
        let lanes = &mut waiting.lanes;
        let lane =
            if frame.header.kind.rides_ahead() { &mut lanes.ahead } else { &mut lanes.ordinary };
        lane.push_back(frame);
        drop(waiting);
        if wake_writer {
            self.to_writer.notify_one();
        }
    }

    /// See [`super::LinkHandle::close`].
    pub(super) fn close(&self, reason: CloseReason) {
        let grace = Some(Instant::now() + CLOSE_PATIENCE);
        self.end(Verdict { why: reason, text: String::new(), grace });
    }

    /// Ends the link. Only the first verdict counts.
    pub(super) fn end(&self, verdict: Verdict) {
        let mut waiting = self.waiting();
        if waiting.verdict.is_none() {
            if verdict.grace.is_none() {
                waiting.lanes = Lanes::default();
            }
            waiting.verdict = Some(verdict);
        }
        self.shut_in(&mut waiting);
        drop(waiting);
        self.to_writer.notify_one();
    }

    /// Takes nothing in any more and keeps nobody waiting; why is not known yet.
    pub(super) fn shut(&self) {
        self.shut_in(&mut self.waiting());
    }

    fn shut_in(&self, waiting: &mut Waiting) {
        waiting.shut = true;
        self.make_room(waiting);
    }

    fn make_room(&self, waiting: &mut Waiting) {
        waiting.congested_since = None;
        self.congested.store(false, Ordering::Release);
        self.stalled.store(false, Ordering::Release);
        self.room.notify_waiters();
    }

    /// See [`super::LinkHandle::is_congested`].
    pub(super) fn is_congested(&self) -> bool {
        self.congested.load(Ordering::Acquire)
    }

    /// See [`super::LinkHandle::is_stalled`].
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    /// See [`super::LinkHandle::wait_for_room`].
    pub(super) async fn wait_for_room(&self) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // From here on no notification is missed, so the conditions are looked at afterwards.
            room.as_mut().enable();
            if !self.is_congested() || self.is_stalled() {
                return;
            }
            room.await;
        }
    }

    /// The writer's turn: `encoded` is off the queue, and what waits moves to `taken`. Frames that
    /// ride ahead always do, others when the lane there is empty.
    pub(super) fn take(&self, taken: &mut Lanes, encoded: Load) -> Option<Verdict> {
        let mut waiting = self.waiting();
        waiting.load.remove(encoded);
        let lanes = &mut waiting.lanes;
        if taken.ahead.is_empty() {
            std::mem::swap(&mut taken.ahead, &mut lanes.ahead);
        } else {
            taken.ahead.append(&mut lanes.ahead);
        }
        if taken.ordinary.is_empty() {
            std::mem::swap(&mut taken.ordinary, &mut lanes.ordinary);
        }
        if waiting.congested_since.is_some() && !self.is_over(waiting.load, 1, 4) {
            self.make_room(&mut waiting);
        }
        waiting.verdict.clone()
    }

    /// Gives back the memory of busier times, if nothing waits.
    pub(super) fn rest(&self) {
        let mut waiting = self.waiting();
        if waiting.lanes.is_empty() {
            waiting.lanes.rest();
        }
    }

    /// Waits until there may be something for the writer: a frame, a congestion or a verdict.
    pub(super) async fn something_for_the_writer(&self) {
        self.to_writer.notified().await;
    }

    /// When the queue will be stalled if it stays as it is.
    pub(super) fn stalls_at(&self) -> Option<Instant> {
        if !self.is_congested() || self.is_stalled() {
            return None;
        }
        self.waiting().congested_since.map(|since| since + CONGESTION_PATIENCE)
    }

    /// Notes that it is stalled if its time has come.
    pub(super) fn check_stall(&self) {
        if !self.is_congested() || self.is_stalled() {
            return;
        }
        let waiting = self.waiting();
        let stalls_at = waiting.congested_since.map(|since| since + CONGESTION_PATIENCE);
        if stalls_at.is_some_and(|at| at <= Instant::now()) {
            self.stalled.store(true, Ordering::Release);
            self.room.notify_waiters();
        }
    }

    /// The verdict, if there is one.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.waiting().verdict.clone()
    }

    fn is_over(&self, load: Load, numerator: usize, denominator: usize) -> bool {
        load.messages > self.messages_max * numerator / denominator
            || load.bytes > self.bytes_max / denominator * numerator
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use ltn_proto::Kind;

    use super::super::testing::frame;
    use super::*;

    fn queue(queued_messages: usize, queued_bytes: usize) -> Queue {
        Queue::new(&Limits { queued_messages, queued_bytes, ..Limits::default() })
    }

    /// Encodes this many frames as the writer does; returns their numbers.
    fn drain(queue: &Queue, lanes: &mut Lanes, count: usize) -> Vec<u64> {
        queue.take(lanes, Load::default());
        let mut load = Load::default();
        let frames: Vec<Frame> = std::iter::from_fn(|| lanes.pop()).take(count).collect();
        frames.iter().for_each(|frame| load.add(frame));
        queue.take(lanes, load);
        frames.iter().map(|frame| frame.header.id).collect()
    }

    #[test]
    fn what_rides_ahead_passes_even_what_the_writer_has_taken() {
        let (queue, mut lanes) = (queue(100, 1_000_000), Lanes::default());
        for number in 0..4 {
            queue.push(frame(Kind::CAST, number, 1));
        }
        assert_eq!(drain(&queue, &mut lanes, 2), [0, 1]);
        queue.push(frame(Kind::CAST, 4, 1));
        queue.push(frame(Kind::PONG, 5, 1));
        assert_eq!(drain(&queue, &mut lanes, 9), [5, 2, 3]);
        assert_eq!(drain(&queue, &mut lanes, 9), [4]);
    }

    #[test]
    fn congestion_comes_above_the_half_and_goes_at_the_quarter() {
        let (queue, mut lanes) = (queue(100, 1_000_000), Lanes::default());
        for number in 0..50 {
            queue.push(frame(Kind::CAST, number, 1));
            assert!(!queue.is_congested());
        }
        queue.push(frame(Kind::CAST, 50, 1));
        assert!(queue.is_congested());
        drain(&queue, &mut lanes, 25);
        assert!(queue.is_congested(), "what the writer holds still counts");
        drain(&queue, &mut lanes, 1);
        assert!(!queue.is_congested());
    }

    #[test]
    fn each_limit_ends_the_link_and_frees_what_was_queued() {
        for (queue, payload_bytes) in [(queue(10, 1_000_000), 1), (queue(1_000, 100_000), 9_900)] {
            for number in 0..10 {
                assert_eq!(queue.verdict(), None, "after {number} frames");
                queue.push(frame(Kind::CAST, number, payload_bytes));
            }
            queue.push(frame(Kind::CAST, 10, payload_bytes));
            assert_eq!(queue.verdict().unwrap().why, CloseReason::SlowReader);
            assert!(queue.waiting().lanes.is_empty());
            assert!(!queue.is_congested(), "nobody waits for a link that has ended");
        }
    }

    #[test]
    fn one_frame_always_fits() {
        let queue = queue(1, 10);
        queue.push(frame(Kind::CAST, 0, 60_000));
        assert_eq!(queue.verdict(), None);
    }

    #[test]
    fn the_first_verdict_counts() {
        let queue = queue(10, 1_000);
        queue.push(frame(Kind::CAST, 0, 1));
        queue.close(CloseReason::Kicked);
        queue.end(Verdict::now(CloseReason::Lost, "the wire was cut"));
        assert_eq!(queue.verdict().unwrap().why, CloseReason::Kicked);
        queue.push(frame(Kind::CAST, 1, 1));
        assert_eq!(drain(&queue, &mut Lanes::default(), 9), [0], "what came before may leave");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_room_longer_than_the_patience() {
        let queue = queue(2, 1_000_000);
        queue.push(frame(Kind::CAST, 0, 1));
        queue.push(frame(Kind::CAST, 1, 1));
        assert!(queue.is_congested() && !queue.is_stalled());
        let waited_from = Instant::now();
        let writer = async {
            tokio::time::sleep_until(queue.stalls_at().unwrap()).await;
            queue.check_stall();
        };
        tokio::join!(queue.wait_for_room(), writer);
        assert!(queue.is_stalled());
        assert_eq!(waited_from.elapsed(), CONGESTION_PATIENCE);
    }
}

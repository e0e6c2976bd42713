//! What a frame waits on this node counts against the time that its answer is of use.
//!
//! While it waits, the time left in its header stands for the moment at which that time is over, so
//! that waiting costs no memory. What waits nowhere long loses nothing.

use std::sync::LazyLock;
use std::time::Instant;

use ltn_proto::Frame;

/// No answer is waited for as long as this, so that what is over cannot be mistaken for what is far
/// away.
const TIME_LEFT_MAX: u32 = 1 << 30;

static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The frame begins to wait.
pub(crate) fn begin(frame: &mut Frame) {
    let left = &mut frame.header.time_left_ms;
    if *left > 0 {
        *left = until(milliseconds(), *left);
    }
}

/// The frame goes on. One whose time is over keeps a millisecond, which is too little for the next
/// hop: whoever gets it says that it ended there.
pub(crate) fn end(frame: &mut Frame) {
    let left = &mut frame.header.time_left_ms;
    if *left > 0 {
        *left = left_at(milliseconds(), *left);
    }
}

/// Zero means that nobody waits, so no moment is called that.
fn until(now: u32, left: u32) -> u32 {
    now.wrapping_add(left.min(TIME_LEFT_MAX)).max(1)
}

const fn left_at(now: u32, until: u32) -> u32 {
    match until.wrapping_sub(now) {
        left @ 1..=TIME_LEFT_MAX => left,
        _ => 1,
    }
}

/// Since this process first asked; goes round once in 49 days.
#[expect(clippy::cast_possible_truncation, reason = "it goes round, and only differences count")]
fn milliseconds() -> u32 {
    ZERO.elapsed().as_millis() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_takes_what_it_took_and_no_more_than_there_is() {
        for start in [0, 1, 5_000, u32::MAX - 3, u32::MAX] {
            let until = until(start, 1_000);
            assert!(until > 0);
            let left = |waited: u32| left_at(start.wrapping_add(waited), until);
            assert!(left(0).abs_diff(1_000) <= 1, "{start}: {}", left(0));
            assert!(left(400).abs_diff(600) <= 1);
            assert_eq!([left(1_001), left(50_000)], [1, 1], "{start}");
        }
    }
}

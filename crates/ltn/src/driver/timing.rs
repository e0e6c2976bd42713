//! What time it is for this node, and when it has to be woken.

use std::time::Duration;

use ltn_proto::Input;

use super::Driver;
use crate::notice::NoticeKind;

/// How often a node that waits for anything looks whether its machine slept.
const GLANCE: Duration = Duration::from_secs(1);

impl Driver {
    /// Reads the clock at the beginning of a turn; a sleep is told before anything else.
    pub(super) async fn look_at_the_clock(&mut self) {
        self.read_clock();
        if std::mem::take(&mut self.slept) {
            self.log.say(NoticeKind::Status, "this machine slept");
            self.feed(Input::Slept).await;
        }
    }

    pub(super) fn read_clock(&mut self) {
        let time = self.clock.read();
        self.now = time.now;
        if time.slept {
            self.slept = true;
            // It was set for a clock that stood still.
            self.armed = None;
        }
    }

    /// Sets the timer, unless it rings early enough anyway: most turns only push deadlines back,
    /// and a timer that rings for nothing is cheaper than one that is set in every turn. Timers
    /// stand still while the machine sleeps, so no one is set for later than [`GLANCE`].
    pub(super) fn arm(&mut self) {
        let Some(due) = self.mind.poll_timeout() else { return };
        let due = due.min(self.now + GLANCE);
        if self.armed.is_none_or(|armed| due < armed) {
            self.timer.as_mut().reset(self.clock.instant_of(due));
            self.armed = Some(due);
        }
    }
}

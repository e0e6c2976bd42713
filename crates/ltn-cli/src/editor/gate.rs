//! Who may write on the terminal: the editor while it draws its line, or those with something to
//! say. Between two lines the latter write themselves; while a line is edited they ask the editor.
//!
//! The editor does not say when it has begun, so its first question for a hint counts as that. Nor
//! does it say when it has shown something above its line, but then it draws the line anew, and
//! asks how. Its thread cannot be called back; at the end it is held where it asks that.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// Nobody edits.
    #[default]
    Idle,
    /// The editor takes the terminal just now: whoever writes would write into its line.
    Starting,
    /// There is a line, and the editor shows other things above it.
    Editing,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Has the line any text?
    has_text: bool,
    /// No line is edited any more after the one that is: nothing will be said above it.
    closes: bool,
    /// The editor waits in the middle of its work, for good.
    held: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// A line will be edited.
    pub(super) fn starts(&self) {
        let state = self.hold(self.lock());
        self.become_phase(state, Phase::Starting, false);
    }

    /// A line is being edited.
    pub(super) fn edits(&self, line: &str) {
        self.become_phase(self.lock(), Phase::Editing, !line.is_empty());
    }

    /// The editor is about to draw its line. Whatever it shows above it stands there already.
    pub(super) fn draws(&self) {
        drop(self.hold(self.lock()));
    }

    /// No line is edited any more.
    pub(super) fn ends(&self) {
        self.lock().phase = Phase::Idle;
        self.changed.notify_all();
    }

    /// The editor draws no line any more: it is held where it does so next.
    pub(super) fn closes(&self) {
        self.lock().closes = true;
        self.changed.notify_all();
    }

    /// Waits until no line is drawn any more; says if that came in time.
    pub(super) fn is_closed_within(&self, time: Duration) -> bool {
        let is_open =
            |state: &mut State| !state.closes || state.phase != Phase::Idle && !state.held;
        let waited = self.changed.wait_timeout_while(self.lock(), time, is_open);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Is a line being edited?
    pub(super) fn is_edited(&self) -> bool {
        self.lock().phase != Phase::Idle
    }

    /// Had the last line any text?
    pub(super) fn had_text(&self) -> bool {
        self.lock().has_text
    }

    /// Shows something when that may be done. Nobody begins to edit in the middle of it.
    pub(super) fn show<T>(&self, show: impl FnOnce() -> T) -> T {
        let mut state = self.lock();
        while state.phase == Phase::Starting {
            state = self.wait(state);
        }
        if state.phase == Phase::Editing {
            // The editor shows it, and may have to end its line first.
            drop(state);
            return show();
        }
        show()
    }

    /// Holds whoever comes here for good, if nothing is drawn any more.
    fn hold<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        while state.closes {
            state.held = true;
            self.changed.notify_all();
            state = self.wait(state);
        }
        state
    }

    fn become_phase(&self, mut state: MutexGuard<'_, State>, phase: Phase, has_text: bool) {
        (state.phase, state.has_text) = (phase, has_text);
        self.changed.notify_all();
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn nobody_writes_while_the_editor_takes_the_terminal() {
        let gate = Gate::default();
        assert_eq!(gate.show(|| 1), 1);
        gate.starts();
        let (shown, told) = channel();
        thread::scope(|scope| {
            scope.spawn(|| gate.show(|| shown.send(()).unwrap()));
            assert!(told.try_recv().is_err() && gate.is_edited());
            gate.edits("half a");
            told.recv().unwrap();
        });
        gate.ends();
        assert!(gate.had_text() && !gate.is_edited());
    }
}

//! Who may write on the terminal: the editor while it draws its line, or those with something to
//! say. Between two lines the latter write themselves; while a line is edited they ask the editor.
//!
//! The editor does not say when it has begun, so its first question for a hint counts as that.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
        *self.lock() = State { phase: Phase::Starting, has_text: false };
    }

    /// A line is being edited.
    pub(super) fn edits(&self, line: &str) {
        *self.lock() = State { phase: Phase::Editing, has_text: !line.is_empty() };
        self.changed.notify_all();
    }

    /// No line is edited any more.
    pub(super) fn ends(&self) {
        self.lock().phase = Phase::Idle;
        self.changed.notify_all();
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
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.phase == Phase::Editing {
            // The editor shows it, and may have to end its line first.
            drop(state);
            return show();
        }
        show()
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

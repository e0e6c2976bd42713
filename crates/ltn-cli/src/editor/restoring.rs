//! The terminal as it was before lines were edited on it, to be put back by whoever cannot wait for
//! the thread that edits.

#[cfg(unix)]
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// See the module.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Before(Termios);

/// Elsewhere the system puts its console back by itself.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Before;

#[cfg(unix)]
impl Before {
    /// As it is; `None` if standard input is no terminal.
    pub(super) fn now() -> Option<Self> {
        tcgetattr(std::io::stdin()).ok().map(Self)
    }

    /// As it was. A terminal that has gone needs nothing more.
    pub(super) fn restore(&self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}

#[cfg(not(unix))]
impl Before {
    pub(super) const fn now() -> Option<Self> {
        Some(Self)
    }

    pub(super) const fn restore(&self) {}
}

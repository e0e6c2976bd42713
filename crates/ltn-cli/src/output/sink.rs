//! Where lines end up: standard output and error, or the screen of somebody who types a line of
//! his own there. This room knows whole lines, and nothing of what they say.

use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Takes lines in place of standard output and error while a line editor has the terminal.
static SCREEN: Mutex<Option<SyncSender<String>>> = Mutex::new(None);

/// Why standard output took no more lines, since it did not.
static BROKEN: OnceLock<io::Error> = OnceLock::new();

/// From now on lines go to this queue; whoever empties it shows them.
pub(crate) fn hand_over(screen: SyncSender<String>) {
    *SCREEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(screen);
}

/// From now on lines go to standard output and error again, and the queue has ended.
pub(crate) fn take_back() {
    *SCREEN.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Clears the line that was being edited, and what the editor had asked of the terminal with it: to
/// mark what is pasted, and to show nothing of what it was just drawing.
pub(crate) fn leave_line() {
    draw("\r\x1b[J\x1b[?2004l\x1b[?2026l");
}

/// Did standard output fail to take a line?
pub(crate) fn is_broken() -> bool {
    BROKEN.get().is_some()
}

/// Prints a whole line at once, so that lines of several tasks never mix.
pub(super) fn print(line: &str) {
    if !on_screen(line)
        && let Err(error) = write(&mut io::stdout().lock(), line)
    {
        give_up(error);
    }
}

/// As [`print`], to standard error. There is nobody to be told if that fails.
pub(super) fn complain(line: &str) {
    if !on_screen(line) {
        drop(write(&mut io::stderr().lock(), line));
    }
}

/// Puts out what steers the terminal; without a line end.
pub(super) fn draw(text: &str) {
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        give_up(error);
    }
}

fn on_screen(line: &str) -> bool {
    let screen = SCREEN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // An end of the queue that is gone means that nobody edits any more.
    screen.is_some_and(|screen| screen.send(line.to_owned()).is_ok())
}

fn write(to: &mut impl Write, line: &str) -> io::Result<()> {
    to.write_all(format!("{line}\n").as_bytes())?;
    to.flush()
}

/// A reader that went away (`ltn tree | head`) has seen what it wanted, and is no news; anything
/// else is, once.
fn give_up(error: io::Error) {
    let is_news = error.kind() != ErrorKind::BrokenPipe;
    let text = format!("ltn: the output cannot be written: {error}. Nothing further is shown");
    if BROKEN.set(error).is_ok() && is_news {
        complain(&text);
    }
}

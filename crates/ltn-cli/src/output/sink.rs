//! Where lines end up: standard output and error. This room knows whole lines, and nothing of what
//! they say.

use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why standard output took no more lines, since it did not.
static BROKEN: OnceLock<io::Error> = OnceLock::new();

/// Did standard output fail to take a line?
pub(crate) fn is_broken() -> bool {
    BROKEN.get().is_some()
}

/// Prints a whole line at once, so that lines of several tasks never mix.
pub(super) fn print(line: &str) {
    if let Err(error) = write(&mut io::stdout().lock(), line) {
        give_up(error);
    }
}

/// As [`print`], to standard error. There is nobody to be told if that fails.
pub(super) fn complain(line: &str) {
    drop(write(&mut io::stderr().lock(), line));
}

/// Puts out what steers the terminal; without a line end.
pub(super) fn draw(text: &str) {
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        give_up(error);
    }
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

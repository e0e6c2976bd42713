//! A question whose answer is not shown while it is typed.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Asks a person for a secret; `None` if there is no person.
pub(crate) fn ask_secret(question: &str) -> Option<String> {
    let stdin = io::stdin();
    if !stdin.is_terminal() || !io::stderr().is_terminal() {
        return None;
    }
    let before = tcgetattr(&stdin).ok()?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    let mut stderr = io::stderr().lock();
    // Hidden before it is asked for: who answers at once is not shown either.
    tcsetattr(&stdin, OptionalActions::Flush, &hidden).ok()?;
    let mut answer = String::new();
    let read = write!(stderr, "{question}")
        .and_then(|()| stderr.flush())
        .and_then(|()| stdin.lock().read_line(&mut answer));
    // What cannot be set back is seen at once by who types on.
    let _ = tcsetattr(&stdin, OptionalActions::Flush, &before);
    let _ = writeln!(stderr);
    read.ok()?;
    Some(answer.trim_end_matches(['\r', '\n']).to_owned())
}

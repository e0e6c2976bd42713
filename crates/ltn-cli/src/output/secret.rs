//! A question whose answer is not shown while it is typed.
//!
//! The keys are read as they are pressed, those that stop programs too: whoever stops this one at
//! the question finds the terminal as it was.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// No answer is longer, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// No person is at a terminal.
    Nobody,
    /// The person wants to stop.
    Stopped,
    /// It is longer than any answer.
    TooLong,
}

/// Asks a person for a secret.
pub(crate) fn ask_secret(question: &str) -> Result<String, Unanswered> {
    let stdin = io::stdin();
    if !stdin.is_terminal() || !io::stderr().is_terminal() {
        return Err(Unanswered::Nobody);
    }
    let nobody = |_| Unanswered::Nobody;
    // What is behind the answer stays in the terminal, where it is thrown away.
    let keys = stdin.as_fd().try_clone_to_owned().map(File::from).map_err(nobody)?;
    // Hidden before it is asked for: who answers at once is not shown either.
    let hidden = Hidden::hide(&keys)?;
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}").and_then(|()| stderr.flush()).map_err(nobody)?;
    let answer = answer_in(&keys);
    drop(hidden);
    // Who does not see this has seen nothing of the question either.
    let _ = writeln!(stderr);
    answer
}

/// A terminal that shows no key and stops nothing, until this is dropped.
struct Hidden<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn hide(terminal: &'a File) -> Result<Self, Unanswered> {
        let before = tcgetattr(terminal).map_err(|_| Unanswered::Nobody)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
        hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &hidden).map_err(|_| Unanswered::Nobody)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // What cannot be set back is seen at once by who types on.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// The line that these keys make.
#[expect(clippy::unbuffered_bytes, reason = "what is behind the answer is not to be read")]
fn answer_in(keys: impl Read) -> Result<String, Unanswered> {
    let mut line = Vec::new();
    for key in keys.bytes() {
        match key.map_err(|_| Unanswered::Stopped)? {
            b'\r' | b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
            // Ctrl-C, Ctrl-\ and Ctrl-Z.
            0x03 | 0x1c | 0x1a => return Err(Unanswered::Stopped),
            // Ctrl-D, which ends what has not begun.
            0x04 if line.is_empty() => return Err(Unanswered::Stopped),
            0x04 => (),
            // Backspace takes a whole character.
            0x08 | 0x7f => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U.
            0x15 => line.clear(),
            _ if line.len() == ANSWER_BYTES_MAX => return Err(Unanswered::TooLong),
            byte => line.push(byte),
        }
    }
    Err(Unanswered::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Result<String, Unanswered> {
        answer_in(keys)
    }

    #[test]
    fn keys_make_a_line_or_stop() {
        assert_eq!(typed(b"open sesame\rmore").as_deref(), Ok("open sesame"));
        assert_eq!(typed("\x7föä\x7f\x08ü\n".as_bytes()).as_deref(), Ok("ü"));
        assert_eq!(typed(b"simsim\x15sesame\x04\n").as_deref(), Ok("sesame"));
        for keys in [&b"ses\x03ame\n"[..], b"\x04", b"ses\x1a\n", b"ses\x1c\n", b"ses", b""] {
            assert_eq!(typed(keys), Err(Unanswered::Stopped), "{keys:?}");
        }
    }

    #[test]
    fn an_answer_has_an_end() {
        let longest = vec![b'x'; ANSWER_BYTES_MAX];
        assert!(typed(&[&longest[..], b"\n"].concat()).is_ok());
        assert_eq!(typed(&[&longest[..], b"x\n"].concat()), Err(Unanswered::TooLong));
    }
}

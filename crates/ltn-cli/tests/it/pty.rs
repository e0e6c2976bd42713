//! A terminal for tests: a pseudo-terminal with the program on one side, and on the other a screen
//! that understands what line editing says.
#![expect(clippy::unwrap_used, reason = "without a terminal there is no story to tell")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::process::{PATIENCE, PROGRAM, wait};

/// Wide enough that no line of a test is folded.
const COLUMNS: u16 = 400;

/// The program at a terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    /// This side's hold on the terminal of the program: its settings can be read, also at the end.
    line: File,
    output: Receiver<Vec<u8>>,
    screen: Screen,
    /// All that the program wrote.
    pub(crate) written: String,
}

impl Terminal {
    /// Starts the program with these variables, its state below this directory.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)], state: &Path) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let line = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OpenptFlags::NOCTTY.bits().cast_signed())
            .open(name.to_str().unwrap())
            .unwrap();
        let size = Winsize { ws_row: 50, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&line, size).unwrap();
        let end = || OwnedFd::from(line.try_clone().unwrap());
        let child = Command::new(PROGRAM)
            .args(arguments)
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .env("XDG_STATE_HOME", state)
            .envs(variables.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let keyboard = File::from(keyboard);
        let mut reading = keyboard.try_clone().unwrap();
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(count @ 1..) = reading.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let (screen, written) = (Screen::default(), String::new());
        Self { child, keyboard, line, output, screen, written }
    }

    /// Presses these keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen, line by line, is as wanted.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, wanted: impl Fn(&[String]) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !wanted(&self.screen.lines) {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.output.recv_timeout(left) else {
                panic!("never {what}; the screen was {:#?}", self.screen.lines)
            };
            self.screen.take(&bytes);
            self.written += &String::from_utf8_lossy(&bytes);
        }
    }

    /// Waits until the last line is this.
    #[track_caller]
    pub(crate) fn last_line(&mut self, line: &str) {
        let is_last = |lines: &[String]| lines.last().is_some_and(|last| last.trim_end() == line);
        self.wait_until(&format!("{line:?} as the last line"), is_last);
    }

    /// Waits until a line has this in it.
    #[track_caller]
    pub(crate) fn shows(&mut self, part: &str) {
        let has = |lines: &[String]| lines.iter().any(|line| line.contains(part));
        self.wait_until(&format!("{part:?}"), has);
    }

    /// Waits for the end; the terminal must be fit for others again.
    #[track_caller]
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        let code = wait(&mut self.child);
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON), "{modes:?}");
        while let Ok(bytes) = self.output.try_recv() {
            self.written += &String::from_utf8_lossy(&bytes);
        }
        (code, std::mem::take(&mut self.written))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one would see; lines that leave it at the top are kept.
#[derive(Debug, Default)]
struct Screen {
    lines: Vec<String>,
    row: usize,
    column: usize,
    /// Bytes of a character or sequence that is not whole yet.
    rest: Vec<u8>,
}

impl Screen {
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        let mut left = text.as_str();
        while let Some(c) = left.chars().next() {
            let used = match c {
                '\u{1b}' => match self.sequence(left) {
                    Some(used) => used,
                    None => break,
                },
                '\r' => {
                    self.column = 0;
                    1
                }
                '\n' => {
                    self.row += 1;
                    1
                }
                '\u{7}' => 1,
                c => {
                    self.put(c);
                    c.len_utf8()
                }
            };
            left = &left[used..];
        }
        let kept = whole - left.len();
        self.rest.drain(..kept);
    }

    /// How long the sequence is that starts here, once it has been followed; `None` if it has not
    /// ended.
    fn sequence(&mut self, text: &str) -> Option<usize> {
        let rest = text.strip_prefix("\u{1b}[").or_else(|| {
            assert!(text == "\u{1b}", "no sequence of line editing: {text:?}");
            None
        })?;
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let count = rest[..end].parse::<usize>().unwrap_or(1);
        let row = self.row;
        match &rest[end..=end] {
            "A" => self.row = row.saturating_sub(count),
            "B" => self.row = row + count,
            "C" => self.column += count,
            "D" => self.column = self.column.saturating_sub(count),
            "K" => self.cut(),
            "J" => {
                self.cut();
                self.lines.truncate(row + 1);
            }
            "m" | "h" | "l" => (),
            other => panic!("the screen does not know {other:?} in {text:?}"),
        }
        Some(2 + end + 1)
    }

    fn line(&mut self) -> &mut String {
        if self.lines.len() <= self.row {
            self.lines.resize(self.row + 1, String::new());
        }
        &mut self.lines[self.row]
    }

    fn cut(&mut self) {
        let column = self.column;
        let kept: String = self.line().chars().take(column).collect();
        *self.line() = kept;
    }

    fn put(&mut self, c: char) {
        let column = self.column;
        let mut chars: Vec<char> = self.line().chars().collect();
        if chars.len() <= column {
            chars.resize(column + 1, ' ');
        }
        chars[column] = c;
        *self.line() = chars.into_iter().collect();
        self.column += 1;
    }
}

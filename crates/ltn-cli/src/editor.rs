//! The line that somebody types at a terminal: edited, completed, remembered, and left whole when
//! something else is shown meanwhile. This is the only room that knows rustyline; it does not know
//! what a line means.
//!
//! Two threads, because both wait in ways that cannot be given up: one reads the lines, one shows
//! what others of this program have to say. [`Gate`] keeps them from writing at the same time.

mod completing;
mod gate;
mod helper;
mod history;
mod offered;
mod restoring;

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ltn::Node;
use rustyline::config::BellStyle;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{ColorMode, CompletionType, Config, ExternalPrinter};
use tokio::sync::mpsc;

use crate::console;
use crate::output::{self, Output, Style};
use gate::Gate;
use helper::Assistant;
use history::HistoryFile;
use offered::Offered;
use restoring::Before;

/// So many lines are read ahead.
const LINES_AHEAD: usize = 16;
/// So many lines wait to be shown; whoever says more waits with them.
const SHOWN_LATER_MAX: usize = 1_024;
/// What still waits to be shown at the end gets this long.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A line that shows nothing: up, and down again.
const NOTHING: &str = "\x1b[A\n";

type Lines = rustyline::Editor<Assistant, DefaultHistory>;

/// The terminal, while lines are edited on it. Dropping it gives the terminal back as it was.
#[derive(Debug)]
pub(crate) struct Editor {
    prompt: Prompt,
    gate: Arc<Gate>,
    before: Before,
}

/// What stands in front of the line. A change shows at the next line.
#[derive(Debug, Clone)]
pub(crate) struct Prompt(Arc<Mutex<String>>);

impl Prompt {
    /// From the next line on it is this.
    pub(crate) fn set(&self, place: &str) {
        place.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Editor {
    /// Takes the terminal, if there is one on which lines can be edited, and returns the lines that
    /// are typed on it. They end with Ctrl-D, and with Ctrl-C on an empty line.
    pub(crate) fn start(
        node: &Node,
        output: Output,
        place: &str,
    ) -> Option<(Self, mpsc::Receiver<String>)> {
        if !output.is_terminal() || !output::reads_terminal() {
            return None;
        }
        let before = Before::now()?;
        let gate = Arc::new(Gate::default());
        let prompt = Prompt(Arc::new(Mutex::new(place.to_owned())));
        let offered = Offered::new(node.clone(), tokio::runtime::Handle::current());
        let mut lines = Lines::with_config(config()?).ok()?;
        lines.set_helper(Some(Assistant::new(offered, output, Arc::clone(&gate))));
        let printer = lines.create_external_printer().ok()?;

        let (screen, waiting) = sync_channel(SHOWN_LATER_MAX);
        let door = Arc::clone(&gate);
        thread::spawn(move || show(&waiting, &door, printer));
        output::hand_over(screen);
        let (typed, receiver) = mpsc::channel(LINES_AHEAD);
        let reader = Reader { lines, file: HistoryFile::find(), typed, output };
        let (front, door) = (prompt.clone(), Arc::clone(&gate));
        thread::spawn(move || reader.read(&front, &door));
        Some((Self { prompt, gate, before }, receiver))
    }

    /// What stands in front of the line, to be changed.
    pub(crate) fn prompt(&self) -> Prompt {
        self.prompt.clone()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        output::take_back();
        // That never comes if the screen takes nothing more.
        if !self.gate.is_closed_within(LAST_LINES) {
            tracing::debug!("the terminal did not show all in time");
        }
        if self.gate.is_edited() {
            // Somebody was about to type, and the thread that reads it cannot be called back.
            output::leave_line();
            self.before.restore();
        }
    }
}

fn config() -> Option<Config> {
    let config = Config::builder()
        .max_history_size(history::LINES_MAX)
        .ok()?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .bell_style(BellStyle::None)
        // Keys are hidden in what is drawn, also without colours; which of these there are is
        // decided in `helper.rs`.
        .color_mode(ColorMode::Forced);
    Some(config.build())
}

/// Shows lines above the one that is being typed, until nobody has any more; closes the gate then.
fn show(waiting: &Receiver<String>, gate: &Gate, mut printer: impl ExternalPrinter) {
    while let Ok(mut line) = waiting.recv() {
        line.push('\n');
        let shown = gate.show(|| printer.print(line));
        if shown.is_err() {
            // The screen is gone. Those who speak notice it when the queue has no other end.
            gate.closes();
            return;
        }
    }
    // The editor takes one thing after the other, and keeps one that it has not taken. So when it
    // has room for this one it has taken the last line, and stands behind it when it draws next.
    nudge(gate, &mut printer);
    gate.closes();
    // It may have nothing to draw any more. If it is held already this is not taken.
    nudge(gate, &mut printer);
}

/// Has the editor draw its line.
fn nudge(gate: &Gate, printer: &mut impl ExternalPrinter) {
    if gate.is_edited() {
        // Whoever cannot show nothing has shown nothing.
        let _ = gate.show(|| printer.print(NOTHING.to_owned()));
    }
}

/// The thread that reads.
struct Reader {
    lines: Lines,
    file: HistoryFile,
    typed: mpsc::Sender<String>,
    output: Output,
}

impl Reader {
    fn read(mut self, prompt: &Prompt, gate: &Gate) {
        self.file.load(&mut self.lines);
        while !self.typed.is_closed() {
            let raw = format!("{}> ", prompt.get());
            let styled = self.output.paint(Style::Title, &raw);
            gate.starts();
            let line = self.lines.readline(&(raw, styled));
            gate.ends();
            match line {
                Ok(line) => {
                    self.remember(&line);
                    if self.typed.blocking_send(line).is_err() {
                        return;
                    }
                }
                Err(ReadlineError::Interrupted) if gate.had_text() => (),
                Err(_) => return,
            }
        }
    }

    fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || console::carries_key(line) {
            return;
        }
        // Without a history lines can still be typed.
        if self.lines.add_history_entry(line).unwrap_or(false) {
            self.file.append(&mut self.lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, SyncSender, channel};

    use super::*;

    /// Says that it was asked, and hands on what for; as with the editor's own, one thing may wait.
    struct Queue(Sender<()>, SyncSender<String>);

    impl ExternalPrinter for Queue {
        fn print(&mut self, text: String) -> rustyline::Result<()> {
            self.0.send(()).unwrap();
            self.1.send(text).unwrap();
            Ok(())
        }
    }

    #[test]
    fn the_last_line_is_shown_before_the_editor_is_left() {
        let gate = Arc::new(Gate::default());
        gate.starts();
        gate.edits("half a li");
        let (screen, waiting) = sync_channel(SHOWN_LATER_MAX);
        for line in ["one", "two", "three"] {
            screen.send(line.to_owned()).unwrap();
        }
        drop(screen);
        let (asked, asking) = channel();
        let (given, taken) = sync_channel(1);
        let door = Arc::clone(&gate);
        thread::spawn(move || show(&waiting, &door, Queue(asked, given)));

        // An editor that is so slow that the last line waits.
        let (shown, seen) = channel();
        for _ in 0..2 {
            shown.send(taken.recv().unwrap()).unwrap();
        }
        for _ in 0..4 {
            asking.recv().expect("with a line that waits it is not over");
        }
        let door = Arc::clone(&gate);
        thread::spawn(move || {
            for text in taken {
                shown.send(text).unwrap();
                door.draws();
            }
        });
        assert!(gate.is_closed_within(Duration::from_secs(30)));
        let seen: Vec<String> = seen.try_iter().take(3).collect();
        assert_eq!(seen, ["one\n", "two\n", "three\n"]);
    }
}

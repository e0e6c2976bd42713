//! What the editor asks while somebody types: how a word may go on, what is still missing, and how
//! the line is drawn.

use std::borrow::Cow;
use std::sync::Arc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::completing::{self, Wanted};
use super::gate::Gate;
use super::offered::Offered;
use crate::console;
use crate::output::{Output, Style};

/// See the module.
pub(super) struct Assistant {
    offered: Offered,
    output: Output,
    gate: Arc<Gate>,
}

impl Assistant {
    pub(super) const fn new(offered: Offered, output: Output, gate: Arc<Gate>) -> Self {
        Self { offered, output, gate }
    }
}

impl Helper for Assistant {}

impl Validator for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let wanted = completing::wanted(&line[..at]);
        let candidates = match &wanted {
            Wanted::Nothing => return Ok((at, Vec::new())),
            Wanted::Target { .. } => completing::candidates(&wanted, &self.offered.places(), &[]),
            Wanted::Command { target, .. } => {
                completing::candidates(&wanted, &[], &self.offered.commands(*target))
            }
            Wanted::Argument { target, .. } => {
                let commands = self.offered.commands(*target);
                completing::candidates(&wanted, &self.offered.places(), &commands)
            }
        };
        let pair = |(display, replacement)| Pair { display, replacement };
        Ok((wanted.start(), candidates.into_iter().map(pair).collect()))
    }
}

/// What is still missing of a command. It is shown and cannot be taken over: names of parameters
/// are no arguments.
pub(super) struct Missing(String);

impl Hint for Missing {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = Missing;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<Missing> {
        // The editor asks at each change, and first of all when it has the terminal.
        self.gate.edits(line);
        // Without colours nobody could tell a hint from what is typed.
        if at < line.len() || !self.output.is_coloured() {
            return None;
        }
        let wanted = completing::wanted(line);
        let target = match &wanted {
            Wanted::Argument { target, .. } => *target,
            Wanted::Command { target, typed, .. } if !typed.is_empty() => *target,
            _ => return None,
        };
        completing::missing(&wanted, &self.offered.commands_soon(target)).map(Missing)
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if console::carries_key(line) { Cow::Owned(hidden(line)) } else { Cow::Borrowed(line) }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        self.gate.draws();
        Cow::Borrowed(prompt)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.output.paint(Style::Quiet, hint))
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        console::carries_key(line)
    }
}

/// The line with stars for all that stands behind the name of the command.
fn hidden(line: &str) -> String {
    let (target, _) = console::addressed(line);
    let said = target.map_or(0, |target| '@'.len_utf8() + target.len());
    let said = line.len() - line[said..].trim_start().len();
    let ends = |(_, c): &(usize, char)| *c == '(' || c.is_whitespace();
    let end = line[said..].char_indices().find(ends);
    let name = end.map_or(line.len(), |(at, c)| said + at + c.len_utf8());
    let star = |c: char| if "(),".contains(c) || c.is_whitespace() { c } else { '*' };
    line[..name].chars().chain(line[name..].chars().map(star)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_drawn_as_stars() {
        assert_eq!(hidden("s.getadmin(open, sesame)"), "s.getadmin(****, ******)");
        assert_eq!(hidden("@/sub1  s.setadminkey('x')"), "@/sub1  s.setadminkey(***)");
        assert_eq!(hidden("s.getadmin sesame"), "s.getadmin ******");
        assert_eq!(hidden("s.getadmin"), "s.getadmin");
        assert_eq!(hidden("@ä\u{3000}s.getadmin\u{3000}ö"), "@ä\u{3000}s.getadmin\u{3000}*");
    }
}

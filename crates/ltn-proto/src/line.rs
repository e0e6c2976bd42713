//! What a person types on the console: a text, or a command with its arguments.
//!
//! Only the console reads commands out of texts; on the wire a text is a text. This room does not
//! know which commands there are.

use crate::text::quotable;
use crate::value::Value;

/// What commands that are typed start with; it is part of their name.
const COMMAND_START: &str = "s.";

/// One typed line, understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A message, as it was typed.
    Text(String),
    /// A command.
    Command {
        /// Its name, with the `s.` in front.
        name: String,
        /// Its arguments: bare whole numbers as `Value::Int`, all others as `Value::Text`.
        arguments: Vec<Value>,
    },
}

/// Why a line that looks like a command is none. Places count characters of the line, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLine {
    /// Between `s.` and the first parenthesis stands no name.
    #[error(
        "`{0}` starts like a command, but has no name of letters, digits and `_` before its `(`"
    )]
    NoName(String),
    /// A quoted argument does not end.
    #[error("the {quote} at character {at} is not closed")]
    OpenQuote {
        /// Where it begins.
        at: usize,
        /// Which.
        quote: char,
    },
    /// Something stands between a quoted argument and the next comma.
    #[error("after the closing quote there must be a comma, not {found:?} at character {at}")]
    AfterQuote {
        /// Where.
        at: usize,
        /// What.
        found: char,
    },
    /// A quote inside an argument that does not begin with one.
    #[error("the {quote} at character {at} stands inside of an argument: quote all of it")]
    StrayQuote {
        /// Where.
        at: usize,
        /// Which.
        quote: char,
    },
    /// Nothing stands where an argument should be.
    #[error("there is no argument before character {at}: write '' for an empty one")]
    NoArgument {
        /// Where the comma or the end is.
        at: usize,
    },
}

/// Reads a typed line: one that starts with `s.` and ends in `)` is a command, all others are text.
///
/// Arguments stand between commas, bare or in quotes of either kind; within quotes `\` takes the
/// next character as it is. A tuple in place of the arguments counts as them, because programs
/// print addresses like that.
///
/// ```
/// use ltn_proto::{Line, Value, parse_line};
/// let line = parse_line("s.sethigherserver(('127.0.0.1', 4003))").unwrap();
/// let arguments = vec![Value::from("127.0.0.1"), Value::from(4003)];
/// assert_eq!(line, Line::Command { name: "s.sethigherserver".into(), arguments });
/// assert_eq!(parse_line("hello (again)").unwrap(), Line::Text("hello (again)".into()));
/// ```
pub fn parse_line(line: &str) -> Result<Line, BadLine> {
    let typed = line.trim();
    if !typed.starts_with(COMMAND_START) || !typed.ends_with(')') {
        return Ok(Line::Text(line.to_owned()));
    }
    let Some((name, _)) = typed.split_once('(') else {
        return Ok(Line::Text(line.to_owned()));
    };
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    let name = name.trim_end();
    if !name[COMMAND_START.len()..].split('.').all(is_word) {
        return Err(BadLine::NoName(quotable(typed)));
    }
    let arguments = Arguments::new(line).parse()?;
    Ok(Line::Command { name: name.to_owned(), arguments })
}

/// The characters between the outer parentheses of one line, and how far they are read.
struct Arguments {
    characters: Vec<char>,
    next: usize,
    end: usize,
}

impl Arguments {
    /// `line` has a `(` and ends, but for spaces, in `)`.
    fn new(line: &str) -> Self {
        let characters: Vec<char> = line.trim_end().chars().collect();
        let open = characters.iter().position(|c| *c == '(').unwrap_or(0);
        let end = characters.len() - 1;
        let mut arguments = Self { characters, next: open + 1, end };
        arguments.enter_tuple();
        arguments
    }

    /// If one more pair of parentheses holds all the arguments, the inside of it counts.
    fn enter_tuple(&mut self) {
        let inside = &self.characters[self.next..self.end];
        let first = inside.iter().position(|c| !c.is_whitespace());
        let last = inside.iter().rposition(|c| !c.is_whitespace());
        if let (Some(first), Some(last)) = (first, last)
            && inside[first] == '('
            && inside[last] == ')'
        {
            let start = self.next;
            (self.next, self.end) = (start + first + 1, start + last);
            // A tuple of one thing has a comma at its end.
            let inside = &self.characters[self.next..self.end];
            if let Some(last) = inside.iter().rposition(|c| !c.is_whitespace())
                && inside[last] == ','
                && last > 0
            {
                self.end = self.next + last;
            }
        }
    }

    fn parse(mut self) -> Result<Vec<Value>, BadLine> {
        let mut arguments = Vec::new();
        self.skip_spaces();
        if self.peek().is_none() {
            return Ok(arguments);
        }
        loop {
            self.skip_spaces();
            arguments.push(match self.peek() {
                Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
                _ => self.bare()?,
            });
            match self.peek() {
                None => return Ok(arguments),
                Some(_) => self.next += 1,
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.characters[..self.end].get(self.next).copied()
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next += 1;
        }
    }

    /// Stops at a comma or the end.
    fn quoted(&mut self, quote: char) -> Result<Value, BadLine> {
        let open = BadLine::OpenQuote { at: self.next + 1, quote };
        let mut text = String::new();
        loop {
            self.next += 1;
            match self.peek().ok_or_else(|| open.clone())? {
                '\\' => {
                    self.next += 1;
                    text.push(self.peek().ok_or_else(|| open.clone())?);
                }
                c if c == quote => break,
                c => text.push(c),
            }
        }
        self.next += 1;
        self.skip_spaces();
        match self.peek() {
            None | Some(',') => Ok(Value::Text(text)),
            Some(found) => Err(BadLine::AfterQuote { at: self.next + 1, found }),
        }
    }

    /// Stops at a comma or the end.
    fn bare(&mut self) -> Result<Value, BadLine> {
        let start = self.next;
        while let Some(c) = self.peek().filter(|c| *c != ',') {
            // An apostrophe between letters is one; at the edge of a word it is half of a pair.
            if matches!(c, '\'' | '"') && !self.is_apostrophe(c) {
                return Err(BadLine::StrayQuote { at: self.next + 1, quote: c });
            }
            self.next += 1;
        }
        let text: String = self.characters[start..self.next].iter().collect();
        let text = text.trim();
        if text.is_empty() {
            return Err(BadLine::NoArgument { at: self.next + 1 });
        }
        Ok(whole_number(text).map_or_else(|| Value::from(text), Value::Int))
    }

    fn is_apostrophe(&self, c: char) -> bool {
        let is_letter = |at: Option<usize>| {
            at.and_then(|at| self.characters.get(at)).is_some_and(|c| c.is_alphanumeric())
        };
        c == '\'' && is_letter(self.next.checked_sub(1)) && is_letter(self.next.checked_add(1))
    }
}

/// A number that is written as numbers are printed: what else looks like one (`007`, `+5`) is a
/// text, because somebody may have meant it so.
fn whole_number(text: &str) -> Option<i128> {
    let number: i128 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_command(line: &str, name: &str, arguments: &[Value]) {
        let command = Line::Command { name: name.to_owned(), arguments: arguments.to_vec() };
        assert_eq!(parse_line(line), Ok(command), "{line}");
    }

    #[track_caller]
    fn is_error(line: &str, text: &str) {
        assert_eq!(parse_line(line).unwrap_err().to_string(), text, "{line}");
    }

    #[test]
    fn what_is_no_command_is_text_as_typed() {
        for line in ["", "hello", " s.help", "s.help", "is.help()", "s.help() now", "s.)", "(s.a)"]
        {
            assert_eq!(parse_line(line), Ok(Line::Text(line.to_owned())), "{line}");
        }
    }

    #[test]
    fn arguments_are_bare_or_quoted() {
        is_command("s.help()", "s.help", &[]);
        is_command("  s.help( ) ", "s.help", &[]);
        is_command("s.shutdownserver(sub1)", "s.shutdownserver", &["sub1".into()]);
        is_command("s.x(a b , 'c, d',\"e)\")", "s.x", &["a b".into(), "c, d".into(), "e)".into()]);
        is_command(r"s.x('it\'s', 'a\\b')", "s.x", &["it's".into(), r"a\b".into()]);
        is_command("s.x(it's)", "s.x", &["it's".into()]);
        is_command("s.x('')", "s.x", &["".into()]);
        is_command("s.x(/sub1/client3, ../a)", "s.x", &["/sub1/client3".into(), "../a".into()]);
        is_command("s.mine.do(f(x))", "s.mine.do", &["f(x)".into()]);
    }

    #[test]
    fn bare_whole_numbers_are_numbers() {
        is_command("s.x(4003, -1, 0)", "s.x", &[4003.into(), (-1).into(), 0.into()]);
        is_command(
            "s.x('4003', 007, +5, 1.5)",
            "s.x",
            &["4003".into(), "007".into(), "+5".into(), "1.5".into()],
        );
        is_command("s.x(-0)", "s.x", &["-0".into()]);
        let huge = "9".repeat(60);
        is_command(&format!("s.x({huge})"), "s.x", &[huge.as_str().into()]);
    }

    #[test]
    fn a_tuple_counts_as_the_arguments() {
        let arguments = [Value::from("127.0.0.1"), Value::from(4003)];
        is_command("s.sethigherserver('127.0.0.1', 4003)", "s.sethigherserver", &arguments);
        is_command("s.sethigherserver(('127.0.0.1', 4003))", "s.sethigherserver", &arguments);
        is_command("s.sethigherserver( ( 127.0.0.1,4003 ) )", "s.sethigherserver", &arguments);
        is_command("s.mute(('client1',))", "s.mute", &["client1".into()]);
        is_command("s.mute(())", "s.mute", &[]);
    }

    #[test]
    fn errors_say_where() {
        is_error("s.x('abc)", "the ' at character 5 is not closed");
        is_error("  s.x(1, \"abc)", "the \" at character 10 is not closed");
        is_error(r"s.x('abc\')", "the ' at character 5 is not closed");
        is_error(
            "s.x('a' b)",
            "after the closing quote there must be a comma, not 'b' at character 9",
        );
        is_error(
            "s.x(a'b ')",
            "the ' at character 9 stands inside of an argument: quote all of it",
        );
        is_error("s.x(a,,b)", "there is no argument before character 7: write '' for an empty one");
        is_error("s.x(a,)", "there is no argument before character 7: write '' for an empty one");
        is_error(
            "s.(x)",
            "`s.(x)` starts like a command, but has no name of letters, digits and `_` before \
             its `(`",
        );
        assert!(matches!(parse_line("s.two words(x)"), Err(BadLine::NoName(_))));
    }
}

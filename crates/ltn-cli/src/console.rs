//! The console's language: what a line means that somebody types.
//!
//! Text is a message, `s.name(…)` a command, and `@target` in front of either says to whom. On the
//! wire a text is a text and a command is a command; this is where they part.

use ltn::{IntoTarget, Line, Selector, Target, Value};

use crate::trouble::Trouble;

/// What a line means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Typed {
    /// For whom.
    pub(crate) target: Target,
    /// The target as it was typed, or in words.
    pub(crate) shown: String,
    /// What.
    pub(crate) line: Line,
}

/// Reads a line; `Ok(None)` for an empty one.
pub(crate) fn read(typed: &str) -> Result<Option<Typed>, Trouble> {
    let typed = typed.trim_end();
    if typed.is_empty() {
        return Ok(None);
    }
    let Some(addressed) = typed.strip_prefix('@') else {
        let shown = "the server".to_owned();
        return Ok(Some(Typed { target: Target::Parent, shown, line: line(typed)? }));
    };
    let Some((target, rest)) = addressed.split_once(char::is_whitespace) else {
        return Err(Trouble::usage(format!("`{typed}`: behind the target goes what to say")));
    };
    let shown = target.to_owned();
    Ok(Some(Typed { target: self::target(target)?, shown, line: line(rest.trim())? }))
}

/// A command in its written form, `s.name(…)`.
pub(crate) fn command(text: &str) -> Result<(String, Vec<Value>), Trouble> {
    match line(text.trim())? {
        Line::Command { name, arguments } => Ok((name, arguments)),
        Line::Text(text) => Err(Trouble::usage(format!(
            "`{text}` is no command: it starts with `s.` and ends with `)`"
        ))),
    }
}

/// An argument that the shell has taken apart already: a whole number as a number, else text. Only
/// what is written as numbers are printed is one, as in the brackets of a typed command.
pub(crate) fn argument(word: &str) -> Value {
    match word.parse::<i128>() {
        Ok(number) if number.to_string() == word => Value::Int(number),
        _ => Value::from(word),
    }
}

/// Whom a text names.
pub(crate) fn target(text: &str) -> Result<Target, Trouble> {
    text.into_target().map_err(|why| Trouble::usage(why.to_string()))
}

/// Whom of many a text names.
pub(crate) fn selector(text: &str) -> Result<Selector, Trouble> {
    text.parse().map_err(|why: ltn::BadPath| Trouble::usage(why.to_string()))
}

fn line(text: &str) -> Result<Line, Trouble> {
    ltn::parse_line(text).map_err(|why| Trouble::usage(why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Typed {
        read(text).unwrap().expect("something was typed")
    }

    #[test]
    fn plain_text_goes_to_the_server() {
        let hello = typed("hello there\r\n");
        assert_eq!((hello.target, hello.line), (Target::Parent, Line::Text("hello there".into())));
        assert_eq!(read("  \n").unwrap(), None);
    }

    #[test]
    fn a_command_is_read_with_its_arguments() {
        let arguments = vec![Value::from("127.0.0.1"), Value::Int(4003)];
        let wanted = Line::Command { name: "s.sethigherserver".into(), arguments };
        assert_eq!(typed("s.sethigherserver('127.0.0.1', 4003)").line, wanted);
        assert!(read("s.mute('x)").unwrap_err().what.contains("not closed"));
    }

    #[test]
    fn an_at_sign_says_to_whom() {
        let far = typed("@/sub1/client3 good morning");
        assert_eq!(far.target, Target::Path("/sub1/client3".parse().unwrap()));
        assert_eq!(far.shown, "/sub1/client3");
        assert_eq!(far.line, Line::Text("good morning".into()));
        let command = typed("@sub1 s.info()");
        assert!(matches!(command.target, Target::Name(_)));
        assert!(matches!(command.line, Line::Command { .. }));
        assert!(read("@sub1").unwrap_err().what.contains("what to say"));
        assert!(read("@id:zzz hello").is_err());
    }

    #[test]
    fn words_of_the_shell_are_arguments_of_the_same_kinds() {
        assert_eq!(argument("4003"), Value::Int(4003));
        assert_eq!(argument("-1"), Value::Int(-1));
        for text in ["007", "+5", "sub1", "1.5", ""] {
            assert_eq!(argument(text), Value::from(text), "{text}");
        }
        assert!(command("hello").unwrap_err().what.contains("is no command"));
    }
}

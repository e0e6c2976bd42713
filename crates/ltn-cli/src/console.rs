//! The console's language: what a line means that somebody types.
//!
//! Text is a message, `s.name(…)` a command, and `@target` in front of either says to whom. What
//! only looks like a command is refused, because a mistyped one must not be read by others; a `\\`
//! in front of a text sends it as it is. On the wire a text is a text and a command is a command;
//! this is where they part.

use ltn::{BadLine, COMMANDS_WITH_KEY, IntoTarget, Line, Selector, Target, Value, nearest};

use crate::trouble::Trouble;

/// What a line means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Typed {
    /// For whom.
    pub(crate) whom: Selector,
    /// The same as it was typed, or in words.
    pub(crate) shown: String,
    /// What.
    pub(crate) line: Line,
}

/// What is taken as it is stands behind this.
const LITERAL: char = '\\';
/// May this line have a key in it? Then it is neither stored nor shown again. A mistyped name of
/// such a command counts as well.
pub(crate) fn carries_key(typed: &str) -> bool {
    let (_, said) = addressed(typed.trim());
    let said = said.trim_start_matches([LITERAL, ' ']);
    let name = said.split(|c: char| c == '(' || c.is_whitespace()).next().unwrap_or_default();
    let is_near = name.starts_with("s.") && nearest(name, COMMANDS_WITH_KEY).is_some();
    is_near || name.to_lowercase().contains("admin")
}

/// The target behind an `@`, if there is one, and what is said.
pub(crate) fn addressed(typed: &str) -> (Option<&str>, &str) {
    match typed.strip_prefix('@').map(|rest| rest.split_once(char::is_whitespace)) {
        Some(Some((target, said))) => (Some(target), said.trim()),
        _ => (None, typed),
    }
}

/// Reads a line; `Ok(None)` for an empty one.
pub(crate) fn read(typed: &str) -> Result<Option<Typed>, Trouble> {
    let typed = typed.trim_end();
    if typed.is_empty() {
        return Ok(None);
    }
    match addressed(typed) {
        (Some(target), said) => {
            let shown = target.to_owned();
            Ok(Some(Typed { whom: selector(target)?, shown, line: line(said)? }))
        }
        (None, said) if said.starts_with('@') => {
            Err(Trouble::usage(format!("`{typed}`: behind the target goes what to say")))
        }
        (None, said) => {
            let shown = "the server".to_owned();
            Ok(Some(Typed { whom: Target::Parent.into(), shown, line: line(said)? }))
        }
    }
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
    if let Some(literal) = text.strip_prefix(LITERAL) {
        return Ok(Line::Text(literal.to_owned()));
    }
    let read = ltn::parse_line(text).map_err(|why| match why {
        BadLine::NoName(_) if carries_key(text) => {
            Trouble::usage("this is no command; it may have a key in it, so it is not shown")
        }
        why => Trouble::usage(why.to_string()),
    })?;
    match &read {
        Line::Text(text) => almost_command(text).map_or(Ok(read), Err),
        Line::Command { .. } => Ok(read),
    }
}

/// What is wrong with a text that somebody surely meant as a command.
fn almost_command(text: &str) -> Option<Trouble> {
    let text = text.trim();
    let is_word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    let end = text.find(|c: char| c == '(' || c.is_whitespace()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if !name.strip_prefix("s.")?.split('.').all(is_word) {
        return None;
    }
    let what = if rest.starts_with('(') {
        "the bracket of this command is not closed, so nothing was sent"
    } else {
        "a command has brackets, and without them this would be a text; nothing was sent"
    };
    let meant = if rest.starts_with('(') || carries_key(text) {
        format!("{name}(…)")
    } else {
        let arguments: Vec<String> = rest.split_whitespace().map(quoted).collect();
        format!("{name}({})", arguments.join(", "))
    };
    Some(Trouble::usage(what).hint(format!(
        "for the command type `{meant}`; to send this as a text, begin it with `{LITERAL}`"
    )))
}

/// A word as it stands between brackets, in quotes where it needs them.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !"(),'\"\\".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let escaped = word.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{escaped}'")
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
        assert_eq!(hello.whom.single(), Some(&Target::Parent));
        assert_eq!(hello.line, Line::Text("hello there".into()));
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
        assert_eq!(far.whom, Target::Path("/sub1/client3".parse().unwrap()).into());
        assert_eq!(far.shown, "/sub1/client3");
        assert_eq!(far.line, Line::Text("good morning".into()));
        let command = typed("@sub1 s.info()");
        assert!(matches!(command.whom, Selector::One(Target::Name(_))));
        let many = typed("@role=client&/sub1/** dinner is ready");
        assert_eq!(many.whom.to_string(), "/sub1/** & role=client");
        assert_eq!(many.line, Line::Text("dinner is ready".into()));
        assert!(matches!(command.line, Line::Command { .. }));
        assert!(read("@sub1").unwrap_err().what.contains("what to say"));
        assert!(read("@id:zzz hello").is_err());
    }

    #[test]
    fn a_command_without_brackets_is_not_sent_as_a_text() {
        let told = |typed: &str| {
            let trouble = read(typed).unwrap_err();
            format!("{}: {}", trouble.what, trouble.hint.unwrap_or_default())
        };
        assert!(told("s.info").contains("`s.info()`"));
        assert!(told("@/sub1 s.mute bob 'x").contains("`s.mute(bob, '\\'x')`"));
        assert!(told("s.mute(bob").contains("not closed"));
        for text in ["s.o.s. we sink", "s. and more", "is.info", "yes.no maybe"] {
            assert_eq!(typed(text).line, Line::Text(text.into()), "{text}");
        }
    }

    #[test]
    fn a_backslash_makes_a_text_of_anything() {
        assert_eq!(typed(r"\s.info").line, Line::Text("s.info".into()));
        assert_eq!(typed(r"@/lamp \s.info()").line, Line::Text("s.info()".into()));
        let sign = typed(r"\@home again");
        assert_eq!(sign.whom.single(), Some(&Target::Parent));
        assert_eq!(sign.line, Line::Text("@home again".into()));
        assert_eq!(typed(r"\\x").line, Line::Text(r"\x".into()));
    }

    #[test]
    fn keys_are_neither_stored_nor_repeated() {
        for line in [
            "s.getadmin(sesame)",
            "@/sub1 s.setadminkey('sesame')",
            "s.getadmin sesame",
            "s.getadmn(sesame)",
            "  S.GetAdmin(sesame)",
            "getadmin(sesame)",
            "s.setadmin key(sesame)",
        ] {
            assert!(carries_key(line), "{line}");
            if let Err(trouble) = read(line) {
                let text = format!("{trouble} {:?}", trouble.hint);
                assert!(!text.contains("sesame"), "{text}");
            }
        }
        for line in ["hello", "s.info()", "@/sub1 s.mute(bob)", ""] {
            assert!(!carries_key(line), "{line}");
        }
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

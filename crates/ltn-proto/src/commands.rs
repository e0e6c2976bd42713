//! What a command is: its name, its parameters, who may run it. One declaration serves the checks,
//! the help text and what peers see.
//!
//! This room knows declarations and arguments, never effects: what a command does is decided in
//! `node/builtin.rs` or by the program that offers it.

mod telling;

use std::collections::BTreeSet;

use crate::limits::{ARGUMENTS_MAX, DESCRIPTION_BYTES_MAX, WORD_BYTES_MAX};
use crate::permissions::Permission;
use crate::text::{quotable, sanitise_line};
use crate::value::Value;

/// What one parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any text.
    Text,
    /// A whole number.
    Int,
    /// Any value.
    Any,
    /// A text that is shown to nobody: a key. Its characters stand in no error, log or history.
    Secret,
}

/// How often one parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly once.
    Required,
    /// Once or not at all; only behind all required ones.
    Optional,
    /// Once or more often; only as the last.
    OneOrMore,
    /// Any number of times; only as the last.
    Any,
}

/// The commands that carry a key, which nobody on the way may read: they are said to neighbours
/// only, and stand in no history.
pub const COMMANDS_WITH_KEY: [&str; 2] = ["s.getadmin", "s.setadminkey"];

/// How far what a command does may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Not beyond the server that runs it: the admin key of that server opens it too.
    Server,
    /// Further, or nobody has said: no admin key opens it.
    #[default]
    Further,
    /// It is about the network and its members: nothing opens it but the network's charter.
    Network,
}

/// One parameter of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in help texts.
    pub name: String,
    /// What it takes.
    pub kind: ParameterKind,
    /// How often it stands.
    pub arity: Arity,
}

/// The declaration of a command.
///
/// ```
/// use ltn_proto::{CommandSpec, ParameterKind, Value};
/// let spec = CommandSpec::new("s.connectto", "Leave for another server")
///     .required("ip", ParameterKind::Text)
///     .optional("port", ParameterKind::Int);
/// assert_eq!(spec.usage(), "s.connectto(ip[, port])");
/// assert!(spec.check(vec!["10.0.0.7".into(), 4000.into()]).is_ok());
/// assert_eq!(
///     spec.check(vec![]).unwrap_err(),
///     "s.connectto(ip[, port]) takes 1 or 2 arguments, not 0"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// Its name; those of servers start with `s.`.
    pub name: String,
    /// One line.
    pub description: String,
    /// The heading that help lists it under.
    pub category: String,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// What one must hold to run it.
    pub permission: Permission,
    /// Does it want a confirmation first?
    pub dangerous: bool,
    /// How far what it does may reach. Others are not told of it.
    pub reach: Reach,
    /// Does the program say first what would be done, and to whom? For dangerous ones; of others
    /// the confirmation names the node and the command. Others are not told of it.
    pub foretold: bool,
}

/// Arguments that passed a declaration, in its order.
pub type Arguments = Vec<Value>;

impl CommandSpec {
    /// A command without parameters that everybody may run and that wants no confirmation.
    #[must_use]
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            category: String::new(),
            parameters: Vec::new(),
            permission: Permission::user(),
            dangerous: false,
            reach: Reach::default(),
            foretold: false,
        }
    }

    /// The heading that help lists it under.
    #[must_use]
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.category = category.into();
        self
    }

    /// What one must hold to run it.
    #[must_use]
    pub fn permission(mut self, permission: Permission) -> Self {
        self.permission = permission;
        self
    }

    /// It wants a confirmation first.
    #[must_use]
    pub const fn dangerous(mut self) -> Self {
        self.dangerous = true;
        self
    }

    /// It wants a confirmation first, in which the program says what would be done, and to whom.
    #[must_use]
    pub const fn foretold(mut self) -> Self {
        (self.dangerous, self.foretold) = (true, true);
        self
    }

    /// How far what it does may reach.
    #[must_use]
    pub const fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// A further parameter that must be given.
    #[must_use]
    pub fn required(self, name: impl Into<String>, kind: ParameterKind) -> Self {
        self.parameter(name, kind, Arity::Required)
    }

    /// A further parameter that may be left out.
    #[must_use]
    pub fn optional(self, name: impl Into<String>, kind: ParameterKind) -> Self {
        self.parameter(name, kind, Arity::Optional)
    }

    /// A last parameter that must be given and can be repeated.
    #[must_use]
    pub fn one_or_more(self, name: impl Into<String>, kind: ParameterKind) -> Self {
        self.parameter(name, kind, Arity::OneOrMore)
    }

    /// A last parameter that may be left out and can be repeated.
    #[must_use]
    pub fn any_number(self, name: impl Into<String>, kind: ParameterKind) -> Self {
        self.parameter(name, kind, Arity::Any)
    }

    fn parameter(mut self, name: impl Into<String>, kind: ParameterKind, arity: Arity) -> Self {
        self.parameters.push(Parameter { name: name.into(), kind, arity });
        self
    }

    /// How it is typed: `s.kickuser(name, …)`, with brackets around what may be left out.
    #[must_use]
    pub fn usage(&self) -> String {
        let mut text = format!("{}(", self.name);
        for (i, Parameter { name, arity, .. }) in self.parameters.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            text += &match arity {
                Arity::Required => format!("{comma}{name}"),
                Arity::Optional => format!("[{comma}{name}]"),
                Arity::OneOrMore => format!("{comma}{name}, …"),
                Arity::Any => format!("[{comma}{name}, …]"),
            };
        }
        text + ")"
    }

    /// The arguments as the declaration wants them, or what is wrong with them. What was left out
    /// is left out; a number given as text, and the other way round, is turned into what is wanted
    /// if it is written as numbers are printed.
    pub fn check(&self, arguments: Vec<Value>) -> Result<Arguments, String> {
        let (least, most) = self.counts();
        if arguments.len() < least || arguments.len() > most {
            let counts = count_words(least, most);
            return Err(format!("{} takes {counts}, not {}", self.usage(), arguments.len()));
        }
        let mut checked = Vec::with_capacity(arguments.len());
        for (i, argument) in arguments.into_iter().enumerate() {
            // Only the last one is repeated, and without any nothing gets here.
            let Some(parameter) = self.parameters.get(i).or(self.parameters.last()) else { break };
            checked.push(convert(argument, parameter.kind).map_err(|(wanted, given)| {
                let name = &parameter.name;
                format!(
                    "{}: argument {} ({name}) must be {wanted}, not {given}",
                    self.usage(),
                    i + 1
                )
            })?);
        }
        Ok(checked)
    }

    /// The least and the most arguments.
    fn counts(&self) -> (usize, usize) {
        let is_needed = |p: &&Parameter| matches!(p.arity, Arity::Required | Arity::OneOrMore);
        let is_repeated = |p: &Parameter| matches!(p.arity, Arity::OneOrMore | Arity::Any);
        let least = self.parameters.iter().filter(is_needed).count();
        let repeats = self.parameters.last().is_some_and(is_repeated);
        (least, if repeats { ARGUMENTS_MAX } else { self.parameters.len() })
    }

    /// Is this a declaration that others can be shown and arguments be checked by? If not, why.
    pub fn validate(&self) -> Result<(), String> {
        check_word("command", &self.name)?;
        let name = &self.name;
        check_prose(&format!("the description of {name}"), &self.description)?;
        check_prose(&format!("the category of {name}"), &self.category)?;
        if self.parameters.len() > ARGUMENTS_MAX {
            return Err(format!("{name} has more than {ARGUMENTS_MAX} parameters"));
        }
        let mut names = BTreeSet::new();
        for parameter in &self.parameters {
            check_word("parameter", &parameter.name)?;
            if !names.insert(&parameter.name) {
                return Err(format!("{name} has two parameters called {}", parameter.name));
            }
        }
        for pair in self.parameters.windows(2) {
            let [before, after] = pair else { continue };
            let what = match (before.arity, after.arity) {
                (Arity::OneOrMore | Arity::Any, _) => "must be the last, because it is repeated",
                (Arity::Optional, Arity::Required | Arity::OneOrMore) => {
                    "may be left out, so nothing that must be given can follow it"
                }
                _ => continue,
            };
            return Err(format!("in {}, {} {what}", self.usage(), before.name));
        }
        Ok(())
    }
}

fn count_words(least: usize, most: usize) -> String {
    let arguments = |count| if count == 1 { "argument" } else { "arguments" };
    if most == 0 {
        "no arguments".to_owned()
    } else if least == most {
        format!("{most} {}", arguments(most))
    } else if most == ARGUMENTS_MAX {
        format!("{least} to {ARGUMENTS_MAX} arguments")
    } else if least + 1 == most {
        format!("{least} or {most} {}", arguments(most))
    } else {
        format!("{least} to {most} {}", arguments(most))
    }
}

/// The argument as this kind; else the words for what was wanted and what was given.
fn convert(argument: Value, kind: ParameterKind) -> Result<Value, (&'static str, String)> {
    match (kind, argument) {
        (ParameterKind::Any, any) => Ok(any),
        (ParameterKind::Secret, Value::Text(text)) => Ok(Value::Text(text)),
        (ParameterKind::Secret, Value::Int(number)) => Ok(Value::Text(number.to_string())),
        (ParameterKind::Secret, _) => Err(("a text in quotes", "that".to_owned())),
        (ParameterKind::Text, Value::Text(text)) => Ok(Value::Text(text)),
        (ParameterKind::Text, Value::Int(number)) => Ok(Value::Text(number.to_string())),
        (ParameterKind::Text, other) => Err(("a text", describe(&other))),
        (ParameterKind::Int, Value::Int(number)) => Ok(Value::Int(number)),
        (ParameterKind::Int, Value::Text(text)) => match text.parse::<i128>() {
            Ok(number) if number.to_string() == text => Ok(Value::Int(number)),
            _ => Err(("a whole number", describe(&Value::Text(text)))),
        },
        (ParameterKind::Int, other) => Err(("a whole number", describe(&other))),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => format!("\"{}\"", quotable(text)),
        Value::Bytes(_) => "bytes".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
        Value::Time(_) => "a point in time".to_owned(),
    }
}

fn check_word(what: &str, word: &str) -> Result<(), String> {
    let is_plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if word.len() > WORD_BYTES_MAX {
        let word = quotable(word);
        return Err(format!("the {what} name `{word}` has more than {WORD_BYTES_MAX} bytes"));
    }
    if word.split('.').all(is_plain) && sanitise_line(word) == word {
        return Ok(());
    }
    let word = quotable(word);
    Err(format!("`{word}` is no {what} name: letters, digits, `_`, `-` and single dots between"))
}

fn check_prose(what: &str, text: &str) -> Result<(), String> {
    if text.len() > DESCRIPTION_BYTES_MAX {
        return Err(format!("{what} has more than {DESCRIPTION_BYTES_MAX} bytes"));
    }
    if sanitise_line(text) == text {
        Ok(())
    } else {
        Err(format!("{what} has control characters or more than one line"))
    }
}

/// The candidate that somebody who wrote `name` may have meant, if one is near enough: a few
/// letters off, in another case, without its `s.`, or not written to the end.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The name may come from a stranger, and the work grows with its length.
    if name.len() > 2 * WORD_BYTES_MAX {
        return None;
    }
    let wanted = bare_word(name);
    let letters = wanted.chars().count();
    let distance = |candidate: &str| {
        let candidate = bare_word(candidate);
        let is_beginning = letters >= 3 && candidate.starts_with(&wanted) && candidate != wanted;
        if is_beginning { 1 } else { edit_distance(&wanted, &candidate) }
    };
    // Of a short word little may be wrong, else everything is near to everything.
    let most = (letters / 3).max(1).min(letters.saturating_sub(1));
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 2 * WORD_BYTES_MAX)
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn bare_word(name: &str) -> String {
    name.strip_prefix("s.").unwrap_or(name).to_lowercase()
}

/// How many letters must be added, dropped, changed, or swapped with their neighbour.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Three rows of the table: of the first i - 2, i - 1 and i letters of `a`.
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kick() -> CommandSpec {
        CommandSpec::new("s.kickuser", "Throw nodes out").one_or_more("name", ParameterKind::Text)
    }

    fn move_to() -> CommandSpec {
        CommandSpec::new("s.sethigherserver", "Move")
            .required("ip", ParameterKind::Text)
            .required("port", ParameterKind::Int)
    }

    #[test]
    fn the_usage_shows_what_may_be_left_out_and_repeated() {
        let spec = |name| CommandSpec::new(name, "");
        assert_eq!(spec("s.ping").usage(), "s.ping()");
        assert_eq!(kick().usage(), "s.kickuser(name, …)");
        assert_eq!(move_to().usage(), "s.sethigherserver(ip, port)");
        let help = spec("s.help").any_number("topic", ParameterKind::Text);
        assert_eq!(help.usage(), "s.help([topic, …])");
        let services = spec("s.services")
            .required("enable", ParameterKind::Any)
            .optional("service", ParameterKind::Text);
        assert_eq!(services.usage(), "s.services(enable[, service])");
    }

    #[test]
    fn arguments_are_counted() {
        let error = |spec: &CommandSpec, count| spec.check(vec![1.into(); count]).unwrap_err();
        let two = "s.sethigherserver(ip, port) takes 2 arguments, not";
        assert_eq!(error(&move_to(), 1), format!("{two} 1"));
        assert_eq!(error(&move_to(), 3), format!("{two} 3"));
        let many = "s.kickuser(name, …) takes 1 to 64 arguments, not";
        assert_eq!(error(&kick(), 0), format!("{many} 0"));
        assert_eq!(error(&kick(), 65), format!("{many} 65"));
        assert_eq!(error(&CommandSpec::new("s.x", ""), 1), "s.x() takes no arguments, not 1");
        assert_eq!(kick().check(vec!["a".into(); 64]).map(|checked| checked.len()), Ok(64));
    }

    #[test]
    fn numbers_and_texts_become_what_is_wanted() {
        let checked = move_to().check(vec![7.into(), "4003".into()]);
        assert_eq!(checked, Ok(vec!["7".into(), 4003.into()]));
        let error = move_to().check(vec!["a".into(), "04003".into()]).unwrap_err();
        assert_eq!(
            error,
            "s.sethigherserver(ip, port): argument 2 (port) must be a whole number, not \"04003\""
        );
        let error = kick().check(vec!["a".into(), Value::list([1])]).unwrap_err();
        assert!(error.ends_with("argument 2 (name) must be a text, not a list"), "{error}");
        let error = move_to().check(vec!["a".into(), "x\u{1b}\n".repeat(999).into()]).unwrap_err();
        assert!(error.chars().count() < 200 && !error.contains(['\u{1b}', '\n']), "{error}");
    }

    #[test]
    fn declarations_are_checked() {
        assert_eq!(kick().validate(), Ok(()));
        assert_eq!(move_to().category("server management").dangerous().validate(), Ok(()));
        let text = ParameterKind::Text;
        let spec = || CommandSpec::new("s.x", "");
        for (bad, part) in [
            (CommandSpec::new("", ""), "`` is no command name"),
            (CommandSpec::new("s..x", ""), "`s..x` is no command name"),
            (CommandSpec::new("s.x(y)", ""), "is no command name"),
            (CommandSpec::new("s.\u{3164}", ""), "is no command name"),
            (CommandSpec::new("x".repeat(65), ""), "has more than 64 bytes"),
            (CommandSpec::new("s.x", "a\nb"), "the description of s.x has control characters"),
            (CommandSpec::new("s.x", "a".repeat(257)), "has more than 256 bytes"),
            (spec().category("\u{1b}"), "the category of s.x has control characters"),
            (spec().required("a b", text), "`a b` is no parameter name"),
            (spec().required("a", text).optional("a", text), "two parameters called a"),
            (spec().optional("a", text).required("b", text), "a may be left out, so nothing"),
            (spec().optional("a", text).one_or_more("b", text), "a may be left out, so nothing"),
            (spec().any_number("a", text).optional("b", text), "a must be the last"),
        ] {
            let error = bad.validate().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(spec().optional("a", text).any_number("b", text).validate(), Ok(()));
    }

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["s.help", "s.shutdown", "s.shutdownserver", "s.kickuser", "s.cth", "s.info"];
        let near = |name| nearest(name, names);
        assert_eq!(near("s.hepl"), Some("s.help"));
        assert_eq!(near("S.HELP"), Some("s.help"));
        assert_eq!(near("help"), Some("s.help"));
        assert_eq!(near("s.shutdwnserver"), Some("s.shutdownserver"));
        assert_eq!(near("s.kick"), Some("s.kickuser"));
        assert_eq!(near("s.cht"), Some("s.cth"));
        assert_eq!(near("s.x"), None);
        assert_eq!(near(""), None);
        assert_eq!(near("s.something"), None);
        assert_eq!(near(&"a".repeat(1_000_000)), None);
    }

    #[test]
    fn distances_are_the_least() {
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", "abc"), 0);
        assert_eq!(edit_distance("ab", "ba"), 1);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}

//! How a typed line may go on, by what the network offers. Pure: it knows texts, not who asked.

use ltn::{Arity, CommandSpec, Parameter, ParameterKind};

use crate::console;

/// A node that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) name: String,
}

/// What stands before the cursor. `start` is where the word begins that may go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// To whom a line goes.
    Target { start: usize, typed: &'a str },
    /// The name of a command of this target, or of the server.
    Command { target: Option<&'a str>, start: usize, typed: &'a str },
    /// An argument of a command, the how-manieth it is, and the quote it has begun with.
    Argument {
        target: Option<&'a str>,
        command: &'a str,
        index: usize,
        start: usize,
        typed: &'a str,
        quote: Option<char>,
    },
    /// Plain text.
    Nothing,
}

/// Parameters of such names take nodes.
const TAKES_NODES: [&str; 6] = ["name", "path", "address", "node", "user", "server"];
/// What commands that are typed start with.
const COMMAND_START: &str = "s.";
/// The command whose arguments are commands and categories.
const HELP: &str = "s.help";

impl Wanted<'_> {
    /// Where the word begins that may go on.
    pub(super) const fn start(&self) -> usize {
        match self {
            Self::Target { start, .. }
            | Self::Command { start, .. }
            | Self::Argument { start, .. } => *start,
            Self::Nothing => 0,
        }
    }
}

/// What the end of this text, where the cursor is, may become.
pub(super) fn wanted(before: &str) -> Wanted<'_> {
    let (target, from) = match before.strip_prefix('@') {
        None => (None, 0),
        Some(rest) => match rest.find(char::is_whitespace) {
            None => return Wanted::Target { start: 1, typed: rest },
            Some(end) => (Some(&rest[..end]), end + 1),
        },
    };
    let start = before.len() - before[from..].trim_start().len();
    let said = &before[start..];
    let Some(open) = said.find('(') else {
        let is_begun = said.starts_with(COMMAND_START) || COMMAND_START.starts_with(said);
        return if is_begun && !said.contains(char::is_whitespace) {
            Wanted::Command { target, start, typed: said }
        } else {
            Wanted::Nothing
        };
    };
    let command = said[..open].trim_end();
    if !command.starts_with(COMMAND_START) {
        return Wanted::Nothing;
    }
    let (index, at, quote) = last_argument(&said[open + 1..]);
    let start = start + open + 1 + at;
    let typed = &before[start + quote.map_or(0, char::len_utf8)..];
    Wanted::Argument { target, command, index, start, typed, quote }
}

/// The how-manieth argument is the last one, where it begins, and with which quote if that is open.
fn last_argument(arguments: &str) -> (usize, usize, Option<char>) {
    let (mut index, mut start, mut quote, mut escaped) = (0, 0, None, false);
    let mut is_blank = true;
    for (at, c) in arguments.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => (),
            (None, ',') => (index, start, is_blank) = (index + 1, at + 1, true),
            (None, c) if is_blank && c.is_whitespace() => start = at + c.len_utf8(),
            (None, '\'' | '"') if is_blank => (quote, start, is_blank) = (Some(c), at, false),
            (None, _) => is_blank = false,
        }
    }
    (index, start, quote)
}

/// The candidates, as they are shown and as they are put in.
pub(super) fn candidates(
    wanted: &Wanted<'_>,
    places: &[Place],
    commands: &[CommandSpec],
) -> Vec<(String, String)> {
    let mut found = match wanted {
        Wanted::Nothing => Vec::new(),
        Wanted::Target { typed, .. } => named(places, typed)
            // A target ends at the first space, so one with a space in it has another name here.
            .filter(|name| !name.contains(char::is_whitespace))
            .map(|name| (name.to_owned(), format!("{name} ")))
            .collect(),
        Wanted::Command { typed, .. } => commands
            .iter()
            .filter(|spec| spec.name.starts_with(typed) && spec.name.starts_with(COMMAND_START))
            .map(|spec| {
                let end = if spec.parameters.is_empty() { "()" } else { "(" };
                (spec.usage(), format!("{}{end}", spec.name))
            })
            .collect(),
        Wanted::Argument { command, index, typed, quote, .. } => {
            let words = arguments(command, *index, places, commands, typed);
            words.into_iter().map(|word| (word.clone(), written(&word, *quote))).collect()
        }
    };
    found.sort();
    found.dedup();
    found
}

/// Paths, and names that mean one node; those that begin like this.
fn named<'a>(places: &'a [Place], typed: &'a str) -> impl Iterator<Item = &'a str> {
    let is_unique =
        move |name: &str| places.iter().filter(|place| place.name == name).take(2).count() == 1;
    let paths = places.iter().map(|place| place.path.as_str());
    let names = places.iter().map(|place| place.name.as_str());
    // Who has typed nothing sees the paths alone: they say more.
    let names = names.filter(move |name| !typed.is_empty() && is_unique(name));
    paths.chain(names).filter(move |name| name.starts_with(typed))
}

fn arguments(
    command: &str,
    index: usize,
    places: &[Place],
    commands: &[CommandSpec],
    typed: &str,
) -> Vec<String> {
    if command == HELP {
        let names = commands.iter().map(|spec| spec.name.as_str());
        let categories = commands.iter().map(|spec| spec.category.as_str());
        let words = names.chain(categories).filter(|word| !word.is_empty());
        return words.filter(|word| word.starts_with(typed)).map(str::to_owned).collect();
    }
    let Some(spec) = commands.iter().find(|spec| spec.name == command) else { return Vec::new() };
    let takes_nodes = parameter(spec, index).is_some_and(|parameter| {
        parameter.kind != ParameterKind::Int
            && TAKES_NODES.iter().any(|word| parameter.name.contains(word))
    });
    if takes_nodes { named(places, typed).map(str::to_owned).collect() } else { Vec::new() }
}

/// The parameter that an argument is for: the last one may be repeated.
fn parameter(spec: &CommandSpec, index: usize) -> Option<&Parameter> {
    let last = spec.parameters.last().filter(|last| is_repeated(last.arity));
    spec.parameters.get(index).or(last)
}

const fn is_repeated(arity: Arity) -> bool {
    matches!(arity, Arity::OneOrMore | Arity::Any)
}

/// An argument as it is typed, in the quotes that it has begun with.
fn written(word: &str, quote: Option<char>) -> String {
    match quote {
        None => console::quoted(word),
        Some(quote) => {
            let escaped = word.replace('\\', "\\\\").replace(quote, &format!("\\{quote}"));
            format!("{quote}{escaped}{quote}")
        }
    }
}

/// What a command still wants, and what it does.
pub(super) fn missing(wanted: &Wanted<'_>, commands: &[CommandSpec]) -> Option<String> {
    let find = |name: &str| commands.iter().find(|spec| spec.name == name);
    let (spec, rest) = match wanted {
        Wanted::Command { typed, .. } => {
            let spec = find(typed)?;
            (spec, spec.usage()[spec.name.len()..].to_owned())
        }
        Wanted::Argument { command, index, typed, quote: None, .. } if !typed.ends_with(')') => {
            let spec = find(command)?;
            let begun = usize::from(!typed.is_empty());
            let words = spec.parameters.iter().skip(index + begun).map(wish);
            let words: Vec<String> = words.collect();
            let comma = if begun == 1 && !words.is_empty() { ", " } else { "" };
            (spec, format!("{comma}{})", words.join(", ")))
        }
        _ => return None,
    };
    let description = if spec.description.is_empty() {
        String::new()
    } else {
        format!(" – {}", spec.description)
    };
    Some(format!("{rest}{description}"))
}

fn wish(parameter: &Parameter) -> String {
    let name = &parameter.name;
    match parameter.arity {
        Arity::Required => name.clone(),
        Arity::Optional => format!("[{name}]"),
        Arity::OneOrMore => format!("{name}, …"),
        Arity::Any => format!("[{name}, …]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands() -> Vec<CommandSpec> {
        let text = ParameterKind::Text;
        vec![
            CommandSpec::new("connect", "leave").required("address", text),
            CommandSpec::new("s.help", "help").category("statistic").any_number("what", text),
            CommandSpec::new("s.mute", "mute nodes").one_or_more("name", text),
            CommandSpec::new("s.move", "move")
                .required("path", text)
                .optional("port", ParameterKind::Int),
            CommandSpec::new("s.ping", "the round trip"),
        ]
    }

    fn places() -> Vec<Place> {
        let place = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            Place { path: path.to_owned(), name }
        };
        ["/sub1", "/sub1/lamp", "/sub2/lamp", "/sub2/living room"].map(place).to_vec()
    }

    /// What Tab puts in, and how the line looks if there is one candidate.
    fn tab(line: &str) -> Vec<String> {
        let wanted = wanted(line);
        let found = candidates(&wanted, &places(), &commands());
        let put_in = |(_, word): &(String, String)| format!("{}{word}", &line[..wanted.start()]);
        found.iter().map(put_in).collect()
    }

    #[test]
    fn commands_go_on_with_their_brackets() {
        assert_eq!(tab("s.p"), ["s.ping()"]);
        assert_eq!(tab("s.m"), ["s.move(", "s.mute("]);
        assert_eq!(tab("@/sub1  s.mu"), ["@/sub1  s.mute("]);
        assert_eq!(tab("s"), tab(""), "commands of the console alone");
        assert_eq!(tab("").len(), 4);
        assert!(tab("hello").is_empty() && tab("s.p and").is_empty() && tab(r"\s.p").is_empty());
    }

    #[test]
    fn targets_are_paths_and_names_that_mean_one_node() {
        assert_eq!(tab("@/sub1"), ["@/sub1 ", "@/sub1/lamp "]);
        assert_eq!(tab("@su"), ["@sub1 "]);
        assert_eq!(tab("@la"), Vec::<String>::new(), "there are two lamps");
        assert_eq!(tab("@").len(), 3, "paths, without the one that has a space");
    }

    #[test]
    fn arguments_are_nodes_where_nodes_are_meant() {
        assert_eq!(tab("s.mute(su"), ["s.mute(sub1"]);
        assert_eq!(tab("s.mute(bob, /sub1/"), ["s.mute(bob, /sub1/lamp"]);
        assert_eq!(tab("s.mute(li"), ["s.mute('living room'"]);
        assert_eq!(tab("s.mute(\"a, b\", \"li"), ["s.mute(\"a, b\", \"living room\""]);
        assert!(tab("s.move(x, su").is_empty(), "a port is no node");
        assert!(tab("s.nosuch(su").is_empty());
        assert_eq!(tab("s.help(st"), ["s.help(statistic"]);
        assert_eq!(tab("s.help(s.pi"), ["s.help(s.ping"]);
    }

    #[test]
    fn what_is_missing_is_told() {
        let told = |line: &str| missing(&wanted(line), &commands()).unwrap_or_default();
        assert_eq!(told("s.move"), "(path[, port]) – move");
        assert_eq!(told("s.move("), "path, [port]) – move");
        assert_eq!(told("s.move(/a"), ", [port]) – move");
        assert_eq!(told("s.move(/a,"), "[port]) – move");
        assert_eq!(told("s.move(/a, 1"), ") – move");
        assert_eq!(told("s.mute(x, y"), ") – mute nodes");
        assert_eq!(told("s.ping()"), "");
        assert_eq!(told("s.mo"), "");
    }

    #[test]
    fn any_text_can_be_looked_at() {
        for text in ["@", "@ ", "(", "s.(", "s.x('", "s.x('\\", "@ä ö(", "s.ü('ä, ", ",'\"\\)"]
        {
            for (at, _) in text.char_indices() {
                let found = wanted(&text[..at]);
                assert!(found.start() <= at, "{text}");
                candidates(&found, &places(), &commands());
            }
        }
    }
}

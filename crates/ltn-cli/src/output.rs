//! All that the program says: text for people, and JSON for programs.
//!
//! This is the only file that prints and the only one that knows JSON. Everything passes through
//! [`sanitise`] on its way out, wherever it came from, and text of others never begins a line as
//! the program's own do. Times of day exist here alone, at the moment of showing.
//!
//! In JSON a value looks as one expects; what JSON lacks is an object with one key: bytes are
//! `{"$bytes": "00ff…"}`, points in time `{"$time": seconds since 1970}`.

mod clock;
mod columns;
mod reading;
mod secret;
mod sink;

use std::io::{self, BufRead, IsTerminal, Write};

use ltn::{RollCallEntry, TreeNode, Value, sanitise, sanitise_line};
use serde::ser::{Serialize, Serializer};

use crate::trouble::{Ending, Trouble};

use clock::time_of_day;
use sink::{complain, print};

pub(crate) use columns::columns;
pub(crate) use reading::value_of_json;
pub(crate) use secret::{Unanswered, ask_secret};
pub(crate) use sink::{hand_over, is_broken, leave_line, take_back};

/// Named values, in the order in which they stand in JSON.
pub(crate) type Fields<'a> = [(&'a str, Value)];

/// Where the program speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    terminal: bool,
}

/// How a piece of text stands out, where the terminal can show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A title.
    Title,
    /// Who says something.
    Speaker,
    /// What is there to be looked up, such as a time.
    Quiet,
    /// What did not end well.
    Trouble,
}

impl Output {
    /// Speaks in JSON, or in words.
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let able = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let terminal = able && io::stdout().is_terminal();
        Self { json, colour: wanted && terminal, terminal }
    }

    /// Speaks in words.
    pub(crate) fn words() -> Self {
        Self::new(false)
    }

    /// Is this a terminal whose cursor can be moved?
    pub(crate) const fn is_terminal(self) -> bool {
        self.terminal
    }

    /// Are there colours?
    pub(crate) const fn is_coloured(self) -> bool {
        self.colour
    }

    /// Is JSON wanted?
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Is somebody there who reads what stands on the terminal?
    pub(crate) const fn is_for_people(self) -> bool {
        self.terminal && !self.json
    }

    /// Says something to people; programs are told nothing.
    pub(crate) fn say(self, text: &str) {
        if !self.json {
            print(&sanitise(text));
        }
    }

    /// As [`Self::say`], where the answer itself goes to stdout and this must not be in it.
    pub(crate) fn remark(self, text: &str) {
        complain(&sanitise(text));
    }

    /// Shows how far something is, in place of what was shown before; nothing ends it. Only where a
    /// person looks on.
    pub(crate) fn progress(self, text: &str) {
        let mut stderr = io::stderr().lock();
        if !self.json && stderr.is_terminal() {
            let line = format!("\r\x1b[2K{}", sanitise_line(text));
            drop(stderr.write_all(line.as_bytes()).and_then(|()| stderr.flush()));
        }
    }

    /// The title of a part.
    pub(crate) fn title(self, text: &str) {
        self.say_styled(Style::Title, &sanitise_line(text));
    }

    /// One thing that was said or done by an instance, its name in a column of its own.
    pub(crate) fn line(self, speaker: &str, width: usize, text: &str) {
        let speaker = sanitise_line(speaker);
        let column = self.paint(Style::Speaker, &format!("{speaker:<width$}"));
        let indent = " ".repeat(width + 4);
        let mut block = String::new();
        for (i, line) in sanitise(text).lines().enumerate() {
            let start = if i == 0 { format!("  {column}  ") } else { indent.clone() };
            block.push_str(format!("{start}{line}").trim_end());
            block.push('\n');
        }
        if !self.json {
            print(block.trim_end_matches('\n'));
        }
    }

    /// One line with the time of day, for things that happen while somebody watches. A text of
    /// several lines goes on behind a bar, so that none of them looks like another event.
    pub(crate) fn happened(self, text: &str) {
        self.happen("", text);
    }

    /// As [`Self::happened`], where somebody says something.
    pub(crate) fn said(self, speaker: &str, text: &str) {
        let speaker = format!("{}>", sanitise_line(speaker));
        self.happen(&format!("{} ", self.paint(Style::Speaker, &speaker)), text);
    }

    /// `start` was sanitised before.
    fn happen(self, start: &str, text: &str) {
        if !self.json {
            let time = format!("[{}]", time_of_day());
            let bar = format!("{}| ", " ".repeat(time.len() + 1));
            let time = self.paint(Style::Quiet, &time);
            print(&format!("{time} {start}{}", hanging(&sanitise(text), &bar)));
        }
    }

    /// What came back for something that was typed: every line of it is indented, because it may
    /// come from anybody.
    pub(crate) fn answer(self, text: &str) {
        if !self.json {
            print(&format!("  {}", hanging(&sanitise(text), "  ")));
        }
    }

    /// What did not end well among other things: in one line, what to try in the next.
    pub(crate) fn went_wrong(self, trouble: &Trouble) {
        if self.json {
            return;
        }
        let what = hanging(&sanitise(&trouble.what), "  | ");
        let mut block = format!("{} {what}", self.paint(Style::Trouble, "!"));
        if let Some(hint) = &trouble.hint {
            block += &format!("\n  {}", hanging(&sanitise(hint), "  | "));
        }
        print(&block);
    }

    /// Empties the screen.
    pub(crate) fn clear(self) {
        if self.terminal && !self.json {
            sink::draw("\x1b[2J\x1b[H");
        }
    }

    /// Shows this in place of what the screen showed; where that cannot be, below it.
    pub(crate) fn redraw(self, text: &str) {
        let text = sanitise(text);
        if self.json {
            return;
        }
        if !self.terminal {
            return print(&text);
        }
        // Home, each line to its end, and what was below: nothing flickers.
        let lines: String = text.lines().map(|line| format!("{line}\x1b[K\r\n")).collect();
        sink::draw(&format!("\x1b[H{lines}\x1b[J"));
    }

    /// Tells programs these fields and people this text.
    pub(crate) fn tell(self, fields: &Fields<'_>, text: &str) {
        if self.json { print(&json(fields)) } else { self.say(text) }
    }

    /// What a map says: to programs the map itself, to people this text.
    pub(crate) fn map(self, value: &Value, text: &str) {
        let fields: Vec<(&str, Value)> = match value {
            Value::Map(map) => {
                map.iter().map(|(key, value)| (key.as_str(), value.clone())).collect()
            }
            other => vec![("text", other.clone())],
        };
        self.tell(&fields, text);
    }

    /// The value that somebody answered.
    pub(crate) fn value(self, from: &str, value: &Value) {
        self.tell(&[("from", from.into()), ("value", value.clone())], &readable(value));
    }

    /// A drawn tree, or its nodes.
    pub(crate) fn tree(self, nodes: &[TreeNode], complete: bool) {
        self.nodes("tree", nodes, complete, &ltn::draw_tree(nodes).join("\n"));
    }

    /// Nodes: programs are told all of them under this key, people this text.
    pub(crate) fn nodes(self, key: &str, nodes: &[TreeNode], complete: bool, text: &str) {
        let listed: Vec<Value> = nodes.iter().map(node_value).collect();
        self.tell(&[("complete", complete.into()), (key, Value::List(listed))], text);
    }

    /// How every node ended when the whole network was told to do something.
    pub(crate) fn roll_call(self, entries: &[RollCallEntry], text: &str) {
        let listed: Vec<Value> = entries.iter().map(entry_value).collect();
        self.tell(&[("roll_call", Value::List(listed))], text);
    }

    /// A verb that did not end well.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        if self.json {
            print(&json(&[
                ("error", sanitise_line(&trouble.what).into()),
                ("ending", ending_word(trouble.ending).into()),
                ("hint", trouble.hint.as_deref().map(sanitise_line).into()),
            ]));
        }
        self.remark(&format!("ltn: {}", hanging(&trouble.what, "     ")));
        if let Some(hint) = &trouble.hint {
            self.remark(&format!("     {}", hanging(hint, "     ")));
        }
    }

    /// Asks a person yes or no; `None` if there is no person.
    pub(crate) fn ask(self, question: &str) -> Option<bool> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let mut stderr = io::stderr().lock();
        // Who cannot be asked has not said yes.
        write!(stderr, "{} [y/N] ", sanitise(question)).and_then(|()| stderr.flush()).ok()?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    fn say_styled(self, style: Style, text: &str) {
        if !self.json {
            print(&self.paint(style, text));
        }
    }

    /// Only text that was sanitised before.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match style {
            Style::Title => 1,
            Style::Speaker => 36,
            Style::Quiet => 2,
            Style::Trouble => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Does somebody sit at a keyboard, as far as can be told?
pub(crate) fn reads_terminal() -> bool {
    io::stdin().is_terminal()
}

/// A value for people: its own text where it brings one, else all of it, a map with one line for
/// each of its entries.
pub(crate) fn readable(value: &Value) -> String {
    match value {
        Value::Null => "done".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Map(entries) if entries.is_empty() => "nothing".to_owned(),
        Value::Map(entries) => match entries.get("text") {
            Some(Value::Text(text)) => text.clone(),
            _ => {
                let width = entries.keys().map(|name| name.chars().count()).max().unwrap_or(0);
                let line = |(name, value): (&String, &Value)| format!("{name:<width$}  {value}");
                entries.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        },
        other => other.to_string(),
    }
}

/// For bytes that are not ours to change.
pub(crate) fn raw() -> tokio::io::Stdout {
    tokio::io::stdout()
}

/// The text with each further line behind this.
fn hanging(text: &str, indent: &str) -> String {
    text.trim_end_matches('\n').replace('\n', &format!("\n{indent}"))
}

const fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::All => "all",
        Ending::Some => "some",
        Ending::Nothing => "none",
        Ending::Unknown => "unknown",
        Ending::Untrusted => "untrusted",
    }
}

fn node_value(node: &TreeNode) -> Value {
    Value::map([
        ("id", node.id.to_string().into()),
        ("path", node.path.to_string().into()),
        ("name", node.name.as_str().into()),
        ("role", node.role.as_str().into()),
        ("layer", node.path.layer().into()),
        ("parent", node.parent.to_string().into()),
        ("address", node.address.as_ref().map(ltn::Address::as_str).into()),
        ("servers", node.servers.into()),
        ("clients", node.clients.into()),
        ("stale_for_seconds", node.stale_for.map(|stale| stale.as_secs_f64()).into()),
    ])
}

fn entry_value(entry: &RollCallEntry) -> Value {
    Value::map([
        ("id", Value::from(entry.id.to_string())),
        ("path", entry.path.to_string().into()),
        ("role", if entry.is_server { "server" } else { "client" }.into()),
        ("outcome", entry.outcome.as_str().into()),
        ("detail", entry.detail.as_str().into()),
    ])
}

/// One JSON object on one line.
fn json(fields: &Fields<'_>) -> String {
    // Keys are texts and the sink is memory: there is nothing left that can fail.
    let line = serde_json::to_string(&Object(fields)).unwrap_or_default();
    // What would steer a terminal stands only in texts, where JSON can escape it: programs read
    // exactly what was sent, and people who look on are safe.
    let mut safe = String::with_capacity(line.len());
    for c in line.chars() {
        if c.is_ascii() && c != '\u{7f}' || !sanitise_line(c.encode_utf8(&mut [0; 4])).is_empty() {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe += &format!("\\u{unit:04x}");
            }
        }
    }
    safe
}

struct Object<'a>(&'a Fields<'a>);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Plain(value))))
    }
}

/// A value as JSON has it.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(yes) => serializer.serialize_bool(*yes),
            Value::Int(number) => serializer.serialize_i128(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.collect_map([("$bytes", hex(bytes))]),
            Value::Time(time) => serializer.collect_map([("$time", time.as_secs_f64())]),
            Value::List(items) => serializer.collect_seq(items.iter().map(Plain)),
            Value::Map(items) => {
                serializer.collect_map(items.iter().map(|(name, value)| (name, Plain(value))))
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn json_keeps_the_order_of_fields_and_all_kinds_of_values() {
        let fields = [
            ("zulu", Value::from("ä\"b\u{1b}[0m\u{202e}\u{e0001}")),
            ("alpha", Value::Int(i128::from(u64::MAX) + 1)),
            ("bytes", Value::Bytes(vec![0, 255])),
            ("time", Value::Time(Duration::from_millis(1_500))),
            ("list", Value::List(vec![Value::Null, Value::Bool(true), Value::Float(f64::NAN)])),
            ("map", Value::map([("x", Value::Int(-1))])),
        ];
        assert_eq!(
            json(&fields),
            "{\"zulu\":\"ä\\\"b\\u001b[0m\\u202e\\udb40\\udc01\",\"alpha\":18446744073709551616,\
             \"bytes\":{\"$bytes\":\"00ff\"},\"time\":{\"$time\":1.5},\
             \"list\":[null,true,null],\"map\":{\"x\":-1}}"
        );
    }

    #[test]
    fn a_value_is_read_by_its_own_text_where_it_brings_one() {
        let result = Value::map([("text", Value::from("two\nlines")), ("n", Value::Int(1))]);
        assert_eq!(readable(&result), "two\nlines");
        let plain = Value::map([("name", Value::from("sub1")), ("n", Value::Int(1))]);
        assert_eq!(readable(&plain), "n     1\nname  sub1");
        assert_eq!(readable(&Value::Int(7)), "7");
        assert_eq!(readable(&Value::Null), "done");
    }

    #[test]
    fn further_lines_do_not_start_where_the_first_one_does() {
        assert_eq!(hanging("one\n[12:00:00] two\n", "  | "), "one\n  | [12:00:00] two");
        assert_eq!(hanging("", "  "), "");
    }
}

//! What a node has to say to the people who run it: each event in words, with its kind, so that a
//! program can show, send on or mute each kind as it likes.
//!
//! This room knows words. It does not know where they are kept or shown.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ltn_proto::admission::Newcomer;
use ltn_proto::{
    CloseReason, Crowded, Event, Name, NodeId, Permission, Role, RollCallEntry, RollCallOutcome,
};
use ltn_proto::{sanitise_line, shorten};

/// What is kept of one text, in characters: a log is for lines, not for letters.
const TEXT_CHARS_MAX: usize = 400;

/// What kind of thing a node has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A text that somebody sent.
    Message,
    /// Somebody came or went, or this node did.
    Connection,
    /// What this node is doing.
    Status,
    /// Something that somebody should look at.
    Warning,
    /// Something that went wrong.
    Error,
}

impl NoticeKind {
    /// One word for it, as in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Connection => "connection",
            Self::Status => "status",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Is it one that `s.errortrace` shows?
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Warning | Self::Error)
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that a node has to say: one line, fit for a terminal whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Counts what this node had to say since it was started, from 1.
    pub number: u64,
    /// When, by the clock of this machine.
    pub time: SystemTime,
    /// What kind of thing it is.
    pub kind: NoticeKind,
    /// The sender of a message, by path or id; `None` where the node itself speaks.
    pub from: Option<String>,
    /// The words, cut to a few hundred characters.
    pub text: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", time_in_words(self.time), self.kind)?;
        match &self.from {
            Some(from) => write!(f, "{from}> {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Any text as one short line without what steers terminals.
pub(crate) fn line(text: &str) -> String {
    // It may be a megabyte, so it is cut before it is looked at.
    let start: String = text.chars().take(2 * TEXT_CHARS_MAX).collect();
    shorten(&sanitise_line(&start), TEXT_CHARS_MAX)
}

/// A time in the format of RFC 3339, UTC, to the millisecond.
pub(crate) fn time_in_words(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let ms = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Year, month and day of the Gregorian calendar, this many days after the first of January 1970.
/// Years are counted from March, so that the day that comes and goes is the last one.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days + FROM_MARCH_OF_YEAR_0;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

fn turned_away(peer: &NodeId, why: &str) -> String {
    format!("turned away id:{}…: {why}", peer.short())
}

fn too_many_below(Crowded { branch, name, nodes }: &Crowded) -> String {
    let who = call(name.as_ref(), branch);
    format!(
        "the map is full with {nodes} nodes: of those below {who}, which has most, some are left \
         out"
    )
}

/// An event in words; `None` for what people need not see.
pub(crate) fn of_event(event: &Event) -> Option<(NoticeKind, String)> {
    use NoticeKind::{Connection, Error, Status, Warning};
    let said = match event {
        Event::Joined { role: Role::Session, .. } => return None,
        Event::Left { role: Role::Session, .. } => return None,
        Event::Joined { child, role, name, name_reason, .. } => {
            let who = call(name.as_ref(), child);
            (Connection, format!("{who} joined as a {role}{}", in_brackets(name_reason.as_ref())))
        }
        Event::Left { child, name, reason, .. } => left(&call(name.as_ref(), child), *reason),
        Event::Renamed { old, name, node } => {
            (Status, format!("{} is called {name} now", call(old.as_ref(), node)))
        }
        Event::RightsChanged { node, name, by, rights } => {
            let words: Vec<&str> = rights.iter().map(Permission::as_str).collect();
            let (who, words) = (call(name.as_ref(), node), words.join(", "));
            let by = if by == node { String::new() } else { said_by(by) };
            (Status, format!("{who} holds {words} here{by}"))
        }
        Event::Muted { node, name, muted, by } => {
            let what = if *muted { "muted" } else { "heard again" };
            (Status, format!("{} is {what} here{}", call(name.as_ref(), node), said_by(by)))
        }
        Event::Kicked { node, name, by } => {
            (Status, format!("{} is kicked{}", call(name.as_ref(), node), said_by(by)))
        }
        Event::WrongKey { node, name } => {
            (Warning, format!("{} gave a wrong admin key", call(name.as_ref(), node)))
        }
        Event::TurnedAway { peer, why } => (Warning, turned_away(peer, why)),
        Event::Crowded(crowded) => (Warning, too_many_below(crowded)),
        Event::Connected { parent_name, address, name, name_reason, .. } => {
            let called = name.as_ref().map_or(String::new(), |name| format!(" as {name}"));
            let reason = in_brackets(name_reason.as_ref());
            (Connection, format!("joined {parent_name} at {address}{called}{reason}"))
        }
        Event::Disconnected { parent_name, reason: CloseReason::Leaving, .. } => {
            (Connection, format!("left {parent_name}"))
        }
        Event::Disconnected { parent_name, reason, text, returning, .. } => {
            (Connection, disconnected(parent_name, *reason, text, *returning))
        }
        Event::ClonedKey { id, at } => {
            let id = id.short();
            (Warning, format!("two running nodes have the key id:{id}…, noticed at {at}"))
        }
        Event::MovingBack { lost, to, address } => {
            (Warning, format!("{lost} was lost on trial: going back to {to} at {address}"))
        }
        Event::Retrying { address, why, pause } => {
            let seconds = pause.as_secs_f64();
            (Connection, format!("{address}: {why}; next attempt in {seconds:.1} s"))
        }
        Event::Placed { path, rooted: true } => (Status, format!("this node is {path}")),
        Event::Placed { path, rooted: false } => {
            (Warning, format!("this node is {path}, cut off from the main server"))
        }
        Event::RollCall { entries, .. } => roll_call(entries),
        Event::OrderIgnored { why } => (Warning, format!("an order was ignored: {why}")),
        Event::Ordered { text, .. } => (Status, text.clone()),
        Event::Superseded => (Error, SUPERSEDED.to_owned()),
        Event::Admitted(newcomer) => (Connection, admitted(newcomer)),
        Event::Stopped { restart: true } => (Status, "restarting".to_owned()),
        Event::Stopped { restart: false } => (Status, "stopped".to_owned()),
        Event::ServiceFailed { name, error } => {
            (Error, format!("the service {name} failed and is disabled: {error}"))
        }
        _ => return None,
    };
    Some(said)
}

fn admitted(Newcomer { node, name, role }: &Newcomer) -> String {
    let who = call(name.as_ref(), node);
    format!("{who} has used its invite: it is a member now, as a {role}")
}

const SUPERSEDED: &str = "another main server with this key was restored from a backup, and is in \
                          charge: this one stops, and does not start again";

fn call(name: Option<&Name>, id: &NodeId) -> String {
    name.map_or_else(|| format!("id:{}…", id.short()), ToString::to_string)
}

fn said_by(id: &NodeId) -> String {
    format!(" (by id:{}…)", id.short())
}

fn in_brackets(text: Option<&String>) -> String {
    text.map_or(String::new(), |text| format!(" ({text})"))
}

fn left(who: &str, reason: CloseReason) -> (NoticeKind, String) {
    use CloseReason::{
        Away, Kicked, Leaving, Lost, Misbehaved, Moved, Replaced, Restarting, SlowReader, Stopping,
    };
    match reason {
        Leaving | Moved => (NoticeKind::Connection, format!("{who} {reason}")),
        // Either end may be the one that stops.
        Stopping => (NoticeKind::Connection, format!("{who} is gone: shutting down")),
        Restarting => (NoticeKind::Connection, format!("{who} is gone: restarting")),
        Away => (NoticeKind::Connection, format!("{who} {reason}")),
        Kicked | Replaced => (NoticeKind::Connection, format!("{who} was {reason}")),
        Misbehaved | SlowReader => {
            (NoticeKind::Warning, format!("closed the connection with {who}: it {reason}"))
        }
        Lost => (NoticeKind::Connection, format!("lost connection with {who}")),
        _ => (NoticeKind::Connection, format!("lost connection with {who}: {reason}")),
    }
}

fn disconnected(server: &Name, reason: CloseReason, said: &str, returning: bool) -> String {
    use CloseReason::{Away, Lost, Restarting, Stopping};
    let what = match reason {
        Stopping | Restarting | Away => format!("{server} {reason}"),
        Lost => format!("lost connection with {server}"),
        _ => format!("lost connection with {server}: {reason}"),
    };
    // Most servers say in a text what the reason says already.
    let news = !said.is_empty() && !said.contains(&reason.to_string());
    let said = if news { format!(" ({said})") } else { String::new() };
    let next = if returning { "; trying to come back" } else { "" };
    format!("{what}{said}{next}")
}

fn roll_call(entries: &[RollCallEntry]) -> (NoticeKind, String) {
    use RollCallOutcome::{Refused, Unknown, Unreachable};
    let odd: Vec<String> = entries
        .iter()
        .filter(|entry| matches!(entry.outcome, Refused | Unreachable | Unknown))
        .map(|entry| format!("{} {}", entry.path, entry.outcome.as_str()))
        .collect();
    let all = entries.len();
    if odd.is_empty() {
        (NoticeKind::Status, format!("the roll call of {all} nodes is complete"))
    } else {
        let (odd, list) = (odd.len(), odd.join(", "));
        (NoticeKind::Warning, format!("the roll call of {all} nodes has {odd} exceptions: {list}"))
    }
}

#[cfg(test)]
mod tests {
    use ltn_proto::{GivenOrder, Value};

    use super::*;

    fn id() -> NodeId {
        NodeId::of_public_key(b"somebody")
    }

    fn left_for(reason: CloseReason) -> (NoticeKind, String) {
        let name = Name::known("sub1").ok();
        of_event(&Event::Left { child: id(), role: Role::SubServer, name, reason }).unwrap()
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let words =
            |seconds, ms: u32| time_in_words(UNIX_EPOCH + Duration::new(seconds, ms * 1_000_000));
        assert_eq!(words(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(words(951_782_399, 999), "2000-02-28T23:59:59.999Z");
        assert_eq!(words(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        assert_eq!(words(951_868_800, 0), "2000-03-01T00:00:00.000Z");
        assert_eq!(words(1_735_689_599, 1), "2024-12-31T23:59:59.001Z");
        assert_eq!(words(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
        assert_eq!(time_in_words(UNIX_EPOCH - Duration::from_secs(1)), words(0, 0));
    }

    #[test]
    fn who_comes_and_goes_is_told_by_name() {
        let joined = Event::Joined {
            child: id(),
            role: Role::SubServer,
            name: Name::known("sub1").ok(),
            name_reason: None,
            metadata: Value::Null,
        };
        let (kind, text) = of_event(&joined).unwrap();
        assert_eq!((kind, text.as_str()), (NoticeKind::Connection, "sub1 joined as a sub-server"));
        let connection = |text: &str| (NoticeKind::Connection, text.to_owned());
        assert_eq!(left_for(CloseReason::Lost), connection("lost connection with sub1"));
        assert_eq!(left_for(CloseReason::Stopping), connection("sub1 is gone: shutting down"));
        assert_eq!(left_for(CloseReason::Kicked), connection("sub1 was kicked"));
        assert_eq!(left_for(CloseReason::Misbehaved).0, NoticeKind::Warning);
    }

    #[test]
    fn visits_are_not_told() {
        let joined = Event::Joined {
            child: id(),
            role: Role::Session,
            name: None,
            name_reason: None,
            metadata: Value::Null,
        };
        assert_eq!(of_event(&joined), None);
    }

    #[test]
    fn a_lost_server_is_told_with_what_it_said_and_what_happens_next() {
        let server = Name::known("sub1").unwrap();
        let text = disconnected(&server, CloseReason::Lost, "", true);
        assert_eq!(text, "lost connection with sub1; trying to come back");
        let text = disconnected(&server, CloseReason::Stopping, "sub1 is shutting down", false);
        assert_eq!(text, "sub1 is shutting down");
        let text = disconnected(&server, CloseReason::Kicked, "no loud music", false);
        assert_eq!(text, "lost connection with sub1: kicked (no loud music)");
    }

    #[test]
    fn a_failed_service_is_an_error() {
        let failed =
            Event::ServiceFailed { name: "sensor".to_owned(), error: "no sensor".to_owned() };
        let (kind, text) = of_event(&failed).unwrap();
        assert_eq!(kind, NoticeKind::Error);
        assert_eq!(text, "the service sensor failed and is disabled: no sensor");
    }

    #[test]
    fn a_roll_call_warns_of_whoever_did_not_answer() {
        let entry = |outcome| RollCallEntry {
            id: id(),
            path: "/sub1".parse().unwrap(),
            is_server: true,
            outcome,
            detail: String::new(),
        };
        let told = |outcome| {
            let entries = vec![entry(outcome)];
            {
                let issuer = id();
                let order = GivenOrder { number: 1, restart: false, subtree: true, issuer };
                of_event(&Event::RollCall { order, issuer, entries }).unwrap()
            }
        };
        assert_eq!(told(RollCallOutcome::Stopped).0, NoticeKind::Status);
        let (kind, text) = told(RollCallOutcome::Unreachable);
        assert_eq!(kind, NoticeKind::Warning);
        assert!(text.ends_with("1 exceptions: /sub1 unreachable"), "{text}");
    }

    #[test]
    fn any_text_becomes_one_short_line() {
        assert_eq!(line("two\nlines\u{1b}[2J\u{202e}"), "two lines[2J");
        assert_eq!(line(&"ä".repeat(1_000_000)).chars().count(), TEXT_CHARS_MAX);
    }
}

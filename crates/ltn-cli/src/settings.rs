//! What was meant: the words of the command line, checked and turned into types that can only be
//! right.
//!
//! This room knows modes, addresses, ports and times. It starts nothing and prints nothing.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use ltn::{Address, Finder, Name, Permissions, PortExpr};

use crate::args::{BackupArgs, FindArgs, ModeArgs, PortArgs, StateArgs, VisitArgs};
use crate::trouble::Trouble;

/// The mode of the network that a verb starts or joins. There is one so far; it has to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenMode;

/// The listening ports of a server; what is not given is left to the library.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ports {
    pub(crate) main: Option<PortExpr>,
    pub(crate) data: Option<PortExpr>,
}

/// How a short visit is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    pub(crate) way: Way,
    pub(crate) timeout: Duration,
}

/// How a visit gets into the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the address of a server; nothing where none was said.
    Server(Option<Address>),
    /// Through the node with this state directory, or to where that belongs.
    State(PathBuf),
}

/// How long announcements are listened for: those who are there say so within a second or two.
const ANNOUNCEMENTS_TIME: Duration = Duration::from_secs(3);
/// The longest time that somebody can sensibly wait for an answer.
const TIMEOUT_SECONDS_MAX: f64 = 86_400.0;
/// The servers that a node can be given for bad times.
pub(crate) const BACKUPS_MAX: usize = 16;

impl OpenMode {
    /// The open mode if it was asked for; `retry` is the command line to try instead.
    pub(crate) fn asked_for(mode: &ModeArgs, retry: &str) -> Result<Self, Trouble> {
        if mode.open {
            return Ok(Self);
        }
        Err(Trouble::usage(
            "say which network this is: one with members needs `ltn init`, which comes later",
        )
        .hint(format!("for a network on this machine alone add --open: `{retry} --open`")))
    }
}

impl Ports {
    pub(crate) fn new(args: &PortArgs) -> Result<Self, Trouble> {
        let read = |flag: &str, text: &Option<String>| {
            let parse = |text: &String| port(text).map_err(|why| usage_of(flag, why));
            text.as_ref().map(parse).transpose()
        };
        Ok(Self { main: read("--port", &args.port)?, data: read("--data-port", &args.data_port)? })
    }
}

impl Visit {
    /// `retry` is the command line that failed, without flags.
    pub(crate) fn new(args: &VisitArgs, retry: &str) -> Result<Self, Trouble> {
        let to = args.to.as_deref();
        let way = if let Some(directory) = &args.state {
            // A directory knows which kind of network it belongs to.
            Way::State(directory.clone())
        } else {
            OpenMode::asked_for(&args.mode, &with_to(retry, to))?;
            Way::Server(server(to)?)
        };
        Ok(Self { way, timeout: timeout(&args.timeout)? })
    }
}

/// A command line with the server that was said in it, if one was.
pub(crate) fn with_to(words: &str, to: Option<&str>) -> String {
    to.map_or_else(|| words.to_owned(), |to| format!("{words} --to {to}"))
}

/// The server that was said, if one was.
pub(crate) fn server(to: Option<&str>) -> Result<Option<Address>, Trouble> {
    to.map(address).transpose()
}

/// What `ltn find` looks at.
pub(crate) fn search(args: &FindArgs) -> Result<Finder, Trouble> {
    OpenMode::asked_for(&args.mode, "ltn find")?;
    let time = timeout(&args.timeout)?;
    let mut finder = Finder::open().time_limit(time);
    if let Some(ports) = &args.ports {
        finder = finder.ports(port(ports).map_err(|why| usage_of("--ports", why))?);
    }
    let on: Vec<IpAddr> = args.on.iter().map(|text| ip(text)).collect::<Result<_, _>>()?;
    finder = finder.addresses(on);
    if args.subnet {
        finder = finder.own_subnet();
    }
    if args.first {
        finder = finder.first();
    }
    if args.mdns {
        // Who waits for the first waits for it as long as he said.
        let window = if args.first { time } else { time.min(ANNOUNCEMENTS_TIME) };
        finder = finder.discovery(window);
    }
    Ok(finder)
}

fn ip(text: &str) -> Result<IpAddr, Trouble> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().map_err(|_| {
        Trouble::usage(format!(
            "--on: `{text}` is no address of a machine: write 127.0.0.1, localhost or ::1"
        ))
        .hint("ports have a flag of their own: --ports 4000-4010")
    })
}

fn usage_of(flag: &str, why: String) -> Trouble {
    Trouble::usage(format!("{flag}: {why}"))
}

/// A port expression, as on the command line and in a network file.
pub(crate) fn port(text: &str) -> Result<PortExpr, String> {
    text.parse().map_err(|bad: ltn::BadPortExpr| bad.to_string())
}

/// An address of this machine: `4000`, `127.0.0.1:4000`, `localhost:4000` or `[::1]:4000`.
pub(crate) fn address(text: &str) -> Result<Address, Trouble> {
    let text = text.trim();
    let whole = if text.bytes().all(|b| b.is_ascii_digit()) {
        format!("127.0.0.1:{text}")
    } else {
        text.to_owned()
    };
    let address = Address::new(&whole);
    let Some(socket) = address.socket_addr().filter(|socket| socket.port() != 0) else {
        return Err(Trouble::usage(format!(
            "`{text}` is no address: write 4000, 127.0.0.1:4000 or localhost:4000"
        )));
    };
    if !socket.ip().is_loopback() {
        return Err(Trouble::usage(format!(
            "the open mode does not leave this machine, and {address} is another one"
        ))
        .hint("a network over several machines needs `ltn init`, which comes later"));
    }
    Ok(address)
}

/// The servers to go to when the higher server is lost.
pub(crate) fn backups(args: &BackupArgs) -> Result<Vec<Address>, Trouble> {
    if args.backup.len() > BACKUPS_MAX {
        let number = args.backup.len();
        return Err(Trouble::usage(format!("--backup: {number} times; {BACKUPS_MAX} at most")));
    }
    args.backup.iter().map(|text| address(text)).collect()
}

/// The flags that say where to join, for advice.
pub(crate) fn flags_of(to: Option<&str>, state: &StateArgs) -> String {
    let to = to.map_or(String::new(), |to| format!(" --to {to}"));
    let state =
        state.state.as_ref().map_or(String::new(), |state| format!(" --state {}", state.display()));
    format!("{to}{state}")
}

/// A name that a node may want.
pub(crate) fn name(text: &str) -> Result<Name, Trouble> {
    Name::wanted(text).map_err(|why| Trouble::usage(format!("the name `{text}`: {why}")))
}

/// What everybody may do, in one word.
pub(crate) fn newcomers(text: &str) -> Result<Permissions, &'static str> {
    match text {
        "user" => Ok(Permissions::user()),
        "admin" => Ok(Permissions::admin()),
        _ => Err("say `user` or `admin`"),
    }
}

/// A time as people write it: `60`, `60s`, `5m`, `2h`.
pub(crate) fn span(text: &str) -> Result<Duration, Trouble> {
    let (number, unit) = match text.trim().strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('m') => (number, 60.0),
        Some(number) if text.ends_with('h') => (number, 3_600.0),
        Some(number) => (number, 1.0),
        None => (text.trim(), 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * unit);
    let sensible = seconds.filter(|s| *s > 0.0 && *s <= TIMEOUT_SECONDS_MAX);
    sensible.map(Duration::from_secs_f64).ok_or_else(|| {
        Trouble::usage(format!("`{text}` is no time: write 60s, 5m or 2h, at most a day"))
    })
}

fn timeout(text: &str) -> Result<Duration, Trouble> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s > 0.0 && *s <= TIMEOUT_SECONDS_MAX);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        Trouble::usage(format!("--timeout {text}: a number of seconds, above 0, at most a day"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_short() {
        for text in ["4000", "127.0.0.1:4000", "localhost:4000", " 4000 ", "LOCALHOST:4000"] {
            assert_eq!(address(text).unwrap(), Address::new("127.0.0.1:4000"), "{text}");
        }
        assert_eq!(address("[::1]:4000").unwrap().as_str(), "[::1]:4000");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "0", "65536", "localhost", "127.0.0.1", "somewhere:4000", "4000;rm"] {
            assert!(address(text).unwrap_err().what.contains("is no address"), "{text}");
        }
    }

    #[test]
    fn the_open_mode_stays_on_this_machine() {
        for text in ["192.168.178.140:4000", "0.0.0.0:4000", "8.8.8.8:4000"] {
            assert!(address(text).unwrap_err().what.contains("does not leave"), "{text}");
        }
    }

    #[test]
    fn the_mode_has_to_be_said() {
        let trouble = OpenMode::asked_for(&ModeArgs { open: false }, "ltn main").unwrap_err();
        assert!(trouble.what.contains("ltn init"));
        assert!(trouble.hint.unwrap().contains("ltn main --open"));
        assert!(OpenMode::asked_for(&ModeArgs { open: true }, "ltn main").is_ok());
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (text, seconds) in [("60", 60.0), ("1.5s", 1.5), ("5m", 300.0), ("2h", 7_200.0)] {
            assert_eq!(span(text).unwrap(), Duration::from_secs_f64(seconds), "{text}");
        }
        for text in ["", "s", "0s", "-1s", "25h", "soon", "1d"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_timeout_is_a_sensible_number_of_seconds() {
        assert_eq!(timeout("1.5").unwrap(), Duration::from_millis(1_500));
        for text in ["0", "-1", "NaN", "inf", "soon", "1e9"] {
            assert!(timeout(text).is_err(), "{text}");
        }
    }
}

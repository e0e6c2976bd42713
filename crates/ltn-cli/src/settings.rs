//! What was meant: the words of the command line, checked and turned into types that can only be
//! right.
//!
//! This room knows modes, addresses, ports and times. It starts nothing and prints nothing.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ltn::{Address, Finder, Name, NetworkId, Permissions, PortExpr, holds_member};

use crate::args::{BackupArgs, FindArgs, ModeArgs, PortArgs, StateArgs, VisitArgs};
use crate::trouble::Trouble;

/// The network that a verb starts, joins or visits. Without a word it is the one that this user's
/// member is in; nothing is ever taken for the open mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Network {
    /// This machine alone, everybody is admin; it was asked for.
    Open,
    /// The one of the member that lives in this state directory.
    Member(PathBuf),
}

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
    /// For the node of this state directory, by the address of a server.
    By(PathBuf, Address),
}

/// How long announcements are listened for: those who are there say so within a second or two.
const ANNOUNCEMENTS_TIME: Duration = Duration::from_secs(3);
/// The longest time that somebody can sensibly wait for an answer.
const TIMEOUT_SECONDS_MAX: f64 = 86_400.0;
/// The servers that a node can be given for bad times.
pub(crate) const BACKUPS_MAX: usize = 16;

impl Network {
    /// The network of a node that is to be started. `retry` is the command line to try instead.
    pub(crate) fn of(
        mode: &ModeArgs,
        state: Option<&PathBuf>,
        retry: &str,
    ) -> Result<Self, Trouble> {
        if mode.open {
            return Ok(Self::Open);
        }
        let open = format!("for a network on this machine alone add --open: `{retry} --open`");
        match (state, default_state()) {
            (Some(directory), _) if holds_member(directory) => Ok(Self::Member(directory.clone())),
            (Some(directory), _) => {
                let directory = directory.display();
                Err(Trouble::usage(format!(
                    "{directory} holds no member of a network: make one with `ltn init`, or join \
                     one with `ltn join`"
                ))
                .hint(open))
            }
            (None, Some(directory)) if holds_member(&directory) => Ok(Self::Member(directory)),
            (None, _) => Err(Trouble::usage(
                "say which network this is: make one with `ltn init`, or join one with `ltn join`",
            )
            .hint(open)),
        }
    }

    /// The state directory of the node: that of the member, or the one that was said.
    pub(crate) fn state<'a>(&'a self, said: &'a StateArgs) -> Option<&'a Path> {
        match self {
            Self::Open => said.state.as_deref(),
            Self::Member(directory) => Some(directory),
        }
    }
}

/// Where the node of this user is kept, unless said: `ltn/node` below the user's own state.
pub(crate) fn default_state() -> Option<PathBuf> {
    state_home().map(|home| home.join("node"))
}

/// The directory for `ltn` below the user's own state, as the XDG base directories have it.
pub(crate) fn state_home() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("ltn"))
}

/// The directory that was said, or the usual one.
pub(crate) fn state_or_default(said: Option<&PathBuf>) -> Result<PathBuf, Trouble> {
    said.cloned().or_else(default_state).ok_or_else(|| {
        Trouble::usage("this user has no home directory: say where with --state DIR")
    })
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
        let directory = match &args.state {
            // A directory knows which kind of network it belongs to.
            Some(directory) => directory.clone(),
            None => match Network::of(&args.mode, None, &with_to(retry, to))? {
                Network::Open => {
                    let way = Way::Server(server(to)?);
                    return Ok(Self { way, timeout: timeout(&args.timeout)? });
                }
                Network::Member(directory) => directory,
            },
        };
        let way = match to {
            None => Way::State(directory),
            Some(to) if holds_member(&directory) => Way::By(directory, far_address(to)?),
            Some(to) => Way::By(directory, address(to)?),
        };
        Ok(Self { way, timeout: timeout(&args.timeout)? })
    }
}

/// The state directory that a visit is made for, if it is made for one.
pub(crate) fn directory_of(args: &VisitArgs) -> Option<PathBuf> {
    let own = || default_state().filter(|own| !args.mode.open && holds_member(own));
    args.state.clone().or_else(own)
}

/// What nobody is asked about is done only to a network that somebody named.
pub(crate) fn check_named(args: &VisitArgs) -> Result<(), Trouble> {
    if args.to.is_some() || args.state.is_some() {
        return Ok(());
    }
    let own = directory_of(args);
    let state = own.map_or_else(|| "DIR".to_owned(), |directory| directory.display().to_string());
    let text = "nothing was done: with --yes nobody is asked, so say which network is meant";
    Err(Trouble::usage(text).hint(format!("add --state {state}, or --to ADDR")))
}

/// A command line with the server that was said in it, if one was.
pub(crate) fn with_to(words: &str, to: Option<&str>) -> String {
    to.map_or_else(|| words.to_owned(), |to| format!("{words} --to {to}"))
}

/// An address of a server in this network.
fn address_in(network: &Network, text: &str) -> Result<Address, Trouble> {
    match network {
        Network::Open => address(text),
        Network::Member(_) => far_address(text),
    }
}

/// The server of this network that was said, if one was.
pub(crate) fn server_in(network: &Network, to: Option<&str>) -> Result<Option<Address>, Trouble> {
    to.map(|text| address_in(network, text)).transpose()
}

/// The server that was said, if one was.
pub(crate) fn server(to: Option<&str>) -> Result<Option<Address>, Trouble> {
    to.map(address).transpose()
}

/// What `ltn find` looks at, for servers of this network or of open ones.
pub(crate) fn search(args: &FindArgs, network: Option<NetworkId>) -> Result<Finder, Trouble> {
    let time = timeout(&args.timeout)?;
    let finder = match network {
        Some(network) => Finder::member_of(network),
        None => Finder::open(),
    };
    let mut finder = finder.time_limit(time);
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
    let address = far_address(text)?;
    let is_here = address.socket_addr().is_some_and(|socket| socket.ip().is_loopback());
    if !is_here {
        return Err(Trouble::usage(format!(
            "the open mode does not leave this machine, and {address} is another one"
        ))
        .hint("for a network over several machines there are `ltn init` and `ltn join`"));
    }
    Ok(address)
}

/// An address anywhere: `4000` on this machine, `192.0.2.7:4000`, `[2001:db8::1]:4000`.
pub(crate) fn far_address(text: &str) -> Result<Address, Trouble> {
    let text = text.trim();
    let whole = if text.bytes().all(|b| b.is_ascii_digit()) {
        format!("127.0.0.1:{text}")
    } else {
        text.to_owned()
    };
    let address = Address::new(&whole);
    if address.socket_addr().is_none_or(|socket| socket.port() == 0) {
        return Err(Trouble::usage(format!(
            "`{text}` is no address: write 4000, 127.0.0.1:4000 or localhost:4000"
        )));
    }
    Ok(address)
}

/// The servers to go to when the higher server is lost.
pub(crate) fn backups(args: &BackupArgs, network: &Network) -> Result<Vec<Address>, Trouble> {
    if args.backup.len() > BACKUPS_MAX {
        let number = args.backup.len();
        return Err(Trouble::usage(format!("--backup: {number} times; {BACKUPS_MAX} at most")));
    }
    args.backup.iter().map(|text| address_in(network, text)).collect()
}

/// The flags that say where to join, for advice.
pub(crate) fn flags_of(to: Option<&str>, state: &StateArgs) -> String {
    let to = to.map_or(String::new(), |to| format!(" --to {to}"));
    let state =
        state.state.as_ref().map_or(String::new(), |state| format!(" --state {}", state.display()));
    format!("{to}{state}")
}

/// A name that a node may want; none was said where it is empty.
pub(crate) fn name_or_none(text: Option<&String>) -> Result<String, Trouble> {
    text.map_or_else(|| Ok(String::new()), |text| name(text).map(|name| name.to_string()))
}

/// A name that a node may want.
pub(crate) fn name(text: &str) -> Result<Name, Trouble> {
    Name::wanted(text).map_err(|why| Trouble::usage(why.to_string()))
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

pub(crate) fn timeout(text: &str) -> Result<Duration, Trouble> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s > 0.0 && *s <= TIMEOUT_SECONDS_MAX);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        Trouble::usage(format!("--timeout {text}: a number of seconds, above 0, at most a day"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Verb};

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
        let nowhere = PathBuf::from("/nowhere/at/all");
        let mode = ModeArgs { open: false };
        let trouble = Network::of(&mode, Some(&nowhere), "ltn main").unwrap_err();
        assert!(trouble.what.contains("ltn init"));
        assert!(trouble.hint.unwrap().contains("ltn main --open"));
        assert!(Network::of(&ModeArgs { open: true }, None, "ltn main").is_ok());
    }

    #[test]
    fn what_nobody_confirms_is_not_done_to_a_network_that_nobody_named() {
        use clap::Parser;
        for (words, is_named) in [
            (&["ltn", "members"][..], false),
            (&["ltn", "members", "--open"], false),
            (&["ltn", "members", "--to", "4000"], true),
            (&["ltn", "members", "--state", "/somewhere"], true),
        ] {
            let Verb::Members(args) = Args::try_parse_from(words).unwrap().verb else { panic!() };
            let checked = check_named(&args.visit);
            assert_eq!(checked.is_ok(), is_named, "{words:?}");
            let hints = checked.err().and_then(|trouble| trouble.hint);
            assert!(hints.is_none_or(|hint| hint.contains("--state") && hint.contains("--to")));
        }
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

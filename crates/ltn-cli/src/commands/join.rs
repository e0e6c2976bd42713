//! `ltn join`: this machine becomes a member of the network that an invite is from.
//!
//! The invite is a secret, so it need not stand on the command line, where others of this machine
//! could read it: it is asked for, or comes from standard input.

use std::io::{self, BufRead};

use ltn::{Address, BadInvite, Invite, JoinError, Role, join_network_at};

use crate::args::JoinArgs;
use crate::output::{Output, ask_secret, reads_terminal};
use crate::settings;
use crate::trouble::{Ending, Trouble};

/// No invite is longer, in bytes, also where its line was broken into several.
const LINE_BYTES_MAX: u64 = 4 * 1024;

pub(crate) async fn perform(args: &JoinArgs) -> Result<Ending, Trouble> {
    let line = match args.line.as_deref() {
        Some(line) if line != "-" => line.to_owned(),
        _ if reads_terminal() => asked()?,
        _ => read(io::stdin().lock())?,
    };
    let invite: Invite = line.parse().map_err(|bad: BadInvite| {
        let hint = "nothing was said to anybody, so no invite is used up by that";
        Trouble::usage(bad.to_string()).hint(hint)
    })?;
    let to: Vec<Address> =
        args.to.iter().map(|text| settings::far_address(text)).collect::<Result<_, _>>()?;
    let directory = settings::state_or_default(args.state.as_ref())?;
    let joined = join_network_at(&invite, &to, &directory).await;
    let credentials = joined.map_err(|error| trouble(&error))?;
    let output = Output::words();
    let name = credentials.name().map_or_else(String::new, |name| format!(" as {name}"));
    output.say(&format!("This machine is in the network {}{name}.", credentials.network()));
    let flags = args
        .state
        .as_ref()
        .map_or_else(String::new, |directory| format!(" --state {}", directory.display()));
    let verb = if credentials.role() == Role::SubServer { "sub" } else { "client" };
    output.say(&format!("`ltn {verb}{flags}` starts it, `ltn tree{flags}` shows who is there."));
    Ok(Ending::All)
}

/// What a person types or pastes.
fn asked() -> Result<String, Trouble> {
    let typed = ask_secret("The invite (it is not shown): ").map_err(|why| {
        Trouble::unanswered(why, "an invite", "`ltn join < FILE` reads it from a file")
    })?;
    if typed.trim().is_empty() { Err(nothing("was typed")) } else { Ok(typed) }
}

/// What comes from a file or another program. As soon as the invite is whole nothing more is waited
/// for; as long as it is not, it may go on: mail programs break long lines.
fn read(input: impl BufRead) -> Result<String, Trouble> {
    let mut input = input.take(LINE_BYTES_MAX + 1);
    let mut text = String::new();
    loop {
        let read = input.read_line(&mut text);
        let read = read
            .map_err(|error| Trouble::usage(format!("standard input cannot be read: {error}")))?;
        if text.len() as u64 > LINE_BYTES_MAX {
            let much =
                "what comes from standard input is too much for an invite, which is one line";
            return Err(Trouble::usage(much).hint("nothing was said to anybody"));
        }
        let is_open = text.trim().is_empty() || text.parse::<Invite>() == Err(BadInvite::Damaged);
        match read {
            0 if text.trim().is_empty() => return Err(nothing("came from standard input")),
            1.. if is_open => (),
            _ => return Ok(text),
        }
    }
}

fn nothing(came: &str) -> Trouble {
    Trouble::usage(format!("no invite {came}"))
        .hint("`ltn invite` prints one; it is one line that begins with ltn1")
}

fn trouble(error: &JoinError) -> Trouble {
    let nothing = |hint: &str| Trouble::usage(error.to_string()).hint(hint);
    match error {
        JoinError::NoAddress => nothing("for example --to 192.0.2.7:4000"),
        JoinError::NotReached(_) => nothing(
            "does the main server run, and is that its address? --to says another one; the invite \
             was not used",
        ),
        JoinError::OtherNetwork(_) => nothing(
            "is the address right? --to says another one; if it is, somebody stands in between. \
             The invite was not used",
        ),
        JoinError::Refused(_) => nothing("`ltn invite` at the main server makes a new invite"),
        JoinError::State(error) => Trouble::state(error),
        JoinError::Unknown(_) => {
            Trouble { ending: Ending::Unknown, ..Trouble::usage(error.to_string()) }
        }
        _ => Trouble::failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use ltn::Network;

    use super::*;

    async fn invite() -> String {
        let network = Network::make().unwrap();
        network.invite(Role::Client, Some("lamp"), &[]).await.unwrap().to_string()
    }

    /// Whoever reads it goes wrong: so far, and no farther.
    struct Silent;

    impl io::Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("somebody waited for more"))
        }
    }

    #[tokio::test]
    async fn an_invite_is_read_as_soon_as_it_is_whole() {
        let line = invite().await;
        let (begin, rest) = line.split_at(70);
        for text in [format!("{line}\n"), format!("\n{begin}\r\n  {rest}\n")] {
            let input = io::BufReader::new(io::Read::chain(text.as_bytes(), Silent));
            let read = read(input).unwrap();
            assert_eq!(read.parse::<Invite>().unwrap().to_string(), line);
        }
        assert_eq!(read(line.as_bytes()).unwrap(), line, "without an end of the line");
        let input = io::BufReader::new(io::Read::chain(&b"hello\n"[..], Silent));
        assert_eq!(read(input).unwrap(), "hello\n", "it cannot become one");
    }

    #[test]
    fn nothing_and_too_much_are_told_apart() {
        for text in ["", "\n \n"] {
            let trouble = read(text.as_bytes()).unwrap_err();
            assert!(trouble.what.contains("no invite came"), "{trouble}");
        }
        let endless = io::BufReader::new(io::repeat(b'x'));
        let trouble = read(endless).unwrap_err();
        assert!(trouble.what.contains("too much"), "{trouble}");
        let blank = io::BufReader::new(io::repeat(b'\n'));
        assert!(read(blank).unwrap_err().what.contains("too much"));
    }
}

//! `ltn join`: this machine becomes a member of the network that an invite is from.

use std::io::Read;

use ltn::{Address, Invite, JoinError, Role, join_network_at};

use crate::args::JoinArgs;
use crate::output::Output;
use crate::settings;
use crate::trouble::{Ending, Trouble};

/// No invite is longer, in bytes.
const LINE_BYTES_MAX: u64 = 16 * 1024;

pub(crate) async fn perform(args: &JoinArgs) -> Result<Ending, Trouble> {
    let line = if args.line == "-" { from_stdin()? } else { args.line.clone() };
    let invite: Invite = line.parse().map_err(|bad: ltn::BadInvite| {
        Trouble::usage(bad.to_string()).hint("nothing was said to anybody, and the invite is good")
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

fn from_stdin() -> Result<String, Trouble> {
    let mut line = String::new();
    let read = std::io::stdin().lock().take(LINE_BYTES_MAX).read_to_string(&mut line);
    read.map_err(|error| Trouble::usage(format!("standard input cannot be read: {error}")))?;
    Ok(line)
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

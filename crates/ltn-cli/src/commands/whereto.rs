//! Which server is meant where `--to` is not said: the one that was joined last and answers, or the
//! only one that is found on this machine.
//!
//! Never a guess among several: then they are named.

use std::path::Path;

use ltn::{Address, Finder, Found, ServerList};

use crate::commands::memory;
use crate::output::Output;
use crate::trouble::Trouble;

/// So many servers are named; of further ones, how many.
const SERVERS_NAMED: usize = 8;

/// The server that was said, or else the one that is meant; which, is said.
pub(crate) async fn server(to: Option<Address>, output: Output) -> Result<Address, Trouble> {
    if let Some(address) = to {
        return Ok(address);
    }
    let known = memory::servers(output);
    let search = Finder::open().remembered(known.iter()).search().await;
    let search = search.map_err(|error| Trouble::failed(error.to_string()).nothing_done())?;
    let (address, why) = choose(&known, &search.found)?;
    output.remark(&format!("no --to: taking {address}, {why}"));
    Ok(address)
}

/// The same for a node that may have a state directory: with one it is not guessed where it
/// belongs.
pub(crate) async fn unless_kept(
    to: Option<Address>,
    state: Option<&Path>,
    output: Output,
) -> Result<Option<Address>, Trouble> {
    if state.is_some() { Ok(to) } else { server(to, output).await.map(Some) }
}

fn choose(known: &ServerList, found: &[Found]) -> Result<(Address, &'static str), Trouble> {
    let answering: Vec<&Address> = found.iter().map(|found| &found.address).collect();
    let newest = known.iter().find(|address| answering.contains(address));
    match (newest, &answering[..]) {
        (Some(address), _) => Ok((address.clone(), "the server that was joined last")),
        (None, [only]) => Ok(((*only).clone(), "the only server on this machine")),
        (None, []) => Err(nobody()),
        (None, several) => Err(too_many(several)),
    }
}

fn nobody() -> Trouble {
    Trouble::failed("no server is found on this machine (ports 4000 to 4255)")
        .nothing_done()
        .hint("start one with `ltn main --open`, or say where it is with --to")
}

fn too_many(several: &[&Address]) -> Trouble {
    let named: Vec<&str> = several.iter().take(SERVERS_NAMED).map(|at| at.as_str()).collect();
    let more = match several.len().saturating_sub(SERVERS_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let count = several.len();
    let what = format!("{count} servers are on this machine: {}{more}", named.join(", "));
    Trouble::usage(what).hint(format!("choose one: --to {}", several[0]))
}

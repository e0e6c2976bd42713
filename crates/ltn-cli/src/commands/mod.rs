//! The verbs of the program, one file each. They act through the public face of the library alone
//! and speak through `output.rs` alone; how they end, `main.rs` turns into an exit code.

mod ask;
mod audit;
mod backup;
mod chronicle;
mod client;
mod demo;
mod doctor;
mod find;
mod fleet;
mod init;
mod invite;
mod join;
mod ls;
mod main_server;
mod manual;
mod many;
mod members;
mod memory;
mod move_node;
mod offering;
mod ping;
mod pipe;
mod receiving;
mod report;
mod rights;
mod roll_call;
mod run;
mod send;
mod shutdown;
mod sub;
mod tree;
mod up;
mod visit;
mod watch;
mod watchdog;
mod whereto;
mod why;

use crate::args::Verb;
use crate::trouble::{Ending, Trouble};
use shutdown::Deed;

/// Does what was typed.
pub(crate) async fn perform(verb: Verb) -> Result<Ending, Trouble> {
    match verb {
        Verb::Demo(args) => demo::perform(&args).await,
        Verb::Init(args) => init::perform(&args).await,
        Verb::Invite(args) => invite::perform(&args).await,
        Verb::Replace(args) => invite::replace(&args).await,
        Verb::Join(args) => join::perform(&args).await,
        Verb::Members(args) => members::perform(&args).await,
        Verb::Uninvite(args) => members::uninvite(&args).await,
        Verb::Revoke(args) => members::revoke(&args).await,
        Verb::Grant(args) => members::grant(&args).await,
        Verb::Ungrant(args) => members::ungrant(&args).await,
        Verb::Why(args) => why::perform(&args).await,
        Verb::Backup(args) => backup::backup(&args).await,
        Verb::Restore(args) => backup::restore(&args).await,
        Verb::Up(args) => up::perform(&args).await,
        Verb::Main(args) => main_server::perform(&args).await,
        Verb::Sub(args) => sub::perform(&args).await,
        Verb::Client(args) => client::perform(&args).await,
        Verb::Audit(args) => audit::perform(&args).await,
        Verb::Report(args) => report::perform(&args).await,
        Verb::Doctor(args) => doctor::perform(&args),
        Verb::Find(args) => find::perform(&args).await,
        Verb::Tree(args) => tree::perform(&args).await,
        Verb::Ls(args) => ls::perform(&args).await,
        Verb::Send(args) => send::perform(&args).await,
        Verb::Ask(args) => ask::perform(&args).await,
        Verb::Run(args) => run::perform(&args).await,
        Verb::Ping(args) => ping::perform(&args).await,
        Verb::Pipe(args) => pipe::perform(&args).await,
        Verb::Move(args) => move_node::perform(&args).await,
        Verb::Shutdown(args) => shutdown::perform(&args, Deed::Shutdown).await,
        Verb::Restart(args) => shutdown::perform(&args, Deed::Restart).await,
        Verb::Completions(args) => manual::complete(&args),
        Verb::Man(args) => manual::page(&args),
    }
}

//! Flags of short visits: what to say to whom, and how the visitor gets in.

use std::path::PathBuf;

use super::ModeArgs;

/// What all short visits share.
#[derive(Debug, clap::Args)]
pub(crate) struct VisitArgs {
    /// Any server of the network: 4000, 127.0.0.1:4000; else the last joined, or the only one here.
    #[arg(long, value_name = "ADDR")]
    pub(crate) to: Option<String>,
    /// For the node of this state directory, whether it runs or not; with --to by that server.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) mode: ModeArgs,
    /// JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// How long to wait for an answer (seconds).
    #[arg(long, value_name = "SECS", default_value = "30")]
    pub(crate) timeout: String,
}

/// `ltn tree`.
#[derive(Debug, clap::Args)]
pub(crate) struct TreeArgs {
    /// Stay, and draw it anew when it changes, until Ctrl-C.
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn ls`.
#[derive(Debug, clap::Args)]
pub(crate) struct LsArgs {
    /// This node and what is below it: a path (/sub1), a name, an id; or who fits: '/sub1/*'.
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn send`.
#[derive(Debug, clap::Args)]
pub(crate) struct SendArgs {
    /// Whom: a path (/sub1/client3), a name, an id, or many ('/sub1/*', '/**', 'role=client').
    pub(crate) target: String,
    /// What; `-` reads it from standard input.
    #[arg(required_unless_present = "file")]
    pub(crate) text: Option<String>,
    /// A file instead, of any size; a client takes it if it was started with --receive.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn ask`.
#[derive(Debug, clap::Args)]
pub(crate) struct AskArgs {
    /// Whom: a path (/sub1/client3), a name, an id, or many ('/sub1/*', '/**', 'role=client').
    pub(crate) target: String,
    /// For what: PING, SERVERDATA, CLIENTDATA, or what the node offers.
    pub(crate) name: String,
    /// What to send along.
    pub(crate) argument: Option<String>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Where: a path (/sub1), a name, an id, or many ('role=server & /**').
    pub(crate) target: String,
    /// The command: 's.info()' in one word, or a name and arguments.
    pub(crate) command: String,
    /// The arguments, where the command stands without brackets.
    #[arg(value_name = "ARG")]
    pub(crate) arguments: Vec<String>,
    /// Do not ask before a dangerous command; say with --to or --state where that is.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn ping`.
#[derive(Debug, clap::Args)]
pub(crate) struct PingArgs {
    /// Whom: a path (/sub1/client3), a name, an id, or many ('/sub1/*', '/**', 'role=client').
    pub(crate) target: String,
    /// How often; many are pinged once.
    #[arg(long, value_name = "N", default_value = "3",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn pipe`.
#[derive(Debug, clap::Args)]
pub(crate) struct PipeArgs {
    /// Whose: a path (/sub1), a name or an id.
    pub(crate) target: String,
    /// The name of the data socket; `s.listsocks()` lists them.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

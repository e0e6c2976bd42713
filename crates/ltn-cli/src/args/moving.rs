//! Flags of what changes the tree: moves, orders to stop or restart, and parents for bad times.

use crate::args::VisitArgs;

/// Where a node looks for another higher server.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct BackupArgs {
    /// Go there when the higher server is lost; may be given several times, in order.
    #[arg(long, value_name = "ADDR")]
    pub(crate) backup: Vec<String>,
}

/// `ltn move`.
#[derive(Debug, clap::Args)]
pub(crate) struct MoveArgs {
    /// Whom: a path (/sub1/hall), a name, an id, or several ('/sub1/*').
    pub(crate) target: String,
    /// Below which server: a path, a name or an id.
    #[arg(long, value_name = "SERVER")]
    pub(crate) under: String,
    /// Only say what would change, or why it cannot be.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Move back by itself if the new server is lost within this time: 60s, 5m, 2h.
    #[arg(long, value_name = "TIME", conflicts_with = "dry_run")]
    pub(crate) return_after: Option<String>,
    /// Do not ask first; say with --to or --state which network that is.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn shutdown` and `ltn restart`.
#[derive(Debug, clap::Args)]
pub(crate) struct OrderArgs {
    /// Which servers ('/sub1', '/sub1/*'), with everything below; else the whole network.
    pub(crate) target: Option<String>,
    /// Only the named ones; those below them go on by themselves.
    #[arg(long, requires = "target")]
    pub(crate) alone: bool,
    /// Do not ask first; say with --to or --state which network that is.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

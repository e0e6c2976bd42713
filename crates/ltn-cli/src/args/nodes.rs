//! Flags of nodes that stay: where they keep what they must remember, whether they are announced.

use std::path::PathBuf;

use super::VisitArgs;

/// Where a node keeps who it is.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct StateArgs {
    /// Keep who this node is, and where it belongs, in this directory; the one of this user's
    /// member, if there is one, unless said.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// `ltn doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// The state directory; the one of this user's member unless said.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// Where a server listens.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ListenArgs {
    /// The address to listen at. In the open mode 127.0.0.1; a member listens at all addresses of
    /// this machine unless said.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<std::net::IpAddr>,
}

/// Whether a server announces itself.
#[derive(Debug, clap::Args)]
pub(crate) struct AnnounceArgs {
    /// Announce this server by mDNS, so that `ltn find --mdns` finds it at any port.
    #[arg(long)]
    pub(crate) announce: bool,
}

/// The event log of a server.
#[derive(Debug, clap::Args)]
pub(crate) struct EventLogArgs {
    /// Keep the event log in this file (JSON lines); s.storelog stores beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) event_log: Option<PathBuf>,
}

/// What people may do at a server.
#[derive(Debug, clap::Args)]
pub(crate) struct RightsArgs {
    /// What everybody may do here in the open mode: `admin`, as it is unless said, or `user`.
    /// Between members it is `user`, and the charter says who may more.
    #[arg(long, value_name = "WHAT")]
    pub(crate) newcomers: Option<String>,
    /// Who gives the key in this file (s.getadmin) is admin here.
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_key_file: Option<PathBuf>,
}

/// `ltn audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// Whose log: a path (/hall), a name or an id; else that of the node of this state directory.
    pub(crate) node: Option<String>,
    /// The main server's copies of the logs of all others instead of its own.
    #[arg(long)]
    pub(crate) copies: bool,
    /// So many lines at most, the last ones; 1 to 500.
    #[arg(long, value_name = "N", default_value = "50", value_parser = lines)]
    pub(crate) last: usize,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

fn lines(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=500).contains(count));
    count.ok_or_else(|| "a number from 1 to 500".to_owned())
}

/// `ltn report`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

//! Flags of networks with members: made, joined, and who may what in them.

use std::path::PathBuf;

use super::VisitArgs;

/// `ltn init`.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// What you call the network; nobody else is told.
    pub(crate) name: String,
    /// Keep the network, and all its keys, in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// `ltn join`.
#[derive(Debug, clap::Args)]
pub(crate) struct JoinArgs {
    /// The invite; without it, or for `-`, it is asked for, or read from standard input.
    pub(crate) line: Option<String>,
    /// Where a server of the network is, if the invite does not say it right.
    #[arg(long, value_name = "ADDR")]
    pub(crate) to: Vec<String>,
    /// Keep who this machine is in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// `ltn invite`.
#[derive(Debug, clap::Args)]
pub(crate) struct InviteArgs {
    /// What the machine will be called.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// What it will be: client or sub-server.
    #[arg(long, value_name = "ROLE", default_value = "client")]
    pub(crate) role: String,
    /// The server that it shall hang below: a path.
    #[arg(long, value_name = "SERVER")]
    pub(crate) under: Option<String>,
    /// For how long the invite is good: 60s, 10m, 2h; counted while the main server runs.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) ttl: String,
    /// It will be an administrator of the whole network.
    #[arg(long)]
    pub(crate) admin: bool,
    /// No QR code, also at a terminal.
    #[arg(long)]
    pub(crate) no_qr: bool,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn uninvite`.
#[derive(Debug, clap::Args)]
pub(crate) struct UninviteArgs {
    /// Which: the name that it is for, or its number (`ltn members`), of which four digits are
    /// enough.
    pub(crate) invite: String,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn members`.
#[derive(Debug, clap::Args)]
pub(crate) struct MembersArgs {
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn revoke`.
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// Whom: the name that it was invited with, its path or its id.
    pub(crate) member: String,
    /// Do not ask first; say with --to or --state which network that is.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn replace`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplaceArgs {
    /// Whom: the name that it was invited with, or its id.
    pub(crate) member: String,
    /// For how long the invite is good: 60s, 10m, 2h; counted while the main server runs.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) ttl: String,
    /// No QR code, also at a terminal.
    #[arg(long)]
    pub(crate) no_qr: bool,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn grant`.
#[derive(Debug, clap::Args)]
pub(crate) struct GrantArgs {
    /// Who: the name that it was invited with, its path or its id.
    pub(crate) member: String,
    /// What: `admin`, or a word that commands of your own ask for.
    pub(crate) permission: String,
    /// Only at this server and all below it: its path, name or id.
    #[arg(long, value_name = "SERVER")]
    pub(crate) at: Option<String>,
    /// Only for so long: 60s, 10m, 2h; counted while the main server runs.
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) time: Option<String>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn ungrant`.
#[derive(Debug, clap::Args)]
pub(crate) struct UngrantArgs {
    /// Who: the name that it was invited with, its path or its id.
    pub(crate) member: String,
    /// What: `admin`, or other words.
    #[arg(required = true)]
    pub(crate) permission: Vec<String>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn why`.
#[derive(Debug, clap::Args)]
pub(crate) struct WhyArgs {
    /// Who: a path (/lamp), a name or an id.
    pub(crate) node: String,
    /// `may` or `cannot`.
    pub(crate) claim: String,
    /// What: the name of a command (s.restart).
    pub(crate) command: String,
    /// Where: a path (/hall), a name or an id.
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct SealArgs {
    /// The file to make; none is replaced.
    pub(crate) file: PathBuf,
    /// The passphrase is the one line in this file, which nobody else can read.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

/// `ltn restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The file that `ltn backup` made.
    pub(crate) file: PathBuf,
    /// The passphrase is the one line in this file, which nobody else can read.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Keep the network in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

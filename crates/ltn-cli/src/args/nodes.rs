//! Flags of nodes that stay: where they keep what they must remember, whether they are announced.

use std::path::PathBuf;

/// Where a node keeps who it is.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct StateArgs {
    /// Keep who this node is, and where it belongs, in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// `ltn doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// The state directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
}

/// Whether a server announces itself.
#[derive(Debug, clap::Args)]
pub(crate) struct AnnounceArgs {
    /// Announce this server by mDNS, so that `ltn find --mdns` finds it at any port.
    #[arg(long)]
    pub(crate) announce: bool,
}

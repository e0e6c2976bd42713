//! What can go wrong, one small enum per verb, in words for people.

use ltn_proto::{BadPath, NoRoute, Refusal};

use crate::state::StateError;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Neither of the two modes was chosen.
    #[error(
        "say which network this is: the open mode (loopback only, everybody is admin) must be \
         asked for; for one with members there are `ltn init` and `ltn join`"
    )]
    NoMode,
    /// The open mode does not leave this machine.
    #[error("the open mode is for loopback addresses only, and {0} is none")]
    NotLoopback(std::net::IpAddr),
    /// A state directory brings the member that it holds, and no other.
    #[error(
        "a state directory of a member has credentials of its own: start it with them \
         (`member_at`), or without the directory"
    )]
    MemberWithState,
    /// Everybody would be admin of a network with members.
    #[error(
        "in a network with members not everybody is admin: its charter says who is (`ltn grant`). \
         What newcomers may is `user`"
    )]
    EverybodyAdmin,
    /// The node knows that it is out.
    #[error(
        "this node was revoked: its key is refused everywhere and for ever. A new invite and a new \
         state directory make this machine a member again"
    )]
    Revoked,
    /// The node was invited to be something else.
    #[error("these credentials are of a {invited}, and this is a {wanted}")]
    WrongRole {
        /// What it was invited to be.
        invited: ltn_proto::Role,
        /// What it was started as.
        wanted: ltn_proto::Role,
    },
    /// The name cannot be used.
    // The name as given may steer a terminal; the reason shows what of it can be shown.
    #[error("{source}")]
    BadName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        source: ltn_proto::BadName,
    },
    /// No port of the expression is free.
    #[error("no free port: {tried}: {source}")]
    PortInUse {
        /// What was tried, in words.
        tried: String,
        /// What the system said last.
        source: std::io::Error,
    },
    /// The log file cannot be written.
    #[error("the log file {} cannot be opened: {source}", path.display())]
    LogFile {
        /// Which one.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state directory cannot be used.
    #[error("{0}")]
    State(StateError),
    /// The admin key cannot be used; it is not shown.
    #[error("{0}")]
    BadAdminKey(String),
    /// A throw-away identity could not be made.
    #[error("no identity could be made: {0}")]
    Identity(String),
}

/// Why joining a server did not work. The node is where it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// An attempt is already under way.
    #[error("already connecting")]
    AlreadyConnecting,
    /// `autoconnect` has no address to try: none is remembered.
    #[error("no addresses for autoconnect are listed: connect to a server once, or search for one")]
    NothingListed,
    /// Nobody listens there.
    #[error("no server at {0}")]
    NoServer(String),
    /// The server, or the root, refused.
    #[error("{0}")]
    Refused(Refusal),
    /// The address cannot be used.
    #[error("the address {0} cannot be used")]
    Unsuited(String),
    /// What listens there is something else.
    #[error("what listens at {0} is no server of this network")]
    NotLtn(String),
    /// Nothing answered in time.
    #[error("no answer from {0} in time")]
    Timeout(String),
    /// The node belongs to no server yet, and none was named.
    #[error("this node belongs to no server yet; say which one it shall join")]
    NoHome,
    /// Where the node shall be could not be written into its state directory.
    #[error("the state directory cannot be written: {0}")]
    NotKept(String),
    /// It is this node's own address.
    #[error("{0} is this node's own address")]
    OwnAddress(String),
    /// This node has stopped.
    #[error("this node has stopped")]
    Stopped,
}

/// How a send, request or call ended, if it did not end well.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TalkError {
    /// The target is no target.
    #[error("{0}")]
    BadTarget(BadPath),
    /// Certainly not done: somebody refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Certainly not done: no way to the target.
    #[error("no route: {0}")]
    NoRoute(NoRoute),
    /// The handler ran and failed.
    #[error("it ran and failed: {0}")]
    Failed(String),
    /// Nobody can tell whether it was done.
    #[error("unknown whether it was done: {0}")]
    Unknown(String),
    /// This node has stopped.
    #[error("this node has stopped")]
    Stopped,
}

/// Why a stream could not be opened.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The other end could not be found.
    #[error("nobody to open a stream to: {0}")]
    Target(TalkError),
    /// The other end, or a server on the way, refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// There is no way to the other end.
    #[error("no route: {0}")]
    NoRoute(NoRoute),
    /// A data connection could not be made, or broke.
    #[error("no data connection: {0}")]
    Broken(String),
    /// This node has stopped.
    #[error("this node has stopped")]
    Stopped,
}

/// Why something was not sent, or not received, as a whole.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The target is no target.
    #[error("{0}")]
    Target(TalkError),
    /// No stream to the other end.
    #[error("{0}")]
    Stream(#[from] StreamError),
    /// The other program did not want it, or not all of it.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// What was to be sent could not be read, or was of another size than announced.
    #[error("it could not be read: {0}")]
    Source(String),
    /// What came could not be written.
    #[error("it could not be written: {0}")]
    Writer(String),
    /// It broke on its way; the text says where.
    #[error("{0}")]
    Failed(String),
    /// What arrived is not what was sent.
    #[error("what arrived has another length or digest than what was sent")]
    Changed,
    /// This end gave it up.
    #[error("given up: {0}")]
    GivenUp(String),
    /// This node has stopped.
    #[error("this node has stopped")]
    Stopped,
}

impl TransferError {
    #[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
    pub(crate) fn source(error: std::io::Error) -> Self {
        Self::Source(error.to_string())
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
    pub(crate) fn writer(error: std::io::Error) -> Self {
        Self::Writer(error.to_string())
    }
}

/// From the stream of a transfer.
impl From<std::io::Error> for TransferError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

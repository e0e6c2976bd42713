//! Finding servers: where does one answer, of many addresses that are asked at the same time?
//!
//! Wherever an address comes from (a range, a list of remembered ones, an announcement), it counts
//! only when a server has answered there: a whole TLS handshake with the application protocol of
//! the network, by a key that is thrown away. More than "a server of this mode, with this key" is
//! not to be had before joining, and more is not asked for. Joining is not done here.

mod others;
mod targets;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ltn_proto::{Address, NetworkId, NodeId};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::carrier::Reach;
use crate::dial::{Knocker, Unmet};
use crate::discovery::{DiscoveryError, Hints};
use crate::node::Node;
use crate::port::PortExpr;
pub use others::{Other, OtherKind};
use targets::Targets;

/// How long one address has for its answer, unless said. On any network of ours a server answers in
/// milliseconds.
pub(crate) const ATTEMPT_LIMIT: Duration = Duration::from_secs(2);
/// How long a search takes at most, unless said.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Addresses that are knocked at together, unless said: enough to be through a subnet in seconds,
/// few enough for the table of connections of a cheap router.
const AT_ONCE: usize = 64;
/// The most that can be asked for: each needs a file descriptor.
const AT_ONCE_MAX: usize = 512;
/// Where servers are, unless said: see `builder.rs`.
const PORTS: PortExpr = PortExpr::FromUpwards(4_000);

/// A search for servers.
///
/// ```
/// use ltn::{Finder, MainServer};
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let main = MainServer::builder().open().port(0).data_port(0).start().await?;
///     let port = main.address().and_then(|at| at.socket_addr()).ok_or("it listens")?.port();
///     let search = Finder::open().ports(port).search().await?;
///     assert_eq!(search.found[0].id, main.id());
///     main.shutdown().await;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Finder {
    /// Whose servers; nothing for open networks.
    network: Option<NetworkId>,
    ips: Vec<IpAddr>,
    own_subnet: bool,
    ports: Option<PortExpr>,
    remembered: Vec<Address>,
    remember_at: Option<Node>,
    discovery: Option<Duration>,
    first: bool,
    at_once: usize,
    attempt_limit: Duration,
    time_limit: Duration,
}

/// What a search has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// The servers that answered, ordered by address.
    pub found: Vec<Found>,
    /// Others that answered, ordered by address; only told of in a search for members.
    pub others: Vec<Other>,
    /// So many addresses were looked at to the end.
    pub looked_at: usize,
    /// So many there were. If there are more than [`Self::looked_at`], the time was over, or the
    /// first that answered was enough.
    pub of: usize,
}

/// A server that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Where.
    pub address: Address,
    /// Who: the digest of the key that it proved to hold.
    pub id: NodeId,
    /// To which kind of network it belongs. Its name, its role and the rest it tells to members
    /// only.
    pub mode: NetworkMode,
    /// What led there.
    pub found_by: Vec<FoundBy>,
    /// How long the answer took: connecting and the TLS handshake, two round trips and some
    /// arithmetic.
    pub answered_in: Duration,
}

/// Which kind of network a server belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkMode {
    /// This machine only, and everybody is admin.
    Open,
    /// Who was invited, anywhere.
    Members,
}

/// What led to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FoundBy {
    /// It was remembered.
    Remembered,
    /// All addresses and ports of a range were searched.
    Scan,
    /// It announces itself by mDNS.
    Announcement,
}

/// Why a search did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The open mode does not leave this machine.
    #[error("the open mode is for loopback addresses only, and {0} is none")]
    NotLoopback(IpAddr),
    /// Nobody can be reached at port 0.
    #[error("the ports `{0}` cannot be searched: 0 stands for any free one")]
    AnyPort(PortExpr),
    /// Too many addresses at a time.
    #[error("{addresses} addresses with {ports} ports each are more than {max} for one search")]
    TooMany {
        /// Addresses to search.
        addresses: usize,
        /// Ports at each of them.
        ports: usize,
        /// The most that the product may be.
        max: usize,
    },
    /// This machine does not tell its own addresses.
    #[error("the addresses of this machine are not to be had: {0}")]
    NoInterfaces(String),
    /// Announcements cannot be listened for.
    #[error("announcements cannot be listened for: {0}")]
    NoDiscovery(String),
    /// A throw-away identity could not be made.
    #[error("no identity could be made: {0}")]
    Identity(String),
}

impl Finder {
    /// Searches for servers of the open mode: on this machine (127.0.0.1 and ::1) at the ports from
    /// 4000 to 4255, unless said.
    #[must_use]
    pub const fn open() -> Self {
        Self {
            network: None,
            ips: Vec::new(),
            own_subnet: false,
            ports: None,
            remembered: Vec::new(),
            remember_at: None,
            discovery: None,
            first: false,
            at_once: AT_ONCE,
            attempt_limit: ATTEMPT_LIMIT,
            time_limit: TIME_LIMIT,
        }
    }

    /// Searches for servers of this network with members, which prove that they are: on this
    /// machine unless said, and wherever is said. They are shown no certificate. Others that answer
    /// are told of too ([`Search::others`]).
    #[must_use]
    pub const fn member_of(network: NetworkId) -> Self {
        let mut finder = Self::open();
        finder.network = Some(network);
        finder
    }

    /// The ports at which a server that was started with this expression could be.
    #[must_use]
    pub fn ports(mut self, ports: impl Into<PortExpr>) -> Self {
        self.ports = Some(ports.into());
        self
    }

    /// These addresses, instead of this machine's loopback addresses; may be said again for more.
    #[must_use]
    pub fn addresses(mut self, ips: impl IntoIterator<Item = IpAddr>) -> Self {
        self.ips.extend(ips);
        self
    }

    /// The 254 addresses around each own address of this machine that servers of the mode may have:
    /// in the open mode 127.0.0.1 to 127.0.0.254.
    #[must_use]
    pub const fn own_subnet(mut self) -> Self {
        self.own_subnet = true;
        self
    }

    /// Looks at these addresses first, whatever their ports; may be said again for more.
    #[must_use]
    pub fn remembered<'a>(mut self, addresses: impl IntoIterator<Item = &'a Address>) -> Self {
        self.remembered.extend(addresses.into_iter().cloned());
        self
    }

    /// Lets this node remember what is found, for its [`Node::autoconnect`].
    #[must_use]
    pub fn remember_at(mut self, node: &Node) -> Self {
        self.remember_at = Some(node.clone());
        self
    }

    /// Listens so long for servers that announce themselves by mDNS (see
    /// [`crate::NodeBuilder::discoverable`]), and looks at what they say; a second or two are
    /// enough. In the open mode on the loopback interface alone. It is not done unless said: the
    /// system tells the neighbours on every interface that this machine begins to listen for mDNS,
    /// though nothing of what is asked or heard leaves it.
    #[must_use]
    pub const fn discovery(mut self, window: Duration) -> Self {
        self.discovery = Some(window);
        self
    }

    /// Ends with the first server that answers, whichever that is.
    #[must_use]
    pub const fn first(mut self) -> Self {
        self.first = true;
        self
    }

    /// Knocks at so many addresses at the same time; 64 unless said, 1 to 512.
    #[must_use]
    pub fn at_once(mut self, addresses: usize) -> Self {
        self.at_once = addresses.clamp(1, AT_ONCE_MAX);
        self
    }

    /// Gives one address so long to answer; 2 s unless said.
    #[must_use]
    pub const fn attempt_limit(mut self, limit: Duration) -> Self {
        self.attempt_limit = limit;
        self
    }

    /// Ends the search after this time, with what was found by then; 10 s unless said.
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Searches. Dropping the future ends every attempt that is under way.
    ///
    /// # Errors
    /// Says what cannot be searched; nobody was knocked at then. Finding nobody is no error.
    pub async fn search(&self) -> Result<Search, FindError> {
        let targets = self.targets()?;
        let knocker = match self.network {
            Some(_) if self.discovery.is_some() => {
                let text = "servers of networks with members do not announce themselves";
                return Err(FindError::NoDiscovery(text.to_owned()));
            }
            Some(network) => Knocker::members(network),
            None => Knocker::open_tcp().map_err(|error| FindError::Identity(error.to_string()))?,
        };
        let listen = |window| Hints::listen(window).map_err(no_discovery);
        let mut hints = self.discovery.map(listen).transpose()?;
        let end = sleep_until(Instant::now() + self.time_limit);
        tokio::pin!(end);
        let mut round = Round::new(knocker, self, &targets);
        loop {
            round.fill();
            let nothing_left = round.under_way.is_empty() && hints.is_none();
            if nothing_left || (self.first && !round.answers.is_empty()) {
                break;
            }
            tokio::select! {
                // What has come in by the end of the time counts.
                biased;
                Some(done) = round.under_way.join_next() => round.done(done.ok()),
                hint = next_of(&mut hints), if hints.is_some() => match hint {
                    Some(address) => round.hint(address),
                    None => hints = None,
                },
                () = &mut end => break,
            }
        }
        let search = round.result();
        if let Some(node) = &self.remember_at {
            search.found.iter().rev().for_each(|found| node.remember_server(&found.address));
        }
        Ok(search)
    }

    const fn reach(&self) -> Reach {
        if self.network.is_some() { Reach::Everywhere } else { Reach::ThisMachine }
    }

    fn targets(&self) -> Result<Targets, FindError> {
        let mut ips = self.ips.clone();
        if self.own_subnet {
            ips.extend(targets::own_subnets(self.reach())?);
        } else if ips.is_empty() {
            ips.extend(targets::this_machine());
        }
        Targets::new(ips, self.ports.as_ref().unwrap_or(&PORTS), self.reach())
    }
}

/// What one knock has come to.
#[derive(Debug)]
struct Knock {
    address: Address,
    answer: Result<NodeId, Unmet>,
    took: Duration,
}

/// One search while it lasts.
struct Round<'a> {
    knocker: Knocker,
    finder: &'a Finder,
    targets: &'a Targets,
    /// Addresses that go before the range.
    early: VecDeque<Address>,
    remembered: HashSet<Address>,
    announced: HashSet<Address>,
    range: Box<dyn Iterator<Item = Address> + Send + 'a>,
    /// Dropping it ends them.
    under_way: JoinSet<Knock>,
    answers: Vec<(NodeId, Address, Duration)>,
    others: Vec<Other>,
    looked_at: usize,
}

impl<'a> Round<'a> {
    fn new(knocker: Knocker, finder: &'a Finder, targets: &'a Targets) -> Self {
        let mut remembered = HashSet::new();
        let mut early = VecDeque::new();
        let reach = finder.reach();
        let known = finder.remembered.iter();
        for address in known.filter(|address| targets::is_in_reach(address, reach)) {
            if remembered.insert(address.clone()) {
                early.push_back(address.clone());
            }
        }
        Self {
            knocker,
            finder,
            targets,
            early,
            remembered,
            announced: HashSet::new(),
            range: Box::new(targets.iter()),
            under_way: JoinSet::new(),
            answers: Vec::new(),
            others: Vec::new(),
            looked_at: 0,
        }
    }

    /// Begins as many attempts as may be under way together.
    fn fill(&mut self) {
        while self.under_way.len() < self.finder.at_once {
            let next = self.early.pop_front().or_else(|| {
                let remembered = &self.remembered;
                self.range.find(|address| !remembered.contains(address))
            });
            let Some(address) = next else { return };
            let (knocker, limit) = (self.knocker.clone(), self.finder.attempt_limit);
            self.under_way.spawn(async move {
                let since = Instant::now();
                let answer = knocker.knock(&address, limit).await;
                Knock { address, answer, took: since.elapsed() }
            });
        }
    }

    /// Somebody says that a server is there.
    fn hint(&mut self, address: Address) {
        let known = self.targets.contains(&address) || self.remembered.contains(&address);
        let is_new = self.announced.insert(address.clone());
        if is_new && !known && targets::is_in_reach(&address, self.finder.reach()) {
            self.early.push_back(address);
        }
    }

    fn done(&mut self, knock: Option<Knock>) {
        self.looked_at += 1;
        match knock.map(|knock| (knock.answer, knock.address, knock.took)) {
            Some((Ok(id), address, took)) => self.answers.push((id, address, took)),
            // Who is no server of an open network is nobody's business there.
            Some((Err(unmet), address, _)) if self.finder.network.is_some() => {
                self.others.extend(match unmet {
                    Unmet::Nobody => None,
                    Unmet::AnotherNetwork => {
                        Some(Other { address, what: OtherKind::AnotherNetwork })
                    }
                    Unmet::NotOurs => Some(Other { address, what: OtherKind::NotOurs }),
                });
            }
            _ => {}
        }
    }

    fn result(self) -> Search {
        let beside = self.remembered.union(&self.announced);
        let beside = beside.filter(|address| !self.targets.contains(address));
        let of = self.targets.len() + beside.count();
        let mut found: Vec<Found> = self
            .answers
            .iter()
            .map(|(id, address, took)| self.found(*id, address, *took))
            .collect();
        found.sort_by_key(|found| found.address.socket_addr());
        let mut others = self.others;
        others.sort_by_key(|other| other.address.socket_addr());
        Search { found, others, looked_at: self.looked_at, of }
    }

    fn found(&self, id: NodeId, address: &Address, answered_in: Duration) -> Found {
        let mut found_by = Vec::new();
        if self.remembered.contains(address) {
            found_by.push(FoundBy::Remembered);
        }
        if self.targets.contains(address) {
            found_by.push(FoundBy::Scan);
        }
        if self.announced.contains(address) {
            found_by.push(FoundBy::Announcement);
        }
        let mode = match self.finder.network {
            Some(_) => NetworkMode::Members,
            None => NetworkMode::Open,
        };
        Found { address: address.clone(), id, mode, found_by, answered_in }
    }
}

async fn next_of(hints: &mut Option<Hints>) -> Option<Address> {
    match hints {
        Some(hints) => hints.next().await,
        None => None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn no_discovery(error: DiscoveryError) -> FindError {
    FindError::NoDiscovery(error.to_string())
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Members => "members",
        })
    }
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Remembered => "remembered",
            Self::Scan => "scan",
            Self::Announcement => "announcement",
        })
    }
}

//! How a node is made: a role, a name, ports, and the mode of its network.

mod announcing;
mod keeping;
mod members;
mod roles;

pub use roles::{Client, MainServer, Server, Session, SubServer};

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use ltn_proto::{Address, Limits, Name, NodeConfig, NodeId, Permissions, Role, Secret};
use tokio::sync::{mpsc, watch};

use crate::admin_commands;
use crate::admin_key::{AdminKey, KeyHash};
use crate::audit::AuditBook;
use crate::carrier::{Acceptor, Carriers, LocalDoor, MemoryNet, Reach};
use crate::driver::{ASKS_MAX, Driver, Life, Parts};
use crate::error::StartError;
use crate::handlers::Handlers;
use crate::inbox::Inbox;
use crate::link::LinkContext;
use crate::listen::{Listener, Serves};
use crate::log::{self, Log};
use crate::log_file::FILE_BYTES_MAX;
use crate::membership::relay::{self as admit, Joiners};
use crate::membership::{self, Credentials, Network, VisitFacts};
use crate::node::{Ends, Facts, Node, event_channel};
use crate::notice::NoticeKind;
use crate::port::{self, PortExpr};
use crate::relay;
use crate::remembered::KnownServers;
use crate::services::Services;
use crate::socket_commands;
use crate::state::State;
use crate::streams::{Parks, Streams};
use crate::tls::{Signer, open_keys, random_bytes};
use crate::wake::{WAKES_MAX, Wake};

/// Where servers listen, unless said.
const MAIN_PORT: u16 = 4_000;

/// What a node will be. Made by [`MainServer`], [`SubServer`], [`Server`], [`Client`] and
/// [`Session`].
#[derive(Debug, Clone)]
pub struct NodeBuilder {
    role: Role,
    name: String,
    mode: Mode,
    description: String,
    port: Option<PortExpr>,
    data_port: Option<PortExpr>,
    ip: IpAddr,
    newcomers: Permissions,
    limits: Limits,
    memory: Option<MemoryNet>,
    services: bool,
    discoverable: bool,
    logs: Logs,
    state: Option<PathBuf>,
    backup_parents: Vec<Address>,
    beside: Option<PathBuf>,
    admin_key: Option<Secret>,
    member: Option<Credentials>,
    visit: Option<VisitFacts>,
    network: Option<Network>,
}

/// Where a node writes what it has to say, if it does.
#[derive(Debug, Clone)]
struct Logs {
    file: Option<PathBuf>,
    file_bytes_max: u64,
    directory: Option<PathBuf>,
}

/// Which kind of network a node belongs to. There is no default on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    NotSaid,
    Open,
    /// With credentials in memory.
    Members,
    /// With those in the state directory.
    MembersAt,
    /// With the key for visits in a state directory.
    VisitorOf,
}

impl NodeBuilder {
    fn new(role: Role, name: &str) -> Self {
        Self {
            role,
            name: name.to_owned(),
            mode: Mode::NotSaid,
            description: String::new(),
            port: role.accepts_children().then_some(PortExpr::FromUpwards(MAIN_PORT)),
            data_port: None,
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            newcomers: Permissions::admin(),
            limits: Limits::default(),
            memory: None,
            services: true,
            discoverable: false,
            logs: Logs { file: None, file_bytes_max: FILE_BYTES_MAX, directory: None },
            state: None,
            backup_parents: Vec::new(),
            beside: None,
            admin_key: None,
            member: None,
            visit: None,
            network: None,
        }
    }

    /// The open mode: encrypted, on loopback only, every local user is admin.
    #[must_use]
    pub const fn open(mut self) -> Self {
        self.mode = Mode::Open;
        self
    }

    /// One line about this node.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// The port to listen at. Nodes that accept nobody (clients, sessions) have none, whatever is
    /// said here.
    #[must_use]
    pub fn port(mut self, port: impl Into<PortExpr>) -> Self {
        self.port = self.role.accepts_children().then(|| port.into());
        self
    }

    /// Have a `Maindata` socket at this port; as with [`Self::port`], for servers only.
    #[must_use]
    pub fn data_port(mut self, port: impl Into<PortExpr>) -> Self {
        self.data_port = self.role.accepts_children().then(|| port.into());
        self
    }

    /// Have no `Maindata` socket.
    #[must_use]
    pub fn without_data_socket(mut self) -> Self {
        self.data_port = None;
        self
    }

    /// The address to listen at; 127.0.0.1 unless said.
    #[must_use]
    pub const fn listen(mut self, ip: IpAddr) -> Self {
        self.ip = ip;
        self
    }

    /// What everybody may do at this node; in the open mode everything, unless said.
    #[must_use]
    pub fn newcomers(mut self, permissions: Permissions) -> Self {
        self.newcomers = permissions;
        self
    }

    /// Who is joined to this server and gives this key (`s.getadmin`, [`Node::get_admin`]) is admin
    /// of it as long as it stays joined. 8 to 1,024 bytes; nothing but its hash is kept. Without a
    /// key, which is how a server starts unless said, nobody becomes admin so. Where everybody is
    /// admin anyway it opens nothing: see [`Self::newcomers`].
    #[must_use]
    pub fn admin_key(mut self, key: impl Into<String>) -> Self {
        self.admin_key = Some(Secret::new(key));
        self
    }

    /// Other maxima than the usual ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Start with the services that come with a node (`Ping`, `Metadata_update`)? It does, unless
    /// said.
    #[must_use]
    pub const fn services(mut self, services: bool) -> Self {
        self.services = services;
        self
    }

    /// Announces by mDNS that a server is here, so that [`crate::Finder::discovery`] finds it
    /// whatever its port is. It tells the port, the mode and the version of the wire, and no name
    /// of anybody or anything; in the open mode on the loopback interface alone. Servers do not do
    /// it unless said: the system tells the neighbours on every interface that this machine begins
    /// to take part in mDNS. Where it is not possible a warning says so, and the server runs.
    #[must_use]
    pub const fn discoverable(mut self) -> Self {
        self.discoverable = true;
        self
    }

    /// Writes what this node has to say into this file, one JSON object per line, behind what is
    /// there already. When it has 10 MiB a new one is begun, and three older ones are kept. Each
    /// node needs a file of its own.
    #[must_use]
    pub fn log_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.logs.file = Some(path.into());
        self
    }

    /// Begins a new log file when the old one has so many bytes.
    #[must_use]
    pub const fn log_file_bytes(mut self, bytes: u64) -> Self {
        self.logs.file_bytes_max = bytes;
        self
    }

    /// Where `s.storelog` puts its files: unless said, beside the log file. Without either it
    /// stores nothing.
    #[must_use]
    pub fn log_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.logs.directory = Some(path.into());
        self
    }

    /// Lives in this net inside the process instead of on sockets: for tests, and for programs that
    /// want a whole network in one process. A server is reached at `mem:` and its id then, and
    /// ports do not matter; everything else, TLS included, is as it is over TCP.
    #[must_use]
    pub fn in_memory(mut self, net: &MemoryNet) -> Self {
        self.memory = Some(net.clone());
        self.data_port = None;
        self
    }

    /// Keeps who this node is, and what it must still know after a power cut, in this directory,
    /// which is made if it is not there. Started with it again, it is the same node: the same id,
    /// the same port if that is free, and [`Node::connect_home`] leads back to the higher server
    /// that it belongs to. One process owns a directory, and one node lives in it.
    #[must_use]
    pub fn state(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state = Some(directory.into());
        self
    }

    /// Stands beside the node that runs with this state directory, on this machine and for the same
    /// person: [`Node::connect_beside`] joins it through its local door, without an address.
    #[must_use]
    pub fn beside(mut self, directory: impl Into<PathBuf>) -> Self {
        self.beside = Some(directory.into());
        self
    }

    /// Starts the node.
    ///
    /// # Errors
    /// Says what is missing (a mode), what cannot be (a name, an address), which ports were tried
    /// in vain, or why the state directory cannot be used.
    pub async fn start(mut self) -> Result<Node, StartError> {
        self.check_mode()?;
        self.checked_name()?;
        let logs = self.open_logs()?;
        let state = keeping::open(self.state.clone(), (self.role, self.kind()), &self.name).await?;
        let (key, state) = keeping::admin_key(self.admin_key.clone(), state).await?;
        let book = self.take_credentials(state.as_ref()).await?;
        let name = self.checked_name()?;
        let (signer, tls) = match &self.member {
            Some(member) => self.keys_of(member)?,
            None => open_keys(state.as_ref().map(|state| &**state.identity()))
                .map_err(keeping::no_identity)?,
        };
        let id = NodeId::of_public_key(signer.public_key());
        let carriers = self.carriers();
        let (wake_sender, wakes) = mpsc::channel(WAKES_MAX);
        let mut context =
            LinkContext::new(tls, carriers.clone(), self.limits.clone(), wake_sender.clone());
        let joiners = self.member.as_ref().filter(|_| self.role.accepts_children());
        let joiners = joiners.map(|_| Joiners::new());
        if let Some((joiners, _)) = &joiners {
            context = context.with_joiners(joiners.clone());
        }

        let ports = state.as_ref().map_or((None, None), State::ports);
        let main = self.bind(&carriers, id, (self.port.as_ref(), ports.0)).await?;
        let data = self.bind(&carriers, id, (self.data_port.as_ref(), ports.1)).await?;
        let main = main.map(|bound| Listener::start(bound, Serves::LinksAndData, context.clone()));
        let data = data.map(|bound| Listener::start(bound, Serves::DataOnly, context.clone()));
        let mut facts = Facts {
            id,
            role: self.role,
            network: self.member.as_ref().map(Credentials::network),
            visit: self.visit.clone(),
            invited_to: self.invited_to(state.as_ref()),
            bound: main.as_ref().map(|listener| listener.address().clone()),
            address: main.as_ref().map(|listener| port::reachable(listener.address())),
            data_address: data.as_ref().map(|listener| port::reachable(listener.address())),
            kept: None,
        };
        let visits = facts.visit.as_ref().map_or(1, |visit| visit.number);
        let starts = state.as_ref().map_or(visits, State::starts);
        facts.kept = keeping::keep(state, &facts, wake_sender).await?;
        let announced = facts.address.as_ref().filter(|_| self.discoverable).cloned();
        let visits_from = self.beside.take().filter(|_| self.visit.is_some());
        let self_accepts = self.role.accepts_children();
        let network = self.network_of(book, facts.kept.as_ref());
        let certificate = self.member.as_ref().map(|member| member.certificate().to_vec());
        let mut config = self.config(&facts, name, random_bytes().map_err(keeping::no_identity)?);
        config.incarnation = u64::from_be_bytes(random_bytes().map_err(keeping::no_identity)?);
        config.starts = starts;
        config.public_key = signer.public_key().to_vec();
        let mut listeners: Vec<Listener> = main.into_iter().chain(data).collect();
        let mut door = facts.kept.as_ref().and_then(|kept| keeping::open_door(&kept.directory));
        if self_accepts && let Some(door) = door.take() {
            listeners.push(Listener::start(door, Serves::LinksAndData, context.clone()));
        }
        let surroundings =
            Surroundings { context, listeners, wakes, logs, door, key, announced, signer };
        let node = spawn(facts, config, surroundings, network.clone());
        if let Some((_, waiting)) = joiners {
            tokio::spawn(admit::serve(waiting, node.without_queues()));
        }
        if let Some(directory) = visits_from {
            membership::remember_charters(&node, directory);
        }
        let served = membership::serve(&node, certificate, network).await;
        served.map_err(|error| StartError::Identity(error.to_string()))?;
        Ok(node)
    }

    fn carriers(&self) -> Carriers {
        let is_open = self.mode == Mode::Open;
        let reach = if is_open { Reach::ThisMachine } else { Reach::Everywhere };
        let mut carriers = Carriers::tcp(&self.limits, reach);
        if let Some(net) = &self.memory {
            carriers = carriers.with_memory(net.clone());
        }
        if let Some(directory) = &self.beside {
            carriers = carriers.with_local(LocalDoor::in_directory(directory));
        }
        carriers
    }

    fn open_logs(&self) -> Result<log::Place, StartError> {
        let Logs { file, file_bytes_max, directory } = &self.logs;
        log::place(file.as_deref(), directory.as_deref(), *file_bytes_max).map_err(|source| {
            StartError::LogFile { path: file.clone().unwrap_or_default(), source }
        })
    }

    fn checked_name(&self) -> Result<Option<Name>, StartError> {
        if self.name.is_empty() {
            return Ok(None);
        }
        let bad = |source| StartError::BadName { name: self.name.clone(), source };
        Name::wanted(&self.name).map(Some).map_err(bad)
    }

    async fn bind(
        &self,
        carriers: &Carriers,
        id: NodeId,
        (port, last): (Option<&PortExpr>, Option<u16>),
    ) -> Result<Option<Box<dyn Acceptor>>, StartError> {
        let Some(port) = port else { return Ok(None) };
        if self.memory.is_some() {
            let address = Address::new(&format!("mem:{}", id.short()));
            let in_use = |source| StartError::PortInUse { tried: address.to_string(), source };
            return carriers.listen(&address).await.map(Some).map_err(in_use);
        }
        let bound = port::bind(carriers, self.ip, port, last).await;
        bound
            .map(Some)
            .map_err(|error| StartError::PortInUse { tried: error.tried, source: error.source })
    }

    fn config(self, facts: &Facts, name: Option<Name>, seed: [u8; 32]) -> NodeConfig {
        let data_address = facts.data_address.as_ref().and_then(Address::socket_addr);
        NodeConfig {
            id: facts.id,
            public_key: Vec::new(),
            network: facts.network,
            role: self.role,
            name,
            description: self.description,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: facts.address.clone(),
            data_port: data_address.map(|address| address.port()),
            incarnation: 1,
            starts: 1,
            seed,
            newcomers: self.newcomers,
            limits: self.limits,
            services: self.services,
            standing: self.member.as_ref().map(|member| member.standing().clone()),
            remembered: keeping::remembered(facts),
            backup_parents: self.backup_parents,
            keeps_key: facts.kept.is_some() || self.member.is_some(),
        }
    }
}

/// What a node finds when it begins to live.
struct Surroundings {
    context: LinkContext,
    listeners: Vec<Listener>,
    wakes: mpsc::Receiver<Wake>,
    logs: log::Place,
    /// The local door of a node that takes nobody below it.
    door: Option<Box<dyn Acceptor>>,
    key: Option<KeyHash>,
    /// What is announced, if it is.
    announced: Option<Address>,
    signer: Signer,
}

/// `network` is the one that it is the main server of.
fn spawn(
    facts: Facts,
    config: NodeConfig,
    surroundings: Surroundings,
    network: Option<Network>,
) -> Node {
    let Surroundings { context, listeners, wakes, logs, door, key, announced, signer } =
        surroundings;
    let (asks_sender, asks) = mpsc::channel(ASKS_MAX);
    let (inbox, messages) = Inbox::new();
    let (life_sender, life) = watch::channel(Life::default());
    // Nobody looks for a visitor in any list, so hardly anybody sends something down to one.
    let parks = if facts.role.is_listed() { Parks::AtOnce } else { Parks::WhenWanted };
    let (streams, stream_ends) =
        Streams::new(facts.id, context.clone(), asks_sender.clone(), parks);
    let events = event_channel();
    if let Some(door) = door {
        relay::start(door, context.carriers().clone(), events.subscribe());
    }
    let (log, log_book) = Log::new(logs);
    let servers = KnownServers::default();
    let at = facts.address.as_ref().map_or(String::new(), |address| format!(" at {address}"));
    log.say(NoticeKind::Status, &format!("started as a {}{at}", facts.role));
    announcing::announce(announced.as_ref(), &log, life.clone());
    let ends = Ends {
        asks: asks_sender.clone(),
        events: events.downgrade(),
        messages,
        life,
        streams: streams.clone(),
        stream_ends,
        log: log_book,
        servers: servers.clone(),
        carriers: context.carriers().clone(),
    };
    keeping::tell_what_is_unknown(&config.remembered, &log);
    let keeper = facts.kept.as_ref().map(|kept| kept.keeper.clone());
    let audit = facts.kept.as_ref().map_or_else(AuditBook::in_memory, |kept| kept.audit.clone());
    let node = Node::new(facts, ends);
    let services = Services::new(asks_sender.clone());
    let admin_key = AdminKey::new(key, keeper.clone(), asks_sender.clone());
    let mut handlers = Handlers::new(asks_sender, log.clone());
    admin_commands::offer(&mut handlers, &node, admin_commands::settings(&config));
    socket_commands::offer(&mut handlers, &node);
    if config.standing.is_some() {
        admin_commands::offer_audit(&mut handlers, &node, &audit, network);
    }
    let driver = Driver::new(Parts {
        config,
        context,
        listeners,
        wakes,
        asks,
        handlers,
        inbox,
        events,
        life: life_sender,
        streams,
        services,
        log,
        keeper,
        audit,
        signer,
        admin_key,
        servers,
    });
    tokio::spawn(driver.run());
    node
}

//! How a node is made: a role, a name, ports, and the mode of its network.

use std::net::IpAddr;

use ltn_proto::{Limits, Permissions};

use crate::error::StartError;
use crate::node::Node;
use crate::port::PortExpr;

/// What a node will be. Made by [`MainServer`], [`SubServer`], [`Server`], [`Client`] and
/// [`Session`].
#[derive(Debug, Clone)]
pub struct NodeBuilder {}

/// The root of a network: short form of a builder.
#[derive(Debug)]
pub struct MainServer;
/// A server below another one: short form of a builder.
#[derive(Debug)]
pub struct SubServer;
/// A server of its own, for clients only: short form of a builder.
#[derive(Debug)]
pub struct Server;
/// A node that joins a server: short form of a builder.
#[derive(Debug)]
pub struct Client;
/// A short visit that no list shows: short form of a builder.
#[derive(Debug)]
pub struct Session;

impl MainServer {
    /// A main server at port 4000 with `Maindata` at 3999, or the next free ones.
    #[must_use]
    pub fn builder() -> NodeBuilder {
        unimplemented!()
    }
}

impl SubServer {
    /// A sub-server at 4000 or the next free port above.
    #[must_use]
    pub fn builder(_name: &str) -> NodeBuilder {
        unimplemented!()
    }
}

impl Server {
    /// A server for clients at 4000 or the next free port above.
    #[must_use]
    pub fn builder(_name: &str) -> NodeBuilder {
        unimplemented!()
    }
}

impl Client {
    /// A client of this name; an empty one asks for none.
    #[must_use]
    pub fn builder(_name: &str) -> NodeBuilder {
        unimplemented!()
    }
}

impl Session {
    /// A visit.
    #[must_use]
    pub fn builder() -> NodeBuilder {
        unimplemented!()
    }
}

impl NodeBuilder {
    /// The open mode: encrypted, on loopback only, every local user is admin.
    #[must_use]
    pub fn open(self) -> Self {
        self
    }

    /// One line about this node.
    #[must_use]
    pub fn description(self, _text: &str) -> Self {
        self
    }

    /// The port to listen at.
    #[must_use]
    pub fn port(self, _port: impl Into<PortExpr>) -> Self {
        self
    }

    /// Have a `Maindata` socket at this port.
    #[must_use]
    pub fn data_port(self, _port: impl Into<PortExpr>) -> Self {
        self
    }

    /// Have no `Maindata` socket.
    #[must_use]
    pub fn without_data_socket(self) -> Self {
        self
    }

    /// The address to listen at; 127.0.0.1 unless said.
    #[must_use]
    pub fn listen(self, _ip: IpAddr) -> Self {
        self
    }

    /// What everybody may do at this node; in the open mode everything, unless said.
    #[must_use]
    pub fn newcomers(self, _permissions: Permissions) -> Self {
        self
    }

    /// Other maxima than the usual ones.
    #[must_use]
    pub fn limits(self, _limits: Limits) -> Self {
        self
    }

    /// Starts the node.
    pub async fn start(self) -> Result<Node, StartError> {
        unimplemented!()
    }
}

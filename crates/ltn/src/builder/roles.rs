//! The short forms of the builder, one for each role: what is usual for it.

use ltn_proto::Role;

use super::NodeBuilder;
use crate::membership::MAIN_NAME;
use crate::port::PortExpr;

/// Where data sockets listen, unless said.
const DATA_PORT: u16 = 3_999;
/// What the root says of itself, unless said.
const MAIN_DESCRIPTION: &str = "Main control node";

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
        NodeBuilder::new(Role::MainServer, MAIN_NAME)
            .description(MAIN_DESCRIPTION)
            .data_port(PortExpr::FromDownwards(DATA_PORT))
    }
}

impl SubServer {
    /// A sub-server at 4000 or the next free port above.
    #[must_use]
    pub fn builder(name: &str) -> NodeBuilder {
        NodeBuilder::new(Role::SubServer, name)
    }
}

impl Server {
    /// A server for clients at 4000 or the next free port above.
    #[must_use]
    pub fn builder(name: &str) -> NodeBuilder {
        NodeBuilder::new(Role::Server, name)
    }
}

impl Client {
    /// A client of this name; an empty one asks for none.
    #[must_use]
    pub fn builder(name: &str) -> NodeBuilder {
        NodeBuilder::new(Role::Client, name)
    }
}

impl Session {
    /// A visit.
    #[must_use]
    pub fn builder() -> NodeBuilder {
        NodeBuilder::new(Role::Session, "")
    }
}

//! Reading the whole network: how long one client waits for the list of everybody.
//!
//! There is nothing bare to compare this with; what stands in the column of the floor is the time
//! that it may take. The servers and clients are real nodes with TLS on the memory carrier: so many
//! sockets are not to be had everywhere, and the list travels on one link only. They ping each
//! other once a minute: in one process the pings of eleven thousand links would be measured too.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ltn::{Client, Limits, MainServer, MemoryNet, Node, SubServer};
use tokio::task::JoinSet;

use super::compare::{Contestant, Samples};

/// So many servers take in their clients at the same time.
const AT_ONCE: usize = 16;

/// The pause between two pings of a link that is idle, and after which time without one it is dead.
const PINGS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(240));

/// What it may take.
pub(super) struct Budget(pub(super) Duration);

impl Contestant for Budget {
    async fn round(&mut self, _: Duration) -> Result<Vec<f64>> {
        Ok(vec![self.0.as_secs_f64()])
    }
}

/// A network of so many servers with so many clients each, and somebody who reads the list.
pub(super) struct Listing {
    asker: Node,
    everybody: usize,
    nodes: Vec<Node>,
}

impl Listing {
    /// Builds the network, which takes a while if it is large.
    pub(super) async fn new(servers: usize, clients: usize) -> Result<Self> {
        let net = MemoryNet::default();
        let main = MainServer::builder().open().in_memory(&net).without_data_socket();
        let main = main.limits(quiet()).start().await?;
        let asker = client(&net, "asker", &main).await?;
        let mut nodes = vec![main.clone(), asker.clone()];
        let mut branches = JoinSet::new();
        for number in 0..servers {
            if branches.len() >= AT_ONCE
                && let Some(branch) = branches.join_next().await
            {
                nodes.extend(branch??);
            }
            branches.spawn(branch(net.clone(), number, clients, main.clone()));
        }
        while let Some(branch) = branches.join_next().await {
            nodes.extend(branch??);
        }
        let everybody = nodes.len();
        let listing = Self { asker, everybody, nodes };
        while listing.asker.network().await?.len() < everybody {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(listing)
    }

    /// Stops everybody.
    pub(super) async fn stop(self) {
        let mut stops = JoinSet::new();
        for node in self.nodes.into_iter().rev() {
            stops.spawn(async move { node.shutdown().await });
        }
        stops.join_all().await;
    }
}

impl Contestant for Listing {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let mut samples = Samples::new(length);
        while samples.wants_more() {
            let start = Instant::now();
            let list = self.asker.network().await?;
            samples.push(start);
            anyhow::ensure!(list.len() == self.everybody, "{} are listed", list.len());
        }
        Ok(samples.p50_and_p99()[..1].to_vec())
    }
}

fn quiet() -> Limits {
    let (ping_interval, lease) = PINGS;
    Limits { ping_interval, lease, ..Limits::default() }
}

async fn branch(net: MemoryNet, number: usize, clients: usize, main: Node) -> Result<Vec<Node>> {
    let name = format!("s{number}");
    let builder = SubServer::builder(&name).open().in_memory(&net).without_data_socket();
    let server = builder.limits(quiet()).start().await?;
    join(&server, &main).await?;
    let mut nodes = vec![server.clone()];
    for number in 0..clients {
        nodes.push(client(&net, &format!("c{number}"), &server).await?);
    }
    Ok(nodes)
}

async fn client(net: &MemoryNet, name: &str, above: &Node) -> Result<Node> {
    let builder = Client::builder(name).open().in_memory(net);
    let node = builder.limits(quiet()).start().await?;
    join(&node, above).await?;
    Ok(node)
}

async fn join(node: &Node, above: &Node) -> Result<()> {
    node.connect(&above.address().context("a server has an address")?).await?;
    Ok(())
}

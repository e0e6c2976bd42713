//! `ltn main`: the root of a network, as a process of its own.

use std::net::Ipv4Addr;

use ltn::{MainServer, Node, NodeBuilder};

use crate::args::{AnnounceArgs, EventLogArgs, ListenArgs, MainArgs, StateArgs};
use crate::commands::rights::with_rights;
use crate::commands::watch::{Signals, Watch, stay};
use crate::output::Output;
use crate::settings::{Network, Ports};
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &MainArgs) -> Result<Ending, Trouble> {
    let network = Network::of(&args.mode, args.state.state.as_ref(), "ltn main")?;
    let ports = Ports::new(&args.ports)?;
    let output = Output::words();
    let mut signals = Signals::listen()?;
    let builder = with_ports(in_network(MainServer::builder(), &network, &args.state), ports);
    let builder = with_event_log(builder, &args.event_log);
    let builder = with_listen(builder, &network, &args.listen);
    let builder = with_rights(builder, &args.rights)?;
    let builder = with_announcement(builder, &args.announce);
    let node = builder.start().await.map_err(|error| Trouble::start("Mainserver", &error))?;
    let watch = Watch::new(&node);
    output.say(&format!("Mainserver {}", whereabouts(&node)));
    Ok(stay(&node, watch, &mut signals, output).await)
}

/// The builder with the ports that were asked for.
pub(crate) fn with_ports(mut builder: NodeBuilder, ports: Ports) -> NodeBuilder {
    if let Some(port) = ports.main {
        builder = builder.port(port);
    }
    if let Some(port) = ports.data {
        builder = builder.data_port(port);
    }
    builder
}

/// The builder with the event log that was asked for.
pub(crate) fn with_event_log(builder: NodeBuilder, args: &EventLogArgs) -> NodeBuilder {
    match &args.event_log {
        Some(file) => builder.log_file(file),
        None => builder,
    }
}

/// The builder in the network that was meant, with the state directory that was said.
pub(crate) fn in_network(builder: NodeBuilder, network: &Network, args: &StateArgs) -> NodeBuilder {
    match (network, &args.state) {
        (Network::Member(directory), _) => builder.member_at(directory),
        (Network::Open, Some(directory)) => builder.open().state(directory),
        (Network::Open, None) => builder.open(),
    }
}

/// The builder with the address to listen at: members are reached from other machines.
pub(crate) fn with_listen(
    builder: NodeBuilder,
    network: &Network,
    args: &ListenArgs,
) -> NodeBuilder {
    match (args.listen, network) {
        (Some(ip), _) => builder.listen(ip),
        (None, Network::Member(_)) => builder.listen(Ipv4Addr::UNSPECIFIED.into()),
        (None, Network::Open) => builder,
    }
}

/// The builder with the announcement that was asked for.
pub(crate) fn with_announcement(builder: NodeBuilder, args: &AnnounceArgs) -> NodeBuilder {
    if args.announce { builder.discoverable() } else { builder }
}

/// Where a server is reached: "is running at …"; a node that nobody can reach "has started".
pub(crate) fn whereabouts(node: &Node) -> String {
    let Some(address) = node.address() else { return "has started".to_owned() };
    match node.data_address().and_then(|data| data.socket_addr()) {
        None => format!("is running at {address}"),
        Some(data) => format!("is running at {address}, with Maindata at port {}", data.port()),
    }
}

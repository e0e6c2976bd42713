//! `ltn main`: the root of a network, as a process of its own.

use ltn::{MainServer, Node, NodeBuilder};

use crate::args::{AnnounceArgs, EventLogArgs, MainArgs, StateArgs};
use crate::commands::rights::with_rights;
use crate::commands::watch::{Signals, Watch, stay};
use crate::output::Output;
use crate::settings::{OpenMode, Ports};
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &MainArgs) -> Result<Ending, Trouble> {
    OpenMode::asked_for(&args.mode, "ltn main")?;
    let ports = Ports::new(&args.ports)?;
    let output = Output::words();
    let mut signals = Signals::listen()?;
    let builder = with_ports(MainServer::builder().open(), ports);
    let builder = with_event_log(builder, &args.event_log);
    let builder = with_state(builder, &args.state);
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

/// The builder with the state directory that was asked for.
pub(crate) fn with_state(builder: NodeBuilder, args: &StateArgs) -> NodeBuilder {
    match &args.state {
        Some(directory) => builder.state(directory),
        None => builder,
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

//! `ltn main`: the root of a network, as a process of its own.

use ltn::{MainServer, Node, NodeBuilder};

use crate::args::MainArgs;
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
    let node = builder.start().await.map_err(|error| Trouble::start("Mainserver", &error))?;
    let watch = Watch::new(&node);
    introduce(output, "Mainserver", &node);
    output.say("Mainserver operational");
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

/// Where a server is reached.
pub(crate) fn introduce(output: Output, name: &str, node: &Node) {
    for line in whereabouts(node) {
        output.say(&format!("{name} {line}"));
    }
}

/// "is running at …", "Maindata at …".
pub(crate) fn whereabouts(node: &Node) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(address) = node.address() {
        lines.push(format!("is running at {address}"));
    }
    if let Some(port) = node.data_address().and_then(|address| address.socket_addr()) {
        lines.push(format!("has Maindata at port {}", port.port()));
    }
    lines
}

//! `ltn ls`: one line for each server and client, of the whole network or of a part of it.

use std::time::Duration;

use ltn::{Selector, TreeNode};

use crate::args::LsArgs;
use crate::commands::roll_call::count;
use crate::commands::tree;
use crate::commands::visit::{Visitor, visiting};
use crate::console;
use crate::output::columns;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &LsArgs) -> Result<Ending, Trouble> {
    visiting(&args.visit, "ltn ls", async |visitor| list(visitor, args.target.as_deref()).await)
        .await
}

async fn list(visitor: &Visitor, part: Option<&str>) -> Result<Ending, Trouble> {
    let part = part.map(|part| console::selector(part).map(|whom| (part, whom))).transpose()?;
    let (nodes, ending) = match part {
        None => tree::of_network(visitor).await?,
        Some((part, Selector::One(target))) => {
            let found = visitor.within(visitor.node.locate(target)).await;
            let top = found.map_err(|error| Trouble::talk(part, "the listing", &error))?.id;
            let (nodes, ending) = tree::of_network(visitor).await?;
            (below(nodes, top), ending)
        }
        Some((part, many @ Selector::Many(_))) => {
            let found = visitor.within(visitor.node.select(many)).await;
            let nodes = found.map_err(|error| Trouble::talk(part, "the listing", &error))?;
            (nodes, Ending::All)
        }
    };
    visitor.output.nodes("nodes", &nodes, ending == Ending::All, &table(&nodes));
    Ok(ending)
}

/// This node and those below it: in drawing order each parent stands before its children.
fn below(nodes: Vec<TreeNode>, top: ltn::NodeId) -> Vec<TreeNode> {
    let mut kept = Vec::new();
    let mut ids = std::collections::BTreeSet::from([top]);
    for node in nodes {
        if node.id == top || ids.contains(&node.parent) {
            ids.insert(node.id);
            kept.push(node);
        }
    }
    kept
}

fn table(nodes: &[TreeNode]) -> String {
    let rows = nodes.iter().map(|node| {
        let address = node.address.as_ref().map_or("-", ltn::Address::as_str);
        let name = node.name.to_string();
        [node.path.to_string(), name, node.role.to_string(), address.to_owned(), state(node)]
    });
    let titles = ["PATH", "NAME", "ROLE", "ADDRESS", "STATE"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(titles).chain(rows).collect();
    let mut lines = columns(&rows);
    lines.push(footer(nodes));
    lines.join("\n")
}

fn state(node: &TreeNode) -> String {
    match node.stale_for {
        None => "up".to_owned(),
        Some(age) => format!("stale for {}", shown(age)),
    }
}

/// An age in its largest unit.
fn shown(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

fn footer(nodes: &[TreeNode]) -> String {
    let servers = nodes.iter().filter(|node| node.role.is_server()).count();
    let stale = nodes.iter().filter(|node| node.stale_for.is_some()).count();
    let stale = if stale == 0 { String::new() } else { format!(", {stale} of them stale") };
    let clients = nodes.len() - servers;
    format!("{} and {}{stale}", count(servers, "server"), count(clients, "client"))
}

#[cfg(test)]
mod tests {
    use ltn::{Address, Name, NodeId, Role};

    use super::*;

    fn node(path: &str, parent: &str, role: Role) -> TreeNode {
        let name = path.rsplit('/').next().filter(|name| !name.is_empty());
        TreeNode {
            edition: 1,
            id: NodeId::of_public_key(path.as_bytes()),
            parent: NodeId::of_public_key(parent.as_bytes()),
            name: Name::known(name.unwrap_or("Mainserver")).unwrap(),
            path: path.parse().unwrap(),
            role,
            address: role.is_server().then(|| Address::new("127.0.0.1:4000")),
            stale_for: None,
            servers: 0,
            clients: 0,
        }
    }

    #[test]
    fn a_part_is_the_node_and_all_below_it() {
        let nodes = vec![
            node("/", "/", Role::MainServer),
            node("/lamp", "/", Role::Client),
            node("/sub1", "/", Role::SubServer),
            node("/sub1/sub2", "/sub1", Role::SubServer),
            node("/sub1/sub2/door", "/sub1/sub2", Role::Client),
        ];
        let part = below(nodes, NodeId::of_public_key(b"/sub1"));
        let paths: Vec<String> = part.iter().map(|node| node.path.to_string()).collect();
        assert_eq!(paths, ["/sub1", "/sub1/sub2", "/sub1/sub2/door"]);
    }

    #[test]
    fn columns_stand_below_each_other_and_the_last_line_counts() {
        let mut nodes = [node("/", "/", Role::MainServer), node("/lamp", "/", Role::Client)];
        nodes[1].stale_for = Some(Duration::from_secs(7_300));
        let wanted = "\
PATH   NAME        ROLE         ADDRESS         STATE
/      Mainserver  main-server  127.0.0.1:4000  up
/lamp  lamp        client       -               stale for 2 h
1 server and 1 client, 1 of them stale";
        assert_eq!(table(&nodes), wanted);
    }
}

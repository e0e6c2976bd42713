//! Places, plans and commands as they come in the answers of others, read strictly: one wrong field
//! and the answer is nothing. And lists in the order in which they are drawn. This room knows
//! values and nodes, and nothing of how they were asked for.

use std::collections::{BTreeMap, BTreeSet};

use ltn_proto::{CommandSpec, NodeId, NodePath, TreeNode, Value, sanitise_line};

use crate::node::MovePlan;
use crate::words::Location;

/// The requestable that answers with the declarations of a node's commands.
pub(crate) const COMMANDS: &str = "COMMANDS";

type Fields = BTreeMap<String, Value>;

/// The declarations of a list of commands.
pub(crate) fn commands(list: &Value) -> Option<Vec<CommandSpec>> {
    list.as_list()?.iter().map(CommandSpec::from_value).collect()
}

/// The `id` and `path` of a map.
pub(crate) fn location(map: &Value) -> Option<Location> {
    let Value::Map(fields) = map else { return None };
    Some(Location { id: id(fields, "id")?, path: path_of(fields, "path")? })
}

/// The `path` of a map.
pub(crate) fn path(map: &Value) -> Option<NodePath> {
    let Value::Map(fields) = map else { return None };
    path_of(fields, "path")
}

/// What a move would change: a map with `id`, `under`, `before`, `after`, `places`, `servers`,
/// `clients`, `text` and, where the name will be another one, `name_reason`.
pub(crate) fn plan(map: &Value) -> Option<MovePlan> {
    let Value::Map(fields) = map else { return None };
    let places = fields.get("places")?.as_list()?;
    let place = |value: &Value| value.as_text()?.parse().ok();
    let pair = |pair: &Value| match pair.as_list()? {
        [before, after] => Some((place(before)?, place(after)?)),
        _ => None,
    };
    let number = |key: &str| match fields.get(key)? {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    Some(MovePlan {
        node: id(fields, "id")?,
        under: id(fields, "under")?,
        before: path_of(fields, "before")?,
        after: path_of(fields, "after")?,
        places: places.iter().map(pair).collect::<Option<_>>()?,
        servers: number("servers")?,
        clients: number("clients")?,
        name_reason: text(fields, "name_reason").map(sanitise_line),
        text: sanitise_line(text(fields, "text")?),
    })
}

/// Each node before its children, and the clients below a server before its servers, as in a
/// drawing; else as they came. What hangs below nobody in the list comes first.
pub(crate) fn in_drawing_order(nodes: Vec<TreeNode>) -> Vec<TreeNode> {
    let known: BTreeSet<NodeId> = nodes.iter().map(|node| node.id).collect();
    let mut below: BTreeMap<NodeId, Vec<TreeNode>> = BTreeMap::new();
    let mut open = Vec::new();
    for node in nodes {
        if node.parent != node.id && known.contains(&node.parent) {
            below.entry(node.parent).or_default().push(node);
        } else {
            open.push(node);
        }
    }
    let mut ordered = Vec::with_capacity(known.len());
    open.reverse();
    while let Some(node) = open.pop() {
        let mut children = below.remove(&node.id).unwrap_or_default();
        children.sort_by_key(|child| child.role.is_server());
        ordered.push(node);
        open.extend(children.into_iter().rev());
    }
    ordered
}

fn text<'a>(fields: &'a Fields, key: &str) -> Option<&'a str> {
    match fields.get(key)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn id(fields: &Fields, key: &str) -> Option<NodeId> {
    match fields.get(key)? {
        Value::Text(text) => text.parse().ok(),
        Value::Bytes(bytes) => bytes.as_slice().try_into().ok().map(NodeId::from_bytes),
        _ => None,
    }
}

fn path_of(fields: &Fields, key: &str) -> Option<NodePath> {
    text(fields, key)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use ltn_proto::{Name, Role};

    use super::*;

    fn node(path: &str, role: Role) -> TreeNode {
        let path: NodePath = path.parse().unwrap();
        let id = |path: &NodePath| NodeId::of_public_key(path.to_string().as_bytes());
        TreeNode {
            id: id(&path),
            parent: id(&path.parent().unwrap_or_default()),
            name: path.names().last().cloned().unwrap_or_else(|| Name::known("top").unwrap()),
            path,
            role,
            edition: 1,
            address: None,
            stale_for: None,
            servers: 0,
            clients: 0,
        }
    }

    #[test]
    fn clients_come_before_servers_and_everybody_after_who_is_above() {
        let (server, client) = (Role::SubServer, Role::Client);
        let came = vec![
            node("/", Role::MainServer),
            node("/a", server),
            node("/b", client),
            node("/c", server),
            node("/a/x", server),
            node("/a/y", client),
            node("/a/x/z", client),
        ];
        let paths: Vec<String> =
            in_drawing_order(came).iter().map(|node| node.path.to_string()).collect();
        assert_eq!(paths, ["/", "/b", "/a", "/a/y", "/a/x", "/a/x/z", "/c"]);
    }

    #[test]
    fn a_place_is_read_whole_or_not_at_all() {
        let id = NodeId::of_public_key(b"sub1");
        let place = [("id", Value::from(id.to_string())), ("path", Value::from("/sub1"))];
        let found = location(&Value::map(place.clone())).unwrap();
        assert_eq!((found.id, found.path.to_string()), (id, "/sub1".to_owned()));
        assert!(place.into_iter().all(|one| location(&Value::map([one])).is_none()));
        assert!(location(&Value::Null).is_none());
    }
}

//! Trees, places and commands as they come in the answers of others, read strictly: one wrong field
//! and the answer is no list. This room knows values and nothing of how they were asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use ltn_proto::{
    Address, CommandSpec, Name, NodeId, NodePath, Role, TreeNode, Value, sanitise_line,
};

use crate::node::MovePlan;
use crate::words::Location;

/// The requestable that answers with the subtree of a server.
pub(crate) const REQUESTABLE: &str = "LISTNETWORK";

/// The requestable that answers with the declarations of a node's commands.
pub(crate) const COMMANDS: &str = "COMMANDS";

type Fields = BTreeMap<String, Value>;

/// The nodes of a list in drawing order: a list of maps with `id`, `parent`, `name`, `path`,
/// `role`, `servers`, `clients` and, where they have one, `address` and `stale_ms`.
pub(crate) fn tree(list: &Value) -> Option<Vec<TreeNode>> {
    let Value::List(nodes) = list else { return None };
    nodes.iter().map(node).collect()
}

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

fn node(map: &Value) -> Option<TreeNode> {
    let Value::Map(fields) = map else { return None };
    let stale_ms = optional(fields, "stale_ms", |value| match value {
        Value::Int(ms) => u64::try_from(*ms).ok(),
        _ => None,
    })?;
    let address = optional(fields, "address", |value| match value {
        Value::Text(text) => Some(Address::new(text)),
        _ => None,
    })?;
    Some(TreeNode {
        id: id(fields, "id")?,
        parent: id(fields, "parent")?,
        name: Name::known(text(fields, "name")?).ok()?,
        path: path_of(fields, "path")?,
        role: role(text(fields, "role")?)?,
        address,
        stale_for: stale_ms.map(Duration::from_millis),
        servers: count(fields, "servers")?,
        clients: count(fields, "clients")?,
    })
}

/// A field that may be missing or null: the outer `None` says that it is there and wrong.
fn optional<T>(
    fields: &Fields,
    key: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Option<Option<T>> {
    match fields.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(value) => read(value).map(Some),
    }
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

fn count(fields: &Fields, key: &str) -> Option<usize> {
    match fields.get(key)? {
        Value::Int(count) => usize::try_from(*count).ok(),
        _ => None,
    }
}

fn role(word: &str) -> Option<Role> {
    let roles = [Role::MainServer, Role::SubServer, Role::Server, Role::Client, Role::Session];
    roles.into_iter().find(|role| role.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Fields {
        let id = NodeId::of_public_key(b"sub1").to_string();
        let parent = NodeId::of_public_key(b"main").to_string();
        BTreeMap::from([
            ("id".to_owned(), Value::Text(id)),
            ("parent".to_owned(), Value::Text(parent)),
            ("name".to_owned(), Value::Text("sub1".to_owned())),
            ("path".to_owned(), Value::Text("/sub1".to_owned())),
            ("role".to_owned(), Value::Text("sub-server".to_owned())),
            ("address".to_owned(), Value::Text("127.0.0.1:4001".to_owned())),
            ("stale_ms".to_owned(), Value::Int(1_500)),
            ("servers".to_owned(), Value::Int(1)),
            ("clients".to_owned(), Value::Int(2)),
        ])
    }

    #[test]
    fn an_entry_is_read_whole() {
        let nodes = tree(&Value::List(vec![Value::Map(entry())])).unwrap();
        assert_eq!(
            nodes,
            [TreeNode {
                id: NodeId::of_public_key(b"sub1"),
                parent: NodeId::of_public_key(b"main"),
                name: Name::known("sub1").unwrap(),
                path: "/sub1".parse().unwrap(),
                role: Role::SubServer,
                address: Some(Address::new("127.0.0.1:4001")),
                stale_for: Some(Duration::from_millis(1_500)),
                servers: 1,
                clients: 2,
            }]
        );
    }

    #[test]
    fn what_may_be_missing_may_and_nothing_else() {
        for key in entry().keys() {
            let mut fields = entry();
            fields.remove(key);
            let read = tree(&Value::List(vec![Value::Map(fields)]));
            assert_eq!(read.is_some(), key == "address" || key == "stale_ms", "{key}");
        }
    }

    #[test]
    fn a_wrong_field_spoils_the_list() {
        for key in entry().keys() {
            let mut fields = entry();
            fields.insert(key.clone(), Value::Bool(true));
            assert_eq!(tree(&Value::List(vec![Value::Map(fields)])), None, "{key}");
        }
        assert_eq!(tree(&Value::Null), None);
    }
}

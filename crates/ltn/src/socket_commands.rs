//! The commands about data sockets: `s.listsocks` and `s.closedatasock` of servers, and the one by
//! which a higher server asks a node to connect.

use ltn_proto::{CommandSpec, NodeId, ParameterKind, Permission, Refusal, RefusalKind, Value};

use crate::admin_commands::{answer, as_answer, put, spec};
use crate::handlers::Handlers;
use crate::node::{NEW_DATA_SOCKET, Node};
use crate::words::{HandlerError, Invocation};

/// Puts these commands on offer, each where it makes sense.
pub(crate) fn offer(handlers: &mut Handlers, node: &Node) {
    if node.role().is_server() {
        let list =
            spec("s.listsocks", "statistic", "the sockets of this server, and who is on each");
        put(handlers, list, node, |node, _| Box::pin(list_sockets(node)));
        let text = "close data sockets by name; their streams end";
        let close = spec("s.closedatasock", "server management", text)
            .one_or_more("name", ParameterKind::Text);
        put(handlers, close, node, |node, call| Box::pin(close_sockets(node, call)));
    }
    if node.role().has_uplink() {
        // Everybody may say it, and only the higher server is listened to.
        let text = "connect to a data socket of your higher server";
        let new = CommandSpec::new(NEW_DATA_SOCKET, text)
            .category("from the server")
            .permission(Permission::user())
            .required("name", ParameterKind::Text);
        put(handlers, new, node, |node, call| Box::pin(std::future::ready(connect(&node, &call))));
    }
}

async fn list_sockets(node: Node) -> Result<Value, HandlerError> {
    let picture = node.snapshot().await.map_err(as_answer)?;
    let called = |id: &NodeId| {
        let known = picture.tree.iter().find(|known| known.id == *id);
        known.map_or_else(|| format!("id:{}…", id.short()), |known| known.path.to_string())
    };
    let here = picture.id;
    let joined = picture.tree.iter().filter(|known| known.parent == here && known.id != here);
    let joined = joined.filter(|known| known.stale_for.is_none()).map(|known| known.id);
    let main = node.address().map(|at| ("main".to_owned(), at.to_string(), joined.collect()));
    let further = node.data_sockets().into_iter().map(|socket| {
        let users: Vec<NodeId> = socket.users;
        (socket.name, socket.address.to_string(), users)
    });
    let (mut lines, mut entries) = (Vec::new(), Vec::new());
    for (name, address, users) in main.into_iter().chain(further) {
        let users: Vec<String> = users.iter().map(called).collect();
        let who = if users.is_empty() { "nobody".to_owned() } else { users.join(", ") };
        lines.push(format!("{name} at {address}: {who}"));
        entries.push(Value::map([
            ("name", Value::from(name)),
            ("address", address.into()),
            ("users", Value::list(users.iter().map(String::as_str))),
        ]));
    }
    Ok(answer(&lines, "sockets", Value::List(entries)))
}

async fn close_sockets(node: Node, call: Invocation) -> Result<Value, HandlerError> {
    let names: Vec<String> = call.arguments.iter().map(ToString::to_string).collect();
    let known: Vec<String> = node.data_sockets().into_iter().map(|socket| socket.name).collect();
    // All or nothing: a name that was mistyped closes no other.
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        let text = format!(
            "no data socket `{unknown}` here, so none was closed; `s.listsocks()` \
                            shows them"
        );
        return Err(Refusal::new(RefusalKind::NotOffered, text).into());
    }
    for name in &names {
        node.close_data_socket(name).await.map_err(as_answer)?;
    }
    Ok(Value::from(format!("closed: {}", names.join(", "))))
}

fn connect(node: &Node, call: &Invocation) -> Result<Value, HandlerError> {
    if !node.is_below(call.from) {
        let text = "only the higher server may ask for that";
        return Err(Refusal::new(RefusalKind::NoPermission, text).into());
    }
    let name = call.arguments.first().map(ToString::to_string).unwrap_or_default();
    Ok(Value::from(node.asked_to_join(&name)))
}

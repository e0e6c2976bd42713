//! What happens to a node, in words for people who watch it.

use ltn::{CloseReason, Content, Event, Message, Name, NodeId, Permission, Role};

/// An event in words; `None` for what people need not see.
pub(crate) fn of_event(event: &Event) -> Option<String> {
    let text = match event {
        Event::Joined { role: Role::Session, .. } | Event::Left { role: Role::Session, .. } => {
            return None;
        }
        Event::Joined { child, role, name, name_reason, .. } => {
            let called = who(name, child);
            let reason = name_reason.as_ref().map_or(String::new(), |why| format!(" ({why})"));
            format!("{called} joined as {}{reason}", kind(*role))
        }
        Event::Left { child, name, reason, .. } => {
            let called = who(name, child);
            format!("{called} is gone: {}", why(*reason))
        }
        Event::Admitted(new) => {
            format!("{} has used its invite: it is a member now", who(&new.name, &new.node))
        }
        Event::Crowded(full) => format!(
            "the map is full ({} nodes), and nodes below {} are left out: it has most of them",
            full.nodes,
            who(&full.name, &full.branch)
        ),
        Event::TurnedAway { peer, why } => format!("turned away id:{}…: {why}", peer.short()),
        Event::Connected { parent_name, address, name, name_reason, .. } => {
            let called = name.as_ref().map_or(String::new(), |name| format!(" as '{name}'"));
            let reason = name_reason.as_ref().map_or(String::new(), |why| format!(" ({why})"));
            format!("connected with {parent_name} at {address}{called}{reason}")
        }
        Event::Disconnected { parent_name, reason: CloseReason::Leaving, .. } => {
            format!("left {parent_name}")
        }
        Event::Disconnected { parent_name, reason, text, returning, .. } => {
            let why = why(*reason);
            // Most servers say in a text what the reason says already.
            let news = !text.is_empty() && !text.contains(&reason.to_string());
            let said = if news { format!(" ({text})") } else { String::new() };
            let next = if *returning { "; trying to come back" } else { "" };
            format!("disconnected from {parent_name}: {why}{said}{next}")
        }
        Event::ClonedKey { id, at } => {
            format!("two running nodes have the key id:{}…, noticed at {at}", id.short())
        }
        Event::MovingBack { lost, to, address } => {
            format!("{lost} was lost on trial: going back to {to} at {address}")
        }
        Event::Retrying { address, why, pause } => {
            format!("{address}: {why}; next attempt in {:.1} s", pause.as_secs_f64())
        }
        Event::Placed { path, rooted: true } => format!("this node is {path}"),
        Event::Placed { path, rooted: false } => {
            format!("this node is {path}, cut off from the main server")
        }
        Event::Renamed { node, old, name } => format!("{} is called {name} now", who(old, node)),
        Event::RightsChanged { node, name, rights, .. } => {
            let words: Vec<&str> = rights.iter().map(Permission::as_str).collect();
            format!("{} holds {} here", who(name, node), words.join(", "))
        }
        Event::Muted { node, name, muted: true, .. } => format!("{} is muted", who(name, node)),
        Event::Muted { node, name, muted: false, .. } => {
            format!("{} is heard again", who(name, node))
        }
        Event::WrongKey { node, name } => format!("{} gave a wrong admin key", who(name, node)),
        Event::Ordered { text, .. } => text.clone(),
        Event::Stopped { restart: true } => "is restarting".to_owned(),
        _ => return None,
    };
    Some(text)
}

/// Who sent a message, as a console shows it.
pub(crate) fn sender_of(message: &Message) -> String {
    match &message.sender {
        Some(path) if path.layer() == 0 => "Mainserver".to_owned(),
        Some(path) => path.to_string(),
        None => format!("id:{}…", message.from.short()),
    }
}

/// What a message says, in words.
pub(crate) fn content_of(message: &Message) -> String {
    match &message.content {
        Content::Text(text) => text.clone(),
        Content::Value(value) => value.to_string(),
        Content::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}

fn who(name: &Option<Name>, id: &NodeId) -> String {
    name.as_ref().map_or_else(|| id.to_string(), ToString::to_string)
}

/// The reason as the end of a sentence about the node at the other end.
fn why(reason: CloseReason) -> String {
    match reason {
        CloseReason::Leaving
        | CloseReason::Away
        | CloseReason::Moved
        | CloseReason::Stopping
        | CloseReason::Restarting => format!("it {reason}"),
        _ => reason.to_string(),
    }
}

const fn kind(role: Role) -> &'static str {
    if role.is_server() { "a server" } else { "a client" }
}

#[cfg(test)]
mod tests {
    use ltn::Newcomer;

    use super::*;

    fn id() -> NodeId {
        NodeId::of_public_key(b"somebody")
    }

    fn joined(role: Role, name: Option<Name>, name_reason: Option<String>) -> Event {
        Event::Joined { child: id(), role, name, name_reason, metadata: ltn::Value::Null }
    }

    #[test]
    fn sessions_come_and_go_without_a_word() {
        assert_eq!(of_event(&joined(Role::Session, None, None)), None);
    }

    #[test]
    fn a_joining_client_is_told_with_the_reason_of_its_name() {
        let reason = Some("the name `lamp` is taken".to_owned());
        let joined = joined(Role::Client, Name::known("unnamed_abcde").ok(), reason);
        let new = Newcomer { node: id(), name: Name::known("lamp").ok(), role: Role::Client };
        let wanted = "lamp has used its invite: it is a member now";
        assert_eq!(of_event(&Event::Admitted(new)).as_deref(), Some(wanted));
        let wanted = "unnamed_abcde joined as a client (the name `lamp` is taken)";
        assert_eq!(of_event(&joined).unwrap(), wanted);
    }

    #[test]
    fn a_lost_server_is_told_with_what_happens_next() {
        let lost = Event::Disconnected {
            parent: id(),
            parent_name: Name::known("sub1").unwrap(),
            reason: CloseReason::Lost,
            text: String::new(),
            returning: true,
        };
        let wanted = "disconnected from sub1: connection lost; trying to come back";
        assert_eq!(of_event(&lost).unwrap(), wanted);
    }

    #[test]
    fn what_the_server_said_is_told_only_if_it_adds_something() {
        let stopped = |text: &str| Event::Disconnected {
            parent: id(),
            parent_name: Name::known("sub1").unwrap(),
            reason: CloseReason::Stopping,
            text: text.to_owned(),
            returning: false,
        };
        let wanted = "disconnected from sub1: it is shutting down";
        assert_eq!(of_event(&stopped("sub1 is shutting down")).unwrap(), wanted);
        let with_text = of_event(&stopped("back on Monday")).unwrap();
        assert_eq!(with_text, format!("{wanted} (back on Monday)"));
    }

    #[test]
    fn a_message_names_its_sender() {
        let message = |sender: Option<&str>| Message {
            from: id(),
            sender: sender.map(|path| path.parse().unwrap()),
            content: Content::Text("hi".to_owned()),
        };
        assert_eq!(sender_of(&message(Some("/"))), "Mainserver");
        assert_eq!(sender_of(&message(Some("/sub1/c"))), "/sub1/c");
        assert_eq!(sender_of(&message(None)), format!("id:{}…", id().short()));
        assert_eq!(content_of(&message(None)), "hi");
    }
}

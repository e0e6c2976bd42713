//! The story of the demonstration, one function per step.

use std::time::Instant;

use ltn::{
    CallReply, Client, CloseReason, Content, Event, MainServer, Node, PortExpr, RefusalKind,
    RollCallEntry, RollCallOutcome, SubServer, TalkError, Target, TreeNode, Value,
};

use crate::commands::chronicle;
use crate::commands::demo::stage::Stage;
use crate::commands::fleet::SHUTDOWN_NETWORK;
use crate::commands::main_server::whereabouts;
use crate::commands::roll_call;
use crate::output::readable;
use crate::trouble::Trouble;

/// Who joins whom, in the order of the cells.
const JOINS: [(&str, &str, &str); 7] = [
    ("cell 7", "sub1", "Mainserver"),
    ("cell 8", "sub2", "Mainserver"),
    ("cell 9", "lower_sub3", "sub1"),
    ("cell 10", "client1", "Mainserver"),
    ("cell 11", "client2", "Mainserver"),
    ("cell 12", "client3", "sub1"),
    ("cell 13", "client4", "lower_sub3"),
];

/// The whole network: path, servers and clients directly below.
const WHOLE: [(&str, usize, usize); 8] = [
    ("/", 2, 2),
    ("/client1", 0, 0),
    ("/client2", 0, 0),
    ("/sub1", 1, 1),
    ("/sub1/client3", 0, 0),
    ("/sub1/lower_sub3", 0, 1),
    ("/sub1/lower_sub3/client4", 0, 0),
    ("/sub2", 0, 0),
];

/// The network without `lower_sub3` and what was below it.
const REDUCED: [(&str, usize, usize); 6] = [
    ("/", 2, 2),
    ("/client1", 0, 0),
    ("/client2", 0, 0),
    ("/sub1", 0, 1),
    ("/sub1/client3", 0, 0),
    ("/sub2", 0, 0),
];

/// Cells 2 to 6: one main server and three sub-servers.
pub(super) async fn servers_start(stage: &mut Stage) -> Result<(), Trouble> {
    stage.scene("cells 2–6", "a main server and three sub-servers start");
    let main = MainServer::builder()
        .open()
        .description("Main control node")
        .port(PortExpr::FromUpwards(4000))
        .data_port(PortExpr::FromDownwards(3999));
    start(stage, "Mainserver", main).await?;
    for name in ["sub1", "sub2", "lower_sub3"] {
        start(stage, name, SubServer::builder(name).open().port(PortExpr::FromUpwards(4000)))
            .await?;
    }
    Ok(())
}

async fn start(stage: &mut Stage, name: &str, builder: ltn::NodeBuilder) -> Result<Node, Trouble> {
    let node = builder.start().await.map_err(|error| Trouble::start(name, &error))?;
    stage.enter(name, node.clone());
    if node.role().is_server() {
        let text =
            |address: Option<ltn::Address>| address.map(|address| address.to_string()).into();
        let own = [("address", text(node.address())), ("data_address", text(node.data_address()))];
        stage.tell(name, "started", &whereabouts(&node), &own);
    }
    Ok(node)
}

/// Cells 7 to 13: sub-servers and clients join, three layers deep.
pub(super) async fn everybody_joins(stage: &mut Stage) -> Result<(), Trouble> {
    for (cell, name, server) in JOINS {
        stage.scene(cell, &format!("{name} joins {server}"));
        if name.starts_with("client") {
            start(stage, name, Client::builder(name).open()).await?;
        }
        join(stage, name, server).await?;
    }
    // The layers below a server are told to it, and passed on, in the background.
    let deepest = stage.node("client4")?;
    let path = "/sub1/lower_sub3/client4";
    let arrived = async || {
        deepest.snapshot().await.is_ok_and(|now| now.rooted && now.path.to_string() == path)
    };
    stage.until("client4 does not know its place", arrived).await?;
    stage.tell("client4", "placed", &format!("is {path}, three layers below the main server"), &[]);
    Ok(())
}

async fn join(stage: &Stage, name: &str, server: &str) -> Result<(), Trouble> {
    let (node, address) = (stage.node(name)?, stage.address(server)?);
    let mut seen = stage.node(server)?.events();
    let joined = node.connect(&address).await.map_err(|error| Trouble::join(name, &error))?;
    let id = node.id();
    let registered = stage
        .hear(&mut seen, &format!("{server} did not register {name}"), |event| match event {
            Event::Joined { child, .. } if child == id => chronicle::of_event(&event),
            _ => None,
        })
        .await?;
    stage.tell(
        name,
        "connected",
        &connected(&address, joined.data_port),
        &[
            ("address", address.as_str().into()),
            ("data_port", joined.data_port.map(i64::from).into()),
        ],
    );
    stage.tell(server, "registered", &registered, &[("name", name.into())]);
    for text in &joined.welcome {
        let said = [("from", server.into()), ("message", text.as_str().into())];
        stage.tell(name, "welcome", &format!("{server}> {text}"), &said);
    }
    let welcomed = |part: &str| joined.welcome.iter().any(|text| text.contains(part));
    stage.check(joined.name.as_deref() == Some(name), "it got another name")?;
    stage.check(joined.server_name == server, "the server calls itself otherwise")?;
    stage.check(joined.admin && welcomed("admin"), "it is not admin")?;
    stage.check(welcomed(&format!("Connected to {server}")), "it was not welcomed")?;
    stage.check(welcomed(&format!("Registered as '{name}'")), "it was not told its name")?;
    let data = stage.node(server)?.data_address().and_then(|a| a.socket_addr());
    let wanted = data.map(|address| address.port());
    stage.check(joined.data_port == wanted, "the data socket is not connected")
}

fn connected(address: &ltn::Address, data_port: Option<u16>) -> String {
    match data_port {
        None => format!("connected with {address}"),
        Some(port) => format!("connected with {address}, and with Maindata at port {port}"),
    }
}

/// What the notebook only describes: those at the far ends of the network talk to each other.
pub(super) async fn two_clients_talk(stage: &mut Stage) -> Result<(), Trouble> {
    stage.scene("before cell 14", "client4 and client1 talk, with three servers between them");
    let (near, far) = (stage.node("client1")?, stage.node("client4")?);
    let mut inbox = near.messages().ok_or_else(|| stage.wrong("client1 has no inbox"))?;
    let text = "Hello from three layers down!";
    stage.tell("client4", "message", &format!("to /client1: {text}"), &[("to", "/client1".into())]);
    let sent = far.send("/client1", text).await;
    sent.map_err(|error| stage.wrong(&error.to_string()))?;
    let message = stage.soon("no message came", inbox.recv()).await?;
    let message = message.ok_or_else(|| stage.wrong("no message came"))?;
    stage.check(message.from == far.id(), "the sender is another one")?;
    let sender =
        near.locate(message.from).await.map_err(|error| stage.wrong(&error.to_string()))?;
    let shown = format!("{}> {text}", sender.path);
    stage.tell("client1", "received", &shown, &[("message", text.into())]);
    stage.check(message.content == Content::Text(text.to_owned()), "the text is another one")?;

    let start = Instant::now();
    let reply = near.request("/sub1/lower_sub3/client4", "PING", Value::Null).await;
    let took = start.elapsed().as_secs_f64() * 1_000.0;
    reply.map_err(|error| stage.wrong(&error.to_string()))?;
    let text = format!("/sub1/lower_sub3/client4 answers a PING in {took:.2} ms");
    stage.tell("client1", "ping", &text, &[("round_trip_ms", took.into())]);
    Ok(())
}

/// Cells 14 and 15: the command that cost `lower_sub3` its parent in the notebook.
pub(super) async fn a_cycle_is_refused(stage: &mut Stage) -> Result<(), Trouble> {
    stage.scene("cells 14–15", "client4 wants lower_sub3 to be its own higher server");
    let (client, server) = (stage.node("client4")?, stage.node("lower_sub3")?);
    let sub1 = stage.node("sub1")?.id();
    let own = stage.address("lower_sub3")?;
    let socket = own.socket_addr().ok_or_else(|| stage.wrong("the address has no port"))?;
    let command = "s.sethigherserver";
    let (ip, port) = (socket.ip().to_string(), i64::from(socket.port()));
    let said = format!("{command}('{ip}', {port})");
    stage.tell("client4", "command", &said, &[("to", "lower_sub3".into())]);
    let before = parent(stage, &server).await?;
    let asked = client.call(Target::Parent, command, vec![ip.into(), port.into()]).await;
    let Err(TalkError::Refused(refusal)) = asked else {
        return Err(stage.wrong(&format!("it was not refused: {asked:?}")));
    };
    let reason = [("reason", refusal.text.as_str().into())];
    stage.tell("lower_sub3", "refused", &format!("refused: {}", refusal.text), &reason);
    let meant = matches!(refusal.kind, RefusalKind::Cycle | RefusalKind::OwnAddress);
    stage.check(meant, "it was refused for another reason")?;
    let after = parent(stage, &server).await?;
    stage.check(before == Some(sub1), "lower_sub3 was not below sub1 before")?;
    stage.check(after == before, "lower_sub3 lost its parent")?;
    stage.tell("lower_sub3", "kept-parent", "its higher server, before and after: sub1", &[]);
    stage.aside(
        "  (In the notebook this command cost lower_sub3 its place in the network.\n   \
         Here a move is made before the old place is given up, and a cycle is refused.)",
    );
    Ok(())
}

async fn parent(stage: &Stage, node: &Node) -> Result<Option<ltn::NodeId>, Trouble> {
    let snapshot = node.snapshot().await;
    Ok(snapshot.map_err(|error| stage.wrong(&error.to_string()))?.parent)
}

/// Cell 16: the whole network, drawn for a client.
pub(super) async fn the_network_is_listed(stage: &mut Stage) -> Result<(), Trouble> {
    stage.scene("cell 16", "client1 lists the network");
    list(stage, &WHOLE).await
}

/// `client1` runs the listing, and the drawing is right.
async fn list(stage: &Stage, wanted: &[(&str, usize, usize)]) -> Result<(), Trouble> {
    let client = stage.node("client1")?;
    let fits = async || client.network().await.is_ok_and(|nodes| is_tree(&nodes, wanted));
    stage.until("the main server's map is wrong", fits).await?;
    let command = "s.listnetwork";
    stage.tell("client1", "command", "s.listnetwork()", &[("to", "Mainserver".into())]);
    let reply = client.call(Target::Parent, command, Vec::new()).await;
    let Ok(CallReply::Done(value)) = reply else {
        return Err(stage.wrong(&format!("no listing came: {reply:?}")));
    };
    let drawn = readable(&value);
    stage.tell("Mainserver", "network", &drawn, &[("result", value)]);
    for (path, servers, clients) in wanted {
        let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("Mainserver");
        let line = drawn.lines().find(|line| line.contains(name));
        let line = line.ok_or_else(|| stage.wrong(&format!("{name} is not in the drawing")))?;
        let counted = line.contains(&roll_call::count(*servers, "server"))
            && line.contains(&roll_call::count(*clients, "client"));
        let is_client = name.starts_with("client");
        stage.check(is_client || counted, &format!("wrong counts: {line}"))?;
    }
    Ok(())
}

/// Is this the tree, nobody more and nobody less, with these counts?
fn is_tree(nodes: &[TreeNode], wanted: &[(&str, usize, usize)]) -> bool {
    let fits = |node: &TreeNode| {
        wanted.contains(&(node.path.to_string().as_str(), node.servers, node.clients))
            && node.stale_for.is_none()
    };
    nodes.len() == wanted.len() && nodes.iter().all(fits)
}

/// Cell 17: one server stops alone, and those around it learn it.
pub(super) async fn one_server_stops(stage: &mut Stage) -> Result<(), Trouble> {
    stage.scene("cell 17", "lower_sub3 shuts down alone");
    let (server, client) = (stage.node("lower_sub3")?, stage.node("client4")?);
    let (mut above, mut below) = (stage.node("sub1")?.events(), client.events());
    stage.tell("lower_sub3", "stopping", "shutting down", &[]);
    stage.soon("lower_sub3 did not stop", server.shutdown()).await?;
    let learnt = stage.hear(&mut below, "client4 did not learn it", stopping_server).await?;
    stage.tell("client4", "disconnected", &learnt, &[("reason", "stopping".into())]);
    let id = server.id();
    let gone = stage
        .hear(&mut above, "sub1 did not learn it", |event| match event {
            Event::Left { child, .. } if child == id => chronicle::of_event(&event),
            _ => None,
        })
        .await?;
    stage.tell("sub1", "left", &gone, &[]);
    list(stage, &REDUCED).await
}

/// The news that the higher server stops, in words.
fn stopping_server(event: Event) -> Option<String> {
    match event {
        Event::Disconnected { reason: CloseReason::Stopping, returning: false, .. } => {
            chronicle::of_event(&event)
        }
        _ => None,
    }
}

/// Cells 18 and 19: the whole network stops, after a confirmation, and everybody is accounted for.
pub(super) async fn the_network_stops(stage: &mut Stage) -> Result<(), Trouble> {
    stage.scene("cell 18", "client1 wants the whole network to stop");
    let client = stage.node("client1")?;
    let to = [("to", "Mainserver".into())];
    stage.tell("client1", "command", "s.shutdownnetwork()", &to);
    let reply = client.call(Target::Parent, SHUTDOWN_NETWORK, Vec::new()).await;
    let Ok(CallReply::Confirm(word)) = reply else {
        return Err(stage.wrong(&format!("no confirmation was asked for: {reply:?}")));
    };
    let asked = format!("{}; to confirm, say it again within 30 s", word.text);
    stage.tell("Mainserver", "confirm", &asked, &[("targets", word.targets.len().into())]);
    for name in ["Mainserver", "sub1", "sub2"] {
        let named = word.targets.contains(&stage.node(name)?.id());
        stage.check(named, &format!("{name} is not among those to be stopped"))?;
    }

    stage.scene("cell 19", "client1 confirms");
    let mut clients = Vec::new();
    for name in ["client1", "client2", "client3"] {
        clients.push((name, stage.node(name)?.events()));
    }
    stage.tell("client1", "command", "s.shutdownnetwork()", &to);
    let done = client.confirm(Target::Parent, SHUTDOWN_NETWORK, Vec::new(), &word).await;
    let result = done.map_err(|error| stage.wrong(&error.to_string()))?;
    let entries = roll_call::of_value(&result).ok_or_else(|| stage.wrong("no roll call came"))?;
    let told = [("roll_call", result.get("roll_call").cloned().unwrap_or(Value::Null))];
    stage.tell("Mainserver", "roll-call", &roll_call::table(&entries), &told);
    everybody_is_accounted_for(stage, &entries)?;
    for (name, mut events) in clients {
        let learnt = format!("{name} did not learn it");
        stage.hear(&mut events, &learnt, stopping_server).await?;
    }
    for name in ["sub1", "sub2", "Mainserver"] {
        stage.soon(&format!("{name} did not stop"), stage.node(name)?.stopped()).await?;
    }
    Ok(())
}

fn everybody_is_accounted_for(stage: &Stage, entries: &[RollCallEntry]) -> Result<(), Trouble> {
    stage.check(entries.len() == REDUCED.len(), "not everybody is listed once")?;
    for (path, ..) in REDUCED {
        let found = entries.iter().find(|entry| entry.path.to_string() == path);
        let entry = found.ok_or_else(|| stage.wrong(&format!("{path} is not listed")))?;
        let wanted = match (path, entry.is_server) {
            ("/", _) => RollCallOutcome::Stopping,
            (_, true) => RollCallOutcome::Stopped,
            (_, false) => RollCallOutcome::Told,
        };
        stage.check(entry.outcome == wanted, &format!("{path} is {}", entry.outcome.as_str()))?;
    }
    Ok(())
}

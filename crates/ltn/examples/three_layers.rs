//! The demonstration that this project started from, in Rust: a main server, three sub-servers in
//! two layers, a client at every layer; then a move that must not happen, a list of the network, a
//! server that stops alone and a network that stops as a whole.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use ltn::{
    CallReply, Client, CloseReason, Event, MainServer, Node, SubServer, Target, TreeNode, Value,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let main = MainServer::builder().open().start().await?;
    let sub1 = sub_server("sub1", &main).await?;
    let sub2 = sub_server("sub2", &main).await?;
    let lower = sub_server("lower_sub3", &sub1).await?;
    let client1 = client("client1", &main).await?;
    let _client2 = client("client2", &main).await?;
    let _client3 = client("client3", &sub1).await?;
    let client4 = client("client4", &lower).await?;

    // A server cannot hang below itself, and asking for it changes nothing.
    let own = address_of(&lower)?.socket_addr().ok_or("it listens on TCP")?;
    let arguments = vec![Value::from(own.ip().to_string()), Value::from(own.port())];
    let refused = client4.call(Target::Parent, "s.sethigherserver", arguments).await;
    println!("lower_sub3 below itself: {}", refused.err().ok_or("it must be refused")?);
    assert_eq!(lower.snapshot().await?.parent, Some(sub1.id()));

    // Everybody sees the whole network, and a message goes from one end of it to the other.
    let nodes = list_of(&client1, 8).await?;
    nodes.iter().for_each(|node| println!("{:<28}{}", node.path.to_string(), node.role));
    let mut messages = client1.messages().ok_or("nobody else took them")?;
    client4.send("/client1", "three layers up and one down").await?;
    let message = messages.recv().await.ok_or("client1 runs")?;
    assert_eq!(message.from, client4.id());

    // A server stops alone; who is below it learns that.
    let mut events = client4.events();
    lower.shutdown().await;
    loop {
        if let Event::Disconnected { reason, .. } = events.recv().await? {
            assert_eq!(reason, CloseReason::Stopping);
            break;
        }
    }
    let left = list_of(&client1, 6).await?;
    assert!(left.iter().all(|node| node.id != lower.id()));

    // The network stops, leaves first, after a second word; the root tells how it went.
    let mut events = main.events();
    let reply = client1.call(Target::Root, "s.shutdownnetwork", Vec::new()).await?;
    let CallReply::Confirm(confirmation) = reply else { return Err("it must ask first".into()) };
    println!("{}", confirmation.text);
    client1.confirm(Target::Root, "s.shutdownnetwork", Vec::new(), &confirmation).await?;
    loop {
        if let Event::RollCall { entries, .. } = events.recv().await? {
            entries
                .iter()
                .for_each(|e| println!("{:<28}{}", e.path.to_string(), e.outcome.as_str()));
            break;
        }
    }
    for server in [&sub2, &sub1, &main] {
        server.stopped().await;
    }
    Ok(())
}

async fn sub_server(name: &str, below: &Node) -> Outcome<Node> {
    let node = SubServer::builder(name).open().start().await?;
    let joined = node.connect(&address_of(below)?).await?;
    assert_eq!(joined.server, below.id());
    Ok(node)
}

async fn client(name: &str, below: &Node) -> Outcome<Node> {
    let node = Client::builder(name).open().start().await?;
    let joined = node.connect(&address_of(below)?).await?;
    assert_eq!(joined.name.as_deref(), Some(name));
    Ok(node)
}

fn address_of(server: &Node) -> Outcome<ltn::Address> {
    Ok(server.address().ok_or("a server listens")?)
}

/// The network, as soon as the news of all `count` nodes have come up to the main server.
async fn list_of(node: &Node, count: usize) -> Outcome<Vec<TreeNode>> {
    loop {
        let nodes = node.network().await?;
        if nodes.iter().filter(|node| node.stale_for.is_none()).count() == count {
            return Ok(nodes);
        }
        tokio::task::yield_now().await;
    }
}

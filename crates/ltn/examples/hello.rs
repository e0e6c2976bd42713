//! The shortest useful network: a server, a client, one message.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use ltn::{Client, Content, MainServer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let main = MainServer::builder().open().start().await?;
    let lamp = Client::builder("lamp").open().start().await?;
    let joined = lamp.connect(&main.address().ok_or("a server listens")?).await?;
    println!("{}", joined.welcome.join("\n"));

    let mut messages = main.messages().ok_or("nobody else took them")?;
    lamp.send("/", "good evening").await?;
    let message = messages.recv().await.ok_or("the server runs")?;
    assert_eq!(message.content, Content::Text("good evening".to_owned()));
    assert_eq!(message.from, lamp.id());
    println!("the server heard {:?}", message.content);

    lamp.shutdown().await;
    main.shutdown().await;
    Ok(())
}

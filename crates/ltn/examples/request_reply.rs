//! Questions and answers: a value, a function, and the ways in which a question can end.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use ltn::{Client, MainServer, RefusalKind, TalkError, Value};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let main = MainServer::builder().open().start().await?;
    let address = main.address().ok_or("a server listens")?;
    let meter = Client::builder("meter").open().start().await?;
    let reader = Client::builder("reader").open().start().await?;
    meter.connect(&address).await?;
    reader.connect(&address).await?;

    meter.offer("unit", "kWh").await?;
    meter
        .handle("double", |question| async move {
            match question.argument {
                Value::Int(number) => Ok(Value::Int(number * 2)),
                _ => Err("only whole numbers can be doubled here".to_owned()),
            }
        })
        .await?;

    let unit = reader.request("/meter", "unit", ()).await?;
    assert_eq!(unit, Value::from("kWh"));
    let doubled = reader.request("/meter", "double", 21).await?;
    assert_eq!(doubled, Value::Int(42));
    println!("twice 21 is {doubled:?}, measured in {unit:?}");

    // Every question ends, and its end says what is certain.
    let failed = reader.request("/meter", "double", "a word").await;
    assert!(matches!(failed, Err(TalkError::Failed(_))));
    let missing = reader.request("/meter", "colour", ()).await;
    assert!(matches!(
        missing,
        Err(TalkError::Refused(refusal)) if refusal.kind == RefusalKind::NotOffered
    ));
    let nobody = reader.request("/cellar/meter", "unit", ()).await;
    assert!(matches!(nobody, Err(TalkError::NoRoute(_))));
    println!("and who asks for what is not there is told at once");

    main.shutdown().await;
    Ok(())
}

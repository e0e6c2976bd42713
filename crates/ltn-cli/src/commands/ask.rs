//! `ltn ask`: the value that a node offers.

use ltn::Value;

use crate::args::AskArgs;
use crate::commands::visit::visiting;
use crate::console;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &AskArgs) -> Result<Ending, Trouble> {
    let target = console::target(&args.target)?;
    let argument = args.argument.as_deref().map_or(Value::Null, Value::from);
    visiting(&args.visit, "ltn ask TARGET NAME", async |visitor| {
        let asked =
            visitor.node.request_within(visitor.timeout(), target, &args.name, argument).await;
        let value = asked.map_err(|error| Trouble::talk(&args.target, &args.name, &error))?;
        visitor.output.value(&args.target, &value);
        Ok(Ending::All)
    })
    .await
}

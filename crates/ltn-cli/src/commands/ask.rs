//! `ltn ask`: the value that a node offers, or many nodes do.

use ltn::{Selector, Target, Value};

use crate::args::AskArgs;
use crate::commands::many::{self, Deed};
use crate::commands::visit::{Visitor, visiting};
use crate::console;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &AskArgs) -> Result<Ending, Trouble> {
    let whom = console::selector(&args.target)?;
    let argument = args.argument.as_deref().map_or(Value::Null, Value::from);
    visiting(&args.visit, "ltn ask TARGET NAME", async |visitor| match whom {
        Selector::One(target) => ask_one(visitor, args, target, argument).await,
        many @ Selector::Many(_) => {
            let gather = visitor.node.gather(many).within(visitor.timeout());
            let begun = gather.request(&args.name, argument).await;
            let deed = Deed { shown: &args.target, what: &args.name };
            many::tell(visitor, deed, begun).await
        }
    })
    .await
}

async fn ask_one(
    visitor: &Visitor,
    args: &AskArgs,
    target: Target,
    argument: Value,
) -> Result<Ending, Trouble> {
    let asked = visitor.node.request_within(visitor.timeout(), target, &args.name, argument).await;
    let value = asked.map_err(|error| Trouble::talk(&args.target, &args.name, &error))?;
    visitor.output.value(&args.target, &value);
    Ok(Ending::All)
}

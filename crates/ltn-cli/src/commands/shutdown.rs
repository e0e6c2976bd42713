//! `ltn shutdown` and `ltn restart`: the whole network or a part of it, the lowest layers first.

use ltn::{NodePath, Target, Value};

use crate::args::OrderArgs;
use crate::commands::run::{asking, report};
use crate::commands::visit::{Order, Visitor, visiting};
use crate::console;
use crate::trouble::{Ending, Trouble};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Shutdown,
    Restart,
}

pub(crate) async fn perform(args: &OrderArgs, deed: Deed) -> Result<Ending, Trouble> {
    let target = args.target.as_deref().map(console::target).transpose()?;
    let verb = match deed {
        Deed::Shutdown => "ltn shutdown",
        Deed::Restart => "ltn restart",
    };
    visiting(&args.visit, verb, async |visitor| {
        let order = order_of(visitor, args, (target, deed)).await?;
        let value = visitor.order(&order, asking(args.yes)).await?;
        Ok(report(visitor, &order.shown, &value))
    })
    .await
}

/// The main server leads all of them. A target is looked up from here, where it was typed.
async fn order_of(
    visitor: &Visitor,
    args: &OrderArgs,
    (target, deed): (Option<Target>, Deed),
) -> Result<Order, Trouble> {
    let word = match deed {
        Deed::Shutdown => "s.shutdown",
        Deed::Restart => "s.restart",
    };
    let order = |command: String, arguments: Vec<Value>| Order {
        target: Target::Root,
        shown: "the main server".to_owned(),
        command,
        arguments,
    };
    let (Some(target), Some(shown)) = (target, &args.target) else {
        return Ok(order(format!("{word}network"), Vec::new()));
    };
    let found = visitor.within(visitor.node.locate(target)).await;
    let found = found.map_err(|error| Trouble::talk(shown, word, &error))?;
    Ok(match (found.path == NodePath::root(), args.alone) {
        (true, true) => order(word.to_owned(), Vec::new()),
        (true, false) => order(format!("{word}network"), Vec::new()),
        (false, true) => order(format!("{word}server"), vec![found.id.to_string().into()]),
        (false, false) => order(format!("{word}subtree"), vec![found.id.to_string().into()]),
    })
}

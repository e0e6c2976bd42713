//! `ltn shutdown` and `ltn restart`: the whole network or a part of it, the lowest layers first.

use ltn::{NodePath, Selector, Target, TreeNode, Value};

use crate::args::OrderArgs;
use crate::commands::run::{asking, report};
use crate::commands::visit::{Order, Visitor, visiting};
use crate::console;
use crate::trouble::{Ending, Trouble};

/// So many arguments one command takes.
const ARGUMENTS_MAX: usize = 64;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Shutdown,
    Restart,
}

pub(crate) async fn perform(args: &OrderArgs, deed: Deed) -> Result<Ending, Trouble> {
    let target = args.target.as_deref().map(console::selector).transpose()?;
    let verb = match deed {
        Deed::Shutdown => "ltn shutdown",
        Deed::Restart => "ltn restart",
    };
    let asking = asking(args.yes, &args.visit)?;
    visiting(&args.visit, verb, async |visitor| {
        let order = order_of(visitor, args, (target, deed)).await?;
        let value = visitor.order(&order, asking).await?;
        Ok(report(visitor, &order.shown, &value))
    })
    .await
}

/// The main server leads all of them. A target is looked up from here, where it was typed.
async fn order_of(
    visitor: &Visitor,
    args: &OrderArgs,
    (target, deed): (Option<Selector>, Deed),
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
    let target = match target {
        Selector::One(target) => target,
        many @ Selector::Many(_) => {
            let what = if args.alone { "server" } else { "subtree" };
            let found = visitor.within(visitor.node.select(many)).await;
            let found = found.map_err(|error| Trouble::talk(shown, word, &error))?;
            return Ok(order(format!("{word}{what}"), servers_of(&found, shown, args.alone)?));
        }
    };
    let found = visitor.within(visitor.node.locate_confirmed(target)).await;
    let found = found.map_err(|error| Trouble::talk(shown, word, &error))?;
    Ok(match (found.path == NodePath::root(), args.alone) {
        (true, true) => order(word.to_owned(), Vec::new()),
        (true, false) => order(format!("{word}network"), Vec::new()),
        (false, true) => order(format!("{word}server"), vec![found.id.to_string().into()]),
        (false, false) => order(format!("{word}subtree"), vec![found.id.to_string().into()]),
    })
}

/// The servers among those who fit, by their paths; of those below each other the uppermost only,
/// where all below goes too. Who is at a path the main server knows; an id in a list is the word of
/// the server that made it.
fn servers_of(found: &[TreeNode], shown: &str, alone: bool) -> Result<Vec<Value>, Trouble> {
    let servers = found.iter().filter(|node| node.role.is_server());
    let below = servers.clone().filter(|node| node.path != NodePath::root());
    if below.clone().count() < servers.count() {
        let text = format!("`{shown}` means the main server too, and with it the whole network");
        return Err(Trouble::usage(text).hint("`./*` or a path with a name leaves it out"));
    }
    let is_top = |node: &&TreeNode| {
        let above = |other: &TreeNode| other.id != node.id && other.path.contains(&node.path);
        alone || !below.clone().any(above)
    };
    let paths: Vec<Value> =
        below.clone().filter(is_top).map(|node| node.path.to_string().into()).collect();
    match paths.len() {
        0 => Err(Trouble::usage(format!("of those who fit `{shown}` none is a server"))),
        1..=ARGUMENTS_MAX => Ok(paths),
        many => {
            let text =
                format!("`{shown}` means {many} servers, at most {ARGUMENTS_MAX} go at once");
            Err(Trouble::usage(text).hint("name a server above them, or the whole network"))
        }
    }
}

//! `ltn send`: one text to one node, or to many.

use ltn::{Selector, Target};

use crate::args::SendArgs;
use crate::commands::many::{self, Deed};
use crate::commands::visit::{Visitor, visiting};
use crate::console;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &SendArgs) -> Result<Ending, Trouble> {
    let whom = console::selector(&args.target)?;
    visiting(&args.visit, "ltn send TARGET TEXT", async |visitor| match whom {
        Selector::One(target) => send_one(visitor, args, target).await,
        many @ Selector::Many(_) => {
            let gather = visitor.node.gather(many).within(visitor.timeout());
            let begun = gather.send(args.text.as_str()).await;
            many::tell(visitor, Deed { shown: &args.target, what: "the text" }, begun).await
        }
    })
    .await
}

async fn send_one(visitor: &Visitor, args: &SendArgs, target: Target) -> Result<Ending, Trouble> {
    let sent = visitor.within(visitor.node.send(target, args.text.as_str())).await;
    sent.map_err(|error| Trouble::talk(&args.target, "the text", &error))?;
    visitor.output.tell(
        &[("target", args.target.as_str().into()), ("outcome", "delivered".into())],
        &format!("delivered to {}", args.target),
    );
    Ok(Ending::All)
}

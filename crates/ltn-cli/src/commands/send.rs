//! `ltn send`: one text to one node.

use crate::args::SendArgs;
use crate::commands::visit::visiting;
use crate::console;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &SendArgs) -> Result<Ending, Trouble> {
    let target = console::target(&args.target)?;
    visiting(&args.visit, "ltn send TARGET TEXT", async |visitor| {
        let sent = visitor.within(visitor.node.send(target, args.text.as_str())).await;
        sent.map_err(|error| Trouble::talk(&args.target, "the text", &error))?;
        visitor.output.tell(
            &[("target", args.target.as_str().into()), ("outcome", "delivered".into())],
            &format!("delivered to {}", args.target),
        );
        Ok(Ending::All)
    })
    .await
}

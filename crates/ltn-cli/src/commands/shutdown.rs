//! `ltn shutdown`: the whole network, the lowest layers first.

use ltn::Target;

use crate::args::ShutdownArgs;
use crate::commands::run::{asking, report};
use crate::commands::visit::{Order, visiting};
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &ShutdownArgs) -> Result<Ending, Trouble> {
    let order = Order {
        target: Target::Root,
        shown: "the main server".to_owned(),
        command: "s.shutdownnetwork".to_owned(),
        arguments: Vec::new(),
    };
    visiting(&args.visit, "ltn shutdown", async |visitor| {
        let value = visitor.order(&order, asking(args.yes)).await?;
        Ok(report(visitor, &order.shown, &value))
    })
    .await
}

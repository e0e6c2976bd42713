//! `ltn tree`: the whole network, drawn.

use ltn::{TalkError, Target};

use crate::args::TreeArgs;
use crate::commands::visit::{Visitor, visiting};
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &TreeArgs) -> Result<Ending, Trouble> {
    visiting(&args.visit, "ltn tree", draw).await
}

async fn draw(visitor: &Visitor) -> Result<Ending, Trouble> {
    match visitor.within(visitor.node.network()).await {
        Ok(nodes) => {
            visitor.output.tree(&nodes, true);
            Ok(Ending::All)
        }
        Err(TalkError::NoRoute(why)) => draw_fragment(visitor, &why.to_string()).await,
        Err(error) => Err(Trouble::talk("the main server", "the listing", &error)),
    }
}

/// The main server is out of reach: what the nearest server knows is better than nothing.
async fn draw_fragment(visitor: &Visitor, why: &str) -> Result<Ending, Trouble> {
    let below = visitor.within(visitor.node.subtree_of(Target::Parent)).await;
    let nodes = below.map_err(|error| Trouble::talk("the server", "the listing", &error))?;
    visitor.output.remark(&format!("the main server cannot be reached ({why}); this part can:"));
    visitor.output.tree(&nodes, false);
    Ok(Ending::Some)
}

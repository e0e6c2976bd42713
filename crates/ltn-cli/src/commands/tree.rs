//! `ltn tree`: the whole network, drawn once, or as long as somebody watches.
//!
//! Who watches is told by the nearest server that knows the whole network when something changes,
//! and looks again then. Where nobody tells, it looks again every half a second. What has not
//! changed is not drawn anew.

use std::time::Duration;

use ltn::{TalkError, Target, TreeNode, WatchEvent};

use crate::args::TreeArgs;
use crate::commands::visit::{Visitor, visiting};
use crate::commands::watch::{News, Signals, Watch, parted_for_good};
use crate::output::{Output, is_broken};
use crate::trouble::{Ending, Trouble};

/// The pause between two looks at a network of which nobody tells.
const GLANCE: Duration = Duration::from_millis(500);
/// How long one more piece of news is waited for before the next look.
const SETTLES: Duration = Duration::from_millis(50);
/// So much news is looked at in one go.
const AT_ONCE_MAX: usize = 256;
/// The pause between two looks where somebody tells, while some nodes are out of reach: since when
/// changes by itself.
const AGES: Duration = Duration::from_secs(1);
/// The same while all are there.
const RESTS: Duration = Duration::from_secs(10);

pub(crate) async fn perform(args: &TreeArgs) -> Result<Ending, Trouble> {
    if args.watch {
        let signals = Signals::listen()?;
        return visiting(&args.visit, "ltn tree --watch", async |visitor| {
            watch(visitor, signals).await
        })
        .await;
    }
    visiting(&args.visit, "ltn tree", draw).await
}

async fn draw(visitor: &Visitor) -> Result<Ending, Trouble> {
    let (nodes, ending) = of_network(visitor).await?;
    visitor.output.tree(&nodes, ending == Ending::All);
    Ok(ending)
}

/// All nodes, or those of the part that can be reached: then it ends as done in part.
pub(crate) async fn of_network(visitor: &Visitor) -> Result<(Vec<TreeNode>, Ending), Trouble> {
    match visitor.within(visitor.node.network()).await {
        Ok(nodes) => Ok((nodes, Ending::All)),
        // The main server is out of reach: what the nearest server knows is better than nothing.
        Err(TalkError::NoRoute(why)) => {
            let below = visitor.within(visitor.node.subtree_of(Target::Parent)).await;
            let nodes =
                below.map_err(|error| Trouble::talk("the server", "the listing", &error))?;
            let text = "the main server cannot be reached";
            visitor.output.remark(&format!("{text} ({why}); this part can:"));
            Ok((nodes, Ending::Some))
        }
        Err(error) => Err(Trouble::talk("the main server", "the listing", &error)),
    }
}

async fn watch(visitor: &Visitor, mut signals: Signals) -> Result<Ending, Trouble> {
    let mut news = Watch::new(&visitor.node);
    let mut changes = Changes::default();
    let mut shown = String::new();
    if visitor.output.is_terminal() {
        visitor.output.clear();
    }
    loop {
        let (nodes, complete) = look(visitor).await?;
        let drawn = drawing(visitor.output, &nodes, complete);
        if drawn != shown {
            if visitor.output.is_json() {
                visitor.output.tree(&nodes, complete);
            } else {
                visitor.output.redraw(&drawn);
            }
            shown = drawn;
        }
        if is_broken() {
            return Ok(Ending::Some);
        }
        tokio::select! {
            () = changes.next(visitor, &nodes) => (),
            () = signals.next() => return Ok(Ending::All),
            ending = end_of(&mut news) => return Ok(ending),
        }
    }
}

/// Word of changes in the network, from whoever gives it.
#[derive(Debug, Default)]
struct Changes {
    told: Option<ltn::Watch>,
    /// Is anybody telling now?
    stands: bool,
}

impl Changes {
    /// Returns when it is time to look again.
    async fn next(&mut self, visitor: &Visitor, nodes: &[TreeNode]) {
        let Some(told) = &mut self.told else {
            tokio::time::sleep(GLANCE).await;
            self.told = visitor.within(visitor.node.watch("/**")).await.ok();
            self.stands = self.told.is_some();
            return;
        };
        let ages = nodes.iter().any(|node| node.stale_for.is_some());
        let pause = match (self.stands, ages) {
            (false, _) => GLANCE,
            (true, true) => AGES,
            (true, false) => RESTS,
        };
        let mut event = tokio::time::timeout(pause, told.next()).await;
        // What happens in one go is looked at once.
        for _ in 0..AT_ONCE_MAX {
            match event {
                Ok(None) => {
                    self.told = None;
                    return;
                }
                Ok(Some(WatchEvent::Interrupted(_))) => self.stands = false,
                Ok(Some(_)) => self.stands = true,
                Err(_) => return,
            }
            event = tokio::time::timeout(SETTLES, told.next()).await;
        }
    }
}

/// The network as far as it can be seen; without a server there is nothing to see for a while.
async fn look(visitor: &Visitor) -> Result<(Vec<TreeNode>, bool), Trouble> {
    match visitor.within(visitor.node.network()).await {
        Ok(nodes) => Ok((nodes, true)),
        Err(TalkError::Stopped) => Err(Trouble::failed("the network has stopped")),
        Err(_) => {
            let part = visitor.within(visitor.node.subtree_of(Target::Parent)).await;
            Ok((part.unwrap_or_default(), false))
        }
    }
}

/// Where the drawing cannot be replaced, ages alone are no reason for a new one.
fn drawing(output: Output, nodes: &[TreeNode], complete: bool) -> String {
    let mut nodes = nodes.to_vec();
    if !output.is_terminal() {
        for stale_for in nodes.iter_mut().filter_map(|node| node.stale_for.as_mut()) {
            *stale_for = Duration::ZERO;
        }
    }
    let drawn = ltn::draw_tree(&nodes).join("\n");
    match (complete, nodes.is_empty()) {
        (true, _) => drawn,
        (false, false) => format!("{drawn}\nthe main server cannot be reached; this part can"),
        (false, true) => "no server can be reached; trying to come back".to_owned(),
    }
}

/// Waits until there is nothing left to watch.
async fn end_of(watch: &mut Watch) -> Ending {
    loop {
        let news = watch.next().await;
        if news == News::Over {
            return Ending::Some;
        }
        if let Some(ending) = parted_for_good(&news) {
            return ending;
        }
    }
}

//! Short visits: what the verbs share that join a running network, say one thing and leave.
//!
//! A visit is a session of the library: no list shows it and it takes nobody's place.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ltn::{
    Address, CallReply, Confirmation, ConnectError, Node, NodeBuilder, NodeId, Session, StateError,
    TalkError, Target, Value, holds_member, inspect_state,
};

use crate::args::VisitArgs;
use crate::commands::roll_call::Progress;
use crate::commands::{memory, whereto};
use crate::output::Output;
use crate::settings::{Visit, Way};
use crate::trouble::{Ending, Trouble};

/// A session that has joined.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) node: Node,
    pub(crate) output: Output,
    timeout: Duration,
}

/// A command that somebody wants to be run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) target: Target,
    /// The target as it was typed.
    pub(crate) shown: String,
    pub(crate) command: String,
    pub(crate) arguments: Vec<Value>,
}

/// Whether a dangerous command is asked about first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// Ask the person at the terminal.
    First,
    /// `--yes` was given: show what will happen, and go on.
    Skipped,
}

/// So many targets of a dangerous command are looked up one by one; of more, all in one list.
const LOOKED_UP_MAX: usize = 8;

/// Joins, does `body`, leaves. `verb` is the command line without flags, for advice.
pub(crate) async fn visiting(
    args: &VisitArgs,
    verb: &str,
    body: impl AsyncFnOnce(&Visitor) -> Result<Ending, Trouble>,
) -> Result<Ending, Trouble> {
    let visitor = enter(args, verb).await?;
    let ending = body(&visitor).await;
    visitor.node.shutdown().await;
    ending
}

async fn enter(args: &VisitArgs, verb: &str) -> Result<Visitor, Trouble> {
    let Visit { way, timeout } = Visit::new(args, verb)?;
    let output = Output::new(args.json);
    let node = match way {
        Way::State(directory) => by_state(&directory, timeout).await?,
        Way::By(directory, to) => {
            by_addresses(|| visitor_of(&directory), std::slice::from_ref(&to), timeout).await?
        }
        Way::Server(to) => {
            let to = whereto::server(to, output).await?;
            let node =
                by_addresses(|| Session::builder().open(), std::slice::from_ref(&to), timeout)
                    .await?;
            memory::joined(&to, output);
            node
        }
    };
    Ok(Visitor { node, output, timeout })
}

async fn started(builder: NodeBuilder) -> Result<Node, Trouble> {
    let started = builder.start().await;
    started.map_err(|error| Trouble::start("this visit", &error).nothing_done())
}

/// What the servers of a member's network are called, as far as one of these lets him in.
pub(crate) async fn names_by(
    directory: &Path,
    addresses: &[Address],
    timeout: Duration,
) -> BTreeMap<NodeId, String> {
    let Ok(node) = by_addresses(|| visitor_of(directory), addresses, timeout).await else {
        return BTreeMap::new();
    };
    let all = tokio::time::timeout(timeout, node.network()).await;
    node.shutdown().await;
    let all = all.into_iter().flatten().flatten();
    all.map(|node| (node.id, node.path.to_string())).collect()
}

/// A visit for the owner of this state directory, in whichever kind of network it is.
fn visitor_of(directory: &Path) -> NodeBuilder {
    if holds_member(directory) {
        Session::builder().visitor_of(directory)
    } else {
        Session::builder().open().beside(directory)
    }
}

/// By the first of these addresses that leads in.
async fn by_addresses(
    builder: impl Fn() -> NodeBuilder,
    addresses: &[Address],
    timeout: Duration,
) -> Result<Node, Trouble> {
    let node = started(builder()).await?;
    let mut trouble = Trouble::failed("no address of a server is known").nothing_done();
    for to in addresses {
        trouble = match tokio::time::timeout(timeout, node.connect(to)).await {
            Ok(Ok(_)) => return Ok(node),
            Ok(Err(error)) => Trouble::enter(&error).nothing_done(),
            Err(_) => Trouble::failed(format!("no answer from {to} in time")).nothing_done(),
        };
    }
    node.shutdown().await;
    Err(trouble)
}

/// Through the node that runs with this directory; if none does, to the server it belongs to.
async fn by_state(directory: &Path, timeout: Duration) -> Result<Node, Trouble> {
    let node = started(visitor_of(directory)).await?;
    let error = match tokio::time::timeout(timeout, node.connect_beside()).await {
        Ok(Ok(_)) => return Ok(node),
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };
    node.shutdown().await;
    match error {
        Some(ConnectError::NoServer(_)) => {}
        Some(error) => return Err(Trouble::enter(&error).nothing_done()),
        None => {
            let text = "the node that runs with it gives no answer in time";
            return Err(Trouble::failed(text).nothing_done());
        }
    }
    let view = match inspect_state(directory) {
        Ok(view) => view,
        Err(StateError::InUse { holder, .. }) => {
            let text = format!("{holder} runs with it, and has no way into the network now");
            return Err(Trouble::failed(text).nothing_done());
        }
        Err(error) => return Err(Trouble::state(&error)),
    };
    if view.addresses.is_empty() {
        let text = format!("no node runs with {}, and it remembers no server", directory.display());
        return Err(Trouble::failed(text).nothing_done().hint("start it, or give --to"));
    }
    by_addresses(|| visitor_of(directory), &view.addresses, timeout).await
}

impl Visitor {
    /// The longest wait for one answer.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Waits for the end of something, no longer than was said.
    pub(crate) async fn within<T>(
        &self,
        talk: impl Future<Output = Result<T, TalkError>>,
    ) -> Result<T, TalkError> {
        let late = || TalkError::Unknown(format!("no answer in {} s", self.timeout.as_secs_f64()));
        tokio::time::timeout(self.timeout, talk).await.unwrap_or_else(|_| Err(late()))
    }

    /// Runs a command. A dangerous one shows first what will happen to whom.
    pub(crate) async fn order(&self, order: &Order, asking: Asking) -> Result<Value, Trouble> {
        let trouble = |error| Trouble::talk(&order.shown, &order.command, &error);
        let call = self.node.call(order.target.clone(), &order.command, order.arguments.clone());
        let confirmation = match self.within(call).await.map_err(trouble)? {
            CallReply::Done(value) => return Ok(value),
            CallReply::Confirm(confirmation) => confirmation,
        };
        self.output.remark(&confirmation.text);
        self.output.remark(&self.name_all(&confirmation.targets).await);
        consent(self.output, asking)?;
        self.commit(order, &confirmation).await.map_err(trouble)
    }

    async fn commit(&self, order: &Order, confirmation: &Confirmation) -> Result<Value, TalkError> {
        let arguments = order.arguments.clone();
        let target = order.target.clone();
        let begun = self.node.confirm_in_parts(target, &order.command, arguments, confirmation);
        let mut answering = begun.await?;
        let mut progress = Progress::default();
        // Whoever tells how far it is does not have to be done in time.
        while let Some(part) = self.within(async { Ok(answering.next().await) }).await? {
            progress.lines(&part).iter().for_each(|line| self.output.remark(line));
        }
        answering.end().await
    }

    /// Every target by path and id, which is certain. Of few, the main server confirms the path; by
    /// id alone where it does not. Of many, the path is what the list of the network says.
    async fn name_all(&self, targets: &[NodeId]) -> String {
        let mut paths = BTreeMap::new();
        if targets.len() > LOOKED_UP_MAX {
            let all = self.within(self.node.network()).await.unwrap_or_default();
            paths.extend(all.into_iter().map(|node| (node.id, node.path)));
        } else {
            for id in targets {
                let found = self.within(self.node.locate_confirmed(*id)).await;
                paths.extend(found.map(|found| (*id, found.path)));
            }
        }
        let name = |id: &NodeId| match paths.get(id) {
            Some(path) => format!("  {path} (id:{}…)", id.short()),
            None => format!("  {id}"),
        };
        targets.iter().map(name).collect::<Vec<_>>().join("\n")
    }
}

/// Does the person who typed it want it done?
pub(crate) fn consent(output: Output, asking: Asking) -> Result<(), Trouble> {
    if asking == Asking::Skipped {
        return Ok(());
    }
    match output.ask("Do it?") {
        Some(true) => Ok(()),
        Some(false) => Err(Trouble::usage("not confirmed, so nothing was done")),
        None => Err(Trouble::usage("nobody is here to confirm it, so nothing was done")
            .hint("add --yes to do it without being asked")),
    }
}

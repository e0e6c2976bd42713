//! Several nodes in one process: what `ltn demo` and `ltn up` hold in their hands.

use std::time::Duration;

use ltn::{CallReply, Node, RollCallEntry, RollCallOutcome, TalkError, Target};

use crate::commands::roll_call;

/// Running nodes, each behind its parent; the first is the main server.
#[derive(Debug, Default)]
pub(crate) struct Fleet(Vec<Member>);

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) node: Node,
}

/// A node that was told to stop gets this long to do so.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A roll call waits for silent servers up to a minute; whatever takes longer never ends.
const ROLL_CALL_TIMEOUT: Duration = Duration::from_secs(70);

/// The command that stops the whole network.
pub(crate) const SHUTDOWN_NETWORK: &str = "s.shutdownnetwork";

impl Fleet {
    /// One more; its parent is among the earlier ones.
    pub(crate) fn add(&mut self, name: &str, node: Node) {
        self.0.push(Member { name: name.to_owned(), node });
    }

    /// All of them, each behind its parent.
    pub(crate) fn members(&self) -> &[Member] {
        &self.0
    }

    /// The one of this name.
    pub(crate) fn node(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|member| member.name == name).map(|member| &member.node)
    }

    /// The main server.
    pub(crate) fn main(&self) -> Option<&Node> {
        self.0.first().map(|member| &member.node)
    }

    /// Stops everything, the lowest layers first. If the main server can still lead it, the roll
    /// call says how each node ended; whoever is left after it is stopped one by one.
    pub(crate) async fn stop(&self) -> Option<Vec<RollCallEntry>> {
        let report = match self.main() {
            Some(main) => {
                let roll = tokio::time::timeout(ROLL_CALL_TIMEOUT, call_the_roll(main)).await;
                roll.ok().and_then(Result::ok).flatten()
            }
            None => None,
        };
        for member in self.0.iter().rev() {
            tracing::debug!(name = member.name, "stopping");
            // One that does not stop must not keep the others up; the process ends soon anyway.
            drop(tokio::time::timeout(STOP_TIMEOUT, member.node.shutdown()).await);
        }
        report
    }
}

impl Fleet {
    /// Stops these nodes and nobody else, the lowest layers first. Each says that it may come back:
    /// whoever joined from elsewhere goes on, and looks for it. Tells what became of each.
    pub(crate) async fn go_away(&self) -> Vec<RollCallEntry> {
        let mut running = Vec::new();
        for Member { node, .. } in &self.0 {
            // One that has stopped already is told of no more.
            running.extend(node.snapshot().await.ok().map(|seen| (seen.path, node)));
        }
        running.sort_by_key(|(path, _)| std::cmp::Reverse(path.layer()));
        let mut entries = Vec::new();
        for (path, node) in running {
            tracing::debug!(%path, "going away");
            let gone = tokio::time::timeout(STOP_TIMEOUT, node.go_away()).await.is_ok();
            let (outcome, detail) = match gone {
                true => (RollCallOutcome::Stopped, String::new()),
                false => (RollCallOutcome::Unknown, "it did not end in time".to_owned()),
            };
            let (id, is_server) = (node.id(), node.role().is_server());
            entries.push(RollCallEntry { id, path, is_server, outcome, detail });
        }
        entries
    }
}

/// The main server stops its network; both words of the confirmation are said here, because the
/// person who owns all of it has asked.
async fn call_the_roll(main: &Node) -> Result<Option<Vec<RollCallEntry>>, TalkError> {
    let value = match main.call(Target::Root, SHUTDOWN_NETWORK, Vec::new()).await? {
        CallReply::Done(value) => value,
        CallReply::Confirm(word) => {
            main.confirm(Target::Root, SHUTDOWN_NETWORK, Vec::new(), &word).await?
        }
    };
    Ok(roll_call::of_value(&value))
}

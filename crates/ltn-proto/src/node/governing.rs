//! What is said about the people of a server: what they are called, and who is meant.

use super::NodeState;
use super::renaming::NamedBy;
use super::running::Run;
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::{Refusal, RefusalKind};
use crate::path::Target;
use crate::permissions::Permission;

impl NodeState {
    /// `s.changename`: the caller's own name, or another's for who may do that.
    pub(super) fn change_name(&mut self, now: Moment, run: &Run) {
        match self.check_change_name(run) {
            Ok(node) if node == self.config.id => {
                self.rename_self(now, &run.raw_text(0), NamedBy::Command(run.inbound));
            }
            Ok(node) => {
                let before = self.call(node);
                match self.name_child(node, &run.raw_text(0), (now, 0)) {
                    Ok(name) => self.reply_text(now, run, format!("{before} is called {name} now")),
                    Err(Refusal { kind, text }) => self.refuse(now, run, kind, &text),
                }
            }
            Err(Refusal { kind, text }) => self.refuse(now, run, kind, &text),
        }
    }

    /// Whose name it is about, if it is the caller's to change.
    fn check_change_name(&self, run: &Run) -> Result<NodeId, Refusal> {
        let node = match run.arguments.get(1) {
            None => run.actor,
            Some(_) => self.find_person(&run.raw_text(1))?,
        };
        if node != run.actor && !self.holds(run.actor, &Permission::admin()) {
            let text = format!("another's name is changed by an admin of {} only", self.name);
            return Err(Refusal::new(RefusalKind::NoPermission, text));
        }
        if node != self.config.id && self.links.child(node).is_none() {
            return Err(self.not_joined_here(node));
        }
        Ok(node)
    }

    /// The refusal to do something to a node that is no neighbour below this one.
    pub(super) fn not_joined_here(&self, node: NodeId) -> Refusal {
        let (who, me) = (self.where_is(node), &self.name);
        let text = match self.tree.get(node) {
            Some(record) if record.stale_since.is_some() => format!("{who} is out of reach"),
            Some(record) => {
                let server = self.where_is(record.parent);
                format!("{who} is not joined to {me} itself; say it to its server, {server}")
            }
            None => format!("{who} is not joined to {me}; say it to its server"),
        };
        Refusal::new(RefusalKind::NotPossible, text)
    }

    /// The node that is meant by a name, a path or an id. Of several with one name none is.
    pub(super) fn find_person(&self, text: &str) -> Result<NodeId, Refusal> {
        let bad = |text: String| Refusal::new(RefusalKind::BadTarget, text);
        let target: Target = text.parse().map_err(|error| bad(format!("{error}")))?;
        let found = match &target {
            Target::Id(id) => Some(*id),
            Target::Name(name) => self.find_name(name)?,
            other => match other.absolute(&self.path()) {
                Some(path) => Some(self.find_path(&path).map_err(bad)?),
                None => None,
            },
        };
        let unknown = || bad(format!("{} knows nobody called `{target}`", self.name));
        found.ok_or_else(unknown)
    }
}

//! Whom the arguments of this node's commands mean: each is what a target is everywhere, a path, a
//! name, an id, or a selector of many. Where nobody is meant, the nearest that there is is told.

use super::NodeState;
use super::running::Run;
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::{Refusal, RefusalKind};
use crate::path::Target;
use crate::selector::{Pattern, Selector};

impl NodeState {
    /// All nodes that the arguments mean, each once.
    pub(super) fn find_people(&self, run: &Run) -> Result<Vec<NodeId>, Refusal> {
        let mut nodes = Vec::new();
        for index in 0..run.arguments.len() {
            for node in self.find_all(&run.raw_text(index), run.actor)? {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        Ok(nodes)
    }

    /// The one node, or all that fit; who says so and this node itself are meant by name only.
    pub(super) fn find_all(&self, text: &str, actor: NodeId) -> Result<Vec<NodeId>, Refusal> {
        let Selector::Many(pattern) = text.parse().map_err(bad)? else {
            return self.find_person(text).map(|node| vec![node]);
        };
        let mut nodes = self.find_fitting(&pattern)?;
        nodes.retain(|node| ![actor, self.config.id].contains(node));
        if nodes.is_empty() {
            return Err(bad(format!("nobody but who says so fits `{pattern}`")));
        }
        Ok(nodes)
    }

    /// The node that is meant by a name, a path or an id. Of several with one name none is.
    pub(super) fn find_person(&self, text: &str) -> Result<NodeId, Refusal> {
        let target: Target = text.parse().map_err(bad)?;
        let found = match &target {
            Target::Id(id) => Some(*id),
            Target::Name(name) => self.find_name(name)?,
            other => match other.absolute(&self.path()) {
                Some(path) => Some(self.find_path(&path).map_err(bad)?),
                None => None,
            },
        };
        found.ok_or_else(|| bad(format!("{} knows nobody called `{target}`", self.name)))
    }

    /// All nodes that fit, each before what is below it; never none.
    fn find_fitting(&self, pattern: &Pattern) -> Result<Vec<NodeId>, Refusal> {
        let here = self.path();
        let Some(pattern) = pattern.absolute(&here) else {
            return Err(bad(format!("{pattern} is above the main server")));
        };
        let prefix = pattern.fixed_prefix();
        if !here.contains(&prefix) {
            return Err(bad(format!("{prefix} is not below {here}; say it to a server above it")));
        }
        self.find_path(&prefix).map_err(bad)?;
        let progress = here.names().iter().fold(pattern.begin(), |p, name| pattern.step(p, name));
        let own_fits = pattern.is_whole(progress) && pattern.fits_role(self.config.role);
        let page = self.tree.page(&pattern, progress, None, usize::MAX);
        let below = page.groups.iter().flat_map(|group| &group.records).map(|record| record.id);
        let nodes: Vec<NodeId> =
            own_fits.then_some(self.config.id).into_iter().chain(below).collect();
        if nodes.is_empty() { Err(bad(self.nobody_fits(&pattern))) } else { Ok(nodes) }
    }

    /// What is said of a pattern that nobody fits, though the place is there.
    pub(super) fn nobody_fits(&self, pattern: &Pattern) -> String {
        let prefix = pattern.fixed_prefix();
        let below = self.find_path(&prefix).map_or(0, |id| self.tree.subtree(id).len() - 1);
        format!(
            "nobody fits `{pattern}`: {prefix} is there, with {below} below it, none of them such"
        )
    }

    /// The servers below this one that are meant. One that is meant by itself has to be in reach;
    /// of many the roll call tells who was not.
    pub(super) fn find_servers(&self, now: Moment, text: &str) -> Result<Vec<NodeId>, Refusal> {
        let Selector::Many(pattern) = text.parse().map_err(bad)? else {
            return self.find_server(now, text).map(|server| vec![server]);
        };
        let mut nodes = self.find_fitting(&pattern)?;
        let is_server = |id: &NodeId| self.tree.get(*id).is_some_and(|r| r.role.is_server());
        nodes.retain(is_server);
        if nodes.is_empty() {
            let me = &self.name;
            return Err(bad(format!("of those who fit `{pattern}` none is a server below {me}")));
        }
        Ok(nodes)
    }

    /// What these nodes are called; those who share their name with another one, where they are.
    pub(super) fn call_all(&self, nodes: &[NodeId]) -> String {
        let names: Vec<String> = nodes.iter().map(|node| self.call(*node)).collect();
        let is_shared = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
        let called = nodes
            .iter()
            .zip(&names)
            .map(|(node, name)| if is_shared(name) { self.where_is(*node) } else { name.clone() });
        called.collect::<Vec<_>>().join(", ")
    }

    /// The live server below this one that is meant.
    pub(super) fn find_server(&self, now: Moment, text: &str) -> Result<NodeId, Refusal> {
        let id = self.find_person(text)?;
        if id == self.config.id {
            let text = format!("that is {} itself; use s.shutdown or s.restart", self.name);
            return Err(bad(text));
        }
        let Some(record) = self.tree.get(id) else {
            return Err(bad(format!("{text} is not below {}", self.name)));
        };
        if !record.role.is_server() {
            return Err(bad(format!("{text} is a client; only servers can be told that")));
        }
        if record.stale_since.is_some() {
            let text = self.out_of_reach_since(now, id);
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        Ok(id)
    }
}

fn bad(why: impl ToString) -> Refusal {
    Refusal::new(RefusalKind::BadTarget, why.to_string())
}

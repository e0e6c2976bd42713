//! What the network offers to somebody who types: its nodes and their commands, asked of the
//! network itself and believed for a moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ltn::{CommandSpec, IntoTarget, Node, Target};
use tokio::runtime::Handle;

use super::completing::Place;

/// So long an answer is believed, and so long nobody is asked again.
const BELIEVED: Duration = Duration::from_secs(3);
/// Somebody waits with a finger on a key.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many targets are remembered with their commands.
const TARGETS_MAX: usize = 64;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    node: Node,
    runtime: Handle,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    places: Answer<Place>,
    commands: BTreeMap<String, Answer<CommandSpec>>,
}

/// The last answer, when it was asked for, and when it came: a question under way is no answer.
#[derive(Debug)]
struct Answer<T> {
    asked: Option<Instant>,
    came: Option<Instant>,
    things: Vec<T>,
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self { asked: None, came: None, things: Vec::new() }
    }
}

impl<T> Answer<T> {
    fn is_fresh(&self) -> bool {
        self.came.is_some_and(|came| came.elapsed() < BELIEVED)
    }

    fn is_asked_for(&self) -> bool {
        self.asked.is_some_and(|asked| asked.elapsed() < BELIEVED)
    }
}

impl Offered {
    pub(super) fn new(node: Node, runtime: Handle) -> Self {
        Self { node, runtime, known: Arc::default() }
    }

    /// All nodes that can be seen. Waits for the network, not for long; never in a task.
    pub(super) fn places(&self) -> Vec<Place> {
        if !self.known().places.is_fresh() {
            self.wait_for(self.clone().ask_places());
        }
        self.known().places.things.clone()
    }

    /// The commands of a target as it is typed; of one's server without. Waits as above.
    pub(super) fn commands(&self, target: Option<&str>) -> Vec<CommandSpec> {
        let key = target.unwrap_or_default();
        let fresh = self.known().commands.get(key).is_some_and(Answer::is_fresh);
        if !fresh {
            self.note(key);
            self.wait_for(self.clone().ask_commands(key.to_owned()));
        }
        self.known_commands(key)
    }

    /// As [`Self::commands`], but only what is known already; asks for the next time.
    pub(super) fn commands_soon(&self, target: Option<&str>) -> Vec<CommandSpec> {
        let key = target.unwrap_or_default();
        let asked = self.known().commands.get(key).is_some_and(Answer::is_asked_for);
        if !asked {
            self.note(key);
            self.runtime.spawn(self.clone().ask_commands(key.to_owned()));
        }
        self.known_commands(key)
    }

    fn known_commands(&self, key: &str) -> Vec<CommandSpec> {
        self.known().commands.get(key).map_or_else(Vec::new, |answer| answer.things.clone())
    }

    /// Remembers that this target is being asked, so that a hint at each key asks but once.
    fn note(&self, key: &str) {
        let mut known = self.known();
        if known.commands.len() >= TARGETS_MAX && !known.commands.contains_key(key) {
            known.commands.clear();
        }
        known.commands.entry(key.to_owned()).or_default().asked = Some(Instant::now());
    }

    fn wait_for(&self, asking: impl Future<Output = ()>) {
        // What is not known in time is not completed.
        drop(self.runtime.block_on(async { tokio::time::timeout(PATIENCE, asking).await }));
    }

    async fn ask_commands(self, key: String) {
        let target = match key.as_str() {
            "" => Target::Parent,
            typed => match typed.into_target() {
                Ok(target) => target,
                Err(_) => return,
            },
        };
        if let Ok(things) = self.node.commands_of(target).await
            && let Some(answer) = self.known().commands.get_mut(&key)
        {
            answer.things = things;
            answer.came = Some(Instant::now());
        }
    }

    async fn ask_places(self) {
        let nodes = match self.node.network().await {
            Ok(nodes) => nodes,
            Err(_) => self.node.subtree_of(Target::Parent).await.unwrap_or_default(),
        };
        let place = |node: &ltn::TreeNode| Place {
            path: node.path.to_string(),
            name: node.name.to_string(),
        };
        let things = nodes.iter().map(place).collect();
        self.known().places = Answer { came: Some(Instant::now()), things, ..Answer::default() };
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

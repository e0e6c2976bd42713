//! One state of the model: what every server believes, the root's real book, and everything that is
//! on its way.
//!
//! Servers are numbers; 0 is the root. A link is known by its child and the number of the child's
//! attempt. This room changes nothing by itself: `steps.rs` says what can happen next.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ltn_proto::sim::{Book, Mutant};
use ltn_proto::{Moment, NodeId, limits};

/// Servers in the model.
pub(crate) const NODES: usize = 6;
/// A server.
pub(crate) type Node = u8;
/// The main server.
pub(crate) const ROOT: Node = 0;
/// Nobody tries more often than this; a search without end would have states without end.
pub(crate) const ATTEMPTS_MAX: u8 = 4;

/// The id of a server.
pub(crate) fn id(node: Node) -> NodeId {
    NodeId::from_bytes([node + 1; 32])
}

/// The server with this id.
pub(crate) fn node(id: NodeId) -> usize {
    usize::from(id.as_bytes()[0] - 1)
}

/// What one server knows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Mind {
    /// The attempt that became its uplink.
    pub(crate) uplink: Option<u8>,
    /// Where it comes back to after a loss.
    pub(crate) home: Option<Node>,
    pub(crate) attempts: u8,
    pub(crate) edition: u8,
    /// The run of the root that it saw last.
    pub(crate) seen: u8,
}

/// The child's side of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Below {
    /// It introduced itself and waits for a welcome.
    Trying,
    /// It was welcomed: this is its uplink.
    Uplink,
    /// It does not use the link any more.
    Gone,
}

/// The parent's side of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Above {
    /// It waits for the introduction.
    Fresh,
    /// It has asked the root.
    Asking,
    /// The link is gone, but its question to the root is still open.
    Orphaned,
    /// It let the child in and waits for the registration.
    Granted,
    /// The child is registered.
    Child,
    /// It does not use the link any more.
    Gone,
}

/// What the map says of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Known {
    pub(crate) parent: Node,
    pub(crate) edition: u8,
    pub(crate) stale: bool,
}

/// What a child says to a parent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Up {
    Hello {
        current: Option<Node>,
        seen: u8,
    },
    Register,
    /// The child's end is gone: it moved away, or the link broke.
    Closed {
        moved: bool,
    },
}

/// What a parent says to a child.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Down {
    Welcome,
    Closed,
}

/// A connection between a child and a parent, with what is on its way on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) child: Node,
    pub(crate) attempt: u8,
    pub(crate) parent: Node,
    pub(crate) below: Below,
    pub(crate) above: Above,
    /// The wish that it is for; the others are returns.
    pub(crate) wish: Option<usize>,
    /// The edition of the child's place, once it was welcomed.
    pub(crate) edition: u8,
    pub(crate) up: Vec<Up>,
    pub(crate) down: Vec<Down>,
}

impl Link {
    /// The child says something, if anybody listens.
    pub(crate) fn say_up(&mut self, what: Up) {
        if !matches!(self.above, Above::Gone | Above::Orphaned) {
            self.up.push(what);
        }
    }

    /// The parent says something, if anybody listens.
    pub(crate) fn say_down(&mut self, what: Down) {
        if self.below != Below::Gone {
            self.down.push(what);
        }
    }
}

/// What a server tells or asks the root; nothing overtakes on the way from the same server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Note {
    /// May this child hang below me?
    Ask { child: Node, attempt: u8, current: Option<Node>, seen: u8 },
    /// What became of that.
    Done { child: Node, attempt: u8, committed: bool },
    /// This child registered here.
    Put { child: Node, edition: u8 },
    /// This is all that is below me, told to a new parent.
    All { edition: u8, below: Vec<(Node, Known)> },
    /// This child is gone: out of reach, or moved away.
    Lost { child: Node, edition: u8, moved: bool },
}

/// The root's word on its way to a server that asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    pub(crate) to: Node,
    pub(crate) child: Node,
    pub(crate) attempt: u8,
    pub(crate) granted: bool,
}

/// A move that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Wish {
    pub(crate) child: Node,
    pub(crate) to: Node,
    pub(crate) stage: Stage,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Waiting,
    UnderWay,
    Ended,
}

/// What may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Left {
    /// Links that break and waits that run out, at any moment.
    pub(crate) aborts: u8,
    /// Questions and answers that are heard twice, the second time at any later moment.
    pub(crate) duplicates: u8,
    /// Restarts of the root.
    pub(crate) restarts: u8,
}

/// One thing that happened, in two words and two numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step(pub(crate) &'static str, pub(crate) u8, pub(crate) u8);

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.1, self.0, self.2)
    }
}

/// How a state came about, for the person who reads of a broken one; no part of the state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail(Option<Arc<(Step, Self)>>);

impl Trail {
    pub(crate) fn then(&self, step: Step) -> Self {
        Self(Some(Arc::new((step, self.clone()))))
    }

    /// All steps, the first one first.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let (mut steps, mut at) = (Vec::new(), self);
        while let Some(last) = &at.0 {
            steps.push(last.0);
            at = &last.1;
        }
        steps.reverse();
        steps
    }
}

impl PartialEq for Trail {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Trail {}

impl Hash for Trail {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) book: Book,
    pub(crate) run: u8,
    pub(crate) now: Moment,
    pub(crate) map: [Option<Known>; NODES],
    pub(crate) minds: [Mind; NODES],
    pub(crate) links: Vec<Link>,
    pub(crate) notes: [Vec<Note>; NODES],
    pub(crate) words: Vec<Word>,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) left: Left,
    pub(crate) trail: Trail,
}

impl State {
    /// A tree at rest: `parents[n]` is the parent of server n + 1.
    pub(crate) fn at_rest(parents: [Node; NODES - 1], left: Left, mutant: Option<Mutant>) -> Self {
        let mut state = Self {
            book: Book::new(1, Moment::ZERO, mutant),
            run: 1,
            now: Moment::ZERO,
            map: [None; NODES],
            minds: [Mind { seen: 1, ..Mind::default() }; NODES],
            links: Vec::new(),
            notes: Default::default(),
            words: Vec::new(),
            wishes: Vec::new(),
            left,
            trail: Trail::default(),
        };
        for (child, parent) in (1..).zip(parents) {
            state.links.push(Link {
                child,
                attempt: 0,
                parent,
                below: Below::Uplink,
                above: Above::Child,
                wish: None,
                edition: 0,
                up: Vec::new(),
                down: Vec::new(),
            });
            let mind = &mut state.minds[usize::from(child)];
            (mind.uplink, mind.home) = (Some(0), Some(parent));
            state.map[usize::from(child)] = Some(Known { parent, edition: 0, stale: false });
        }
        state
    }

    pub(crate) fn link(&self, child: Node, attempt: u8) -> Option<usize> {
        self.links.iter().position(|link| link.child == child && link.attempt == attempt)
    }

    /// The parent that a server has, where both ends of the link are of that mind.
    pub(crate) fn real_parent(&self, child: Node) -> Option<Node> {
        let attempt = self.minds[usize::from(child)].uplink?;
        let link = &self.links[self.link(child, attempt)?];
        let stands = matches!(link.above, Above::Granted | Above::Child);
        (stands && link.below == Below::Uplink).then_some(link.parent)
    }

    /// All real edges, upwards from this server; ends where they close a cycle.
    pub(crate) fn really_above(&self, from: Node) -> Vec<Node> {
        let mut above = vec![from];
        while let Some(parent) = above.last().and_then(|at| self.real_parent(*at)) {
            if above.contains(&parent) {
                break;
            }
            above.push(parent);
        }
        above
    }

    /// Do the real edges close a cycle?
    pub(crate) fn has_cycle(&self) -> bool {
        (1..NODES as Node).any(|start| {
            let mut at = start;
            for _ in 0..NODES {
                match self.real_parent(at) {
                    Some(parent) if parent == start => return true,
                    Some(parent) => at = parent,
                    None => return false,
                }
            }
            false
        })
    }

    /// Is this server in the root's map, with a way to the root that is not lost?
    pub(crate) fn is_live(&self, node: Node) -> bool {
        let mut at = node;
        for _ in 0..NODES {
            if at == ROOT {
                return true;
            }
            match self.map[usize::from(at)] {
                Some(known) if !known.stale => at = known.parent,
                _ => return false,
            }
        }
        false
    }

    /// Everything below a server in the root's map, itself first.
    pub(crate) fn mapped_below(&self, top: Node) -> Vec<Node> {
        let mut found = vec![top];
        let mut next = 0;
        while let Some(at) = found.get(next).copied() {
            let children = (1..NODES as Node).filter(|child| {
                let known = self.map[usize::from(*child)];
                known.is_some_and(|k| k.parent == at) && !found.contains(child)
            });
            let children: Vec<Node> = children.collect();
            found.extend(children);
            next += 1;
        }
        found
    }

    /// What a server knows to be below it: its registered children, and theirs.
    pub(crate) fn registered_below(&self, top: Node) -> Vec<(Node, Known)> {
        let mut found: Vec<(Node, Known)> = Vec::new();
        let mut open = vec![top];
        while let Some(at) = open.pop() {
            for link in self.links.iter().filter(|l| l.parent == at && l.above == Above::Child) {
                if link.child != top && !found.iter().any(|(child, _)| *child == link.child) {
                    let (parent, edition) = (link.parent, link.edition);
                    found.push((link.child, Known { parent, edition, stale: false }));
                    open.push(link.child);
                }
            }
        }
        found
    }

    /// After this time no grant of an earlier run is in use.
    pub(crate) fn after_quiet_time() -> Moment {
        Moment::ZERO + limits::QUIET_TIME
    }
}

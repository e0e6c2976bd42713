//! What this node asked of others and has not ended yet. Each entry ends exactly once.
//!
//! This room matches answers with questions and knows their deadlines. It does not know how a
//! question travels, nor who is told of its end.

mod vigil;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::body::Token;
use crate::event::Content;
use crate::expiring::Deadlines;
use crate::frame::{Flags, Kind};
use crate::id::{InboundId, LinkId, NodeId, OpId};
use crate::limits::ANSWER_PARTS_BYTES_MAX;
use crate::moment::Moment;
use crate::path::{NodePath, Target};
use crate::value::Value;

pub(crate) use vigil::Vigil;

/// Who is told how it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// The program on this node.
    Local(OpId),
    /// The same, which wants to know by the main server's signed word who is there.
    Confirmed(OpId),
    /// Nobody: these casts wait for the target to be found.
    Casts(Vec<Content>),
    /// The mind itself, for a server that waits at this link to be let in.
    Edge { link: LinkId, child: NodeId, attempt: u64, nonce: u64 },
    /// The mind itself, to answer this question of a node that wants to come here: the root was
    /// asked whether it might, and if so this is the answer.
    Rehearsal { inbound: InboundId, nonce: u64, answer: Value },
    /// The mind itself, which was told to move this node and asked the new parent first.
    Move(Box<MoveWish>),
    /// The mind itself, to answer this question of somebody else's with what comes back.
    Relay(InboundId),
    /// The mind itself, to answer this question with the time it took.
    Stopwatch(InboundId),
    /// The mind itself, for a roll call: this is one of many.
    Gathered { op: OpId, id: NodeId, path: NodePath },
    /// The mind itself, for a roll call: who is meant?
    Named(OpId),
    /// The mind itself, for a roll call or list: the next page.
    Page(OpId),
    /// The mind itself: is this node still there, of which an answer is awaited?
    Check(NodeId),
    /// The mind itself: where a node is, by the main server's signed word.
    Whereabouts(Wanted),
}

/// What the main server's word on a place is wanted for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// To know whose scope this node is in.
    Own,
    /// To sign this command over the nonce, about targets of that fingerprint.
    Target { request: u64, nonce: Token, targets: [u8; 32] },
    /// To answer this question, who is there.
    Place(u64),
    /// To say what would come of a move, to the new parent that answered so.
    Offer { wish: Box<MoveWish>, offer: Value },
}

/// A move of this node that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MoveWish {
    pub(crate) inbound: InboundId,
    pub(crate) actor: NodeId,
    /// The arguments of the command, which its confirmation is bound to.
    pub(crate) arguments: Vec<Value>,
    /// The new parent, as it was typed.
    pub(crate) under: Target,
    pub(crate) step: MoveStep,
    /// Move back by oneself if the new parent is lost within this time.
    pub(crate) return_after: Option<Duration>,
}

/// What is to come of asking the new parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MoveStep {
    /// Only to know what would happen.
    Rehearse,
    /// To say what will happen, and want a second word.
    Prepare,
    /// To do it, if the new parent is still this node.
    Commit(NodeId),
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    /// The target is being looked for.
    Resolving,
    /// It was passed on to this node.
    Sent(NodeId),
}

/// What is to be said once the target is known. `None` asks only where it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    pub(crate) kind: Kind,
    pub(crate) flags: Flags,
    pub(crate) payload: Bytes,
}

/// One open question.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) origin: Origin,
    pub(crate) target: Target,
    pub(crate) question: Option<Question>,
    pub(crate) stage: Stage,
    /// The link it left by.
    pub(crate) link: Option<LinkId>,
    pub(crate) asked: Moment,
    pub(crate) deadline: Moment,
    /// Was the target found in what was known, not asked for?
    pub(crate) from_memory: bool,
    /// Where the target was found to be.
    pub(crate) path: Option<NodePath>,
    /// Of a command in a network with members: what was said, for its answer is signed.
    pub(crate) called: Option<Called>,
}

/// A command as it was passed on to another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Called {
    /// The fingerprint of its bytes.
    pub(crate) question: [u8; 32],
    /// Did this node sign it? Then it may have been done, whatever others say.
    pub(crate) proven: bool,
}

/// All open questions of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    open: BTreeMap<u64, Open>,
    deadlines: Deadlines<u64>,
    /// Casts wait for their target here; one search serves them all.
    searches: BTreeMap<String, u64>,
    /// How many bytes of their answers came in parts.
    parts: BTreeMap<u64, usize>,
    /// Whose answers are awaited from above.
    pub(crate) vigil: Vigil,
}

impl Requests {
    pub(crate) fn open(&mut self, id: u64, open: Open) {
        self.deadlines.set(id, open.deadline);
        if matches!(open.origin, Origin::Casts(_)) {
            self.searches.insert(open.target.to_string(), id);
        }
        self.open.insert(id, open);
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Open> {
        self.open.get_mut(&id)
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Open> {
        self.open.get(&id)
    }

    /// It goes on under another number.
    pub(crate) fn renumber(&mut self, from: u64, to: u64) {
        if let Some(open) = self.close(from) {
            self.open(to, open);
        }
    }

    /// Ends it.
    pub(crate) fn close(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        self.deadlines.cancel(id);
        self.parts.remove(&id);
        if matches!(open.origin, Origin::Casts(_)) {
            self.searches.remove(&open.target.to_string());
        }
        Some(open)
    }

    /// A part of its answer came. Has it said less than an answer may, so far?
    pub(crate) fn takes_part(&mut self, id: u64, bytes: usize) -> bool {
        let sum = self.parts.entry(id).or_default();
        // Also an empty part costs the one who keeps it something.
        *sum = sum.saturating_add(bytes.max(64));
        *sum <= ANSWER_PARTS_BYTES_MAX
    }

    /// The search that casts to this target wait for.
    pub(crate) fn search_for(&mut self, target: &Target) -> Option<&mut Open> {
        if self.searches.is_empty() {
            return None;
        }
        let id = self.searches.get(&target.to_string())?;
        self.open.get_mut(id)
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.next()
    }

    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<u64> {
        self.deadlines.pop_due(now)
    }

    /// Those that were passed on to this node by this link.
    pub(crate) fn sent_to(&self, node: NodeId, link: LinkId) -> Vec<u64> {
        let sent = |open: &Open| open.stage == Stage::Sent(node) && open.link == Some(link);
        self.open.iter().filter(|(_, open)| sent(open)).map(|(id, _)| *id).collect()
    }

    /// Those that left by this link.
    pub(crate) fn by_link(&self, link: LinkId) -> Vec<u64> {
        let left = |(id, open): (&u64, &Open)| (open.link == Some(link)).then_some(*id);
        self.open.iter().filter_map(left).collect()
    }

    /// The way up leads over another link now.
    pub(crate) fn relink(&mut self, from: LinkId, to: LinkId) {
        for open in self.open.values_mut().filter(|open| open.link == Some(from)) {
            open.link = Some(to);
        }
    }

    /// The questions to the main server where this node is.
    pub(crate) fn about_own_place(&self) -> Vec<u64> {
        let is_it = |open: &Open| matches!(open.origin, Origin::Whereabouts(Wanted::Own));
        self.open.iter().filter(|(_, open)| is_it(open)).map(|(id, _)| *id).collect()
    }

    /// What was passed on to this node and is not answered yet.
    pub(crate) fn open_at(&self, node: NodeId) -> impl Iterator<Item = &Question> {
        let at_node = move |open: &&Open| open.stage == Stage::Sent(node);
        self.open.values().filter(at_node).filter_map(|open| open.question.as_ref())
    }

    pub(crate) fn ids(&self) -> Vec<u64> {
        self.open.keys().copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

//! The links of one node and how far each has come: the registration as states that accept only
//! what is expected.
//!
//! This room keeps what is known of each link and when it was last heard. It sends nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::address::Address;
use crate::body::{Hello, Register, Welcome};
use crate::frame::{Frame, Kind};
use crate::id::{DialId, LinkId, NodeId};
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::CloseReason;
use crate::pass::Pass;
use crate::role::Role;
use crate::{body, body::Close};

/// How far a link has come.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    /// From below: the child has to introduce itself.
    ExpectHello(ExpectHello),
    /// From below: an older link of the same node is asked for a sign of life.
    Probing(Admission),
    /// From below: the root is asked whether this server may hang here.
    AwaitingGrant(Admission),
    /// From below: the child was let in and has to take its place.
    ExpectRegister(ExpectRegister),
    /// From below: registered.
    Child,
    /// To above: the server has to let us in.
    ExpectWelcome(ExpectWelcome),
    /// To above: we are registered there.
    Parent,
    /// To a former parent: it was told that we moved, and what it sent before still counts.
    Draining,
    /// Nothing is expected any more.
    Closing,
}

/// A child that introduced itself and is not let in yet.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    pub(crate) hello: Hello,
    /// Of the question to the root whose answer is waited for.
    pub(crate) nonce: u64,
}

/// The first state of a link from below.
#[derive(Debug, Clone)]
pub(crate) struct ExpectHello;

/// The last state before registration of a link from below.
#[derive(Debug, Clone)]
pub(crate) struct ExpectRegister {
    pub(crate) hello: Hello,
    /// Of the question to the root that let it in; 0 for who needs none.
    pub(crate) nonce: u64,
    pub(crate) name: Option<Name>,
    pub(crate) name_reason: Option<String>,
}

/// The only state before registration of a link to above.
#[derive(Debug, Clone)]
pub(crate) struct ExpectWelcome {
    pub(crate) dial: DialId,
}

/// What a server can say to a child that introduced itself.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Welcome(Box<Welcome>),
    Close(Close),
}

/// The peer said something that this state does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misbehaved(pub(crate) String);

fn unexpected(expected: &str, frame: &Frame) -> Misbehaved {
    Misbehaved(format!("kind {:#04x} where {expected} was expected", frame.header.kind.0))
}

impl From<body::BadBody> for Misbehaved {
    fn from(bad: body::BadBody) -> Self {
        Self(bad.to_string())
    }
}

impl ExpectHello {
    pub(crate) fn hello(self, frame: &Frame) -> Result<Hello, Misbehaved> {
        match frame.header.kind {
            Kind::HELLO => Ok(body::read(&frame.payload)?),
            _ => Err(unexpected("an introduction", frame)),
        }
    }
}

impl ExpectRegister {
    pub(crate) fn register(self, frame: &Frame) -> Result<(Self, Register), Misbehaved> {
        match frame.header.kind {
            Kind::REGISTER => Ok((self, body::read(&frame.payload)?)),
            _ => Err(unexpected("a registration", frame)),
        }
    }
}

impl ExpectWelcome {
    pub(crate) fn answer(self, frame: &Frame) -> Result<(Self, Answer), Misbehaved> {
        let answer = match frame.header.kind {
            Kind::WELCOME => Answer::Welcome(Box::new(body::read(&frame.payload)?)),
            Kind::CLOSE => Answer::Close(body::read(&frame.payload)?),
            _ => return Err(unexpected("a welcome", frame)),
        };
        Ok((self, answer))
    }
}

/// What is known of one link.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) peer: NodeId,
    /// Where the other end speaks from.
    pub(crate) remote: Address,
    /// When the connection stood.
    pub(crate) opened: Moment,
    pub(crate) phase: Phase,
    /// When the last frame came in.
    pub(crate) heard: Moment,
    /// When this state must be over, for links that are not registered.
    pub(crate) due: Option<Moment>,
    /// After a sleep: when it must have been heard again.
    pub(crate) recheck: Option<Moment>,
    /// What the other end said when it closed, or we did.
    pub(crate) said: Option<(CloseReason, String)>,
    /// Why the other end closes, by its own word.
    pub(crate) last_word: Option<CloseReason>,
    /// Is its queue too full to wait for?
    pub(crate) stalled: bool,
    /// Which run of the child this is.
    pub(crate) incarnation: u64,
    /// What its certificate says that it was invited to be.
    pub(crate) invited_as: Option<Role>,
    /// Whose visit it is, as it showed.
    pub(crate) pass: Option<Pass>,
    /// When the ping left whose pong has not come.
    pub(crate) pinged: Option<Moment>,
    /// How long the last ping took, and when its pong came.
    pub(crate) round_trip: Option<(Duration, Moment)>,
}

/// When a link was opened and when it must have registered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) now: Moment,
    pub(crate) due: Moment,
}

/// All links of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    links: BTreeMap<LinkId, Link>,
    children: BTreeMap<NodeId, LinkId>,
    pending: usize,
}

impl Links {
    /// A link stands; it has until `due` to register.
    pub(crate) fn open(
        &mut self,
        id: LinkId,
        (peer, remote): (NodeId, Address),
        phase: Phase,
        times: Times,
    ) {
        let link = Link {
            peer,
            remote,
            opened: times.now,
            phase,
            heard: times.now,
            due: Some(times.due),
            recheck: None,
            said: None,
            last_word: None,
            stalled: false,
            incarnation: 0,
            invited_as: None,
            pass: None,
            pinged: None,
            round_trip: None,
        };
        self.pending += 1;
        self.links.insert(id, link);
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    /// Takes the state out, to be replaced by the one that follows.
    pub(crate) fn take_phase(&mut self, id: LinkId) -> Option<Phase> {
        let link = self.links.get_mut(&id)?;
        Some(std::mem::replace(&mut link.phase, Phase::Closing))
    }

    pub(crate) fn set_phase(&mut self, id: LinkId, phase: Phase) {
        if let Some(link) = self.links.get_mut(&id) {
            link.phase = phase;
        }
    }

    /// The child on this link is registered.
    pub(crate) fn register_child(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.phase = Phase::Child;
            self.children.insert(link.peer, id);
            if link.due.take().is_some() {
                self.pending -= 1;
            }
        }
    }

    /// The server on this link is our parent.
    pub(crate) fn register_parent(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.phase = Phase::Parent;
            if link.due.take().is_some() {
                self.pending -= 1;
            }
        }
    }

    /// The parent was left for another one; until `due` what it still sends is taken.
    pub(crate) fn drain(&mut self, id: LinkId, said: (CloseReason, String), due: Moment) {
        if let Some(link) = self.links.get_mut(&id) {
            link.phase = Phase::Draining;
            link.said = Some(said);
            link.due = Some(due);
            self.pending += 1;
        }
    }

    /// The link is gone.
    pub(crate) fn close(&mut self, id: LinkId) {
        self.retire(id);
        self.links.remove(&id);
    }

    /// No frame of this link counts any more; it is about to be closed.
    pub(crate) fn retire(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.due.take().is_some() {
            self.pending -= 1;
        }
        link.phase = Phase::Closing;
        if self.children.get(&link.peer) == Some(&id) {
            self.children.remove(&link.peer);
        }
    }

    /// Is it the link of a former parent?
    pub(crate) fn is_draining(&self, id: LinkId) -> bool {
        self.links.get(&id).is_some_and(|link| matches!(link.phase, Phase::Draining))
    }

    /// The link of a registered child.
    pub(crate) fn child(&self, id: NodeId) -> Option<LinkId> {
        self.children.get(&id).copied()
    }

    /// All registered children and their links.
    pub(crate) fn children(&self) -> impl Iterator<Item = (NodeId, LinkId)> {
        self.children.iter().map(|(id, link)| (*id, *link))
    }

    /// All links.
    /// Those that are registered, up and down.
    pub(crate) fn registered(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.iter().filter(|(_, link)| link.is_registered())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.links.iter().map(|(id, link)| (*id, link))
    }

    /// Links that are not registered (and not about to be closed).
    pub(crate) const fn pending(&self) -> usize {
        self.pending
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }
}

impl Link {
    /// May a routed frame come in, or go out?
    pub(crate) const fn is_registered(&self) -> bool {
        matches!(self.phase, Phase::Child | Phase::Parent)
    }
}

//! What is said on a link: a small fixed header and an opaque payload.
//!
//! A server in between reads the header, never the payload, and passes on kinds that it does not
//! know. The bytes of both are in `codec.rs`, the meaning of each payload in `body.rs`, and all of
//! it is told to other implementers in `docs/protocol.md`.

use bytes::Bytes;

use crate::id::NodeId;
use crate::limits::HOPS_MAX;

/// The version of the wire. Another major version is refused in the first message.
pub const PROTOCOL_VERSION: u16 = 1;

/// What a frame says. Kinds below [`Kind::FIRST_ROUTED`] concern the two ends of one link, all
/// others are passed on by their destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// A child introduces itself.
    pub const HELLO: Self = Self(0x01);
    /// A parent lets the child in: name, place, metadata.
    pub const WELCOME: Self = Self(0x02);
    /// The child takes the place: from here on it is registered.
    pub const REGISTER: Self = Self(0x03);
    /// Why the link is about to be closed.
    pub const CLOSE: Self = Self(0x04);
    /// Are you there?
    pub const PING: Self = Self(0x05);
    /// I am here.
    pub const PONG: Self = Self(0x06);
    /// From the parent: where you are in the tree now.
    pub const PLACE: Self = Self(0x07);
    /// From a child: what changed in its subtree.
    pub const TREE: Self = Self(0x08);
    /// From the parent: one-use tickets for data connections.
    pub const TICKET: Self = Self(0x09);
    /// From either end: what I tell of myself has changed, ask me for it.
    pub const NEWS: Self = Self(0x0a);
    /// From a child: the name that it wants. From the parent: the name that it has, or why not.
    pub const RENAME: Self = Self(0x0b);
    /// From either end: the charter of the network, if the other one's is older.
    pub const CHARTER: Self = Self(0x0f);
    /// From a child: what it says of its place, signed, after its name there changed.
    pub const STATEMENT: Self = Self(0x0c);

    /// The first kind that is passed on.
    pub const FIRST_ROUTED: Self = Self(0x40);
    /// Who is at this path, or has this name?
    pub const RESOLVE: Self = Self(0x40);
    /// The answer to [`Kind::RESOLVE`].
    pub const RESOLVED: Self = Self(0x41);
    /// A message that the target's application acknowledges.
    pub const SEND: Self = Self(0x42);
    /// A message that nobody answers.
    pub const CAST: Self = Self(0x43);
    /// A question to a requestable.
    pub const REQUEST: Self = Self(0x44);
    /// A command.
    pub const CALL: Self = Self(0x45);
    /// The answer to a send, request or call.
    pub const REPLY: Self = Self(0x46);
    /// Certainly not done, by the target's word.
    pub const REFUSED: Self = Self(0x47);
    /// Certainly not done: it never reached its target.
    pub const NO_ROUTE: Self = Self(0x48);
    /// To the root: may this server hang below that one?
    pub const EDGE_ASK: Self = Self(0x49);
    /// The root's answer to [`Kind::EDGE_ASK`].
    pub const EDGE_ANSWER: Self = Self(0x4a);
    /// To the root: the new edge is taken, or will never be.
    pub const EDGE_DONE: Self = Self(0x4b);
    /// An order to stop or restart, to one server or to a subtree.
    pub const ORDER: Self = Self(0x4c);
    /// How an order went so far.
    pub const ORDER_REPORT: Self = Self(0x4d);
    /// The report has been noted: go.
    pub const ORDER_NOTED: Self = Self(0x4e);
    /// A part of a streamed answer; the reply follows.
    pub const PART: Self = Self(0x4f);
    /// Who fits this pattern? Answered page by page by the first server upwards that holds all.
    pub const SELECT: Self = Self(0x50);
    /// A page of the answer to [`Kind::SELECT`].
    pub const SELECTED: Self = Self(0x51);
    /// Tell me of those who come, go and move here, from now on.
    pub const WATCH: Self = Self(0x52);
    /// The confirmation of [`Kind::WATCH`].
    pub const WATCHING: Self = Self(0x53);
    /// News for those who watch.
    pub const PRESENCE: Self = Self(0x54);

    /// Would you take me below you, and where would that be?
    pub const TAKE_ASK: Self = Self(0x58);

    /// To who gave an order: do you still want it?
    pub const ORDER_CHECK: Self = Self(0x59);
    /// The answer to [`Kind::ORDER_CHECK`]: yes, do it.
    pub const ORDER_GO: Self = Self(0x5a);

    /// To who called: the command needs your signature, over this nonce.
    pub const CHALLENGE: Self = Self(0x60);
    /// The answer to a command, signed by who was called.
    pub const SEALED: Self = Self(0x61);
    /// To the main server: where is this node?
    pub const WHERE: Self = Self(0x62);
    /// The answer to [`Kind::WHERE`], signed by the main server.
    pub const WHEREABOUTS: Self = Self(0x63);
    /// To who gave an order: I go, signed.
    pub const FAREWELL: Self = Self(0x64);
    /// To the main server: a line of the audit log of the sender.
    pub const AUDIT: Self = Self(0x65);

    /// Is it passed on by its destination?
    #[must_use]
    pub const fn is_routed(self) -> bool {
        self.0 >= Self::FIRST_ROUTED.0
    }

    /// Is it something that a node says by its own will, not an answer and not upkeep?
    #[must_use]
    pub const fn is_speech(self) -> bool {
        matches!(self, Self::SEND | Self::CAST | Self::REQUEST | Self::CALL)
    }

    /// Does it ride ahead of all that is queued? Only the upkeep of the link itself does, because
    /// everything else relies on the order in which it was sent.
    #[must_use]
    pub const fn rides_ahead(self) -> bool {
        matches!(self, Self::PING | Self::PONG)
    }
}

/// One bit each of what a frame's header may say beside its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// Somebody waits for an answer: whoever cannot pass it on says so to the source.
    pub const ANSWER_WANTED: Self = Self(0x01);
    /// The payload starts with where it belongs in a larger message.
    pub const FRAGMENT: Self = Self(0x02);
    /// The content is UTF-8 text.
    pub const TEXT: Self = Self(0x04);
    /// The content is a CBOR value.
    pub const VALUE: Self = Self(0x08);
    /// A reply that tells of a failure: the handler ran and did not succeed.
    pub const FAILED: Self = Self(0x10);
    /// A reply that asks for a confirmation.
    pub const CONFIRM: Self = Self(0x20);

    /// A reply that says that nobody can tell whether it was done.
    pub const UNKNOWN: Self = Self(0x40);

    /// Are all of these bits set?
    #[must_use]
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// These bits and those.
    #[must_use]
    pub const fn with(self, bits: Self) -> Self {
        Self(self.0 | bits.0)
    }

    /// These bits without those.
    #[must_use]
    pub const fn without(self, bits: Self) -> Self {
        Self(self.0 & !bits.0)
    }
}

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What it says.
    pub kind: Kind,
    /// How its payload is to be read.
    pub flags: Flags,
    /// How often it may still be passed on.
    pub hops_left: u8,
    /// How long its answer is of use, in milliseconds; 0 where nobody waits.
    pub time_left_ms: u32,
    /// Which request it belongs to, in the numbering of the one who asked.
    pub id: u64,
    /// Who said it.
    pub source: NodeId,
    /// Whom it is for; [`NodeId::NOBODY`] for "the next server upwards that knows".
    pub destination: NodeId,
}

impl Header {
    /// A header with all hops left, no flags, no deadline and no id.
    #[must_use]
    pub const fn new(kind: Kind, source: NodeId, destination: NodeId) -> Self {
        Self {
            kind,
            flags: Flags(0),
            hops_left: HOPS_MAX,
            time_left_ms: 0,
            id: 0,
            source,
            destination,
        }
    }
}

/// One thing said on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The fixed part, which every server on the way reads.
    pub header: Header,
    /// The rest, which only the destination reads.
    pub payload: Bytes,
}

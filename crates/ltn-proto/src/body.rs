//! What the payloads mean: the typed bodies of the frames that nodes say to each other.
//!
//! All of them are CBOR maps with small numbers as keys, so that a later version can add a key and
//! an earlier one skips it. This room reads and writes; it decides nothing.

mod edges;
mod orders;
mod proofs;
mod selecting;
mod watching;
mod words;

pub(crate) use edges::{EdgeAnswer, EdgeAsk, EdgeDone, TakeAsk};
pub(crate) use orders::{Order, OrderCheck, OrderGo};

use bytes::Bytes;
use minicbor::{Decode, Decoder, Encode};

use crate::address::Address;
use crate::charter::{Mark, SignedCharter};
use crate::id::NodeId;
use crate::name::Name;
use crate::outcome::{CloseReason, RefusalKind, RollCallOutcome};
use crate::pass::Pass;
use crate::path::NodePath;
use crate::proof::Proof;
use crate::role::Role;
use crate::statement::Signed;
use crate::value::Value;

pub(crate) use proofs::{Challenge, Sealed, WhereAsk, Words};
pub(crate) use selecting::{Key, Listed, PageMark, Select, Selected, Siblings};
pub(crate) use watching::{News, Presence, Watch, Watching};

/// A payload that is not what its kind promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a payload that cannot be read: {0}")]
pub(crate) struct BadBody(String);

/// The bytes of a body.
pub(crate) fn write<T: Encode<()>>(body: &T) -> Bytes {
    let bytes = minicbor::to_vec(body).expect("writing to memory cannot fail");
    Bytes::from(bytes)
}

/// The body in these bytes.
pub(crate) fn read<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, BadBody> {
    let mut decoder = Decoder::new(bytes);
    let body = decoder.decode().map_err(|error| BadBody(error.to_string()))?;
    if decoder.position() == bytes.len() {
        Ok(body)
    } else {
        Err(BadBody("bytes follow the end".to_owned()))
    }
}

/// A bit of the features in `HELLO`: the child comes back with the same key after a restart.
pub(crate) const KEEPS_KEY: u64 = 1;

/// `HELLO`: a child introduces itself.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Hello {
    /// The version of the wire that the child speaks.
    #[n(0)]
    pub(crate) version: u16,
    /// What it was configured to be.
    #[n(1)]
    pub(crate) role: Role,
    /// The name it wants, unchecked.
    #[n(2)]
    pub(crate) wanted: Option<String>,
    /// A number that no earlier run of the child had.
    #[n(3)]
    pub(crate) incarnation: u64,
    /// Counts the child's attempts to join somebody; grows with each.
    #[n(4)]
    pub(crate) attempt: u64,
    /// Where the child listens, if it does.
    #[n(5)]
    pub(crate) address: Option<Address>,
    /// The child's higher server as it is now, if it has one.
    #[n(6)]
    pub(crate) current_parent: Option<NodeId>,
    /// The incarnation of the root that the child saw last.
    #[n(7)]
    pub(crate) root_incarnation: Option<u64>,
    /// Layers below the child.
    #[n(8)]
    pub(crate) height: u8,
    /// Bits for what the child can do beyond version 1; none yet.
    #[n(9)]
    pub(crate) features: u64,
    /// Which charter of the network the child has.
    #[n(20)]
    pub(crate) charter: Option<Mark>,
    /// Whose visit it is, if it is a member's.
    #[n(21)]
    pub(crate) pass: Option<Pass>,
    /// Of a server: that it wants to hang here, as it signed it.
    #[n(22)]
    pub(crate) intent: Option<Signed>,
}

/// `WELCOME`: the parent lets the child in.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Welcome {
    /// The version of the wire that both will speak.
    #[n(0)]
    pub(crate) version: u16,
    /// The name that the child has here.
    #[n(1)]
    pub(crate) name: Option<Name>,
    /// Why it is not the wanted name.
    #[n(2)]
    pub(crate) name_reason: Option<String>,
    /// Where the child will be.
    #[n(3)]
    pub(crate) place: Place,
    /// What the server tells of itself.
    #[n(4)]
    pub(crate) metadata: Value,
    /// May the child do everything here?
    #[n(5)]
    pub(crate) admin: bool,
    /// Bits for what the parent can do beyond version 1; none yet.
    #[n(6)]
    pub(crate) features: u64,
    /// The newest that the child itself signed of its place, as far as the parent knows: a child
    /// that was set back to an older state goes on from there.
    #[n(7)]
    pub(crate) newest: Option<Signed>,
    /// Which charter of the network the parent has.
    #[n(20)]
    pub(crate) charter: Option<Mark>,
}

/// `REGISTER`: the child takes the place.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Register {
    /// Which of the child's places this is; a higher one is newer.
    #[n(0)]
    pub(crate) edition: u64,
    /// What the child tells of itself.
    #[n(1)]
    pub(crate) metadata: Value,
    /// What it says of its place here.
    #[n(2)]
    pub(crate) signed: Option<Signed>,
}

/// `CLOSE`: why the link is about to end.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Close {
    /// Why, for programs.
    #[n(0)]
    pub(crate) reason: CloseReason,
    /// Why the child was not let in.
    #[n(1)]
    pub(crate) refusal: Option<RefusalKind>,
    /// Why, for people.
    #[n(2)]
    pub(crate) text: String,
}

/// `CHARTER`: who may do what, and who is out, signed by the network's authority.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Chartered {
    /// The charter as it was signed.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(crate) bytes: Vec<u8>,
    /// The signature.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) signature: Vec<u8>,
}

impl Chartered {
    pub(crate) fn of(signed: &SignedCharter) -> Self {
        Self { bytes: signed.bytes.to_vec(), signature: signed.signature.to_vec() }
    }
}

impl TryFrom<Chartered> for SignedCharter {
    type Error = BadBody;

    fn try_from(chartered: Chartered) -> Result<Self, BadBody> {
        let Chartered { bytes, signature } = chartered;
        let signature = signature.try_into();
        let signature = signature.map_err(|_| BadBody("a signature has 64 bytes".to_owned()))?;
        Ok(Self { bytes: bytes.into(), signature })
    }
}

/// One server above a node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Ancestor {
    /// Who.
    #[n(0)]
    pub(crate) id: NodeId,
    /// What it is called; for the top of a tree, what it calls itself.
    #[n(1)]
    pub(crate) name: Name,
    /// Where it listens.
    #[n(2)]
    pub(crate) address: Option<Address>,
}

/// `PLACE`: where a child is in the tree, as its parent says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Place {
    /// All servers above the child, the top first, its parent last.
    #[n(0)]
    pub(crate) ancestors: Vec<Ancestor>,
    /// Is there a way to the root now? (Then the first ancestor is the root.)
    #[n(1)]
    pub(crate) rooted: bool,
    /// The incarnation of the root that was heard of last.
    #[n(2)]
    pub(crate) root_incarnation: Option<u64>,
}

/// One change in a subtree.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Put {
    /// Who.
    #[n(0)]
    pub(crate) id: NodeId,
    /// The node above it.
    #[n(1)]
    pub(crate) parent: NodeId,
    /// What it is called; sessions have no name.
    #[n(2)]
    pub(crate) name: Option<Name>,
    /// What it was configured to be.
    #[n(3)]
    pub(crate) role: Role,
    /// Which of its places this is.
    #[n(4)]
    pub(crate) edition: u64,
    /// Where it listens, if it does.
    #[n(5)]
    pub(crate) address: Option<Address>,
    /// For how long nothing was heard of it, in milliseconds, if its branch is lost.
    #[n(6)]
    pub(crate) stale_ms: Option<u64>,
    /// Is all that was known below it void? What is below it now follows.
    #[n(7)]
    pub(crate) fresh: bool,
    /// What it says itself of all this, as it was signed.
    #[n(8)]
    pub(crate) signed: Option<Signed>,
}

/// `STATEMENT`: what a child says of its place here.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Stated {
    /// As it was signed.
    #[n(0)]
    pub(crate) signed: Signed,
}

/// A node that is gone, or out of reach.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Gone {
    /// Who.
    #[n(0)]
    pub(crate) id: NodeId,
    /// Which of its places ended.
    #[n(1)]
    pub(crate) edition: u64,
    /// For how long, in milliseconds, if it may come back (then it stays listed as stale).
    #[n(2)]
    pub(crate) stale_ms: Option<u64>,
    /// If it said itself, as the last word on its link, that it stops (2) or restarts (3): the
    /// number of that reason.
    #[n(3)]
    pub(crate) last_word: Option<u8>,
}

/// One entry of `TREE`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) enum Change {
    /// A node is here, or changed.
    #[n(0)]
    Put(#[n(0)] Put),
    /// A node is gone, with all below it.
    #[n(1)]
    Gone(#[n(0)] Gone),
}

/// `TREE`: what changed in the child's subtree, in order.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Tree {
    /// The changes.
    #[n(0)]
    pub(crate) changes: Vec<Change>,
}

/// `TICKET`: one-use tickets for the parent's data socket.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Ticket {
    /// The tickets.
    #[n(0)]
    pub(crate) tickets: Vec<Token>,
    /// The port of the data socket, where there is one; else the main port serves.
    #[n(1)]
    pub(crate) port: Option<u16>,
}

/// `RENAME`: from a child, the name that it wants; from the parent, the name that it has.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Rename {
    /// The child's number for its wish; 0 where the parent acts by itself.
    #[n(0)]
    pub(crate) number: u64,
    /// The wanted name, unchecked; or the one that it has from here on.
    #[n(1)]
    pub(crate) name: Option<String>,
    /// From the parent: why it cannot have the name.
    #[n(2)]
    pub(crate) refused: Option<Refused>,
}

/// `RESOLVE`: who is meant?
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) enum Resolve {
    /// The node at this place.
    #[n(0)]
    Path(#[n(0)] NodePath),
    /// The one node of this name.
    #[n(1)]
    Name(#[n(0)] Name),
    /// The node with this id.
    #[n(2)]
    Id(#[n(0)] NodeId),
}

/// `RESOLVED`: this one is.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Resolved {
    /// Who.
    #[n(0)]
    pub(crate) id: NodeId,
    /// Where.
    #[n(1)]
    pub(crate) path: NodePath,
}

/// `REQUEST`: a question.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Request {
    /// Which requestable.
    #[n(0)]
    pub(crate) name: String,
    /// With what.
    #[n(1)]
    pub(crate) argument: Value,
}

/// `CALL`: a command.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Call {
    /// Which command.
    #[n(0)]
    pub(crate) command: String,
    /// With what: a list. As one value, so that one budget of memory holds for all of them.
    #[n(1)]
    pub(crate) arguments: Value,
    /// The token of a confirmation, or the nonce of a challenge.
    #[n(2)]
    pub(crate) token: Option<Token>,
    /// What its issuer signed.
    #[n(3)]
    pub(crate) proof: Option<Proof>,
    /// Whose visit its issuer is, if he is one.
    #[n(4)]
    pub(crate) pass: Option<Pass>,
}

/// `REPLY` with the flag `CONFIRM`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Confirm {
    /// What to send back.
    #[n(0)]
    pub(crate) token: Token,
    /// What will happen.
    #[n(1)]
    pub(crate) text: String,
    /// To whom.
    #[n(2)]
    pub(crate) targets: Vec<NodeId>,
}

/// `REFUSED`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Refused {
    /// Why, for programs.
    #[n(0)]
    pub(crate) kind: RefusalKind,
    /// Why, for people.
    #[n(1)]
    pub(crate) text: String,
}

/// `NO_ROUTE`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct NoRoute {
    /// Where the way ended, by path.
    #[n(0)]
    pub(crate) at: String,
    /// Why, for people.
    #[n(1)]
    pub(crate) text: String,
}

/// One line of an `ORDER_REPORT`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Entry {
    /// Who.
    #[n(0)]
    pub(crate) id: NodeId,
    /// Where.
    #[n(1)]
    pub(crate) path: NodePath,
    /// A server, or a client?
    #[n(2)]
    pub(crate) is_server: bool,
    /// How it ended.
    #[n(3)]
    pub(crate) outcome: RollCallOutcome,
    /// More, for people.
    #[n(4)]
    pub(crate) detail: String,
    /// If it went: its own signed word, between members.
    #[n(5)]
    pub(crate) words: Option<Proof>,
}

/// `ORDER_REPORT`: how it went below; the last one says that the reporter is ready to go.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OrderReport {
    /// Which order.
    #[n(0)]
    pub(crate) order: u64,
    /// What is known.
    #[n(1)]
    pub(crate) entries: Vec<Entry>,
    /// Is this all, and is the reporter ready?
    #[n(2)]
    pub(crate) ready: bool,
    /// Set if the reporter will not do it.
    #[n(3)]
    pub(crate) refused: Option<String>,
}

/// `ORDER_NOTED`: the report has arrived: go.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OrderNoted {
    /// Which order.
    #[n(0)]
    pub(crate) order: u64,
}

/// Sixteen bytes that nobody can guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Token(#[cbor(n(0), with = "minicbor::bytes")] pub(crate) [u8; 16]);

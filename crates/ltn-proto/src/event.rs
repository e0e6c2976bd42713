//! All that goes into the mind and comes out of it: what is not in these enums cannot happen.
//!
//! [`Input`] and [`Output`] are spoken with the shell that owns the sockets, [`Op`] and [`Event`]
//! with the program on this node. The drive contract is told in the crate's documentation.

mod input;
mod many;
mod output;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

pub use input::Input;
pub use many::{Addressee, Gathered, ManyEvent, ManyOp, Presence, Whom, Wording};
pub use output::Output;
pub use words::{
    Answer, CallStep, Content, Crowded, DialError, Direction, Foretold, GivenOrder, KeyNews,
    KeyWish, Parted, ServiceWish,
};

use crate::address::Address;
use crate::admission::Newcomer;
use crate::charter::SignedCharter;
use crate::commands::CommandSpec;
use crate::id::{InboundId, NodeId, OpId};
use crate::name::Name;
use crate::outcome::{CloseReason, Outcome, RollCallEntry};
use crate::path::{NodePath, Target};
use crate::permissions::Permissions;
use crate::registry::Home;
use crate::role::Role;
use crate::value::Value;

/// What the program on this node can ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Join the server at this address; if there is a higher server already, move: the old one is
    /// left only when the new one has taken us. Ends with `Event::Connected` and
    /// `Outcome::Reply(Null)`, or as refused with everything as it was.
    Connect {
        /// Its outcome names it.
        op: OpId,
        /// Where to.
        to: Address,
        /// Go on trying until it works? Else the first failure is the outcome.
        persist: bool,
    },
    /// Leave the higher server and do not come back by oneself.
    Disconnect {
        /// Its outcome names it.
        op: OpId,
    },
    /// A message that is acknowledged.
    Send {
        /// Its outcome names it.
        op: OpId,
        /// To whom.
        to: Target,
        /// What.
        content: Content,
        /// How long to wait for the acknowledgement.
        timeout: Duration,
    },
    /// A message that is not.
    Cast {
        /// To whom. A target that is not known yet is resolved first, and the casts to it wait.
        to: Target,
        /// What.
        content: Content,
    },
    /// A question to a requestable.
    Request {
        /// Its outcome names it.
        op: OpId,
        /// To whom.
        to: Target,
        /// Which requestable.
        name: String,
        /// With what.
        argument: Value,
        /// How long to wait for the reply.
        timeout: Duration,
    },
    /// A command.
    Call {
        /// Its outcome names it.
        op: OpId,
        /// To whom.
        to: Target,
        /// Which command.
        command: String,
        /// With what.
        arguments: Vec<Value>,
        /// The token of a confirmation, if this is the second word.
        token: Option<[u8; 16]>,
        /// How long to wait for the reply.
        timeout: Duration,
    },
    /// Be called so from now on. The parent decides; without one the node itself does. Ends within
    /// ten seconds, and with `Event::Renamed` if it went well.
    Rename {
        /// Its outcome names it.
        op: OpId,
        /// The wanted name, unchecked.
        name: String,
    },
    /// Where is this node? Ends with `Outcome::Reply` of a map with `id` and `path`.
    Locate {
        /// Its outcome names it.
        op: OpId,
        /// Whom to look for.
        target: Target,
        /// Between members: only as the main server signed it.
        confirmed: bool,
        /// How long to wait for the reply.
        timeout: Duration,
    },
    /// Something about many nodes at once.
    Many(ManyOp),
    /// The answer to `Event::Message` (with an inbound id), `Event::Requested` or `Event::Called`.
    Answer {
        /// Which one.
        inbound: InboundId,
        /// The answer.
        answer: Answer,
    },
    /// Offer a requestable from now on.
    OfferRequestable {
        /// Its name.
        name: String,
    },
    /// Offer a command from now on.
    OfferCommand {
        /// Its declaration.
        spec: CommandSpec,
    },
    /// Offer the requestable or command of this name no longer.
    Withdraw {
        /// Its name.
        name: String,
    },
    /// Something about the periodic routines of this node.
    Service {
        /// Its outcome names it.
        op: OpId,
        /// What.
        wish: ServiceWish,
    },
    /// The run that `Event::ServiceDue` asked for is over.
    ServiceEnded {
        /// Of which service.
        name: String,
        /// Which run.
        run: u64,
        /// What it failed with, if it did.
        error: Option<String>,
    },
    /// What the shell has to say about admin keys.
    AdminKey(KeyNews),
    /// These are the data sockets of this node beside `Maindata`, by name and port; what is beyond
    /// [`crate::limits::DATA_SOCKETS_MAX`] is not told to others.
    DataSockets(Vec<(String, u16)>),
    /// A ticket of this child was used for a data connection: it gets another one.
    TicketUsed {
        /// Whose.
        child: NodeId,
    },
    /// The root's book made a new charter: it holds from now on, and goes to everybody.
    Charter {
        /// The charter.
        charter: SignedCharter,
    },
    /// What the root's book says of where servers belong; only of these it knows anything.
    Homes {
        /// Of each server.
        homes: BTreeMap<NodeId, Home>,
    },
    /// Stop this node: tell everybody, close everything. Ends with `Event::Stopped`. Nobody looks
    /// for it afterwards, unless it comes back at once.
    Stop {
        /// Come back at once?
        restart: bool,
    },
    /// As `Stop`, but whoever is joined goes on looking for it: somebody may start it again.
    GoAway,
    /// Another main server with its key is in charge: as `GoAway`, after `Event::Superseded`.
    GiveWay,
    /// The root's part: the authority let this node in. Its program hears of it.
    Admitted(Newcomer),
    /// Look there for another higher server when the own one is lost, in this order; 16 at most.
    BackUp {
        /// Their addresses; they take the place of earlier ones.
        parents: Vec<Address>,
    },
}

/// What the program on this node gets to know.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something that the program asked for has ended.
    Ended {
        /// What.
        op: OpId,
        /// How.
        outcome: Outcome,
    },
    /// Something about many nodes that the program asked for.
    Many(ManyEvent),
    /// A message came in.
    Message {
        /// Present where the sender waits: answer with `Answer::Taken` or `Answer::Refused`.
        inbound: Option<InboundId>,
        /// Who sent it.
        from: NodeId,
        /// The sender's place, where it is known here.
        sender: Option<NodePath>,
        /// What it says.
        content: Content,
    },
    /// Somebody asks a requestable that the program offers. Answer it.
    Requested {
        /// Which one; the answer names it.
        inbound: InboundId,
        /// Who asks.
        from: NodeId,
        /// The requestable.
        name: String,
        /// With what.
        argument: Value,
        /// After this the answer is of no use.
        time_left: Duration,
    },
    /// Somebody calls a command that the program offers; rights and arguments were checked.
    Called {
        /// Which one; the answer names it.
        inbound: InboundId,
        /// Who calls.
        from: NodeId,
        /// The link it came by is the caller's own (else others passed it on).
        direct: bool,
        /// The command.
        command: String,
        /// With what, after checking: as many and of the kinds that the declaration says.
        arguments: Vec<Value>,
        /// After this the answer is of no use.
        time_left: Duration,
        /// How far it has come.
        step: CallStep,
    },
    /// This node has a (new) higher server.
    Connected {
        /// Its id.
        parent: NodeId,
        /// What it calls itself.
        parent_name: Name,
        /// Where it was reached.
        address: Address,
        /// The name that this node has below it.
        name: Option<Name>,
        /// Why it is not the wanted name.
        name_reason: Option<String>,
        /// What the server tells of itself.
        metadata: Value,
        /// May this node do everything there?
        admin: bool,
    },
    /// This node has no higher server any more.
    Disconnected {
        /// Whom it lost.
        parent: NodeId,
        /// What that one called itself.
        parent_name: Name,
        /// Why.
        reason: CloseReason,
        /// What the other end said, may be empty.
        text: String,
        /// Does this node try to come back by itself?
        returning: bool,
    },
    /// The server that this node was moved to was lost so soon that it goes back, as was wished.
    MovingBack {
        /// What the lost server called itself.
        lost: Name,
        /// What the former server called itself.
        to: Name,
        /// Where the former server was reached.
        address: Address,
    },
    /// An attempt to come back, or to join for the first time, came to nothing; the next follows.
    Retrying {
        /// The address.
        address: Address,
        /// Why.
        why: String,
        /// The pause until the next attempt.
        pause: Duration,
    },
    /// Where this node is in the tree has changed.
    Placed {
        /// The path; in a fragment with its last known prefix.
        path: NodePath,
        /// Is there a way to the root?
        rooted: bool,
    },
    /// A node registered below this server, directly.
    Joined {
        /// Who.
        child: NodeId,
        /// As what.
        role: Role,
        /// By which name.
        name: Option<Name>,
        /// Why it is not the name that was wanted.
        name_reason: Option<String>,
        /// What it tells of itself.
        metadata: Value,
    },
    /// This node, or one that is registered below it directly, has another name.
    Renamed {
        /// Who; this node's own id if it is itself.
        node: NodeId,
        /// What it was called.
        old: Option<Name>,
        /// What it is called.
        name: Name,
    },
    /// A node may do another thing than before at this server.
    RightsChanged {
        /// Who.
        node: NodeId,
        /// What it is called, where that is known.
        name: Option<Name>,
        /// Who changed it; the same id where a node got its rights by the admin key.
        by: NodeId,
        /// What it may do, with what everybody may.
        rights: Permissions,
    },
    /// Nothing that this node says, asks or commands is looked at here any more, or it is again.
    Muted {
        /// Who.
        node: NodeId,
        /// What it is called, where that is known.
        name: Option<Name>,
        /// Muted, or heard again?
        muted: bool,
        /// Who wanted it so.
        by: NodeId,
    },
    /// A node is thrown out; `Event::Left` follows.
    Kicked {
        /// Who.
        node: NodeId,
        /// What it is called.
        name: Option<Name>,
        /// Who wanted it so.
        by: NodeId,
    },
    /// Somebody gave an admin key that is not that of this node.
    WrongKey {
        /// Who.
        node: NodeId,
        /// What it is called, where that is known.
        name: Option<Name>,
    },
    /// A key to be looked at. For the shell alone: programs are not told of it.
    AdminKey {
        /// The answer names it.
        inbound: InboundId,
        /// What to do with it.
        wish: KeyWish,
    },
    /// A directly registered node is gone.
    Left {
        /// Who.
        child: NodeId,
        /// As what.
        role: Role,
        /// Which name it had.
        name: Option<Name>,
        /// Why.
        reason: CloseReason,
    },
    /// The link to a directly registered node is over, and with it all that the node holds here.
    Parted(Parted),
    /// The map of this server is full, and nodes of the branch that has most of it are left out.
    Crowded(Crowded),
    /// A connection from below was not let in, or was thrown out before it had registered.
    TurnedAway {
        /// Who.
        peer: NodeId,
        /// Why.
        why: String,
    },
    /// Two running nodes have the same key: a copied card or directory. The first goes on; the
    /// newcomer, who is told this too, was turned away and needs a key of its own.
    ClonedKey {
        /// Whose key it is.
        id: NodeId,
        /// Where it was noticed: the name of the server, or the address that was dialed.
        at: String,
    },
    /// A service of the program is due. Run it once and answer with `Op::ServiceEnded`.
    ServiceDue {
        /// Which one.
        name: String,
        /// The number of this run; the answer names it.
        run: u64,
        /// The nodes that are joined to this one, directly.
        connections: Vec<NodeId>,
    },
    /// A service failed and is disabled now.
    ServiceFailed {
        /// Which one.
        name: String,
        /// With what.
        error: String,
    },
    /// What a direct neighbour tells of itself (`SERVERDATA`, `CLIENTDATA`) has changed.
    MetadataChanged {
        /// Whose.
        peer: NodeId,
    },
    /// The parent hands out tickets for its data socket.
    DataTicket {
        /// Present one of these there, once each.
        tickets: Vec<[u8; 16]>,
        /// The port of the parent's data socket, where it has one.
        port: Option<u16>,
    },
    /// The parent's side: these tickets were handed to this child.
    DataTicketIssued {
        /// To whom.
        child: NodeId,
        /// Which.
        tickets: Vec<[u8; 16]>,
    },
    /// The network has a new charter: keep it, it must never be forgotten.
    Chartered {
        /// The charter.
        charter: SignedCharter,
    },
    /// The root's part: a restored main server with its key is in charge, so it stops for good.
    Superseded,
    /// The root's part: this one has used its invite, and is a member from now on.
    Admitted(Newcomer),
    /// The root's part: somebody has a later charter than the root's own book made, or an older one
    /// that refuses somebody whom the book does not.
    UnheardCharter {
        /// That charter.
        charter: SignedCharter,
    },
    /// The root's part: that server belongs below this one, as soon as [`Op::Homes`] says so.
    Settled {
        /// Which server.
        node: NodeId,
        /// Below which.
        parent: NodeId,
    },
    /// A roll call that is led from this node begins: everybody who is asked, as it stands before
    /// anything was heard. If this node is lost midway, this is what there is to be told.
    RollCallBegun {
        /// What was ordered, and by whom.
        order: GivenOrder,
        /// Every node once.
        entries: Vec<RollCallEntry>,
    },
    /// An order that came in is not carried out.
    OrderIgnored {
        /// Why, in words.
        why: String,
    },
    /// A roll call that was led from this node has ended; comes before `Stopped`.
    RollCall {
        /// What was ordered.
        order: GivenOrder,
        /// Who gave the order.
        issuer: NodeId,
        /// Every node once.
        entries: Vec<RollCallEntry>,
    },
    /// An order to stop or restart goes through this node.
    Ordered {
        /// Restart, or stop?
        restart: bool,
        /// In words.
        text: String,
    },
    /// This node has begun to stop: everybody who is joined is told so, and its links are closing.
    Stopping {
        /// Will it come back at once?
        restart: bool,
    },
    /// Everything is closed; nothing follows.
    Stopped {
        /// Come back at once?
        restart: bool,
    },
}

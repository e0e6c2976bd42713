//! Deliberately broken minds. A checker that has never caught one of them proves nothing.
//!
//! Some leave a check undone inside the mind; most are sound minds whose words are changed on the
//! way out or in (`mouth.rs`), so that the mind itself stays free of switches.

/// What is wrong with a broken mind. There is no such switch outside the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// It believes what a frame from below says of its source.
    NoOriginCheck,
    /// It believes what a server below says of nodes that did not say so themselves.
    NoStatementCheck,
    /// It runs commands of members that nobody signed.
    NoProofCheck,
    /// It takes what was signed for a command again and again.
    NoNonceCheck,
    /// It takes what was signed for another node, and any nonce.
    NoTargetCheck,
    /// It takes what another one signed, and any nonce.
    NoIssuerCheck,
    /// It holds on to the charter that it began with.
    NoCharterCheck,
    /// It runs a command with other arguments than those that were signed.
    NoArgumentCheck,
    /// It runs what was signed before the main server was brought back from a backup.
    NoEpochCheck,
    /// It obeys whatever server is above it.
    NoOrderCheck,
    /// It believes a server below about who went.
    NoFarewellCheck,
    /// It signs commands for whoever a server says is at a place.
    NoPlaceCheck,
    /// It believes its higher server about whose scope it is in.
    NoScopeCheck,
    /// It gives a name to whoever comes first, also one that belongs to a member.
    NoOwnNames,
    /// Its root takes a server for one that belongs wherever it went by itself.
    NoHomeCheck,
    /// It believes answers to its commands that who was called did not sign.
    NoSealCheck,
    /// It lets a server hang below itself or its own descendants.
    NoCycleCheck,
    /// Its root allows every edge: only whoever finds itself on its new parent's path turns back.
    PathCheckOnly,
    /// Its root looks at committed edges only: whoever is about to move is not above anybody.
    NoPendingEdges,
    /// Its root allows edges as soon as it runs, though grants of its earlier run may be in use.
    NoQuietTime,
    /// It sometimes forgets to pass a reply on.
    LostReply,
    /// It leaves its old parent before the new one is written down.
    HastyMove,
    /// It does not free the places of callers who gave up.
    KeepsPlaces,
    /// It gives a name that another child has.
    NoNameCheck,
    /// It passes casts on twice.
    SaysTwice,
    /// It tells the end of a message twice.
    EndsTwice,
    /// It tells nobody of what ended without being known.
    ForgetsUnknown,
    /// It waits twice as long as it was told to.
    WaitsTooLong,
    /// It says "certainly not done" where nobody knows.
    GuessesNo,
    /// It acknowledges messages that the program has not seen yet.
    TakesUnread,
    /// It sometimes keeps for itself what is meant for somebody else.
    TakesForeign,
    /// It lets casts overtake each other.
    Overtakes,
    /// It sometimes does not ask where somebody is.
    HidesWays,
    /// It takes the queue to one neighbour for the queues to all of them.
    StallsAll,
    /// It waits for a silent neighbour for ever.
    NoLease,
    /// It does not come back after it lost its parent.
    NeverReturns,
    /// It does not tell its children where they are.
    HidesPlaces,
    /// It does not tell its parent of losses.
    HidesLosses,
    /// Its gatherings leave somebody out.
    LeavesOut,
    /// Its roll calls count everybody as stopped.
    CountsAllAsStopped,
    /// It obeys an order at once, and does not ask whether it is still wanted.
    ObeysAtOnce,
    /// It does not tell its program all that happens at the places that it watches.
    HidesNews,
    /// It changes what it does not know when it passes it on.
    MendsStrange,
    /// It gives no answer to what it does not know.
    IgnoresStrange,
    /// It does not hear what has a field that it does not know.
    StrictFields,
}

//! Deliberately broken minds. A checker that has never caught one of them proves nothing.

/// What one broken mind leaves undone. There is no such switch outside the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// It believes what a frame from below says of its source.
    NoOriginCheck,
    /// It lets a server hang below itself or its own descendants.
    NoCycleCheck,
    /// It sometimes forgets to pass a reply on.
    LostReply,
    /// It sometimes forgets to tell how one of many ended.
    LostEntry,
}

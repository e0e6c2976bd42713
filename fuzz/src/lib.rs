//! What hostile bytes are tried on.
//!
//! Each [`Target`] is a function of bytes that must come to its end without a panic, whatever the
//! bytes are, and that checks the promises of the room it is about: what was read and is written
//! again is the same, nothing grows beyond its limit, every question ends once. The ordinary test
//! run tries the files in `corpus/` on them; `cargo xtask fuzz` lets libFuzzer look for more.
//!
//! This crate knows the public face of the mind, and what the body has for it alone. It does not
//! know libFuzzer, which lives outside the workspace, in `driver/`.

mod charters;
mod commands;
mod feed;
mod frames;
mod hall;
mod joining;
mod minds;
mod recorded;
mod values;
mod words;
mod world;

pub use commands::{Played, commands_played};
pub use minds::is_heard;
pub use recorded::recorded;

/// One thing that hostile bytes are tried on.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its folder in `corpus/`.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub about: &'static str,
    /// Tries these bytes; panics if a promise is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 14] = [
    Target { name: "frames", about: "the bytes of a link, in any pieces", run: frames::read },
    Target { name: "parts", about: "messages in parts, in any order", run: frames::assemble },
    Target { name: "values", about: "values in CBOR", run: values::read },
    Target {
        name: "words",
        about: "names, paths, selectors, lines that people type",
        run: words::read,
    },
    Target { name: "shown", about: "text that others wrote and people read", run: words::show },
    Target { name: "invites", about: "the line of an invite", run: joining::read_invite },
    Target {
        name: "joining",
        about: "what is said when joining, and the root's book",
        run: joining::keep_book,
    },
    Target {
        name: "charters",
        about: "who may what, signed by the authority",
        run: charters::read,
    },
    Target {
        name: "strangers",
        about: "a node, by those who have not proved anything",
        run: minds::strangers,
    },
    Target {
        name: "members",
        about: "a node, by those who are registered with it",
        run: minds::members,
    },
    Target {
        name: "commands",
        about: "signed commands, past a hostile server",
        run: commands::play,
    },
    Target {
        name: "certificates",
        about: "certificates of members",
        run: ltn::fuzzing::certificate,
    },
    Target { name: "streams", about: "bytes of data connections", run: ltn::fuzzing::stream_bytes },
    Target { name: "transfers", about: "words of transfers", run: ltn::fuzzing::transfer_bytes },
];

impl Target {
    /// The target of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }
}

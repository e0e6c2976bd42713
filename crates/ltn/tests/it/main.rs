//! Stories of real nodes: TLS over TCP on 127.0.0.1, every port given by the system.

mod alone;
mod authority;
mod discovery;
mod finding;
mod gathering;
mod joining;
mod lives;
mod members;
mod own;
mod people;
mod reference;
mod remembering;
mod restored;
mod seed;
mod sockets;
mod starting;
mod streaming;
mod support;
mod talking;
mod transferring;
mod unanswered;
mod upkeep;
mod watching;

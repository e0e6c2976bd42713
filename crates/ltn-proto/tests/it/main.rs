//! The mind seen from outside: its pure parts, where what goes in comes out and nothing that a
//! stranger sends can do harm, and whole networks of it.

mod attacks;
mod auditing;
mod charter;
mod club;
mod codec;
mod crossing;
mod edges;
mod fragments;
mod invites;
mod line;
mod members;
mod model;
mod moved;
mod mutants;
mod name;
mod obeying;
mod owner;
mod places;
mod registry;
mod restored;
mod scenarios;
mod secrets;
mod selector;
mod set_back;
mod signer;
mod stating;
mod text;
mod value;
mod visits;

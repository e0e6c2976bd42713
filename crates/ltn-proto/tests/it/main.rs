//! The pure parts seen from outside: what goes in comes out, and nothing that a stranger sends can
//! do harm.

mod codec;
mod fragments;
mod line;
mod name;
mod text;
mod value;

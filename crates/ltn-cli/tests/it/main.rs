//! The program as people meet it: sessions as snapshots, and processes that talk to each other.
//!
//! After a wanted change of output `TRYCMD=overwrite cargo test -p ltn-cli --test it` writes the
//! snapshots anew; put `[..]` back where ports and times stand.

mod alone;
mod console;
mod demo;
mod files;
mod finding;
#[cfg(unix)]
mod joining;
mod members;
mod middle;
mod moves;
mod orders;
mod power;
mod process;
mod programs;
#[cfg(unix)]
mod pty;
mod returning;
mod sending;
mod servers;
mod state;
mod superseded;
mod telling;
mod terminal;
#[cfg(unix)]
mod typing;
mod visits;

#[test]
fn sessions_look_as_recorded() {
    trycmd::TestCases::new()
        .register_bin("ltn", std::path::PathBuf::from(process::PROGRAM))
        .env("NO_COLOR", "1")
        .env("XDG_STATE_HOME", process::state_home())
        .timeout(process::PATIENCE)
        .case("tests/cmd/*.trycmd");
}

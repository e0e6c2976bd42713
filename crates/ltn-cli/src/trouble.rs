//! How a verb of the program ends: well, in part, not at all, or nobody knows.
//!
//! This room knows words for people and what was certainly done. Which exit code that is, only
//! `main.rs` knows.

use std::fmt;

use ltn::{
    ConnectError, RefusalKind, StartError, StateError, StreamError, TalkError, TransferError,
};

use crate::output::Unanswered;

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All of it was done.
    All,
    /// Only some of it was done, or it was tried and failed.
    Some,
    /// Nothing was done: refused, no way there, or asked for in the wrong way.
    Nothing,
    /// Nobody can tell whether it was done.
    Unknown,
    /// Nothing was done, because what is on disk cannot be trusted; starting again will not help.
    Untrusted,
}

/// A verb that did not end well: what happened, and what to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) ending: Ending,
    /// What happened, to whom.
    pub(crate) what: String,
    /// What to try, where there is something.
    pub(crate) hint: Option<String>,
}

impl Trouble {
    /// The words on the command line or in a file make no sense.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { ending: Ending::Nothing, what: what.into(), hint: None }
    }

    /// It was tried and did not work.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self { ending: Ending::Some, what: what.into(), hint: None }
    }

    /// With an idea of what to try.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As certain as that nothing was done.
    pub(crate) const fn nothing_done(mut self) -> Self {
        self.ending = Ending::Nothing;
        self
    }

    /// No `what` was typed. `else_where` says how it can be given otherwise.
    pub(crate) fn unanswered(why: Unanswered, what: &str, else_where: &str) -> Self {
        match why {
            Unanswered::Nobody => {
                Self::usage(format!("nobody is here to type {what}")).hint(else_where)
            }
            Unanswered::Stopped => Self::usage("stopped at the question, so nothing was done"),
            Unanswered::TooLong => Self::usage(format!("that is too long for {what}")),
        }
    }

    /// A node that did not start.
    pub(crate) fn start(name: &str, error: &StartError) -> Self {
        let trouble = Self::failed(format!("{name} did not start: {error}"));
        match error {
            StartError::State(error) => {
                let Self { ending, hint, .. } = Self::state(error);
                Self { ending, hint, ..trouble }
            }
            StartError::PortInUse { .. } => trouble
                .hint("another program has it; choose another port, or '>4000' for the next free"),
            StartError::BadName { .. }
            | StartError::NoMode
            | StartError::NotLoopback(_)
            | StartError::EverybodyAdmin
            | StartError::Revoked
            | StartError::WrongRole { .. } => trouble.nothing_done(),
            _ => trouble,
        }
    }

    /// A state directory that cannot be used.
    pub(crate) fn state(error: &StateError) -> Self {
        let trouble = Self::failed(error.to_string());
        match error {
            StateError::InUse { .. } => trouble
                .nothing_done()
                .hint("it runs already, and its start has checked the directory"),
            StateError::Damaged { file, .. } => {
                let directory = file.parent().unwrap_or(file).display();
                Self { ending: Ending::Untrusted, ..trouble }
                    .hint(format!("`ltn doctor --state {directory}` looks at it again"))
            }
            _ => Self { ending: Ending::Untrusted, ..trouble },
        }
    }

    /// A node that did not join.
    pub(crate) fn join(name: &str, error: &ConnectError) -> Self {
        let mut trouble = Self::enter(error);
        trouble.what = format!("{name} could not join: {}", trouble.what);
        trouble
    }

    /// A network that could not be entered.
    pub(crate) fn enter(error: &ConnectError) -> Self {
        let trouble = Self::failed(error.to_string());
        match error {
            ConnectError::NoServer(_) | ConnectError::Timeout(_) => {
                trouble.hint("is it running? `ltn main` starts one (--open: on this machine alone)")
            }
            ConnectError::NotLtn(_) => trouble.hint(
                "is that the port of a server of this network? One of an open network runs with \
                 --open",
            ),
            ConnectError::Refused(_) => trouble.nothing_done(),
            _ => trouble,
        }
    }

    /// Something said to `target` that did not end well. `deed` says what was wanted.
    pub(crate) fn talk(target: &str, deed: &str, error: &TalkError) -> Self {
        let (ending, what) = match error {
            TalkError::BadTarget(bad) => (Ending::Nothing, bad.to_string()),
            TalkError::Refused(no) => (
                Ending::Nothing,
                format!("{target} refused: {} Certainly not done: {deed}", sentence(no)),
            ),
            TalkError::NoRoute(no) => (
                Ending::Nothing,
                format!("no way to {target}: {} Certainly not done: {deed}", sentence(no)),
            ),
            TalkError::Failed(why) => {
                (Ending::Some, format!("{target} tried and failed: {why} ({deed})"))
            }
            TalkError::Unknown(why) => (
                Ending::Unknown,
                format!(
                    "no word from {target}: {} It may or may not be done: {deed}",
                    sentence(why)
                ),
            ),
            TalkError::Stopped => {
                (Ending::Unknown, format!("this node stopped before {target} answered ({deed})"))
            }
            other => (Ending::Unknown, format!("{target}: {other} ({deed})")),
        };
        Self { ending, what, hint: talk_hint(error) }
    }

    /// A stream to `target` that could not be opened.
    pub(crate) fn stream(target: &str, deed: &str, error: &StreamError) -> Self {
        match error {
            StreamError::Target(error) => Self::talk(target, deed, error),
            StreamError::Refused(no) => Self::usage(format!("{target} refused: {no} ({deed})")),
            error => Self::usage(format!("no stream to {target}: {error} ({deed})")),
        }
    }

    /// Something that was to be sent to `target` as data and was not taken as a whole.
    pub(crate) fn transfer(target: &str, deed: &str, error: &TransferError) -> Self {
        match error {
            TransferError::Target(error) | TransferError::Stream(StreamError::Target(error)) => {
                Self::talk(target, deed, error)
            }
            TransferError::Refused(no) | TransferError::Stream(StreamError::Refused(no)) => {
                let no = sentence(no);
                Self::usage(format!("{target} refused: {no} Certainly not delivered: {deed}"))
                    .hint("a client takes files if it was started with --receive FOLDER")
            }
            TransferError::Stream(error) => Self::stream(target, deed, error),
            error => Self::failed(format!("{deed} did not reach {target} as a whole: {error}")),
        }
    }
}

/// What somebody said, ending as a sentence does.
fn sentence(said: &impl fmt::Display) -> String {
    let mut said = said.to_string();
    if !said.ends_with(['.', '?', '!']) {
        said.push('.');
    }
    said
}

fn talk_hint(error: &TalkError) -> Option<String> {
    let hint = match error {
        TalkError::NoRoute(_) => "`ltn tree` shows who is there",
        TalkError::Refused(no) => match no.kind {
            // It says itself where one has to look.
            RefusalKind::BadTarget if no.text.contains("`ltn members`") => return None,
            RefusalKind::BadTarget => "`ltn tree` shows who is there; name a node by its path",
            RefusalKind::NotOffered => {
                "`s.help()` lists the commands of a server, the requestables SERVERDATA and \
                 CLIENTDATA what a node can be asked for"
            }
            RefusalKind::Busy => "it is busy with something else; try again in a moment",
            _ => return None,
        },
        _ => return None,
    };
    Some(hint.to_owned())
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Trouble {}

#[cfg(test)]
mod tests {
    use ltn::{NoRoute, Refusal};

    use super::*;

    #[test]
    fn what_is_certain_decides_the_ending() {
        let refused = TalkError::Refused(Refusal::new(RefusalKind::Cycle, "a cycle"));
        let trouble = Trouble::talk("/sub1", "s.sethigherserver", &refused);
        assert_eq!(trouble.ending, Ending::Nothing);
        assert!(trouble.what.contains("/sub1") && trouble.what.contains("Certainly not done"));

        let lost = TalkError::Unknown("the branch was lost".to_owned());
        assert_eq!(Trouble::talk("/sub1", "s.restart", &lost).ending, Ending::Unknown);
        let failed = TalkError::Failed("no paper".to_owned());
        assert_eq!(Trouble::talk("/printer", "print", &failed).ending, Ending::Some);
    }

    #[test]
    fn a_missing_node_comes_with_an_idea() {
        let lost = NoRoute { at: "/".to_owned(), text: "no such node".to_owned() };
        let trouble = Trouble::talk("/gone", "a text", &TalkError::NoRoute(lost));
        assert_eq!(trouble.ending, Ending::Nothing);
        assert!(trouble.hint.unwrap().contains("ltn tree"));
        let nobody = ConnectError::NoServer("127.0.0.1:4000".to_owned());
        assert!(Trouble::join("lamp", &nobody).hint.unwrap().contains("ltn main"));
    }
}

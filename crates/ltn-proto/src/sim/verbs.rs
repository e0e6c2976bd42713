//! Short forms for stories: each asks for something and lets time pass until it has ended.

use std::time::Duration;

use crate::event::{Content, Event, Gathered, ManyEvent, ManyOp, Op, Whom, Wording};
use crate::id::OpId;
use crate::outcome::Outcome;
use crate::path::Target;
use crate::value::Value;

use super::HostId;
use super::network::Network;

/// How long stories wait for an outcome.
const TIMEOUT: Duration = Duration::from_secs(5);
/// An outcome that has not come after this never will.
const NEVER: Duration = Duration::from_secs(120);

fn target(text: &str) -> Target {
    text.parse().expect("stories name targets properly")
}

impl Network {
    /// Lets time pass until this has ended.
    ///
    /// # Panics
    /// If it never does.
    pub fn finish(&mut self, op: OpId) -> Outcome {
        self.run_until(NEVER, |network| network.outcome(op).is_some());
        self.outcome(op).cloned().unwrap_or_else(|| panic!("{op:?} never ended"))
    }

    /// Begins something; its outcome is to be fetched by [`Self::finish`].
    pub fn begin(&mut self, host: HostId, make: impl FnOnce(OpId) -> Op) -> OpId {
        let op = self.op_id();
        self.tell(host, make(op));
        op
    }

    /// One node joins, or moves to, the server on another host.
    pub fn join(&mut self, host: HostId, server: HostId) -> Outcome {
        let op = self.begin_join(host, server);
        self.finish(op)
    }

    /// As [`Self::join`], without waiting.
    pub fn begin_join(&mut self, host: HostId, server: HostId) -> OpId {
        let to = self.address(server);
        self.begin(host, |op| Op::Connect { op, to, persist: false })
    }

    /// One node leaves its server.
    pub fn leave(&mut self, host: HostId) -> Outcome {
        let op = self.begin(host, |op| Op::Disconnect { op });
        self.finish(op)
    }

    /// Sends a text.
    pub fn send(&mut self, host: HostId, to: &str, text: &str) -> Outcome {
        let (to, content) = (target(to), Content::Text(text.to_owned()));
        let op = self.begin(host, |op| Op::Send { op, to, content, timeout: TIMEOUT });
        self.finish(op)
    }

    /// Casts a text.
    pub fn cast(&mut self, host: HostId, to: &str, text: &str) {
        let (to, content) = (target(to), Content::Text(text.to_owned()));
        self.tell(host, Op::Cast { to, content });
    }

    /// Asks a requestable.
    pub fn request(&mut self, host: HostId, to: &str, name: &str, argument: Value) -> Outcome {
        let op = self.begin_request(host, to, name, argument);
        self.finish(op)
    }

    /// As [`Self::request`], without waiting.
    pub fn begin_request(&mut self, host: HostId, to: &str, name: &str, argument: Value) -> OpId {
        let (to, name) = (target(to), name.to_owned());
        self.begin(host, |op| Op::Request { op, to, name, argument, timeout: TIMEOUT })
    }

    /// Calls a command, or answers its wish for a confirmation.
    pub fn call(&mut self, host: HostId, to: &str, line: &Line<'_>) -> Outcome {
        let op = self.begin_call(host, to, line);
        self.finish(op)
    }

    /// As [`Self::call`], without waiting.
    pub fn begin_call(&mut self, host: HostId, to: &str, line: &Line<'_>) -> OpId {
        let (to, command) = (target(to), line.command.to_owned());
        let (arguments, token) = (line.arguments.clone(), line.token);
        let timeout = TIMEOUT * 6;
        self.begin(host, |op| Op::Call { op, to, command, arguments, token, timeout })
    }

    /// Calls a dangerous command and confirms it.
    pub fn call_and_confirm(&mut self, host: HostId, to: &str, line: &Line<'_>) -> Outcome {
        match self.call(host, to, line) {
            Outcome::Confirm(confirmation) => {
                let line = line.clone().confirmed(confirmation.token);
                self.call(host, to, &line)
            }
            other => other,
        }
    }

    /// Asks a requestable of all who fit: how each ended, and how all of it did.
    pub fn gather(&mut self, host: HostId, to: &str, name: &str) -> (Vec<Gathered>, Outcome) {
        let what = Wording::Request { name: name.to_owned(), argument: Value::Null };
        let whom = Whom::Fitting(to.parse().expect("stories name many properly"));
        let op = self.begin_gather(host, whom, what);
        let outcome = self.finish(op);
        (self.gathered(host, op), outcome)
    }

    /// Says something to many, without waiting.
    pub fn begin_gather(&mut self, host: HostId, whom: Whom, what: Wording) -> OpId {
        self.begin(host, |op| Op::Many(ManyOp::Gather { op, whom, what, timeout: TIMEOUT }))
    }

    /// How each of many ended so far.
    #[must_use]
    pub fn gathered(&self, host: HostId, of: OpId) -> Vec<Gathered> {
        let told = self.history().told(host).filter_map(|event| match event {
            Event::Many(ManyEvent::Gathered { op, entry }) if *op == of => Some(entry.clone()),
            _ => None,
        });
        told.collect()
    }

    /// Watches places, from the moment on at which a server confirms it.
    ///
    /// # Panics
    /// If nobody does.
    pub fn watch(&mut self, host: HostId, places: &str) -> OpId {
        let places = places.parse().expect("stories name many properly");
        let op = self.begin(host, |op| Op::Many(ManyOp::Watch { op, places }));
        let begun = |network: &Self| network.news(host, op).iter().any(|news| news == "watching");
        assert!(self.run_until(NEVER, begun), "nobody serves {op:?}");
        op
    }

    /// The news of a watch so far: a word and a path each, or what became of the watch.
    #[must_use]
    pub fn news(&self, host: HostId, of: OpId) -> Vec<String> {
        let told = self.history().told(host).filter_map(|event| match event {
            Event::Many(event) if event.op() == of => Some(match event {
                ManyEvent::Presence { news, .. } => {
                    format!("{} {}", news.kind.as_str(), news.path)
                }
                ManyEvent::Watching { .. } => "watching".to_owned(),
                ManyEvent::Gap { .. } => "gap".to_owned(),
                ManyEvent::Interrupted { .. } => "interrupted".to_owned(),
                other => format!("{other:?}"),
            }),
            _ => None,
        });
        told.collect()
    }

    /// Who fits: the paths, in the order in which they are told, and how the search ended.
    pub fn select(&mut self, host: HostId, who: &str) -> (Vec<String>, Outcome) {
        let selector = who.parse().expect("stories name many properly");
        let op = self.begin(host, |op| Op::Many(ManyOp::Select { op, selector, timeout: TIMEOUT }));
        let outcome = self.finish(op);
        let pages = self.history().told(host).filter_map(|event| match event {
            Event::Many(ManyEvent::Selected { op: of, nodes, .. }) if *of == op => Some(nodes),
            _ => None,
        });
        (pages.flatten().map(|node| node.path.to_string()).collect(), outcome)
    }

    /// Where is this node?
    pub fn locate(&mut self, host: HostId, target_text: &str) -> Outcome {
        let target = target(target_text);
        let op =
            self.begin(host, |op| Op::Locate { op, target, confirmed: false, timeout: TIMEOUT });
        self.finish(op)
    }

    /// Offers a requestable.
    pub fn offer(&mut self, host: HostId, name: &str) {
        self.tell(host, Op::OfferRequestable { name: name.to_owned() });
    }

    /// Ends a node's process for now, in order.
    pub fn go_away(&mut self, host: HostId) {
        self.tell(host, Op::GoAway);
    }

    /// A node looks there for another parent when it has lost its own.
    pub fn back_up(&mut self, host: HostId, parents: &[HostId]) {
        let parents = parents.iter().map(|parent| self.address(*parent)).collect();
        self.tell(host, Op::BackUp { parents });
    }

    /// Stops a node in order.
    pub fn stop(&mut self, host: HostId, restart: bool) {
        self.tell(host, Op::Stop { restart });
    }
}

/// A command line: a command and its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    command: &'a str,
    arguments: Vec<Value>,
    token: Option<[u8; 16]>,
}

impl<'a> Line<'a> {
    /// A command with texts as arguments.
    #[must_use]
    pub fn new(command: &'a str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|text| Value::Text((*text).to_owned())).collect();
        Self { command, arguments, token: None }
    }

    /// A command with any arguments.
    #[must_use]
    pub const fn with_values(command: &'a str, arguments: Vec<Value>) -> Self {
        Self { command, arguments, token: None }
    }

    /// The same with the token that its first answer asked for.
    #[must_use]
    pub const fn confirmed(mut self, token: [u8; 16]) -> Self {
        self.token = Some(token);
        self
    }
}

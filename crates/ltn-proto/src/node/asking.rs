//! What this node asks of others: messages, requests, commands, and who is meant.

use std::time::Duration;

use bytes::Bytes;

use super::NodeState;
use crate::body::{self, Resolve};
use crate::event::{Content, Event, Gathered, Op};
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::{LinkId, NodeId, OpId};
use crate::limits::{ANSWER_TIME_MAX, ARGUMENTS_MAX, MESSAGE_BYTES_MAX, WORD_BYTES_MAX};
use crate::moment::Moment;
use crate::outcome::{NoRoute, Outcome, Refusal, RefusalKind};
use crate::pass::Pass;
use crate::path::{NodePath, Target};
use crate::requests::{Open, Origin, Question, Stage};
use crate::value::Value;

/// Casts to one target that wait until it is found; they leave in one go, so they must fit into the
/// queue of a link.
const WAITING_CASTS_MAX: usize = 256;
/// As [`WAITING_CASTS_MAX`], in bytes.
const WAITING_CASTS_BYTES_MAX: usize = 512 * 1024;
/// How long the target of a cast is looked for.
const CAST_SEARCH: Duration = Duration::from_secs(5);

/// What came of looking at what is known.
enum Found {
    /// This one is meant.
    Node(NodeId),
    /// This one was at that place when it was asked for last.
    Remembered { node: NodeId, path: NodePath, fresh: bool },
    /// Others have to be asked this.
    Ask(Resolve),
}

impl NodeState {
    /// A send, request, call or location that the program wants.
    pub(super) fn ask(&mut self, now: Moment, op: Op) {
        let is_confirmed = matches!(op, Op::Locate { confirmed: true, .. });
        let (op, to, timeout, question) = match op {
            Op::Send { op, to, content, timeout } => {
                let checked = match &content {
                    Content::Value(value) => check_value(value),
                    Content::Text(_) | Content::Bytes(_) => Ok(()),
                };
                (op, to, timeout, checked.map(|()| Some(send(content))))
            }
            Op::Request { op, to, name, argument, timeout } => {
                (op, to, timeout, request(name, argument).map(Some))
            }
            Op::Call { op, to, command, arguments, token, timeout } => {
                (op, to, timeout, call((command, arguments), token, self.own_pass()).map(Some))
            }
            Op::Locate { op, target, timeout, .. } => (op, target, timeout, Ok(None)),
            _ => return,
        };
        let sized = question
            .and_then(|question| question.as_ref().map_or(Ok(()), check_size).map(|()| question));
        let question = sized.and_then(|question| {
            let open = self.requests.len() < self.config.limits.open_requests;
            let running = self.stopping.is_none();
            match (running, open) {
                (true, true) => Ok(question),
                (false, _) => Err(Refusal::new(RefusalKind::Stopping, "this node is stopping")),
                (true, false) => Err(Refusal::new(RefusalKind::Busy, "too many open requests")),
            }
        });
        let origin = if is_confirmed { Origin::Confirmed(op) } else { Origin::Local(op) };
        match question {
            Ok(question) => self.ask_for(now, origin, to, question, timeout),
            Err(refusal) => self.event(Event::Ended { op, outcome: Outcome::Refused(refusal) }),
        }
    }

    /// Asks on behalf of whoever `origin` says. Ends exactly once, at the deadline at the latest.
    #[expect(clippy::too_many_arguments, reason = "these five make one question")]
    pub(super) fn ask_for(
        &mut self,
        now: Moment,
        origin: Origin,
        to: Target,
        question: Option<Question>,
        timeout: Duration,
    ) {
        let id = self.random.number();
        let timeout = timeout.min(ANSWER_TIME_MAX);
        let open = Open {
            origin,
            target: to,
            question,
            stage: Stage::Resolving,
            link: None,
            asked: now,
            deadline: now + timeout,
            from_memory: true,
            path: None,
            called: None,
        };
        self.requests.open(id, open);
        self.resolve(now, id);
    }

    /// Looks for the target in what is known, then asks the servers above.
    fn resolve(&mut self, now: Moment, id: u64) {
        let Some(open) = self.requests.get(id) else { return };
        let is_command = open.question.as_ref().is_some_and(|q| q.kind == Kind::CALL);
        match self.look_up(now, &open.target) {
            // A command goes to who is there now, not to who was there a moment ago.
            Ok(Found::Remembered { path, fresh, .. }) if is_command || !fresh => {
                self.search(now, id, &Resolve::Path(path));
            }
            Ok(Found::Node(node) | Found::Remembered { node, .. }) => self.on_found(now, id, node),
            Ok(Found::Ask(resolve)) => self.search(now, id, &resolve),
            Err(outcome) => self.end_request(now, id, outcome),
        }
    }

    fn look_up(&self, now: Moment, target: &Target) -> Result<Found, Outcome> {
        let known = |id: NodeId| {
            if self.tree.get(id).is_some() && !self.is_live(id) && self.uplink.parent.is_none() {
                Err(self.no_route(self.out_of_reach_since(now, id)))
            } else {
                Ok(Found::Node(id))
            }
        };
        match target {
            Target::Id(id) => known(*id),
            Target::Parent => match &self.uplink.parent {
                Some(parent) => known(parent.id),
                None => Err(self.not_connected()),
            },
            Target::Root if self.config.role.is_root() => known(self.config.id),
            Target::Root => match self.place.ancestors.first().filter(|_| self.place.rooted) {
                Some(root) => known(root.id),
                None => Err(self.no_route("no way to the main server now".to_owned())),
            },
            Target::Name(name) => match self.find_name(name) {
                Ok(Some(id)) => known(id),
                Ok(None) => self.ask_above(Resolve::Name(name.clone())),
                Err(refusal) => Err(Outcome::Refused(refusal)),
            },
            Target::Path(_) | Target::Relative { .. } => {
                let Some(path) = target.absolute(&self.speaker()) else {
                    return Err(self.no_route(format!("{target} is above the main server")));
                };
                match (self.find_path(&path), self.known.at(&path, now)) {
                    (Ok(id), _) => known(id),
                    (Err(_), Some((node, fresh))) => Ok(Found::Remembered { node, path, fresh }),
                    (Err(why), None) if self.uplink.parent.is_none() => Err(self.no_route(why)),
                    (Err(_), None) => Ok(Found::Ask(Resolve::Path(path))),
                }
            }
        }
    }

    fn ask_above(&self, resolve: Resolve) -> Result<Found, Outcome> {
        match (&self.uplink.parent, &resolve) {
            (Some(_), _) => Ok(Found::Ask(resolve)),
            (None, Resolve::Name(name)) => Err(self.no_route(self.nobody_called(name))),
            (None, _) => Err(self.not_connected()),
        }
    }

    pub(super) fn no_route(&self, text: String) -> Outcome {
        Outcome::NoRoute(NoRoute { at: self.path().to_string(), text })
    }

    fn not_connected(&self) -> Outcome {
        let text = format!("{} is not joined to any server", self.name);
        Outcome::Refused(Refusal::new(RefusalKind::NotConnected, text))
    }

    /// Asks the servers above who is meant; the first that knows answers.
    pub(super) fn search(&mut self, now: Moment, id: u64, resolve: &Resolve) {
        let parent = self.uplink.parent.as_ref().map(|parent| parent.link);
        let (Some(link), Some(open)) = (parent, self.requests.get_mut(id)) else {
            let outcome = self.not_connected();
            return self.end_request(now, id, outcome);
        };
        open.link = Some(link);
        open.from_memory = false;
        let mut header = Header::new(Kind::RESOLVE, self.config.id, NodeId::NOBODY);
        header.id = id;
        header.flags = Flags::ANSWER_WANTED;
        header.time_left_ms = milliseconds(open.deadline.since(now));
        let frame = Frame { header, payload: body::write(resolve) };
        self.outputs.push_back(crate::event::Output::Transmit { link, frame });
    }

    /// Now it is known who is meant: say it.
    pub(super) fn on_found(&mut self, now: Moment, id: u64, node: NodeId) {
        let path = self.path_of(node);
        let Some(open) = self.requests.get_mut(id) else { return };
        open.path = path;
        let Some(question) = open.question.clone() else {
            return self.on_located(now, id, node);
        };
        if let Origin::Casts(_) = &open.origin {
            return self.release_casts(now, id, node);
        }
        if let Err(refusal) = self.check_key_stays_here(node, &question) {
            return self.end_request(now, id, Outcome::Refused(refusal));
        }
        if question.kind == Kind::CALL && self.wants_seals() && node != self.config.id {
            return self.call_member(now, id, node, &question);
        }
        self.say_question(now, id, node, &question);
    }

    /// Says what is asked to whom it is for.
    pub(super) fn say_question(&mut self, now: Moment, id: u64, node: NodeId, asked: &Question) {
        let Some(open) = self.requests.get_mut(id) else { return };
        open.stage = Stage::Sent(node);
        let mut header = Header::new(asked.kind, self.config.id, node);
        header.id = id;
        header.flags = asked.flags.with(Flags::ANSWER_WANTED);
        header.time_left_ms = milliseconds(open.deadline.since(now));
        match self.send_out(now, Frame { header, payload: asked.payload.clone() }) {
            Ok(link) => self.question_left(now, id, node, link),
            Err(why) => {
                let outcome = self.no_route(why);
                self.end_request(now, id, outcome);
            }
        }
    }

    /// A message that nobody waits for.
    pub(super) fn cast(&mut self, now: Moment, to: Target, content: Content) {
        let node = match self.look_up(now, &to) {
            Ok(Found::Node(node) | Found::Remembered { node, fresh: true, .. }) => node,
            Ok(Found::Remembered { node, path, fresh: false }) => {
                // Those that nobody waits for do not wait either: they go where the last ones
                // went, and the next ones to where it is found to be.
                self.look_again_for_casts(now, to, &Resolve::Path(path));
                node
            }
            Ok(Found::Ask(resolve)) => return self.cast_later(now, to, content, &resolve),
            Err(_) => {
                self.counters.dropped += 1;
                return;
            }
        };
        self.cast_to(now, node, content);
    }

    fn cast_to(&mut self, now: Moment, node: NodeId, content: Content) {
        let Question { flags, payload, .. } = send(content);
        if payload.len() > MESSAGE_BYTES_MAX {
            self.counters.dropped += 1;
            return;
        }
        let mut header = Header::new(Kind::CAST, self.config.id, node);
        header.flags = flags;
        if payload.len() > crate::limits::FRAME_PAYLOAD_BYTES_MAX {
            // The parts of one message know each other by its number.
            header.id = self.random.number();
        }
        if self.send_out(now, Frame { header, payload }).is_err() {
            self.counters.dropped += 1;
        }
    }

    fn look_again_for_casts(&mut self, now: Moment, to: Target, resolve: &Resolve) {
        if self.requests.search_for(&to).is_none() {
            self.search_for_casts(now, to, Vec::new(), resolve);
        }
    }

    fn cast_later(&mut self, now: Moment, to: Target, content: Content, resolve: &Resolve) {
        if let Some(Open { origin: Origin::Casts(waiting), .. }) = self.requests.search_for(&to) {
            let bytes: usize = waiting.iter().map(size_of_content).sum();
            let fits = bytes + size_of_content(&content) <= WAITING_CASTS_BYTES_MAX;
            if fits && waiting.len() < WAITING_CASTS_MAX {
                waiting.push(content);
            } else {
                self.counters.dropped += 1;
            }
            return;
        }
        self.search_for_casts(now, to, vec![content], resolve);
    }

    fn search_for_casts(
        &mut self,
        now: Moment,
        to: Target,
        waiting: Vec<Content>,
        resolve: &Resolve,
    ) {
        let id = self.random.number();
        let open = Open {
            origin: Origin::Casts(waiting),
            target: to,
            question: Some(send(Content::Bytes(Bytes::new()))),
            stage: Stage::Resolving,
            link: None,
            asked: now,
            deadline: now + CAST_SEARCH,
            from_memory: false,
            path: None,
            called: None,
        };
        self.requests.open(id, open);
        self.search(now, id, resolve);
    }

    fn release_casts(&mut self, now: Moment, id: u64, node: NodeId) {
        let Some(open) = self.requests.close(id) else { return };
        if let Origin::Casts(waiting) = open.origin {
            for content in waiting {
                self.cast_to(now, node, content);
            }
        }
    }

    /// The deadline of a question has come.
    pub(super) fn on_request_due(&mut self, now: Moment, id: u64) {
        let Some(open) = self.requests.get(id) else { return };
        let target = open.target.to_string();
        let waited = now.since(open.asked).as_secs_f64();
        let outcome = match open.stage {
            Stage::Resolving => {
                self.no_route(format!("nobody said in {waited:.1} s where {target} is"))
            }
            Stage::Sent(_) => Outcome::Unknown(format!("no answer from {target} in {waited:.1} s")),
        };
        // It left the queue of deadlines already; ending it takes it out of the table too.
        self.end_request(now, id, outcome);
    }

    /// The link that these left by is gone.
    pub(super) fn end_requests_by(&mut self, now: Moment, link: LinkId, why: &str) {
        for id in self.requests.by_link(link) {
            let Some(open) = self.requests.get(id) else { continue };
            let outcome = match open.stage {
                Stage::Resolving => self.no_route(why.to_owned()),
                Stage::Sent(_) => Outcome::Unknown(format!("{why} after it was passed on")),
            };
            self.end_request(now, id, outcome);
        }
    }

    /// Nodes below are out of reach: what was passed on to them is unknown from here on.
    pub(super) fn end_requests_to_lost(&mut self, now: Moment) {
        if self.requests.len() == 0 {
            return;
        }
        for id in self.requests.ids() {
            let Some(Open { stage: Stage::Sent(node), link: Some(link), .. }) =
                self.requests.get(id)
            else {
                continue;
            };
            let went_down = !self.uplink.is_parent_link(*link);
            if went_down && !self.is_live(*node) {
                let text = "its branch was lost after it was passed on; it may have been done";
                self.end_request(now, id, Outcome::Unknown(text.to_owned()));
            }
        }
    }

    /// This node stops: nothing it asked can be answered any more.
    pub(super) fn end_all_requests(&mut self, now: Moment) {
        for id in self.requests.ids() {
            let sent = self.requests.get(id).is_some_and(|open| open.stage != Stage::Resolving);
            let text = "this node is stopping";
            let outcome = if sent {
                Outcome::Unknown(text.to_owned())
            } else {
                Outcome::Refused(Refusal::new(RefusalKind::Stopping, text))
            };
            self.end_request(now, id, outcome);
        }
    }

    /// The one place where a question ends.
    pub(super) fn end_request(&mut self, now: Moment, id: u64, outcome: Outcome) {
        let Some(open) = self.requests.close(id) else { return };
        match open.origin {
            Origin::Local(op) | Origin::Confirmed(op) => self.finish_local(op, outcome),
            Origin::Casts(waiting) => self.counters.dropped += waiting.len() as u64,
            Origin::Relay(inbound) => self.answer_with(now, inbound, outcome),
            Origin::Stopwatch(inbound) => {
                let took = rounded(now.since(open.asked).as_secs_f64() * 1_000.0);
                let outcome = match outcome {
                    Outcome::Reply(_) => Outcome::Reply(took.into()),
                    other => other,
                };
                self.answer_with(now, inbound, outcome);
            }
            Origin::Gathered { op, id, path } => {
                let took = now.since(open.asked);
                self.on_gathered(op, Gathered { id, path, outcome, took });
            }
            Origin::Whereabouts(wanted) => self.where_is_unknown(now, wanted, &outcome),
            Origin::Check(node) => self.on_minded(now, node, open.asked, &outcome),
            Origin::Named(op) => self.on_one_named(op, outcome),
            Origin::Page(op) => self.on_page_failed(op, outcome),
            Origin::Edge { link, child, attempt, nonce } => {
                let granted = self.granted(outcome);
                self.on_grant(now, (link, child, (attempt, nonce)), granted);
            }
            Origin::Rehearsal { inbound, answer, .. } => {
                let outcome = match self.granted(outcome) {
                    Ok(()) => Outcome::Reply(answer),
                    Err(refusal) => Outcome::Refused(refusal),
                };
                self.answer_with(now, inbound, outcome);
            }
            Origin::Move(wish) => self.on_move_answered(now, *wish, (open.stage, outcome)),
        }
    }

    fn finish_local(&mut self, op: OpId, outcome: Outcome) {
        self.event(Event::Ended { op, outcome });
    }
}

fn size_of_content(content: &Content) -> usize {
    match content {
        Content::Text(text) => text.len(),
        Content::Bytes(bytes) => bytes.len(),
        Content::Value(value) => value.to_cbor().len(),
    }
}

pub(super) fn send(content: Content) -> Question {
    let (flags, payload) = match content {
        Content::Text(text) => (Flags::TEXT, Bytes::from(text)),
        Content::Value(value) => (Flags::VALUE, Bytes::from(value.to_cbor())),
        Content::Bytes(bytes) => (Flags::default(), bytes),
    };
    Question { kind: Kind::SEND, flags, payload }
}

pub(super) fn request(name: String, argument: Value) -> Result<Question, Refusal> {
    if name.len() > WORD_BYTES_MAX {
        let text = format!("the name of a requestable has at most {WORD_BYTES_MAX} bytes");
        return Err(Refusal::new(RefusalKind::BadArguments, text));
    }
    check_value(&argument)?;
    let payload = body::write(&body::Request { name, argument });
    Ok(Question { kind: Kind::REQUEST, flags: Flags::default(), payload })
}

pub(super) fn call(
    (command, arguments): (String, Vec<Value>),
    token: Option<[u8; 16]>,
    pass: Option<Pass>,
) -> Result<Question, Refusal> {
    if command.len() > WORD_BYTES_MAX || arguments.len() > ARGUMENTS_MAX {
        let text = format!(
            "the name of a command has at most {WORD_BYTES_MAX} bytes, and it takes at most \
             {ARGUMENTS_MAX} arguments"
        );
        return Err(Refusal::new(RefusalKind::BadArguments, text));
    }
    let token = token.map(body::Token);
    let arguments = Value::List(arguments);
    check_value(&arguments)?;
    let call = body::Call { command, arguments, token, proof: None, pass };
    Ok(Question { kind: Kind::CALL, flags: Flags::default(), payload: body::write(&call) })
}

/// What every receiver would refuse is refused here, where somebody can mend it.
pub(super) fn check_value(value: &Value) -> Result<(), Refusal> {
    value.check().map_err(|bad| Refusal::new(RefusalKind::BadArguments, bad.to_string()))
}

pub(super) fn check_size(question: &Question) -> Result<(), Refusal> {
    let size = question.payload.len();
    if size <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    let text = format!(
        "it has {size} bytes and one message at most {MESSAGE_BYTES_MAX}; larger things are sent \
         as data (`send_data`)"
    );
    Err(Refusal::new(RefusalKind::TooLarge, text))
}

/// Three decimals are all that anybody reads.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

pub(super) fn milliseconds(duration: Duration) -> u32 {
    // Rounded up: zero means that nobody waits.
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX - 1).saturating_add(1)
}

//! Moves that somebody wants: `move` at the node that shall go, and the new parent's word on it.
//!
//! The node asks the new parent first (`TAKE_ASK`), which asks the root; so what is said before a
//! move is what would come of it, and a refusal comes before anything was done. The move itself is
//! the same make-before-break as any other (`joining.rs`) and asks all of it again.

use std::time::Duration;

use super::NodeState;
use super::answering::caller_of;
use super::journal::How;
use super::running::Run;
use crate::address::Address;
use crate::body::{self, TakeAsk};
use crate::frame::{Flags, Frame, Kind};
use crate::id::NodeId;
use crate::limits::{MOVED_PLACES_MAX, RETURN_AFTER_MAX};
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::path::{NodePath, Target};
use crate::permissions::Permission;
use crate::requests::{MoveStep, MoveWish, Origin, Question, Stage};
use crate::text::sanitise_line;
use crate::uplink::Wish;
use crate::value::Value;

/// The command.
const MOVE: &str = "move";
/// How long the new parent has to say whether it would take this node.
const TAKE_TIME: Duration = Duration::from_secs(12);

/// What the new parent says it would do.
struct Offer {
    id: NodeId,
    address: Address,
    path: NodePath,
    name: Option<Name>,
    name_reason: Option<String>,
    /// Why nobody but itself says that it is at this path, where somebody else should.
    unsure: Option<String>,
}

impl NodeState {
    /// The command `move(under[, return_after[, rehearse]])`.
    pub(super) fn move_by_command(&mut self, now: Moment, run: &Run) {
        let checked = self.read_move(run);
        let (under, return_after, rehearse) = match checked {
            Ok(read) => read,
            Err(refusal) => return self.refuse(now, run, refusal.kind, &refusal.text),
        };
        let step = match (rehearse, run.token) {
            (true, _) => MoveStep::Rehearse,
            (false, None) => MoveStep::Prepare,
            (false, Some(_)) => {
                let Some(targets) = self.take_token(now, MOVE, run) else { return };
                let how = How::Dangerous(targets);
                return self.write_down(now, MOVE.to_owned(), run.clone(), how);
            }
        };
        self.ask_to_take(now, run, (under, return_after), step);
    }

    /// A confirmed move begins.
    pub(super) fn commit_move(&mut self, now: Moment, run: &Run, targets: &[NodeId]) {
        let (under, return_after, _) = match self.read_move(run) {
            Ok(read) => read,
            Err(refusal) => return self.refuse(now, run, refusal.kind, &refusal.text),
        };
        let step = MoveStep::Commit(targets.last().copied().unwrap_or(NodeId::NOBODY));
        self.ask_to_take(now, run, (under, return_after), step);
    }

    fn ask_to_take(
        &mut self,
        now: Moment,
        run: &Run,
        (under, return_after): (Target, Option<Duration>),
        step: MoveStep,
    ) {
        let (inbound, actor, arguments) = (run.inbound, run.actor, run.arguments.clone());
        let wish = MoveWish { inbound, actor, arguments, under: under.clone(), step, return_after };
        let ask = TakeAsk { hello: self.hello(), actor, pass: self.pass_of(actor) };
        let question =
            Question { kind: Kind::TAKE_ASK, flags: Flags::default(), payload: body::write(&ask) };
        self.ask_for(now, Origin::Move(Box::new(wish)), under, Some(question), TAKE_TIME);
    }

    fn read_move(&self, run: &Run) -> Result<(Target, Option<Duration>, bool), Refusal> {
        if self.stopping.is_some() || self.roll_call.is_some() {
            let text = format!("{} is carrying out another order", self.name);
            return Err(Refusal::new(RefusalKind::Busy, text));
        }
        let bad = |text: String| Refusal::new(RefusalKind::BadTarget, text);
        let under: Target = run.raw_text(0).parse().map_err(|error| bad(format!("{error}")))?;
        let return_after = match run.arguments.get(1) {
            None | Some(Value::Null) => None,
            Some(value) => Some(seconds(value).ok_or_else(|| {
                let most = RETURN_AFTER_MAX.as_secs();
                let text = format!("return_after is a number of seconds, above 0, at most {most}");
                Refusal::new(RefusalKind::BadArguments, text)
            })?),
        };
        let rehearse = match run.arguments.get(2) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(rehearse)) => *rehearse,
            Some(_) => {
                let text = "rehearse is true or false";
                return Err(Refusal::new(RefusalKind::BadArguments, text));
            }
        };
        Ok((under, return_after, rehearse))
    }

    /// The new parent's word, or why there is none.
    pub(super) fn on_move_answered(
        &mut self,
        now: Moment,
        wish: MoveWish,
        (stage, outcome): (Stage, Outcome),
    ) {
        let value = match outcome {
            Outcome::Reply(value) => value,
            Outcome::Refused(refusal) => return self.end_move(now, &wish, refusal),
            Outcome::Unknown(text) => {
                // Nothing but a question was asked, so nothing has happened.
                let text = format!("the new server did not say whether it takes it: {text}");
                return self.end_move(now, &wish, Refusal::new(RefusalKind::NoAnswer, text));
            }
            other => return self.answer_with(now, wish.inbound, other),
        };
        let Some(offer) = Offer::read(&value) else {
            let text = "what the new server says cannot be read";
            return self.end_move(now, &wish, Refusal::new(RefusalKind::Misbehaved, text));
        };
        if stage != Stage::Sent(offer.id) {
            let text = "somebody says for another server than the one that was asked that it \
                        takes it";
            return self.end_move(now, &wish, Refusal::new(RefusalKind::Misbehaved, text));
        }
        match wish.step {
            MoveStep::Commit(expected) => self.move_now(now, &wish, &offer, expected),
            // Whatever the answer says of its sender, a server on the way may have said it.
            _ if self.asks_for_places() => self.confirm_offer(now, offer.id, wish, value),
            _ => {
                let path = Ok(offer.path);
                self.tell_plan(now, wish, &value, path);
            }
        }
    }

    /// Nothing was done, and it stays where it is.
    pub(super) fn end_move(&mut self, now: Moment, wish: &MoveWish, refusal: Refusal) {
        let refusal = self.still_below(refusal);
        self.answer_with(now, wish.inbound, Outcome::Refused(refusal));
    }

    /// Says what would come of the move below the server that offers this; it is at that path, or
    /// nobody else can tell.
    pub(super) fn tell_plan(
        &mut self,
        now: Moment,
        wish: MoveWish,
        offer: &Value,
        path: Result<NodePath, String>,
    ) {
        let Some(mut offer) = Offer::read(offer) else { return };
        match path {
            Ok(path) => offer.path = path,
            Err(why) => offer.unsure = Some(why),
        }
        if wish.step == MoveStep::Rehearse {
            let plan = self.plan_value(&offer);
            return self.answer_with(now, wish.inbound, Outcome::Reply(plan));
        }
        let MoveWish { inbound, actor, arguments, return_after, .. } = wish;
        let run = Run { inbound, actor, arguments, token: None, proven: None };
        let back = return_after.map_or(String::new(), |time| {
            let seconds = time.as_secs_f64();
            format!("; if it loses that server within {seconds} s it moves back")
        });
        let text = format!("{}{back}", self.plan_text(&offer));
        self.offer_token(now, MOVE, &run, (text, vec![self.config.id, offer.id]));
    }

    fn move_now(&mut self, now: Moment, wish: &MoveWish, offer: &Offer, expected: NodeId) {
        let checked = if offer.id == expected {
            self.check_connect(&offer.address)
        } else {
            let text = "another server is there now than when this was confirmed";
            Err(Refusal::new(RefusalKind::BadToken, text))
        };
        // The new server may have taken its time to answer.
        if let Err(refusal) = self.check_still(wish.actor, MOVE).and(checked) {
            return self.end_move(now, wish, refusal);
        }
        let MoveWish { inbound, return_after, .. } = *wish;
        let goal = Wish::Move { inbound, under: offer.id, return_after };
        self.connect(now, offer.address.clone(), goal);
    }

    fn place_under(&self, offer: &Offer) -> NodePath {
        offer.path.child(offer.name.clone().unwrap_or_else(|| self.name.clone()))
    }

    fn plan_text(&self, offer: &Offer) -> String {
        let (before, after) = (self.path(), self.place_under(offer));
        let listed = self.listed_below();
        let below = match listed.len() {
            0 => String::new(),
            1 => ", with 1 node below it".to_owned(),
            more => format!(", with {more} nodes below it"),
        };
        let (from, to) = (before.layer(), after.layer());
        let layers = if from == to {
            format!("it stays in layer {to}")
        } else {
            format!("from layer {from} to layer {to}")
        };
        let name = offer.name_reason.as_ref().map_or(String::new(), |why| format!("; {why}"));
        let unsure = offer.unsure.as_ref().map_or(String::new(), |why| {
            let id = offer.id.short();
            format!("; that id:{id}… is there the main server did not confirm ({why})")
        });
        format!("{before} will be {after}{below}; {layers}{name}{unsure}")
    }

    fn plan_value(&self, offer: &Offer) -> Value {
        let (before, after) = (self.path(), self.place_under(offer));
        let listed = self.listed_below();
        let servers = listed.iter().filter(|(_, is_server)| *is_server).count();
        let place = |path: &NodePath| {
            let below = &path.names()[before.layer()..];
            let moved = after.names().iter().chain(below).cloned().collect();
            let pair = [path.to_string(), NodePath::from_names(moved).to_string()];
            Value::list(pair.map(Value::from))
        };
        let own = Value::list([before.to_string(), after.to_string()].map(Value::from));
        let others = listed.iter().take(MOVED_PLACES_MAX).map(|(path, _)| place(path));
        let mut plan = vec![
            ("id", Value::from(self.config.id.to_string())),
            ("under", Value::from(offer.id.to_string())),
            ("before", Value::from(before.to_string())),
            ("after", Value::from(after.to_string())),
            ("servers", Value::from(servers as u64)),
            ("clients", Value::from((listed.len() - servers) as u64)),
            ("places", Value::list(std::iter::once(own).chain(others))),
            ("text", Value::from(self.plan_text(offer))),
        ];
        if let Some(why) = &offer.name_reason {
            plan.push(("name_reason", Value::from(why.as_str())));
        }
        Value::map(plan)
    }

    /// Whatever moves along and is on lists: its place, and whether it is a server.
    fn listed_below(&self) -> Vec<(NodePath, bool)> {
        let mut below = self.tree.records();
        below.retain(|record| record.role.is_listed());
        let place = |id| self.path_of(id).filter(|path| path.layer() >= self.path().layer());
        below.into_iter().filter_map(|r| Some((place(r.id)?, r.role.is_server()))).collect()
    }

    /// The new parent's side: would this node be taken, and where would it be?
    pub(super) fn on_take_ask(&mut self, now: Moment, frame: &Frame) {
        let child = frame.header.source;
        let checked = match body::read::<TakeAsk>(&frame.payload) {
            Ok(ask) => {
                if let Some(pass) = ask.pass {
                    // By a bad one nobody knows whose visit it is, and then it may move nobody.
                    let _ = self.take_pass(ask.actor, pass);
                }
                self.check_take(child, &ask).map(|address| (ask.hello, address))
            }
            Err(bad) => Err(Refusal::new(RefusalKind::BadArguments, bad.to_string())),
        };
        let (hello, address) = match checked {
            Ok(checked) => checked,
            Err(refusal) => return self.reply(now, caller_of(frame), Outcome::Refused(refusal)),
        };
        let (name, reason) = self.name_for(child, &hello);
        let mut answer = vec![
            ("id", Value::from(self.config.id.to_string())),
            ("address", Value::from(address.to_string())),
            ("path", Value::from(self.path().to_string())),
        ];
        answer.extend(name.map(|name| ("name", Value::from(name.to_string()))));
        answer.extend(reason.map(|reason| ("name_reason", Value::from(reason))));
        let answer = Value::map(answer);
        let Some(inbound) = self.take_in(now, caller_of(frame), frame) else { return };
        if hello.role.is_server() {
            self.rehearse_edge(now, (child, &hello), inbound, answer);
        } else {
            self.answer_with(now, inbound, Outcome::Reply(answer));
        }
    }

    /// Where it would have to knock, or why it need not try.
    fn check_take(&self, child: NodeId, ask: &TakeAsk) -> Result<Address, Refusal> {
        let me = &self.name;
        let refuse = |kind, text: String| Err(Refusal::new(kind, text));
        let Some(address) = self.config.address.clone().filter(|_| self.accepts_children()) else {
            return refuse(RefusalKind::WrongRole, format!("{me} takes nobody below it"));
        };
        if self.stopping.is_some() || self.roll_call.is_some() {
            return refuse(RefusalKind::Stopping, format!("{me} is carrying out another order"));
        }
        if self.links.child(child).is_some() {
            let hint = match self.standing {
                Some(_) => "; s.settle at the main server says that it belongs there",
                None => "",
            };
            return refuse(RefusalKind::NotPossible, format!("it is below {me} already{hint}"));
        }
        self.check_hello(child, &ask.hello)?;
        // The mover tells who wants it: it could come here without telling, so it gains nothing by
        // a lie.
        if !self.holds(ask.actor, &Permission::admin()) {
            let text = format!("to move a node below {me} one must be admin there");
            return refuse(RefusalKind::NoPermission, text);
        }
        Ok(address)
    }

    const fn accepts_children(&self) -> bool {
        self.config.role.accepts_children()
    }
}

impl Offer {
    fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_text);
        let name = match text("name") {
            Some(name) => Some(Name::known(name).ok()?),
            None => None,
        };
        Some(Self {
            id: text("id")?.parse().ok()?,
            address: Address::new(text("address")?),
            path: text("path")?.parse().ok()?,
            name,
            name_reason: text("name_reason").map(sanitise_line),
            unsure: None,
        })
    }
}

/// A time in seconds that somebody can have meant.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Int(seconds) => u32::try_from(*seconds).ok().map(f64::from)?,
        Value::Float(seconds) => *seconds,
        Value::Text(typed) => typed.parse().ok()?,
        _ => return None,
    };
    let sensible = seconds > 0.0 && seconds <= RETURN_AFTER_MAX.as_secs_f64();
    sensible.then(|| Duration::from_secs_f64(seconds))
}

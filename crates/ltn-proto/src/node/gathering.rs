//! What this node says to many: who fits is read page by page, then each is asked by id, so many at
//! a time. All state is here, at the one who asks; servers in between hold nothing.

use std::time::Duration;

use super::NodeState;
use super::asking::{call, check_size, milliseconds, request, send};
use crate::body::{self, Select, Selected, Siblings};
use crate::event::{Addressee, Content, Event, Gathered, ManyEvent, ManyOp, Output, Whom, Wording};
use crate::frame::{Flags, Frame, Header, Kind};
use crate::gatherings::{Gathering, Purpose, Waiting};
use crate::id::{NodeId, OpId};
use crate::limits::{ANSWER_TIME_MAX, GATHERINGS_MAX};
use crate::moment::Moment;
use crate::outcome::{NoRoute, Outcome, Refusal, RefusalKind};
use crate::pass::Pass;
use crate::path::{NodePath, Target};
use crate::requests::{Open, Origin, Question, Stage};
use crate::selector::{Pattern, Selector};
use crate::snapshot::TreeNode;
use crate::text::span;
use crate::value::Value;

impl NodeState {
    pub(super) fn on_many(&mut self, now: Moment, op: ManyOp) {
        match op {
            ManyOp::Select { op, selector, timeout } => {
                self.begin_gathering(now, op, (Purpose::List, timeout), Whom::Fitting(selector));
            }
            ManyOp::Gather { op, whom, what, timeout } => {
                self.begin_gathering(now, op, (Purpose::Say(what), timeout), whom);
            }
            ManyOp::Watch { op, places } => self.follow(now, op, &places),
            ManyOp::Taken { op, count } => {
                self.gatherings.taken(op, count);
                self.news_taken(now, op, count);
            }
            ManyOp::Abandon { op } => {
                self.gatherings.end(op);
                self.unfollow(now, op);
            }
        }
    }

    fn begin_gathering(
        &mut self,
        now: Moment,
        op: OpId,
        (purpose, timeout): (Purpose, Duration),
        whom: Whom,
    ) {
        if let Err(refusal) = self.may_gather(&purpose) {
            return self.event(Event::Ended { op, outcome: Outcome::Refused(refusal) });
        }
        let timeout = timeout.min(ANSWER_TIME_MAX);
        let mut gathering = Gathering::new(purpose, now + timeout);
        match whom {
            Whom::These(addressees) => {
                gathering.complete = true;
                let total = addressees.len();
                for waiting in self.in_turns(addressees) {
                    if gathering.name(waiting.id) {
                        gathering.wait(waiting);
                    }
                }
                self.gatherings.begin(op, gathering);
                self.event(Event::Many(ManyEvent::Counted { op, total }));
            }
            Whom::Fitting(Selector::Many(pattern)) => {
                let Some(pattern) = pattern.absolute(&self.speaker()) else {
                    let outcome = self.no_route(format!("{pattern} is above the main server"));
                    return self.event(Event::Ended { op, outcome });
                };
                gathering.pattern = Some(pattern);
                self.gatherings.begin(op, gathering);
            }
            Whom::Fitting(Selector::One(target)) => match target.absolute(&self.speaker()) {
                Some(path) => {
                    gathering.pattern = Some(Pattern::exactly(&path));
                    self.gatherings.begin(op, gathering);
                }
                None => {
                    gathering.reading = true;
                    self.gatherings.begin(op, gathering);
                    self.ask_for(now, Origin::Named(op), target, None, timeout);
                }
            },
        }
    }

    fn may_gather(&self, purpose: &Purpose) -> Result<(), Refusal> {
        if self.stopping.is_some() {
            return Err(Refusal::new(RefusalKind::Stopping, "this node is stopping"));
        }
        if self.gatherings.len() >= GATHERINGS_MAX {
            let text = format!("{GATHERINGS_MAX} roll calls are under way, which is the most");
            return Err(Refusal::new(RefusalKind::Busy, text));
        }
        match purpose {
            Purpose::List => Ok(()),
            Purpose::Say(wording) => question_of(wording, None, None).map(drop),
        }
    }

    /// Where relative places start: a visitor has no place of his own, and speaks from the server
    /// that he visits.
    pub(super) fn speaker(&self) -> NodePath {
        let here = self.path();
        if self.config.role.is_listed() { here } else { here.parent().unwrap_or(here) }
    }

    /// The lowest layers first; the servers above this node last, the highest of them first.
    fn in_turns(&self, addressees: Vec<Addressee>) -> Vec<Waiting> {
        let here = self.path();
        let turn = |path: &NodePath| {
            let is_above = path.contains(&here) && *path != here;
            (is_above, if is_above { path.layer() } else { usize::MAX - path.layer() })
        };
        let mut addressees = addressees;
        addressees.sort_by_key(|addressee| turn(&addressee.path));
        let mut turns = 0;
        let mut before = None;
        let in_turn = |Addressee { id, path, token }| {
            let this = turn(&path);
            turns += usize::from(before.replace(this).is_some_and(|before| before != this));
            Waiting { id, path, token, lost: None, turn: turns }
        };
        addressees.into_iter().map(in_turn).collect()
    }

    /// A single node was looked for by id or name, and found or not.
    pub(super) fn on_one_named(&mut self, op: OpId, outcome: Outcome) {
        let Some(gathering) = self.gatherings.get_mut(op) else { return };
        gathering.reading = false;
        let path = match &outcome {
            Outcome::Reply(place) => place.get("path").and_then(Value::as_text),
            _ => None,
        };
        match path.and_then(|text| text.parse().ok()) {
            Some(path) => gathering.pattern = Some(Pattern::exactly(&path)),
            None => gathering.failure = Some(outcome),
        }
        self.gatherings.stir(op);
    }

    /// Lets all go on that can. Called once for each input, so that one answer that leads to the
    /// next one does so in a loop and not ever deeper.
    pub(super) fn settle_gatherings(&mut self, now: Moment) {
        while let Some(op) = self.gatherings.pop_restless() {
            while let Some(next) = self.gatherings.next(now, op) {
                self.ask_one(now, op, next);
            }
            let Some(gathering) = self.gatherings.get(op) else { continue };
            if gathering.wants_page() {
                self.read_page(now, op);
            } else if gathering.is_over() {
                let failure = self.gatherings.end(op).and_then(|gathering| gathering.failure);
                let outcome = failure.unwrap_or(Outcome::Reply(Value::Null));
                self.event(Event::Ended { op, outcome });
            }
        }
    }

    fn ask_one(&mut self, now: Moment, op: OpId, next: Waiting) {
        let Some(gathering) = self.gatherings.get(op) else { return };
        let Waiting { id, path, token, lost, .. } = next;
        if let Some(text) = lost {
            let at = gathering.server.map_or_else(String::new, |server| self.where_is(server));
            let outcome = Outcome::NoRoute(NoRoute { at, text });
            return self.on_gathered(op, Gathered { id, path, outcome, took: Duration::ZERO });
        }
        let timeout = gathering.deadline.since(now);
        let Purpose::Say(wording) = &gathering.purpose else { return };
        match question_of(wording, token, self.own_pass()) {
            Ok(question) => {
                let origin = Origin::Gathered { op, id, path };
                self.ask_for(now, origin, Target::Id(id), Some(question), timeout);
            }
            Err(refusal) => {
                let outcome = Outcome::Refused(refusal);
                self.on_gathered(op, Gathered { id, path, outcome, took: Duration::ZERO });
            }
        }
    }

    /// One of many has ended.
    pub(super) fn on_gathered(&mut self, op: OpId, entry: Gathered) {
        if self.gatherings.ended(op, entry.id) {
            self.event(Event::Many(ManyEvent::Gathered { op, entry }));
        }
    }

    /// Reads the next page: here, or at the server that had the one before, or at the first one
    /// upwards that has them all.
    fn read_page(&mut self, now: Moment, op: OpId) {
        let Some(gathering) = self.gatherings.get_mut(op) else { return };
        let Some(pattern) = gathering.pattern.clone() else { return };
        gathering.reading = true;
        let (server, deadline) = (gathering.server, gathering.deadline);
        let select = Select { pattern, after: gathering.mark.clone() };
        if server.is_none_or(|server| server == self.config.id)
            && let Some(page) = self.page_here(now, &select)
        {
            return match page {
                Ok(selected) => self.take_page(op, self.config.id, selected),
                Err(outcome) => self.on_page_failed(op, outcome),
            };
        }
        let question =
            Question { kind: Kind::SELECT, flags: Flags::default(), payload: body::write(&select) };
        if let Some(server) = server {
            let timeout = deadline.since(now);
            return self.ask_for(
                now,
                Origin::Page(op),
                Target::Id(server),
                Some(question),
                timeout,
            );
        }
        let Some(link) = self.uplink.parent.as_ref().map(|parent| parent.link) else {
            let outcome = self.no_route(self.not_my_area(&select.pattern));
            return self.on_page_failed(op, outcome);
        };
        let id = self.random.number();
        let mut header = Header::new(Kind::SELECT, self.config.id, NodeId::NOBODY);
        header.id = id;
        header.flags = Flags::ANSWER_WANTED;
        header.time_left_ms = milliseconds(deadline.since(now));
        let payload = question.payload.clone();
        self.requests.open(
            id,
            Open {
                origin: Origin::Page(op),
                target: Target::Root,
                question: Some(question),
                stage: Stage::Resolving,
                link: Some(link),
                asked: now,
                deadline,
                from_memory: false,
                path: None,
                called: None,
            },
        );
        self.outputs.push_back(Output::Transmit { link, frame: Frame { header, payload } });
    }

    /// A page has come.
    pub(super) fn on_selected(&mut self, now: Moment, frame: &Frame) {
        let (id, server) = (frame.header.id, frame.header.source);
        let open = self.requests.get(id).filter(|open| match open.stage {
            Stage::Resolving => true,
            Stage::Sent(node) => node == server,
        });
        let Some(Origin::Page(op)) = open.map(|open| &open.origin) else {
            self.counters.late_replies += 1;
            return;
        };
        let op = *op;
        match body::read::<Selected>(&frame.payload) {
            Ok(selected) => {
                self.requests.close(id);
                self.take_page(op, server, selected);
            }
            Err(bad) => self.end_request(now, id, Outcome::Unknown(bad.to_string())),
        }
    }

    /// The list ends before its end.
    pub(super) fn on_page_failed(&mut self, op: OpId, outcome: Outcome) {
        let Some(gathering) = self.gatherings.get_mut(op) else { return };
        gathering.reading = false;
        gathering.failure.get_or_insert(outcome);
        self.gatherings.stir(op);
    }

    fn take_page(&mut self, op: OpId, server: NodeId, selected: Selected) {
        let records_max = self.config.limits.records + 1;
        let Some(gathering) = self.gatherings.get_mut(op) else { return };
        gathering.reading = false;
        gathering.server = Some(server);
        gathering.complete = selected.next.is_none();
        let is_stuck = !gathering.complete && selected.next == gathering.mark;
        gathering.mark.clone_from(&selected.next);
        let (total, version) = (selected.total, selected.version);
        let total = total.map(|total| usize::try_from(total).unwrap_or(usize::MAX));
        let mut nodes = Vec::new();
        let mut lost = Vec::new();
        let mut is_strange = false;
        for (node, behind) in nodes_of(selected) {
            if !gathering.fits(&node.path, node.role) {
                is_strange = true;
            } else if gathering.name(node.id) {
                lost.push(behind);
                nodes.push(node);
            }
        }
        if gathering.named() > records_max || is_stuck {
            let text = "a server answers with a list without an end";
            gathering.failure = Some(Outcome::Failed(text.to_owned()));
        }
        if is_strange {
            let text = "a server lists nodes that do not fit, and these were left out";
            let refusal = Refusal::new(RefusalKind::Misbehaved, text);
            gathering.failure.get_or_insert(Outcome::Refused(refusal));
        }
        match &gathering.purpose {
            Purpose::List => {
                self.event(Event::Many(ManyEvent::Selected { op, nodes, total, version }));
            }
            Purpose::Say(_) => {
                for (TreeNode { id, path, .. }, lost) in nodes.into_iter().zip(lost) {
                    gathering.wait(Waiting { id, path, token: None, lost, turn: 0 });
                }
                if let Some(total) = total {
                    self.event(Event::Many(ManyEvent::Counted { op, total }));
                }
            }
        }
        self.gatherings.stir(op);
    }

    /// The time of a roll call, or of a list, is over. Questions that are open end by themselves.
    pub(super) fn on_gathering_due(&mut self, op: OpId) {
        for Waiting { id, path, lost, .. } in self.gatherings.give_up(op) {
            let text = lost.unwrap_or_else(|| "its turn did not come in time".to_owned());
            let outcome = self.no_route(text);
            self.on_gathered(op, Gathered { id, path, outcome, took: Duration::ZERO });
        }
        let late = self.no_route("not all who fit were named in time".to_owned());
        if let Some(gathering) = self.gatherings.get_mut(op)
            && !gathering.complete
        {
            gathering.failure.get_or_insert(late);
        }
        self.gatherings.stir(op);
    }

    /// This node stops: nobody else gets his turn.
    pub(super) fn end_all_gatherings(&mut self) {
        for op in self.gatherings.ops() {
            for Waiting { id, path, .. } in self.gatherings.give_up(op) {
                let refusal = Refusal::new(RefusalKind::Stopping, "this node is stopping");
                let outcome = Outcome::Refused(refusal);
                self.on_gathered(op, Gathered { id, path, outcome, took: Duration::ZERO });
            }
            if let Some(gathering) = self.gatherings.get_mut(op)
                && !gathering.complete
            {
                let refusal = Refusal::new(RefusalKind::Stopping, "this node is stopping");
                gathering.failure.get_or_insert(Outcome::Refused(refusal));
            }
            self.gatherings.stir(op);
        }
    }
}

/// What is said to one of many.
fn question_of(
    wording: &Wording,
    token: Option<[u8; 16]>,
    pass: Option<Pass>,
) -> Result<Question, Refusal> {
    let question = match wording {
        Wording::Send(content) => {
            if let Content::Value(value) = content {
                super::asking::check_value(value)?;
            }
            send(content.clone())
        }
        Wording::Request { name, argument } => request(name.clone(), argument.clone())?,
        Wording::Call { command, arguments } => {
            call((command.clone(), arguments.clone()), token, pass)?
        }
    };
    check_size(&question)?;
    Ok(question)
}

/// The nodes of a page, each with why it is out of reach, if it is.
fn nodes_of(selected: Selected) -> Vec<(TreeNode, Option<String>)> {
    let Selected { at, top, above, groups, .. } = selected;
    let top = top.map(|top| (tree_node(top, above, at), None));
    let below = groups.into_iter().flat_map(|Siblings { parent, path, lost_at, nodes }| {
        nodes.into_iter().map(move |listed| {
            let path = path.child(listed.name.clone());
            let node = tree_node(listed, parent, path);
            let lost = node.stale_for.map(|stale| {
                let behind = lost_at.as_ref().map_or_else(
                    || "its own link is lost".to_owned(),
                    |path| format!("it is behind {path}, which is lost"),
                );
                format!("out of reach for {}: {behind}", span(stale))
            });
            (node, lost)
        })
    });
    top.into_iter().chain(below).collect()
}

fn tree_node(listed: body::Listed, parent: NodeId, path: NodePath) -> TreeNode {
    TreeNode {
        id: listed.id,
        parent,
        name: listed.name,
        path,
        role: listed.role,
        edition: listed.edition,
        address: listed.address,
        stale_for: listed.stale_ms.map(Duration::from_millis),
        servers: listed.servers.unwrap_or(0) as usize,
        clients: listed.clients.unwrap_or(0) as usize,
    }
}

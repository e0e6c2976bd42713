//! Orders to stop or restart: spread to the leaves, collected as a roll call, leaves first.
//!
//! A server passes the order on, tells its clients, waits until all servers below have reported
//! and gone, and reports itself. Servers between the root and the one who gave the order go last,
//! because the report travels through them.
//!
//! Stopped is who said itself that it stops, as the last word on its link, and was not back for
//! three seconds. That it said so is seen by its parent; that it stays away, by the one who leads
//! the roll call, whose map shows whoever comes back anywhere. So all these seconds run at the same
//! time, and a tree of many layers waits for three of them in all: would each parent wait for its
//! own children, each layer would cost three more, and those above would still have to look.

use std::time::Duration;

use super::NodeState;
use super::reporting::{given, report_value};
use crate::body::{self, OrderCheck, OrderGo, OrderNoted, OrderReport};
use crate::durable::WriteId;
use crate::event::Event;
use crate::frame::{Frame, Header, Kind};
use crate::id::{InboundId, LinkId, NodeId};
use crate::limits::{ORDER_LIFETIME, ORDER_MARGIN, STOPPED_WATCH};
use crate::moment::Moment;
use crate::outcome::{CloseReason, Outcome, Refusal, RefusalKind, RollCallEntry, RollCallOutcome};
use crate::path::NodePath;
use crate::rollcall::{Giver, Heard, Order, RollCall, Stage};
use crate::text::sanitise_line;

impl NodeState {
    /// Leads an order over these servers, and what is below them if it says so.
    pub(super) fn lead_order(
        &mut self,
        now: Moment,
        inbound: InboundId,
        order: Order,
        servers: &[NodeId],
    ) {
        let order = Order { number: self.random.number(), ..order };
        let mut roll = RollCall::new(
            order,
            Giver::Command(inbound),
            now + ORDER_LIFETIME.saturating_sub(STOPPED_WATCH),
            self.config.limits.records,
        );
        if order.includes_me {
            roll.write(RollCallEntry {
                id: self.config.id,
                path: self.path(),
                is_server: true,
                outcome: RollCallOutcome::Stopping,
                detail: "goes last, after this report".to_owned(),
            });
        }
        self.spread(now, roll, servers);
    }

    /// Opens the book of an order to these servers; they are told when that is written down.
    fn spread(&mut self, now: Moment, mut roll: RollCall, servers: &[NodeId]) {
        let order = roll.order;
        let mut asked = servers.to_vec();
        if order.subtree {
            // Visitors are on no list, so nobody waits for word of them either.
            let listed =
                |id: &NodeId| self.tree.get(*id).is_some_and(|record| record.role.is_listed());
            let me = [self.config.id];
            let tops = if order.includes_me { &me[..] } else { servers };
            let below = tops.iter().flat_map(|top| self.tree.subtree(*top));
            asked = below.filter(listed).collect();
        } else if order.includes_me {
            asked.extend(self.own_clients());
        }
        for id in asked {
            roll.write(self.first_entry(now, id));
        }
        roll.next = servers.to_vec();
        if matches!(roll.giver, Giver::Command(_)) {
            // Whatever happens to this server: whom the order was meant for can be read afterwards.
            let plan = report_value(&roll.entries(), order.restart);
            let (number, write) = self.keep_report(None, plan);
            roll.kept = Some(number);
            roll.stage = Stage::Planned(write);
            self.roll_call = Some(roll);
        } else {
            self.roll_call = Some(roll);
            self.pass_order_on(now);
        }
    }

    /// Whom the order is meant for is written down, or cannot be: then nobody is told of it.
    pub(super) fn on_plan_written(&mut self, now: Moment, done: Result<(), String>) {
        let Some(roll) = &mut self.roll_call else { return };
        match done {
            Ok(()) if self.stopping.is_some() => self.give_order_up(now, "this server stops"),
            Ok(()) => {
                roll.stage = Stage::Collecting;
                let (order, entries) = (given(roll.order), roll.entries());
                self.event(Event::RollCallBegun { order, entries });
                self.begin_news(now);
                self.pass_order_on(now);
            }
            Err(why) => self.give_order_up(now, &why),
        }
    }

    /// Does a roll call wait for this to be written down?
    pub(super) fn awaits_plan(&self, write: WriteId) -> bool {
        self.roll_call.as_ref().is_some_and(|roll| roll.stage == Stage::Planned(write))
    }

    fn give_order_up(&mut self, now: Moment, why: &str) {
        let Some(RollCall { giver: Giver::Command(inbound), .. }) = self.roll_call.take() else {
            return;
        };
        let text = format!("the roll call could not be written down ({why}); nobody was told");
        let refusal = Refusal::new(RefusalKind::NotPossible, text);
        self.answer_with(now, inbound, Outcome::Refused(refusal));
    }

    /// The order goes to the servers below, and to the own clients.
    fn pass_order_on(&mut self, now: Moment) {
        let Some(mut roll) = self.roll_call.take() else { return };
        let (order, next) = (roll.order, std::mem::take(&mut roll.next));
        let live: Vec<NodeId> = next.into_iter().filter(|id| self.is_live(*id)).collect();
        for server in &live {
            roll.wait_for(*server);
        }
        let time_left = roll.deadline().since(now).saturating_sub(ORDER_MARGIN);
        if order.includes_me {
            self.tell_clients(now, &mut roll);
        }
        self.roll_call = Some(roll);
        for server in live {
            self.send_order(now, server, order, time_left);
        }
        self.check_roll_call(now);
    }

    /// How a node stands in the book before anything is heard of it.
    fn first_entry(&self, now: Moment, id: NodeId) -> RollCallEntry {
        let record = self.tree.get(id);
        let (outcome, detail) = if self.is_live(id) {
            (RollCallOutcome::Unknown, "nothing was heard of it".to_owned())
        } else {
            (RollCallOutcome::Unreachable, self.out_of_reach_since(now, id))
        };
        RollCallEntry {
            id,
            path: self.path_of(id).unwrap_or_else(NodePath::root),
            is_server: record.is_some_and(|record| record.role.is_server()),
            outcome,
            detail,
        }
    }

    /// The directly joined clients that lists show.
    fn own_clients(&self) -> Vec<NodeId> {
        let is_client = |id: &NodeId| {
            let role = self.tree.get(*id).map(|record| record.role);
            role.is_some_and(|role| !role.is_server() && role.is_listed())
        };
        self.tree.children_of(self.config.id).filter(is_client).collect()
    }

    fn tell_clients(&mut self, now: Moment, roll: &mut RollCall) {
        let issuer = roll.order.issuer;
        for client in self.own_clients() {
            let Some(link) = self.links.child(client) else { continue };
            let mut entry = self.first_entry(now, client);
            entry.outcome = RollCallOutcome::Told;
            entry.detail.clear();
            roll.write(entry);
            if client != issuer {
                self.say_goodbye(now, link, roll.order.restart);
            }
        }
    }

    fn say_goodbye(&mut self, now: Moment, link: LinkId, restart: bool) {
        let reason = if restart { CloseReason::Restarting } else { CloseReason::Stopping };
        let text = format!("{} {reason}", self.name);
        self.close_link(now, link, reason, &text);
    }

    fn send_order(&mut self, now: Moment, to: NodeId, order: Order, time_left: Duration) {
        let Order { number, restart, subtree, issuer, .. } = order;
        let pass = self.pass_of(issuer);
        let body = body::Order { order: number, restart, subtree, issuer, pass };
        let mut header = Header::new(Kind::ORDER, self.config.id, to);
        header.id = number;
        header.time_left_ms = u32::try_from(time_left.as_millis()).unwrap_or(u32::MAX);
        if let Err(why) = self.send_out(now, Frame { header, payload: body::write(&body) })
            && let Some(roll) = &mut self.roll_call
        {
            roll.unreachable(to, &why);
        }
    }

    /// A server above orders this one to go. It is asked first whether it still wants that: the
    /// order may have been on its way for longer than anybody waited.
    pub(super) fn on_order(&mut self, now: Moment, frame: &Frame) {
        let Ok(body) = body::read::<body::Order>(&frame.payload) else { return };
        let giver = frame.header.source;
        if frame.header.time_left_ms == 0 {
            return self.ignore_order("it came when its time was over");
        }
        if self.orders_heard.is_known(body.order) {
            return self.ignore_order("it was heard before");
        }
        let body::Order { order: number, restart, subtree, issuer, pass } = body;
        if let Some(pass) = pass {
            // Whose visit it would be nobody knows by a bad one, and then it may order nothing.
            let _ = self.take_pass(issuer, pass);
        }
        let order = Order { number, restart, subtree, issuer, includes_me: true };
        if let Err(why) = self.check_order(giver) {
            return self.refuse_order(now, giver, number, why);
        }
        if self.obeys_at_once() {
            return self.obey(now, (order, giver), now + ORDER_LIFETIME);
        }
        let nonce = self.random.number();
        self.orders_heard.wait(Heard { order, giver, nonce, asked: now });
        let check = body::write(&OrderCheck { order: number, nonce, node: None });
        self.tell(now, Kind::ORDER_CHECK, giver, check);
    }

    fn check_order(&self, giver: NodeId) -> Result<(), &'static str> {
        if !self.place.ancestors.iter().any(|ancestor| ancestor.id == giver) {
            Err("only a server above may order that")
        } else if !self.config.role.is_server() {
            Err("this node is no server")
        } else if self.stopping.is_some() || self.roll_call.is_some() {
            Err("another order is under way here")
        } else {
            Ok(())
        }
    }

    fn refuse_order(&mut self, now: Moment, giver: NodeId, order: u64, why: &str) {
        let refused = Some(why.to_owned());
        let report = OrderReport { order, entries: Vec::new(), ready: false, refused };
        self.tell(now, Kind::ORDER_REPORT, giver, body::write(&report));
    }

    fn ignore_order(&mut self, why: &str) {
        self.counters.dropped += 1;
        self.event(Event::OrderIgnored { why: why.to_owned() });
    }

    /// A server below asks whether an order of this one still holds.
    pub(super) fn on_order_check(&mut self, now: Moment, frame: &Frame) {
        let Ok(check) = body::read::<OrderCheck>(&frame.payload) else { return };
        let OrderCheck { order, nonce, .. } = check;
        let server = frame.header.source;
        let time_left = self.time_for(now, order);
        if time_left.is_zero() {
            return;
        }
        if self.wants_seals() {
            return self.answer_check(now, server, &check, time_left);
        }
        if !self.roll_call.as_mut().is_some_and(|roll| roll.goes_on(server)) {
            return;
        }
        let time_left_ms = u64::try_from(time_left.as_millis()).unwrap_or(0);
        let go = OrderGo { order, nonce, time_left_ms, node: None, words: None };
        let go = body::write(&go);
        self.tell(now, Kind::ORDER_GO, server, go);
    }

    /// The time that those below have for this order, if it is the one that is under way.
    fn time_for(&self, now: Moment, order: u64) -> Duration {
        let mine = self.roll_call.as_ref().filter(|roll| roll.order.number == order);
        let left = mine.map(|roll| roll.deadline().since(now));
        left.map_or(Duration::ZERO, |left| left.saturating_sub(ORDER_MARGIN))
    }

    /// The order still holds: it is carried out.
    pub(super) fn on_order_go(&mut self, now: Moment, frame: &Frame) {
        let Ok(go) = body::read::<OrderGo>(&frame.payload) else { return };
        let giver = frame.header.source;
        if go.node.is_some_and(|node| node != self.config.id) {
            let time = self.time_for(now, go.order);
            return self.pass_go_on(now, giver, go, time);
        }
        let OrderGo { order, nonce, time_left_ms, words, .. } = go;
        let Some(heard) = self.orders_heard.take(order, nonce, giver) else { return };
        if !self.is_signed_go(&heard, words.as_ref()) {
            return self.ignore_order("the main server has not signed it");
        }
        if !self.may_order(heard.order.issuer) {
            let why = "who gave it is no admin of this server by the network's charter";
            return self.refuse_order(now, giver, order, why);
        }
        // Counted from the question, which is earlier than whatever the giver counts from.
        let time_left = Duration::from_millis(time_left_ms).min(ORDER_LIFETIME);
        let deadline = heard.asked + time_left;
        if deadline <= now {
            return self.ignore_order("its second word came when its time was over");
        }
        if let Err(why) = self.check_order(giver) {
            return self.refuse_order(now, giver, order, why);
        }
        self.obey(now, (heard.order, giver), deadline);
    }

    fn obey(&mut self, now: Moment, (order, giver): (Order, NodeId), deadline: Moment) {
        self.audit_order(now, order);
        let text = match (order.subtree, order.restart) {
            (true, false) => "this server and everything below it was told to shut down",
            (true, true) => "this server and everything below it was told to restart",
            (false, false) => "this server was told to shut down",
            (false, true) => "this server was told to restart",
        };
        self.event(Event::Ordered { restart: order.restart, text: text.to_owned() });
        let servers = if order.subtree { self.own_servers() } else { Vec::new() };
        let most = self.config.limits.records;
        let roll = RollCall::new(order, Giver::Server(giver), deadline, most);
        self.spread(now, roll, &servers);
    }

    /// The directly joined servers, also those out of reach.
    pub(super) fn own_servers(&self) -> Vec<NodeId> {
        let is_server = |id: &NodeId| self.tree.get(*id).is_some_and(|r| r.role.is_server());
        self.tree.children_of(self.config.id).filter(is_server).collect()
    }

    pub(super) fn on_order_report(&mut self, now: Moment, frame: &Frame) {
        let Ok(report) = body::read::<OrderReport>(&frame.payload) else { return };
        let from = frame.header.source;
        if self.roll_call.as_ref().is_none_or(|roll| roll.order.number != report.order) {
            return;
        }
        let entries = report.entries.into_iter().map(|entry| self.check_entry(from, entry));
        let entries = entries.collect();
        let Some(roll) = &mut self.roll_call else { return };
        roll.take_report(now, from, entries);
        if let Some(why) = report.refused {
            roll.refused(from, &sanitise_line(&why));
        } else if report.ready {
            let hold = self.tree.is_below(roll.order.issuer, from);
            let number = roll.order.number;
            if roll.ready(from, hold) {
                self.let_go(now, from, number);
            }
        }
        self.check_roll_call(now);
    }

    fn let_go(&mut self, now: Moment, server: NodeId, number: u64) {
        let noted = body::write(&OrderNoted { order: number });
        self.tell(now, Kind::ORDER_NOTED, server, noted);
    }

    pub(super) fn on_order_noted(&mut self, now: Moment, frame: &Frame) {
        let Ok(noted) = body::read::<OrderNoted>(&frame.payload) else { return };
        let giver = Giver::Server(frame.header.source);
        let is_mine = |roll: &RollCall| roll.order.number == noted.order && roll.giver == giver;
        if self.roll_call.as_ref().is_some_and(is_mine) {
            self.let_everybody_go(now);
        }
    }

    /// A node's link to its parent ended, with this as its last word if it said one.
    pub(super) fn roll_call_lost_one(
        &mut self,
        now: Moment,
        id: NodeId,
        last_word: Option<CloseReason>,
    ) {
        if let Some(roll) = &mut self.roll_call {
            roll.lost(now, id, last_word);
        }
    }

    /// Branches are gone, and with them all who were behind.
    pub(super) fn roll_call_lost(&mut self, now: Moment) {
        let Some(roll) = &self.roll_call else { return };
        let gone: Vec<NodeId> =
            roll.not_gone().into_iter().filter(|id| !self.is_live(*id)).collect();
        if let Some(roll) = &mut self.roll_call {
            gone.into_iter().for_each(|id| roll.lost(now, id, None));
        }
        self.check_roll_call(now);
    }

    /// A node came, or came back.
    pub(super) fn roll_call_sees(&mut self, now: Moment, id: NodeId) {
        if let Some(roll) = &mut self.roll_call {
            roll.is_there(id);
            self.check_roll_call(now);
        }
    }

    /// Nobody waits for the report any more. The order was given and is carried out.
    pub(super) fn roll_call_lost_its_giver(&mut self, now: Moment, parent: NodeId) {
        let reported =
            |roll: &RollCall| roll.stage == Stage::Reported && roll.giver == Giver::Server(parent);
        if self.roll_call.as_ref().is_some_and(reported) {
            self.let_everybody_go(now);
        }
    }

    pub(super) fn on_roll_call_due(&mut self, now: Moment) {
        let Some(roll) = &mut self.roll_call else { return };
        roll.settle(now);
        let is_over = roll.deadline() <= now;
        match roll.stage {
            Stage::Collecting => {
                if is_over {
                    roll.give_up();
                }
                self.check_roll_call(now);
            }
            _ if !is_over => {}
            Stage::Planned(_) => self.give_order_up(now, "the disk does not answer"),
            Stage::Reported => self.let_everybody_go(now),
            Stage::LettingGo => self.leave_by_order(now),
        }
    }

    /// Goes on if nothing is waited for any more.
    fn check_roll_call(&mut self, now: Moment) {
        let Some(roll) = &mut self.roll_call else { return };
        match roll.stage {
            Stage::Collecting if roll.is_complete() => {
                roll.stage = Stage::Reported;
                match roll.giver {
                    Giver::Command(inbound) => self.finish_leading(now, inbound),
                    Giver::Server(giver) => self.report_to(now, giver),
                }
            }
            Stage::LettingGo if roll.held().next().is_none() => self.leave_by_order(now),
            _ => {}
        }
    }

    /// Those that were held may go; this node goes after them, if it goes.
    pub(super) fn let_everybody_go(&mut self, now: Moment) {
        let Some(roll) = &mut self.roll_call else { return };
        if roll.stage == Stage::LettingGo {
            return;
        }
        roll.stage = Stage::LettingGo;
        roll.set_deadline(now + ORDER_MARGIN);
        let number = roll.order.number;
        for server in roll.held().collect::<Vec<_>>() {
            self.let_go(now, server, number);
        }
        self.check_roll_call(now);
    }

    fn leave_by_order(&mut self, now: Moment) {
        let Some(roll) = self.roll_call.take() else { return };
        if roll.order.includes_me {
            self.say_farewell(roll.giver, roll.order);
            self.stop(now, roll.order.restart);
        }
    }
}

//! What the built-in commands do, and the second word that dangerous ones want first.

use std::collections::BTreeSet;

use super::NodeState;
use super::broken::Duty;
use super::journal::How;
use super::renaming::NamedBy;
use crate::address::Address;
use crate::body;
use crate::drawing::draw_tree;
use crate::event::{CallStep, Event, Foretold};
use crate::frame::{Flags, Kind};
use crate::id::{InboundId, NodeId};
use crate::moment::Moment;
use crate::outcome::{Confirmation, Outcome, Refusal, RefusalKind};
use crate::path::Target;
use crate::requests::{Origin, Question};
use crate::rollcall::Order;
use crate::tree::Record;
use crate::uplink::Wish;
use crate::value::Value;

/// How long a node that was sent elsewhere has to get there.
const MOVE_TIME: std::time::Duration = std::time::Duration::from_secs(15);
/// So many bytes of a drawing go into one answer, with a line that says how much is missing.
const DRAWING_BYTES_MAX: usize = crate::limits::MESSAGE_BYTES_MAX - 1_024;
/// So many servers are named in the text of a confirmation; all of them stand in its targets.
const NAMED_MAX: usize = 20;
/// How long a ping for `s.ping` may take.
const PING_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// One run of a built-in command.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) inbound: InboundId,
    pub(super) actor: NodeId,
    pub(super) arguments: Vec<Value>,
    pub(super) token: Option<[u8; 16]>,
    /// The fingerprint of the targets that its issuer signed, where it had to.
    pub(super) proven: Option<[u8; 32]>,
}

impl Run {
    /// A text as it was given, for what is parsed and must not be cleaned before.
    pub(super) fn raw_text(&self, index: usize) -> String {
        match self.arguments.get(index) {
            Some(Value::Text(text)) => text.clone(),
            _ => self.text(index),
        }
    }

    /// What the program hears of it.
    pub(super) fn called(
        self,
        command: String,
        (direct, time_left): (bool, std::time::Duration),
        step: CallStep,
    ) -> Event {
        let Self { inbound, actor: from, arguments, .. } = self;
        Event::Called { inbound, from, direct, command, arguments, time_left, step }
    }

    /// The argument at this place as text, fit to be shown; empty where there is none.
    pub(super) fn text(&self, index: usize) -> String {
        self.arguments.get(index).map(Value::to_string).unwrap_or_default()
    }
}

impl NodeState {
    /// Lets the program run its command; a dangerous one wants its second word first.
    pub(super) fn run_offered(
        &mut self,
        now: Moment,
        command: String,
        run: Run,
        (direct, time_left): (bool, std::time::Duration),
    ) {
        let spec = self.offers.command(&command).map(|(spec, _)| spec);
        let (dangerous, foretold) =
            spec.map_or((false, false), |spec| (spec.dangerous, spec.foretold));
        let until = now + time_left;
        let mut confirmed = Vec::new();
        if dangerous && run.token.is_none() {
            if foretold {
                let called = run.called(command, (direct, time_left), CallStep::Rehearsal);
                return self.event(called);
            }
            let text = format!("{} will run `{command}`", self.name);
            return self.offer_token(now, &command, &run, (text, vec![self.config.id]));
        }
        if dangerous {
            let Some(targets) = self.take_token(now, &command, &run) else { return };
            confirmed = targets;
        }
        if dangerous || run.proven.is_some() {
            let how = How::Offered { direct, until, confirmed };
            return self.write_down(now, command, run, how);
        }
        let called = run.called(command, (direct, time_left), CallStep::Run(confirmed));
        self.event(called);
    }

    /// The program has said what a command would do.
    pub(super) fn offer_foretold(&mut self, now: Moment, inbound: InboundId, said: Foretold) {
        let Foretold { actor, command, arguments, text, targets } = said;
        let run = Run { inbound, actor, arguments, token: None, proven: None };
        self.offer_token(now, &command, &run, (text, targets));
    }

    pub(super) fn offer_token(
        &mut self,
        now: Moment,
        command: &str,
        run: &Run,
        (text, targets): (String, Vec<NodeId>),
    ) {
        let token = self.random.token();
        let deed = self.deed(run.actor, command, &run.arguments);
        self.confirmations.offer(token, deed, targets.clone(), now);
        let confirmation = Confirmation { token, text, targets };
        self.answer_with(now, run.inbound, Outcome::Confirm(confirmation));
    }

    /// The targets that the token was given for; answers with a refusal if it does not work.
    pub(super) fn take_token(
        &mut self,
        now: Moment,
        command: &str,
        run: &Run,
    ) -> Option<Vec<NodeId>> {
        let token = run.token?;
        let deed = self.deed(run.actor, command, &run.arguments);
        let again = || (!self.does(Duty::Nonces)).then(|| vec![self.config.id]);
        let again = again();
        let taken = self.confirmations.take(token, &deed, now).or(again);
        let taken = taken.filter(|targets| self.signed_for(run.actor, run.proven, targets));
        if taken.is_none() {
            if run.proven.is_some() {
                let why = self.in_doubt();
                self.audit_refusal(now, run.actor, (command, &run.arguments), &why);
            }
            let answer = match run.proven {
                None => self.answer_to_token(token, run.actor),
                Some(_) => self.in_doubt(),
            };
            self.answer_with(now, run.inbound, answer);
        }
        taken
    }

    pub(super) fn refuse(&mut self, now: Moment, run: &Run, kind: RefusalKind, text: &str) {
        self.answer_with(now, run.inbound, Outcome::Refused(Refusal::new(kind, text)));
    }

    pub(super) fn reply_text(&mut self, now: Moment, run: &Run, text: String) {
        self.answer_with(now, run.inbound, Outcome::Reply(Value::Text(text)));
    }

    /// Runs a command that comes with every node.
    pub(super) fn run_built_in(&mut self, now: Moment, command: &str, run: Run) {
        match command {
            "s.help" => {
                let told = self
                    .help(&run)
                    .map_or_else(Outcome::Refused, |text| Outcome::Reply(Value::Text(text)));
                self.answer_with(now, run.inbound, told);
            }
            "s.info" => self.info(now, &run),
            "s.why" => self.explain(now, &run),
            "s.ping" => self.ping_caller(now, &run),
            "s.changename" => self.change_name(now, &run),
            "s.getadmin" => self.get_admin(now, &run),
            "s.setadminkey" => self.set_admin_key(now, &run),
            "s.getadminkey" => {
                let text = self.about_admin_key();
                self.reply_text(now, &run, text);
            }
            "s.removeadmin" => self.remove_admin(now, &run),
            "s.getrights" | "s.removerights" | "s.giverights" | "s.takerights" => {
                self.change_rights(now, command, &run);
            }
            "s.mute" | "s.unmute" => self.change_muted(now, command, &run),
            "s.kickuser" => self.kick_users(now, &run),
            "s.kickip" => self.kick_addresses(now, &run),
            "s.connectto" => self.send_caller_to(now, &run),
            "s.connecttohigher" | "s.cth" => self.send_caller_up(now, &run),
            "s.report" => match self.last_report() {
                Ok(report) => self.answer_with(now, run.inbound, Outcome::Reply(report)),
                Err(refusal) => self.refuse(now, &run, refusal.kind, &refusal.text),
            },
            "s.settle" => self.settle(now, run),
            "s.listnetwork" => {
                let text = drawing_that_fits(&draw_tree(&self.snapshot(now).tree));
                self.reply_text(now, &run, text);
            }
            "changename" => {
                self.rename_self(now, &run.raw_text(0), NamedBy::Command(run.inbound));
            }
            "connect" => self.go_to(now, &run, Address::new(&run.text(0))),
            "move" => self.move_by_command(now, &run),
            "disconnect" => {
                let text = format!("{} leaves", self.name);
                self.reply_text(now, &run, text);
                self.leave_parent(now, "was told to leave");
            }
            _ => self.run_dangerous(now, command, &run),
        }
    }

    fn run_dangerous(&mut self, now: Moment, command: &str, run: &Run) {
        let prepared = match self.prepare(now, command, run) {
            Ok(prepared) => prepared,
            Err(refusal) => return self.refuse(now, run, refusal.kind, &refusal.text),
        };
        // Without a higher server there is none to lose.
        let has_none = self.uplink.parent.is_none() && self.goals.home().is_none();
        let harmless = command == "s.sethigherserver" && has_none && !self.wants_seals();
        if run.token.is_none() && !harmless {
            return self.offer_token(now, command, run, prepared);
        }
        if harmless {
            return self.carry_out(now, command, run, &[]);
        }
        let Some(targets) = self.take_token(now, command, run) else { return };
        self.write_down(now, command.to_owned(), run.clone(), How::Dangerous(targets));
    }

    /// Does what was confirmed.
    pub(super) fn carry_out(&mut self, now: Moment, command: &str, run: &Run, targets: &[NodeId]) {
        if self.roll_call.is_some() {
            let text = format!("{} is carrying out another order", self.name);
            return self.refuse(now, run, RefusalKind::Busy, &text);
        }
        match command {
            "move" => self.commit_move(now, run, targets),
            "s.sethigherserver" => self.go_to(now, run, address_of(run)),
            "s.shutdown" | "s.restart" => {
                let restart = command == "s.restart";
                let text = if restart { "is restarting" } else { "is shutting down" };
                let text = format!("{} {text}", self.name);
                self.event(Event::Ordered { restart, text: text.clone() });
                self.reply_text(now, run, text);
                self.stop(now, restart);
            }
            "s.shutdownnetwork" | "s.restartnetwork" => {
                let restart = command == "s.restartnetwork";
                let what = if restart { "restarting" } else { "shutting down" };
                self.event(Event::Ordered { restart, text: format!("the network is {what}") });
                let mut servers = self.own_servers();
                servers.retain(|server| targets.contains(server));
                self.lead_order(now, run.inbound, order(run, restart, true), &servers);
            }
            _ => {
                let (restart, subtree) = (is_restart(command), is_of_subtrees(command));
                let order = Order { subtree, ..order(run, restart, false) };
                let mut tops = targets.to_vec();
                if subtree {
                    tops = self.tops_of(targets);
                    let is_server = |r: &Record| r.role.is_server();
                    tops.retain(|id| self.tree.get(*id).is_some_and(is_server));
                }
                self.lead_order(now, run.inbound, order, &tops);
            }
        }
    }

    /// What a dangerous command will do, in words, and to whom; or why it certainly cannot.
    fn prepare(
        &self,
        now: Moment,
        command: &str,
        run: &Run,
    ) -> Result<(String, Vec<NodeId>), Refusal> {
        let me = &self.name;
        if self.roll_call.is_some() || self.stopping.is_some() {
            let text = format!("{me} is carrying out another order");
            return Err(Refusal::new(RefusalKind::Busy, text));
        }
        match command {
            "s.sethigherserver" => {
                let to = address_of(run);
                self.check_connect(&to).map_err(|refusal| self.still_below(refusal))?;
                let from = self.uplink.parent.as_ref().map(|p| format!(" from {}", p.name));
                let text = format!("{me} will move{} to {to}", from.unwrap_or_default());
                Ok((text, vec![self.config.id]))
            }
            "s.shutdown" | "s.restart" => {
                let what = if command == "s.restart" { "restart" } else { "shut down" };
                let (servers, clients) = self.counts();
                let text = format!("{me} will {what}; {servers} and {clients} are joined to it");
                Ok((text, vec![self.config.id]))
            }
            "s.shutdownnetwork" | "s.restartnetwork" => {
                let what = if is_restart(command) { "restart" } else { "shut down" };
                let tree = self.snapshot(now).tree;
                let servers = tree.iter().filter(|node| node.role.is_server()).count();
                let clients = tree.len() - servers;
                let text = format!(
                    "the whole network will {what}: {} and {}",
                    count(servers, "server"),
                    count(clients, "client")
                );
                Ok((text, tree.iter().map(|node| node.id).collect()))
            }
            _ => self.prepare_servers(now, command, run),
        }
    }

    fn prepare_servers(
        &self,
        now: Moment,
        command: &str,
        run: &Run,
    ) -> Result<(String, Vec<NodeId>), Refusal> {
        let what = if is_restart(command) { "restart" } else { "shut down" };
        let mut targets = Vec::new();
        for index in 0..run.arguments.len() {
            for id in self.find_servers(now, &run.raw_text(index))? {
                if !targets.contains(&id) {
                    targets.push(id);
                }
            }
        }
        let subtrees = is_of_subtrees(command);
        if subtrees {
            targets = self.tops_of(&targets);
        }
        let name = |id: &NodeId| {
            let below = self.tree.subtree(*id).len() - 1;
            let others = match (below, subtrees) {
                (0, _) => String::new(),
                (below, true) => format!(" with all {below} below it"),
                (below, false) => format!(" ({below} below it go on without it)"),
            };
            format!("{}{others}", self.where_is(*id))
        };
        let mut names: Vec<String> = targets.iter().take(NAMED_MAX).map(name).collect();
        let more = targets.len() - names.len();
        names.extend((more > 0).then(|| format!("{more} more")));
        if subtrees {
            // Everybody who goes with them is shown too.
            let all = targets.iter().flat_map(|top| self.tree.subtree(*top));
            let is_listed = |id: &NodeId| self.tree.get(*id).is_some_and(|r| r.role.is_listed());
            targets = all.filter(is_listed).collect();
        }
        Ok((format!("{} will {what}", names.join(", ")), targets))
    }

    /// Those of them that are not below another one of them, with which they go.
    fn tops_of(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        let all: BTreeSet<NodeId> = nodes.iter().copied().collect();
        let above = |id: &NodeId| self.tree.get(*id).map(|record| record.parent);
        let is_top = |id: &&NodeId| {
            !std::iter::successors(above(id), above).any(|above| all.contains(&above))
        };
        nodes.iter().filter(is_top).copied().collect()
    }

    pub(super) fn still_below(&self, refusal: Refusal) -> Refusal {
        match &self.uplink.parent {
            Some(parent) => {
                let (me, above) = (&self.name, &parent.name);
                let text = format!("{}; {me} keeps its place below {above}", refusal.text);
                Refusal::new(refusal.kind, text)
            }
            None => refusal,
        }
    }

    fn go_to(&mut self, now: Moment, run: &Run, to: Address) {
        match self.check_connect(&to) {
            Ok(()) => self.connect(now, to, Wish::Command(run.inbound)),
            Err(refusal) => {
                let refusal = self.still_below(refusal);
                self.refuse(now, run, refusal.kind, &refusal.text);
            }
        }
    }

    fn ping_caller(&mut self, now: Moment, run: &Run) {
        let ping = body::Request { name: "PING".to_owned(), argument: Value::Null };
        let question =
            Question { kind: Kind::REQUEST, flags: Flags::default(), payload: body::write(&ping) };
        let origin = Origin::Stopwatch(run.inbound);
        self.ask_for(now, origin, Target::Id(run.actor), Some(question), PING_TIME);
    }

    fn send_caller_to(&mut self, now: Moment, run: &Run) {
        let address = match run.arguments.get(1) {
            Some(port) => Ok(Address::new(&format!("{}:{port}", run.text(0)))),
            None => self.address_of_server(now, &run.text(0)),
        };
        match address {
            Ok(address) => self.send_caller(now, run, &address),
            Err(refusal) => self.refuse(now, run, refusal.kind, &refusal.text),
        }
    }

    /// The address of the server that is meant: given, or of the sub-server of this name.
    fn address_of_server(&self, now: Moment, text: &str) -> Result<Address, Refusal> {
        let given = Address::new(text);
        if given.socket_addr().is_some() {
            return Ok(given);
        }
        let id = self.find_server(now, text)?;
        let address = self.tree.get(id).and_then(|record| record.address.clone());
        address.ok_or_else(|| {
            Refusal::new(RefusalKind::BadTarget, format!("the address of {text} is not known"))
        })
    }

    fn send_caller_up(&mut self, now: Moment, run: &Run) {
        let above = self.place.ancestors.last();
        match above.filter(|_| self.uplink.parent.is_some()).and_then(|a| a.address.clone()) {
            Some(address) => self.send_caller(now, run, &address),
            None => {
                let text = format!("{} has no higher server now", self.name);
                self.refuse(now, run, RefusalKind::NotPossible, &text);
            }
        }
    }

    /// Sends the caller elsewhere, and answers with what the caller says of it.
    fn send_caller(&mut self, now: Moment, run: &Run, address: &Address) {
        let call = body::Call {
            command: "connect".to_owned(),
            arguments: Value::list([Value::from(address.to_string())]),
            token: None,
            proof: None,
            pass: None,
        };
        let question =
            Question { kind: Kind::CALL, flags: Flags::default(), payload: body::write(&call) };
        let origin = Origin::Relay(run.inbound);
        self.ask_for(now, origin, Target::Id(run.actor), Some(question), MOVE_TIME);
    }
}

fn address_of(run: &Run) -> Address {
    match run.arguments.get(1) {
        Some(port) => Address::new(&format!("{}:{port}", run.text(0))),
        None => Address::new(&run.text(0)),
    }
}

fn is_restart(command: &str) -> bool {
    command.starts_with("s.restart")
}

/// Does it go to everything below those who are named?
fn is_of_subtrees(command: &str) -> bool {
    command.ends_with("subtree")
}

const fn order(run: &Run, restart: bool, whole: bool) -> Order {
    Order { number: 0, restart, subtree: whole, issuer: run.actor, includes_me: whole }
}

pub(super) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// As many lines as fit into one answer, and how many more there are.
fn drawing_that_fits(lines: &[String]) -> String {
    let mut bytes = 0;
    let fitting = lines.iter().take_while(|line| {
        bytes += line.len() + 1;
        bytes <= DRAWING_BYTES_MAX
    });
    let shown = fitting.count();
    let mut text = lines[..shown].join("\n");
    if shown < lines.len() {
        text += &format!("\n… and {} more; `ltn tree` draws them all", lines.len() - shown);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_that_is_too_large_says_how_much_is_missing() {
        let lines = vec!["x".repeat(99); 20_000];
        let text = drawing_that_fits(&lines);
        assert!(text.len() <= crate::limits::MESSAGE_BYTES_MAX);
        let last = text.lines().last().unwrap();
        assert!(last.contains("… and 9525 more"), "{last}");
        assert_eq!(drawing_that_fits(&lines[..2]), lines[..2].join("\n"));
    }
}

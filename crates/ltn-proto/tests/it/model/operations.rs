//! What programs and people do, by chance.

use std::time::Duration;

use ltn_proto::sim::HostId;
use ltn_proto::{ManyOp, Op, OpId, Role, Target, Value, Whom, Wording};

use super::books::{Word, WordKind};
use super::skew::Strange;
use super::totals::Totals;
use super::truth::Truth;
use super::world::{World, content};

const TIMEOUT: Duration = Duration::from_secs(5);
const LONG_TIMEOUT: Duration = Duration::from_secs(30);

impl World {
    /// One random operation of one random node; in calm times only talk.
    pub(crate) fn operate(&mut self, calm: bool) {
        let able: Vec<HostId> = self.network.hosts().filter(|host| self.can_ask(*host)).collect();
        let Some(host) = self.random.pick(&able).copied() else { return };
        if !calm && self.is_homeless(host) && self.random.percent(60) {
            self.join_somebody(host);
            return;
        }
        let talk = 915;
        match self.random.below(if calm { talk } else { 1_050 }) {
            0..240 => self.say(host, WordKind::Send),
            240..380 => self.say(host, WordKind::Cast),
            380..620 => self.say(host, WordKind::Request),
            620..760 => self.say(host, WordKind::Call),
            760..820 => self.locate(host),
            820..840 => self.list(host),
            840..860 => self.gather(host),
            860..865 => self.say_strange(host),
            865..890 => self.offer(host),
            890..915 => self.withdraw(host),
            915..955 => self.move_elsewhere(host),
            955..963 => self.cross_moves(),
            963..970 => self.move_below_itself(),
            970..978 => self.set_higher_server(host),
            978..985 => self.disconnect(host),
            985..988 => self.stop(host, false),
            988..992 => self.stop(host, true),
            992..996 => self.order(host, "s.shutdownserver"),
            996..1_000 => self.order(host, "s.restartserver"),
            1_000..1_030 => self.rename(host),
            1_030..1_040 => self.move_under(host),
            _ => self.back_up(host),
        }
    }

    /// Could it have a server, and neither has nor seeks one?
    fn is_homeless(&self, host: HostId) -> bool {
        self.network.role(host).has_uplink() && !self.network.home(host).wanted
    }

    fn join_somebody(&mut self, host: HostId) {
        let Some(server) = self.random_server(host) else { return };
        let to = self.network.address(server);
        self.begin("join", host, |op| Op::Connect { op, to, persist: false });
    }

    fn random_server(&mut self, besides: HostId) -> Option<HostId> {
        let is_server = |host: &HostId| {
            self.network.role(*host).accepts_children()
                && *host != besides
                && self.network.is_up(*host)
        };
        let servers: Vec<HostId> = self.network.hosts().filter(is_server).collect();
        self.random.pick(&servers).copied()
    }

    fn say(&mut self, host: HostId, kind: WordKind) {
        self.words += 1;
        let number = self.words;
        let (to, meant) = self.target(host);
        let mut word = Word {
            kind,
            by: host,
            op: None,
            to: to.clone(),
            meant,
            said: self.network.now(),
            entered_by_program: true,
        };
        let op = self.network.op_id();
        let asked = match kind {
            WordKind::Send => {
                let content = content(number, &mut self.random);
                Op::Send { op, to, content, timeout: TIMEOUT }
            }
            WordKind::Cast => Op::Cast { to, content: content(number, &mut self.random) },
            WordKind::Request => {
                let names = [
                    "echo",
                    "echo",
                    "echo",
                    "fail",
                    "late",
                    "never",
                    "busy",
                    "absent",
                    "PING",
                    "SERVERDATA",
                    "CLIENTDATA",
                    "LISTNETWORK",
                ];
                let name = self.random.pick(&names).copied().unwrap_or("echo");
                word.entered_by_program = name.chars().all(char::is_lowercase);
                let argument = Value::Int(i128::from(number));
                Op::Request { op, to, name: name.to_owned(), argument, timeout: TIMEOUT }
            }
            WordKind::Call => {
                let commands = ["probe", "probe", "probe", "s.help", "s.info", "s.ping", "absent"];
                let command = self.random.pick(&commands).copied().unwrap_or("probe");
                word.entered_by_program = !command.starts_with("s.");
                let arguments = match command {
                    "probe" => vec![Value::Int(i128::from(number))],
                    _ => Vec::new(),
                };
                let (command, token) = (command.to_owned(), None);
                Op::Call { op, to, command, arguments, token, timeout: TIMEOUT }
            }
        };
        word.op = (kind != WordKind::Cast).then_some(op);
        self.books.borrow_mut().words.insert(number, word);
        let name = match kind {
            WordKind::Send => "send",
            WordKind::Cast => "cast",
            WordKind::Request => "request",
            WordKind::Call => "call",
        };
        Totals::count(&mut self.totals.operations, name, 1);
        self.network.tell(host, asked);
    }

    /// Somebody to talk to, spelled in one of the ways; and who is meant, where that is certain.
    fn target(&mut self, speaker: HostId) -> (Target, Option<HostId>) {
        let hosts: Vec<HostId> = self.network.hosts().filter(|host| *host != speaker).collect();
        let Some(meant) = self.random.pick(&hosts).copied() else { return (Target::Root, None) };
        let truth = Truth::of(&self.network);
        let path = truth.path(&self.network, meant);
        let both_rooted = truth.is_rooted(&self.network, speaker) && path.is_some();
        match (self.random.below(100), path) {
            (0..50, Some(path)) => (Target::Path(path), both_rooted.then_some(meant)),
            (50..75, _) => (Target::Id(self.network.id(meant)), both_rooted.then_some(meant)),
            (75..82, Some(_)) => match self.network.home(meant).name.clone() {
                Some(name) => (Target::Name(name), None),
                None => (Target::Root, None),
            },
            (82..88, _) => (Target::Parent, truth.parents.get(&speaker).copied()),
            (88..94, _) => {
                (Target::Root, truth.is_rooted(&self.network, speaker).then_some(HostId(0)))
            }
            (94..97, _) => ("./nobody".parse().expect("a proper target"), None),
            _ => ("/nobody/at/all".parse().expect("a proper target"), None),
        }
    }

    fn locate(&mut self, host: HostId) {
        let (target, _) = self.target(host);
        self.begin("locate", host, |op| Op::Locate {
            op,
            target,
            confirmed: false,
            timeout: TIMEOUT,
        });
    }

    fn list(&mut self, host: HostId) {
        let call = |op| call(op, Target::Root, "s.listnetwork", Vec::new());
        self.begin("list", host, call);
    }

    /// Somebody pings everybody.
    fn gather(&mut self, host: HostId) {
        let truth = Truth::of(&self.network);
        let whom = Whom::Fitting("/**".parse().expect("a proper pattern"));
        let what = Wording::Request { name: "PING".to_owned(), argument: Value::Null };
        let make = |op| Op::Many(ManyOp::Gather { op, whom, what, timeout: TIMEOUT });
        let op = self.begin("gather", host, make);
        // In a fragment everybody means everybody of the fragment.
        let everywhere = truth.is_rooted(&self.network, host);
        let is_there = |other: &HostId| {
            *other != host
                && everywhere
                && truth.parents.contains_key(other)
                && truth.is_rooted(&self.network, *other)
                && self.network.role(*other).is_listed()
        };
        let expected = self.network.hosts().filter(is_there).collect();
        self.gatherings.insert(op, expected);
    }

    /// Somebody says something that nobody here knows.
    fn say_strange(&mut self, host: HostId) {
        let truth = Truth::of(&self.network);
        let Some(parent) = truth.parents.get(&host).copied() else { return };
        let there = |other: &HostId| {
            *other != host && *other != parent && truth.is_rooted(&self.network, *other)
        };
        let others: Vec<HostId> = self.network.hosts().filter(there).collect();
        let Some(to) = self.random.pick(&others).copied() else { return };
        if !truth.is_rooted(&self.network, host) {
            return;
        }
        let (said, number) = (self.network.now(), self.random.number());
        let frame = self.network.strange_frame(host, to, number);
        let strange = Strange { frame: frame.clone(), by: host, to, said, answered: false };
        self.books.borrow_mut().say_strange(strange);
        Totals::count(&mut self.totals.operations, "strange", 1);
        self.network.inject(host, parent, frame);
    }

    /// Somebody tells a node to go below a server, wherever both are.
    fn move_under(&mut self, host: HostId) {
        let movable = |other: &HostId| self.network.role(*other).has_uplink();
        let all: Vec<HostId> = self.network.hosts().filter(movable).collect();
        let Some(mover) = self.random.pick(&all).copied() else { return };
        let Some(server) = self.random_server(mover) else { return };
        let to = Target::Id(self.network.id(mover));
        let mut arguments = vec![Value::from(self.network.id(server).to_string())];
        if self.random.percent(50) {
            arguments.push(Value::Int(20));
        }
        Totals::count(&mut self.totals.operations, "move-under", 1);
        self.dangerous_call_with(host, to, "move", arguments);
    }

    /// A node gets servers for bad times.
    fn back_up(&mut self, host: HostId) {
        if !self.network.role(host).has_uplink() {
            return;
        }
        let Some(server) = self.random_server(host) else { return };
        Totals::count(&mut self.totals.operations, "back-up", 1);
        self.network.back_up(host, &[server]);
    }

    /// Somebody wants another name, perhaps one that is taken.
    fn rename(&mut self, host: HostId) {
        let name = format!("name{}", self.random.below(30));
        self.begin("rename", host, |op| Op::Rename { op, name });
    }

    fn offer(&mut self, host: HostId) {
        Totals::count(&mut self.totals.operations, "offer", 1);
        self.network.offer(host, "echo");
    }

    fn withdraw(&mut self, host: HostId) {
        Totals::count(&mut self.totals.operations, "withdraw", 1);
        let name = if self.random.percent(50) { "echo" } else { "late" };
        self.network.tell(host, Op::Withdraw { name: name.to_owned() });
    }

    pub(crate) fn move_elsewhere(&mut self, host: HostId) {
        if !self.can_ask(host) || !self.network.role(host).has_uplink() {
            return;
        }
        let Some(server) = self.random_server(host) else { return };
        let to = self.network.address(server);
        self.begin("move", host, |op| Op::Connect { op, to, persist: false });
    }

    /// Two servers want to go below each other at the same time.
    fn cross_moves(&mut self) {
        let truth = Truth::of(&self.network);
        let subs = self.joined_subs(&truth);
        let mut pairs = Vec::new();
        for one in &subs {
            let apart = |two: &&HostId| {
                *one < **two && !truth.is_below(*one, **two) && !truth.is_below(**two, *one)
            };
            pairs.extend(subs.iter().filter(apart).map(|two| (*one, *two)));
        }
        let Some((one, two)) = self.random.pick(&pairs).copied() else { return };
        let mut below = |above: HostId| {
            let servers: Vec<HostId> =
                subs.iter().copied().filter(|sub| truth.is_below(*sub, above)).collect();
            self.random.pick(&servers).copied().unwrap_or(above)
        };
        let targets = [(one, below(two)), (two, below(one))];
        for (mover, target) in targets {
            let to = self.network.address(target);
            self.begin("crossing-move", mover, |op| Op::Connect { op, to, persist: false });
        }
    }

    /// The sub-servers that are joined to somebody and can be asked for something.
    fn joined_subs(&self, truth: &Truth) -> Vec<HostId> {
        let is_sub = |host: &HostId| {
            self.network.role(*host) == Role::SubServer
                && self.can_ask(*host)
                && truth.parents.contains_key(host)
        };
        self.network.hosts().filter(is_sub).collect()
    }

    /// A server wants to go below itself or one of its own.
    fn move_below_itself(&mut self) {
        let truth = Truth::of(&self.network);
        let subs = self.joined_subs(&truth);
        let mut pairs = Vec::new();
        for above in &subs {
            pairs.extend(subs.iter().filter(|s| truth.is_below(**s, *above)).map(|s| (*above, *s)));
        }
        let Some((above, below)) = self.random.pick(&pairs).copied() else { return };
        let to = self.network.address(below);
        self.begin("move-below-itself", above, |op| Op::Connect { op, to, persist: false });
    }

    /// Somebody moves a server from afar.
    fn set_higher_server(&mut self, host: HostId) {
        let is_sub = |host: &HostId| self.network.role(*host) == Role::SubServer;
        let subs: Vec<HostId> = self.network.hosts().filter(is_sub).collect();
        let Some(sub) = self.random.pick(&subs).copied() else { return };
        let Some(server) = self.random_server(sub) else { return };
        let to = Target::Id(self.network.id(sub));
        let address = self.network.address(server).to_string();
        Totals::count(&mut self.totals.operations, "set-higher-server", 1);
        self.dangerous_call(host, to, "s.sethigherserver", address);
    }

    fn disconnect(&mut self, host: HostId) {
        if self.network.role(host).has_uplink() {
            self.begin("disconnect", host, |op| Op::Disconnect { op });
        }
    }

    fn stop(&mut self, host: HostId, restart: bool) {
        if self.network.role(host).is_root() && !restart {
            return;
        }
        let word = if restart { "restart" } else { "stop" };
        Totals::count(&mut self.totals.operations, word, 1);
        self.network.stop(host, restart);
    }

    /// Somebody orders one server to stop or restart.
    fn order(&mut self, host: HostId, command: &'static str) {
        let is_sub = |host: &HostId| self.network.role(*host) == Role::SubServer;
        let subs: Vec<HostId> = self.network.hosts().filter(is_sub).collect();
        let Some(sub) = self.random.pick(&subs).copied() else { return };
        let Some(name) = self.network.home(sub).name.clone() else { return };
        let word = if command == "s.shutdownserver" { "order-stop" } else { "order-restart" };
        Totals::count(&mut self.totals.operations, word, 1);
        self.dangerous_call(host, Target::Root, command, name.to_string());
    }

    fn dangerous_call(&mut self, host: HostId, to: Target, command: &str, argument: String) {
        self.dangerous_call_with(host, to, command, vec![Value::Text(argument)]);
    }

    fn dangerous_call_with(
        &mut self,
        host: HostId,
        to: Target,
        command: &str,
        arguments: Vec<Value>,
    ) {
        let op = self.network.op_id();
        let asked = call(op, to, command, arguments);
        self.dangerous.insert(op, (host, asked.clone()));
        self.network.tell(host, asked);
    }
}

fn call(op: OpId, to: Target, command: &str, arguments: Vec<Value>) -> Op {
    let command = command.to_owned();
    Op::Call { op, to, command, arguments, token: None, timeout: LONG_TIMEOUT }
}

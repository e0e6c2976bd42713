//! One random run: a network is born, lives with operations and faults, is healed, and judged.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use ltn_proto::sim::{Asked, HostId, Mutant, Network, Random, Reaction};
use ltn_proto::{
    Answer, Arity, CommandSpec, Content, ManyOp, Moment, Op, OpId, Parameter, ParameterKind,
    Permission, Refusal, RefusalKind, Role, Value,
};

use super::books::{Books, Keeper, Reply, number_in, number_of};
use super::plan::{Plan, Size};
use super::totals::Totals;
use super::violation::Violation;
use super::watched::{self, Claims};
use super::{gathered, presence, settled, skew, trouble, verdicts};

/// Operations in one round, at most.
const ROUND: usize = 20;
/// A round of talk has this much calm before and after it.
const CALM: Duration = Duration::from_secs(6);
/// A healed network comes to rest within this time.
const SETTLING: Duration = Duration::from_secs(120);

/// After this time every watch is served, and has told of those who came back last.
const WATCHING: Duration = Duration::from_secs(60);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) digest: u64,
    pub(crate) violations: Vec<Violation>,
    pub(crate) totals: Totals,
    pub(crate) picture: String,
}

/// A run under way.
pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) books: Rc<RefCell<Books>>,
    pub(crate) random: Random,
    pub(crate) totals: Totals,
    pub(crate) words: u64,
    /// A host that lies to its parent.
    pub(crate) liar: Option<HostId>,
    /// Commands that may have to be confirmed.
    pub(crate) dangerous: BTreeMap<OpId, (HostId, Op)>,
    pub(crate) plan: Plan,
    /// Whom a gathering has to name, if nothing disturbs it.
    pub(crate) gatherings: BTreeMap<OpId, BTreeSet<HostId>>,
    /// Silent cuts that have to be noticed.
    pub(crate) watches: Vec<Watch>,
    claims: Claims,
    /// Who watches the whole network.
    watchers: Vec<(HostId, OpId)>,
}

/// A link over which nothing comes any more, and nobody is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    pub(crate) child: HostId,
    pub(crate) parent: HostId,
    pub(crate) at: Moment,
    pub(crate) until: Moment,
}

/// Plays the run of this seed.
pub(crate) fn play(size: Size, seed: u64, mutant: Option<Mutant>) -> Report {
    let mut world = World::new(size, seed, mutant);
    world.grow();
    world.live();
    world.heal();
    let World { network, books, mut totals, watches, gatherings, .. } = world;
    verdicts::judge(&network, &mut books.borrow_mut(), &mut totals);
    gathered::judge(&network, &mut books.borrow_mut(), &gatherings, &mut totals);
    skew::judge(&network, &mut books.borrow_mut(), &mut totals);
    watched::judge(&network, &mut books.borrow_mut(), &watches, &mut totals);
    let violations = std::mem::take(&mut books.borrow_mut().violations);
    Report { digest: network.history().digest(), violations, totals, picture: network.draw() }
}

impl World {
    fn new(size: Size, seed: u64, mutant: Option<Mutant>) -> Self {
        // The first number of a seed says little about its neighbours', so mix it first.
        let mut random = Random::new(seed ^ 0x6c74_6e5f_7369_6d00);
        let mut network = Network::new(random.number());
        super::trace_if_wanted(&mut network);
        if let Some(mutant) = mutant {
            network.set_mutant(mutant);
        }
        let books = Rc::new(RefCell::new(Books::default()));
        network.observe(Keeper(Rc::clone(&books)));
        let manners = (Rc::clone(&books), random.fork());
        let (for_manners, mut dice) = manners;
        network.react(move |_, _, asked| react(&for_manners, &mut dice, asked));
        Self {
            network,
            books,
            totals: Totals::default(),
            words: 0,
            liar: None,
            dangerous: BTreeMap::new(),
            plan: Plan::draw(size, &mut random),
            gatherings: BTreeMap::new(),
            watches: Vec::new(),
            claims: Claims::default(),
            watchers: Vec::new(),
            random,
        }
    }

    /// Everybody starts and joins, all in the first seconds.
    fn grow(&mut self) {
        let Plan { nodes, servers, layers, .. } = self.plan;
        let mut layer = vec![0];
        self.network.add(Role::MainServer, "");
        self.watch(HostId(0));
        // One of them may be of a version that says more than the others know.
        let newer = self.random.percent(25).then(|| HostId(self.random.below(nodes)));
        for number in 1..nodes {
            let host = if number <= servers {
                self.network.add(Role::SubServer, &format!("sub{number}"))
            } else if self.random.percent(75) {
                // Some want a name that another one wants as well.
                let number = if self.random.percent(5) { number - 1 } else { number };
                self.network.add(Role::Client, &format!("client{number}"))
            } else {
                self.network.add(Role::Session, "")
            };
            self.offer_all(host);
            newer.into_iter().filter(|it| *it == host).for_each(|it| self.network.make_newer(it));
            let mut server = self.random.below(number.min(servers + 1));
            while layer[server] + 1 > layers {
                server = self.random.below(server);
            }
            layer.push(layer[server] + 1);
            let to = self.network.address(HostId(server));
            self.begin("join", host, |op| Op::Connect { op, to, persist: true });
            let pause = self.random.time(Duration::ZERO, Duration::from_millis(300));
            self.network.run_for(pause);
        }
        self.offer_all(HostId(0));
        if self.random.percent(25) {
            self.liar = Some(HostId(1 + self.random.below(nodes - 1)));
        }
        self.network.run_for(Duration::from_secs(2));
        self.watch(HostId(nodes - 1));
    }

    /// Somebody watches the whole network.
    fn watch(&mut self, host: HostId) {
        let places = "/**".parse().expect("a proper pattern");
        let op = self.begin("watch", host, |op| Op::Many(ManyOp::Watch { op, places }));
        self.watchers.push((host, op));
    }

    fn offer_all(&mut self, host: HostId) {
        for name in ["echo", "fail", "late", "never", "busy"] {
            self.network.offer(host, name);
        }
        self.network.tell(host, Op::OfferCommand { spec: probe() });
    }

    /// Rounds of talk in a calm network, rounds of trouble, in any order.
    fn live(&mut self) {
        let Plan { mut faults, operations: mut left, life, at_once, .. } = self.plan;
        let until = self.network.now() + life;
        while left > 0 || self.network.now() < until {
            let round = 1 + self.random.below(ROUND);
            let round = if left > 0 { round.min(left) } else { round };
            left = left.saturating_sub(round);
            let calm = self.random.percent(40);
            if calm {
                self.network.run_for(CALM);
                trouble::disturb_one(self);
                self.network.run_for(if life.is_zero() { life } else { CALM });
            }
            for _ in 0..round {
                let longest = Duration::from_millis(if calm { 150 } else { 900 });
                let pause = self.random.time(Duration::ZERO, longest);
                self.network.run_for(pause);
                self.claims.look(&self.network, &mut self.books.borrow_mut());
                self.confirm_some();
                self.operate(calm);
                if self.liar.is_some() && self.random.percent(30) {
                    trouble::lie(self);
                }
            }
            if calm {
                self.network.run_for(CALM);
            } else {
                for _ in 0..at_once.min(faults) {
                    faults -= usize::from(trouble::fault(self));
                }
            }
        }
        while faults > 0 {
            faults -= usize::from(trouble::fault(self));
            self.network.run_for(Duration::from_secs(2));
            self.operate(false);
        }
        self.network.run_for(Duration::from_secs(3));
    }

    /// Everything is repaired; after a while everything has to be right.
    fn heal(&mut self) {
        self.network.heal_all();
        let healed = self.network.now();
        for watch in &mut self.watches {
            watch.until = watch.until.min(healed);
        }
        let mut wrong = Vec::new();
        let until = self.network.now() + SETTLING;
        while self.network.now() < until {
            self.network.run_for(Duration::from_secs(5));
            wrong = settled::look(&self.network, &mut self.totals);
            if wrong.is_empty() {
                break;
            }
        }
        let took = self.network.now().since(healed).as_secs();
        if wrong.is_empty() {
            wrong = self.look_at_watchers();
        }
        Totals::most(&mut self.totals.checks, "longest settling, in seconds", took);
        self.books.borrow_mut().violations.extend(wrong);
        for host in self.network.hosts() {
            if self.network.is_up(host) {
                let counters = self.network.snapshot(host).counters;
                let checks = &mut self.totals.checks;
                Totals::count(checks, "forged source refused", counters.forged_sources);
                Totals::count(checks, "late answer dropped", counters.late_replies);
            }
        }
    }

    /// Whom nobody served looks for somebody again, now and then; and some processes that died are
    /// only now started again.
    fn look_at_watchers(&mut self) -> Vec<Violation> {
        let until = self.network.now() + WATCHING;
        loop {
            self.network.run_for(Duration::from_secs(5));
            let wrong = presence::look(&self.network, &self.watchers, &mut self.totals);
            if wrong.is_empty() || self.network.now() >= until {
                return wrong;
            }
        }
    }

    /// Begins an operation and counts it.
    pub(crate) fn begin(
        &mut self,
        word: &'static str,
        host: HostId,
        make: impl FnOnce(OpId) -> Op,
    ) -> OpId {
        Totals::count(&mut self.totals.operations, word, 1);
        self.network.begin(host, make)
    }

    /// Whoever was asked for a confirmation often gives it.
    fn confirm_some(&mut self) {
        let asked: Vec<OpId> = self.dangerous.keys().copied().collect();
        for op in asked {
            let Some(outcome) = self.network.outcome(op).cloned() else { continue };
            let Some((host, call)) = self.dangerous.remove(&op) else { continue };
            let ltn_proto::Outcome::Confirm(confirmation) = outcome else { continue };
            if !self.can_ask(host) || self.random.percent(25) {
                continue;
            }
            if let Op::Call { to, command, arguments, timeout, .. } = call {
                let token = Some(confirmation.token);
                let make = |op| Op::Call { op, to, command, arguments, token, timeout };
                self.begin("confirm", host, make);
            }
        }
    }

    /// Does a program run there that can ask for something now?
    pub(crate) fn can_ask(&self, host: HostId) -> bool {
        self.network.is_up(host) && !self.network.is_paused(host)
    }
}

/// A command that every program of these runs offers.
fn probe() -> CommandSpec {
    let number =
        Parameter { name: "number".to_owned(), kind: ParameterKind::Int, arity: Arity::Required };
    CommandSpec {
        name: "probe".to_owned(),
        description: "answers with its number".to_owned(),
        category: "test".to_owned(),
        parameters: vec![number],
        permission: Permission::user(),
        dangerous: false,
        reach: ltn_proto::Reach::default(),
        foretold: false,
    }
}

/// How the programs of these runs answer, by the name of what is asked.
fn react(books: &Rc<RefCell<Books>>, dice: &mut Random, asked: &Asked) -> Reaction {
    let busy = || Answer::Refused(Refusal::new(RefusalKind::Busy, "too much to do"));
    let soon = dice.time(Duration::ZERO, Duration::from_millis(50));
    let luck = dice.below(100);
    let (number, reaction, reply) = match asked {
        Asked::Message(content) => {
            let number = number_of(content);
            match luck {
                0..3 => (number, Reaction::Never, Reply::Never),
                3..8 => (number, Reaction::After(soon, busy()), Reply::Refused),
                _ => (number, Reaction::After(soon, Answer::Taken), Reply::Taken),
            }
        }
        Asked::Request { name, argument } => {
            let value = Answer::Value(argument.clone());
            let (reaction, reply) = match name.as_str() {
                "fail" => (Reaction::After(soon, Answer::Failed("no".to_owned())), Reply::Failed),
                "busy" => (Reaction::After(soon, busy()), Reply::Refused),
                "late" => (Reaction::After(Duration::from_secs(12), value), Reply::Value),
                "never" => (Reaction::Never, Reply::Never),
                _ => (Reaction::After(soon, value), Reply::Value),
            };
            (number_in(argument), reaction, reply)
        }
        Asked::Call { arguments, .. } => {
            let number = arguments.first().and_then(number_in);
            let value = Answer::Value(Value::List(arguments.clone()));
            match luck {
                0..5 => (number, Reaction::Never, Reply::Never),
                5..15 => {
                    (number, Reaction::After(soon, Answer::Failed("no".to_owned())), Reply::Failed)
                }
                _ => (number, Reaction::After(soon, value), Reply::Value),
            }
        }
    };
    if let Some(number) = number {
        let mut books = books.borrow_mut();
        let at = match &reaction {
            Reaction::After(time, _) => books.now + *time,
            Reaction::Never => books.now,
        };
        books.replies.insert(number, (reply, at));
    }
    reaction
}

/// The content that carries a word's number.
pub(crate) fn content(number: u64, dice: &mut Random) -> Content {
    if dice.percent(50) {
        Content::Text(format!("word {number}"))
    } else {
        Content::Value(Value::Int(i128::from(number)))
    }
}

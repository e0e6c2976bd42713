//! What is certain over many layers: lost branches, moves under way, and time that runs out.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use ltn_proto::sim::{Asked, Observer, Passage, Reaction};
use ltn_proto::{Answer, Kind, Op, OpId};

const LONG: Duration = Duration::from_secs(300);

fn ask_for_long(network: &mut Network, host: HostId, to: &str, name: &str) -> OpId {
    let (to, name) = (to.parse().expect("stories name targets properly"), name.to_owned());
    let argument = Value::Null;
    network.begin(host, |op| Op::Request { op, to, name, argument, timeout: LONG })
}

fn never(network: &mut Network, host: HostId) {
    network.offer(host, "slow");
    network.react(|_, _, asked| match asked {
        Asked::Request { .. } => Reaction::Never,
        other => Reaction::usual(other),
    });
}

#[test]
fn a_question_across_ends_as_unknown_soon_after_its_branch_is_lost() {
    let Demonstration { mut network, sub3, clients, .. } = demonstration();
    never(&mut network, clients[3]);
    let op = ask_for_long(&mut network, clients[0], "/sub1/lower_sub3/client4", "slow");
    network.run_for(SECOND * 20);
    assert_eq!(network.outcome(op), None, "who is there is waited for");
    let before = network.now();
    network.crash(sub3);
    let outcome = network.finish(op);
    let Outcome::Unknown(why) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("out of reach") && why.contains("after it was passed on"), "{why}");
    assert!(network.now().since(before) < SECOND * 4, "{:?}", network.now().since(before));
}

#[test]
fn a_question_to_a_branch_that_falls_silent_ends_with_the_lease_and_not_with_the_deadline() {
    let Demonstration { mut network, sub1, clients, .. } = demonstration();
    never(&mut network, clients[2]);
    let op = ask_for_long(&mut network, clients[0], "/sub1/client3", "slow");
    network.run_for(SECOND);
    let before = network.now();
    network.power_off(sub1);
    assert!(matches!(network.finish(op), Outcome::Unknown(_)));
    assert!(network.now().since(before) < SECOND * 17, "{:?}", network.now().since(before));
}

#[test]
fn who_answers_late_and_is_still_there_is_waited_for() {
    let Demonstration { mut network, clients, .. } = demonstration();
    network.offer(clients[3], "slow");
    network.react(|_, _, asked| match asked {
        Asked::Request { argument, .. } => {
            Reaction::After(SECOND * 100, Answer::Value(argument.clone()))
        }
        other => Reaction::usual(other),
    });
    let op = ask_for_long(&mut network, clients[0], "client4", "slow");
    assert_eq!(network.finish(op), Outcome::Reply(Value::Null));
}

#[test]
fn an_answer_finds_its_way_when_both_ends_have_moved_meanwhile() {
    let Demonstration { mut network, main, sub1, sub2, clients, .. } = demonstration();
    network.offer(clients[3], "slow");
    network.react(|_, _, asked| match asked {
        Asked::Request { argument, .. } => {
            Reaction::After(SECOND * 20, Answer::Value(argument.clone()))
        }
        other => Reaction::usual(other),
    });
    let op = ask_for_long(&mut network, clients[0], "client4", "slow");
    network.run_for(SECOND * 2);
    joins(&mut network, clients[3], main);
    joins(&mut network, clients[0], sub1);
    network.run_for(SECOND * 2);
    joins(&mut network, clients[0], sub2);
    assert_eq!(network.finish(op), Outcome::Reply(Value::Null));
}

#[test]
fn many_who_are_waited_for_cost_one_check_each_and_leave_nothing_behind() {
    let Demonstration { mut network, clients, .. } = demonstration();
    never(&mut network, clients[3]);
    let checks = Rc::new(RefCell::new(0));
    let seen = Rc::clone(&checks);
    network.observe(Count { kind: Kind::RESOLVE, from: clients[0], seen });
    let ops: Vec<OpId> = (0..50)
        .map(|_| ask_for_long(&mut network, clients[0], "/sub1/lower_sub3/client4", "slow"))
        .collect();
    network.run_for(SECOND);
    let before = *checks.borrow();
    network.run_for(SECOND * 20);
    let asked = *checks.borrow() - before;
    assert!((5..=12).contains(&asked), "{asked} checks in 20 s for one node");
    network.crash(clients[3]);
    for op in ops {
        assert!(matches!(network.finish(op), Outcome::Unknown(_)));
    }
    network.run_for(SECOND * 5);
    let after = *checks.borrow();
    network.run_for(SECOND * 20);
    assert_eq!(*checks.borrow(), after, "nobody is asked for whom nobody waits");
    assert_eq!(network.snapshot(clients[0]).open_requests, 0);
}

/// Counts what one host says.
struct Count {
    kind: Kind,
    from: HostId,
    seen: Rc<RefCell<usize>>,
}

impl Observer for Count {
    fn sent(&mut self, _network: &Network, passage: &Passage<'_>) {
        if passage.from == self.from && passage.frame.header.kind == self.kind {
            *self.seen.borrow_mut() += 1;
        }
    }
}

/// The time left of each request, as it leaves each host on its way.
struct Times(Rc<RefCell<Vec<u32>>>);

impl Observer for Times {
    fn sent(&mut self, _network: &Network, passage: &Passage<'_>) {
        if passage.frame.header.kind == Kind::REQUEST {
            self.0.borrow_mut().push(passage.frame.header.time_left_ms);
        }
    }
}

#[test]
fn the_time_left_shrinks_with_each_hop() {
    let mut network = network(50);
    let servers = chain(&mut network, 5);
    let times = Rc::new(RefCell::new(Vec::new()));
    network.observe(Times(Rc::clone(&times)));
    let to = path(&network, servers[5]);
    let outcome = network.request(servers[0], &to, "PING", Value::Null);
    assert!(matches!(outcome, Outcome::Reply(_)));
    let times = times.borrow();
    assert_eq!(times.len(), 5);
    assert!(times.is_sorted_by(|earlier, later| earlier > later), "{times:?}");
}

#[test]
fn nobody_is_asked_in_whose_time_is_over_on_the_way() {
    let mut network = network(51);
    let servers = chain(&mut network, 5);
    network.offer(servers[5], "lamp");
    let to = path(&network, servers[5]).parse().unwrap();
    let (name, argument) = ("lamp".to_owned(), Value::Null);
    let timeout = Duration::from_millis(3);
    let op = network.begin(servers[0], |op| Op::Request { op, to, name, argument, timeout });
    let outcome = network.finish(op);
    assert!(matches!(outcome, Outcome::NoRoute(_) | Outcome::Unknown(_)), "{outcome:?}");
    network.run_for(SECOND * 5);
    let asked = |event: &Event| matches!(event, Event::Requested { .. });
    assert!(!was_told(&network, servers[5], asked), "the asker gave up before");
}

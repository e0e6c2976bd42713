//! The services of the program on this node: its functions, and the tasks that they run in.
//!
//! When one is due is decided by the mind. Here it is run in a task of its own, and however that
//! ends (well, with an error, in a panic) the mind hears of it. This room knows neither links nor
//! the mind: what it has to say leaves it as [`Ask`]s.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ltn_proto::{NodeId, Op, OpId, Outcome, ServiceWish};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::driver::Ask;
use crate::handlers::{Working, guarded};

/// One run of a service, as the mind begins it.
#[derive(Debug, Clone)]
pub(crate) struct DueRun {
    pub(crate) number: u64,
    pub(crate) connections: Vec<NodeId>,
}

/// A function that does the work of a service.
pub(crate) type Routine = Arc<dyn Fn(DueRun) -> Working<(), String> + Send + Sync>;

/// What to do when the mind has agreed.
enum Pending {
    Keep(String, Duration, Routine),
    Remove(String),
}

struct Kept {
    interval: Duration,
    routine: Routine,
    running: Option<AbortHandle>,
}

/// All services of the program, by name.
pub(crate) struct Services {
    kept: BTreeMap<String, Kept>,
    pending: HashMap<OpId, Pending>,
    running: JoinSet<()>,
    ends: mpsc::Sender<Ask>,
}

impl Services {
    /// None yet; ends of runs go to `ends`.
    pub(crate) fn new(ends: mpsc::Sender<Ask>) -> Self {
        Self { kept: BTreeMap::new(), pending: HashMap::new(), running: JoinSet::new(), ends }
    }

    /// The program has asked the mind for something; a new service comes with its function.
    pub(crate) fn asked(&mut self, op: OpId, wish: &ServiceWish, routine: Option<Routine>) {
        let pending = match (wish, routine) {
            (ServiceWish::Keep { name, interval }, Some(routine)) => {
                Pending::Keep(name.clone(), *interval, routine)
            }
            (ServiceWish::Remove { name }, _) => Pending::Remove(name.clone()),
            _ => return,
        };
        self.pending.insert(op, pending);
    }

    /// The mind has agreed, or not.
    pub(crate) fn ended(&mut self, op: OpId, outcome: &Outcome) {
        let Some(pending) = self.pending.remove(&op) else { return };
        if !matches!(outcome, Outcome::Reply(_)) {
            return;
        }
        let before = match pending {
            Pending::Keep(name, interval, routine) => {
                self.kept.insert(name, Kept { interval, routine, running: None })
            }
            Pending::Remove(name) => self.kept.remove(&name),
        };
        if let Some(running) = before.and_then(|kept| kept.running) {
            running.abort();
        }
    }

    /// How a mind that knows nothing yet is told of all services.
    pub(crate) fn declarations(&self) -> Vec<ServiceWish> {
        let keep = |(name, kept): (&String, &Kept)| ServiceWish::Keep {
            name: name.clone(),
            interval: kept.interval,
        };
        self.kept.iter().map(keep).collect()
    }

    /// Runs one in a task of its own.
    pub(crate) fn run(&mut self, name: String, run: DueRun) {
        while self.running.try_join_next().is_some() {}
        let Some(kept) = self.kept.get_mut(&name) else { return };
        let (routine, ends) = (Arc::clone(&kept.routine), self.ends.clone());
        let work = async move {
            let number = run.number;
            let error = match guarded(move || routine(run)).await {
                Ok(result) => result.err(),
                Err(panicked) => Some(panicked.to_string()),
            };
            // A closed queue means that the node stops: nobody is left to hear it.
            let _ = ends.send(Ask::plain(Op::ServiceEnded { name, run: number, error })).await;
        };
        kept.running = Some(self.running.spawn(work));
    }

    /// Ends all that run, and forgets what the mind can no longer agree to.
    pub(crate) fn abort_all(&mut self) {
        self.running.abort_all();
        self.pending.clear();
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("kept", &self.kept.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ltn_proto::{Refusal, RefusalKind, Value};

    use super::*;

    const OP: OpId = OpId(7);

    fn services() -> (Services, mpsc::Receiver<Ask>) {
        let (ends, asks) = mpsc::channel(8);
        (Services::new(ends), asks)
    }

    fn agreed(services: &mut Services, routine: Routine) {
        let wish = ServiceWish::Keep { name: "it".to_owned(), interval: Duration::from_secs(1) };
        services.asked(OP, &wish, Some(routine));
        services.ended(OP, &Outcome::Reply(Value::Null));
    }

    fn run(services: &mut Services, number: u64) {
        services.run("it".to_owned(), DueRun { number, connections: Vec::new() });
    }

    async fn end_of(routine: Routine) -> Option<String> {
        let (mut services, mut asks) = services();
        agreed(&mut services, routine);
        run(&mut services, 3);
        match asks.recv().await {
            Some(Ask::Op(op)) => match *op {
                Op::ServiceEnded { name, run: 3, error } if name == "it" => error,
                other => panic!("no end: {other:?}"),
            },
            other => panic!("no end: {other:?}"),
        }
    }

    #[tokio::test]
    async fn every_end_of_a_run_is_told() {
        let well: Routine = Arc::new(|_| Box::pin(async { Ok(()) }));
        assert_eq!(end_of(well).await, None);
        let fails: Routine = Arc::new(|_| Box::pin(async { Err("no".to_owned()) }));
        assert_eq!(end_of(fails).await.as_deref(), Some("no"));
        let panics: Routine = Arc::new(|_| Box::pin(async { panic!("oh") }));
        assert_eq!(end_of(panics).await.as_deref(), Some("it panicked"));
        let panics_early: Routine = Arc::new(|_| panic!("oh"));
        assert_eq!(end_of(panics_early).await.as_deref(), Some("it panicked"));
    }

    #[tokio::test]
    async fn what_the_mind_refused_is_not_kept() {
        let (mut services, _asks) = services();
        let wish = ServiceWish::Keep { name: "it".to_owned(), interval: Duration::ZERO };
        services.asked(OP, &wish, Some(Arc::new(|_| Box::pin(async { Ok(()) }))));
        let refusal = Refusal::new(RefusalKind::BadArguments, "no");
        services.ended(OP, &Outcome::Refused(refusal));
        assert!(services.declarations().is_empty() && services.pending.is_empty());
    }

    #[tokio::test]
    async fn a_run_of_a_removed_one_is_ended_with_it() {
        let (mut services, mut asks) = services();
        let (alive, mut ended) = mpsc::channel::<()>(1);
        agreed(
            &mut services,
            Arc::new(move |_| {
                let alive = alive.clone();
                Box::pin(async move {
                    std::future::pending::<()>().await;
                    drop(alive);
                    Ok(())
                })
            }),
        );
        run(&mut services, 1);
        services.asked(OP, &ServiceWish::Remove { name: "it".to_owned() }, None);
        services.ended(OP, &Outcome::Reply(Value::Null));
        assert_eq!(ended.recv().await, None, "nobody holds the other end any more");
        assert!(services.declarations().is_empty() && asks.try_recv().is_err());
    }
}

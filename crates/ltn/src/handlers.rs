//! What this node offers to others: values, functions and commands, and the tasks they run in.
//!
//! Values are answered on the spot, because looking one up runs nobody's code. Functions and
//! commands run in tasks of their own with the time that the asker still has; whatever happens in
//! there (an error, a panic, a time-out) becomes an answer. This room knows neither links nor the
//! mind: answers leave it as [`Ask`]s.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ltn_proto::limits::DECLARATIONS_MAX;
use ltn_proto::{
    Answer, CommandSpec, Foretold, InboundId, NodeId, Op, Refusal, RefusalKind, Value,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::driver::Ask;
use crate::log::Log;
use crate::notice::NoticeKind;
use crate::words::{HandlerError, Invocation, Question};

/// A function of the program at work.
pub(crate) type Working<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
/// A handler at work.
pub(crate) type Running = Working<Value, HandlerError>;

/// A handler at work whose errors become [`HandlerError`]s.
pub(crate) fn running<E, F>(handler: F) -> Running
where
    E: Into<HandlerError>,
    F: Future<Output = Result<Value, E>> + Send + 'static,
{
    Box::pin(async move { handler.await.map_err(Into::into) })
}

/// A function that answers a requestable.
pub(crate) type Function = Arc<dyn Fn(Question) -> Running + Send + Sync>;
/// A function that runs a command.
pub(crate) type Action = Arc<dyn Fn(Invocation) -> Running + Send + Sync>;

/// What a command would do, in words, and to whom.
pub(crate) type Forecast = (String, Vec<NodeId>);
/// A function that says what a command would do.
pub(crate) type Foretell = Arc<dyn Fn(Invocation) -> Working<Forecast, HandlerError> + Send + Sync>;

/// One thing on offer.
#[derive(Clone)]
pub(crate) enum Offer {
    /// A requestable that is a value.
    Value(Value),
    /// A requestable that is a function.
    Function(Function),
    /// A command.
    Command(CommandSpec, Action),
    /// A command of which is said first what it would do.
    Foretold(CommandSpec, Foretell, Action),
}

/// Requestables and commands do not take each other's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sort {
    Requestable,
    Command,
}

impl Offer {
    const fn sort(&self) -> Sort {
        match self {
            Self::Value(_) | Self::Function(_) => Sort::Requestable,
            Self::Command(..) | Self::Foretold(..) => Sort::Command,
        }
    }
}

/// All that the program on this node offers, by sort and name.
pub(crate) struct Handlers {
    offers: HashMap<(Sort, String), Offer>,
    running: JoinSet<()>,
    answers: mpsc::Sender<Ask>,
    log: Log,
}

impl Handlers {
    /// Nothing on offer; what running handlers answer goes to `answers`.
    pub(crate) fn new(answers: mpsc::Sender<Ask>, log: Log) -> Self {
        Self { offers: HashMap::new(), running: JoinSet::new(), answers, log }
    }

    /// How many are at work, and how many things are on offer.
    pub(crate) fn counts(&mut self) -> (usize, usize) {
        while self.running.try_join_next().is_some() {}
        (self.running.len(), self.offers.len())
    }

    /// Puts something on offer, in place of an earlier thing of this name, and says how the mind
    /// is told.
    pub(crate) fn offer(&mut self, name: String, offer: Offer) -> Result<Op, Refusal> {
        let op = declaration(&name, &offer);
        let key = (offer.sort(), name);
        if self.offers.len() >= DECLARATIONS_MAX && !self.offers.contains_key(&key) {
            let text = format!("a node offers {DECLARATIONS_MAX} things at most");
            return Err(Refusal::new(RefusalKind::Full, text));
        }
        self.offers.insert(key, offer);
        Ok(op)
    }

    /// Takes everything of this name off.
    pub(crate) fn withdraw(&mut self, name: &str) {
        for sort in [Sort::Requestable, Sort::Command] {
            self.offers.remove(&(sort, name.to_owned()));
        }
    }

    /// How a mind that knows nothing yet is told of all that is on offer.
    pub(crate) fn declarations(&self) -> Vec<Op> {
        self.offers.iter().map(|((_, name), offer)| declaration(name, offer)).collect()
    }

    /// Somebody asks. A value is the answer at once; a function is started and answers later.
    pub(crate) fn ask(
        &mut self,
        inbound: InboundId,
        name: &str,
        question: Question,
        time_left: Duration,
    ) -> Option<Answer> {
        match self.offers.get(&(Sort::Requestable, name.to_owned())) {
            Some(Offer::Value(value)) => Some(Answer::Value(value.clone())),
            Some(Offer::Function(function)) => {
                let function = Arc::clone(function);
                self.start(inbound, name, time_left, move || valued(function(question)));
                None
            }
            _ => Some(not_offered("requestable", name)),
        }
    }

    /// Somebody calls a command, which is started and answers later.
    pub(crate) fn call(
        &mut self,
        inbound: InboundId,
        name: &str,
        invocation: Invocation,
        time_left: Duration,
    ) -> Option<Answer> {
        let offer = self.offers.get(&(Sort::Command, name.to_owned()));
        let Some(Offer::Command(_, action) | Offer::Foretold(_, _, action)) = offer else {
            return Some(not_offered("command", name));
        };
        let action = Arc::clone(action);
        self.start(inbound, name, time_left, move || valued(action(invocation)));
        None
    }

    /// Somebody wants to know what a command would do.
    pub(crate) fn foretell(
        &mut self,
        inbound: InboundId,
        name: &str,
        invocation: Invocation,
        time_left: Duration,
    ) -> Option<Answer> {
        let offer = self.offers.get(&(Sort::Command, name.to_owned()));
        let Some(Offer::Foretold(_, foretell, _)) = offer else {
            return Some(not_offered("command", name));
        };
        let (foretell, command) = (Arc::clone(foretell), name.to_owned());
        self.start(inbound, name, time_left, move || {
            let (actor, arguments) = (invocation.from, invocation.arguments.clone());
            let told = foretell(invocation);
            Box::pin(async move {
                let (text, targets) = told.await?;
                let said = Foretold { actor, command, arguments, text, targets };
                Ok(Answer::Foretold(Box::new(said)))
            })
        });
        None
    }

    /// Ends all handlers that run: nobody waits for their answers any more.
    pub(crate) fn abort_all(&mut self) {
        self.running.abort_all();
    }

    fn start<F>(&mut self, inbound: InboundId, name: &str, time_left: Duration, run: F)
    where
        F: FnOnce() -> Working<Answer, HandlerError> + Send + 'static,
    {
        while self.running.try_join_next().is_some() {}
        let (answers, log, name) = (self.answers.clone(), self.log.clone(), name.to_owned());
        self.running.spawn(async move {
            let answer = match tokio::time::timeout(time_left, guarded(run)).await {
                Ok(Ok(Ok(answer))) => answer,
                Ok(Ok(Err(HandlerError::Failed(text)))) => Answer::Failed(text),
                Ok(Ok(Err(HandlerError::Refused(refusal)))) => Answer::Refused(refusal),
                Ok(Err(panicked)) => {
                    log.say(NoticeKind::Error, &format!("the handler of {name}: {panicked}"));
                    Answer::Failed(format!("the handler failed: {panicked}"))
                }
                Err(_) => Answer::Failed("it took longer than the caller waits".to_owned()),
            };
            // A closed queue means that the node stops: nobody is left to hear the answer.
            let _ = answers.send(Ask::plain(Op::Answer { inbound, answer })).await;
        });
    }
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handlers").field("offers", &self.offers.keys()).finish_non_exhaustive()
    }
}

fn declaration(name: &str, offer: &Offer) -> Op {
    match offer {
        Offer::Value(_) | Offer::Function(_) => Op::OfferRequestable { name: name.to_owned() },
        Offer::Command(spec, _) | Offer::Foretold(spec, ..) => {
            Op::OfferCommand { spec: spec.clone() }
        }
    }
}

/// The answer of a handler that comes to a value.
fn valued(running: Running) -> Working<Answer, HandlerError> {
    Box::pin(async move { running.await.map(Answer::Value) })
}

fn not_offered(what: &str, name: &str) -> Answer {
    let text = format!("there is no {what} `{name}` here");
    Answer::Refused(Refusal::new(RefusalKind::NotOffered, text))
}

/// A user's function did not come to its end. What it said stays on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it panicked")]
pub(crate) struct Panicked;

/// Runs a user's function so that a panic in it, also before its first await, is a failure like any
/// other: somebody waits for its end.
pub(crate) async fn guarded<T, E, F>(run: F) -> Result<Result<T, E>, Panicked>
where
    F: FnOnce() -> Working<T, E>,
{
    let Ok(mut running) = std::panic::catch_unwind(AssertUnwindSafe(run)) else {
        return Err(Panicked);
    };
    std::future::poll_fn(move |context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn handlers() -> (Handlers, mpsc::Receiver<Ask>) {
        let (answers, asks) = mpsc::channel(8);
        let (log, _) = Log::new(crate::log::Place::default());
        (Handlers::new(answers, log), asks)
    }

    fn function<F, Fut>(function: F) -> Offer
    where
        F: Fn(Question) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, String>> + Send + 'static,
    {
        Offer::Function(Arc::new(move |question| running(function(question))))
    }

    fn question(argument: Value) -> Question {
        Question { from: NodeId::NOBODY, argument }
    }

    async fn answer_of(offer: Offer, time_left: Duration) -> Answer {
        let (mut handlers, mut asks) = handlers();
        handlers.offer("it".to_owned(), offer).unwrap();
        let now = question(Value::Int(20));
        if let Some(answer) = handlers.ask(InboundId(7), "it", now, time_left) {
            return answer;
        }
        match asks.recv().await {
            Some(Ask::Op(op)) => match *op {
                Op::Answer { inbound: InboundId(7), answer } => answer,
                other => panic!("no answer: {other:?}"),
            },
            other => panic!("no answer: {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_value_is_answered_at_once_and_what_is_missing_is_refused() {
        let (mut handlers, _asks) = handlers();
        handlers.offer("name".to_owned(), Offer::Value(Value::Int(1))).unwrap();
        let ask = |handlers: &mut Handlers, name: &str| {
            handlers.ask(InboundId(1), name, question(Value::Null), LONG)
        };
        assert_eq!(ask(&mut handlers, "name"), Some(Answer::Value(Value::Int(1))));
        assert!(matches!(ask(&mut handlers, "other"), Some(Answer::Refused(_))));
        handlers.withdraw("name");
        assert!(matches!(ask(&mut handlers, "name"), Some(Answer::Refused(_))));
    }

    #[tokio::test]
    async fn every_end_of_a_function_is_an_answer() {
        let twice = function(|question: Question| async move {
            let Value::Int(n) = question.argument else { return Err("a number, please".into()) };
            Ok(Value::Int(n * 2))
        });
        assert_eq!(answer_of(twice, LONG).await, Answer::Value(Value::Int(40)));
        let fails = function(|_| async { Err("no".to_owned()) });
        assert_eq!(answer_of(fails, LONG).await, Answer::Failed("no".to_owned()));
        let panics = function(|_| async { panic!("oh") });
        assert!(matches!(answer_of(panics, LONG).await, Answer::Failed(_)));
        let panics_early = Offer::Function(Arc::new(|_| panic!("oh")));
        assert!(matches!(answer_of(panics_early, LONG).await, Answer::Failed(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_never_ends_is_ended() {
        let hangs = function(|_| std::future::pending());
        assert!(matches!(answer_of(hangs, LONG).await, Answer::Failed(_)));
    }

    #[tokio::test]
    async fn a_requestable_and_a_command_may_have_one_name() {
        let (mut handlers, _asks) = handlers();
        handlers.offer("light".to_owned(), Offer::Value(Value::Int(1))).unwrap();
        let action: Action = Arc::new(|_| running(async { Ok::<_, String>(Value::Null) }));
        let spec = CommandSpec::new("light", "");
        handlers.offer("light".to_owned(), Offer::Command(spec, action)).unwrap();
        assert_eq!(handlers.declarations().len(), 2);
        let asked = handlers.ask(InboundId(1), "light", question(Value::Null), LONG);
        assert_eq!(asked, Some(Answer::Value(Value::Int(1))));
    }

    #[tokio::test]
    async fn a_refusal_of_a_function_is_a_refusal() {
        let busy = || HandlerError::from(Refusal::new(RefusalKind::Busy, "later"));
        let refuses = Offer::Function(Arc::new(move |_| running(async move { Err(busy()) })));
        let answer = answer_of(refuses, LONG).await;
        assert_eq!(answer, Answer::Refused(Refusal::new(RefusalKind::Busy, "later")));
    }

    #[tokio::test]
    async fn offers_have_a_maximum() {
        let (mut handlers, _asks) = handlers();
        for n in 0..DECLARATIONS_MAX {
            handlers.offer(n.to_string(), Offer::Value(Value::Null)).unwrap();
        }
        let more = handlers.offer("more".to_owned(), Offer::Value(Value::Null));
        assert_eq!(more.unwrap_err().kind, RefusalKind::Full);
        handlers.offer("0".to_owned(), Offer::Value(Value::Int(0))).unwrap();
        assert_eq!(handlers.declarations().len(), DECLARATIONS_MAX);
    }
}

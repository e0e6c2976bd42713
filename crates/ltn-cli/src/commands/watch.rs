//! Nodes that stay: watching what happens to them, and the wishes of the system to stop.

use std::time::Duration;

use ltn::{CloseReason, Event, Message, Node, RollCallEntry};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

use crate::commands::{chronicle, roll_call, watchdog};
use crate::output::Output;
use crate::trouble::{Ending, Trouble};

/// Ctrl-C and its relatives. Made before anybody is told that the program is up, so that none is
/// missed.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, Trouble> {
        use tokio::signal::unix::{SignalKind, signal};
        let no = |error| Trouble::failed(format!("Ctrl-C cannot be listened for: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(no)?,
            terminate: signal(SignalKind::terminate()).map_err(no)?,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self, Trouble> {
        Ok(Self {})
    }

    /// Waits for the next wish to stop.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        // Where it cannot be listened for, the system ends the program by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What one node lives through.
#[derive(Debug)]
pub(crate) struct Watch {
    node: Node,
    events: broadcast::Receiver<Event>,
    messages: Option<mpsc::Receiver<Message>>,
    /// A message whose sender is being looked for.
    from_somewhere: Option<Message>,
    /// Has it lost its server? Then it is no news that it has no way to the root.
    parted: bool,
}

/// A message is not held back longer than this to find out where its sender is.
const LOOK_UP: Duration = Duration::from_secs(1);

/// Something that happened to a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// Anything but the following.
    Event(Event),
    /// Somebody sent something.
    Message(Message),
    /// The end of a network, as its main server saw it.
    RollCall(Vec<RollCallEntry>),
    /// So many events came too fast to be seen.
    Missed(u64),
    /// The node has stopped; nothing follows.
    Over,
}

impl Watch {
    /// Watches from now on, and takes the node's queue of messages.
    pub(crate) fn new(node: &Node) -> Self {
        let (events, messages) = (node.events(), node.messages());
        Self { node: node.clone(), events, messages, from_somewhere: None, parted: false }
    }

    /// What happens next. May be given up and called again: nothing is lost.
    pub(crate) async fn next(&mut self) -> News {
        while self.from_somewhere.is_none() {
            tokio::select! {
                biased;
                event = self.events.recv() => {
                    if let Some(news) = self.news_of(event) {
                        if news == News::Over {
                            // Its last words, and the last lines of its log, are still under way.
                            self.node.stopped().await;
                        }
                        return news;
                    }
                }
                message = next_message(&mut self.messages) => match message.sender {
                    Some(_) => return News::Message(message),
                    None => self.from_somewhere = Some(message),
                }
            }
        }
        self.place().await
    }

    fn news_of(&mut self, event: Result<Event, RecvError>) -> Option<News> {
        match &event {
            Ok(Event::Disconnected { .. }) => self.parted = true,
            Ok(Event::Connected { .. }) => self.parted = false,
            Ok(Event::Placed { rooted: false, .. }) if self.parted => return None,
            _ => (),
        }
        Some(match event {
            Ok(Event::RollCall { entries, .. }) => News::RollCall(entries),
            Ok(Event::Stopped { restart: false }) | Err(RecvError::Closed) => News::Over,
            Ok(event) => News::Event(event),
            Err(RecvError::Lagged(missed)) => News::Missed(missed),
        })
    }

    /// Finds out where the sender of a message is, if that can be done quickly: people know each
    /// other by their places, not by their ids.
    async fn place(&mut self) -> News {
        let from = self.from_somewhere.as_ref().map(|message| message.from);
        let place = match from {
            Some(from) => tokio::time::timeout(LOOK_UP, self.node.locate(from)).await,
            None => return std::future::pending().await,
        };
        match self.from_somewhere.take() {
            Some(message) => {
                let sender = place.ok().and_then(Result::ok).map(|found| found.path);
                News::Message(Message { sender, ..message })
            }
            None => std::future::pending().await,
        }
    }
}

/// Waits for ever once the queue has ended: the events tell why it did.
async fn next_message(messages: &mut Option<mpsc::Receiver<Message>>) -> Message {
    if let Some(receiver) = messages {
        if let Some(message) = receiver.recv().await {
            return message;
        }
        *messages = None;
    }
    std::future::pending().await
}

/// Shows what happened; `speaker` is the instance it happened to, where there are several.
pub(crate) fn show(output: Output, speaker: Option<&str>, news: &News) {
    let text = match news {
        News::Event(event) => chronicle::of_event(event),
        News::Message(message) => {
            let sender = chronicle::sender_of(message);
            let sender = speaker.map_or(sender.clone(), |name| format!("{name}: {sender}"));
            return output.said(&sender, &chronicle::content_of(message));
        }
        News::Missed(number) => Some(format!("({number} events were missed)")),
        News::Over => Some("has stopped".to_owned()),
        News::RollCall(entries) => return output.roll_call(entries, &roll_call::table(entries)),
    };
    match (text, speaker) {
        (None, _) => (),
        (Some(text), None) => output.happened(&text),
        (Some(text), Some(speaker)) => output.happened(&format!("{speaker}: {text}")),
    }
}

/// Has a node lost its server for good? How well that ended depends on whether it was told.
pub(crate) fn parted_for_good(news: &News) -> Option<Ending> {
    match news {
        News::Event(Event::Disconnected { returning: false, reason, .. }) => {
            let told = matches!(reason, CloseReason::Stopping);
            Some(if told { Ending::All } else { Ending::Some })
        }
        _ => None,
    }
}

/// What is read by who runs a main server whose place another one has taken.
const SUPERSEDED: &str = "error: another main server with this key was restored from a backup, and \
                          is in charge of the network: this one stops. Its directory is of no use \
                          any more; whoever was revoked with it stays out";

/// Shows what happens to a node until it stops or is wished to. Stops it cleanly then. A node that
/// nobody can reach has nothing left to do once its server is gone for good.
pub(crate) async fn stay(
    node: &Node,
    mut watch: Watch,
    signals: &mut Signals,
    output: Output,
) -> Ending {
    let mut ending = Ending::All;
    loop {
        tokio::select! {
            news = watch.next() => {
                show(output, None, &news);
                match news {
                    News::Over => return ending,
                    News::Event(Event::Superseded) => {
                        output.remark(SUPERSEDED);
                        ending = Ending::Untrusted;
                    }
                    News::Event(Event::Stopping { restart: false }) => watchdog::arm(),
                    _ => (),
                }
                if node.address().is_none() && let Some(ending) = parted_for_good(&news) {
                    node.shutdown().await;
                    return ending;
                }
            }
            () = signals.next() => {
                output.happened("stopping");
                return stop(node, signals, output).await;
            }
        }
    }
}

/// Stops a node because its process ends; whoever is joined goes on looking for it, as it may be
/// started again. A second wish does not wait for it.
pub(crate) async fn stop(node: &Node, signals: &mut Signals, output: Output) -> Ending {
    watchdog::arm();
    tokio::select! {
        () = node.go_away() => {
            output.happened("has stopped");
            Ending::All
        }
        () = signals.next() => {
            output.remark("stopped at once, without waiting for the others to be told");
            Ending::Unknown
        }
    }
}

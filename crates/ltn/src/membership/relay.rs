//! A server's part when a machine joins through it: it passes two questions up to the root and the
//! answers back. It reads none of them, and could use nothing that it read.
//!
//! There are few places, and who has one and says nothing holds it only as long as nobody else
//! wants it: an honest machine speaks at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ltn_proto::admission::{JOIN_WORD_BYTES_MAX, JoinAnswer};
use ltn_proto::{Target, Value};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::words::{read_word, write_word};
use crate::node::Node;
use crate::tls::JoinStream;

/// What the root is asked for joiners.
pub(crate) const JOIN: &str = "JOIN";
/// Machines that join through one server at the same time.
const JOINERS_MAX: usize = 16;
/// Joining takes two round trips to the root; whoever takes longer is sent away.
const JOIN_TIME: Duration = Duration::from_secs(10);
/// The questions of one joiner.
const QUESTIONS: usize = 2;

/// The way in for those who want to join. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Joiners {
    queue: mpsc::Sender<JoinStream>,
}

/// Too many want to join at this moment.
#[derive(Debug, thiserror::Error)]
#[error("{JOINERS_MAX} machines are joining already")]
pub(crate) struct TooManyJoiners;

impl Joiners {
    /// The way in, and the end where [`serve`] takes them.
    pub(crate) fn new() -> (Self, mpsc::Receiver<JoinStream>) {
        let (queue, waiting) = mpsc::channel(JOINERS_MAX);
        (Self { queue }, waiting)
    }

    /// Lets this machine in to the door, not through it.
    pub(crate) fn let_in(&self, stream: JoinStream) -> Result<(), TooManyJoiners> {
        self.queue.try_send(stream).map_err(|_| TooManyJoiners)
    }
}

/// Takes joiners to the root until the node has ended.
pub(crate) async fn serve(mut waiting: mpsc::Receiver<JoinStream>, node: Node) {
    let mut hall = Hall::default();
    loop {
        tokio::select! {
            Some(ended) = hall.tasks.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                hall.joiners.retain(|joiner| joiner.task.id() != id);
            }
            stream = waiting.recv() => match stream {
                Some(stream) => hall.take(stream, &node),
                None => return,
            },
        }
    }
}

/// Those who are joining, who came first in front.
#[derive(Debug, Default)]
struct Hall {
    tasks: JoinSet<()>,
    joiners: VecDeque<Joiner>,
}

#[derive(Debug)]
struct Joiner {
    task: AbortHandle,
    /// The root was asked for it and has not answered yet. Otherwise it is its turn to speak.
    waits: Arc<AtomicBool>,
}

impl Hall {
    fn take(&mut self, stream: JoinStream, node: &Node) {
        if self.joiners.len() >= JOINERS_MAX && !self.make_room() {
            tracing::info!("{TooManyJoiners}; one more was sent away");
            return;
        }
        let waits = Arc::new(AtomicBool::new(false));
        let (node, asks) = (node.clone(), Arc::clone(&waits));
        let task = self.tasks.spawn(async move {
            if !matches!(timeout(JOIN_TIME, relay(stream, &node, &asks)).await, Ok(Ok(()))) {
                tracing::info!("a machine that wanted to join went away");
            }
        });
        self.joiners.push_back(Joiner { task, waits });
    }

    /// Who has said nothing for longest goes. `false` if all of them wait for the root.
    fn make_room(&mut self) -> bool {
        let silent = |joiner: &Joiner| !joiner.waits.load(Ordering::Relaxed);
        let oldest = self.joiners.iter().position(silent);
        let gone = oldest.and_then(|place| self.joiners.remove(place));
        gone.is_some_and(|joiner| {
            tracing::info!("a machine that wanted to join said nothing and made room for others");
            joiner.task.abort();
            true
        })
    }
}

async fn relay(mut stream: JoinStream, node: &Node, waits: &AtomicBool) -> std::io::Result<()> {
    for _ in 0..QUESTIONS {
        let question = read_word(&mut stream, JOIN_WORD_BYTES_MAX).await?;
        waits.store(true, Ordering::Relaxed);
        let answer = match node.request(Target::Root, JOIN, Value::Bytes(question)).await {
            Ok(Value::Bytes(answer)) => answer,
            Ok(_) => refused("the main server gave no answer that can be understood"),
            Err(error) => refused(&format!("the main server was not reached: {error}")),
        };
        write_word(&mut stream, &answer).await?;
        waits.store(false, Ordering::Relaxed);
    }
    stream.shutdown().await
}

fn refused(text: &str) -> Vec<u8> {
    JoinAnswer::Refused(text.to_owned()).to_bytes().to_vec()
}

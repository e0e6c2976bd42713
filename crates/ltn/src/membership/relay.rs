//! A server's part when a machine joins through it: it passes two questions up to the root and the
//! answers back. It reads none of them, and could use nothing that it read.

use std::sync::Arc;
use std::time::Duration;

use ltn_proto::admission::{JOIN_WORD_BYTES_MAX, JoinAnswer};
use ltn_proto::{Target, Value};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, mpsc};
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
    let places = Arc::new(Semaphore::new(JOINERS_MAX));
    while let Some(stream) = waiting.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let node = node.clone();
        tokio::spawn(async move {
            if !matches!(timeout(JOIN_TIME, relay(stream, &node)).await, Ok(Ok(()))) {
                tracing::info!("a machine that wanted to join went away");
            }
            drop(place);
        });
    }
}

async fn relay(mut stream: JoinStream, node: &Node) -> std::io::Result<()> {
    for _ in 0..QUESTIONS {
        let question = read_word(&mut stream, JOIN_WORD_BYTES_MAX).await?;
        let answer = match node.request(Target::Root, JOIN, Value::Bytes(question)).await {
            Ok(Value::Bytes(answer)) => answer,
            Ok(_) => refused("the main server gave no answer that can be understood"),
            Err(error) => refused(&format!("the main server was not reached: {error}")),
        };
        write_word(&mut stream, &answer).await?;
    }
    stream.shutdown().await
}

fn refused(text: &str) -> Vec<u8> {
    JoinAnswer::Refused(text.to_owned()).to_bytes().to_vec()
}

//! The thread that writes while the node runs: one write after the other, in the order they were
//! asked for, so that nothing of the node ever waits for a disk but what has to.
//!
//! It holds the state directory and lets go of it when it is told to, or when nobody could ask it
//! for anything any more.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ltn_proto::{Address, Audited, Durable, Remembered, WriteId};
use tokio::sync::{mpsc, oneshot};

use super::facts::told_parent_change;
use super::{AdminKeys, HashBytes, State, StateError};
use crate::audit::AuditBook;
use crate::wake::{Wake, WakeSender};

/// Writes that may wait for the disk; beyond that it is taken for one that does not work.
const WRITES_MAX: usize = 256;

/// The way to the thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keeper {
    jobs: mpsc::Sender<Job>,
    last_word: Arc<Mutex<Option<LastWord>>>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

/// What the state directory said when the node was started.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Where it is.
    pub(crate) directory: PathBuf,
    /// What it remembers of its earlier lives.
    pub(crate) remembered: Arc<Remembered>,
    /// The higher server that it was configured with last.
    pub(crate) told_parent: Option<Address>,
    /// The audit log.
    pub(crate) audit: AuditBook,
    /// The way to change it.
    pub(crate) keeper: Keeper,
}

impl Kept {
    /// What the mind is told of its earlier lives.
    pub(crate) fn remembered(&self) -> Remembered {
        (*self.remembered).clone()
    }
}

enum Job {
    /// The mind wants this written, and hears of it by a wake.
    Write { write: WriteId, what: Box<Durable> },
    /// The node begins one more life in this process: the number of it.
    CountStart(oneshot::Sender<Result<u32, String>>),
    /// The higher server that the node is configured with.
    Tell { parent: Address, reply: oneshot::Sender<Result<(), String>> },
    /// The hash of another admin key.
    KeepKey { key: HashBytes, reply: oneshot::Sender<Result<(), String>> },
    /// The book of the network that this main server makes.
    Book { book: Bytes, why: Option<Audited>, reply: oneshot::Sender<Result<(), String>> },
    /// Let go of everything.
    Close(oneshot::Sender<()>),
}

/// The book of the network as it is at the end, if it has to be kept.
pub(crate) type LastWord = Box<dyn FnOnce() -> Option<Bytes> + Send>;

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(state: State, wakes: WakeSender) -> Result<Kept, StateError> {
        let (jobs, work) = mpsc::channel(WRITES_MAX);
        let kept = Kept {
            directory: state.path().to_owned(),
            remembered: Arc::new(state.remembered().clone()),
            told_parent: state.told_parent().cloned(),
            audit: state.audit().clone(),
            keeper: Self { jobs, last_word: Arc::default() },
        };
        let file = kept.directory.clone();
        let thread = std::thread::Builder::new().name("ltn-state".to_owned());
        thread
            .spawn(move || keep(state, work, &wakes))
            .map_err(|source| StateError::System { file, source })?;
        Ok(kept)
    }

    /// Has this written; `Wake::Persisted` follows. An error if it certainly will not be.
    pub(crate) fn write(&self, write: WriteId, what: Durable) -> Result<(), String> {
        let job = Job::Write { write, what: Box::new(what) };
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                format!("the disk is too slow: {WRITES_MAX} writes wait for it")
            }
            mpsc::error::TrySendError::Closed(_) => GONE.to_owned(),
        })
    }

    /// Counts one more start, durably.
    pub(crate) async fn count_start(&self) -> Result<u32, String> {
        self.ask(Job::CountStart).await?
    }

    /// Remembers the higher server that the node is configured with.
    pub(crate) async fn tell_parent(&self, parent: Address) -> Result<(), String> {
        self.ask(|reply| Job::Tell { parent, reply }).await?
    }

    /// Keeps the hash of another admin key.
    pub(crate) async fn keep_key(&self, key: HashBytes) -> Result<(), String> {
        self.ask(|reply| Job::KeepKey { key, reply }).await?
    }

    /// Keeps the book of the network, and the line of the audit log about what is new in it; when
    /// it answers well, both survive a power cut.
    pub(crate) async fn keep_book(&self, book: Bytes, why: Option<Audited>) -> Result<(), String> {
        self.ask(|reply| Job::Book { book, why, reply }).await?
    }

    /// Asks for the book once more before the directory is let go of.
    pub(crate) fn say_at_the_end(&self, word: LastWord) {
        *self.last_word.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
    }

    /// Ends the thread; when this returns others may own the directory. What waits for room among
    /// the wakes is thrown away with `wakes`.
    pub(crate) async fn close(&self, wakes: &mut mpsc::Receiver<Wake>) {
        wakes.close();
        while wakes.recv().await.is_some() {}
        let word = self.last_word.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(book) = word.and_then(|word| word())
            && let Err(why) = self.keep_book(book, None).await
        {
            tracing::error!(why, "the time that the main server ran cannot be written");
        }
        // An error only says that it has ended already.
        let _ = self.ask(Job::Close).await;
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, String> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| GONE.to_owned())?;
        answer.await.map_err(|_| GONE.to_owned())
    }
}

const GONE: &str = "the state directory is closed";

fn keep(mut state: State, mut work: mpsc::Receiver<Job>, wakes: &WakeSender) {
    while let Some(job) = work.blocking_recv() {
        match job {
            Job::Write { write, what } => {
                let done = state.write(&what);
                if let Err(why) = &done {
                    tracing::error!(directory = %state.path().display(), why, "cannot be written");
                }
                // If the driver has ended there is nobody left to tell.
                let _ = wakes.blocking_send(Wake::Persisted { write, done });
            }
            Job::CountStart(reply) => {
                let starts = state.facts.starts.saturating_add(1);
                state.facts.starts = starts;
                let changes = [state.facts.starts_change()];
                // Whoever does not wait any more does not need to know.
                let _ = reply.send(state.commit(&changes).map(|()| starts));
            }
            Job::Tell { parent, reply } => {
                let done = state.commit(&[told_parent_change(Some(&parent))]);
                // As above.
                let _ = reply.send(done);
            }
            Job::KeepKey { key, reply } => {
                let keys = AdminKeys { holds: Some(key), ..state.admin_keys() };
                let done = state.keep_admin_keys(keys).map_err(|error| error.to_string());
                // As above.
                let _ = reply.send(done);
            }
            Job::Book { book, why, reply } => {
                // As above.
                let _ = reply.send(state.keep_book(&book, why.as_ref()));
            }
            Job::Close(reply) => {
                drop(state);
                // As above.
                let _ = reply.send(());
                return;
            }
        }
    }
}

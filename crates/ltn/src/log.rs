//! What a node had to say: the last of it in memory, all of it to whoever listens, and into a file
//! if there is one.
//!
//! The driver says things here and never waits: the memory is bounded, a listener that falls behind
//! misses the oldest, and lines that the disk is too slow for are counted and left out. What the
//! words are is decided in `notice.rs`, how a file looks in `log_file.rs`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ltn_proto::{Content, Event, NodeId, NodePath, Refusal, RefusalKind};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::log_file::{self, LogFile};
use crate::notice::{self, Notice, NoticeKind};
use crate::words::HandlerError;

/// What is kept in memory.
pub(crate) const KEPT_MAX: usize = 1_000;
/// Warnings and errors that are kept beside it, so that a flood of messages does not wash them out.
pub(crate) const TROUBLES_MAX: usize = 200;
/// What a listener may fall behind, and what may wait for the disk.
const WAITING_MAX: usize = 1_024;
/// Lines that are written at a time.
const BATCH_MAX: usize = 256;
/// How long a node that stops waits for its last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(3);

/// Where logs are written to, if they are.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The file that is written on and on.
    pub(crate) file: Option<LogFile>,
    /// Where `s.storelog` puts its files.
    pub(crate) directory: Option<PathBuf>,
}

/// The driver's end: says things.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    book: LogBook,
    feed: broadcast::Sender<Notice>,
    lines: Option<mpsc::Sender<Line>>,
}

/// The handles' end: looks things up.
#[derive(Debug, Clone)]
pub(crate) struct LogBook {
    pages: Arc<Pages>,
    feed: broadcast::WeakSender<Notice>,
}

#[derive(Debug)]
struct Pages {
    kept: Mutex<Kept>,
    directory: Option<PathBuf>,
    unwritten: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    said: u64,
    all: VecDeque<Notice>,
    troubles: VecDeque<Notice>,
}

#[derive(Debug)]
enum Line {
    Notice(Notice),
    /// The last one; told when everything is written.
    End(oneshot::Sender<()>),
}

impl Log {
    /// An empty log, and its other end. Where it has a file, it must be made inside a runtime.
    pub(crate) fn new(place: Place) -> (Self, LogBook) {
        let (feed, _) = broadcast::channel(WAITING_MAX);
        let pages = Pages {
            kept: Mutex::default(),
            directory: place.directory,
            unwritten: AtomicU64::new(0),
        };
        let book = LogBook { pages: Arc::new(pages), feed: feed.downgrade() };
        let lines = place.file.map(|file| {
            let (lines, waiting) = mpsc::channel(WAITING_MAX);
            tokio::spawn(write_lines(file, waiting, book.clone()));
            lines
        });
        (Self { book: book.clone(), feed, lines }, book)
    }

    /// Says something.
    pub(crate) fn say(&self, kind: NoticeKind, text: &str) {
        self.put(kind, None, text);
    }

    /// Says what an event means to people, if it means anything to them.
    pub(crate) fn event(&self, event: &Event) {
        if let Some((kind, text)) = notice::of_event(event) {
            self.put(kind, None, &text);
        }
    }

    /// A message came in. Texts are for people; what programs send each other is not.
    pub(crate) fn message(&self, from: NodeId, sender: Option<&NodePath>, content: &Content) {
        if let Content::Text(text) = content {
            let from = sender.map_or_else(|| format!("id:{}…", from.short()), ToString::to_string);
            self.put(NoticeKind::Message, Some(notice::line(&from)), text);
        }
    }

    fn put(&self, kind: NoticeKind, from: Option<String>, text: &str) {
        let notice = self.book.keep(kind, from, text);
        if self.feed.receiver_count() > 0 {
            // An error only says that nobody listens any more.
            let _ = self.feed.send(notice.clone());
        }
        if let Some(lines) = &self.lines
            && lines.try_send(Line::Notice(notice)).is_err()
        {
            self.book.pages.unwritten.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Is what is said written into a file?
    pub(crate) const fn has_file(&self) -> bool {
        self.lines.is_some()
    }

    /// Returns when everything that was said is written, or cannot be soon. Nothing is written
    /// afterwards.
    pub(crate) async fn close(&self) {
        let Some(lines) = &self.lines else { return };
        let (written, end) = oneshot::channel();
        let last = async {
            if lines.send(Line::End(written)).await.is_ok() {
                // An error means that the writer is gone, and with it what it had.
                let _ = end.await;
            }
        };
        if tokio::time::timeout(LAST_LINES, last).await.is_err() {
            tracing::warn!("the last lines of the log are not written: the disk is too slow");
        }
    }
}

impl LogBook {
    /// The last of what was said, the oldest first.
    pub(crate) fn all(&self) -> Vec<Notice> {
        self.kept().all.iter().cloned().collect()
    }

    /// The last warnings and errors, the oldest first.
    pub(crate) fn troubles(&self) -> Vec<Notice> {
        self.kept().troubles.iter().cloned().collect()
    }

    /// What will be said from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Notice> {
        match self.feed.upgrade() {
            Some(feed) => feed.subscribe(),
            // A node that has stopped says nothing: a receiver that is closed says so.
            None => broadcast::channel(1).1,
        }
    }

    /// Stores what is kept in a new file of this name; without one it is named after the time.
    /// Returns the name.
    pub(crate) async fn store(&self, name: Option<String>) -> Result<String, HandlerError> {
        let name = name.unwrap_or_else(|| {
            let now = notice::time_in_words(SystemTime::now());
            format!("events-{}.jsonl", now.replace(':', "-"))
        });
        log_file::check_name(&name)
            .map_err(|text| Refusal::new(RefusalKind::BadArguments, text))?;
        let directory = self.pages.directory.clone().ok_or_else(|| {
            let text = "this node was started without a directory for logs";
            Refusal::new(RefusalKind::NotPossible, text)
        })?;
        let notices = self.all();
        let stored = tokio::task::spawn_blocking(move || {
            log_file::store(&directory, &name, &notices).map(|()| name)
        });
        // It fails only where the process is on its way out.
        let stored = stored.await.map_err(|error| error.to_string())?;
        Ok(stored?)
    }

    fn keep(&self, kind: NoticeKind, from: Option<String>, text: &str) -> Notice {
        let (time, text) = (SystemTime::now(), notice::line(text));
        let mut kept = self.kept();
        kept.said += 1;
        let notice = Notice { number: kept.said, time, kind, from, text };
        if kind.is_trouble() {
            put_last(&mut kept.troubles, notice.clone(), TROUBLES_MAX);
        }
        put_last(&mut kept.all, notice.clone(), KEPT_MAX);
        notice
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.pages.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put_last(queue: &mut VecDeque<Notice>, notice: Notice, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(notice);
}

/// Opens the file, and says where others are stored: in the directory that was given, else beside
/// the file.
pub(crate) fn place(
    file: Option<&Path>,
    directory: Option<&Path>,
    bytes_max: u64,
) -> std::io::Result<Place> {
    let beside = file.map(|file| match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    });
    let opened = file.map(|file| LogFile::open(file, bytes_max)).transpose()?;
    Ok(Place { file: opened, directory: directory.map(Path::to_owned).or(beside) })
}

/// Writes what comes, many lines at a time, where it keeps nobody from anything else.
async fn write_lines(mut file: LogFile, mut lines: mpsc::Receiver<Line>, book: LogBook) {
    let mut failed = false;
    let mut batch = Vec::new();
    while lines.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut end = None;
        let mut notices = Vec::with_capacity(batch.len() + 1);
        for line in batch.drain(..) {
            match line {
                Line::Notice(notice) => notices.push(notice),
                Line::End(written) => end = Some(written),
            }
        }
        let unwritten = book.pages.unwritten.swap(0, Ordering::Relaxed);
        if unwritten > 0 {
            let text = format!("{unwritten} lines are not in this file: the disk was too slow");
            notices.push(book.keep(NoticeKind::Warning, None, &text));
        }
        let written = tokio::task::spawn_blocking(move || {
            let result = file.write(&notices);
            (file, result)
        });
        let Ok((back, result)) = written.await else { return };
        file = back;
        if let Err(error) = &result
            && !failed
        {
            tracing::warn!(%error, "the log file cannot be written");
            let text = format!("the log file cannot be written: {error}");
            book.keep(NoticeKind::Warning, None, &text);
        }
        failed = result.is_err();
        if let Some(end) = end {
            // Whoever does not wait any more does not need to know.
            let _ = end.send(());
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (Log, LogBook) {
        Log::new(Place::default())
    }

    #[tokio::test]
    async fn what_was_said_is_kept_and_heard() {
        let (log, book) = log();
        log.say(NoticeKind::Status, "nobody listens");
        let mut listener = book.listen();
        log.say(NoticeKind::Warning, "look\nhere");
        let heard = listener.recv().await.unwrap();
        assert_eq!((heard.number, heard.kind), (2, NoticeKind::Warning));
        assert_eq!(heard.text, "look here");
        assert_eq!(book.all().len(), 2);
        assert_eq!(book.troubles(), [heard]);
        drop(log);
        assert!(listener.recv().await.is_err() && book.listen().recv().await.is_err());
    }

    #[tokio::test]
    async fn memory_is_bounded_and_troubles_stay() {
        let (log, book) = log();
        log.say(NoticeKind::Error, "the first of all");
        let flood = Content::Text("x".repeat(100_000));
        for _ in 0..2 * KEPT_MAX {
            log.message(NodeId::NOBODY, None, &flood);
        }
        assert_eq!(book.all().len(), KEPT_MAX);
        assert_eq!(book.all()[0].number, KEPT_MAX as u64 + 2);
        assert!(book.all().iter().all(|notice| notice.text.chars().count() <= 400));
        assert_eq!(book.troubles()[0].text, "the first of all");
        for _ in 0..2 * TROUBLES_MAX {
            log.say(NoticeKind::Warning, "again");
        }
        assert_eq!(book.troubles().len(), TROUBLES_MAX);
    }

    #[tokio::test]
    async fn what_programs_send_each_other_is_no_news_for_people() {
        let (log, book) = log();
        log.message(NodeId::NOBODY, None, &Content::Bytes(vec![1, 2].into()));
        log.message(NodeId::NOBODY, "/sub1".parse().ok().as_ref(), &Content::Text("hi".into()));
        let all = book.all();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].from.as_deref(), Some("/sub1"));
    }

    #[tokio::test]
    async fn without_a_directory_nothing_is_stored() {
        let (_log, book) = log();
        let error = book.store(Some("x".to_owned())).await.unwrap_err();
        let kind = RefusalKind::NotPossible;
        assert!(matches!(error, HandlerError::Refused(refusal) if refusal.kind == kind));
    }
}

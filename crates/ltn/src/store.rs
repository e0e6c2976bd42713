//! The one door to all durable state of a node: a small transactional store of bytes by shelf and
//! key.
//!
//! Behind it is redb, embedded in the process; nothing of it is seen outside this file, so that a
//! store which is replicated over several machines can take its place. What the bytes mean is the
//! business of `state/`.
//!
//! Every commit is written in two phases, so a power cut at any instant leaves either all of it or
//! nothing, and each counts the *generation* up by one. A file that was changed by anybody else is
//! refused as a whole: there is no repair that could lead back to an older state.
//!
//! A disk may be full for a while. After an error the file is closed, and the next commit opens and
//! checks it anew, so a node needs no restart when there is room again.

use std::fmt;
use std::path::Path;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

/// The bytes of one entry; what is larger is no state but data.
pub(crate) const ENTRY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The pages that are kept in memory, in bytes: a node's state is small.
const CACHE_BYTES: usize = 512 * 1024;
/// The key of the generation on its shelf.
const GENERATION: &[u8] = b"generation";

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shelf {
    /// What there is one of, by its name.
    Facts,
    /// Dangerous commands that were accepted, by their tokens.
    Journal,
    /// How roll calls ended, by their numbers.
    Reports,
    /// The audit log, by log and number.
    Audit,
    /// What a server holds of nodes, by their ids.
    People,
    /// The generation, which the store counts itself.
    Count,
}

impl Shelf {
    const ALL: [Self; 6] =
        [Self::Facts, Self::Journal, Self::Reports, Self::Audit, Self::People, Self::Count];

    const fn table(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(match self {
            Self::Facts => "facts",
            Self::Journal => "journal",
            Self::Reports => "reports",
            Self::Audit => "audit",
            Self::People => "people",
            Self::Count => "count",
        })
    }
}

/// A key and its bytes.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// One entry that changes: its new bytes, or `None` to take it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) shelf: Shelf,
    pub(crate) key: Vec<u8>,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Change {
    /// This entry has these bytes from now on.
    pub(crate) fn put(shelf: Shelf, key: impl Into<Vec<u8>>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { shelf, key: key.into(), bytes: Some(bytes.into()) }
    }

    /// This entry is no more.
    pub(crate) fn remove(shelf: Shelf, key: impl Into<Vec<u8>>) -> Self {
        Self { shelf, key: key.into(), bytes: None }
    }
}

/// The store cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreError(String);

impl StoreError {
    fn new(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Opens the file of a store that is there.
type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// An open store. There is one at a time of each file, also across processes.
pub(crate) struct Store {
    /// Closed after an error, until the next commit.
    database: Option<Database>,
    opener: Opener,
    generation: u64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Store {
    /// A new store in a file that is not there yet. Its generation is 0.
    pub(crate) fn create(path: &Path) -> Result<Self, StoreError> {
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(StoreError::new)?;
        let database = builder().create(path).map_err(StoreError::new)?;
        Self::make(database, opener_of(path))
    }

    fn make(database: Database, opener: Opener) -> Result<Self, StoreError> {
        let store = Self { database: Some(database), opener, generation: 0 };
        store.write(&[], 0)?;
        Ok(store)
    }

    /// Opens a store that is there. All of it is checked first.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        // An empty file would be taken for a new store by some, and for a lost one by us.
        if std::fs::metadata(path).map_err(StoreError::new)?.len() == 0 {
            return Err(StoreError("it is empty".to_owned()));
        }
        Self::read(opener_of(path))
    }

    fn read(opener: Opener) -> Result<Self, StoreError> {
        let database = Some(opener().map_err(StoreError::new)?);
        let mut store = Self { database, opener, generation: 0 };
        store.generation = store.generation_on_disk()?;
        Ok(store)
    }

    fn generation_on_disk(&self) -> Result<u64, StoreError> {
        let count = self.get(Shelf::Count, GENERATION)?;
        let count = count.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_slice()).ok());
        let missing = || StoreError("it does not say which generation it is".to_owned());
        count.map(u64::from_be_bytes).ok_or_else(missing)
    }

    /// Opens the file again if it was closed after an error.
    fn recover(&mut self) -> Result<(), StoreError> {
        if self.database.is_some() {
            return Ok(());
        }
        self.database = Some((self.opener)().map_err(StoreError::new)?);
        match self.generation_on_disk() {
            Ok(found) if found == self.generation => Ok(()),
            // The error came after the last byte of it was written.
            Ok(_) => {
                self.database = None;
                let what = "a change that was called off for an error is on the disk after all; \
                            start the node again, which then goes by what is on the disk";
                Err(StoreError(what.to_owned()))
            }
            Err(error) => {
                self.database = None;
                Err(error)
            }
        }
    }

    fn database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or_else(|| StoreError("it was closed after an error".to_owned()))
    }

    /// How often something was committed.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Makes all these changes or, on an error, none. When this returns they survive a power cut.
    pub(crate) fn commit(&mut self, changes: &[Change]) -> Result<u64, StoreError> {
        let too_large = |change: &&Change| {
            change.bytes.as_ref().is_some_and(|bytes| bytes.len() > ENTRY_BYTES_MAX)
        };
        if changes.iter().any(|change| too_large(&change)) {
            return Err(StoreError(format!("an entry is larger than {ENTRY_BYTES_MAX} bytes")));
        }
        self.recover()?;
        let next = self.generation + 1;
        if let Err(error) = self.write(changes, next) {
            self.database = None;
            return Err(error);
        }
        self.generation = next;
        Ok(next)
    }

    fn write(&self, changes: &[Change], generation: u64) -> Result<(), StoreError> {
        let mut writing = self.database()?.begin_write().map_err(StoreError::new)?;
        writing.set_two_phase_commit(true);
        for shelf in Shelf::ALL {
            let mut table = writing.open_table(shelf.table()).map_err(StoreError::new)?;
            for change in changes.iter().filter(|change| change.shelf == shelf) {
                match &change.bytes {
                    Some(bytes) => table.insert(change.key.as_slice(), bytes.as_slice()),
                    None => table.remove(change.key.as_slice()),
                }
                .map_err(StoreError::new)?;
            }
            if shelf == Shelf::Count {
                let count = generation.to_be_bytes();
                table.insert(GENERATION, count.as_slice()).map_err(StoreError::new)?;
            }
        }
        writing.commit().map_err(StoreError::new)
    }

    /// The bytes of one entry.
    pub(crate) fn get(&self, shelf: Shelf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let reading = self.database()?.begin_read().map_err(StoreError::new)?;
        let table = reading.open_table(shelf.table()).map_err(StoreError::new)?;
        let entry = table.get(key).map_err(StoreError::new)?;
        Ok(entry.map(|entry| entry.value().to_vec()))
    }

    /// Every entry of a shelf, by its key.
    pub(crate) fn all(&self, shelf: Shelf) -> Result<Vec<Entry>, StoreError> {
        let reading = self.database()?.begin_read().map_err(StoreError::new)?;
        let table = reading.open_table(shelf.table()).map_err(StoreError::new)?;
        let mut entries = Vec::new();
        for entry in table.iter().map_err(StoreError::new)? {
            let (key, bytes) = entry.map_err(StoreError::new)?;
            entries.push((key.value().to_vec(), bytes.value().to_vec()));
        }
        Ok(entries)
    }
}

fn opener_of(path: &Path) -> Opener {
    let path = path.to_owned();
    Box::new(move || builder().open(&path))
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder.set_check_integrity_on_open(true);
    builder
}

#[cfg(test)]
mod disk;
#[cfg(test)]
mod full;
#[cfg(test)]
mod power;
#[cfg(test)]
mod tests;

//! The files of a state directory: held by one process, private, and replaced as a whole.
//!
//! This room knows files and their names. What stands in them is for others, but for the seal: a
//! small file beside the store that says which of its generations was last acknowledged, so that an
//! older store is never taken for the newest.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::StateError;
use super::visitor::VISITOR_BYTES_MAX;

/// The node's key.
pub(super) const IDENTITY: &str = "identity";
/// What changes.
pub(super) const STORE: &str = "store";
/// The keys for visits, in a directory of a member.
pub(super) const VISITOR: &str = "visitor";
/// What the files begin with that say whose turn it is with a key for visits.
pub(super) const VISITS: &str = "visit-";
/// The keys of a machine that is about to join.
pub(super) const JOINING: &str = "joining";
const SEAL: &str = "seal";
const LOCK: &str = "lock";
/// Whose turn it is to replace [`VISITOR`].
const VISITOR_LOCK: &str = "visitor-lock";
pub(super) const MAKING: &str = "making";
/// What a file is called until it is complete.
pub(super) const NEW: &str = ".new";
/// The owner's local socket, which is made anew at each start.
pub(super) const SOCKET: &str = "socket";

/// How often a lock that is taken is tried again, and the pause before it.
const PATIENCE: u32 = 20;
/// See [`PATIENCE`].
const PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

/// The largest file that is read as text, in bytes.
const TEXT_BYTES_MAX: u64 = 16 * 1024;
/// What the seal begins with.
const SEAL_WORDS: &str = "ltn state, generation ";

/// A directory that this process holds.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Can others write into it? Then it is good for a new node only.
    is_open: bool,
    /// The lock lives as long as this file is open.
    _lock: File,
}

/// What is in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No node was ever complete in it.
    Nothing,
    /// All files of a node.
    State,
    /// The keys of a machine that has not joined yet.
    Joining,
}

impl Directory {
    /// Holds this directory, which is made if it is not there. `holder` is for others to read.
    pub(super) fn hold(path: &Path, holder: &str) -> Result<Self, StateError> {
        let is_there = path.try_exists().map_err(|source| system(path, source))?;
        if is_there {
            check_before_touching(path)?;
        } else {
            make_directory(path).map_err(|source| system(path, source))?;
        }
        // A relative path would mean another place once the process changes its own.
        let path = path.canonicalize().map_err(|source| system(path, source))?;
        let file = path.join(LOCK);
        let mut lock = open_lock(&file)?;
        // Who only looks at the directory lets go of it at once, and so does a process that ends.
        match take_lock(&lock, PATIENCE) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is helps a person, and nothing depends on it.
                let _ = lock.take(256).read_to_string(&mut holder);
                let holder = match ltn_proto::sanitise_line(holder.trim()) {
                    text if text.is_empty() => "another process".to_owned(),
                    text => text,
                };
                return Err(StateError::InUse { directory: path, holder });
            }
            Err(TryLockError::Error(source)) => return Err(system(&file, source)),
        }
        let line = format!("process {}, {holder}\n", std::process::id());
        let written = lock.set_len(0).and_then(|()| lock.write_all(line.as_bytes()));
        written.map_err(|source| system(&file, source))?;
        let is_open = is_open(&path).map_err(|source| system(&path, source))?;
        let directory = Self { path, is_open, _lock: lock };
        if !is_open {
            directory.close_to_others()?;
        }
        Ok(directory)
    }

    /// Is there a node in it? What is left of one that was being made when the power went is
    /// cleared away: nothing of it was ever acknowledged.
    pub(super) fn look(&self) -> Result<Found, StateError> {
        let making = self.is_there(MAKING)?;
        if making {
            for name in [STORE, IDENTITY, SEAL, VISITOR] {
                for name in [name.to_owned(), format!("{name}{NEW}")] {
                    self.remove(&name)?;
                }
            }
            self.sync().map_err(|source| system(&self.path, source))?;
        }
        if self.is_there(JOINING)? {
            self.check_is_closed()?;
            self.check_is_private(JOINING)?;
        }
        let mut found = 0;
        for name in [IDENTITY, STORE, SEAL] {
            found += usize::from(self.is_there(name)?);
        }
        match found {
            0 if self.is_there(JOINING)? => Ok(Found::Joining),
            0 => {
                self.close_to_others()?;
                Ok(Found::Nothing)
            }
            3 => {
                self.check_is_closed()?;
                for name in [IDENTITY, STORE, SEAL] {
                    self.check_is_private(name)?;
                }
                if self.is_there(VISITOR)? {
                    self.check_is_private(VISITOR)?;
                }
                // It joined, and went down before this was cleared away.
                self.remove(JOINING)?;
                Ok(Found::State)
            }
            _ => {
                let is_missing = |name: &&str| !self.file(name).exists();
                let missing = [IDENTITY, STORE, SEAL].into_iter().find(is_missing);
                let what = "it is missing, and the other files of the node are there";
                Err(self.damaged(missing.unwrap_or(STORE), what))
            }
        }
    }

    /// What is in it is nobody else's business, also where it was there before.
    fn close_to_others(&self) -> Result<(), StateError> {
        set_private(&self.path, 0o700).map_err(|source| system(&self.path, source))
    }

    /// From here until [`Self::end_making`] nothing in the directory counts.
    pub(super) fn begin_making(&self) -> Result<(), StateError> {
        self.write_new(MAKING, b"").map_err(|source| system(&self.file(MAKING), source))?;
        self.sync().map_err(|source| system(&self.path, source))
    }

    /// See [`Self::begin_making`].
    pub(super) fn end_making(&self) -> Result<(), StateError> {
        self.sync().map_err(|source| system(&self.path, source))?;
        self.remove(MAKING)?;
        self.sync().map_err(|source| system(&self.path, source))
    }

    /// Writes a file as a whole: after a power cut it has the old bytes or the new ones.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let new = format!("{name}{NEW}");
        let written = self
            .write_new(&new, bytes)
            .and_then(|()| fs::rename(self.file(&new), self.file(name)))
            .and_then(|()| {
                self.step(false);
                self.sync()
            });
        written.map_err(|source| system(&self.file(name), source))
    }

    /// The text of a file; never more than a few kilobytes.
    pub(super) fn read(&self, name: &str) -> Result<String, StateError> {
        read_text(&self.path, name, TEXT_BYTES_MAX)
    }

    /// Is this file of the directory there?
    pub(super) fn has(&self, name: &str) -> Result<bool, StateError> {
        self.is_there(name)
    }

    /// What was only needed to join is not needed any more.
    pub(super) fn forget_joining(&self) -> Result<(), StateError> {
        self.remove(JOINING)?;
        self.sync().map_err(|source| system(&self.path, source))
    }

    /// This generation of the store is acknowledged.
    pub(super) fn seal(&self, generation: u64) -> Result<(), StateError> {
        self.put(SEAL, seal(generation).as_bytes())
    }

    /// Is the store the one that was acknowledged last, or the next one (the power went before it
    /// was)? Then it is sealed.
    pub(super) fn compare_seal(&self, generation: u64) -> Result<(), StateError> {
        let text = self.read(SEAL)?;
        if text == seal(generation) {
            return Ok(());
        }
        let next = generation.checked_sub(1).map(seal);
        if next.as_ref() == Some(&text) {
            return self.seal(generation);
        }
        let number = text.strip_prefix(SEAL_WORDS).and_then(|rest| rest.split_once(','));
        let sealed = number.and_then(|(number, _)| number.parse::<u64>().ok());
        Err(match sealed.filter(|sealed| seal(*sealed) == text) {
            Some(sealed) => {
                let what = format!(
                    "it is generation {generation}, and {sealed} was acknowledged: it is a copy \
                     from another time"
                );
                self.damaged(STORE, &what)
            }
            None => self.damaged(SEAL, "it is not as it was written"),
        })
    }

    /// Nobody but the owner reads this file.
    pub(super) fn make_private(&self, name: &str) -> Result<(), StateError> {
        let file = self.file(name);
        set_private(&file, 0o600).map_err(|source| system(&file, source))
    }

    /// An error about one of the files, with what to do.
    pub(super) fn damaged(&self, name: &str, what: &str) -> StateError {
        damaged(&self.path, name, what)
    }

    /// The path of one of the files.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the directory is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn is_there(&self, name: &str) -> Result<bool, StateError> {
        let file = self.file(name);
        file.try_exists().map_err(|source| system(&file, source))
    }

    fn remove(&self, name: &str) -> Result<(), StateError> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(system(&self.file(name), error))
            }
            _ => {
                self.step(false);
                Ok(())
            }
        }
    }

    /// A step was taken that a power cut may come behind; is all of it safe? Tests look then.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests look at it"))]
    pub(super) fn step(&self, synced: bool) {
        #[cfg(test)]
        super::camera::step(&self.path, synced);
        #[cfg(not(test))]
        let _ = synced;
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write_whole(&self.file(name), bytes)?;
        self.step(false);
        Ok(())
    }

    /// What was made, renamed or removed in the directory survives a power cut.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        self.step(true);
        Ok(())
    }

    fn check_is_private(&self, name: &str) -> Result<(), StateError> {
        check_is_private(&self.path, name)
    }

    /// A node's files could have been put in place of its own where others could write.
    fn check_is_closed(&self) -> Result<(), StateError> {
        if !self.is_open {
            return Ok(());
        }
        let what = "others on this machine may write into it. If nobody did, take that away \
                    (`chmod 700`); else give another directory, where the node begins anew";
        Err(StateError::Damaged { file: self.path.clone(), what: what.to_owned() })
    }
}

#[cfg(unix)]
fn is_open(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o022 != 0)
}

#[cfg(not(unix))]
fn is_open(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(unix)]
fn check_is_private(directory: &Path, name: &str) -> Result<(), StateError> {
    use std::os::unix::fs::MetadataExt;
    let file = directory.join(name);
    let facts = fs::symlink_metadata(&file).map_err(|source| system(&file, source))?;
    let owner = fs::metadata(directory).map_err(|source| system(directory, source))?.uid();
    let what = if !facts.is_file() {
        "it is no file but a link or something else, and leads who knows where. Give another \
         directory, where the node begins anew"
    } else if facts.uid() != owner {
        "it belongs to another user than the directory does. Give it back if that was on purpose \
         (`chown`); else give another directory, where the node begins anew"
    } else if facts.mode() & 0o077 != 0 {
        "others on this machine may read or write it. If nobody did, take that away \
         (`chmod 600`); else give another directory, where the node begins anew"
    } else {
        return Ok(());
    };
    Err(StateError::Damaged { file, what: what.to_owned() })
}

#[cfg(not(unix))]
fn check_is_private(_directory: &Path, _name: &str) -> Result<(), StateError> {
    Ok(())
}

/// An error about one of the files of a directory, with what to do.
pub(super) fn damaged(directory: &Path, name: &str, what: &str) -> StateError {
    let what = format!(
        "{what}; nothing was changed. Put back a copy of the whole directory, or give another one, \
         where the node begins anew"
    );
    StateError::Damaged { file: directory.join(name), what }
}

/// Is there a key for visits in it?
pub(super) fn holds_visitor(directory: &Path) -> bool {
    directory.join(VISITOR).exists()
}

/// The text of the file with the key for visits; nobody needs to hold the directory for that.
pub(super) fn read_visitor(directory: &Path) -> Result<String, StateError> {
    check_is_private(directory, VISITOR)?;
    read_text(directory, VISITOR, VISITOR_BYTES_MAX)
}

/// Puts another file with the keys for visits in place of the one that is there; nobody needs to
/// hold the directory for that.
pub(super) fn put_visitor(directory: &Path, text: &str) -> Result<(), StateError> {
    // A process that went down may have left its own.
    let new = directory.join(format!("{VISITOR}-{}{NEW}", std::process::id()));
    let written = write_whole(&new, text.as_bytes())
        .and_then(|()| fs::rename(&new, directory.join(VISITOR)))
        .and_then(|()| File::open(directory)?.sync_all());
    written.map_err(|source| system(&new, source))
}

/// From here on this process alone puts another file with the keys for visits in place of one that
/// it has read, as long as the lock is kept. Who else does so is done in a moment; so often it is
/// tried again.
pub(super) fn hold_visitor(directory: &Path, tries: u32) -> Result<File, StateError> {
    let file = directory.join(VISITOR_LOCK);
    let lock = open_lock(&file)?;
    take_lock(&lock, tries).map(|()| lock).map_err(|why| system(&file, why.into()))
}

/// Opens the file of a lock, which is made if it is not there.
fn open_lock(file: &Path) -> Result<File, StateError> {
    let mut options = private();
    let options = options.read(true).write(true).create(true).truncate(false);
    options.open(file).map_err(|source| system(file, source))
}

/// Takes a lock, and waits a moment for who has it.
fn take_lock(lock: &File, tries: u32) -> Result<(), TryLockError> {
    let mut taken = lock.try_lock();
    for _ in 0..tries {
        if !matches!(taken, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(PAUSE);
        taken = lock.try_lock();
    }
    taken
}

/// The text of the file with the node's key; nobody needs to hold the directory for that.
pub(super) fn read_identity(directory: &Path) -> Result<String, StateError> {
    check_is_private(directory, IDENTITY)?;
    read_text(directory, IDENTITY, TEXT_BYTES_MAX)
}

fn read_text(directory: &Path, name: &str, bytes_max: u64) -> Result<String, StateError> {
    let file = directory.join(name);
    let mut bytes = Vec::new();
    File::open(&file)
        .and_then(|open| open.take(bytes_max + 1).read_to_end(&mut bytes))
        .map_err(|source| system(&file, source))?;
    if bytes.is_empty() {
        return Err(damaged(directory, name, "it is empty"));
    }
    String::from_utf8(bytes).map_err(|_| damaged(directory, name, "it is no text"))
}

fn seal(generation: u64) -> String {
    let digest = blake3::hash(format!("{SEAL_WORDS}{generation}").as_bytes()).to_hex();
    let digest = &digest[..16];
    format!("{SEAL_WORDS}{generation}, {digest}\n")
}

fn system(file: &Path, source: io::Error) -> StateError {
    StateError::System { file: file.to_owned(), source }
}

/// Only an empty directory, or one that a node was made in, becomes a node's: nothing is put into
/// somebody else's, and no permission of it changed.
fn check_before_touching(path: &Path) -> Result<(), StateError> {
    let mut foreign = None;
    for entry in fs::read_dir(path).map_err(|source| system(path, source))? {
        let name = entry.map_err(|source| system(path, source))?.file_name();
        let name = name.to_string_lossy();
        // The power may have gone while the first of them was written.
        let name = name.strip_suffix(NEW).unwrap_or(&name);
        if [IDENTITY, STORE, SEAL, MAKING, VISITOR, JOINING].contains(&name) {
            return Ok(());
        }
        if name != LOCK && name != SOCKET {
            foreign = Some(ltn_proto::sanitise_line(name));
        }
    }
    let Some(name) = foreign else { return Ok(()) };
    let what =
        format!("holds no node, but other things (`{name}`); give an empty or a new directory");
    Err(StateError::Foreign { directory: path.to_owned(), what })
}

#[cfg(unix)]
fn make_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for parent in made.iter().filter_map(|made| made.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
pub(super) fn set_private(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o777 != mode {
        permissions.set_mode(mode);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn set_private(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Writes a private file; when it answers well, its bytes survive a power cut.
fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private().write(true).create(true).truncate(true).open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

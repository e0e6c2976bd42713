//! Servers that were joined once: a short list of addresses, the newest first, in memory and in a
//! small file.
//!
//! An address here is a hint of where somebody may be and says nothing about who that is; whoever
//! uses one knocks first. This room dials nobody, and where the file lies is said by its caller.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ltn_proto::Address;

/// Addresses that are remembered; the oldest goes for a new one. More than anybody tries by turns,
/// few enough to knock at all of them at once.
pub const SERVERS_REMEMBERED_MAX: usize = 32;
/// The longest file that is read: the longest list has about half of it.
const FILE_BYTES_MAX: u64 = 16 * 1024;
/// The first line of a file. What other versions may write differs here.
const HEADER: &str = "# ltn servers 1: where servers were joined, the newest first";
/// How a line of a server in the open mode begins.
const OPEN: &str = "open ";

/// Addresses of servers, the newest first, [`SERVERS_REMEMBERED_MAX`] at most.
///
/// ```
/// use ltn::{Address, ServerList};
/// let mut list = ServerList::default();
/// list.remember(&Address::new("127.0.0.1:4000"));
/// list.remember(&Address::new("127.0.0.1:4001"));
/// list.remember(&Address::new("localhost:4000"));
/// let newest: Vec<&str> = list.iter().map(Address::as_str).collect();
/// assert_eq!(newest, ["127.0.0.1:4000", "127.0.0.1:4001"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerList {
    newest_first: VecDeque<Address>,
}

/// A list that could not be read or written. What is in memory is as it was.
#[derive(Debug, thiserror::Error)]
#[error("the list of remembered servers in {}: {why}", path.display())]
pub struct ServerListError {
    path: PathBuf,
    why: String,
}

impl ServerList {
    /// Puts this address to the front.
    pub fn remember(&mut self, address: &Address) {
        self.forget(address);
        self.newest_first.push_front(address.clone());
        self.newest_first.truncate(SERVERS_REMEMBERED_MAX);
    }

    /// Takes this address out.
    pub fn forget(&mut self, address: &Address) {
        self.newest_first.retain(|known| known != address);
    }

    /// The addresses, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Address> {
        self.newest_first.iter()
    }

    /// Is nothing remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newest_first.is_empty()
    }

    /// The list in this file; an empty one where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is no such list. Nothing of it is used then; whoever goes on
    /// begins with an empty list.
    pub fn load(path: &Path) -> Result<Self, ServerListError> {
        let failed = |why: String| ServerListError { path: path.to_owned(), why };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error.to_string())),
        };
        let mut text = String::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        read.map_err(|error| failed(error.to_string()))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(failed(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        Self::read(&text).map_err(failed)
    }

    /// Writes the list into this file, for this user's eyes only, and all of it or nothing. The
    /// folder is made if it is not there.
    ///
    /// # Errors
    /// Says what the system said; the file is as it was.
    pub fn store(&self, path: &Path) -> Result<(), ServerListError> {
        replace(path, self.write().as_bytes())
            .map_err(|error| ServerListError { path: path.to_owned(), why: error.to_string() })
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err("it is no such list, or one of another version".to_owned());
        }
        let mut list = Self::default();
        for (line, number) in lines.zip(2..) {
            let address = line.strip_prefix(OPEN).map(Address::new);
            match address.filter(|address| address.socket_addr().is_some()) {
                Some(address) => list.newest_first.push_back(address),
                None => return Err(format!("line {number} is none of such a list")),
            }
        }
        list.newest_first.truncate(SERVERS_REMEMBERED_MAX);
        Ok(list)
    }

    /// Only TCP addresses by number: the others mean nothing to another process.
    fn write(&self) -> String {
        let lasting = self.iter().filter(|address| address.socket_addr().is_some());
        let lines: Vec<String> = lasting.map(|address| format!("{OPEN}{address}\n")).collect();
        format!("{HEADER}\n{}", lines.concat())
    }
}

/// Puts these bytes in the place of the file: written beside it, then renamed over it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    make_folder(folder)?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let beside = folder.join(format!(".servers-{}-{number}.tmp", std::process::id()));
    let written = write_whole(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// What one running node remembers: its handles read it, its driver writes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownServers {
    list: Arc<Mutex<ServerList>>,
}

impl KnownServers {
    /// See [`ServerList::remember`].
    pub(crate) fn remember(&self, address: &Address) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).remember(address);
    }

    /// See [`ServerList::forget`].
    pub(crate) fn forget(&self, address: &Address) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).forget(address);
    }

    /// The list as it is.
    pub(crate) fn list(&self) -> ServerList {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("ltn-servers-{name}-{}", std::process::id())))
        }

        fn file(&self) -> PathBuf {
            self.0.join("deep/servers")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn at(port: usize) -> Address {
        Address::new(&format!("127.0.0.1:{port}"))
    }

    #[test]
    fn the_oldest_goes_when_the_list_is_full() {
        let mut list = ServerList::default();
        for port in 1..=SERVERS_REMEMBERED_MAX + 3 {
            list.remember(&at(port));
        }
        assert_eq!(list.iter().count(), SERVERS_REMEMBERED_MAX);
        assert_eq!(list.iter().next(), Some(&at(SERVERS_REMEMBERED_MAX + 3)));
        assert!(list.iter().all(|known| *known != at(3)));
        list.forget(&at(SERVERS_REMEMBERED_MAX + 3));
        assert_eq!(list.iter().next(), Some(&at(SERVERS_REMEMBERED_MAX + 2)));
    }

    #[test]
    fn a_list_comes_back_from_its_file_in_its_order() {
        let folder = Folder::new("order");
        assert!(ServerList::load(&folder.file()).unwrap().is_empty());
        let mut list = ServerList::default();
        for port in 1..=SERVERS_REMEMBERED_MAX {
            list.remember(&at(port));
        }
        list.store(&folder.file()).unwrap();
        list.forget(&at(1));
        list.remember(&Address::new("mem:k3f9a"));
        list.store(&folder.file()).unwrap();
        list.forget(&Address::new("mem:k3f9a"));
        assert_eq!(ServerList::load(&folder.file()).unwrap(), list);
        let beside = fs::read_dir(folder.file().parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("mode");
        ServerList::default().store(&folder.file()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.file()), 0o600);
        assert_eq!(mode(folder.file().parent().unwrap()), 0o700);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_is_not_used_in_part() {
        let folder = Folder::new("damaged");
        make_folder(folder.file().parent().unwrap()).unwrap();
        let long = format!("{HEADER}\n{}", "open 127.0.0.1:4000\n".repeat(1_000));
        let wrong_line = format!("{HEADER}\nopen 127.0.0.1:4000\nshut 127.0.0.1:4001\n");
        let no_address = format!("{HEADER}\nopen somewhere\n");
        for text in ["", "# something else\n", &wrong_line, &no_address, &long] {
            fs::write(folder.file(), text).unwrap();
            let error = ServerList::load(&folder.file()).unwrap_err();
            assert!(error.to_string().contains("deep/servers"), "{error}");
        }
        fs::write(folder.file(), [0xff, 0xfe]).unwrap();
        assert!(ServerList::load(&folder.file()).is_err());
    }
}

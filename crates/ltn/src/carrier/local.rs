//! The local door of a node: a socket in its state directory, for programs of the same person on
//! the same machine.
//!
//! It carries the same TLS and the same frames as any other connection; what is special is who can
//! reach it. Its address names no path: a dialer was told the directory when it was made. Knows
//! nothing of nodes.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ltn_proto::{Address, DialError};
use tokio::net::{UnixListener, UnixStream};

use super::{Acceptor, BoxFuture, Carried, Carrier, DialFailure};

/// What addresses of this carrier begin with.
pub(super) const SCHEME: &str = "local:";
/// The one address there is.
pub(crate) const OWNER: &str = "local:owner";
/// What the socket is called in its directory.
const SOCKET: &str = "socket";
/// The longest path that the system takes for a socket, in bytes, with its end.
const PATH_BYTES_MAX: usize = 100;

/// The way to the door of one directory.
#[derive(Debug, Clone)]
pub(crate) struct LocalDoor(PathBuf);

impl LocalDoor {
    /// The door in this directory.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Opens the door. Whoever calls this owns the directory, so a socket that is there is left
    /// from an earlier process.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Acceptor>> {
        let file = self.0.join(SOCKET);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = self.with_short_path(|path| UnixListener::bind(path))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        let owner = fs::metadata(&self.0)?.uid();
        Ok(Box::new(Open { listener, file, owner }))
    }

    fn reach(&self) -> Result<Carried, DialFailure> {
        let nobody = |error: io::Error| {
            let text = format!("no node runs with {}: {error}", self.0.display());
            DialFailure::new(DialError::NoServer, text)
        };
        let stream = self
            .with_short_path(|path| std::os::unix::net::UnixStream::connect(path))
            .and_then(|stream| stream.set_nonblocking(true).map(|()| stream))
            .and_then(UnixStream::from_std)
            .map_err(nobody)?;
        Ok(carried(stream))
    }

    /// Paths of sockets are short on every system; a directory that is deep is named by its number.
    fn with_short_path<T>(&self, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let file = self.0.join(SOCKET);
        if file.as_os_str().len() <= PATH_BYTES_MAX {
            return work(&file);
        }
        let directory = fs::File::open(&self.0)?;
        work(&PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd())))
    }
}

impl Carrier for LocalDoor {
    fn listen<'a>(&'a self, _at: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Acceptor>>> {
        Box::pin(async { self.open() })
    }

    fn dial<'a>(&'a self, _to: &'a Address) -> BoxFuture<'a, Result<Carried, DialFailure>> {
        Box::pin(async { self.reach() })
    }
}

/// An open door; it goes with this.
#[derive(Debug)]
struct Open {
    listener: UnixListener,
    file: PathBuf,
    owner: u32,
}

impl Acceptor for Open {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Carried>> {
        Box::pin(async {
            let (stream, _) = self.listener.accept().await?;
            let who = stream.peer_cred()?.uid();
            // The modes of directory and socket say so too, but not on every file system.
            if who != self.owner && who != 0 {
                let text = format!("user {who} is not the owner of the state directory");
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, text));
            }
            Ok(carried(stream))
        })
    }

    fn address(&self) -> Address {
        Address::new(OWNER)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // What is left is replaced at the next start.
        let _ = fs::remove_file(&self.file);
    }
}

fn carried(stream: UnixStream) -> Carried {
    Carried { stream: Box::new(stream), remote: "this machine".to_owned(), origin: None }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::state::testing::Place;

    #[tokio::test]
    async fn a_door_is_private_carries_bytes_and_is_gone_with_its_owner() {
        let place = Place::new();
        // Deeper than the path of a socket may be.
        let deep = place.path().join("a".repeat(120));
        fs::create_dir(&deep).unwrap();
        let door = LocalDoor::in_directory(&deep);
        let address = Address::new(OWNER);
        assert_eq!(door.dial(&address).await.unwrap_err().why, DialError::NoServer);
        let mut open = door.open().unwrap();
        let mode = fs::metadata(deep.join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (near, far) = tokio::join!(door.dial(&address), open.accept());
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        near.stream.write_all(b"ping").await.unwrap();
        let mut read = [0; 4];
        far.stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"ping");
        drop(open);
        assert!(!deep.join(SOCKET).exists());
        assert_eq!(door.dial(&address).await.unwrap_err().why, DialError::NoServer);
        // A process that was killed leaves its socket behind.
        fs::write(deep.join(SOCKET), "").unwrap();
        door.open().unwrap();
    }
}

//! Where the system has no local sockets there are no local doors: nodes are reached by their
//! addresses alone.

use std::io;
use std::path::Path;

use ltn_proto::{Address, DialError};

use super::{Acceptor, BoxFuture, Carried, Carrier, DialFailure};

/// What addresses of this carrier begin with.
pub(super) const SCHEME: &str = "local:";
/// The one address there is.
pub(crate) const OWNER: &str = "local:owner";
const NONE_HERE: &str = "this system has no local sockets; give an address";

/// The way to a door that is not there.
#[derive(Debug, Clone)]
pub(crate) struct LocalDoor;

impl LocalDoor {
    /// The door in this directory.
    pub(crate) const fn in_directory(_directory: &Path) -> Self {
        Self
    }

    /// Says that there is none.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Acceptor>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, NONE_HERE))
    }
}

impl Carrier for LocalDoor {
    fn listen<'a>(&'a self, _at: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Acceptor>>> {
        Box::pin(async { self.open() })
    }

    fn dial<'a>(&'a self, _to: &'a Address) -> BoxFuture<'a, Result<Carried, DialFailure>> {
        Box::pin(async { Err(DialFailure::new(DialError::Unsuited, NONE_HERE)) })
    }
}

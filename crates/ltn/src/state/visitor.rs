//! The keys for visits: short stays in the network that are on no list and take nobody's place,
//! also while the node of the directory runs and holds its store.
//!
//! One file has the keys with their certificates and passes, the authority's certificate, and a
//! charter. It is taken only if it is, byte for byte, what would be written for what is in it. Each
//! visit takes a key for itself, as long as it lasts, and counts it: a later visit with the same
//! key is known for the later one.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use ltn_proto::limits::{CHARTER_BYTES_MAX, VISITORS_MAX};
use ltn_proto::{NetworkId, NodeId, Pass, Role, SignedCharter};

use super::StateError;
use super::directory::{self, VISITOR, VISITS};
use crate::tls::{Identity, Membership, check_membership, network_of, public_key_of};

/// The largest file that is read, in bytes: a charter in base64, and room for all else.
pub(super) const VISITOR_BYTES_MAX: u64 = (CHARTER_BYTES_MAX as u64) * 3 / 2 + 16 * 1024;
/// What the last line begins with.
const DIGEST: &str = "digest ";
/// A visit waits so long for its turn while all keys are taken.
const TURN: Duration = Duration::from_secs(30);
/// So often it is tried to get the turn to write what was learned: for five seconds.
const LEARNING_TRIES: u32 = 200;
/// The pause before the keys are looked at again.
const PAUSE: Duration = Duration::from_millis(20);

/// A key for visits.
#[derive(Debug)]
pub(crate) struct VisitKey {
    pub(crate) identity: Identity,
    /// The certificate of it (DER).
    pub(crate) certificate: Vec<u8>,
    /// Whose it is.
    pub(crate) pass: Pass,
}

/// What visits are made with.
#[derive(Debug)]
pub(crate) struct Visitors {
    /// One for each visit at a time.
    pub(crate) keys: Vec<VisitKey>,
    pub(crate) network: NetworkId,
    /// The authority's certificate (DER).
    pub(crate) authority: Vec<u8>,
    /// A charter of the network, perhaps an old one: whoever is visited shows a newer one.
    pub(crate) charter: SignedCharter,
}

/// What one visit is made with.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) identity: Identity,
    pub(crate) membership: Membership,
    pub(crate) pass: Pass,
    pub(crate) charter: SignedCharter,
    /// How many visits there were with this key, this one included.
    pub(crate) number: u32,
    /// The key is this visit's as long as this is open.
    pub(crate) turn: File,
}

impl Visitors {
    /// Those of a directory, whether or not its node runs.
    pub(crate) fn of_directory(path: &Path) -> Result<Self, StateError> {
        if !directory::holds_visitor(path) {
            return Err(super::holds_nobody(path));
        }
        let text = directory::read_visitor(path)?;
        Self::read(&text).map_err(|why| directory::damaged(path, VISITOR, &why))
    }

    /// The next visit begins with this charter, if it is newer than the one that is known: it may
    /// refuse the very server that is visited.
    pub(crate) fn learn(path: &Path, charter: &SignedCharter) {
        if let Err(error) = Self::try_to_learn(path, charter, LEARNING_TRIES) {
            tracing::warn!(%error, "the next visit will not know who is out");
        }
    }

    pub(super) fn try_to_learn(
        path: &Path,
        charter: &SignedCharter,
        tries: u32,
    ) -> Result<(), StateError> {
        // Several visits and the node may learn at the same time, and what each of them compares
        // with has to be what it replaces.
        let _turn = directory::hold_visitor(path, tries)?;
        let mut known = Self::of_directory(path)?;
        let damaged = |what: &str| directory::damaged(path, VISITOR, what);
        let key = public_key_of(&known.authority).map_err(|why| damaged(&why.to_string()))?;
        let edition = |charter: &SignedCharter| match charter.read(&key) {
            Ok(charter) => Ok(charter.edition),
            Err(bad) => Err(damaged(&bad.to_string())),
        };
        if edition(charter)? > edition(&known.charter)? {
            known.charter = charter.clone();
            directory::put_visitor(path, &known.write())?;
        }
        Ok(())
    }

    /// Waits until one of the keys is free, and takes it.
    pub(crate) fn take_turn(mut self, path: &Path) -> Result<Visit, StateError> {
        let begin = Instant::now();
        loop {
            for at in 0..self.keys.len() {
                let Some((turn, number)) = try_turn(path, at)? else { continue };
                let VisitKey { identity, certificate, pass } = self.keys.swap_remove(at);
                let Self { network, authority, charter, .. } = self;
                let membership = Membership { network, authority, certificate };
                return Ok(Visit { identity, membership, pass, charter, number, turn });
            }
            if begin.elapsed() > TURN {
                let holder = format!("{} visits, and no more at a time", self.keys.len());
                return Err(StateError::InUse { directory: path.to_owned(), holder });
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Whose visits they are.
    pub(crate) fn owner(&self) -> NodeId {
        self.keys.first().map_or(NodeId::NOBODY, |key| key.pass.owner())
    }

    /// The text of the file.
    pub(crate) fn write(&self) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let mut line = |what: &str, bytes: &[u8]| {
            let _ = writeln!(text, "{what} {}", BASE64.encode(bytes));
        };
        for VisitKey { identity, certificate, pass } in &self.keys {
            line("key", identity.pkcs8());
            line("certificate", certificate);
            line("pass", &pass.to_bytes());
        }
        line("authority", &self.authority);
        line("charter", &[self.charter.bytes.as_ref(), &self.charter.signature].concat());
        let digest = blake3::hash(text.as_bytes()).to_hex();
        let _ = writeln!(text, "{DIGEST}{digest}");
        text
    }

    /// What is in this text.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let broken = || "it is not as it was written".to_owned();
        let (body, digest) = text.rsplit_once(DIGEST).ok_or_else(broken)?;
        if blake3::hash(body.as_bytes()).to_hex().as_str() != digest.trim_end() {
            return Err(broken());
        }
        let mut lines = text.lines().peekable();
        let part = |line: Option<&str>, what: &str| {
            let line = line?.strip_prefix(what)?.strip_prefix(' ')?;
            BASE64.decode(line.as_bytes()).ok()
        };
        let mut keys = Vec::new();
        while lines.peek().is_some_and(|line| line.starts_with("key ")) {
            let key = part(lines.next(), "key").ok_or_else(broken)?;
            let certificate = part(lines.next(), "certificate").ok_or_else(broken)?;
            if !lines.peek().is_some_and(|line| line.starts_with("pass ")) {
                let text = "an earlier build made it, whose visits showed no passes: a new invite \
                            and a new directory make this machine a member again";
                return Err(text.to_owned());
            }
            let pass = part(lines.next(), "pass").and_then(|bytes| Pass::from_bytes(&bytes));
            let pass = pass.ok_or_else(broken)?;
            let identity = Identity::of_key(&key).map_err(|_| broken())?;
            keys.push(VisitKey { identity, certificate, pass });
        }
        let authority = part(lines.next(), "authority").ok_or_else(broken)?;
        let charter = part(lines.next(), "charter").ok_or_else(broken)?;
        let (bytes, signature) = charter.split_last_chunk().ok_or_else(broken)?;
        let charter = SignedCharter { bytes: bytes.to_vec().into(), signature: *signature };
        let network = network_of(&authority).map_err(|_| broken())?;
        let visitors = Self { keys, network, authority, charter };
        if !(1..=VISITORS_MAX).contains(&visitors.keys.len()) || visitors.write() != text {
            return Err(broken());
        }
        visitors.check()?;
        Ok(visitors)
    }

    /// Does all of it fit together?
    pub(super) fn check(&self) -> Result<(), String> {
        let authority_key = public_key_of(&self.authority).map_err(|error| error.to_string())?;
        for VisitKey { identity, certificate, pass } in &self.keys {
            if pass.check(&authority_key, identity.id()) != Ok(self.owner()) {
                return Err("a pass in it is not for its key, or another member's".to_owned());
            }
            let (network, authority) = (self.network, self.authority.clone());
            let membership = Membership { network, authority, certificate: certificate.clone() };
            match check_membership(identity, &membership) {
                Ok(Role::Session) => {}
                Ok(_) => return Err("a certificate in it is not one for visits".to_owned()),
                Err(error) => return Err(format!("a certificate does not fit its key: {error}")),
            }
        }
        Ok(())
    }
}

/// Takes one of the keys, if nobody has it, and counts the visit.
fn try_turn(path: &Path, at: usize) -> Result<Option<(File, u32)>, StateError> {
    let name = format!("{VISITS}{at}");
    let file = path.join(&name);
    let system = |source| StateError::System { file: file.clone(), source };
    let mut turn = directory::private()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file)
        .map_err(system)?;
    match turn.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(source)) => return Err(system(source)),
    }
    let mut text = String::new();
    (&turn).take(16).read_to_string(&mut text).map_err(system)?;
    let number = match text.trim() {
        // Made, and not written before the power went.
        "" => 0,
        text => text.parse::<u32>().map_err(|_| {
            directory::damaged(path, &name, "it is not the number of a visit: take it away")
        })?,
    };
    let number = number.saturating_add(1);
    turn.rewind()
        .and_then(|()| turn.write_all(format!("{number}\n").as_bytes()))
        .and_then(|()| turn.sync_data())
        .map_err(system)?;
    Ok(Some((turn, number)))
}

//! A network in one sealed file: what its main server needs to begin again on another machine.
//!
//! It holds the keys of the authority, of the main server and of its owner's visits, and the book.
//! What was signed after it was made, the restored main server learns from its members.

use std::path::Path;
use std::sync::Arc;

use ltn_proto::registry::Registry;
use ltn_proto::{NetworkId, Role, Secret, SignedCharter, Value};

use super::MAIN_NAME;
use super::network::{MembershipError, Network};
use crate::sealed::{open, seal};
use crate::state::{Belonging, NewMember, Office, State, StateError, Visitors};
use crate::tls::{Identity, Membership, network_of};

/// How the content is to be read.
const FORM: u64 = 1;

/// A backup that cannot be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The file is none, was changed, or the passphrase is wrong.
    #[error("{0}")]
    Backup(String),
    /// The directory cannot be used.
    #[error("{0}")]
    State(StateError),
}

impl Network {
    /// All that the main server needs to begin again on another machine, sealed with this
    /// passphrase (8 to 1,024 bytes). Takes a moment: guessing shall be expensive.
    ///
    /// # Errors
    /// The network does not live in a state directory, or the passphrase cannot be used.
    pub async fn backup(&self, passphrase: &str) -> Result<Vec<u8>, MembershipError> {
        let (content, passphrase) = (self.backup_content().await?, passphrase.to_owned());
        let sealed = tokio::task::spawn_blocking(move || seal_backup(&content, &passphrase)).await;
        sealed.map_err(|error| MembershipError::new(error.to_string()))?
    }

    /// All that the main server needs to begin again on another machine: whoever has it is the
    /// network. [`seal_backup`] makes the file of it.
    ///
    /// # Errors
    /// The network does not live in a state directory.
    pub(super) async fn backup_content(&self) -> Result<Vec<u8>, MembershipError> {
        let failed = |text: &str| MembershipError::new(text.to_owned());
        let directory = self
            .home()
            .directory
            .as_deref()
            .ok_or_else(|| failed("this network has no directory"))?;
        let visitors =
            Visitors::of_directory(directory).map_err(|error| failed(&error.to_string()))?;
        let (identity, membership, charter) = self.root().parts();
        let (book, key) = self.office().await;
        let content = Value::map([
            ("form", Value::from(FORM)),
            ("label", self.home().label.as_str().into()),
            ("identity", Value::Bytes(identity.pkcs8().to_vec())),
            ("authority", Value::Bytes(membership.authority.clone())),
            ("certificate", Value::Bytes(membership.certificate.clone())),
            ("visitors", visitors.write().into()),
            ("authority_key", Value::Bytes(key)),
            ("book", Value::Bytes(book)),
            ("charter", Value::Bytes(charter.bytes.to_vec())),
            ("signature", Value::Bytes(charter.signature.to_vec())),
        ]);
        Ok(content.to_cbor())
    }
}

/// The file for what `s.backup` answers, sealed with this passphrase (8 to 1,024 bytes). Takes a
/// moment, and the thread: guessing shall be expensive.
///
/// # Errors
/// The passphrase cannot be used.
pub fn seal_backup(content: &[u8], passphrase: &str) -> Result<Vec<u8>, MembershipError> {
    let sealed = seal(&Secret::new(passphrase), content);
    sealed.map_err(|error| MembershipError::new(error.to_string()))
}

/// Makes the state directory of a network's main server from a backup. For the first minute that it
/// runs, it learns from its members what was signed after the backup and signs nothing itself; then
/// it begins a new epoch, so that a main server that is still running with the old directory stops
/// as soon as it hears of that.
///
/// # Errors
/// Says what is wrong with the backup, the passphrase or the directory; nothing was made.
pub fn restore_network_at(
    sealed: &[u8],
    passphrase: &str,
    directory: &Path,
) -> Result<NetworkId, RestoreError> {
    let content = open(&Secret::new(passphrase), sealed)
        .map_err(|why| RestoreError::Backup(why.to_string()))?;
    let unreadable = || RestoreError::Backup("this backup cannot be read".to_owned());
    let content = Value::from_cbor(&content).map_err(|_| unreadable())?;
    if content.get("form").and_then(Value::as_u64) != Some(FORM) {
        let text = "this backup was made by a program that says more than this one understands";
        return Err(RestoreError::Backup(text.to_owned()));
    }
    let new = member_in(&content).ok_or_else(unreadable)?;
    let network = new.belonging.membership.network;
    State::make_root(directory, new).map_err(RestoreError::State)?;
    Ok(network)
}

fn member_in(content: &Value) -> Option<NewMember> {
    let bytes = |name: &str| content.get(name)?.as_bytes().map(<[u8]>::to_vec);
    let authority = bytes("authority")?;
    let charter = SignedCharter {
        bytes: bytes("charter")?.into(),
        signature: bytes("signature")?.try_into().ok()?,
    };
    let mut book = Registry::read(&bytes("book")?).ok()?;
    book.begin_learning();
    Some(NewMember {
        identity: Arc::new(Identity::of_key(&bytes("identity")?).ok()?),
        visitors: Visitors::read(content.get("visitors")?.as_text()?).ok()?,
        role: Role::MainServer,
        name: MAIN_NAME.to_owned(),
        belonging: Belonging {
            label: content.get("label")?.as_text()?.to_owned(),
            membership: Membership {
                network: network_of(&authority).ok()?,
                authority,
                certificate: bytes("certificate")?,
            },
            place: None,
            office: Some(Office { key: bytes("authority_key")?, book }),
        },
        charter,
        address: None,
    })
}

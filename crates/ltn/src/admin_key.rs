//! The admin key of a server: its hash, and the slow work of making and comparing hashes.
//!
//! This room alone holds the hash (Argon2id) and never the key for longer than that takes. It works
//! on threads for slow things, one key at a time; who may try, and how often, the mind has decided.
//! A node with a state directory keeps the hash there.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::Argon2;
use ltn_proto::limits::{KEY_BYTES_MAX, KEY_BYTES_MIN};
use ltn_proto::{InboundId, KeyNews, KeyWish, Op, Secret};
use tokio::sync::{Semaphore, mpsc};

use crate::driver::Ask;
use crate::state::{AdminKeys, HashBytes, Keeper};
use crate::tls::random_bytes;

/// A hash and the salt that it was made with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyHash {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

impl KeyHash {
    /// The hash of a key, with a salt of its own. Takes long on purpose.
    ///
    /// # Errors
    /// Says what is wrong with the key, without the key.
    fn of(key: &Secret) -> Result<Self, String> {
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.reveal().len()) {
            return Err(format!("an admin key has {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes"));
        }
        let salt = random_bytes().map_err(|error| error.to_string())?;
        Ok(Self { salt, hash: hash(key, &salt)? })
    }

    fn to_bytes(&self) -> HashBytes {
        let mut bytes = [0; 48];
        let (salt, hash) = bytes.split_at_mut(16);
        salt.copy_from_slice(&self.salt);
        hash.copy_from_slice(&self.hash);
        bytes
    }

    fn from_bytes(bytes: HashBytes) -> Self {
        let (mut salt, mut hash) = ([0; 16], [0; 32]);
        salt.copy_from_slice(&bytes[..16]);
        hash.copy_from_slice(&bytes[16..]);
        Self { salt, hash }
    }

    fn is_of(&self, key: &Secret) -> bool {
        let Ok(other) = hash(key, &self.salt) else { return false };
        // Every byte is looked at, so that the time tells nothing.
        let different = self.hash.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
        different == 0
    }
}

fn hash(key: &Secret, salt: &[u8]) -> Result<[u8; 32], String> {
    let mut hash = [0; 32];
    let hashed = Argon2::default().hash_password_into(key.reveal().as_bytes(), salt, &mut hash);
    hashed.map(|()| hash).map_err(|error| format!("the key cannot be hashed: {error}"))
}

/// The hash of a key, made where it holds nobody up.
///
/// # Errors
/// Says what is wrong with the key, without the key.
pub(crate) async fn hash_of(key: Secret) -> Result<KeyHash, String> {
    let hashing = tokio::task::spawn_blocking(move || KeyHash::of(&key));
    hashing.await.unwrap_or_else(|_| Err("the key could not be hashed".to_owned()))
}

/// What holds from a start on: the key that the node is configured with (or none) if that is
/// another than at its last start, else what was set last. The new hashes, if they are others than
/// before.
///
/// # Errors
/// Says what is wrong with the key, without the key.
pub(crate) async fn at_start(
    configured: Option<Secret>,
    kept: AdminKeys,
) -> Result<(Option<KeyHash>, Option<AdminKeys>), String> {
    let is_as_told = match (configured.clone(), kept.told) {
        (None, None) => true,
        (Some(key), Some(told)) => compare(KeyHash::from_bytes(told), key).await,
        _ => false,
    };
    if is_as_told {
        return Ok((kept.holds.map(KeyHash::from_bytes), None));
    }
    let key = match configured {
        Some(key) => Some(hash_of(key).await?),
        None => None,
    };
    let bytes = key.as_ref().map(KeyHash::to_bytes);
    Ok((key, Some(AdminKeys { holds: bytes, told: bytes })))
}

async fn compare(hash: KeyHash, key: Secret) -> bool {
    let comparing = tokio::task::spawn_blocking(move || hash.is_of(&key));
    comparing.await.unwrap_or(false)
}

/// The key of one server, if it has one. It outlives restarts in place.
#[derive(Clone)]
pub(crate) struct AdminKey {
    kept: Arc<Mutex<Option<KeyHash>>>,
    keeper: Option<Keeper>,
    turn: Arc<Semaphore>,
    answers: mpsc::Sender<Ask>,
}

impl AdminKey {
    /// What is found out goes to `answers`, and another hash to the keeper, where there is one.
    pub(crate) fn new(
        kept: Option<KeyHash>,
        keeper: Option<Keeper>,
        answers: mpsc::Sender<Ask>,
    ) -> Self {
        let (kept, turn) = (Arc::new(Mutex::new(kept)), Arc::new(Semaphore::new(1)));
        Self { kept, keeper, turn, answers }
    }

    /// Is there one?
    pub(crate) fn is_set(&self) -> bool {
        self.kept().is_some()
    }

    /// Does in a task of its own what the mind wants, and answers it whatever comes of that.
    pub(crate) fn work(&self, inbound: InboundId, wish: KeyWish) {
        let desk = self.clone();
        tokio::spawn(async move {
            // The semaphore is never closed; without a turn two would hash at once, no more.
            let _turn = desk.turn.acquire().await;
            let news = match wish {
                KeyWish::Check(key) => KeyNews::Checked { inbound, right: desk.check(key).await },
                KeyWish::Keep(key) => KeyNews::Kept { inbound, error: desk.keep(key).await.err() },
            };
            // A closed queue means that the node stops.
            let _ = desk.answers.send(Ask::plain(Op::AdminKey(news))).await;
        });
    }

    async fn check(&self, key: Secret) -> bool {
        let Some(kept) = self.kept().clone() else { return false };
        compare(kept, key).await
    }

    async fn keep(&self, key: Secret) -> Result<(), String> {
        let hash = hash_of(key).await?;
        if let Some(keeper) = &self.keeper {
            let kept = keeper.keep_key(hash.to_bytes()).await;
            kept.map_err(|why| format!("the key was not changed: it cannot be kept ({why})"))?;
        }
        *self.kept() = Some(hash);
        Ok(())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<KeyHash>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_key_only_and_shows_nothing_of_it() {
        let key = Secret::new("open sesame");
        let hash = KeyHash::of(&key).unwrap();
        assert!(hash.is_of(&key));
        assert!(!hash.is_of(&Secret::new("open sesamf")));
        assert_ne!(hash, KeyHash::of(&key).unwrap(), "each has a salt of its own");
        assert_eq!(format!("{hash:?}"), "KeyHash(…)");
    }

    #[test]
    fn keys_that_are_too_short_or_too_long_are_none() {
        for key in ["", "1234567", &"k".repeat(KEY_BYTES_MAX + 1)] {
            let why = KeyHash::of(&Secret::new(key)).unwrap_err();
            assert_eq!(why, "an admin key has 8 to 1024 bytes");
        }
    }
}

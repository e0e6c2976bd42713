//! Bytes that only who knows a passphrase can read, and nobody can change unnoticed.
//!
//! The key is Argon2id of the passphrase and a salt, the seal AES-256-GCM; what stands before the
//! sealed bytes is sealed with them. This room does not know what it seals.

use argon2::{Algorithm, Argon2, Params, Version};
use ltn_proto::Secret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::tls::random_bytes;

/// What a sealed file begins with: the format and its version.
const MAGIC: &[u8; 16] = b"ltn sealed, 1.\r\n";
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// What stands before the sealed bytes.
const HEAD_BYTES: usize = MAGIC.len() + SALT_BYTES + NONCE_LEN;
/// What a guess costs: memory in KiB, passes over it, lanes.
const COST: (u32, u32, u32) = (64 * 1024, 3, 1);
/// A shorter passphrase is guessed in no time.
pub(crate) const PASSPHRASE_BYTES_MIN: usize = 8;
/// Longer ones are a file that was meant for something else.
pub(crate) const PASSPHRASE_BYTES_MAX: usize = 1_024;

/// Why something is not sealed, or not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    #[error("a passphrase has {PASSPHRASE_BYTES_MIN} to {PASSPHRASE_BYTES_MAX} bytes")]
    Passphrase,
    #[error("it is no sealed file of this program")]
    NotSealed,
    #[error("the passphrase is wrong, or the file was changed")]
    WrongOrChanged,
    #[error("the system gives no randomness, or not enough memory")]
    System,
}

/// Seals these bytes.
pub(crate) fn seal(passphrase: &Secret, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let salt: [u8; SALT_BYTES] = random_bytes().map_err(|_| SealError::System)?;
    let nonce: [u8; NONCE_LEN] = random_bytes().map_err(|_| SealError::System)?;
    let head = [&MAGIC[..], &salt, &nonce].concat();
    let key = key_of(passphrase, &salt)?;
    let mut body = plain.to_vec();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(&head[..]),
        &mut body,
    )
    .map_err(|_| SealError::System)?;
    Ok([head, body].concat())
}

/// Opens what [`seal`] made.
pub(crate) fn open(passphrase: &Secret, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (head, body) = sealed.split_at_checked(HEAD_BYTES).ok_or(SealError::NotSealed)?;
    let rest = head.strip_prefix(MAGIC).ok_or(SealError::NotSealed)?;
    let (salt, nonce) = rest.split_at(SALT_BYTES);
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotSealed)?;
    let key = key_of(passphrase, salt)?;
    let mut body = body.to_vec();
    let plain = key.open_in_place(nonce, Aad::from(head), &mut body);
    plain.map(|plain| plain.to_vec()).map_err(|_| SealError::WrongOrChanged)
}

fn key_of(passphrase: &Secret, salt: &[u8]) -> Result<LessSafeKey, SealError> {
    let passphrase = passphrase.reveal().as_bytes();
    if !(PASSPHRASE_BYTES_MIN..=PASSPHRASE_BYTES_MAX).contains(&passphrase.len()) {
        return Err(SealError::Passphrase);
    }
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, Some(KEY_BYTES));
    let params = params.map_err(|_| SealError::System)?;
    let mut key = [0; KEY_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, &mut key)
        .map_err(|_| SealError::System)?;
    let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| SealError::System)?;
    Ok(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_passphrase_and_nothing_else() {
        let good = Secret::new("correct horse");
        let sealed = seal(&good, b"all the keys").unwrap();
        assert_eq!(open(&good, &sealed).unwrap(), b"all the keys");
        assert!(!sealed.windows(8).any(|part| part == b"all the "));
        let wrong = Secret::new("correct house");
        assert_eq!(open(&wrong, &sealed), Err(SealError::WrongOrChanged));
        for at in [16, 31, 32, 43, 44, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&good, &changed), Err(SealError::WrongOrChanged), "byte {at}");
        }
        for end in [0, 15, HEAD_BYTES - 1] {
            assert_eq!(open(&good, &sealed[..end]), Err(SealError::NotSealed), "cut at {end}");
        }
        assert_eq!(open(&good, &sealed[..HEAD_BYTES + 3]), Err(SealError::WrongOrChanged));
        let short = Secret::new("secret");
        assert_eq!(seal(&short, b""), Err(SealError::Passphrase));
    }
}

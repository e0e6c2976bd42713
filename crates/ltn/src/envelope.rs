//! An answer that nobody on the way can read: closed for a key that who asks made for this one
//! answer, and sent along with the question.
//!
//! It is HPKE in its base mode (RFC 9180), with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and
//! AES-128-GCM, made of what `ring` has. Who closed an envelope it does not say: that is in the
//! signature of the answer (`SEALED`), and whose key it is in the signature of the question.

use ltn_proto::Value;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use ring::hmac;
use ring::rand::SystemRandom;

/// What the secret is derived for, by the standard: the key agreement, and the whole of it.
const KEM: &[u8] = b"KEM\x00\x10";
const SUITE: &[u8] = b"HPKE\x00\x10\x00\x01\x00\x01";
const VERSION: &[u8] = b"HPKE-v1";
/// The base mode: whose envelope it is, is not proved by it.
const BASE: &[u8] = &[0];
const DIGEST_BYTES: usize = 32;
const KEY_BYTES: usize = 16;
/// A point of P-256, not compressed.
const POINT_BYTES: usize = 65;
/// What an envelope is for, before what it answers.
const PURPOSE: &[u8] = b"ltn/1 answer\0";

/// An envelope that cannot be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// What shall be the key of who asks is none.
    #[error("the key to answer for is no key")]
    BadKey,
    /// It is no envelope, was changed, or is not for this key and this question.
    #[error("the answer is not for the key that it was asked with, or it was changed on the way")]
    NotForUs,
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    System,
}

/// The key of who asks, for one answer: `s.invite`, `s.replace` and `s.backup` take its public half
/// ([`Self::public`]) as their last argument, and answer with what only [`Self::open`] reads.
pub struct AnswerKey {
    private: EphemeralPrivateKey,
    public: Vec<u8>,
}

impl AnswerKey {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn make() -> Result<Self, EnvelopeError> {
        let (private, public) = pair()?;
        Ok(Self { private, public })
    }

    /// What is sent along with the question.
    #[must_use]
    pub fn public(&self) -> Value {
        Value::Bytes(self.public.clone())
    }

    /// The answer to this command, as it was before it was closed. The key is used up.
    ///
    /// # Errors
    /// It is not for this key or not the answer to this command, or was changed.
    pub fn open(self, command: &str, answer: &Value) -> Result<Value, EnvelopeError> {
        let part = |name: &str| answer.get(name).and_then(Value::as_bytes);
        let (Some(other), Some(sealed)) = (part("key"), part("sealed")) else {
            return Err(EnvelopeError::NotForUs);
        };
        let context = [other, &self.public].concat();
        let secret = agree(self.private, other, &context).ok_or(EnvelopeError::NotForUs)?;
        let (key, nonce) = schedule(&secret, &about(command)).ok_or(EnvelopeError::System)?;
        let mut content = sealed.to_vec();
        let content = key.open_in_place(nonce, Aad::empty(), &mut content);
        let content = content.map_err(|_| EnvelopeError::NotForUs)?;
        Value::from_cbor(content).map_err(|_| EnvelopeError::NotForUs)
    }
}

impl std::fmt::Debug for AnswerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The private half is left out: a log is no place for it.
        f.debug_struct("AnswerKey").finish_non_exhaustive()
    }
}

/// Closes the answer to this command for who asked with this key.
pub(crate) fn close(reader: &[u8], command: &str, answer: &Value) -> Result<Value, EnvelopeError> {
    if reader.len() != POINT_BYTES {
        return Err(EnvelopeError::BadKey);
    }
    let (private, public) = pair()?;
    let context = [&public, reader].concat();
    let secret = agree(private, reader, &context).ok_or(EnvelopeError::BadKey)?;
    let (key, nonce) = schedule(&secret, &about(command)).ok_or(EnvelopeError::System)?;
    let mut sealed = answer.to_cbor();
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
        .map_err(|_| EnvelopeError::System)?;
    Ok(Value::map([("key", Value::Bytes(public)), ("sealed", Value::Bytes(sealed))]))
}

fn about(command: &str) -> Vec<u8> {
    [PURPOSE, command.as_bytes()].concat()
}

fn pair() -> Result<(EphemeralPrivateKey, Vec<u8>), EnvelopeError> {
    let random = SystemRandom::new();
    let private = EphemeralPrivateKey::generate(&ECDH_P256, &random);
    let private = private.map_err(|_| EnvelopeError::System)?;
    let public = private.compute_public_key().map_err(|_| EnvelopeError::System)?;
    Ok((private, public.as_ref().to_vec()))
}

/// The secret of both ends; `context` is both public keys, that of who closes first.
fn agree(private: EphemeralPrivateKey, other: &[u8], context: &[u8]) -> Option<[u8; 32]> {
    let other = UnparsedPublicKey::new(&ECDH_P256, other);
    agree_ephemeral(private, &other, |shared| shared_secret(shared, context)).ok().flatten()
}

/// `ExtractAndExpand` of the standard.
fn shared_secret(shared: &[u8], context: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
    let secret = extract(KEM, &[], b"eae_prk", shared);
    let mut out = [0; DIGEST_BYTES];
    expand(KEM, &secret, (b"shared_secret", context), &mut out)?;
    Some(out)
}

/// `KeySchedule` of the standard, for one message.
fn schedule(secret: &[u8], info: &[u8]) -> Option<(LessSafeKey, Nonce)> {
    let (key, nonce) = key_and_nonce(secret, info)?;
    let key = UnboundKey::new(&AES_128_GCM, &key).ok()?;
    // The secret is one message's, so the nonce is too.
    Some((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
}

fn key_and_nonce(secret: &[u8], info: &[u8]) -> Option<([u8; KEY_BYTES], [u8; NONCE_LEN])> {
    let nobody = extract(SUITE, &[], b"psk_id_hash", &[]);
    let info = extract(SUITE, &[], b"info_hash", info);
    let context = [BASE, &nobody, &info].concat();
    let secret = extract(SUITE, secret, b"secret", &[]);
    let (mut key, mut nonce) = ([0; KEY_BYTES], [0; NONCE_LEN]);
    expand(SUITE, &secret, (b"key", &context), &mut key)?;
    expand(SUITE, &secret, (b"base_nonce", &context), &mut nonce)?;
    Some((key, nonce))
}

/// `LabeledExtract` of the standard.
fn extract(suite: &[u8], salt: &[u8], label: &[u8], material: &[u8]) -> [u8; DIGEST_BYTES] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    let mut out = [0; DIGEST_BYTES];
    let tag = hmac::sign(&key, &[VERSION, suite, label, material].concat());
    out.copy_from_slice(tag.as_ref());
    out
}

/// So many bytes.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// `LabeledExpand` of the standard: fills `out`.
fn expand(
    suite: &[u8],
    secret: &[u8],
    (label, context): (&[u8], &[u8]),
    out: &mut [u8],
) -> Option<()> {
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let info = [&length, VERSION, suite, label, context];
    let expanded = Prk::new_less_safe(HKDF_SHA256, secret);
    let expanded = expanded.expand(&info, Bytes(out.len())).ok()?;
    expanded.fill(out).ok()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// The first vector for this suite in the standard (A.3.1). The shared x-coordinate, which is
    /// not printed there, is that of its `skRm` and `enc`.
    #[test]
    fn the_secret_the_key_and_the_sealed_bytes_are_those_of_the_standard() {
        let shared = hex("13f918529458d2542531406888c8a6d4ea7ff473a6f4db452ac3c4ae1d01cea1");
        let context = hex(concat!(
            "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325a",
            "c98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
            "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a",
            "826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
        ));
        let secret = shared_secret(&shared, &context).unwrap();
        let wanted = "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8";
        assert_eq!(HEXLOWER.encode(&secret), wanted);
        let info = b"Ode on a Grecian Urn";
        let (key, nonce) = key_and_nonce(&secret, info).unwrap();
        assert_eq!(HEXLOWER.encode(&key), "868c066ef58aae6dc589b6cfdd18f97e");
        assert_eq!(HEXLOWER.encode(&nonce), "4e0bc5018beba4bf004cca59");
        let (key, nonce) = schedule(&secret, info).unwrap();
        let mut sealed = b"Beauty is truth, truth beauty".to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(b"Count-0"), &mut sealed).unwrap();
        let wanted = concat!(
            "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f",
            "9076ac232e3ab2523f39513434",
        );
        assert_eq!(HEXLOWER.encode(&sealed), wanted);
    }

    #[test]
    fn an_envelope_opens_with_its_key_for_its_question_unchanged_and_not_else() {
        let answer = Value::from("ltn1 and a secret");
        let reader = AnswerKey::make().unwrap();
        let public = reader.public();
        let closed = close(public.as_bytes().unwrap(), "s.invite", &answer).unwrap();
        let bytes = closed.to_cbor();
        assert!(!bytes.windows(6).any(|part| part == b"secret"));
        assert_eq!(reader.open("s.invite", &closed), Ok(answer.clone()));

        let refused = |change: &dyn Fn(&mut Value), command: &str| {
            let reader = AnswerKey::make().unwrap();
            let public = reader.public();
            let mut closed = close(public.as_bytes().unwrap(), "s.invite", &answer).unwrap();
            change(&mut closed);
            assert_eq!(reader.open(command, &closed), Err(EnvelopeError::NotForUs));
        };
        refused(&|_| (), "s.backup");
        refused(&|closed| *closed = Value::from("in the open"), "s.invite");
        for part in ["key", "sealed"] {
            let flip = |closed: &mut Value| {
                let Value::Map(map) = closed else { panic!("it is a map") };
                let Some(Value::Bytes(bytes)) = map.get_mut(part) else { panic!("they are bytes") };
                bytes[20] ^= 1;
            };
            refused(&flip, "s.invite");
        }
        let other = AnswerKey::make().unwrap();
        assert_eq!(other.open("s.invite", &closed), Err(EnvelopeError::NotForUs));
        for bad in [&[][..], &[4; 65], &[2; 33]] {
            assert_eq!(close(bad, "s.invite", &answer), Err(EnvelopeError::BadKey));
        }
    }
}

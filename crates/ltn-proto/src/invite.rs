//! The line that invites a machine into a network: what it must know before it says a word.
//!
//! `ltn1` and base32 of a small CBOR map with four bytes of its digest behind it, so that a slip of
//! the hand is a clear error and not another network. Case does not matter, so the line fits the
//! alphanumeric mode of QR codes. The secret in it never travels: the joiner proves that it has it.
//! This room writes and reads the line; it does not know who was invited or whether the invite is
//! still good.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::body;
use crate::id::NetworkId;
use crate::name::Name;
use crate::path::NodePath;
use crate::role::Role;

/// What every line begins with: the format and its version.
const START: &str = "ltn1";
/// What of the digest stands behind the map.
const CHECK_BYTES: usize = 4;
/// The longest line that is read, in characters: the largest invite has some 900.
const LINE_CHARS_MAX: usize = 2_048;
/// The addresses that an invite names.
pub const INVITE_HINTS_MAX: usize = 4;

/// An invite's number: which of the root's invites it is. Not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct InviteId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 8]);

impl fmt::Display for InviteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What makes an invite good: known to the root and to the invited one only. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct InviteSecret(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSecret(…)")
    }
}

/// An invitation to one machine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Invite {
    /// Which network, and nobody else who says so.
    #[n(0)]
    pub network: NetworkId,
    /// Which invite.
    #[n(1)]
    pub id: InviteId,
    /// Its secret.
    #[n(2)]
    pub secret: InviteSecret,
    /// What the machine will be.
    #[n(3)]
    pub role: Role,
    /// What it will be called, if that is said.
    #[n(4)]
    pub name: Option<Name>,
    /// The server that it shall hang below, if that is said.
    #[n(5)]
    pub place: Option<NodePath>,
    /// Where servers of the network may be reached. Hints: the key decides who it is.
    #[n(6)]
    pub hints: Vec<Address>,
}

/// A text that should be an invite and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadInvite {
    /// It does not begin like one.
    #[error("this is no invite: an invite is one line that begins with `ltn1`")]
    NoInvite,
    /// It was cut, or a character is wrong.
    #[error("this invite is damaged: copy the whole line once more")]
    Damaged,
    /// A later version made it.
    #[error("this invite was made by a version that says more than this one understands")]
    Unknown,
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = body::write(self).to_vec();
        let check = Sha256::digest(&bytes);
        bytes.extend_from_slice(&check[..CHECK_BYTES]);
        write!(f, "{START}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }
}

impl FromStr for Invite {
    type Err = BadInvite;

    fn from_str(text: &str) -> Result<Self, BadInvite> {
        // Mail programs and terminals break long lines.
        let line: String = text.chars().take(2 * LINE_CHARS_MAX).collect();
        let line: String = line.split_whitespace().collect::<String>().to_ascii_lowercase();
        let digits = line.strip_prefix(START).ok_or(BadInvite::NoInvite)?;
        if digits.len() > LINE_CHARS_MAX {
            return Err(BadInvite::Damaged);
        }
        let bytes = BASE32_NOPAD
            .decode(digits.to_ascii_uppercase().as_bytes())
            .map_err(|_| BadInvite::Damaged)?;
        let (content, check) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(BadInvite::Damaged)?;
        if Sha256::digest(content)[..CHECK_BYTES] != *check {
            return Err(BadInvite::Damaged);
        }
        let invite: Self = body::read(content).map_err(|_| BadInvite::Unknown)?;
        if invite.hints.len() > INVITE_HINTS_MAX {
            return Err(BadInvite::Unknown);
        }
        Ok(invite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Invite {
        Invite {
            network: NetworkId::of_authority_key(b"a key"),
            id: InviteId([7; 8]),
            secret: InviteSecret([9; 16]),
            role: Role::SubServer,
            name: Name::known("küche").ok(),
            place: Some("/hall".parse().unwrap()),
            hints: vec![Address::new("192.0.2.7:4000"), Address::new("[2001:db8::1]:4000")],
        }
    }

    #[test]
    fn a_line_says_what_was_invited_whatever_its_case_and_breaks() {
        let line = invite().to_string();
        assert!(line.starts_with("ltn1") && line.chars().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(line.parse(), Ok(invite()));
        assert_eq!(line.to_ascii_uppercase().parse(), Ok(invite()));
        let broken = format!("  {}\n   {}\r\n", &line[..60], &line[60..]);
        assert_eq!(broken.parse(), Ok(invite()));
    }

    #[test]
    fn every_slip_of_the_hand_is_noticed() {
        let line = invite().to_string();
        for at in 4..line.len() {
            let mut other = line.clone();
            let digit = if &line[at..=at] == "a" { "b" } else { "a" };
            other.replace_range(at..=at, digit);
            assert_eq!(other.parse::<Invite>(), Err(BadInvite::Damaged), "at {at}");
        }
        for end in 4..line.len() {
            assert!(line[..end].parse::<Invite>().is_err(), "cut at {end}");
        }
        assert_eq!("ltn tree".parse::<Invite>(), Err(BadInvite::NoInvite));
        assert_eq!("".parse::<Invite>(), Err(BadInvite::NoInvite));
    }

    /// Whoever makes a line can make its check fit too.
    #[test]
    fn a_secret_that_is_cut_or_empty_is_none() {
        let content = body::write(&invite()).to_vec();
        let whole = [&[0x50][..], &[9; 16]].concat();
        let at = content.windows(17).position(|part| part == whole).unwrap();
        let line = |secret: &[u8]| {
            let mut bytes = [&content[..at], secret, &content[at + 17..]].concat();
            let check = Sha256::digest(&bytes);
            bytes.extend_from_slice(&check[..CHECK_BYTES]);
            format!("{START}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
        };
        assert_eq!(line(&whole).parse(), Ok(invite()));
        let shorter = [&[0x4f][..], &[9; 15]].concat();
        for secret in [&[0x40][..], &shorter, &[0xf6]] {
            assert_eq!(line(secret).parse::<Invite>(), Err(BadInvite::Unknown), "{secret:?}");
        }
    }

    #[test]
    fn the_secret_is_in_no_log() {
        let shown = format!("{:?}", invite());
        assert!(shown.contains("InviteSecret(…)") && !shown.contains("9, 9"), "{shown}");
    }
}

//! Names of nodes: labels for people, unique among siblings.
//!
//! This room knows what a name may look like and which two people would confuse. It does not know
//! who has which name.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::MixedScript;
use unicode_security::confusable_detection::skeleton;

use crate::id::NodeId;
use crate::limits::NAME_CHARS_MAX;
use crate::role::Role;
use crate::text::{is_unseen, quotable};

/// What a server's own names for those without one start with.
const UNNAMED: &str = "unnamed_";
/// No character takes more bytes than this before it is put together to NFC.
const BYTES_PER_CHAR_MAX: usize = 16;
/// What clients cannot be called, because commands use these words.
const RESTRICTED: [&str; 11] = [
    "command",
    "commands",
    "servercommand",
    "servercommands",
    "info",
    "requestables",
    "services",
    "server",
    "subserver",
    "mainserver",
    "higher",
];

/// A valid name: 1 to 64 characters; letters with their marks and digits of any script, `_`, `-`,
/// `.`, and single spaces inside.
///
/// Names are kept as they were written (in NFC), and compared without regard to case:
///
/// ```
/// use ltn_proto::Name;
/// let name = Name::wanted("Küche 2").unwrap();
/// assert!(name.clashes_with(&Name::wanted("KÜCHE 2").unwrap()));
/// assert!(Name::wanted("a/b").is_err() && Name::wanted("..").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is no name. Texts of others in here are short and sanitised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// It is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// It has too many characters.
    #[error("the name `{name}` is too long: at most {NAME_CHARS_MAX} characters are allowed")]
    TooLong {
        /// Its beginning.
        name: String,
    },
    /// It has a character that no name may have.
    #[error(
        "the name `{name}` cannot contain {}: allowed are letters and digits, `_`, `-`, `.` and \
         single spaces inside",
        Shown(*character)
    )]
    Character {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
    /// A mark stands where no letter is before it.
    #[error("in the name `{name}` the mark {} has no letter before it", Shown(*character))]
    LooseMark {
        /// The name.
        name: String,
        /// The mark.
        character: char,
    },
    /// A space at one end, or two in a row.
    #[error("the name `{name}` can have single spaces inside, and none at its ends")]
    Spaces {
        /// The name.
        name: String,
    },
    /// It is `.` or `..`.
    #[error("`{0}` is no name: in a path it means a place")]
    Dots(String),
    /// It begins as only names that servers give, or ids, do.
    #[error("the name `{name}` cannot begin with `{beginning}`, which is kept for the network")]
    Reserved {
        /// The name.
        name: String,
        /// The beginning.
        beginning: &'static str,
    },
}

/// A character in an error: itself if it can be seen, and its number in Unicode.
struct Shown(char);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u32::from(self.0);
        if is_unseen(self.0) || self.0.is_whitespace() || is_combining_mark(self.0) {
            write!(f, "U+{number:04X}")
        } else if self.0.is_ascii() {
            write!(f, "`{}`", self.0)
        } else {
            write!(f, "`{}` (U+{number:04X})", self.0)
        }
    }
}

impl Name {
    /// A name that somebody wants: all rules of valid names, and not of the reserved forms
    /// (`unnamed_…`, `id:…`).
    pub fn wanted(text: &str) -> Result<Self, BadName> {
        let name = Self::known(text)?;
        if name.folded().starts_with(UNNAMED) {
            return Err(BadName::Reserved { name: quotable(text), beginning: UNNAMED });
        }
        Ok(name)
    }

    /// A name that a server gave, as it stands in a path: may be of the form `unnamed_…`.
    pub fn known(text: &str) -> Result<Self, BadName> {
        if text.len() > NAME_CHARS_MAX * BYTES_PER_CHAR_MAX {
            return Err(BadName::TooLong { name: quotable(text) });
        }
        if text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("id:")) {
            return Err(BadName::Reserved { name: quotable(text), beginning: "id:" });
        }
        let name: String = text.nfc().collect();
        if name.is_empty() {
            return Err(BadName::Empty);
        }
        if name.chars().count() > NAME_CHARS_MAX {
            return Err(BadName::TooLong { name: quotable(text) });
        }
        if name == "." || name == ".." {
            return Err(BadName::Dots(name));
        }
        check_characters(&name)?;
        Ok(Self(name))
    }

    /// The name of a node whose wish could not be granted.
    #[must_use]
    pub fn unnamed(id: &NodeId) -> Self {
        Self(format!("{UNNAMED}{}", id.short()))
    }

    /// The name of a node that has no wish.
    #[must_use]
    pub fn default_for(role: Role, id: &NodeId) -> Self {
        let kind = match role {
            Role::MainServer => return Self("Mainserver".to_owned()),
            Role::SubServer => "subserver",
            Role::Server => "server",
            Role::Client => "client",
            Role::Session => "session",
        };
        Self(format!("{kind}_{}", id.short()))
    }

    /// The name as text, NFC.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without regard to case: two names clash if these are equal.
    #[must_use]
    pub fn folded(&self) -> String {
        if self.0.is_ascii() {
            return self.0.to_ascii_lowercase();
        }
        // Upwards first, because ß has no other way to SS; then down, letter by letter, so that
        // every sigma ends as the same one.
        let folded = self.0.nfd().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        folded.nfc().collect()
    }

    /// Is it one of the words that clients cannot take (`server`, `command`, `higher`, …)?
    #[must_use]
    pub fn is_restricted_for_clients(&self) -> bool {
        RESTRICTED.contains(&self.folded().as_str())
    }

    /// Would people, or a case-folding reader, take the two for the same name?
    #[must_use]
    pub fn clashes_with(&self, other: &Self) -> bool {
        if self.0.is_ascii() && other.0.is_ascii() {
            return self.0.eq_ignore_ascii_case(&other.0);
        }
        self.folded() == other.folded()
    }

    /// Does one of the two pass for the other by letters of another script (`раypal`)? Names that
    /// are the same without regard to case clash instead.
    #[must_use]
    pub fn looks_like(&self, other: &Self) -> bool {
        // Within ASCII there is one script only.
        if self.0.is_ascii() && other.0.is_ascii() {
            return false;
        }
        let is_mixed = !self.0.is_single_script() || !other.0.is_single_script();
        is_mixed && !self.clashes_with(other) && {
            let (a, b) = (self.folded(), other.folded());
            skeleton(&self.0).eq(skeleton(&other.0)) || skeleton(&a).eq(skeleton(&b))
        }
    }
}

fn check_characters(name: &str) -> Result<(), BadName> {
    let spaces = || BadName::Spaces { name: quotable(name) };
    let mut previous = ' ';
    for c in name.chars() {
        if c == ' ' {
            if previous == ' ' {
                return Err(spaces());
            }
        } else if is_combining_mark(c) && !is_unseen(c) {
            if !previous.is_alphanumeric() && !is_combining_mark(previous) {
                return Err(BadName::LooseMark { name: quotable(name), character: c });
            }
        } else if !is_letter_or_digit(c) && !matches!(c, '_' | '-' | '.') {
            return Err(BadName::Character { name: quotable(name), character: c });
        }
        previous = c;
    }
    if previous == ' ' { Err(spaces()) } else { Ok(()) }
}

/// Letters and digits, without those that are never drawn, and without signs that stand for a digit
/// or a letter in a circle, a fraction or a raised place.
fn is_letter_or_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let is_sign = || c.is_numeric() && !c.is_alphabetic() && !std::iter::once(c).nfkc().eq([c]);
    c.is_alphanumeric() && !is_unseen(c) && !is_sign()
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::wanted(text).unwrap()
    }

    #[test]
    fn ordinary_names_are_taken_as_they_are() {
        for text in [
            "a",
            "sub1",
            "lower_sub3",
            "Lamp No. 5-b",
            "Küche",
            "台所",
            "кухня",
            "مطبخ",
            "รสชาติ",
            "...",
            "٣",
        ] {
            assert_eq!(name(text).as_str(), text);
        }
        assert!(Name::wanted(&"ü".repeat(64)).is_ok());
    }

    #[test]
    fn names_are_kept_in_nfc() {
        assert_eq!(name("Ku\u{308}che").as_str(), "K\u{fc}che");
        // Two characters each before they are put together, so 128, but 64 letters.
        assert_eq!(Name::wanted(&"u\u{308}".repeat(64)).unwrap().as_str(), "ü".repeat(64));
    }

    #[test]
    fn errors_say_which_character_and_what_is_allowed() {
        let error = |text: &str| Name::known(text).unwrap_err().to_string();
        assert_eq!(error(""), "a name cannot be empty");
        assert_eq!(
            error("a/b"),
            "the name `a/b` cannot contain `/`: allowed are letters and digits, `_`, `-`, `.` and \
             single spaces inside"
        );
        assert!(error("a\u{1b}[31m").starts_with("the name `a[31m` cannot contain U+001B:"));
        assert!(error("a👍").contains("`👍` (U+1F44D)"));
        assert!(error("\u{301}a").contains("the mark U+0301 has no letter before it"));
        assert!(error(&"x".repeat(65)).contains("is too long: at most 64 characters"));
        for spaces in [" a", "a ", "a  b", " "] {
            assert!(error(spaces).contains("single spaces inside"), "{spaces:?}");
        }
        assert_eq!(error(".."), "`..` is no name: in a path it means a place");
        assert!(error("ID:abc").contains("cannot begin with `id:`"));
    }

    #[test]
    fn errors_about_huge_texts_are_short() {
        for text in ["\u{202e}\n".repeat(500_000), "x".repeat(1_000_000)] {
            let error = Name::wanted(&text).unwrap_err().to_string();
            assert!(error.chars().count() < 200 && !error.contains(['\n', '\u{202e}']), "{error}");
        }
    }

    #[test]
    fn what_is_not_seen_is_in_no_name() {
        for c in ['\u{200b}', '\u{200d}', '\u{3164}', '\u{115f}', '\u{34f}', '\u{fe0f}', '\u{ad}'] {
            let error = Name::known(&format!("a{c}b")).unwrap_err();
            assert!(matches!(error, BadName::Character { character, .. } if character == c));
        }
        for text in ["a\u{a0}b", "a\tb", "a²", "½", "①", "a:b", "a*", "ⓐ①"] {
            assert!(matches!(Name::known(text), Err(BadName::Character { .. })), "{text}");
        }
    }

    #[test]
    fn unnamed_is_what_servers_say() {
        let id = NodeId::of_public_key(b"somebody");
        let unnamed = Name::unnamed(&id);
        assert_eq!(Name::known(unnamed.as_str()), Ok(unnamed.clone()));
        assert!(matches!(Name::wanted(unnamed.as_str()), Err(BadName::Reserved { .. })));
        assert!(matches!(Name::wanted("UNNAMED_x"), Err(BadName::Reserved { .. })));
        assert!(Name::wanted("unnamed").is_ok());
    }

    #[test]
    fn every_role_has_a_name_to_start_with() {
        let id = NodeId::of_public_key(b"somebody");
        let default = |role| Name::default_for(role, &id).to_string();
        assert_eq!(default(Role::MainServer), "Mainserver");
        assert_eq!(default(Role::SubServer), format!("subserver_{}", id.short()));
        assert_eq!(default(Role::Client), format!("client_{}", id.short()));
        for role in [Role::SubServer, Role::Server, Role::Client, Role::Session] {
            assert!(Name::wanted(&default(role)).is_ok());
        }
    }

    #[test]
    fn case_makes_no_difference() {
        for (a, b) in [("Sub1", "sUB1"), ("Straße", "STRASSE"), ("ΌΔΟΣ", "όδος"), ("É", "e\u{301}")]
        {
            assert!(name(a).clashes_with(&name(b)), "{a} {b}");
            assert!(!name(a).looks_like(&name(b)), "{a} {b}");
        }
        assert!(!name("sub1").clashes_with(&name("sub2")));
        assert!(!name("Kuche").clashes_with(&name("Küche")));
    }

    #[test]
    fn words_of_commands_are_not_for_clients() {
        for word in ["server", "Higher", "MAINSERVER", "commands"] {
            assert!(name(word).is_restricted_for_clients(), "{word}");
        }
        assert!(!name("server1").is_restricted_for_clients());
    }

    #[test]
    fn look_alikes_of_another_script_are_found() {
        // The first has a Cyrillic letter in it.
        assert!(name("p\u{430}ypal").looks_like(&name("paypal")));
        assert!(name("paypal").looks_like(&name("P\u{430}ypal")));
        assert!(name("\u{421}lient1").looks_like(&name("client1")));
        // Other words, and honest names of one script each, pass.
        assert!(!name("p\u{430}ypal").looks_like(&name("payday")));
        assert!(!name("lamp1").looks_like(&name("lampl")));
        assert!(!name("кухня").looks_like(&name("kitchen")));
        assert!(!name("\u{441}\u{43e}\u{441}\u{43e}").looks_like(&name("coco")));
    }
}

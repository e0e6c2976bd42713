//! Names of nodes: labels for people, unique among siblings.

use std::fmt;

/// A valid name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// It is empty.
    #[error("a name cannot be empty")]
    Empty,
}

impl Name {
    /// A name that somebody wants: all rules of valid names, and not of the reserved forms
    /// (`unnamed_…`, `id:…`).
    pub fn wanted(text: &str) -> Result<Self, BadName> {
        Self::known(text)
    }

    /// A name that a server gave, as it stands in a path: may be of the form `unnamed_…`.
    pub fn known(text: &str) -> Result<Self, BadName> {
        if text.is_empty() { Err(BadName::Empty) } else { Ok(Self(text.to_owned())) }
    }

    /// The name as text, NFC.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it one of the words that clients cannot take (`server`, `command`, `higher`, …)?
    #[must_use]
    pub fn is_restricted_for_clients(&self) -> bool {
        false
    }

    /// Would people, or a case-folding reader, take the two for the same name?
    #[must_use]
    pub fn clashes_with(&self, other: &Self) -> bool {
        self == other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

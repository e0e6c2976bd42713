//! Who may do what: permissions are words, and `admin` includes them all.
//!
//! This room compares words. It does not know how a node came to hold one.

use std::collections::BTreeSet;
use std::fmt;

use crate::limits::WORD_BYTES_MAX;

/// One permission: `user`, `admin`, or any word that the people of a network agree on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(String);

impl Permission {
    /// What everybody has who joined.
    #[must_use]
    pub fn user() -> Self {
        Self("user".to_owned())
    }

    /// What includes every other permission.
    #[must_use]
    pub fn admin() -> Self {
        Self("admin".to_owned())
    }

    /// A free-form permission; `None` if the word is empty, too long, or holds anything but
    /// letters, digits, `_` and `-`.
    #[must_use]
    pub fn word(word: &str) -> Option<Self> {
        let fits = !word.is_empty() && word.len() <= WORD_BYTES_MAX;
        let plain = word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        (fits && plain).then(|| Self(word.to_owned()))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The permissions that one node holds.
///
/// ```
/// use ltn_proto::{Permission, Permissions};
/// let user = Permissions::user();
/// assert!(user.allow(&Permission::user()) && !user.allow(&Permission::admin()));
/// assert!(Permissions::admin().allow(&Permission::word("gate").unwrap()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// None at all.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// What everybody has who joined.
    #[must_use]
    pub fn user() -> Self {
        Self(BTreeSet::from([Permission::user()]))
    }

    /// Everything.
    #[must_use]
    pub fn admin() -> Self {
        Self(BTreeSet::from([Permission::user(), Permission::admin()]))
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, permission: Permission) -> Self {
        self.0.insert(permission);
        self
    }

    /// Takes one out; tells whether it was in.
    pub fn remove(&mut self, permission: &Permission) -> bool {
        self.0.remove(permission)
    }

    /// Do they allow what needs `needed`?
    #[must_use]
    pub fn allow(&self, needed: &Permission) -> bool {
        self.0.contains(needed) || self.0.contains(&Permission::admin())
    }

    /// The words, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }
}

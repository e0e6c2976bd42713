//! A text that nobody is shown: an admin key on its way to where it is checked.
//!
//! This room only keeps it out of what is printed. It does not know what a key opens.

use std::fmt;

/// A secret text. Neither `{:?}` nor anything else prints it; who needs it says [`Self::reveal`].
///
/// ```
/// let key = ltn_proto::Secret::new("open sesame");
/// assert_eq!(format!("{key:?}"), "Secret(…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

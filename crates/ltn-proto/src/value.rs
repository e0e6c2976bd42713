//! The values that programs exchange: what they hold, how they are made, and how people read them.
//!
//! Their bytes are in `value/cbor.rs`. This room does not know what a value is for.

mod cbor;
mod show;

use std::collections::BTreeMap;
use std::time::Duration;

pub use cbor::BadValue;

use crate::limits::VALUE_CONTAINERS_MAX;

/// A value that every language at hand can read: what JSON has, and bytes, and points in time.
///
/// Shown to people it is compact, on one line, and sanitised:
///
/// ```
/// use ltn_proto::Value;
/// let lamp = Value::map([("on", true.into()), ("level", 40.into())]);
/// assert_eq!(lamp.to_string(), r#"{"level": 40, "on": true}"#);
/// assert_eq!(Value::from_cbor(&lamp.to_cbor()).unwrap(), lamp);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number; on the wire a CBOR integer, or a big integer (tags 2 and 3) beyond 64 bits.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Self>),
    /// Values by name.
    Map(BTreeMap<String, Self>),
    /// A point in time: the time since 1970-01-01T00:00:00Z.
    Time(Duration),
}

impl Value {
    /// A map of these names and values; of equal names the last one counts.
    pub fn map<N: Into<String>>(entries: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// A list of these values.
    pub fn list<V: Into<Self>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// Is it nothing?
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The answer, if it is yes or no.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(yes) = self { Some(*yes) } else { None }
    }

    /// The number, if it is a whole one.
    #[must_use]
    pub const fn as_int(&self) -> Option<i128> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The number, if it is a whole one that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_int()?.try_into().ok()
    }

    /// The number, if it is any; whole ones are rounded to what a float can hold.
    #[must_use]
    pub const fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Int(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The bytes, if it holds such.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The values in order, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The values by name, if it is a map.
    #[must_use]
    pub const fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }

    /// The time since 1970-01-01T00:00:00Z, if it is a point in time.
    #[must_use]
    pub const fn as_time(&self) -> Option<Duration> {
        if let Self::Time(since_1970) = self { Some(*since_1970) } else { None }
    }

    /// The value of this name, if it is a map that has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_map()?.get(name)
    }

    /// Will others decode it? Not with more lists and maps in one another than
    /// [`VALUE_NESTING_MAX`](crate::limits::VALUE_NESTING_MAX), or more in all than
    /// [`VALUE_CONTAINERS_MAX`]; whoever is about to send such a value should say so instead.
    pub fn check(&self) -> Result<(), BadValue> {
        let mut containers_left = VALUE_CONTAINERS_MAX;
        self.check_inside(0, &mut containers_left)
    }

    fn check_inside(&self, depth: usize, containers_left: &mut usize) -> Result<(), BadValue> {
        if matches!(self, Self::List(_) | Self::Map(_)) {
            cbor::enter_container(depth, containers_left)?;
        }
        let mut check = |inner: &Self| inner.check_inside(depth + 1, containers_left);
        match self {
            Self::List(items) => items.iter().try_for_each(&mut check),
            Self::Map(entries) => entries.values().try_for_each(&mut check),
            _ => Ok(()),
        }
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

/// Every integer type that always fits.
macro_rules! from_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value {
            fn from(number: $integer) -> Self {
                Self::Int(i128::from(number))
            }
        }
    )*};
}

from_integers!(i8, i16, i32, i64, i128, u8, u16, u32, u64);

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        // No platform has a `usize` of more than 64 bits, so nothing is lost.
        Self::Int(number as i128)
    }
}

impl From<f32> for Value {
    fn from(number: f32) -> Self {
        Self::Float(f64::from(number))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl From<BTreeMap<String, Self>> for Value {
    fn from(entries: BTreeMap<String, Self>) -> Self {
        Self::Map(entries)
    }
}

impl<V: Into<Self>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::VALUE_NESTING_MAX;

    #[test]
    fn accessors_give_what_is_there_and_nothing_else() {
        let value = Value::map([("port", 4000.into()), ("name", "sub1".into())]);
        assert_eq!(value.get("port").and_then(Value::as_u64), Some(4000));
        assert_eq!(value.get("name").and_then(Value::as_text), Some("sub1"));
        assert_eq!(value.get("name").and_then(Value::as_int), None);
        assert_eq!(value.get("nothing"), None);
        assert_eq!(Value::from(-1).as_u64(), None);
        assert_eq!(Value::from(2).as_float(), Some(2.0));
        assert!(Value::from(()).is_null() && Value::from(None::<bool>).is_null());
    }

    #[test]
    fn nesting_is_counted_in_lists_and_maps() {
        let nested = |levels| {
            (0..levels).fold(Value::from(1), |inner, level: usize| {
                if level.is_multiple_of(2) {
                    Value::list([inner])
                } else {
                    Value::map([("x", inner)])
                }
            })
        };
        assert_eq!(nested(VALUE_NESTING_MAX).check(), Ok(()));
        assert_eq!(nested(VALUE_NESTING_MAX + 1).check(), Err(BadValue::TooDeep));
        assert_eq!(Value::Null.check(), Ok(()));
    }

    #[test]
    fn lists_and_maps_are_counted() {
        let many = |count| Value::List(vec![Value::List(Vec::new()); count]);
        let most = many(VALUE_CONTAINERS_MAX - 1);
        assert_eq!(most.check(), Ok(()));
        assert_eq!(Value::from_cbor(&most.to_cbor()), Ok(most));
        let too_many = many(VALUE_CONTAINERS_MAX);
        assert_eq!(too_many.check(), Err(BadValue::TooManyContainers));
        assert_eq!(Value::from_cbor(&too_many.to_cbor()), Err(BadValue::TooManyContainers));
    }
}

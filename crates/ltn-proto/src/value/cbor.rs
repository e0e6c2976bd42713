//! The bytes of a value: CBOR in the deterministic form of RFC 8949, section 4.2.1.
//!
//! Every value has exactly one encoding, and nothing else is accepted: integers, lengths and floats
//! in their shortest form, definite lengths, the keys of a map are texts and ascend by their encoded
//! bytes (shorter ones first). Integers beyond 64 bits are byte strings under the tags 2 and 3. A
//! point in time is tag 1001 (RFC 9581) over a map: key 1 holds the seconds since
//! 1970-01-01T00:00:00Z, key -9 the nanoseconds, left out if they are 0. There are no other tags,
//! and of the simple values only `false`, `true` and `null`.
//!
//! Decoding is for bytes of strangers: it never allocates by a declared length, and as lists and maps
//! cost far more memory than bytes on the wire, one value holds a limited number of them.

use std::collections::BTreeMap;
use std::time::Duration;

use minicbor::data::Type;
use minicbor::decode::Decoder;
use minicbor::encode::{Encoder, Write};

use super::Value;
use crate::limits::{VALUE_CONTAINERS_MAX, VALUE_NESTING_MAX};

const MAJOR_UNSIGNED: u8 = 0;
const MAJOR_NEGATIVE: u8 = 1;
const MAJOR_BYTES: u8 = 2;
const MAJOR_TEXT: u8 = 3;
const MAJOR_LIST: u8 = 4;
const MAJOR_MAP: u8 = 5;
const MAJOR_TAG: u8 = 6;

const TAG_BIG: u64 = 2;
const TAG_BIG_NEGATIVE: u64 = 3;
const TAG_TIME: u64 = 1001;
const TIME_SECONDS: i128 = 1;
const TIME_NANOSECONDS: i128 = -9;

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const HALF_FLOAT: u8 = 0xf9;
const SINGLE_FLOAT: u8 = 0xfa;
const DOUBLE_FLOAT: u8 = 0xfb;
const HALF_NAN: u16 = 0x7e00;

/// Why bytes are no value. The numbers are offsets into the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadValue {
    /// They end too early.
    #[error("the value ends too early")]
    Truncated,
    /// They go on behind the value.
    #[error("byte {0}: something follows the value")]
    Trailing(usize),
    /// Lists and maps in one another, too many.
    #[error("lists and maps are nested more than {VALUE_NESTING_MAX} levels deep")]
    TooDeep,
    /// Lists and maps in all, too many.
    #[error("there are more than {VALUE_CONTAINERS_MAX} lists and maps in the value")]
    TooManyContainers,
    /// There is a shorter way to write the same.
    #[error("byte {0}: not in its shortest form")]
    NotShortest(usize),
    /// A length that is told at the end, not at the beginning.
    #[error("byte {0}: a length must be told beforehand")]
    Indefinite(usize),
    /// A text that is not UTF-8.
    #[error("byte {0}: the text is not UTF-8")]
    NotUtf8(usize),
    /// A map's key that is no text.
    #[error("byte {0}: the keys of a map must be texts")]
    KeyNotText(usize),
    /// The same key twice.
    #[error("byte {0}: the key is there twice")]
    DuplicateKey(usize),
    /// Keys that do not ascend.
    #[error("byte {0}: the keys of a map must ascend, shorter ones first")]
    UnsortedKeys(usize),
    /// A tag other than those for big integers and time.
    #[error("byte {at}: tag {tag} is not one of 2, 3 (big integers) and 1001 (time)")]
    UnknownTag {
        /// Where.
        at: usize,
        /// Which.
        tag: u64,
    },
    /// An integer beyond 127 bits and sign.
    #[error("byte {0}: the integer is too large")]
    IntTooLarge(usize),
    /// Under the tag for time there is something else.
    #[error("byte {0}: not a point in time")]
    BadTime(usize),
    /// Something that no value is.
    #[error("byte {0}: no kind of value starts like this")]
    Unsupported(usize),
}

impl Value {
    /// Its bytes.
    #[must_use]
    pub fn to_cbor(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    /// Its bytes, behind those that are there.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(NULL),
            Self::Bool(yes) => out.push(if *yes { TRUE } else { FALSE }),
            Self::Int(number) => encode_int(*number, out),
            Self::Float(number) => encode_float(*number, out),
            Self::Text(text) => encode_text(text, out),
            Self::Bytes(bytes) => encode_bytes(bytes, out),
            Self::List(items) => {
                encode_head(MAJOR_LIST, items.len() as u64, out);
                items.iter().for_each(|item| item.encode_into(out));
            }
            Self::Map(entries) => encode_map(entries, out),
            Self::Time(since_1970) => encode_time(*since_1970, out),
        }
    }

    /// The value that these bytes, all of them, mean.
    pub fn from_cbor(bytes: &[u8]) -> Result<Self, BadValue> {
        let mut decoder = Decoder::new(bytes);
        let mut containers_left = VALUE_CONTAINERS_MAX;
        let value = decode_value(&mut decoder, 0, &mut containers_left)?;
        if decoder.position() < bytes.len() {
            return Err(BadValue::Trailing(decoder.position()));
        }
        Ok(value)
    }
}

/// The beginning of every item: what it is, and its number or length in the fewest bytes.
fn encode_head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..=23 => out.push(major | bytes[7]),
        24..=0xff => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

/// How many bytes [`encode_head`] takes for this argument.
const fn head_len(argument: u64) -> usize {
    match argument {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

fn encode_int(number: i128, out: &mut Vec<u8>) {
    let negative = number < 0;
    // CBOR writes a negative number as -1 minus what it holds; that is the complement.
    let magnitude = if negative { !number } else { number }.unsigned_abs();
    if let Ok(small) = u64::try_from(magnitude) {
        return encode_head(if negative { MAJOR_NEGATIVE } else { MAJOR_UNSIGNED }, small, out);
    }
    encode_head(MAJOR_TAG, if negative { TAG_BIG_NEGATIVE } else { TAG_BIG }, out);
    let bytes = magnitude.to_be_bytes();
    encode_bytes(&bytes[magnitude.leading_zeros() as usize / 8..], out);
}

fn encode_float(number: f64, out: &mut Vec<u8>) {
    if let Some(half) = to_half(number) {
        out.push(HALF_FLOAT);
        out.extend_from_slice(&half.to_be_bytes());
    } else if f64::from(number as f32).to_bits() == number.to_bits() {
        out.push(SINGLE_FLOAT);
        out.extend_from_slice(&(number as f32).to_be_bytes());
    } else {
        out.push(DOUBLE_FLOAT);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    encode_head(MAJOR_TEXT, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_head(MAJOR_BYTES, bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn encode_map(entries: &BTreeMap<String, Value>, out: &mut Vec<u8>) {
    let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
    // The length stands before the letters, so keys ascend by it first. The sort is stable.
    entries.sort_by_key(|(name, _)| name.len());
    encode_head(MAJOR_MAP, entries.len() as u64, out);
    for (name, value) in entries {
        encode_text(name, out);
        value.encode_into(out);
    }
}

fn encode_time(since_1970: Duration, out: &mut Vec<u8>) {
    let nanoseconds = since_1970.subsec_nanos();
    encode_head(MAJOR_TAG, TAG_TIME, out);
    encode_head(MAJOR_MAP, if nanoseconds == 0 { 1 } else { 2 }, out);
    encode_int(TIME_SECONDS, out);
    encode_int(i128::from(since_1970.as_secs()), out);
    if nanoseconds > 0 {
        encode_int(TIME_NANOSECONDS, out);
        encode_int(i128::from(nanoseconds), out);
    }
}

/// The number as a half float, if that holds it exactly. All NaNs are one.
fn to_half(number: f64) -> Option<u16> {
    if number.is_nan() {
        return Some(HALF_NAN);
    }
    let sign = if number.is_sign_negative() { 0x8000 } else { 0 };
    let magnitude = number.abs();
    let bits = if magnitude == 0.0 {
        0
    } else if magnitude.is_infinite() {
        0x7c00
    } else {
        // Anything outside of what a half float can have as an exponent is none.
        let exponent = i32::try_from(magnitude.to_bits() >> 52).ok()? - 1023;
        if !(-24..=15).contains(&exponent) {
            return None;
        }
        // In units of the last bit: a normal number has 10 bits behind the point, and below the
        // exponent -14 the unit stays as it is.
        let unit_exponent = exponent.max(-14) - 10;
        let units = magnitude * 2_f64.powi(-unit_exponent);
        if units.fract() != 0.0 {
            return None;
        }
        // A normal number's first bit, 1024 units, is not stored; it adds 1 to the stored exponent.
        let stored_exponent = u16::try_from(exponent.max(-14) + 14).ok()?;
        (stored_exponent << 10) + units as u16
    };
    Some(sign | bits)
}

fn from_half(half: u16) -> f64 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(half >> 10 & 0x1f);
    let fraction = f64::from(half & 0x3ff);
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

/// What minicbor cannot read at this place either ended too early or is nothing of ours.
fn bad(error: &minicbor::decode::Error, at: usize) -> BadValue {
    if error.is_end_of_input() { BadValue::Truncated } else { BadValue::Unsupported(at) }
}

/// A list or map begins, inside of `depth` others: may it?
pub(super) const fn enter_container(
    depth: usize,
    containers_left: &mut usize,
) -> Result<(), BadValue> {
    if depth >= VALUE_NESTING_MAX {
        return Err(BadValue::TooDeep);
    }
    let Some(left) = containers_left.checked_sub(1) else {
        return Err(BadValue::TooManyContainers);
    };
    *containers_left = left;
    Ok(())
}

/// The value at the decoder's place, inside of `depth` lists and maps.
fn decode_value(
    decoder: &mut Decoder<'_>,
    depth: usize,
    containers_left: &mut usize,
) -> Result<Value, BadValue> {
    let at = decoder.position();
    let starts = decoder.datatype().map_err(|error| bad(&error, at))?;
    match starts {
        Type::Null => decoder.null().map(|()| Value::Null).map_err(|error| bad(&error, at)),
        Type::Bool => decoder.bool().map(Value::Bool).map_err(|error| bad(&error, at)),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decode_int(decoder).map(Value::Int),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
            decode_int(decoder).map(Value::Int)
        }
        Type::F16 | Type::F32 | Type::F64 => decode_float(decoder, starts).map(Value::Float),
        Type::String => decode_text(decoder).map(|text| Value::Text(text.to_owned())),
        Type::Bytes => decode_bytes(decoder).map(|bytes| Value::Bytes(bytes.to_vec())),
        Type::Array => decode_list(decoder, depth, containers_left),
        Type::Map => decode_map(decoder, depth, containers_left),
        Type::Tag => decode_tagged(decoder),
        Type::BytesIndef | Type::StringIndef | Type::ArrayIndef | Type::MapIndef => {
            Err(BadValue::Indefinite(at))
        }
        _ => Err(BadValue::Unsupported(at)),
    }
}

/// Was the head that began `at`, with this argument, as short as it can be?
fn check_head(at: usize, head_bytes: usize, argument: u64) -> Result<(), BadValue> {
    if head_bytes == head_len(argument) { Ok(()) } else { Err(BadValue::NotShortest(at)) }
}

fn decode_int(decoder: &mut Decoder<'_>) -> Result<i128, BadValue> {
    let at = decoder.position();
    let number = i128::from(decoder.int().map_err(|error| bad(&error, at))?);
    let argument = if number < 0 { !number } else { number };
    let argument = u64::try_from(argument).map_err(|_| BadValue::IntTooLarge(at))?;
    check_head(at, decoder.position() - at, argument)?;
    Ok(number)
}

fn decode_float(decoder: &mut Decoder<'_>, width: Type) -> Result<f64, BadValue> {
    let at = decoder.position();
    let number = match width {
        Type::F16 => {
            let rest = decoder.input().get(at + 1..).unwrap_or_default();
            let half = *rest.first_chunk::<2>().ok_or(BadValue::Truncated)?;
            decoder.set_position(at + 3);
            from_half(u16::from_be_bytes(half))
        }
        Type::F32 => decoder.f32().map(f64::from).map_err(|error| bad(&error, at))?,
        _ => decoder.f64().map_err(|error| bad(&error, at))?,
    };
    // Also NaNs have one form only; comparing bytes covers them and the sign of zero.
    let mut shortest = Vec::with_capacity(9);
    encode_float(number, &mut shortest);
    if decoder.input().get(at..decoder.position()) == Some(&shortest[..]) {
        Ok(number)
    } else {
        Err(BadValue::NotShortest(at))
    }
}

fn decode_bytes<'b>(decoder: &mut Decoder<'b>) -> Result<&'b [u8], BadValue> {
    let at = decoder.position();
    let bytes = decoder.bytes().map_err(|error| bad(&error, at))?;
    check_head(at, decoder.position() - at - bytes.len(), bytes.len() as u64)?;
    Ok(bytes)
}

fn decode_text<'b>(decoder: &mut Decoder<'b>) -> Result<&'b str, BadValue> {
    let at = decoder.position();
    let text = decoder.str().map_err(|error| match bad(&error, at) {
        // The first byte was that of a text, so only its content can be wrong.
        BadValue::Unsupported(at) => BadValue::NotUtf8(at),
        other => other,
    })?;
    check_head(at, decoder.position() - at - text.len(), text.len() as u64)?;
    Ok(text)
}

fn decode_list(
    decoder: &mut Decoder<'_>,
    depth: usize,
    containers_left: &mut usize,
) -> Result<Value, BadValue> {
    let at = decoder.position();
    let length = decoder.array().map_err(|error| bad(&error, at))?;
    let length = length.ok_or(BadValue::Indefinite(at))?;
    check_head(at, decoder.position() - at, length)?;
    enter_container(depth, containers_left)?;
    // Grows by what arrives: the declared length is only a promise. Of short lists it is believed,
    // because a vector that grows by itself starts with room for four.
    let mut items = Vec::with_capacity(length.min(4) as usize);
    for _ in 0..length {
        items.push(decode_value(decoder, depth + 1, containers_left)?);
    }
    Ok(Value::List(items))
}

fn decode_map(
    decoder: &mut Decoder<'_>,
    depth: usize,
    containers_left: &mut usize,
) -> Result<Value, BadValue> {
    let at = decoder.position();
    let length = decoder.map().map_err(|error| bad(&error, at))?;
    let length = length.ok_or(BadValue::Indefinite(at))?;
    check_head(at, decoder.position() - at, length)?;
    enter_container(depth, containers_left)?;
    let mut entries = BTreeMap::new();
    let mut previous: Option<&str> = None;
    for _ in 0..length {
        let at = decoder.position();
        let name = match decoder.datatype().map_err(|error| bad(&error, at))? {
            Type::String => decode_text(decoder)?,
            Type::StringIndef => return Err(BadValue::Indefinite(at)),
            _ => return Err(BadValue::KeyNotText(at)),
        };
        match previous.map(|previous| (previous.len(), previous).cmp(&(name.len(), name))) {
            Some(std::cmp::Ordering::Equal) => return Err(BadValue::DuplicateKey(at)),
            Some(std::cmp::Ordering::Greater) => return Err(BadValue::UnsortedKeys(at)),
            Some(std::cmp::Ordering::Less) | None => {}
        }
        previous = Some(name);
        entries.insert(name.to_owned(), decode_value(decoder, depth + 1, containers_left)?);
    }
    Ok(Value::Map(entries))
}

fn decode_tagged(decoder: &mut Decoder<'_>) -> Result<Value, BadValue> {
    let at = decoder.position();
    let tag = decoder.tag().map_err(|error| bad(&error, at))?.as_u64();
    check_head(at, decoder.position() - at, tag)?;
    match tag {
        TAG_BIG => decode_big(decoder).map(Value::Int),
        TAG_BIG_NEGATIVE => decode_big(decoder).map(|number| Value::Int(!number)),
        TAG_TIME => decode_time(decoder).map(Value::Time),
        _ => Err(BadValue::UnknownTag { at, tag }),
    }
}

fn decode_big(decoder: &mut Decoder<'_>) -> Result<i128, BadValue> {
    let at = decoder.position();
    match decoder.datatype().map_err(|error| bad(&error, at))? {
        Type::Bytes => {}
        Type::BytesIndef => return Err(BadValue::Indefinite(at)),
        _ => return Err(BadValue::Unsupported(at)),
    }
    let bytes = decode_bytes(decoder)?;
    // With a leading zero, or within 64 bits, there is a shorter form.
    if bytes.len() <= 8 || bytes[0] == 0 {
        return Err(BadValue::NotShortest(at));
    }
    if bytes.len() > 16 {
        return Err(BadValue::IntTooLarge(at));
    }
    let magnitude = bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    i128::try_from(magnitude).map_err(|_| BadValue::IntTooLarge(at))
}

fn decode_time(decoder: &mut Decoder<'_>) -> Result<Duration, BadValue> {
    let at = decoder.position();
    // Truncated stays truncated; anything else is no time.
    let no_time = |error| if error == BadValue::Truncated { error } else { BadValue::BadTime(at) };
    let fields = decoder.map().map_err(|error| no_time(bad(&error, at)))?;
    let fields = fields.filter(|fields| matches!(fields, 1 | 2)).ok_or(BadValue::BadTime(at))?;
    check_head(at, decoder.position() - at, fields)?;
    let mut field = |key| {
        if decode_int(decoder).map_err(no_time)? == key {
            decode_int(decoder).map_err(no_time)
        } else {
            Err(BadValue::BadTime(at))
        }
    };
    let seconds = u64::try_from(field(TIME_SECONDS)?).map_err(|_| BadValue::BadTime(at))?;
    if fields == 1 {
        return Ok(Duration::from_secs(seconds));
    }
    match u32::try_from(field(TIME_NANOSECONDS)?) {
        Ok(nanoseconds @ 1..=999_999_999) => Ok(Duration::new(seconds, nanoseconds)),
        _ => Err(BadValue::BadTime(at)),
    }
}

impl<C> minicbor::Encode<C> for Value {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        _context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.writer_mut().write_all(&self.to_cbor()).map_err(minicbor::encode::Error::write)
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Value {
    fn decode(
        decoder: &mut Decoder<'b>,
        _context: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        let mut containers_left = VALUE_CONTAINERS_MAX;
        decode_value(decoder, 0, &mut containers_left).map_err(minicbor::decode::Error::custom)
    }
}

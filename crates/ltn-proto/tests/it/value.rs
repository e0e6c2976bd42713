//! Values and their bytes: the examples of RFC 8949, hostile bytes, and round trips of anything.

use std::collections::BTreeMap;
use std::time::Duration;

use ltn_proto::limits::VALUE_NESTING_MAX;
use ltn_proto::{BadValue, Value};
use minicbor::{Decode, Encode};
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).expect("the tests are written in hexadecimal")
}

#[track_caller]
fn has_bytes(value: impl Into<Value>, bytes: &str) {
    let value = value.into();
    assert_eq!(data_encoding::HEXLOWER.encode(&value.to_cbor()), bytes, "{value:?}");
    assert_eq!(Value::from_cbor(&hex(bytes)), Ok(value));
}

#[track_caller]
fn is_bad(bytes: &str, why: BadValue) {
    assert_eq!(Value::from_cbor(&hex(bytes)), Err(why), "{bytes}");
}

#[test]
fn integers_as_in_the_standard() {
    for (number, bytes) in [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (1_000_000, "1a000f4240"),
        (1_000_000_000_000, "1b000000e8d4a51000"),
        (18_446_744_073_709_551_615, "1bffffffffffffffff"),
        (18_446_744_073_709_551_616, "c249010000000000000000"),
        (-18_446_744_073_709_551_616, "3bffffffffffffffff"),
        (-18_446_744_073_709_551_617, "c349010000000000000000"),
        (-1, "20"),
        (-24, "37"),
        (-25, "3818"),
        (-1000, "3903e7"),
        (i128::MAX, "c2507fffffffffffffffffffffffffffffff"),
        (i128::MIN, "c3507fffffffffffffffffffffffffffffff"),
    ] {
        has_bytes(number, bytes);
    }
}

#[test]
fn floats_as_in_the_standard() {
    for (number, bytes) in [
        (0.0, "f90000"),
        (1.0, "f93c00"),
        (1.1, "fb3ff199999999999a"),
        (1.5, "f93e00"),
        (65504.0, "f97bff"),
        (65536.0, "fa47800000"),
        (100_000.0, "fa47c35000"),
        (3.402_823_466_385_288_6e38, "fa7f7fffff"),
        (1.0e300, "fb7e37e43c8800759c"),
        (5.960_464_477_539_063e-8, "f90001"),
        (0.000_061_035_156_25, "f90400"),
        (-4.0, "f9c400"),
        (-4.1, "fbc010666666666666"),
        (f64::INFINITY, "f97c00"),
        (f64::NEG_INFINITY, "f9fc00"),
        (f64::MIN_POSITIVE / 4.0, "fb0004000000000000"),
    ] {
        has_bytes(number, bytes);
    }
    assert_eq!(Value::from(-0.0).to_cbor(), hex("f98000"));
    assert_eq!(Value::from(-f64::NAN).to_cbor(), hex("f97e00"));
    assert!(matches!(Value::from_cbor(&hex("f97e00")), Ok(Value::Float(n)) if n.is_nan()));
    assert!(
        matches!(Value::from_cbor(&hex("f98000")), Ok(Value::Float(n)) if n.is_sign_negative())
    );
}

#[test]
fn every_half_float_goes_through_and_back() {
    for half in 0..=u16::MAX {
        let mut bytes = vec![0xf9];
        bytes.extend_from_slice(&half.to_be_bytes());
        let is_nan = half & 0x7fff > 0x7c00;
        match Value::from_cbor(&bytes) {
            Ok(value) => assert_eq!(value.to_cbor(), bytes),
            Err(why) => assert!(is_nan && why == BadValue::NotShortest(0), "{half:04x}"),
        }
    }
}

#[test]
fn the_other_kinds() {
    has_bytes((), "f6");
    has_bytes(false, "f4");
    has_bytes(true, "f5");
    has_bytes("", "60");
    has_bytes("ü水", "65c3bce6b0b4");
    has_bytes(vec![1_u8, 2, 3, 4], "4401020304");
    has_bytes(Value::list([1, 2, 3]), "83010203");
    has_bytes(Value::map([("a", Value::from("A")), ("b", Value::list([2]))]), "a26161614161628102");
    // Ascending by encoded bytes: the shorter key first, though it is the later one as text.
    has_bytes(Value::map([("aa", 1.into()), ("b", 2.into())]), "a261620262616101");
}

#[test]
fn points_in_time_keep_their_nanoseconds() {
    has_bytes(Value::Time(Duration::ZERO), "d903e9a10100");
    has_bytes(Value::Time(Duration::from_secs(1_363_896_240)), "d903e9a1011a514b67b0");
    has_bytes(Value::Time(Duration::new(1, 999_999_999)), "d903e9a20101281a3b9ac9ff");
    has_bytes(Value::Time(Duration::MAX), "d903e9a2011bffffffffffffffff281a3b9ac9ff");
    // No fields, a text, negative seconds, zero and too many nanoseconds, another key.
    for bytes in ["d903e9a0", "d903e96130", "d903e9a10120"] {
        is_bad(bytes, BadValue::BadTime(3));
    }
    for bytes in ["d903e9a201012800", "d903e9a20101281a3b9aca00", "d903e9a10200"] {
        is_bad(bytes, BadValue::BadTime(3));
    }
    is_bad("d903e9a201", BadValue::Truncated);
}

#[test]
fn only_the_shortest_form_is_taken() {
    for bytes in ["1817", "190001", "1a00000001", "1b0000000000000001", "3800", "5800", "780161"] {
        is_bad(bytes, BadValue::NotShortest(0));
    }
    for bytes in ["9800", "b800", "fa3f800000", "fb3ff0000000000000", "f97e01", "faffc00000"] {
        is_bad(bytes, BadValue::NotShortest(0));
    }
    is_bad("d80241ff", BadValue::NotShortest(0));
    is_bad("c241ff", BadValue::NotShortest(1));
    is_bad("c24a00010000000000000000", BadValue::NotShortest(1));
}

#[test]
fn what_is_no_value_is_refused_with_the_reason() {
    is_bad("", BadValue::Truncated);
    is_bad("0000", BadValue::Trailing(1));
    is_bad("7f6161ff", BadValue::Indefinite(0));
    is_bad("819f01ff", BadValue::Indefinite(1));
    is_bad("bfff", BadValue::Indefinite(0));
    is_bad("5fff", BadValue::Indefinite(0));
    is_bad("62c328", BadValue::NotUtf8(0));
    is_bad("a10102", BadValue::KeyNotText(1));
    is_bad("a2616101616102", BadValue::DuplicateKey(4));
    is_bad("a2616201616102", BadValue::UnsortedKeys(4));
    is_bad("a262616101616202", BadValue::UnsortedKeys(5));
    is_bad("c100", BadValue::UnknownTag { at: 0, tag: 1 });
    is_bad("d9d9f700", BadValue::UnknownTag { at: 0, tag: 55799 });
    is_bad("c25080000000000000000000000000000000", BadValue::IntTooLarge(1));
    is_bad("c2510100000000000000000000000000000000", BadValue::IntTooLarge(1));
    for bytes in ["f7", "e0", "f8ff", "ff", "1c", "fc"] {
        is_bad(bytes, BadValue::Unsupported(0));
    }
}

#[test]
fn a_declared_length_costs_nothing() {
    // Lengths of 2^64 - 1 with nothing behind them: a reader that believed them would be gone.
    for bytes in ["9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff"] {
        assert!(Value::from_cbor(&hex(bytes)).is_err(), "{bytes}");
    }
    is_bad("9a7fffffff00", BadValue::Truncated);
    is_bad("7a7fffffff00", BadValue::Truncated);
}

#[test]
fn nesting_ends_where_the_limit_says() {
    let nested = |levels: usize| [vec![0x81; levels], vec![0x00]].concat();
    assert!(Value::from_cbor(&nested(VALUE_NESTING_MAX)).is_ok());
    assert_eq!(Value::from_cbor(&nested(VALUE_NESTING_MAX + 1)), Err(BadValue::TooDeep));
    assert_eq!(Value::from_cbor(&nested(1_000_000)), Err(BadValue::TooDeep));
}

#[derive(Debug, PartialEq, Encode, Decode)]
struct Envelope {
    #[n(0)]
    before: u8,
    #[n(1)]
    value: Value,
    #[n(2)]
    after: String,
}

#[test]
fn a_value_stands_inside_of_a_derived_struct() {
    let value = Value::map([("x", Value::list([1, 2])), ("t", Value::Time(Duration::new(1, 2)))]);
    let envelope = Envelope { before: 7, value, after: "end".to_owned() };
    let bytes = minicbor::to_vec(&envelope).unwrap();
    assert_eq!(minicbor::decode::<Envelope>(&bytes).unwrap(), envelope);

    let with_bad_value = hex("83079f01ff63656e64");
    let error = minicbor::decode::<Envelope>(&with_bad_value).unwrap_err();
    assert!(format!("{error:?}").contains("Indefinite"), "{error:?}");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i128>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::from),
        // NaN is equal to nothing, so it has a test of its own.
        any::<f64>().prop_filter("equal to itself", |n| !n.is_nan()).prop_map(Value::Float),
        any::<f32>().prop_filter("equal to itself", |n| !n.is_nan()).prop_map(Value::from),
        ".*".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(s, n)| Value::Time(Duration::new(s, n))),
    ];
    leaf.prop_recursive(8, 128, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            prop::collection::btree_map(".{0,3}", inner, 0..8)
                .prop_map(|entries: BTreeMap<String, Value>| Value::Map(entries)),
        ]
    })
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(value in any_value()) {
        let bytes = value.to_cbor();
        prop_assert_eq!(Value::from_cbor(&bytes), Ok(value));
    }

    #[test]
    fn what_is_taken_is_in_the_one_form(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = Value::from_cbor(&bytes) {
            prop_assert_eq!(value.to_cbor(), bytes);
        }
    }

    #[test]
    fn a_changed_byte_never_panics(
        value in any_value(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = value.to_cbor();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(other) = Value::from_cbor(&bytes) {
            prop_assert_eq!(other.to_cbor(), bytes);
        }
    }

    #[test]
    fn a_value_cut_short_is_truncated(value in any_value(), cut in any::<prop::sample::Index>()) {
        let bytes = value.to_cbor();
        let kept = cut.index(bytes.len());
        prop_assert_eq!(Value::from_cbor(&bytes[..kept]), Err(BadValue::Truncated));
    }

    #[test]
    fn no_value_shows_anything_that_steers(value in any_value()) {
        let shown = value.to_string();
        prop_assert_eq!(ltn_proto::sanitise_line(&shown), shown);
    }
}

//! How people read a value: compact, on one line, with nothing in it that steers a terminal.
//!
//! A text standing alone is shown as it is; inside a list or map it is quoted.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::Value;
use crate::text::sanitise_line;

/// Of longer bytes only the beginning is shown, and how many there are.
const BYTES_SHOWN: usize = 16;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&sanitise_line(text)),
            other => write_inner(other, f),
        }
    }
}

fn write_inner(value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Bool(yes) => write!(f, "{yes}"),
        Value::Int(number) => write!(f, "{number}"),
        // Debug keeps the `.0` that tells a float from a whole number.
        Value::Float(number) => write!(f, "{number:?}"),
        Value::Text(text) => write_quoted(text, f),
        Value::Bytes(bytes) => write_bytes(bytes, f),
        Value::Time(since_1970) => write_time(*since_1970, f),
        Value::List(items) => {
            f.write_char('[')?;
            for (i, item) in items.iter().enumerate() {
                f.write_str(if i == 0 { "" } else { ", " })?;
                write_inner(item, f)?;
            }
            f.write_char(']')
        }
        Value::Map(entries) => {
            f.write_char('{')?;
            for (i, (name, item)) in entries.iter().enumerate() {
                f.write_str(if i == 0 { "" } else { ", " })?;
                write_quoted(name, f)?;
                f.write_str(": ")?;
                write_inner(item, f)?;
            }
            f.write_char('}')
        }
    }
}

fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in sanitise_line(text).chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

fn write_bytes(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("<")?;
    bytes.iter().take(BYTES_SHOWN).try_for_each(|byte| write!(f, "{byte:02x}"))?;
    if bytes.len() > BYTES_SHOWN {
        write!(f, "… {} bytes", bytes.len())?;
    }
    f.write_str(">")
}

/// As RFC 3339 has it, in UTC, with as many digits behind the second as are needed.
fn write_time(since_1970: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let seconds = since_1970.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
    if since_1970.subsec_nanos() > 0 {
        let digits = format!("{:09}", since_1970.subsec_nanos());
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    f.write_char('Z')
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Years are taken to begin in March, so that the leap day is the last of its year, and counted in
/// spans of 400 years, which all have the same number of days.
const fn date(day: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    // From 0000-03-01 to 1970-01-01.
    let day = day + 719_468;
    let (span, rest) = (day / DAYS_IN_400_YEARS, day % DAYS_IN_400_YEARS);
    let leap_days = rest / 1_460 - rest / 36_524 + rest / 146_096;
    let year_of_span = (rest - leap_days) / 365;
    let day_of_year = rest - (365 * year_of_span + year_of_span / 4 - year_of_span / 100);
    // From March on, five months have 153 days, again and again.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = span * 400 + year_of_span + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        let shown = |value: Value| value.to_string();
        assert_eq!(shown(Value::Null), "null");
        assert_eq!(shown(1.0.into()), "1.0");
        assert_eq!(shown((-3).into()), "-3");
        assert_eq!(shown("it \"is\"".into()), "it \"is\"");
        assert_eq!(shown(Value::list(["it \"is\"", "b\\"])), r#"["it \"is\"", "b\\"]"#);
        assert_eq!(shown(vec![1_u8, 255].into()), "<01ff>");
        assert_eq!(shown(vec![0_u8; 17].into()), format!("<{}… 17 bytes>", "00".repeat(16)));
        assert_eq!(shown(Value::List(vec![])), "[]");
    }

    #[test]
    fn texts_and_names_in_values_steer_nothing() {
        let value = Value::map([("a\u{1b}[2J", Value::list(["b\n\u{202e}c"]))]);
        assert_eq!(value.to_string(), r#"{"a[2J": ["b c"]}"#);
        assert_eq!(Value::from("\u{1b}]0;x\u{7}\ny").to_string(), "]0;x y");
    }

    #[test]
    fn points_in_time_read_as_dates() {
        let shown = |seconds, nanos| Value::Time(Duration::new(seconds, nanos)).to_string();
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(951_782_399, 0), "2000-02-28T23:59:59Z");
        assert_eq!(shown(951_782_400, 0), "2000-02-29T00:00:00Z");
        assert_eq!(shown(951_868_800, 0), "2000-03-01T00:00:00Z");
        assert_eq!(shown(1_782_864_000, 500_000_000), "2026-07-01T00:00:00.5Z");
        assert_eq!(shown(4_107_542_399, 1), "2100-02-28T23:59:59.000000001Z");
        assert_eq!(shown(4_107_542_400, 0), "2100-03-01T00:00:00Z");
        // The last one that exists must not overflow on the way.
        assert!(shown(u64::MAX, 0).ends_with('Z'));
    }
}

//! Values out of JSON, as the program writes them: see the documentation of `output.rs`.

use std::time::Duration;

use ltn::Value;
use serde_json::Value as Json;

/// Reads a value that is written as JSON; else says what is wrong with it.
pub(crate) fn value_of_json(text: &str) -> Result<Value, String> {
    let json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let value = value_of(json)?;
    value.check().map_err(|why| why.to_string())?;
    Ok(value)
}

/// Recurses no deeper than the parser did, which has its own maximum.
fn value_of(json: Json) -> Result<Value, String> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(yes) => Value::Bool(yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => number.into(),
            (None, Some(number), _) => number.into(),
            (None, None, Some(number)) => number.into(),
            (None, None, None) => return Err(format!("{number} is no number that can be sent")),
        },
        Json::String(text) => text.into(),
        Json::Array(items) => {
            Value::List(items.into_iter().map(value_of).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let mut first = entries.iter();
            match (first.next(), first.next()) {
                (Some((key, Json::String(hex))), None) if key == "$bytes" => {
                    Value::Bytes(bytes(hex).ok_or("`$bytes` is a text of pairs like `00ff`")?)
                }
                (Some((key, Json::Number(time))), None) if key == "$time" => {
                    let time = time.as_f64().and_then(|t| Duration::try_from_secs_f64(t).ok());
                    Value::Time(time.ok_or("`$time` is a number of seconds since 1970")?)
                }
                _ => {
                    let entry = |(key, item)| Ok((key, value_of(item)?));
                    Value::Map(entries.into_iter().map(entry).collect::<Result<_, String>>()?)
                }
            }
        }
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,1.5],"b":{"$bytes":"00Ff"},"c":{}}"#;
        let list = vec![
            Value::Null,
            true.into(),
            Value::Int(-1),
            Value::Int(i128::from(u64::MAX)),
            Value::Float(1.5),
        ];
        let wanted = Value::map([
            ("a", Value::List(list)),
            ("b", Value::Bytes(vec![0, 255])),
            ("c", Value::Map(std::collections::BTreeMap::new())),
        ]);
        assert_eq!(value_of_json(text), Ok(wanted));
        let time = value_of_json(r#"{"$time":1.5}"#);
        assert_eq!(time, Ok(Value::Time(Duration::from_millis(1_500))));
    }

    #[test]
    fn what_is_no_value_is_said_so() {
        let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
        let deeper = "[".repeat(100_000);
        for text in ["", "{", "1 2", r#"{"$bytes":"0"}"#, r#"{"$time":-1}"#, &deep, &deeper] {
            assert!(value_of_json(text).is_err(), "{}", &text[..text.len().min(40)]);
        }
    }
}

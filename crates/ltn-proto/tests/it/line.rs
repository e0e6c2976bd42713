//! Typed lines: any of them is understood or refused, and quoting carries any text.

use ltn_proto::{Line, Value, parse_line};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_line_ends_in_an_answer(line in any::<String>()) {
        let _ = parse_line(&line);
        if let Ok(Line::Text(text)) = parse_line(&line) {
            prop_assert_eq!(text, line);
        }
    }

    #[test]
    fn anything_between_the_parentheses_ends_in_an_answer(inside in "[()'\", \\\\a1]{0,20}") {
        let line = format!("s.x({inside})");
        prop_assert!(!matches!(parse_line(&line), Ok(Line::Text(_))));
    }

    #[test]
    fn quoted_texts_come_through_as_they_are(
        texts in prop::collection::vec(any::<String>(), 0..5),
    ) {
        let escape = |text: &String| text.replace('\\', "\\\\").replace('\'', "\\'");
        let quote = |text: &String| format!("'{}'", escape(text));
        let line = format!("s.x({})", texts.iter().map(quote).collect::<Vec<_>>().join(", "));
        let arguments = texts.into_iter().map(Value::Text).collect();
        prop_assert_eq!(parse_line(&line), Ok(Line::Command { name: "s.x".to_owned(), arguments }));
    }
}

//! Texts of others, once sanitised, steer nothing.

use ltn_proto::{sanitise, sanitise_line, shorten};
use proptest::prelude::*;

fn may_mislead(c: char) -> bool {
    let steers = c.is_control() && c != '\n' && c != '\t';
    let reorders =
        matches!(u32::from(c), 0x200e | 0x200f | 0x61c | 0x202a..=0x202e | 0x2066..=0x2069);
    let hides = matches!(
        u32::from(c),
        0xad | 0x200b..=0x200d | 0x2060..=0x2064 | 0xfeff | 0xe0000..=0xe007f
    );
    let separates = matches!(c, '\u{2028}' | '\u{2029}');
    steers || reorders || hides || separates
}

/// Text that is likely to hold what must go.
fn hostile_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>(),
        prop::char::range('\0', '\u{9f}'),
        prop::char::range('\u{2000}', '\u{206f}'),
        prop::char::range('\u{e0000}', '\u{e00ff}'),
        Just('\u{feff}'),
    ];
    prop::collection::vec(character, 0..100).prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #[test]
    fn nothing_that_misleads_comes_through(text in hostile_text()) {
        let clean = sanitise(&text);
        prop_assert!(!clean.contains(may_mislead), "{:?}", clean);
        prop_assert_eq!(sanitise(&clean), clean);
    }

    #[test]
    fn a_line_is_one_line(text in hostile_text()) {
        let line = sanitise_line(&text);
        prop_assert!(!line.contains(may_mislead) && !line.contains(['\n', '\t']), "{:?}", line);
        prop_assert_eq!(sanitise_line(&line), line);
    }

    #[test]
    fn shortened_is_short(text in any::<String>(), chars in 0..20_usize) {
        let short = shorten(&text, chars);
        prop_assert!(short.chars().count() <= chars);
        prop_assert!(short == text || text.chars().count() > chars);
    }
}

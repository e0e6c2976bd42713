//! Text from others is data: what could hide, reorder or control a terminal is taken out here,
//! before anything is shown or logged.
//!
//! This room knows characters. It does not know where a text comes from or where it will stand.

use std::time::Duration;

use unicode_normalization::char::is_combining_mark;

/// The text without the characters that steer terminals or mislead readers: control characters
/// (except tab and newline), marks of writing direction, everything that is never drawn, and the
/// two Unicode line separators.
///
/// ```
/// assert_eq!(ltn_proto::sanitise("red \u{1b}[31malert\u{202e}!"), "red [31malert!");
/// ```
#[must_use]
pub fn sanitise(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\t' | '\n') || !is_unseen(*c)).collect()
}

/// As [`sanitise`], and on one line: newlines and tabs become spaces.
///
/// ```
/// assert_eq!(ltn_proto::sanitise_line("two\nlines\0"), "two lines");
/// ```
#[must_use]
pub fn sanitise_line(text: &str) -> String {
    text.chars()
        .map(|c| if matches!(c, '\t' | '\n') { ' ' } else { c })
        .filter(|c| !is_unseen(*c))
        .collect()
}

/// The text, cut to so many characters; where something was cut off the last one is `…`.
///
/// ```
/// assert_eq!(ltn_proto::shorten("a long story", 7), "a long…");
/// ```
#[must_use]
pub fn shorten(text: &str, chars: usize) -> String {
    if text.chars().nth(chars).is_none() {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(chars.saturating_sub(1)).collect();
    if chars > 0 {
        kept.push('…');
    }
    kept
}

/// How many columns of a terminal the text takes: marks take none, the letters of East Asia and most
/// pictures two. Terminals differ in rare cases; a drawing is off by a column there.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(|c| if is_combining_mark(c) { 0 } else { 1 + usize::from(is_wide(c)) }).sum()
}

const fn is_wide(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97c}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}' | '\u{ff01}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
}

/// What somebody typed or sent, fit to be quoted in an error: on one line, sanitised and short.
pub(crate) fn quotable(text: &str) -> String {
    // Bad input may be a megabyte, so it is cut before it is looked at.
    let start: String = text.chars().take(256).collect();
    shorten(&sanitise_line(&start), 60)
}

/// Does this character steer a terminal, change the order of what is read, or take no place at all?
/// Tab and newline count as such; callers that allow them say so.
pub(crate) const fn is_unseen(c: char) -> bool {
    match c {
        // Control characters, old and new, and DELETE between them.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // The rest of ASCII, which most texts consist of.
        ' '..='~' => false,
        // Marks, overrides and isolates of writing direction, and the two line separators.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        // Spaces and joiners without width, and invisible operators (isolates among them).
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => true,
        // Letters and marks that are never drawn: soft hyphen, joiner of graphemes, fillers of
        // Hangul, inherent vowels of Khmer, and the selectors of Mongolian and of variants.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => true,
        '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' => true,
        // What is set aside for such purposes, annotations, shorthand and music formats, and tags.
        '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// A span of time in its one or two largest units.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{large} {large_unit}")
        } else {
            format!("{large} {large_unit} {small} {small_unit}")
        }
    };
    if minutes == 0 {
        format!("{seconds} s")
    } else if hours == 0 {
        two(minutes, "min", seconds % 60, "s")
    } else if days == 0 {
        two(hours, "h", minutes % 60, "min")
    } else {
        two(days, "d", hours % 24, "h")
    }
}

#[cfg(test)]
mod tests {
    use unicode_security::GeneralSecurityProfile;
    use unicode_security::general_security_profile::IdentifierType;

    use super::*;

    #[test]
    fn all_that_unicode_calls_ignorable_is_unseen() {
        let mut found = 0;
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            if c.identifier_type() == Some(IdentifierType::Default_Ignorable) {
                assert!(is_unseen(c), "{:x}", u32::from(c));
                found += 1;
            }
        }
        assert!(found > 100, "the table of the other crate was looked at ({found})");
    }

    #[test]
    fn every_control_character_is_unseen() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            assert!(!c.is_control() || is_unseen(c), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["", "plain", "Ünïcödé", "日本語 テキスト", "שלום", "tab\tand\nline", "👍"]
        {
            assert_eq!(sanitise(text), text);
        }
    }

    #[test]
    fn what_steers_a_terminal_goes() {
        assert_eq!(sanitise("\u{1b}[2J\u{9b}1m\r\u{7f}\u{8}x"), "[2J1mx");
        assert_eq!(sanitise("a\u{202e}b\u{2066}c\u{200b}d\u{2028}e\u{feff}f"), "abcdef");
        assert_eq!(sanitise_line("a\r\nb\tc"), "a b c");
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
        assert_eq!(shorten("x", 0), "");
        assert_eq!(quotable(&"\n".repeat(1_000_000)).chars().count(), 60);
    }
}

//! Just enough of Rust's grammar to tell code from comments and texts, and one word from another.
//!
//! It does not parse: rustfmt and the compiler have seen the files before.

/// The code alone: comments and the inside of texts become blanks, lines stay where they are.
pub(super) fn only(text: &str) -> String {
    let mut scanner = Scanner { rest: text, before: ' ', code: String::with_capacity(text.len()) };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner.code
}

struct Scanner<'a> {
    rest: &'a str,
    /// The last character that was taken as code.
    before: char,
    code: String,
}

impl Scanner<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(block_comment(rest));
        } else if let Some(length) = self.raw_text() {
            self.blank(length);
        } else if rest.starts_with('"') {
            self.blank(quoted(rest, '"'));
        } else if is_character(rest) {
            self.blank(quoted(rest, '\''));
        } else {
            let next = rest.chars().next().unwrap_or(' ');
            self.code.push(next);
            self.before = next;
            self.rest = &rest[next.len_utf8()..];
        }
    }

    fn blank(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at(bytes);
        self.code.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.before = ' ';
        self.rest = rest;
    }

    /// The length of `r"…"` or `r#"…"#` if one starts here.
    fn raw_text(&self) -> Option<usize> {
        if is_word(self.before) && !matches!(self.before, 'b' | 'c') {
            return None;
        }
        let after = self.rest.strip_prefix('r')?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        let inside = after[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = inside.find(&close).map_or(inside.len(), |at| at + close.len());
        Some(self.rest.len() - inside.len() + end)
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth.saturating_sub(1), at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a text in these quotes, escapes included.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Does a character start here, and not a lifetime?
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars();
    chars.next() == Some('\'')
        && match chars.next() {
            Some('\\') => true,
            Some(_) => chars.next() == Some('\''),
            None => false,
        }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Does the code say this, as words of its own?
pub(super) fn mentions(code: &str, needle: &str) -> bool {
    code.match_indices(needle).any(|(at, found)| {
        let before = code[..at].chars().next_back().is_some_and(is_word);
        let after = code[at + found.len()..].chars().next().is_some_and(is_word);
        let ends_in_word = needle.ends_with(is_word);
        !(before || after && ends_in_word)
    })
}

/// The word that each path behind `prefix` (such as `crate::`) goes on with, and where it stands.
/// A group in braces has one for each of its members.
pub(super) fn heads<'a>(code: &'a str, prefix: &str) -> Vec<(usize, &'a str)> {
    let mut heads = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].chars().next_back().is_some_and(|c| is_word(c) || c == ':') {
            continue;
        }
        let line = code[..at].matches('\n').count();
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => heads.extend(members(group).into_iter().map(|head| (line, head))),
            None => heads.push((line, first_word(rest))),
        }
    }
    heads
}

fn members(group: &str) -> Vec<&str> {
    let mut members = vec![first_word(group)];
    let mut depth = 1_usize;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => members.push(first_word(&group[at + 1..])),
            _ => {}
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// The functions of this code: where each starts, its name, and the lines of its body that are not
/// blank.
pub(super) fn functions(code: &str) -> Vec<(usize, &str, usize)> {
    let mut at = 0;
    let mut functions = Vec::new();
    for (number, line) in code.split_inclusive('\n').enumerate() {
        let name = function_name(line);
        if let Some((name, body)) = name.and_then(|name| Some((name, body(&code[at..])?))) {
            let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
            functions.push((number, name, lines));
        }
        at += line.len();
    }
    functions
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let qualifies =
        |word: &&str| ["const", "async", "unsafe", "extern"].contains(word) || is_visibility(word);
    let word = words.find(|word| !qualifies(word))?;
    let name = first_word(words.next()?);
    (word == "fn" && !name.is_empty()).then_some(name)
}

fn is_visibility(word: &str) -> bool {
    word.starts_with("pub") || word.ends_with(')') && !word.contains('(')
}

/// What stands between the braces of the function that starts here, if it has a body.
fn body(code: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut start = None;
    for (at, c) in code.char_indices() {
        match (c, start) {
            ('(' | '[', None) => depth += 1,
            (')' | ']', None) => depth = depth.saturating_sub(1),
            (';', None) if depth == 0 => return None,
            ('{', None) => start = Some(at + 1),
            ('{', Some(_)) => depth += 1,
            ('}', Some(_)) if depth > 0 => depth -= 1,
            ('}', Some(start)) => return Some(&code[start..at]),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blanked() {
        let text = "let a = \"x // tokio\"; // tokio\nlet b = r#\"tokio \" \"#; /* a /* b */ */ c";
        let code = only(text);
        assert!(!mentions(&code, "tokio"), "{code}");
        assert_eq!(code.lines().count(), 2);
        assert!(mentions(&code, "c") && !mentions(&code, "b */"));
    }

    #[test]
    fn characters_are_no_lifetimes() {
        let code = only("fn f<'a>(x: &'a str) { x.find('\"'); y('\\''); z('{') } // '");
        assert!(code.contains("<'a>") && code.contains("&'a str") && code.contains("z("));
        assert!(!code.contains('"') && code.matches('{').count() == 1);
    }

    #[test]
    fn words_are_whole() {
        assert!(mentions("use tokio::net;", "tokio"));
        assert!(!mentions("use tokio_rustls;", "tokio") && !mentions("operand::x", "rand"));
        assert!(mentions("println!(x)", "println!") && !mentions("eprintln!(x)", "println!"));
    }

    #[test]
    fn heads_look_into_groups() {
        let code = "use crate::id::X;\nuse crate::{\n    a::{b, c},\n    d,\n};\nnot_crate::e";
        assert_eq!(heads(code, "crate::"), [(0, "id"), (1, "a"), (1, "d")]);
    }

    #[test]
    fn functions_are_measured_without_blanks() {
        let long = "pub(crate) async fn long(\n    a: [u8; 2],\n) {\n    a;\n\n    // why\n    \
                    if b {\n        c;\n    }\n}\n";
        let code = only(&format!("{long}fn none();\nfn one() {{}}\nfn taker(f: fn(u8)) {{}}\n"));
        let expected = [(0, "long", 4), (11, "one", 0), (12, "taker", 0)];
        assert_eq!(functions(&code), expected);
    }
}

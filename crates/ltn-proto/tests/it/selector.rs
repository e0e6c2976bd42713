//! Selectors: one grammar, written back as it was read, and fitting what a person would say it
//! fits.

use ltn_proto::{BadPath, NodePath, Pattern, Role, Segment, Selector, Target, sanitise_line};
use proptest::prelude::*;

fn many(text: &str) -> Pattern {
    match text.parse().unwrap_or_else(|error| panic!("{text}: {error}")) {
        Selector::Many(pattern) => pattern,
        Selector::One(target) => panic!("{text} is one: {target}"),
    }
}

fn bad(text: &str) -> BadPath {
    text.parse::<Selector>().expect_err(text)
}

fn fits(pattern: &str, path: &str) -> bool {
    let path = path.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    many(pattern).fits(&path, Role::SubServer)
}

#[test]
fn one_star_is_one_layer_and_two_are_any_number() {
    assert!(fits("/*", "/sub1") && !fits("/*", "/") && !fits("/*", "/sub1/a"));
    assert!(fits("/**", "/") && fits("/**", "/sub1") && fits("/**", "/sub1/a/b"));
    assert!(fits("/sub1/**", "/sub1") && fits("/sub1/**", "/SUB1/a"));
    assert!(!fits("/sub1/**", "/sub10") && !fits("/sub1/**", "/"));
    assert!(fits("/**/lamp", "/lamp") && fits("/**/lamp", "/a/b/lamp"));
    assert!(!fits("/**/lamp", "/a/lamp/b"));
    assert!(fits("/*/**/c", "/a/c") && fits("/*/**/c", "/a/b/b/c") && !fits("/*/**/c", "/c"));
    assert!(fits("/**/x/**", "/a/x") && fits("/**/x/**", "/x/b/c") && !fits("/**/x/**", "/a/b"));
}

#[test]
fn a_role_is_asked_for_alone_or_with_a_place() {
    let path: NodePath = "/sub1/a".parse().unwrap();
    let at = |text: &str, role| many(text).fits(&path, role);
    assert!(at("role=client", Role::Client) && !at("role=client", Role::SubServer));
    assert!(at("role=server & /sub1/**", Role::SubServer));
    assert!(at("/sub1/** & role=server", Role::MainServer));
    assert!(!at("role=client & /sub2/**", Role::Client));
    assert!(at("/sub1/a & role=client", Role::Client), "a place without a star, too");
    assert!(!at("/**", Role::Session), "no list shows visitors");
}

#[test]
fn one_node_stays_one_target() {
    for text in ["/", "/sub1/lamp", "lamp", "./lamp", "../..", "."] {
        let one: Selector = text.parse().unwrap();
        assert_eq!(one.single(), Some(&text.parse::<Target>().unwrap()), "{text}");
        assert_eq!(one.to_string(), text);
    }
}

#[test]
fn what_is_relative_is_so_to_the_speaker() {
    let here: NodePath = "/sub1/low".parse().unwrap();
    let at = |text: &str| many(text).absolute(&here).map(|pattern| pattern.to_string());
    assert_eq!(at("./*").as_deref(), Some("/sub1/low/*"));
    assert_eq!(at("../** & role=client").as_deref(), Some("/sub1/** & role=client"));
    assert_eq!(at("../../*").as_deref(), Some("/*"));
    assert_eq!(at("../../../*"), None, "above the main server");
    assert_eq!(many("/sub1/*/x").fixed_prefix().to_string(), "/sub1");
}

#[test]
fn what_makes_no_sense_says_why() {
    assert!(matches!(bad("*"), BadPath::LoosePattern(_)));
    assert!(matches!(bad("lamp & role=client"), BadPath::LoosePattern(_)));
    assert!(matches!(bad("role=king"), BadPath::UnknownRole(_)));
    assert!(matches!(bad("role=client & role=server"), BadPath::Twice(_)));
    assert!(matches!(bad("/a & /b"), BadPath::Twice(_)));
    assert!(matches!(bad("/a* & role=client"), BadPath::BadName { .. }));
    assert!(matches!(bad("/** &"), BadPath::Empty));
    assert!(matches!(bad(""), BadPath::Empty));
    assert!(matches!(bad(&"/*".repeat(17)), BadPath::TooDeep(_)));
    assert!(matches!(bad(&"/a/**".repeat(17)), BadPath::TooDeep(_)));
    let one = "/sub1/*".parse::<Target>();
    assert!(matches!(one, Err(BadPath::Several(_))), "where one is asked for: {one:?}");
}

/// What a person would write down to explain a star.
fn by_the_book(segments: &[Segment], names: &[String]) -> bool {
    match (segments.split_first(), names.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((Segment::Many, rest)), _) => {
            by_the_book(rest, names)
                || names.split_first().is_some_and(|(_, below)| by_the_book(segments, below))
        }
        (Some(_), None) => false,
        (Some((Segment::One, rest)), Some((_, below))) => by_the_book(rest, below),
        (Some((Segment::Name(wanted), rest)), Some((name, below))) => {
            wanted.as_str() == name && by_the_book(rest, below)
        }
    }
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![Just("*"), Just("**"), Just("a"), Just("b"), Just("c")].prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn a_pattern_fits_what_the_book_says(
        parts in prop::collection::vec(segment(), 1..7),
        names in prop::collection::vec("[abc]", 0..7),
    ) {
        prop_assume!(parts.iter().any(|part| part.contains('*')));
        let pattern = many(&format!("/{}", parts.join("/")));
        let path: NodePath = format!("/{}", names.join("/")).parse().unwrap();
        let wanted = by_the_book(pattern.segments(), &names);
        prop_assert_eq!(pattern.fits(&path, Role::Client), wanted, "{} {}", pattern, path);
    }

    #[test]
    fn what_is_read_is_written_back_the_same(
        text in "(\\.\\./|\\./|/)?([a-c]|\\*|\\*\\*|/|Ü){0,9}( ?& ?role=(client|main-server))?",
    ) {
        if let Ok(selector) = text.parse::<Selector>() {
            let written = selector.to_string();
            prop_assert_eq!(written.parse::<Selector>(), Ok(selector), "{} {}", text, written);
        }
    }

    #[test]
    fn whatever_is_typed_does_no_harm(text in any::<String>()) {
        if let Err(error) = text.parse::<Selector>() {
            let shown = error.to_string();
            prop_assert_eq!(sanitise_line(&shown), shown.as_str());
            prop_assert!(shown.chars().count() < 400);
        }
    }
}

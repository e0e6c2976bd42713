//! The floors of ARCHITECTURE.md, as far as Cargo cannot hold them: who may use what.

use super::code::{heads, mentions};
use super::tree::{File, Tree};

/// The mind's sources.
const MIND: &str = "crates/ltn-proto/src/";

/// What the mind must not touch, and why.
const IMPURE: [(&str, &str); 12] = [
    ("tokio", "does no I/O"),
    ("TcpStream", "does no I/O"),
    ("TcpListener", "does no I/O"),
    ("UdpSocket", "does no I/O"),
    ("std::fs", "does no I/O"),
    ("std::thread", "starts nothing"),
    ("Instant::now", "reads no clock: time is an argument"),
    ("SystemTime", "reads no clock: time is an argument"),
    ("HashMap", "has one history per seed: use a BTreeMap"),
    ("HashSet", "has one history per seed: use a BTreeSet"),
    ("RandomState", "has one history per seed"),
    ("rand", "rolls no dice: the seed is an argument"),
];

/// The two lowest floors, words and language, and the containers that know no subject: everybody in
/// the mind may use these modules. Every other module beside them is a room, unless it is one of
/// [`ABOVE_ROOMS`].
const WORDS: [&str; 33] = [
    "address",
    "admission",
    "audit",
    "body",
    "charter",
    "codec",
    "commands",
    "drawing",
    "durable",
    "event",
    "expiring",
    "frame",
    "id",
    "invite",
    "limits",
    "line",
    "moment",
    "name",
    "outcome",
    "pass",
    "path",
    "permissions",
    "proof",
    "random",
    "registry",
    "role",
    "secret",
    "selector",
    "signature",
    "snapshot",
    "statement",
    "text",
    "value",
];

/// What stands above the rooms and may use them all.
const ABOVE_ROOMS: [&str; 3] = ["lib", "node", "sim"];

/// The mind does no I/O, reads no clock and rolls no dice.
pub(super) fn mind_is_pure(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.rust(MIND) {
        for (number, line) in file.code_lines() {
            for (word, why) in IMPURE.iter().filter(|(word, _)| mentions(line, word)) {
                problems.push(file.problem(number, &format!("`{word}`: the mind {why}")));
            }
        }
    }
    problems
}

/// Rooms do not know one another, and words know no room: only `node` brings them together.
pub(super) fn rooms_stay_apart(tree: &Tree) -> Vec<String> {
    tree.rust(MIND)
        .filter(|file| !ABOVE_ROOMS.contains(&module(file)))
        .flat_map(|file| strangers(tree, file))
        .collect()
}

/// The module of the mind that this file belongs to.
fn module(file: &File) -> &str {
    let inside = &file.path[MIND.len()..];
    let end = inside.find(['/', '.']).unwrap_or(inside.len());
    &inside[..end]
}

fn strangers(tree: &Tree, file: &File) -> Vec<String> {
    let own = module(file);
    let is_module = |head: &str| tree.rust(MIND).any(|other| module(other) == head);
    let through_parent = |(_, head): &(usize, &str)| is_module(head) && !WORDS.contains(head);
    let mut imports = heads(&file.code, "crate::");
    imports.extend(heads(&file.code, "super::").into_iter().filter(through_parent));
    imports.retain(|(_, head)| *head != own && !WORDS.contains(head));
    let problem = |(line, head): (usize, &str)| {
        let cure = if is_module(head) {
            format!(
                "`{own}` must not know the room `{head}`: return a decision and let `node` act (or \
                 list `{head}` among the words in xtask/src/tidy/floors.rs, if it is one)"
            )
        } else {
            format!("take `{head}` from its module, not from the front of the crate")
        };
        file.problem(line, &cure)
    };
    imports.into_iter().map(problem).collect()
}

struct Tool {
    /// The sources that this is about.
    inside: &'static str,
    /// The one module that may use it, a file or a folder.
    home: &'static str,
    words: &'static [&'static str],
}

const TOOLS: [Tool; 7] = [
    Tool {
        inside: "crates/ltn/src/",
        home: "tls",
        words: &["rustls", "tokio_rustls", "rcgen", "webpki", "rustls_webpki"],
    },
    Tool {
        inside: "crates/ltn-cli/src/",
        home: "output",
        words: &["print!", "println!", "eprint!", "eprintln!", "stdout()"],
    },
    Tool { inside: "crates/ltn-cli/src/", home: "output", words: &["serde_json"] },
    Tool { inside: "crates/ltn/src/", home: "store", words: &["redb"] },
    Tool { inside: "crates/ltn/src/", home: "discovery", words: &["mdns_sd"] },
    Tool { inside: "crates/ltn-cli/src/", home: "editor", words: &["rustyline"] },
    // The library's JSON is the lines of its log: values travel as CBOR, and show themselves.
    Tool { inside: "crates/ltn/src/", home: "log_file", words: &["serde_json"] },
];

/// What has one home is used nowhere else: TLS, printing, JSON, mDNS.
pub(super) fn one_place_for_each_tool(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for Tool { inside, home, words } in &TOOLS {
        let (as_file, as_folder) = (format!("{inside}{home}.rs"), format!("{inside}{home}/"));
        let at_home = |file: &&File| file.path == as_file || file.path.starts_with(&as_folder);
        for file in tree.rust(inside).filter(|file| !at_home(file)) {
            for (number, line) in file.code_lines() {
                for word in words.iter().filter(|word| mentions(line, word)) {
                    problems.push(file.problem(number, &format!("`{word}` belongs in {as_file}")));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impure_mind_is_found() {
        let tree = Tree::of(&[
            ("crates/ltn-proto/src/a.rs", "//! No tokio here.\nuse std::collections::HashMap;"),
            ("crates/ltn/src/b.rs", "use tokio::net::TcpStream;"),
        ]);
        let problems = mind_is_pure(&tree);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("crates/ltn-proto/src/a.rs:2: `HashMap`"));
    }

    #[test]
    fn rooms_that_know_one_another_are_found() {
        let tree = Tree::of(&[
            ("crates/ltn-proto/src/lib.rs", "use crate::links::A; use crate::requests::B;"),
            ("crates/ltn-proto/src/node/mod.rs", "use crate::links::A;"),
            ("crates/ltn-proto/src/links.rs", "use crate::id::C; use crate::links::x::D;"),
            ("crates/ltn-proto/src/requests.rs", "use crate::{id::C, links::A};"),
            ("crates/ltn-proto/src/id.rs", "use crate::Name;\nmod tests { use super::*; }"),
        ]);
        let problems = rooms_stay_apart(&tree);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("requests.rs:1: `requests` must not know the room `links`"));
        assert!(problems[1].contains("id.rs:1: take `Name` from its module"));
    }

    #[test]
    fn tools_away_from_home_are_found() {
        let tree = Tree::of(&[
            ("crates/ltn/src/tls.rs", "use rustls::x;"),
            ("crates/ltn/src/link.rs", "use tokio_rustls::x;"),
            ("crates/ltn-cli/src/output.rs", "println!(); serde_json::x;"),
            ("crates/ltn-cli/src/output/json.rs", "serde_json::x;"),
            ("crates/ltn-cli/src/main.rs", "fn main() { eprintln!(); }"),
        ]);
        let problems = one_place_for_each_tool(&tree);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("link.rs:1: `tokio_rustls` belongs in crates/ltn/src/tls.rs"));
        assert!(problems[1].contains("main.rs:1: `eprintln!` belongs in"));
    }
}

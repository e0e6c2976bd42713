//! Network files, good and bad.

use super::*;

const SEED: &str = include_str!("../../../../examples/layered.toml");

fn wrong(text: &str) -> Wrong {
    NetworkFile::parse(text).expect_err("the file makes no sense")
}

fn names(file: &NetworkFile) -> Vec<&str> {
    file.names()
}

#[test]
fn the_seed_is_a_network_file() {
    let file = NetworkFile::parse(SEED).unwrap();
    let wanted =
        ["Mainserver", "sub1", "sub2", "lower_sub3", "client1", "client2", "client3", "client4"];
    assert_eq!(names(&file), wanted);
    assert_eq!(file.server("lower_sub3").unwrap().parent.as_ref().unwrap().name, "sub1");
    for server in &file.servers {
        assert!(server.known_port().is_some(), "`--only` works for all below {}", server.name);
    }
}

#[test]
fn parents_come_first_whatever_the_order_of_the_file() {
    let file = NetworkFile::parse(
        "open = true\n[[server]]\nname = 'c'\nparent = 'b'\n[[server]]\nname = 'b'\nparent = 'a'\n\
         [[server]]\nname = 'a'\n",
    );
    assert_eq!(names(&file.unwrap()), ["a", "b", "c"]);
}

#[test]
fn an_unknown_key_is_fatal_and_the_nearest_is_named() {
    let server = wrong("open = true\n[[server]]\nname = 'a'\nprot = 4000\n");
    assert_eq!(server.line, Some(4));
    assert!(server.what.contains("`prot` is no key of a [[server]]"), "{}", server.what);
    assert!(server.what.contains("did you mean `port`?"), "{}", server.what);

    let top = wrong("open = true\nservers = 3\n");
    assert_eq!(top.line, Some(2));
    assert!(top.what.contains("did you mean `server`?"), "{}", top.what);

    let client = wrong("open = true\n[[server]]\nname = 'a'\n[[client]]\nname = 'c'\nzebra = 1\n");
    assert_eq!(client.line, Some(6));
    assert!(client.what.contains("there are: name, parent, description"), "{}", client.what);
}

#[test]
fn a_missing_parent_is_named_with_the_nearest() {
    let typo = wrong(
        "open = true\n[[server]]\nname = 'main'\n[[server]]\nname = 'sub1'\nparent = 'maim'\n",
    );
    assert_eq!(typo.line, Some(6));
    assert!(typo.what.contains("`sub1` has the parent `maim`"), "{}", typo.what);
    assert!(typo.what.contains("did you mean `main`?"), "{}", typo.what);
}

#[test]
fn a_client_takes_nobody_below_it_and_needs_a_parent() {
    let below = wrong(
        "open = true\n[[server]]\nname = 'a'\n[[client]]\nname = 'c'\nparent = 'a'\n\
         [[client]]\nname = 'd'\nparent = 'c'\n",
    );
    assert_eq!(below.line, Some(9));
    assert!(below.what.contains("only servers take others"), "{}", below.what);

    let alone = wrong("open = true\n[[server]]\nname = 'a'\n[[client]]\nname = 'c'\n");
    assert_eq!(alone.line, Some(4));
    assert!(alone.what.contains("has no `parent`"), "{}", alone.what);
}

#[test]
fn a_cycle_is_refused_with_its_members() {
    let cycle = wrong(
        "open = true\n[[server]]\nname = 'main'\n[[server]]\nname = 'a'\nparent = 'c'\n\
         [[server]]\nname = 'b'\nparent = 'a'\n[[server]]\nname = 'c'\nparent = 'b'\n",
    );
    assert_eq!(cycle.what, "a cycle: a below c below b below a");
    let itself = wrong("open = true\n[[server]]\nname = 'a'\nparent = 'a'\n");
    assert_eq!((itself.line, itself.what.as_str()), (Some(2), "a cycle: a below a"));
}

#[test]
fn there_is_exactly_one_main_server() {
    let two = wrong("open = true\n[[server]]\nname = 'a'\n[[server]]\nname = 'b'\n");
    assert_eq!(two.line, Some(4));
    assert!(two.what.contains("`a` (line 2)"), "{}", two.what);
    assert_eq!(wrong("open = true\n").what, "there is no [[server]]");
}

#[test]
fn a_name_stands_once_in_the_file() {
    let twice =
        wrong("open = true\n[[server]]\nname = 'a'\n[[client]]\nname = 'a'\nparent = 'a'\n");
    assert_eq!(twice.line, Some(4));
    assert!(twice.what.contains("line 2"), "{}", twice.what);
}

#[test]
fn the_mode_has_to_be_said() {
    for text in ["[[server]]\nname = 'a'\n", "open = false\n[[server]]\nname = 'a'\n"] {
        assert!(wrong(text).what.contains("ltn init"), "{text}");
    }
    assert!(wrong("open = 1\n").what.contains("`open` is true, and here stands: integer"));
}

#[test]
fn an_empty_or_broken_file_is_one_clear_line() {
    for text in ["", "\n\n", "# only a comment\n"] {
        assert_eq!(wrong(text).what, "the file is empty");
    }
    let broken = wrong("open = true\n[[server]\nname = 'a'\n");
    assert_eq!(broken.line, Some(2));
    assert!(broken.what.contains("no TOML"), "{}", broken.what);
}

#[test]
fn a_port_may_be_a_number_a_list_or_an_expression() {
    let file = NetworkFile::parse(
        "open = true\n[[server]]\nname = 'a'\nport = 4000\ndata_port = '<3999'\n\
         [[server]]\nname = 'b'\nparent = 'a'\nport = [4001, 4011]\n\
         [[server]]\nname = 'c'\nparent = 'a'\nport = '>4002'\n\
         [[server]]\nname = 'd'\nparent = 'a'\nport = 0\n\
         [[server]]\nname = 'e'\nparent = 'a'\n",
    )
    .unwrap();
    let known: Vec<_> = file.servers.iter().map(ServerEntry::known_port).collect();
    let wanted = [
        Some(KnownPort::Exactly(4000)),
        Some(KnownPort::Probably(4001)),
        Some(KnownPort::Probably(4002)),
        None,
        None,
    ];
    assert_eq!(known, wanted);
    assert_eq!(file.servers[0].data_port, Some(PortExpr::FromDownwards(3999)));
}

#[test]
fn a_bad_port_is_told_with_its_line() {
    for port in ["'soon'", "70000", "-1", "[]", "[4000, 'x']", "true", "4000.5"] {
        let bad = wrong(&format!("open = true\n[[server]]\nname = 'a'\nport = {port}\n"));
        assert_eq!(bad.line, Some(4), "{port}: {}", bad.what);
        assert!(bad.what.starts_with("`port`"), "{port}: {}", bad.what);
    }
}

#[test]
fn only_names_one_entry() {
    let file = NetworkFile::parse(SEED).unwrap();
    assert!(matches!(file.entry("client4"), Ok(Entry::Client(_))));
    assert!(matches!(file.entry("sub1"), Ok(Entry::Server(_))));
    assert_eq!(file.entry("sub11").unwrap_err().hint.unwrap(), "did you mean `sub1`?");
}

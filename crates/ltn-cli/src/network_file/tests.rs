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
fn backups_are_servers_of_the_file_and_not_oneself() {
    let file = |backup: &str| {
        let text = format!(
            "open = true\n[[server]]\nname = \"top\"\n[[server]]\nname = \"hall\"\n\
             parent = \"top\"\nbackup = [{backup}]\n"
        );
        NetworkFile::parse(&text)
    };
    let hall = file("\"top\"").unwrap().servers.remove(1);
    assert_eq!(hall.backups[0].name, "top");
    for (backup, what) in [
        ("\"hall\"", "no backup of itself"),
        ("\"attic\"", "no server is called so"),
        ("1", "list"),
    ] {
        let wrong = file(backup).unwrap_err();
        assert_eq!(wrong.line, Some(7), "{backup}");
        assert!(wrong.what.contains(what), "{}", wrong.what);
    }
    let of_main = "open = true\n[[server]]\nname = \"top\"\nbackup = [\"top\"]\n";
    assert!(NetworkFile::parse(of_main).is_err());
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
    assert!(
        client.what.contains("there are: name, parent, backup, description"),
        "{}",
        client.what
    );
}

/// A setting that is not read because of a slip would silently be something else than was meant.
#[test]
fn no_slip_in_any_key_is_overlooked() {
    const PROGRAMS: &str = include_str!("../../../../examples/programs.toml");
    let mut slips = 0;
    for file in [SEED, PROGRAMS] {
        assert!(NetworkFile::parse(file).is_ok());
        let mut start = 0;
        for line in file.split_inclusive('\n') {
            let key = line.split('=').next().filter(|_| line.contains('=')).unwrap_or_default();
            for at in key.char_indices().filter(|(_, c)| c.is_alphabetic()).map(|(at, _)| at) {
                let at = start + at;
                let other = if &file[at..=at] == "x" { "y" } else { "x" };
                let slip = [&file[..at], other, &file[at + 1..]].concat();
                let lost = [&file[..at], &file[at + 1..]].concat();
                for text in [slip, lost] {
                    let is_comment = line.trim_start().starts_with('#');
                    assert!(is_comment || NetworkFile::parse(&text).is_err(), "{text}");
                    slips += usize::from(!is_comment);
                }
            }
            start += line.len();
        }
    }
    assert!(slips > 200, "only {slips} slips were tried");
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

const HEAD: &str = "open = true\n[[server]]\nname = 'a'\n";

#[test]
fn offers_are_values_or_programs() {
    let file = NetworkFile::parse(&format!(
        "{HEAD}[[server.requestable]]\nname = 'house'\n\
         value = {{ n = [0x1f, -1, 1.5, true, 'x'] }}\n\
         [[server.requestable]]\nname = 'load'\ncommand = ['./x', '-v']\noutput = 'json'\n\
         timeout_s = 0.5\n[[server.command]]\nname = 's.heat'\ndescription = 'heat'\n\
         permission = 'heating'\ndangerous = true\nparameters = ['celsius:int', 'rooms:text*']\n\
         command = ['./y']\n[[client]]\nname = 'c'\nparent = 'a'\n[[client.command]]\n\
         name = 'dim'\nparameters = ['level?']\ncommand = ['z']\n"
    ))
    .unwrap();
    let [house, load, heat] = &file.servers[0].offers[..] else { panic!("{file:?}") };
    let items = [31.into(), (-1).into(), 1.5.into(), true.into(), "x".into()];
    let wanted = ltn::Value::map([("n", ltn::Value::List(items.to_vec()))]);
    assert_eq!(house.offered, Offered::Value(wanted));
    let program = load.program().unwrap();
    assert_eq!((program.command.join(" "), program.timeout.as_millis()), ("./x -v".into(), 500));
    assert_eq!(program.output, crate::programs::OutputKind::Json);
    let Offered::Command(spec, program) = &heat.offered else { panic!("{heat:?}") };
    assert_eq!(spec.usage(), "s.heat(celsius[, rooms, …])");
    assert_eq!((spec.permission.as_str(), spec.dangerous), ("heating", true));
    assert_eq!(program.timeout.as_secs(), 10);
    assert_eq!(file.clients[0].offers[0].shown(), "the command `dim`");
}

#[test]
fn an_offer_that_makes_no_sense_is_told_with_its_line() {
    let requestable = "[[server.requestable]]\nname = 'x'\n";
    let command = "[[server.command]]\nname = 's.x'\ncommand = ['x']\n";
    for (text, line, part) in [
        (requestable.to_owned(), 4, "`x` has no `value` and no `command`"),
        (format!("{requestable}value = 1\ncommand = ['x']\n"), 4, "it can have one of them"),
        (format!("{requestable}value = 1\ntimeout_s = 1\n"), 4, "`timeout_s` is for programs"),
        (format!("{requestable}value = 1979-05-27\n"), 6, "`value` is a text, a number"),
        (format!("{requestable}vlaue = 1\n"), 6, "did you mean `value`?"),
        (format!("{requestable}command = 'x y'\n"), 6, "`command` is a list of texts in quotes"),
        (format!("{requestable}command = []\n"), 4, "has no program"),
        (format!("{requestable}command = ['x']\noutput = 'xml'\n"), 7, "`output` is"),
        (format!("{requestable}command = ['x']\ntimeout_s = 0\n"), 7, "a number of seconds"),
        (format!("{requestable}value = 1\n{requestable}value = 2\n"), 7, "line 4 has it too"),
        ("[[server.requestable]]\nname = 'a b'\nvalue = 1\n".to_owned(), 5, "is no name"),
        ("[[server.requestable]]\nvalue = 1\n".to_owned(), 4, "has no `name`"),
        (command.replace("s.x", "x"), 4, "write `s.x`"),
        (format!("{command}parameters = ['a:float']\n"), 7, "not a `float`"),
        (format!("{command}parameters = ['a?', 'b']\n"), 4, "a may be left out"),
        (format!("{command}permission = 'a b'\n"), 7, "`permission` is one word"),
    ] {
        let wrong = wrong(&format!("{HEAD}{text}"));
        assert!(wrong.what.contains(part), "{part}: {}", wrong.what);
        assert_eq!(wrong.line, Some(line), "{}", wrong.what);
    }
}

#[test]
fn what_people_may_do_at_a_server_stands_in_its_entry() {
    let text = "newcomers = 'user'\nadmin_key_file = 'hall.key'\n";
    let file = NetworkFile::parse(&format!("{HEAD}{text}")).unwrap();
    assert_eq!(file.servers[0].newcomers, Some(ltn::Permissions::user()));
    assert_eq!(file.servers[0].admin_key_file, Some("hall.key".into()));
    assert_eq!(NetworkFile::parse(HEAD).unwrap().servers[0].newcomers, None);
    let wrong = wrong(&format!("{HEAD}newcomers = 'guest'\n"));
    assert!(wrong.what.contains("say `user` or `admin`"), "{}", wrong.what);
    assert_eq!(wrong.line, Some(4));
}

#[test]
fn the_example_with_programs_is_a_network_file() {
    let text = include_str!("../../../../examples/programs.toml");
    let file = NetworkFile::parse(text).unwrap();
    assert_eq!((file.servers[0].offers.len(), file.clients[0].offers.len()), (3, 1));
}

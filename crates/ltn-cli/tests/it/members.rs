//! A network with members, as people make one: `ltn init`, `invite`, `join`, and what comes after.

use crate::process::{Ended, PATIENCE, Running, run};
use crate::state::Place;

/// A new network, and its main server at some port.
pub(crate) fn network(place: &Place) -> (Running, String) {
    let state = place.of("main");
    let made = run(&["init", "home", "--state", &state]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(made.stdout.contains("ltn main") && made.stdout.contains("ltn invite"));
    (main_server(&state), state)
}

pub(crate) fn main_server(state: &str) -> Running {
    let ports = ["--listen", "127.0.0.1", "--port", "0", "--data-port", "0"];
    let mut main = Running::start(&[&["main", "--state", state][..], &ports].concat());
    main.expect("is running at 127.0.0.1:");
    main
}

/// The invite alone, as a script gets it.
pub(crate) fn invite(state: &str, more: &[&str]) -> String {
    let made = run(&[&["invite", "--state", state][..], more].concat());
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let line = made.stdout.trim().to_owned();
    assert!(line.starts_with("ltn1") && !line.contains(char::is_whitespace), "{line}");
    line
}

fn join(line: &str, state: &str) -> Ended {
    run(&["join", line, "--state", state])
}

pub(crate) fn member(place: &Place, main: &str, name: &str, more: &[&str]) -> String {
    let line = invite(main, &[&["--name", name][..], more].concat());
    let state = place.of(name);
    let joined = join(&line, &state);
    assert_eq!(joined.code, Some(0), "{}", joined.stderr);
    assert!(joined.stdout.contains(name), "{}", joined.stdout);
    state
}

pub(crate) fn client(state: &str) -> Running {
    let mut client = Running::start(&["client", "--state", state]);
    client.expect("Connected to");
    client
}

/// A time that was not said went to the main server as nothing, and that is no number.
#[test]
fn a_main_server_that_runs_gives_a_right_without_an_end() {
    let place = Place::new("endless");
    let (_main, state) = network(&place);
    member(&place, &state, "lamp", &[]);
    let granted = run(&["grant", "lamp", "admin", "--state", &state]);
    assert_eq!(granted.code, Some(0), "{}", granted.stderr);
    let members = run(&["members", "--state", &state]).stdout;
    let lamp = members.lines().find(|line| line.starts_with("lamp: client"));
    assert!(lamp.is_some_and(|line| line.contains("holds `admin`")), "{members}");
}

#[test]
fn beside_a_running_node_the_doctor_says_what_it_can_see() {
    let place = Place::new("beside");
    let (_main, state) = network(&place);
    let seen = run(&["doctor", "--state", &state]);
    assert_eq!(seen.code, Some(0), "{}", seen.stderr);
    assert!(seen.stdout.contains("is in use by process"), "{}", seen.stdout);
    assert!(seen.stdout.contains("member of network net:"), "{}", seen.stdout);
    std::fs::write(std::path::Path::new(&state).join("visitor"), "").expect("it is ours");
    let seen = run(&["doctor", "--state", &state]);
    assert_eq!(seen.code, Some(78), "{}", seen.stdout);
    assert!(seen.stderr.contains("visitor") && seen.stderr.contains("empty"), "{}", seen.stderr);
}

#[test]
fn a_member_reaches_the_server_whose_address_it_was_told() {
    let place = Place::new("told");
    let (main, state) = network(&place);
    let address = address_in(&state);
    let lamp = member(&place, &state, "lamp", &[]);
    drop(main);
    // At another port than the one that the member knows.
    let ports = ["--listen", "127.0.0.1", "--port", ">20000", "--data-port", "0"];
    let mut main = Running::start(&[&["main", "--state", &state][..], &ports].concat());
    let moved = main.address();
    assert_ne!(address, moved);
    let lost = run(&["tree", "--state", &lamp]);
    assert_eq!(lost.code, Some(2), "{}", lost.stdout);
    let tree = ["tree", "--state", &lamp, "--to", &moved];
    let found = run(&tree);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    assert!(found.stdout.contains("Mainserver"), "{}", found.stdout);
    // It is the identity of that directory.
    let out = run(&["revoke", "lamp", "--yes", "--state", &state, "--to", &moved]);
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    let refused = run(&tree);
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
}

#[test]
fn the_audit_log_tells_of_commands_and_their_ends_running_or_not() {
    let place = Place::new("audit");
    let (main, state) = network(&place);
    let audit = |more: &[&str]| run(&[&["audit", "--state", &state][..], more].concat());
    let nothing = audit(&[]);
    assert_eq!(nothing.code, Some(0), "{}", nothing.stderr);
    member(&place, &state, "lamp", &[]);
    let out = run(&["revoke", "lamp", "--yes", "--state", &state]);
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    let invited = "s.invite(client, lamp";
    let check = |seen: &Ended| {
        assert_eq!(seen.code, Some(0), "{}", seen.stderr);
        let lines: Vec<&str> = seen.stdout.lines().collect();
        let at = lines.iter().position(|line| line.contains("s.revoke(lamp)"));
        let at = at.unwrap_or_else(|| panic!("{}", seen.stdout));
        assert!(lines[at].ends_with("run"), "{}", seen.stdout);
        let end = lines[at + 1];
        assert!(end.contains("s.revoke ") && end.contains("done (line "), "{}", seen.stdout);
        assert!(seen.stdout.contains("follows from the one before"), "{}", seen.stdout);
        // The line that it made is not in it.
        assert!(seen.stdout.contains(invited) && !seen.stdout.contains("ltn1"), "{}", seen.stdout);
    };
    check(&audit(&[]));
    check(&run(&["audit", "/", "--state", &state]));
    let joined = audit(&[]).stdout;
    let joined = joined.lines().find(|line| line.contains("join(lamp, client, by invite "));
    assert!(
        joined.is_some_and(|line| line.contains(" lamp ") && line.contains(" of the main server)")),
        "{joined:?}"
    );
    assert!(audit(&[]).stdout.contains("the main server"), "its owner has a name");
    assert!(!audit(&["--last", "1"]).stdout.contains(invited));
    drop(main);
    check(&audit(&[]));
    // What its owner does meanwhile is written down as well, and what fails is not.
    assert_eq!(
        run(&["invite", "--name", "hall", "--role", "client", "--state", &state]).code,
        Some(0)
    );
    assert_ne!(run(&["revoke", "nobody", "--yes", "--state", &state]).code, Some(0));
    let told = audit(&["--last", "1"]).stdout;
    assert!(told.contains("the main server") && told.contains("s.invite(client, hall"), "{told}");
    assert!(audit(&["--json"]).stdout.contains("\"broken_before\":null"));
    assert_eq!(audit(&["--last", "0"]).code, Some(2));
}

/// A sub-server of this name that runs below another one.
fn sub_server(place: &Place, main: &str, name: &str, more: &[&str]) -> (Running, String) {
    let state = member(place, main, name, &[&["--role", "sub-server"][..], more].concat());
    let ports = ["--listen", "127.0.0.1", "--port", "0", "--data-port", "0"];
    let mut server = Running::start(&[&["sub", "--state", &state][..], &ports].concat());
    server.expect("connected with");
    (server, state)
}

#[cfg(unix)]
#[test]
fn an_admin_below_two_servers_does_all_that_is_done_at_the_main_server() {
    let place = Place::new("below");
    let (_main, state) = network(&place);
    let (_hall, _) = sub_server(&place, &state, "hall", &[]);
    let (_attic, attic) = sub_server(&place, &state, "attic", &["--under", "/hall", "--admin"]);
    // It may have come to the main server first, and goes to its place from there.
    until(0, &["ping", "/hall/attic", "--count", "1", "--state", &attic]);
    let lamp = place.of("lamp");
    assert_eq!(join(&invite(&attic, &["--name", "lamp"]), &lamp).code, Some(0));
    let done = |words: &[&str], said: &str| {
        let ended = run(&[words, &["--state", &attic]].concat());
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        assert!(ended.stdout.contains(said), "{words:?}: {}", ended.stdout);
        ended.stdout
    };
    done(&["grant", "lamp", "admin", "--at", "/hall"], "holds");
    done(&["members"], ", holds `admin` below `hall` (");
    done(&["ungrant", "lamp", "admin"], "holds `admin` no more");
    let line = done(&["replace", "lamp"], "ltn1");
    assert_eq!(join(line.trim(), &place.of("new")).code, Some(0));
    done(&["revoke", "lamp", "--yes"], "is out");
    let file = place.of("home.ltn");
    let secret = secret_file(&place, "secret", "a long passphrase");
    // The key of the network goes to its owner only; an admin is told where that is.
    let refused = run(&["backup", &file, "--passphrase-file", &secret, "--state", &attic]);
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("`ltn backup` at its machine"), "{}", refused.stderr);
    // What is typed as a command has no key to answer for.
    let open = run(&["run", "/", "s.invite(client)", "--state", &attic]);
    assert_eq!(open.code, Some(2), "{}", open.stdout);
    assert!(open.stderr.contains("every server on the way could read it"), "{}", open.stderr);
    // Who has no right is refused there, as anywhere.
    let (_cellar, cellar) = sub_server(&place, &state, "cellar", &["--under", "/hall"]);
    let refused = run(&["invite", "--state", &cellar]);
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
}

#[test]
fn what_nobody_is_asked_about_wants_a_network_that_was_named() {
    let place = Place::new("named");
    let (mut main, state) = network(&place);
    member(&place, &state, "lamp", &[]);
    for verb in [&["revoke", "lamp", "--yes"][..], &["shutdown", "--yes"]] {
        let refused = run(verb);
        assert_eq!(refused.code, Some(2), "{}", refused.stdout);
        assert!(refused.stderr.contains("nothing was done") && refused.stderr.contains("--state"));
        let done = run(&[verb, &["--state", &state]].concat());
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    main.expect("stop");
}

#[test]
fn a_network_is_made_joined_looked_at_and_left_without_an_address_or_a_name() {
    let place = Place::new("life");
    let (main, state) = network(&place);
    let hall = member(&place, &state, "hall", &["--role", "sub-server"]);
    let ports = ["--listen", "127.0.0.1", "--port", "0"];
    let mut hall_server = Running::start(&[&["sub", "--state", &hall][..], &ports].concat());
    hall_server.expect("hall is running at");
    hall_server.expect("connected with Mainserver");
    let lamp = member(&place, &state, "lamp", &[]);
    let mut lamp_client = client(&lamp);
    lamp_client.expect("Registered as 'lamp'");

    // Beside each of them, and several visits at the same time, which throw nobody out.
    for directory in [&state, &hall, &lamp] {
        let watching = Running::start(&["tree", "--watch", "--state", directory]);
        for _ in 0..3 {
            let tree = run(&["tree", "--state", directory]);
            assert_eq!(tree.code, Some(0), "{}", tree.stderr);
            assert!(tree.stdout.contains("hall") && tree.stdout.contains("lamp"));
        }
        drop(watching);
    }
    let asked = run(&["ask", "/hall", "SERVERDATA", "--state", &lamp]);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    let sent = run(&["send", "/lamp", "it is dark", "--state", &hall]);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    lamp_client.expect("it is dark");

    // The owner of the main server may everything, a member no more than everybody.
    let asked = run(&["run", "/hall", "s.attributes", "--state", &lamp]);
    assert_eq!(asked.code, Some(2), "{}", asked.stdout);
    let asked = run(&["run", "/hall", "s.attributes", "--state", &state]);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);

    let unasked = run(&["revoke", "lamp", "--state", &state]);
    assert_eq!(unasked.code, Some(2), "{}", unasked.stdout);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let out = run(&["revoke", "lamp", "--state", &state, "--yes"]);
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    lamp_client.expect("revoked");
    drop(lamp_client);
    for verb in [&["tree"][..], &["client"]] {
        let refused = run(&[verb, &["--state", &lamp]].concat());
        assert_eq!(refused.code, Some(2), "{verb:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
    }
    let members = run(&["members", "--state", &state]);
    assert!(members.stdout.contains("lamp: client, out"), "{}", members.stdout);
    drop((main, hall_server));
}

#[test]
fn a_network_goes_on_where_it_was_after_everybody_was_killed() {
    let place = Place::new("again");
    let (main, state) = network(&place);
    let hall = member(&place, &state, "hall", &["--role", "sub-server"]);
    let ports = ["--listen", "127.0.0.1", "--port", "0"];
    let sub = [&["sub", "--state", &hall][..], &ports].concat();
    let mut hall_server = Running::start(&sub);
    hall_server.expect("connected with Mainserver");
    // Dropped is killed, without a word.
    drop((main, hall_server));
    let mut hall_server = Running::start(&sub);
    hall_server.expect("hall is running at");
    let _main = main_server(&state);
    hall_server.expect("connected with Mainserver");
    let tree = run(&["tree", "--state", &state]);
    assert!(tree.stdout.contains("hall"), "{}", tree.stdout);
}

#[test]
fn invites_are_made_and_members_thrown_out_while_the_main_server_does_not_run() {
    let place = Place::new("rest");
    let state = place.of("main");
    run(&["init", "home", "--state", &state]);
    let made = run(&["invite", "--state", &state]);
    assert!(made.stderr.contains("names no address"), "{}", made.stderr);
    let main = main_server(&state);
    drop(main);
    let line = invite(&state, &["--name", "lamp"]);
    let lamp = place.of("lamp");
    let early = join(&line, &lamp);
    assert_eq!(early.code, Some(2), "{}", early.stderr);
    assert!(early.stderr.contains("was not used"), "{}", early.stderr);
    let main = main_server(&state);
    // At the same port as before: the invite is still right, and so is the directory.
    let joined = join(&line, &lamp);
    assert_eq!(joined.code, Some(0), "{}", joined.stderr);
    drop(main);
    let out = run(&["revoke", "lamp", "--yes", "--state", &state]);
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    let _main = main_server(&state);
    let refused = run(&["client", "--state", &lamp]);
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
}

#[cfg(unix)]
pub(crate) fn secret_file(place: &Place, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let file = place.of(name);
    std::fs::write(&file, format!("{text}\n")).expect("it is ours");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    file
}

/// Runs it until it ends so: what was changed has to go through the tree first.
fn until(code: i32, words: &[&str]) -> Ended {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let ended = run(words);
        if ended.code == Some(code) {
            return ended;
        }
        assert!(std::time::Instant::now() < end, "{words:?}: {} {}", ended.stdout, ended.stderr);
    }
}

#[test]
fn what_goes_wrong_with_an_invite_is_said_and_nothing_is_done() {
    let place = Place::new("wrong");
    let (main, state) = network(&place);
    let line = invite(&state, &["--name", "lamp"]);
    let lamp = place.of("lamp");
    let refused = |line: &str, directory: &str, part: &str| {
        let joined = join(line, directory);
        assert_eq!(joined.code, Some(2), "{part}: {}", joined.stderr);
        assert!(joined.stderr.contains(part), "{part}: {}", joined.stderr);
    };
    refused(&line[..line.len() - 5], &lamp, "copy the whole line once more");
    refused("ltn tree", &lamp, "this is no invite");
    assert!(!std::path::Path::new(&lamp).exists(), "nothing was made");

    // Another network answers where the invite says.
    let away = place.of("away");
    run(&["init", "away", "--state", &away]);
    let other = main_server(&away);
    let address = address_in(&away);
    let elsewhere = invite(&state, &["--name", "lost"]);
    let joined = run(&["join", &elsewhere, "--to", &address, "--state", &place.of("lost")]);
    // The address that was said comes first; those of the invite are tried after it.
    assert_eq!(joined.code, Some(0), "{}", joined.stderr);
    drop(main);
    let stranger = invite(&state, &["--name", "stranger"]);
    let joined = run(&["join", &stranger, "--to", &address, "--state", &place.of("stranger")]);
    assert_eq!(joined.code, Some(2), "{}", joined.stderr);
    assert!(joined.stderr.contains("not the network that the invite is from"));
    assert!(joined.stderr.contains("was not used"), "{}", joined.stderr);
    // A member of the one is nobody in the other.
    let lost = run(&["client", "--state", &place.of("lost"), "--to", &address]);
    assert_eq!(lost.code, Some(1), "{}", lost.stderr);
    assert!(lost.stderr.contains("no server of this network"), "{}", lost.stderr);
    drop(other);

    let _main = main_server(&state);
    assert_eq!(join(&line, &lamp).code, Some(0));
    refused(&line, &place.of("second"), "this invite was used already");
    let taken = join(&invite(&state, &[]), &lamp);
    assert_eq!(taken.code, Some(78), "{}", taken.stderr);
    assert!(taken.stderr.contains("belongs to a member already"), "{}", taken.stderr);
    let short = invite(&state, &["--ttl", "1s"]);
    let begin = std::time::Instant::now();
    while begin.elapsed() < std::time::Duration::from_millis(1_200) {
        run(&["members", "--state", &state]);
    }
    refused(&short, &place.of("late"), "it has ended");
}

/// Where the main server of this directory is reached.
pub(crate) fn address_in(state: &str) -> String {
    let tree = run(&["tree", "--json", "--state", state]);
    let (_, rest) = tree.stdout.split_once("\"address\":\"").expect("a server has one");
    rest.split('"').next().expect("there is always a first part").to_owned()
}

#[test]
fn a_directory_of_the_wrong_kind_or_none_is_refused_with_an_idea() {
    let place = Place::new("kinds");
    let (_main, state) = network(&place);
    let nothing = place.of("nothing");
    for verb in [&["client"][..], &["sub"], &["main"]] {
        let refused = run(&[verb, &["--state", &nothing]].concat());
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("`ltn join`"), "{}", refused.stderr);
    }
    assert!(!std::path::Path::new(&nothing).exists(), "nothing was made");
    let as_open = run(&["main", "--open", "--port", "0", "--state", &state]);
    assert_ne!(as_open.code, Some(0));
    let lamp = member(&place, &state, "lamp", &[]);
    let as_open = run(&["client", "lamp", "--open", "--to", "4000", "--state", &lamp]);
    assert_eq!(as_open.code, Some(78), "{}", as_open.stderr);
    assert!(as_open.stderr.contains("the open mode must not touch it"), "{}", as_open.stderr);
    let climber = run(&["sub", "--state", &lamp]);
    assert_eq!(climber.code, Some(78), "{}", climber.stderr);
    assert!(climber.stderr.contains("a client, and this is a sub-server"), "{}", climber.stderr);
    let again = run(&["init", "home", "--state", &lamp]);
    assert_eq!(again.code, Some(78), "{}", again.stderr);
    let doctor = run(&["doctor", "--state", &lamp]);
    assert_eq!(doctor.code, Some(0), "{}", doctor.stderr);
    assert!(doctor.stdout.contains("member of network net:"), "{}", doctor.stdout);
    std::fs::write(std::path::Path::new(&lamp).join("visitor"), "").expect("it is ours");
    let doctor = run(&["doctor", "--state", &lamp]);
    assert_eq!(doctor.code, Some(78));
    assert!(doctor.stderr.contains("visitor") && doctor.stderr.contains("empty"));
    assert!(doctor.stderr.contains("Put back a copy"), "{}", doctor.stderr);
}

#[test]
fn rights_are_given_explained_and_taken_and_new_hardware_takes_over() {
    let place = Place::new("rights");
    let (_main, state) = network(&place);
    let hall = member(&place, &state, "hall", &["--role", "sub-server"]);
    let ports = ["--listen", "127.0.0.1", "--port", "0"];
    let mut server = Running::start(&[&["sub", "--state", &hall][..], &ports].concat());
    server.expect("connected with Mainserver");
    let lamp = member(&place, &state, "lamp", &["--under", "/hall"]);
    let mut old = client(&lamp);
    old.expect("this node is /hall/lamp");

    let why = |claim, target| ["why", "/hall/lamp", claim, "s.restart", target, "--state", &state];
    let cannot = until(0, &why("cannot", "/hall"));
    assert!(cannot.stdout.contains("ltn grant lamp admin --at /hall"), "{}", cannot.stdout);
    assert_eq!(run(&why("may", "/hall")).code, Some(1));
    let short = run(&["why", "/hall/lamp", "cannot", "restart", "/hall", "--state", &state]);
    assert_eq!(short.stdout, cannot.stdout, "{}", short.stderr);
    let granted =
        run(&["grant", "lamp", "admin", "--at", "hall", "--for", "1h", "--state", &state]);
    assert_eq!(granted.code, Some(0), "{}", granted.stderr);
    let may = until(0, &why("may", "/hall"));
    assert!(may.stdout.contains("the network's charter grants it `admin`"), "{}", may.stdout);
    assert!(may.stdout.contains("ltn ungrant lamp admin"), "{}", may.stdout);
    assert_eq!(run(&why("cannot", "/")).code, Some(0), "above the scope it may nothing more");
    until(0, &["run", "/hall", "s.attributes", "--state", &lamp]);
    let members = run(&["members", "--state", &state]);
    assert!(members.stdout.contains("holds `admin`"), "{}", members.stdout);
    let taken = run(&["ungrant", "lamp", "admin", "--state", &state]);
    assert_eq!(taken.code, Some(0), "{}", taken.stderr);
    until(0, &why("cannot", "/hall"));

    let line = run(&["replace", "lamp", "--state", &state]).stdout.trim().to_owned();
    let new = place.of("new-lamp");
    assert_eq!(join(&line, &new).code, Some(0));
    old.expect("revoked");
    let mut new = client(&new);
    new.expect("this node is /hall/lamp");
    let refused = run(&["tree", "--state", &lamp]);
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
}

#[cfg(unix)]
#[test]
fn a_restored_main_server_brings_nobody_back_who_was_thrown_out_after_the_backup() {
    let place = Place::new("backup");
    let (mut main, state) = network(&place);
    let address = address_in(&state);
    let hall = member(&place, &state, "hall", &["--role", "sub-server"]);
    let thief = member(&place, &state, "thief", &[]);
    let ports = ["--listen", "127.0.0.1", "--port", "0"];
    let mut server = Running::start(&[&["sub", "--state", &hall][..], &ports].concat());
    server.expect("connected with Mainserver");
    let file = place.of("home.ltn");
    let (right, wrong) = ("a long passphrase", "another passphrase");
    let right = secret_file(&place, "right", right);
    let wrong = secret_file(&place, "wrong", wrong);
    let backup = ["backup", &file, "--passphrase-file", &right, "--state", &state];
    let made = run(&backup);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert_eq!(run(&backup).code, Some(2), "it is there already");
    assert_eq!(run(&["revoke", "thief", "--yes", "--state", &state]).code, Some(0));
    main.expect("hall");
    drop(main);

    let new = place.of("restored");
    let refused = run(&["restore", &file, "--passphrase-file", &wrong, "--state", &new]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("the passphrase is wrong"), "{}", refused.stderr);
    let restored = run(&["restore", &file, "--passphrase-file", &right, "--state", &new]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let port = address.rsplit(':').next().expect("there is a port");
    let ports = ["--listen", "127.0.0.1", "--port", port, "--data-port", "0"];
    let mut main = Running::start(&[&["main", "--state", &new][..], &ports].concat());
    main.expect("is running at");
    server.expect("connected with Mainserver");
    let refused = until(2, &["tree", "--state", &thief]);
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
    let early = run(&["invite", "--state", &new]);
    assert_eq!(early.code, Some(2), "{}", early.stdout);
    assert!(early.stderr.contains("restored from a backup"), "{}", early.stderr);
}

//! What becomes of state directories: the same node again, or one clear refusal.

use std::fs;

use ltn_proto::{KeptDeed, KeptPerson, KeptReport, Name, NodeId, Permission, Permissions, Value};

use super::testing::{Place, copy};
use super::*;

mod cuts;
mod members;

const HALL: Owner<'static> = Owner { role: Role::SubServer, name: "hall", kind: NetworkKind::Open };

fn open(place: &Place) -> Result<State, StateError> {
    State::open(place.path(), HALL)
}

fn parent(port: u16) -> KeptParent {
    let id = NodeId::of_public_key(&port.to_be_bytes());
    let address = Address::new(&format!("127.0.0.1:{port}"));
    KeptParent::new(id, Name::known("Mainserver").unwrap(), [address])
}

fn keep_parent(state: &mut State, port: u16) {
    let what = Durable::Parent(Some(parent(port)));
    state.write(&what).unwrap();
}

fn person(name: &str, rights: &[&str], muted: bool) -> KeptPerson {
    let node = NodeId::of_public_key(name.as_bytes());
    let rights = rights.iter().filter_map(|word| Permission::word(word));
    let rights = rights.fold(Permissions::default(), Permissions::with);
    KeptPerson { node, rights, muted, kicked: muted }
}

const KEYS: AdminKeys = AdminKeys { holds: Some([7; 48]), told: Some([8; 48]) };

/// A directory with a node that belongs to the server at port 4002, acknowledged after 4001, that
/// gave rights and took them, was given a name, and so on.
fn lived_in() -> Place {
    let place = Place::new();
    let mut state = open(&place).unwrap();
    keep_parent(&mut state, 4_001);
    keep_parent(&mut state, 4_002);
    let [ann, bob] = [person("ann", &["gate", "heat"], false), person("bob", &["gate"], true)];
    state.write(&Durable::People(vec![ann, bob])).unwrap();
    state.write(&Durable::People(vec![person("bob", &[], true)])).unwrap();
    state.write(&Durable::Name(Name::known("attic").unwrap())).unwrap();
    state.write(&Durable::BackupParents(vec![Address::new("127.0.0.1:4600")])).unwrap();
    state.keep_admin_keys(KEYS).unwrap();
    state.keep_listening((Some(4_100), None), None).unwrap();
    place
}

#[test]
fn a_node_is_the_same_one_at_its_next_start() {
    let place = Place::new();
    let first = open(&place).unwrap();
    let id = first.identity().id();
    assert_eq!((first.starts(), first.parent()), (1, None));
    drop(first);
    let mut second = open(&place).unwrap();
    assert_eq!((second.identity().id(), second.starts()), (id, 2));
    keep_parent(&mut second, 4_000);
    second.keep_listening((Some(4_001), Some(3_999)), None).unwrap();
    drop(second);
    let third = open(&place).unwrap();
    assert_eq!((third.identity().id(), third.starts()), (id, 3));
    assert_eq!(third.parent(), Some(&parent(4_000)));
    assert_eq!(third.ports(), (Some(4_001), Some(3_999)));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it_and_what_others_could_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = lived_in();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.path()), 0o700);
    for entry in fs::read_dir(place.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let key = place.path().join("identity");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = open(&place).unwrap_err().to_string();
    assert!(error.contains("identity") && error.contains("chmod 600"), "{error}");
}

/// Somebody else's files could have been put in place of the node's.
#[cfg(unix)]
#[test]
fn a_directory_that_others_may_write_into_is_refused_until_somebody_has_looked() {
    use std::os::unix::fs::PermissionsExt;
    let place = lived_in();
    let set = |mode| fs::set_permissions(place.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o777);
    for _ in 0..2 {
        let error = open(&place).unwrap_err().to_string();
        assert!(error.contains("chmod 700"), "{error}");
    }
    set(0o755);
    open(&place).unwrap();
    // An empty one is taken, and closed.
    let empty = Place::new();
    fs::set_permissions(empty.path(), fs::Permissions::from_mode(0o777)).unwrap();
    open(&empty).unwrap();
    open(&empty).unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_file_is_refused() {
    for name in ["identity", "store", "seal"] {
        let (place, other) = (lived_in(), Place::new());
        let file = place.path().join(name);
        fs::rename(&file, other.path().join(name)).unwrap();
        std::os::unix::fs::symlink(other.path().join(name), &file).unwrap();
        let error = open(&place).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("a link"), "{error}");
    }
}

/// With a disk that had room for the store and none for the seal, several writes made the store
/// look like one from another time.
#[test]
fn a_seal_that_cannot_be_written_stops_the_writes_before_the_store_is_too_far_ahead() {
    let place = Place::new();
    let mut state = open(&place).unwrap();
    // What a file is called until it is complete: no file can be made by that name now.
    let in_the_way = place.path().join("seal.new");
    fs::create_dir(&in_the_way).unwrap();
    for port in 1..5 {
        state.write(&Durable::Parent(Some(parent(port)))).unwrap_err();
    }
    fs::remove_dir(&in_the_way).unwrap();
    drop(state);
    let mut state = open(&place).unwrap();
    keep_parent(&mut state, 4_000);
    drop(state);
    assert_eq!(open(&place).unwrap().parent(), Some(&parent(4_000)));
}

#[test]
fn one_process_owns_a_directory_and_says_who_it_is() {
    let place = Place::new();
    let state = open(&place).unwrap();
    let StateError::InUse { holder, .. } = open(&place).unwrap_err() else { panic!("it is held") };
    assert!(holder.contains("sub-server hall"), "{holder}");
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    drop(state);
    open(&place).unwrap();
}

#[test]
fn a_directory_of_another_node_is_refused_and_not_touched() {
    let place = lived_in();
    for (owner, part) in [
        (Owner { role: Role::Client, ..HALL }, "a sub-server, and this is a client"),
        (Owner { name: "kitchen", ..HALL }, "`hall`, and this is `kitchen`"),
    ] {
        let error = State::open(place.path(), owner).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let state = State::inspect(place.path()).unwrap();
    assert_eq!(state.starts(), 1, "who is refused counts no start");
}

#[test]
fn a_directory_of_somebody_else_is_not_even_locked() {
    let place = Place::new();
    fs::write(place.path().join("letter.txt"), "dear").unwrap();
    let error = open(&place).unwrap_err().to_string();
    assert!(error.contains("letter.txt"), "{error}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    let nowhere = place.path().join("nothing");
    assert!(State::inspect(&nowhere).is_err());
    assert!(!nowhere.exists(), "looking makes nothing");
}

#[test]
fn a_missing_or_empty_file_is_refused_by_its_name() {
    for name in ["identity", "store", "seal"] {
        let place = lived_in();
        let file = place.path().join(name);
        fs::write(&file, "").unwrap();
        let error = open(&place).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("empty"), "{error}");
        fs::remove_file(&file).unwrap();
        let error = open(&place).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("missing"), "{error}");
        assert!(!file.exists(), "nothing is made in its place");
    }
}

#[test]
fn an_interrupted_first_start_begins_anew() {
    let place = lived_in();
    fs::write(place.path().join("making"), "").unwrap();
    fs::remove_file(place.path().join("seal")).unwrap();
    let state = open(&place).unwrap();
    assert_eq!((state.starts(), state.parent()), (1, None));
    assert!(!place.path().join("making").exists());
}

#[test]
fn an_older_store_is_found_out_and_one_that_was_not_acknowledged_is_taken() {
    let place = Place::new();
    let mut state = open(&place).unwrap();
    keep_parent(&mut state, 4_001);
    drop(state);
    let older = Place::new();
    copy(place.path(), older.path());
    let mut state = open(&place).unwrap();
    keep_parent(&mut state, 4_002);
    let changes = changes_of(&Durable::Parent(Some(parent(4_003)))).unwrap();
    state.store.commit(&changes).unwrap();
    drop(state);
    // The power went between the store and the seal: later than acknowledged is as good.
    assert_eq!(open(&place).unwrap().parent(), Some(&parent(4_003)));
    fs::copy(older.path().join("store"), place.path().join("store")).unwrap();
    let error = open(&place).unwrap_err().to_string();
    assert!(error.contains("was acknowledged"), "{error}");
}

#[test]
fn a_later_form_of_the_store_and_unknown_entries_are_not_guessed_at() {
    for (name, value, part) in [
        ("schema", Value::Int(2), "form 2"),
        ("colour", Value::from("blue"), "colour"),
        ("starts", Value::from("many"), "starts"),
        ("parent", Value::map([("id", Value::Null)]), "parent"),
        ("role", Value::from("king"), "role"),
        ("given_name", Value::from("a/b"), "given_name"),
        ("backup_parents", Value::Int(1), "backup_parents"),
        ("admin_key", Value::Bytes(vec![1; 47]), "admin_key"),
    ] {
        let place = lived_in();
        let mut state = State::inspect(place.path()).unwrap();
        let change = Change::put(crate::store::Shelf::Facts, name, value.to_cbor());
        state.commit(&[change]).unwrap();
        drop(state);
        let error = open(&place).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn what_is_no_more_held_of_a_node_is_taken_away_and_what_cannot_be_read_is_refused() {
    let place = lived_in();
    let mut state = State::inspect(place.path()).unwrap();
    state.write(&Durable::People(vec![person("ann", &[], false)])).unwrap();
    assert_eq!(state.store.all(crate::store::Shelf::People).unwrap().len(), 1);
    for (key, value) in [
        (vec![1; 31], person_value(&["gate"], true)),
        (vec![1; 32], person_value(&["no word"], true)),
        (vec![1; 32], Value::Null),
    ] {
        let change = Change::put(crate::store::Shelf::People, key.clone(), value.to_cbor());
        state.commit(&[change]).unwrap();
        drop(state);
        let error = open(&place).unwrap_err().to_string();
        assert!(error.contains("people"), "{error}");
        // The other entries are as they were: with this one taken away all is well again.
        let directory = Directory::hold(place.path(), "a test").unwrap();
        let mut store = Store::open(&directory.file(directory::STORE)).unwrap();
        let generation = store.commit(&[Change::remove(crate::store::Shelf::People, key)]).unwrap();
        directory.seal(generation).unwrap();
        drop((store, directory));
        state = State::inspect(place.path()).unwrap();
    }
}

fn person_value(rights: &[&str], muted: bool) -> Value {
    let rights = Value::list(rights.iter().map(|right| Value::from(*right)));
    Value::map([("rights", rights), ("muted", muted.into()), ("kicked", false.into())])
}

#[test]
fn what_the_mind_had_written_is_there_again_and_the_oldest_is_forgotten() {
    let place = Place::new();
    let mut state = open(&place).unwrap();
    for number in 0..20 {
        let command = format!("command {number}");
        let actor = NodeId::of_public_key(b"anna");
        let deed = KeptDeed { number, token: [7; 16], actor, command, done: number % 2 == 0 };
        state.write(&Durable::Deed(deed)).unwrap();
        let report = Value::map([("text", Value::from(number))]);
        let report = KeptReport { number, finished: number % 3 == 0, report };
        state.write(&Durable::Report(report)).unwrap();
    }
    let before = state.remembered().clone();
    assert_eq!((before.deeds.len(), before.reports.len()), (20, ltn_proto::REPORTS_MAX));
    drop(state);
    assert_eq!(open(&place).unwrap().remembered(), &before);
}

/// What a start with a changed file comes to: refused, or the last acknowledged state.
fn is_refused_or_whole(place: &Place, what: &str) -> bool {
    match State::inspect(place.path()) {
        Err(_) => true,
        Ok(state) => {
            assert_eq!(state.parent(), Some(&parent(4_002)), "{what}");
            assert_eq!(state.ports(), (Some(4_100), None), "{what}");
            assert_eq!(state.starts(), 1, "{what}");
            assert_eq!(state.admin_keys(), KEYS, "{what}");
            let Remembered { people, name, backup_parents, .. } = state.remembered();
            let kept: Vec<&KeptPerson> = people.values().collect();
            let [ann, bob] = [person("ann", &["gate", "heat"], false), person("bob", &[], true)];
            assert!(kept.len() == 2 && kept.contains(&&ann) && kept.contains(&&bob), "{what}");
            assert_eq!(name.as_ref().map(Name::as_str), Some("attic"), "{what}");
            assert_eq!(*backup_parents, [Address::new("127.0.0.1:4600")], "{what}");
            false
        }
    }
}

#[test]
fn no_changed_byte_of_the_small_files_is_overlooked() {
    let place = lived_in();
    for name in ["identity", "seal"] {
        let file = place.path().join(name);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut changed = whole.clone();
                changed[at] ^= bit;
                fs::write(&file, &changed).unwrap();
                let what = format!("{name}, byte {at} ^ {bit:#x}");
                assert!(is_refused_or_whole(&place, &what), "{what}");
            }
            fs::write(&file, &whole[..at]).unwrap();
            let what = format!("{name}, cut at {at}");
            assert!(is_refused_or_whole(&place, &what), "{what}");
        }
        fs::write(&file, &whole).unwrap();
    }
    assert!(!is_refused_or_whole(&place, "as it was"));
}

#[test]
fn no_changed_byte_of_the_store_leads_to_another_state() {
    let place = lived_in();
    let file = place.path().join("store");
    let whole = fs::read(&file).unwrap();
    // The header byte by byte; of the rest, which is mostly empty, some of what is in use.
    let used: Vec<usize> = (512..whole.len()).filter(|at| whole[*at] != 0).collect();
    let some = used.iter().step_by((used.len() / 150).max(1)).copied();
    let mut refused = 0;
    for at in (0..320).chain(some) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&file, &changed).unwrap();
        refused += usize::from(is_refused_or_whole(&place, &format!("store, byte {at}")));
    }
    assert!(refused > 100, "only {refused} were noticed at all");
    for step in 1..60 {
        let at = whole.len() * step / 60;
        fs::write(&file, &whole[..at]).unwrap();
        let what = format!("store, cut at {at}");
        assert!(is_refused_or_whole(&place, &what), "{what}");
    }
}

#[test]
fn the_audit_log_is_written_with_what_it_tells_of_and_hangs_together() {
    let place = Place::new();
    let line = |command: &str| Durable::Audit {
        copy: None,
        what: ltn_proto::Audited::new(NodeId::of_public_key(b"ann"), command, None, &[]),
    };
    let commands = ["s.mute", "s.unmute", "s.mute"];
    let mut state = open(&place).unwrap();
    for command in commands {
        state.write(&line(command)).unwrap();
    }
    drop(state);
    let mut state = open(&place).unwrap();
    let (lines, broken) = state.audit().last(10, false);
    let told: Vec<&str> = lines.iter().map(|line| line.what.command.as_str()).collect();
    assert_eq!((told.as_slice(), broken), (&commands[..], None));
    // A line that is gone, as only this very program could take it out.
    let mut key = [0; 9];
    key[8] = 2;
    state.commit(&[Change::remove(crate::store::Shelf::Audit, key)]).unwrap();
    drop(state);
    let error = open(&place).unwrap_err();
    assert!(error.to_string().contains("audit log is broken"), "{error}");
}

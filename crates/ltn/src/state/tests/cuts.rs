//! Power cuts while a network is made, joined and restored, and while its main server writes: at
//! every step in the directory.

use ltn_proto::{Audited, InviteId, Role};

use super::super::camera::{self, laid_out};
use super::*;
use crate::builder::MainServer;
use crate::membership::{Network, join_network_at, make_network_at, restore_network_at};

const MAIN: Owner<'static> =
    Owner { role: Role::MainServer, name: "Mainserver", kind: NetworkKind::Members };
const LAMP: Owner<'static> = Owner { role: Role::Client, name: "", kind: NetworkKind::Members };
const PASSPHRASE: &str = "a long passphrase";

fn open_as(owner: Owner<'_>, place: &Place) -> Result<State, String> {
    State::open(place.path(), owner).map_err(|error| error.to_string())
}

#[test]
fn a_power_cut_while_a_network_is_made_leaves_all_of_it_or_nothing_that_is_in_the_way() {
    let place = Place::new();
    camera::watch(&place);
    make_network_at(place.path(), "home").unwrap();
    let (mut whole, mut nothing) = (0, 0);
    for picture in camera::pictures(&place) {
        let after = laid_out(&picture);
        if let Err(error) = open_as(MAIN, &after) {
            assert!(error.contains("`ltn init` makes a network"), "{error}");
            make_network_at(after.path(), "home").unwrap();
            open_as(MAIN, &after).unwrap();
            nothing += 1;
        } else {
            whole += 1;
        }
    }
    assert!(whole > 1 && nothing > 20, "{whole} whole, {nothing} not");
    open_as(MAIN, &laid_out(camera::pictures(&place).last().unwrap())).unwrap();
}

#[tokio::test]
async fn a_power_cut_while_a_network_is_restored_leaves_all_of_it_or_nothing_that_is_in_the_way() {
    let home = Place::new();
    make_network_at(home.path(), "home").unwrap();
    let network = Network::open(home.path()).await.unwrap().unwrap();
    let sealed = network.backup(PASSPHRASE).await.unwrap();
    let place = Place::new();
    camera::watch(&place);
    restore_network_at(&sealed, PASSPHRASE, place.path()).unwrap();
    let (mut whole, mut nothing) = (0, 0);
    for picture in camera::pictures(&place) {
        let after = laid_out(&picture);
        match open_as(MAIN, &after) {
            Ok(state) => {
                let office = state.belonging().unwrap().0.office.as_ref().unwrap();
                assert!(office.book.is_learning());
                whole += 1;
            }
            Err(error) => {
                assert!(error.contains("`ltn restore`"), "{error}");
                // Opening a backup is slow on purpose, so it is tried now and then.
                if nothing % 8 == 0 {
                    restore_network_at(&sealed, PASSPHRASE, after.path()).unwrap();
                    open_as(MAIN, &after).unwrap();
                }
                nothing += 1;
            }
        }
    }
    assert!(whole > 1 && nothing > 20, "{whole} whole, {nothing} not");
    open_as(MAIN, &laid_out(camera::pictures(&place).last().unwrap())).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_while_a_machine_joins_loses_neither_its_place_nor_the_invite() {
    let network = Network::make().unwrap();
    let main = MainServer::builder().port(0).without_data_socket().root_of(&network);
    let main = main.start().await.unwrap();
    let hints = [main.address().unwrap()];
    let invite = async || network.invite(Role::Client, None, &hints).await.unwrap();
    let line = invite().await;
    let place = Place::new();
    camera::watch(&place);
    let id = join_network_at(&line, &[], place.path()).await.unwrap().id();
    let (mut whole, mut asking, mut before, mut answered) = (0, 0, 0, false);
    for picture in camera::pictures(&place) {
        answered |= picture.contains_key("making");
        let after = laid_out(&picture);
        let error = match open_as(LAMP, &after) {
            Ok(state) => {
                assert_eq!(state.identity().id(), id);
                whole += 1;
                continue;
            }
            Err(error) => error,
        };
        if picture.contains_key("joining") {
            assert!(error.contains("try `ltn join` with the same invite again"), "{error}");
            let again = join_network_at(&line, &[], after.path()).await.unwrap();
            assert_eq!(again.id(), id, "the invite was used up for this key");
            asking += 1;
        } else {
            // Nothing was said to anybody yet.
            assert!(!answered, "the keys are there before a word is said");
            assert!(error.contains("`ltn join` joins one"), "{error}");
            join_network_at(&invite().await, &[], after.path()).await.unwrap();
            before += 1;
        }
        open_as(LAMP, &after).unwrap();
    }
    assert!(whole > 1 && asking > 20 && before > 1, "{whole} whole, {asking} asking, {before}");
    open_as(LAMP, &laid_out(camera::pictures(&place).last().unwrap())).unwrap();
    main.shutdown().await;
}

#[test]
fn a_power_cut_before_the_keys_of_a_machine_that_joins_are_written_is_not_in_its_way() {
    let place = Place::new();
    fs::write(place.path().join("joining.new"), "ltn joi").unwrap();
    Candidate::begin(place.path(), InviteId([1; 8])).unwrap();
}

#[test]
fn a_line_of_the_audit_log_that_was_acknowledged_is_there_after_a_power_cut() {
    let place = Place::new();
    make_network_at(place.path(), "home").unwrap();
    let mut state = State::open(place.path(), MAIN).unwrap();
    camera::watch(&place);
    for number in 1..=4_usize {
        let before = camera::pictures(&place).len();
        let actor = NodeId::of_public_key(b"ann");
        let what = Audited::new(actor, &format!("s.restart{number}"), None, &[]);
        state.write(&Durable::Audit { copy: None, what }).unwrap();
        let pictures = camera::pictures(&place);
        for picture in pictures.iter().skip(before).chain(pictures.last()) {
            let after = open_as(MAIN, &laid_out(picture)).unwrap();
            let (lines, broken) = after.audit().last(10, false);
            assert!(broken.is_none() && [number, number - 1].contains(&lines.len()), "{number}");
        }
        let after = open_as(MAIN, &laid_out(pictures.last().unwrap())).unwrap();
        assert_eq!(after.audit().last(10, false).0.len(), number, "it was acknowledged");
    }
}

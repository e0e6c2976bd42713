//! A network with members: the charter goes through the whole tree, holds at once, and cannot be
//! made by anybody but the authority.

use ltn_proto::signature::Purpose;
use ltn_proto::{CloseReason, Event, Frame, Header, Input, Kind, NodeId, Op, Role, SignedCharter};

use crate::club::{Club, ROOT};
use crate::signer::Signer;

#[test]
fn a_new_charter_reaches_everybody_and_who_is_out_is_thrown_out_everywhere() {
    let mut club = Club::new();
    let hall = club.node(Role::SubServer, Some(Role::SubServer));
    let lamp = club.node(Role::Client, Some(Role::Client));
    let thief = club.node(Role::Client, Some(Role::Client));
    assert!(club.join(hall, ROOT) && club.join(lamp, hall) && club.join(thief, hall));
    let out = club.ids[thief];
    club.declare(|charter| charter.revoked.push(out));
    let newest = club.signed(&club.charter).bytes;
    for number in [ROOT, hall, lamp] {
        assert_eq!(club.last_charter(number).map(|signed| &signed.bytes), Some(&newest));
    }
    assert!(club.is_joined(lamp, hall) && !club.is_joined(thief, hall));
    let told = |event: &Event| {
        matches!(event, Event::Disconnected { reason: CloseReason::Revoked, returning: false, .. })
    };
    assert!(club.events.iter().any(|(who, event)| *who == thief && told(event)));
    assert!(!club.join(thief, hall) && !club.join(thief, ROOT), "nor does it come back");
}

#[test]
fn who_was_away_hears_of_it_when_it_comes_back_from_whoever_knows() {
    let mut club = Club::new();
    let hall = club.node(Role::SubServer, Some(Role::SubServer));
    let lamp = club.node(Role::Client, Some(Role::Client));
    let thief = club.node(Role::Client, Some(Role::Client));
    assert!(club.join(lamp, hall), "a fragment of its own");
    let out = club.ids[thief];
    club.declare(|charter| charter.revoked.push(out));
    assert!(club.join(hall, ROOT));
    assert!(club.last_charter(hall).is_some() && club.last_charter(lamp).is_some());
    assert!(!club.join(thief, hall));
}

#[test]
fn a_node_that_begins_anew_has_forgotten_nobody_who_is_out() {
    let mut club = Club::new();
    let hall = club.node(Role::SubServer, Some(Role::SubServer));
    let thief = club.node(Role::Client, Some(Role::Client));
    assert!(club.join(hall, ROOT) && club.join(thief, hall));
    let out = club.ids[thief];
    club.declare(|charter| charter.revoked.push(out));
    club.begin_anew(hall);
    assert!(!club.join(thief, hall), "nobody is there who could tell it once more");
}

#[test]
fn a_main_server_from_a_backup_learns_what_was_signed_after_it() {
    let mut club = Club::new();
    let mut later = club.charter.clone();
    later.revoked.push(NodeId::of_public_key(b"a thief"));
    later.edition.version += 1;
    let before = std::mem::replace(&mut club.charter, later.clone());
    let lamp = club.node(Role::Client, Some(Role::Client));
    club.charter = before;
    assert!(club.join(lamp, ROOT));
    let shown = club.events.iter().any(|(who, event)| {
        matches!(event, Event::UnheardCharter { charter } if *who == ROOT
            && charter.read(&club.authority.public) == Ok(later.clone()))
    });
    assert!(shown, "the root is told, so that its book can take it over");
}

#[test]
fn nobody_is_more_than_he_was_invited_to_be() {
    let mut club = Club::new();
    let climber = club.node(Role::SubServer, Some(Role::Client));
    let stranger = club.node(Role::Client, None);
    let visitor = club.node(Role::Session, Some(Role::Client));
    assert!(!club.join(climber, ROOT));
    assert!(!club.join(stranger, ROOT));
    assert!(club.join(visitor, ROOT), "everybody may make a visit");
}

#[test]
fn a_charter_that_a_server_makes_up_ends_the_link_and_changes_nothing() {
    let mut club = Club::new();
    let hall = club.node(Role::SubServer, Some(Role::SubServer));
    let lamp = club.node(Role::Client, Some(Role::Client));
    assert!(club.join(lamp, hall));
    let mut forged = club.charter.clone();
    forged.edition.version += 1;
    forged.revoked.push(club.ids[lamp]);
    let forged = Signer::new().sign_charter(Purpose::Charter, &forged);
    club.feed(hall, Input::Op(Op::Charter { charter: forged.clone() }));
    assert!(club.last_charter(hall).is_none(), "not even its own mind takes it");
    assert!(club.is_joined(lamp, hall));
    let link = club.wires.iter().find(|(_, other)| other.0 == hall).map(|(mine, _)| mine.1);
    let link = link.expect("the lamp has a link to the hall");
    let frame = charter_frame(club.ids[ROOT], &forged);
    club.feed(lamp, Input::Frame { link, frame });
    assert!(club.last_charter(lamp).is_none());
    assert!(!club.is_joined(lamp, hall), "who forges is not listened to");
}

/// The frame that carries this charter, as another network's mind would send it.
fn charter_frame(root: NodeId, charter: &SignedCharter) -> Frame {
    let header = Header::new(Kind::CHARTER, root, NodeId::NOBODY);
    // A map of two byte strings: {0: charter, 1: signature}.
    let mut payload = vec![0xa2, 0x00, 0x59];
    let length = u16::try_from(charter.bytes.len()).expect("a small charter");
    payload.extend_from_slice(&length.to_be_bytes());
    payload.extend_from_slice(&charter.bytes);
    payload.extend_from_slice(&[0x01, 0x58, 64]);
    payload.extend_from_slice(&charter.signature);
    Frame { header, payload: payload.into() }
}

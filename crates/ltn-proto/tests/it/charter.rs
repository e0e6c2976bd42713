//! The charter of a network: who signs it, whom it allows what, and how much it may say.

use ltn_proto::limits::{GRANTS_MAX, REVOCATIONS_MAX};
use ltn_proto::signature::Purpose;
use ltn_proto::{BadCharter, Grant, NodeId, Permission, SignedCharter};

use crate::signer::Signer;

fn id(n: u8) -> NodeId {
    NodeId::from_bytes([n; 32])
}

fn word(word: &str) -> Permission {
    Permission::word(word).expect("it is a word")
}

#[test]
fn only_the_authority_of_this_network_signs_its_charter() {
    let (ours, other) = (Signer::new(), Signer::new());
    let charter = ours.charter();
    let signed = ours.sign_charter(Purpose::Charter, &charter);
    assert_eq!(signed.read(&ours.public), Ok(charter.clone()));
    assert_eq!(signed.read(&other.public), Err(BadCharter::NotSigned));
    let for_another = ours.sign_charter(Purpose::Join, &charter);
    assert_eq!(for_another.read(&ours.public), Err(BadCharter::NotSigned));
    let foreign = ours.sign_charter(Purpose::Charter, &other.charter());
    assert_eq!(foreign.read(&ours.public), Err(BadCharter::OtherNetwork));
    for at in 0..signed.bytes.len() {
        let mut bytes = signed.bytes.to_vec();
        bytes[at] ^= 1;
        let changed = SignedCharter { bytes: bytes.into(), ..signed.clone() };
        assert_eq!(changed.read(&ours.public), Err(BadCharter::NotSigned), "byte {at}");
    }
}

#[test]
fn a_grant_holds_in_its_scope_and_not_for_who_is_out() {
    let mut charter = Signer::new().charter();
    let (ann, ben) = (id(1), id(2));
    let grant = |who, what, scope| Grant { who, what: vec![word(what)], scope };
    charter.grants = vec![grant(ann, "admin", id(0)), grant(ben, "heat", id(7))];
    assert!(charter.granted(ann, |_| false).allow(&Permission::admin()));
    assert!(charter.granted(ben, |scope| scope == id(7)).allow(&word("heat")));
    assert!(!charter.granted(ben, |_| false).allow(&word("heat")));
    charter.revoked.push(ann);
    assert!(!charter.granted(ann, |_| true).allow(&Permission::admin()));
}

#[test]
fn a_charter_that_says_too_much_is_not_signed() {
    let mut charter = Signer::new().charter();
    charter.revoked = vec![id(1); REVOCATIONS_MAX + 1];
    assert_eq!(charter.to_bytes(), None);
    charter.revoked.pop();
    assert!(charter.to_bytes().is_some());
    let what = vec![word(&"x".repeat(64)); 4];
    charter.grants = vec![Grant { who: id(1), what, scope: id(0) }; GRANTS_MAX];
    assert_eq!(charter.to_bytes(), None, "it is larger than a frame");
}

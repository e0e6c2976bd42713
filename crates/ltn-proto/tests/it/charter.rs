//! The charter of a network: who signs it, whom it allows what, and how much it may say.

use ltn_proto::limits::{GRANTS_MAX, REVOCATIONS_MAX};
use ltn_proto::signature::{Purpose, public_key_of_point};
use ltn_proto::{BadCharter, Charter, Grant, NetworkId, NodeId, Permission, SignedCharter};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

struct Signer {
    pair: EcdsaKeyPair,
    public: Vec<u8>,
}

impl Signer {
    fn new() -> Self {
        let dice = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &dice)
            .expect("keys and signatures of tests work");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &dice)
            .expect("keys and signatures of tests work");
        let public = public_key_of_point(pair.public_key().as_ref());
        Self { pair, public }
    }

    fn sign(&self, purpose: Purpose, charter: &Charter) -> SignedCharter {
        let bytes = charter.to_bytes().expect("keys and signatures of tests work");
        let message = purpose.bytes_to_sign(&bytes);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), &message)
            .expect("keys and signatures of tests work");
        SignedCharter {
            bytes,
            signature: signature.as_ref().try_into().expect("keys and signatures of tests work"),
        }
    }

    fn charter(&self) -> Charter {
        Charter::first(NetworkId::of_authority_key(&self.public), id(0))
    }
}

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
    let signed = ours.sign(Purpose::Charter, &charter);
    assert_eq!(signed.read(&ours.public), Ok(charter.clone()));
    assert_eq!(signed.read(&other.public), Err(BadCharter::NotSigned));
    let for_another = ours.sign(Purpose::Join, &charter);
    assert_eq!(for_another.read(&ours.public), Err(BadCharter::NotSigned));
    let foreign = ours.sign(Purpose::Charter, &other.charter());
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

//! A charter: nobody's word counts but the authority's, and nothing that it signed is misread.

use std::sync::OnceLock;

use bytes::Bytes;
use ltn_proto::signature::{Purpose, public_key_of_point};
use ltn_proto::{
    BadCharter, Charter, Edition, Grant, Name, NetworkId, NodeId, OwnName, Permission,
    SignedCharter, Standing,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use crate::feed::Feed;

/// Reads a charter that nobody signed, one of these very bytes that the authority signed, and one
/// that says what the bytes decide.
pub(crate) fn read(data: &[u8]) {
    let mut feed = Feed::new(data);
    let signature = feed.array();
    let stranger = SignedCharter { bytes: Bytes::copy_from_slice(data), signature };
    assert!(stranger.read(key()).is_err(), "nobody but the authority signs");
    let odd = signed(Bytes::copy_from_slice(data));
    let read = odd.read(key());
    assert!(read != Err(BadCharter::NotSigned), "it is signed");
    assert!(read.is_err() || Standing::new(key().to_vec(), odd).is_ok());
    let charter = charter(&mut feed);
    let Some(bytes) = charter.to_bytes() else { return };
    assert_eq!(signed(bytes).read(key()).as_ref(), Ok(&charter));
    for grant in &charter.grants {
        let here = charter.granted(grant.who, |scope| scope == grant.scope);
        let all = grant.what.iter().all(|word| here.allow(word));
        assert!(all || charter.is_revoked(grant.who), "what was granted holds");
        let nowhere = charter.granted(grant.who, |_| false);
        assert!(
            charter.grants.iter().any(|grant| grant.scope == charter.root)
                || nowhere.iter().next().is_none()
        );
    }
}

fn charter(feed: &mut Feed<'_>) -> Charter {
    let node = |feed: &mut Feed<'_>| NodeId::from_bytes([feed.byte() % 8; 32]);
    let edition = Edition { epoch: feed.number(), version: feed.number() };
    let root = node(feed);
    let grants = (0..feed.byte() % 16).map(|_| Grant {
        who: node(feed),
        what: Permission::word(&feed.word()).into_iter().collect(),
        scope: node(feed),
    });
    let grants = grants.collect();
    let revoked = (0..feed.byte() % 8).map(|_| node(feed)).collect();
    let names = (0..feed.byte() % 8)
        .filter_map(|_| Some(OwnName::new(&Name::known(&feed.word()).ok()?, node(feed))))
        .collect();
    Charter {
        network: NetworkId::of_authority_key(key()),
        root,
        edition,
        grants,
        revoked,
        ending: None,
        names,
    }
}

/// The authority: a key that is made anew in each process.
fn authority() -> &'static (EcdsaKeyPair, Vec<u8>) {
    static AUTHORITY: OnceLock<(EcdsaKeyPair, Vec<u8>)> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let (dice, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &dice).expect("keys are made");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &dice);
        let pair = pair.expect("a key that was just made is one");
        let public = public_key_of_point(pair.public_key().as_ref());
        (pair, public)
    })
}

fn key() -> &'static [u8] {
    &authority().1
}

fn signed(bytes: Bytes) -> SignedCharter {
    let message = Purpose::Charter.bytes_to_sign(&bytes);
    let signature = authority().0.sign(&SystemRandom::new(), &message).expect("it signs");
    let signature = signature.as_ref().try_into().expect("this form has 64 bytes");
    SignedCharter { bytes, signature }
}

/// What a node of this authority's network stands on.
pub(crate) fn standing() -> Standing {
    let root = NodeId::from_bytes([9; 32]);
    standing_on(&Charter::first(NetworkId::of_authority_key(key()), root))
}

/// The same where this is the main server, and that one may do everything.
pub(crate) fn standing_with_admin(root: NodeId, admin: NodeId) -> Standing {
    let mut charter = Charter::first(NetworkId::of_authority_key(key()), root);
    charter.grants.push(Grant { who: admin, what: vec![Permission::admin()], scope: root });
    standing_on(&charter)
}

fn standing_on(charter: &Charter) -> Standing {
    let bytes = charter.to_bytes().expect("the charter is small");
    Standing::new(key().to_vec(), signed(bytes)).expect("the authority signed it")
}

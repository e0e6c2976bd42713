//! The way into a network with members: the line, what is said, and the root's book.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE32_NOPAD;
use ltn_proto::admission::{JoinAnswer, JoinAsk};
use ltn_proto::limits::{CHARTER_BYTES_MAX, MEMBERS_MAX};
use ltn_proto::registry::{InviteWish, Registry};
use ltn_proto::{
    Charter, Grant, Invite, InviteId, InviteSecret, NetworkId, NodeId, Permission, Role,
};
use sha2::{Digest, Sha256};

use crate::feed::Feed;

/// Reads the line of an invite as it is typed, and one whose check is right whatever it says.
pub(crate) fn read_invite(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        says_the_same(text);
    }
    says_the_same(&line_of(data));
}

/// The line of an invite with this content, as `docs/protocol.md` tells it.
fn line_of(content: &[u8]) -> String {
    let check = Sha256::digest(content);
    let bytes = [content, &check[..4]].concat();
    format!("ltn1{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

fn says_the_same(line: &str) {
    if let Ok(invite) = line.parse::<Invite>() {
        assert_eq!(invite.to_string().parse().as_ref(), Ok(&invite));
        let shown = format!("{invite:?}");
        assert!(shown.contains("InviteSecret(…)"), "the secret is in no log: {shown}");
    }
}

/// Lets the root's book be asked for anything, in any order. Whatever happens: who was put out
/// stays out, the edition never goes back, and the book is the same when it is read again.
pub(crate) fn keep_book(data: &[u8]) {
    let mut feed = Feed::new(data);
    let root = NodeId::from_bytes([1; 32]);
    let mut book = Registry::new(AUTHORITY, root, vec![NodeId::from_bytes([2; 32])]);
    let mut nonce = [0; 32];
    while !feed.is_empty() {
        let before = book.charter().clone();
        let members = book.members().count();
        let joined = step(&mut book, &mut feed, &mut nonce);
        check(&book, &before);
        assert!(book.members().count() <= members + usize::from(joined), "nobody else came in");
    }
    assert_eq!(Registry::read(&book.to_bytes()).as_ref(), Ok(&book));
}

/// No key that signs anything: nobody has ever proved that it is his.
const AUTHORITY: &[u8] = b"the key of an authority";

/// Does one thing to the book; says whether somebody was let in.
fn step(book: &mut Registry, feed: &mut Feed<'_>, nonce: &mut [u8; 32]) -> bool {
    match feed.byte() % 9 {
        0 => {
            let wish = wish(book, feed);
            let _ = book.invite(InviteId([feed.byte(); 8]), InviteSecret([7; 16]), wish);
        }
        1 => match JoinAsk::read(feed.piece()) {
            Ok(JoinAsk::Begin { invite, .. }) => {
                let _ = book.expects(invite);
                *nonce = [feed.byte(); 32];
            }
            Ok(JoinAsk::Prove(proof)) => return book.admit(&proof, nonce).is_ok(),
            Err(_) => {}
        },
        2 => {
            let _ = book.revoke(somebody(book, feed));
        }
        3 => {
            let grant = grant(book, feed);
            let time = Some(Duration::from_secs(feed.byte().into())).filter(|time| !time.is_zero());
            let _ = book.grant(grant, time);
        }
        4 => {
            let _ = book.ungrant(somebody(book, feed), &[permission(feed)]);
        }
        5 => {
            let _ = book.run_on(Duration::from_millis(feed.number()));
        }
        6 => {
            let _ = book.find(&feed.word()).map(|id| book.call(id));
        }
        7 => {
            let _ = JoinAnswer::read(feed.piece()).map(|answer| answer.to_bytes());
        }
        _ => {
            if let Ok(read) = Registry::read(feed.piece()) {
                assert_eq!(Registry::read(&read.to_bytes()).as_ref(), Ok(&read));
            }
        }
    }
    false
}

fn check(book: &Registry, before: &Charter) {
    let charter = book.charter();
    assert!(charter.edition >= before.edition, "an edition never goes back");
    assert!(before.revoked.iter().all(|id| charter.is_revoked(*id)), "who is out stays out");
    assert!(
        charter.grants == before.grants || charter.edition > before.edition,
        "other rights are another edition"
    );
    assert!(charter.grants.iter().all(|grant| !charter.is_revoked(grant.who)), "no right for them");
    let owner = charter.granted(charter.root, |_| false);
    assert!(owner.allow(&Permission::admin()), "the owner may everything");
    let ending = book.charter_to_sign().ending.unwrap_or_default();
    assert!(ending.iter().all(|grant| grant.who != charter.root), "and for ever");
    let bytes: Option<Bytes> = charter.to_bytes();
    assert!(bytes.is_some_and(|bytes| bytes.len() <= CHARTER_BYTES_MAX));
    assert!(book.members().count() <= MEMBERS_MAX);
    assert_eq!(book.network(), NetworkId::of_authority_key(AUTHORITY));
}

fn wish(book: &Registry, feed: &mut Feed<'_>) -> InviteWish {
    let roles = [Role::Client, Role::SubServer, Role::Session, Role::MainServer, Role::Server];
    let role = roles[usize::from(feed.byte()) % roles.len()];
    let name = ltn_proto::Name::known(&feed.word()).ok();
    let place = feed.word().parse().ok();
    let flags = feed.byte();
    let replaces = (flags & 2 != 0).then(|| somebody(book, feed));
    let by = (flags & 4 != 0).then(|| somebody(book, feed));
    InviteWish { role, name, place, admin: flags & 1 != 0, replaces, seconds: feed.number(), by }
}

fn grant(book: &Registry, feed: &mut Feed<'_>) -> Grant {
    let what = (0..feed.byte() % 4).map(|_| permission(feed)).collect();
    Grant { who: somebody(book, feed), what, scope: somebody(book, feed) }
}

fn permission(feed: &mut Feed<'_>) -> Permission {
    Permission::word(&feed.word()).unwrap_or_else(Permission::admin)
}

/// A member, or one that nobody knows.
fn somebody(book: &Registry, feed: &mut Feed<'_>) -> NodeId {
    let number = feed.byte();
    let member = book.members().nth(number.into()).map(|(id, _)| id);
    member.unwrap_or(NodeId::from_bytes([number; 32]))
}

//! The root's book: who gets in by which proof, who is out, and what an old book takes over.

mod belonging;
mod later;
mod letting_in;

use std::time::Duration;

use ltn_proto::limits::{INVITES_MAX, REVOCATIONS_MAX, VISITORS_MAX};
use ltn_proto::registry::{InviteWish, JoinProof, Member, Registry, join_message};
use ltn_proto::signature::{Purpose, proof};
use ltn_proto::{
    Grant, Invite, InviteId, InviteSecret, Name, NodeId, Permission, Refusal, RefusalKind, Role,
};

use crate::signer::Signer;

const NONCE: [u8; 32] = [5; 32];

pub(crate) struct Home {
    authority: Signer,
    pub(crate) root: Signer,
    pub(crate) book: Registry,
    invites: u8,
}

impl Home {
    pub(crate) fn new() -> Self {
        let (authority, root) = (Signer::new(), Signer::new());
        let book = Registry::new(&authority.public, root.id(), vec![Signer::new().id()]);
        Self { authority, root, book, invites: 0 }
    }

    pub(crate) fn invite(
        &mut self,
        change: impl FnOnce(&mut InviteWish),
    ) -> Result<Invite, Refusal> {
        self.invites += 1;
        let mut wish = InviteWish {
            role: Role::Client,
            name: None,
            place: None,
            admin: false,
            replaces: None,
            seconds: 3_600,
            by: None,
        };
        change(&mut wish);
        let id = InviteId([self.invites; 8]);
        self.book.invite(id, InviteSecret([self.invites; 16]), wish)
    }

    pub(crate) fn join(&mut self, invite: &Invite, key: &Signer) -> Result<Member, Refusal> {
        self.book.admit(&proof_for(invite, key), &NONCE)
    }
}

fn proof_for(invite: &Invite, key: &Signer) -> JoinProof {
    proof_with(invite, key, &[Signer::new(), Signer::new()])
}

fn proof_with(invite: &Invite, key: &Signer, visitors: &[Signer]) -> JoinProof {
    let visitor_keys: Vec<u8> = visitors.iter().flat_map(|key| key.public.clone()).collect();
    let keys = (key.public.as_slice(), visitor_keys.as_slice());
    let message = join_message(invite.network, invite.id, invite.role, keys, &NONCE);
    let mac = proof(&invite.secret.0, &message);
    let signature = key.sign(Purpose::Join, &[message.as_slice(), &mac].concat());
    let public_key = key.public.clone();
    JoinProof { invite: invite.id, public_key, visitor_keys, mac, signature }
}

pub(crate) fn named(text: &str) -> Option<Name> {
    Name::known(text).ok()
}

pub(crate) fn admin() -> Vec<Permission> {
    vec![Permission::admin()]
}

#[test]
fn an_invite_lets_one_key_in_and_gives_it_the_same_answer_again() {
    let mut home = Home::new();
    let invite = home.invite(|wish| wish.name = named("kitchen")).unwrap();
    let (kitchen, thief) = (Signer::new(), Signer::new());
    assert_eq!(home.book.expects(invite.id), Ok(Role::Client));
    let proof = proof_for(&invite, &kitchen);
    let member = home.book.admit(&proof, &NONCE).unwrap();
    assert_eq!((member.role, member.name.clone()), (Role::Client, named("kitchen")));
    let again = home.book.admit(&proof, &NONCE);
    assert_eq!(again, Ok(member), "its first answer may have been lost");
    let refused = home.join(&invite, &thief).unwrap_err();
    assert!(refused.text.contains("used already"), "{refused}");
    assert_eq!(home.book.find("kitchen"), Ok(kitchen.id()));
    assert!(home.book.members().all(|(id, _)| id != thief.id()));
}

#[test]
fn no_second_key_for_visits_gets_a_certificate_that_nobody_could_revoke() {
    let mut home = Home::new();
    let invite = home.invite(|_| {}).unwrap();
    let kitchen = Signer::new();
    home.join(&invite, &kitchen).unwrap();
    let refused = home.join(&invite, &kitchen).unwrap_err();
    assert!(refused.text.contains("other keys for visits"), "{refused}");
}

#[test]
fn nobody_names_the_key_of_another_as_one_for_visits() {
    let mut home = Home::new();
    let (ann, visitor) = (Signer::new(), Signer::new());
    let invite = home.invite(|_| {}).unwrap();
    let proof = proof_with(&invite, &ann, std::slice::from_ref(&visitor));
    home.book.admit(&proof, &NONCE).unwrap();
    let invite = home.invite(|_| {}).unwrap();
    for taken in [ann, visitor] {
        let proof = proof_with(&invite, &Signer::new(), &[Signer::new(), taken]);
        let refused = home.book.admit(&proof, &NONCE).unwrap_err();
        assert!(refused.text.contains("is a member's already"), "{refused}");
    }
}

#[test]
fn keys_for_visits_are_few_and_each_another_one() {
    let mut home = Home::new();
    let invite = home.invite(|_| {}).unwrap();
    let key = Signer::new();
    let many: Vec<Signer> = (0..=VISITORS_MAX).map(|_| Signer::new()).collect();
    let pairs = [(&many[..], "too many"), (&[][..], "none")];
    for (visitors, what) in pairs {
        let refused = home.book.admit(&proof_with(&invite, &key, visitors), &NONCE).unwrap_err();
        assert!(refused.text.contains("no public keys"), "{what}: {refused}");
    }
    let member = home.book.admit(&proof_with(&invite, &key, &many[..VISITORS_MAX]), &NONCE);
    assert_eq!(member.unwrap().visitors.len(), VISITORS_MAX);
    // Their passes say whose they are, so one place in the charter is enough for all of them.
    home.book.grant(grant_to(&home, &key), None).unwrap();
    assert_eq!(home.book.charter().grants.iter().filter(|grant| grant.who == key.id()).count(), 1);
    let replace = home.invite(|wish| wish.replaces = Some(key.id())).unwrap();
    home.join(&replace, &Signer::new()).unwrap();
    assert_eq!(home.book.charter().revoked, [key.id()]);
}

#[test]
fn bytes_that_are_not_the_book_of_one_network_are_none() {
    let home = Home::new();
    let whole = home.book.to_bytes();
    assert_eq!(Registry::read(&whole), Ok(home.book.clone()));
    let other = Home::new().book.to_bytes();
    let key = home.authority.public.as_slice();
    let at = whole.windows(key.len()).position(|part| part == key).unwrap();
    let mut mixed = whole.to_vec();
    mixed[at..at + key.len()].copy_from_slice(&other[at..at + key.len()]);
    assert!(Registry::read(&mixed).is_err(), "the key of another network");
    for end in 0..whole.len() {
        assert!(Registry::read(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_proof_is_bound_to_secret_role_key_nonce_and_network() {
    let mut home = Home::new();
    let invite = home.invite(|_| {}).unwrap();
    let key = Signer::new();
    let before = home.book.clone();
    let mut other = invite.clone();
    other.secret = InviteSecret([0; 16]);
    let mut server = invite.clone();
    server.role = Role::SubServer;
    let mut elsewhere = invite.clone();
    elsewhere.network = Home::new().book.network();
    for (what, wrong) in [("secret", other), ("role", server), ("network", elsewhere)] {
        let refused = home.join(&wrong, &key).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::NoPermission, "{what}");
    }
    assert!(home.book.admit(&proof_for(&invite, &key), &[6; 32]).is_err(), "another nonce");
    // A relay that puts its own key in place of the joiner's has neither MAC nor signature for it.
    let relay = Signer::new();
    let mut swapped = proof_for(&invite, &key);
    swapped.public_key = relay.public.clone();
    assert!(home.book.admit(&swapped, &NONCE).is_err());
    let keys = (relay.public.as_slice(), swapped.visitor_keys.as_slice());
    let message = join_message(invite.network, invite.id, invite.role, keys, &NONCE);
    swapped.signature = relay.sign(Purpose::Join, &[message.as_slice(), &swapped.mac].concat());
    assert!(home.book.admit(&swapped, &NONCE).is_err());
    let mut unsigned = proof_for(&invite, &key);
    unsigned.signature = [1; 64];
    assert!(home.book.admit(&unsigned, &NONCE).is_err());
    assert_eq!(home.book, before, "nothing was burnt");
    home.join(&invite, &key).unwrap();
}

#[test]
fn an_invite_ends_by_the_roots_own_running_time() {
    let mut home = Home::new();
    let invite = home.invite(|wish| wish.seconds = 60).unwrap();
    assert!(!home.book.run_on(Duration::from_secs(59)));
    assert!(home.book.expects(invite.id).is_ok());
    home.book.run_on(Duration::from_secs(1));
    assert!(home.book.expects(invite.id).is_err());
    assert!(home.join(&invite, &Signer::new()).is_err());
    let bytes = home.book.to_bytes();
    assert_eq!(Registry::read(&bytes).as_ref(), Ok(&home.book), "as it is after a power cut");
    assert!(Registry::read(&bytes[..bytes.len() - 1]).is_err());
    assert!(Registry::read(&[]).is_err());
}

#[test]
fn wishes_that_cannot_be_are_refused_in_words() {
    let mut home = Home::new();
    for role in [Role::MainServer, Role::Server, Role::Session] {
        assert!(home.invite(|wish| wish.role = role).is_err(), "{role}");
    }
    assert!(home.invite(|wish| wish.seconds = 0).is_err());
    assert!(home.invite(|wish| wish.seconds = u64::MAX).is_err());
    let invite = home.invite(|wish| wish.name = named("lamp")).unwrap();
    home.join(&invite, &Signer::new()).unwrap();
    let refused = home.invite(|wish| wish.name = named("LAMP")).unwrap_err();
    assert!(refused.text.contains("ltn replace"), "{refused}");
    for _ in 1..INVITES_MAX {
        home.invites = home.invites.wrapping_add(1);
        let number = u64::from(home.invites) << 8 | 1;
        let wish = InviteWish {
            role: Role::Client,
            name: None,
            place: None,
            admin: false,
            replaces: None,
            seconds: 9,
            by: None,
        };
        let _full = home.book.invite(InviteId(number.to_be_bytes()), InviteSecret([1; 16]), wish);
    }
    let refused = home.invite(|_| {}).unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Full);
    home.book.run_on(Duration::from_secs(10));
    home.invite(|_| {}).unwrap();
}

#[test]
fn who_is_revoked_is_out_for_ever_and_loses_all_rights() {
    let mut home = Home::new();
    let invite = home.invite(|wish| (wish.admin, wish.name) = (true, named("ann"))).unwrap();
    let ann = Signer::new();
    home.join(&invite, &ann).unwrap();
    let covered = |book: &Registry| book.charter().granted(ann.id(), |_| false);
    assert!(covered(&home.book).allow(&Permission::admin()));
    let before = home.book.charter().edition;
    home.book.revoke(ann.id()).unwrap();
    assert!(home.book.charter().edition > before);
    assert!(home.book.charter().is_revoked(ann.id()));
    assert!(!covered(&home.book).allow(&Permission::user()));
    assert!(home.join(&invite, &ann).is_err(), "nor does the old invite help");
    assert!(home.book.revoke(ann.id()).is_err());
    assert!(home.book.revoke(home.root.id()).is_err(), "the root stays");
    home.invite(|wish| wish.name = named("ann")).unwrap();
}

#[test]
fn new_hardware_takes_over_name_place_and_rights() {
    let mut home = Home::new();
    let invite = home.invite(|wish| wish.name = named("barn")).unwrap();
    let (old, new) = (Signer::new(), Signer::new());
    home.join(&invite, &old).unwrap();
    let scope = home.root.id();
    home.book.grant(Grant { who: old.id(), what: admin(), scope }, None).unwrap();
    let again = home.invite(|wish| {
        wish.name = named("barn");
        wish.replaces = Some(old.id());
    });
    home.join(&again.unwrap(), &new).unwrap();
    let charter = home.book.charter();
    assert!(charter.is_revoked(old.id()));
    assert!(charter.granted(new.id(), |_| false).allow(&Permission::admin()));
    assert_eq!(home.book.find("barn"), Ok(new.id()));
}

#[test]
fn a_grant_for_a_time_ends_and_one_can_be_taken_back() {
    let mut home = Home::new();
    let invite = home.invite(|_| {}).unwrap();
    let ben = Signer::new();
    home.join(&invite, &ben).unwrap();
    let heat = Permission::word("heat").unwrap();
    let grant = |what: &Permission| Grant {
        who: ben.id(),
        what: vec![what.clone()],
        scope: home.root.id(),
    };
    let (short, long) = (grant(&heat), grant(&Permission::admin()));
    home.book.grant(short.clone(), Some(Duration::from_secs(60))).unwrap();
    home.book.grant(long.clone(), None).unwrap();
    assert!(home.book.grant(long, None).is_err(), "that is so already");
    assert!(!home.book.run_on(Duration::from_secs(59)));
    assert!(home.book.run_on(Duration::from_secs(1)), "the charter changed");
    assert!(!home.book.charter().grants.contains(&short));
    assert_eq!(home.book.ungrant(ben.id(), &admin()), Ok(1));
    assert_eq!(home.book.ungrant(ben.id(), &admin()), Ok(0));
    assert!(home.book.charter().grants.iter().all(|grant| grant.who != ben.id()));
    let nobody = Grant { who: Signer::new().id(), what: admin(), scope: home.root.id() };
    assert!(home.book.grant(nobody, None).is_err());
}

/// A hostile input found it: a right at the main server could be taken without another edition, so
/// nobody would have heard of it.
#[test]
fn whatever_is_taken_is_another_edition() {
    let mut home = Home::new();
    let ben = Signer::new();
    let invite = home.invite(|wish| wish.admin = true).unwrap();
    home.join(&invite, &ben).unwrap();
    let before = home.book.charter().clone();
    assert_eq!(home.book.ungrant(ben.id(), &admin()), Ok(1));
    assert!(home.book.charter().edition > before.edition);
    assert_eq!(home.book.charter().grants.len(), 1, "the owner's");
}

/// Of two rights that should end together one was taken early, and the other one stayed for ever.
#[test]
fn what_is_left_of_a_grant_still_ends() {
    let mut home = Home::new();
    let invite = home.invite(|_| {}).unwrap();
    let ben = Signer::new();
    home.join(&invite, &ben).unwrap();
    let words = ["heat", "water"].map(|word| Permission::word(word).unwrap());
    let grant = Grant { who: ben.id(), what: words.to_vec(), scope: home.root.id() };
    home.book.grant(grant, Some(Duration::from_secs(60))).unwrap();
    assert_eq!(home.book.ungrant(ben.id(), &words[..1]), Ok(1));
    assert!(home.book.charter().granted(ben.id(), |_| true).allow(&words[1]));
    assert!(home.book.run_on(Duration::from_secs(60)));
    assert!(!home.book.charter().granted(ben.id(), |_| true).allow(&words[1]));
}

#[test]
fn a_book_from_a_backup_takes_over_what_was_signed_after_it_and_resurrects_nobody() {
    let mut home = Home::new();
    let invite = home.invite(|_| {}).unwrap();
    let thief = Signer::new();
    home.join(&invite, &thief).unwrap();
    let backup = home.book.to_bytes();
    home.book.revoke(thief.id()).unwrap();
    let later = home.book.charter().clone();
    let mut restored = Registry::read(&backup).unwrap();
    assert!(!restored.charter().is_revoked(thief.id()));
    assert_eq!(restored.adopt(&later), Ok(true));
    assert!(restored.charter().is_revoked(thief.id()));
    assert!(restored.charter().edition > later.edition, "what it signs from now on counts");
    assert_eq!(restored.adopt(&later), Ok(false), "once");
    let mut foreign = later;
    foreign.network = Home::new().book.network();
    foreign.edition.version += 100;
    assert_eq!(restored.adopt(&foreign), Ok(false));
    assert_eq!(home.authority.public.len(), 91);
}

#[test]
fn a_restored_book_signs_nothing_before_it_has_learnt_and_then_begins_a_new_epoch() {
    let mut home = Home::new();
    let (thief, other) = (Signer::new(), Signer::new());
    for key in [&thief, &other] {
        let invite = home.invite(|_| {}).unwrap();
        home.join(&invite, key).unwrap();
    }
    let open = home.invite(|_| {}).unwrap();
    let mut restored = Registry::read(&home.book.to_bytes()).unwrap();
    restored.begin_learning();
    home.book.revoke(thief.id()).unwrap();
    let first = home.book.charter().clone();
    home.book.grant(grant_to(&home, &other), None).unwrap();
    let second = home.book.charter().clone();

    let before = restored.charter().edition;
    home.book = restored;
    assert!(home.invite(|_| {}).unwrap_err().text.contains("restored from a backup"));
    assert!(home.join(&open, &Signer::new()).is_err());
    assert!(home.book.revoke(thief.id()).is_err());
    assert!(home.book.ungrant(other.id(), &admin()).is_err());
    assert_eq!(home.book.charter().edition, before, "nothing was made of it");
    // Whichever member comes first: each later charter is taken as it is.
    for later in [&first, &second] {
        assert_eq!((home.book.adopt(later), home.book.charter()), (Ok(true), later));
    }
    assert!(!home.book.run_on(Duration::from_secs(59)));
    assert!(home.book.run_on(Duration::from_secs(1)));
    let learnt = home.book.charter().clone();
    assert_eq!(learnt.edition.epoch, second.edition.epoch + 1);
    assert!(learnt.is_revoked(thief.id()));
    home.invite(|_| {}).unwrap();
    // Somebody joined after the backup: his id is enough to put him out.
    let stranger = Signer::new().id();
    assert_eq!(home.book.find(&stranger.to_string()), Ok(stranger));
    home.book.revoke(stranger).unwrap();
    assert!(home.book.charter().is_revoked(stranger));
    // The old main server is superseded, and knows it when it hears of that.
    let old = Registry::read(&home.book.to_bytes()).unwrap();
    assert!(!old.is_superseded_by(&learnt));
    let mut later = learnt;
    later.edition.epoch += 1;
    assert!(old.is_superseded_by(&later));
}

/// Whoever was away for the whole minute knew of somebody who is out, and it was lost.
#[test]
fn who_is_out_stays_out_whichever_charter_comes_first_and_whenever() {
    let mut home = Home::new();
    let [first, second, third] = [(); 3].map(|()| {
        let invite = home.invite(|_| {}).unwrap();
        let key = Signer::new();
        home.join(&invite, &key).unwrap();
        key.id()
    });
    let right = Grant { who: third, what: admin(), scope: home.root.id() };
    home.book.grant(right, Some(Duration::from_secs(600))).unwrap();
    let backup = home.book.to_bytes();
    // Two main servers ran with this book, and each put out another one.
    let put_out = |id, versions: u64| {
        let mut book = Registry::read(&backup).unwrap();
        book.revoke(id).unwrap();
        let mut charter = book.charter().clone();
        charter.edition.version += versions;
        charter
    };
    let (one, other) = (put_out(first, 0), put_out(second, 5));
    for order in [[&one, &other], [&other, &one]] {
        let mut book = Registry::read(&backup).unwrap();
        book.begin_learning();
        for charter in order {
            assert_eq!(book.adopt(charter), Ok(true));
            assert_eq!(book.adopt(charter), Ok(false), "once");
        }
        assert_eq!(book.charter().edition, other.edition, "it signs nothing yet");
        assert!(book.run_on(Duration::from_secs(60)));
        assert!([first, second].iter().all(|id| book.charter().is_revoked(*id)));
        // And one comes long after that.
        let before = book.charter().clone();
        assert_eq!(book.adopt(&put_out(third, 9)), Ok(true));
        let after = book.charter().clone();
        assert_eq!(after.edition.epoch, before.edition.epoch, "nothing else of it counts");
        assert_eq!(after.edition.version, before.edition.version + 1);
        assert!(after.is_revoked(third) && !after.grants.iter().any(|grant| grant.who == third));
        assert_eq!(after.revoked.len(), 3, "the keys of their visits need no place");
        assert!(!book.run_on(Duration::from_secs(600)), "its right went with it");
    }
}

#[test]
fn a_charter_that_is_full_of_who_is_out_takes_nobody_more_and_says_so() {
    let home = Home::new();
    let mut book = home.book.clone();
    let mut later = book.charter().clone();
    later.edition.version += 1;
    later.revoked = (0..REVOCATIONS_MAX).map(|n| NodeId::of_public_key(&n.to_be_bytes())).collect();
    assert_eq!(book.adopt(&later), Ok(true));
    let before = book.clone();
    let mut older = home.book.charter().clone();
    older.revoked.push(NodeId::of_public_key(b"one more"));
    assert_eq!(book.adopt(&older).unwrap_err().kind, RefusalKind::Full);
    assert_eq!(book, before);
    later.edition.version += 9;
    later.revoked[0] = NodeId::of_public_key(b"one more");
    assert_eq!(book.adopt(&later), Ok(true), "a later one counts as it is");
}

fn grant_to(home: &Home, who: &Signer) -> Grant {
    Grant { who: who.id(), what: admin(), scope: home.root.id() }
}

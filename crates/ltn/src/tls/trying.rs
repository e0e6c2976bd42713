//! Hostile certificates.

use std::sync::OnceLock;

use ltn_proto::{NetworkId, NodeId};
use rustls::pki_types::CertificateDer;

use super::authority::Authority;
use super::identity::Identity;
use super::members::{self, Membership, check_membership};

/// Takes these bytes for the certificate of a member, and for that of an authority. No bytes that
/// an authority did not sign are either.
pub fn certificate(data: &[u8]) {
    static AUTHORITY: OnceLock<(Authority, Identity)> = OnceLock::new();
    let (authority, identity) = AUTHORITY.get_or_init(|| {
        let authority = Authority::make().expect("an authority can be made").0;
        (authority, Identity::throw_away().expect("a key can be made"))
    });
    let network = NetworkId::of_authority_key(authority.public_key());
    let shown = CertificateDer::from(data);
    let _ = members::kind_of(&shown, network, identity.id());
    if let Ok(id) = super::id_of(&shown) {
        assert_ne!(id, NodeId::of_public_key(authority.public_key()), "nobody has its key");
    }
    let mut membership = Membership {
        network,
        authority: authority.certificate().to_vec(),
        certificate: data.to_vec(),
    };
    assert!(check_membership(identity, &membership).is_err(), "nobody signed it");
    std::mem::swap(&mut membership.authority, &mut membership.certificate);
    assert!(check_membership(identity, &membership).is_err(), "it is about another key");
    assert!(members::authority_in(&[shown], network).is_none(), "nobody has its key");
}

//! Keys that sign, for tests: the mind itself only checks.

use ltn_proto::signature::{Purpose, SIGNATURE_BYTES, public_key_of_point};
use ltn_proto::{Charter, NetworkId, NodeId, Pass, SignedCharter};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

/// One who signs.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    /// The DER of its `SubjectPublicKeyInfo`.
    pub(crate) public: Vec<u8>,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let dice = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &dice).expect("keys are made");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &dice);
        let pair = pair.expect("a key that was just made is one");
        let public = public_key_of_point(pair.public_key().as_ref());
        Self { pair, public }
    }

    pub(crate) fn id(&self) -> NodeId {
        NodeId::of_public_key(&self.public)
    }

    pub(crate) fn sign(&self, purpose: Purpose, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let bytes = purpose.bytes_to_sign(message);
        let signature = self.pair.sign(&SystemRandom::new(), &bytes).expect("it signs");
        signature.as_ref().try_into().expect("this form has 64 bytes")
    }

    pub(crate) fn sign_charter(&self, purpose: Purpose, charter: &Charter) -> SignedCharter {
        let bytes = charter.to_bytes().expect("the charter fits");
        let signature = self.sign(purpose, &bytes);
        SignedCharter { bytes, signature }
    }

    /// The pass of a visit in the network of this authority.
    pub(crate) fn sign_pass(&self, visit: NodeId, owner: NodeId) -> Pass {
        let network = NetworkId::of_authority_key(&self.public);
        Pass::new(owner, self.sign(Purpose::Pass, &Pass::message(network, visit, owner)))
    }

    pub(crate) fn charter(&self) -> Charter {
        Charter::first(NetworkId::of_authority_key(&self.public), NodeId::from_bytes([0; 32]))
    }
}

//! What each node says of its own place, signed by itself: so nobody can announce another's node,
//! nor ask for a place for it.
//!
//! A [`Statement`] is made by the node that it is about, when it takes a place or a name, and goes
//! up the tree inside [`Signed`], whose bytes are never written anew on the way: a later version
//! may say more in it than this one understands. Its edition counts up with each; which of two
//! counts is decided elsewhere. An [`Intent`] is the same of a place that a server wants to take.

use std::fmt;
use std::sync::Arc;

use minicbor::bytes::ByteArray;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use sha2::{Digest, Sha256};

use crate::id::{NetworkId, NodeId};
use crate::limits::STATEMENT_BYTES_MAX;
use crate::name::Name;
use crate::role::Role;
use crate::signature::{PUBLIC_KEY_BYTES, Purpose, SIGNATURE_BYTES, is_signed};

/// Where a node says that it is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Statement {
    /// In which network; none in the open mode.
    #[n(0)]
    pub(crate) network: Option<NetworkId>,
    /// Who says it. It is in what is signed, because one signature may fit several keys.
    #[n(1)]
    pub(crate) node: NodeId,
    /// The node above it.
    #[n(2)]
    pub(crate) parent: NodeId,
    /// The name that it has there; sessions have none.
    #[n(3)]
    pub(crate) name: Option<Name>,
    /// What it was configured to be.
    #[n(4)]
    pub(crate) role: Role,
    /// Counts what this node says of its place; the highest holds.
    #[n(5)]
    pub(crate) edition: u64,
}

impl Statement {
    /// The bytes that the node signs.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to memory cannot fail")
    }
}

/// Below whom a server wants to hang.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Intent {
    /// In which network; none in the open mode.
    #[n(0)]
    pub(crate) network: Option<NetworkId>,
    /// Who wants it.
    #[n(1)]
    pub(crate) node: NodeId,
    /// The server that it comes to.
    #[n(2)]
    pub(crate) parent: NodeId,
    /// Which of its attempts it is; the highest holds.
    #[n(3)]
    pub(crate) attempt: u64,
    /// Its higher server as it is now.
    #[n(4)]
    pub(crate) current_parent: Option<NodeId>,
    /// The incarnation of the root that it saw last.
    #[n(5)]
    pub(crate) root_incarnation: Option<u64>,
}

impl Intent {
    /// The bytes that the node signs.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to memory cannot fail")
    }
}

/// What somebody says of himself, and in which network.
trait Said: for<'b> Decode<'b, ()> {
    fn of(&self) -> (NodeId, Option<NetworkId>);
}

impl Said for Statement {
    fn of(&self) -> (NodeId, Option<NetworkId>) {
        (self.node, self.network)
    }
}

impl Said for Intent {
    fn of(&self) -> (NodeId, Option<NetworkId>) {
        (self.node, self.network)
    }
}

/// A statement or intent with the key of who made it and its signature, as it came. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Signed(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Parts {
    #[cbor(n(0), with = "minicbor::bytes")]
    statement: Vec<u8>,
    /// The DER of the `SubjectPublicKeyInfo`, whose digest is the id.
    #[cbor(n(1), with = "minicbor::bytes")]
    public_key: Vec<u8>,
    #[n(2)]
    signature: ByteArray<SIGNATURE_BYTES>,
}

/// Why a statement counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsigned {
    #[error("there is no statement of the node itself")]
    Missing,
    #[error("the node's statement cannot be read")]
    Unreadable,
    #[error("the node's statement is about another network")]
    OtherNetwork,
    #[error("the key beside the node's statement is not its own")]
    OtherKey,
    #[error("the node did not sign this statement")]
    BadSignature,
    #[error("the node says otherwise of its place")]
    OtherPlace,
}

impl Signed {
    /// Puts together what was said and what was signed.
    pub(crate) fn new(
        statement: Vec<u8>,
        public_key: Vec<u8>,
        signature: [u8; SIGNATURE_BYTES],
    ) -> Self {
        Self(Arc::new(Parts { statement, public_key, signature: signature.into() }))
    }

    /// What nobody said, for tests and broken minds.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn blank() -> Self {
        Self::new(Vec::new(), Vec::new(), [0; SIGNATURE_BYTES])
    }

    /// What it says, if it is of this network and the key beside it is that of the node that it is
    /// about. Whether that key signed it is another question: [`Self::is_signed_by`].
    pub(crate) fn read(&self, network: Option<NetworkId>) -> Result<Statement, Unsigned> {
        self.open(network)
    }

    /// The same, of the place that a node wants to take. It may be asked for if it signed that.
    pub(crate) fn read_intent(
        &self,
        network: Option<NetworkId>,
        scheme: Scheme,
    ) -> Result<Intent, Unsigned> {
        let intent = self.open(network)?;
        let Parts { statement, public_key, signature } = &*self.0;
        let good = scheme.is_signed(public_key, Purpose::Edge, statement, &signature[..]);
        if good { Ok(intent) } else { Err(Unsigned::BadSignature) }
    }

    fn open<T: Said>(&self, network: Option<NetworkId>) -> Result<T, Unsigned> {
        let Parts { statement, public_key, .. } = &*self.0;
        if statement.len() > STATEMENT_BYTES_MAX || public_key.len() != PUBLIC_KEY_BYTES {
            return Err(Unsigned::Unreadable);
        }
        let mut decoder = Decoder::new(statement);
        let read: T = decoder.decode().map_err(|_| Unsigned::Unreadable)?;
        if decoder.position() != statement.len() {
            return Err(Unsigned::Unreadable);
        }
        let (by, in_network) = read.of();
        if in_network != network {
            return Err(Unsigned::OtherNetwork);
        }
        if NodeId::of_public_key(public_key) != by {
            return Err(Unsigned::OtherKey);
        }
        Ok(read)
    }

    /// Did the holder of the key beside it sign it? This is the costly part.
    pub(crate) fn is_signed_by(&self, scheme: Scheme) -> bool {
        let Parts { statement, public_key, signature } = &*self.0;
        scheme.is_signed(public_key, Purpose::Place, statement, &signature[..])
    }

    /// A digest of all of it, by which it is known again.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let Parts { statement, public_key, signature } = &*self.0;
        // The other two have fixed lengths, so nothing can be shifted from one into the other.
        let mut digest = Sha256::new();
        digest.update(&signature[..]);
        digest.update(public_key);
        digest.update(statement);
        digest.finalize().into()
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes say nothing to people, and what they mean stands beside them.
        f.debug_tuple("Signed").field(&self.0.statement.len()).finish()
    }
}

impl<C> Encode<C> for Signed {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, c: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.encode_with(&*self.0, c)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Signed {
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, DecodeError> {
        Ok(Self(Arc::new(d.decode_with(c)?)))
    }
}

/// How nodes sign what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// As on the wire.
    Ecdsa,
    /// Something quick that is the same for each seed, where thousands of networks are simulated.
    /// No build without the simulator has it, and only the simulator chooses it.
    #[cfg(feature = "sim")]
    Toy,
}

impl Scheme {
    /// Did the holder of this key sign this message for this purpose?
    pub(crate) fn is_signed(
        self,
        public_key: &[u8],
        purpose: Purpose,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        match self {
            Self::Ecdsa => is_signed(public_key, purpose, message, signature),
            #[cfg(feature = "sim")]
            Self::Toy => signature == toy_signature(public_key, purpose, message),
        }
    }
}

/// The signature of the simulator's nodes. Whoever knows the key can make it: in a simulation liars
/// are written by hand, and none of them does.
#[cfg(feature = "sim")]
pub fn toy_signature(public_key: &[u8], purpose: Purpose, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
    let mut digest = Sha256::new();
    digest.update(public_key);
    digest.update(purpose.bytes_to_sign(message));
    let half: [u8; 32] = digest.finalize().into();
    let mut signature = [0; SIGNATURE_BYTES];
    signature[..32].copy_from_slice(&half);
    signature[32..].copy_from_slice(&half);
    signature
}

#[cfg(feature = "sim")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::public_key_of_point;

    struct Node {
        public_key: Vec<u8>,
    }

    impl Node {
        fn new(number: u8) -> Self {
            Self { public_key: public_key_of_point(&[number; 65]) }
        }

        fn sign(&self, purpose: Purpose, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
            toy_signature(&self.public_key, purpose, message)
        }

        fn says(&self) -> Statement {
            Statement {
                network: None,
                node: NodeId::of_public_key(&self.public_key),
                parent: NodeId::from_bytes([7; 32]),
                name: Some(Name::known("kitchen").unwrap()),
                role: Role::SubServer,
                edition: 9,
            }
        }

        fn states(&self, statement: &Statement) -> Signed {
            let bytes = statement.to_bytes();
            let signature = self.sign(Purpose::Place, &bytes);
            Signed::new(bytes, self.public_key.clone(), signature)
        }
    }

    fn checked(signed: &Signed) -> Result<Statement, Unsigned> {
        let read = signed.read(None)?;
        if signed.is_signed_by(Scheme::Toy) { Ok(read) } else { Err(Unsigned::BadSignature) }
    }

    #[test]
    fn what_a_node_signed_is_believed_after_any_number_of_hops() {
        let node = Node::new(1);
        let mut signed = node.states(&node.says());
        for _ in 0..3 {
            signed = minicbor::decode(&minicbor::to_vec(&signed).unwrap()).unwrap();
        }
        assert_eq!(checked(&signed), Ok(node.says()));
    }

    #[test]
    fn nobody_signs_for_another() {
        let (node, liar) = (Node::new(1), Node::new(2));
        let bytes = node.says().to_bytes();
        let by_liar = liar.sign(Purpose::Place, &bytes);
        let with_its_key = Signed::new(bytes.clone(), node.public_key.clone(), by_liar);
        assert_eq!(checked(&with_its_key), Err(Unsigned::BadSignature));
        let with_liars_key = Signed::new(bytes.clone(), liar.public_key.clone(), by_liar);
        assert_eq!(checked(&with_liars_key), Err(Unsigned::OtherKey));
        let for_another_purpose = node.sign(Purpose::Join, &bytes);
        let misused = Signed::new(bytes, node.public_key.clone(), for_another_purpose);
        assert_eq!(checked(&misused), Err(Unsigned::BadSignature));
    }

    #[test]
    fn no_bit_of_it_can_be_changed() {
        let node = Node::new(1);
        let signed = node.states(&node.says());
        let written = minicbor::to_vec(&signed).unwrap();
        for at in 0..written.len() {
            let mut changed = written.clone();
            changed[at] ^= 1;
            if let Ok(read) = minicbor::decode::<Signed>(&changed) {
                assert!(checked(&read).is_err(), "byte {at}");
            }
        }
        for end in 0..written.len() {
            assert!(minicbor::decode::<Signed>(&written[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_statement_is_for_one_network() {
        let node = Node::new(1);
        let home = NetworkId::of_authority_key(b"home");
        let at_home = node.states(&Statement { network: Some(home), ..node.says() });
        assert!(at_home.read(Some(home)).is_ok());
        assert_eq!(at_home.read(None), Err(Unsigned::OtherNetwork));
        assert_eq!(node.states(&node.says()).read(Some(home)), Err(Unsigned::OtherNetwork));
    }

    #[test]
    fn the_longest_statement_fits_and_a_longer_one_is_not_read() {
        let node = Node::new(1);
        let longest = "\u{10400}".repeat(crate::limits::NAME_CHARS_MAX);
        let says = Statement {
            network: Some(NetworkId::from_bytes([1; 32])),
            name: Some(Name::known(&longest).unwrap()),
            edition: u64::MAX,
            ..node.says()
        };
        let signed = node.states(&says);
        assert_eq!(signed.read(says.network), Ok(says.clone()));
        let mut bytes = says.to_bytes();
        // A further key, as a later version may add one, but a large one.
        bytes[0] += 1;
        bytes.push(6);
        bytes.extend(minicbor::to_vec("x".repeat(STATEMENT_BYTES_MAX)).unwrap());
        let signature = node.sign(Purpose::Place, &bytes);
        let large = Signed::new(bytes, node.public_key.clone(), signature);
        assert_eq!(large.read(says.network), Err(Unsigned::Unreadable));
    }

    #[test]
    fn what_a_later_version_adds_is_signed_and_skipped() {
        let node = Node::new(1);
        let mut bytes = node.says().to_bytes();
        bytes[0] += 1;
        bytes.extend([6, 0x61, b'!']);
        let signature = node.sign(Purpose::Place, &bytes);
        let later = Signed::new(bytes, node.public_key.clone(), signature);
        assert_eq!(checked(&later), Ok(node.says()));
    }
}

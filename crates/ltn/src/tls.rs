//! (signatures first; filled in next)

use ltn_proto::NodeId;

/// An encrypted connection for the bytes of streams. Reads and writes as any tokio stream.
#[derive(Debug)]
pub(crate) struct DataConnection {}

impl DataConnection {
    /// Who the other end proved to be.
    pub(crate) fn peer(&self) -> NodeId {
        unimplemented!()
    }
}
// impl AsyncRead + AsyncWrite + Unpin + Send for DataConnection

/// Who this node is: a key pair and a certificate that says nothing but the key.
#[derive(Debug)]
pub(crate) struct Identity {}

impl Identity {
    /// A new key that lives as long as this value.
    pub(crate) fn throw_away() -> Result<Self, IdentityError> {
        unimplemented!()
    }

    /// Its id: the digest of the public key.
    pub(crate) fn id(&self) -> NodeId {
        unimplemented!()
    }
}

/// A key or certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct IdentityError(String);

/// The keys and rules of one node's connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tls {}

impl Tls {
    /// The open mode: any key is let in, and must prove that it is its own.
    pub(crate) fn open(_identity: &Identity) -> Result<Self, IdentityError> {
        unimplemented!()
    }
}

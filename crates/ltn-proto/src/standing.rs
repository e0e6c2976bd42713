//! What a node knows of its network's members: the newest charter it has seen and, if it is a
//! visit, whose. A node of an open network knows none.
//!
//! This room keeps the charter and compares; who is told of a new one, and what becomes of links of
//! those who are out, is done by `node/chartering.rs`.

use crate::charter::{BadCharter, Charter, Edition, SignedCharter};
use crate::id::NodeId;
use crate::pass::{BadPass, Pass};
use crate::permissions::Permissions;

/// Which network with members a node belongs to, and the newest charter of it that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    authority_key: Vec<u8>,
    signed: SignedCharter,
    charter: Charter,
    pass: Option<Pass>,
}

/// What became of a charter that somebody showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It is the newest from now on.
    Newer,
    /// It is the one that is known.
    Same,
    /// A newer one is known.
    Older,
}

impl Standing {
    /// The network of the holder of this key (the DER of a `SubjectPublicKeyInfo`), with this
    /// charter.
    ///
    /// # Errors
    /// Says why it is no charter of that network.
    pub fn new(authority_key: Vec<u8>, signed: SignedCharter) -> Result<Self, BadCharter> {
        let charter = signed.read(&authority_key)?;
        Ok(Self { authority_key, signed, charter, pass: None })
    }

    /// The same of a visit, which shows this pass.
    #[must_use]
    pub const fn with_pass(mut self, pass: Pass) -> Self {
        self.pass = Some(pass);
        self
    }

    /// The newest charter, as it travels.
    #[must_use]
    pub const fn signed(&self) -> &SignedCharter {
        &self.signed
    }

    /// The newest charter, read.
    #[must_use]
    pub const fn charter(&self) -> &Charter {
        &self.charter
    }

    /// Somebody shows a charter. It counts if it is signed and newer, whoever it comes from.
    pub(crate) fn take(&mut self, signed: SignedCharter) -> Result<Shown, BadCharter> {
        if signed == self.signed {
            return Ok(Shown::Same);
        }
        let charter = signed.read(&self.authority_key)?;
        if charter.edition <= self.charter.edition {
            return Ok(Shown::Older);
        }
        self.charter = charter;
        self.signed = signed;
        Ok(Shown::Newer)
    }

    /// What this node shows, if it is a visit.
    pub(crate) const fn pass(&self) -> Option<Pass> {
        self.pass
    }

    /// Whose the visits with this key are, by this pass.
    pub(crate) fn check_pass(&self, pass: Pass, visit: NodeId) -> Result<NodeId, BadPass> {
        pass.check(&self.authority_key, visit)
    }

    pub(crate) const fn edition(&self) -> Edition {
        self.charter.edition
    }

    pub(crate) const fn root(&self) -> NodeId {
        self.charter.root
    }

    pub(crate) fn is_revoked(&self, id: NodeId) -> bool {
        self.charter.is_revoked(id)
    }

    pub(crate) fn granted(&self, who: NodeId, covers: impl Fn(NodeId) -> bool) -> Permissions {
        self.charter.granted(who, covers)
    }
}

//! What a node knows of its network's members: the newest charter it has seen and, if it is a
//! visit, whose. A node of an open network knows none.
//!
//! Who is out stays out. A main server that was restored from a backup may sign a newer charter
//! that lacks some of them, because it has not heard of them: the older charter is kept then, and
//! whom it refuses is refused, until a newer one does. Those are the charters that the newest one
//! *owes*.
//!
//! This room keeps the charters and compares; who is told of a new one, and what becomes of links
//! of those who are out, is done by `node/chartering.rs`.

use std::collections::{BTreeSet, VecDeque};

use crate::charter::{BadCharter, Charter, Edition, Mark, SignedCharter};
use crate::id::NodeId;
use crate::limits::OWED_CHARTERS_MAX;
use crate::pass::{BadPass, Pass};
use crate::permissions::Permissions;

/// Which network with members a node belongs to, and the newest charter of it that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    authority_key: Vec<u8>,
    signed: SignedCharter,
    charter: Charter,
    /// Of the newest charter; every end of a link is told it, and the charter is large.
    mark: Mark,
    /// Older charters that refuse somebody whom no other one here does, the first one first.
    owed: VecDeque<(SignedCharter, Charter)>,
    pass: Option<Pass>,
}

/// What became of a charter that somebody showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It is the newest from now on. Does it lack somebody whom the one before it refused?
    Newer { owes: bool },
    /// It is an older one, and refuses somebody of whom nothing was known here.
    Refuses,
    /// It is the one that is known.
    Same,
    /// It is another one of the same edition, and nothing in it is news.
    Twin,
    /// A newer one is known, and nothing in it is news.
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
        let mark = signed.mark(charter.edition);
        Ok(Self { authority_key, signed, charter, mark, owed: VecDeque::new(), pass: None })
    }

    /// The same of a visit, which shows this pass.
    #[must_use]
    pub const fn with_pass(mut self, pass: Pass) -> Self {
        self.pass = Some(pass);
        self
    }

    /// The same, with older charters that the newest one owes.
    ///
    /// # Errors
    /// Says why one of them is no charter of that network.
    pub fn owing(mut self, owed: &[SignedCharter]) -> Result<Self, BadCharter> {
        for signed in owed {
            let charter = signed.read(&self.authority_key)?;
            self.owe(signed.clone(), charter);
        }
        Ok(self)
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

    /// The older charters that the newest one owes, as they travel: each refuses somebody whom it
    /// does not.
    pub fn owed(&self) -> impl Iterator<Item = &SignedCharter> {
        self.owed.iter().map(|(signed, _)| signed)
    }

    /// All that is known, read: the newest charter, then those that it owes.
    pub fn charters(&self) -> impl Iterator<Item = &Charter> {
        [&self.charter].into_iter().chain(self.owed.iter().map(|(_, charter)| charter))
    }

    /// Is this node out?
    #[must_use]
    pub fn is_revoked(&self, id: NodeId) -> bool {
        self.charters().any(|charter| charter.is_revoked(id))
    }

    /// Somebody shows a charter. It counts if it is signed and newer, whoever it comes from; of an
    /// older one counts whom it refuses.
    pub(crate) fn take(&mut self, signed: SignedCharter) -> Result<Shown, BadCharter> {
        if signed == self.signed {
            return Ok(Shown::Same);
        }
        let known = self.owed.iter().find(|(known, _)| *known == signed);
        let charter = match known {
            Some((_, charter)) => charter.clone(),
            None => signed.read(&self.authority_key)?,
        };
        if charter.edition <= self.charter.edition {
            let is_twin = charter.edition == self.charter.edition;
            return Ok(match self.owe(signed, charter) {
                true => Shown::Refuses,
                // Neither is shown again for the other, or that would never end.
                false if is_twin => Shown::Twin,
                false => Shown::Older,
            });
        }
        self.mark = signed.mark(charter.edition);
        let before = std::mem::replace(&mut self.charter, charter);
        let before = (std::mem::replace(&mut self.signed, signed), before);
        for (signed, charter) in std::mem::take(&mut self.owed) {
            self.owe(signed, charter);
        }
        Ok(Shown::Newer { owes: self.owe(before.0, before.1) })
    }

    /// Keeps an older charter if it refuses somebody whom no other one here does.
    fn owe(&mut self, signed: SignedCharter, charter: Charter) -> bool {
        let known: BTreeSet<NodeId> =
            self.charters().flat_map(|charter| charter.revoked.iter().copied()).collect();
        if charter.revoked.iter().all(|id| known.contains(id)) {
            return false;
        }
        let covered: BTreeSet<NodeId> =
            [&self.charter, &charter].into_iter().flat_map(|c| c.revoked.iter().copied()).collect();
        self.owed.retain(|(_, older)| older.revoked.iter().any(|id| !covered.contains(id)));
        if self.owed.len() >= OWED_CHARTERS_MAX {
            self.owed.pop_front();
        }
        self.owed.push_back((signed, charter));
        true
    }

    /// What this node shows, if it is a visit.
    pub(crate) const fn pass(&self) -> Option<Pass> {
        self.pass
    }

    /// Whose the visits with this key are, by this pass.
    pub(crate) fn check_pass(&self, pass: Pass, visit: NodeId) -> Result<NodeId, BadPass> {
        pass.check(&self.authority_key, visit)
    }

    pub(crate) const fn mark(&self) -> Mark {
        self.mark
    }

    pub(crate) const fn edition(&self) -> Edition {
        self.charter.edition
    }

    pub(crate) const fn root(&self) -> NodeId {
        self.charter.root
    }

    pub(crate) fn granted(&self, who: NodeId, covers: impl Fn(NodeId) -> bool) -> Permissions {
        if self.is_revoked(who) { Permissions::none() } else { self.charter.granted(who, covers) }
    }
}

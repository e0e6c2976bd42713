//! What a lying host says: nothing here is ever said by a mind.

use crate::body::{self, Change, Gone, Put, Tree};
use crate::frame::{Frame, Header, Kind};
use crate::signature::Purpose;
use crate::statement::{Signed, Statement, toy_signature};

use super::HostId;
use super::network::Network;

/// Newer than all that any honest node says.
const NEWEST: u64 = u64::MAX / 2;

impl Network {
    /// A host tells its neighbour that the node of a third one hangs below it, newly so, with a
    /// statement that it signed itself. Says whether there is such a neighbour.
    pub fn announce(&mut self, liar: HostId, to: HostId, victim: HostId) -> bool {
        let (parent, id) = (self.id(liar), self.id(victim));
        let (name, role) = (self.home(victim).name.clone(), self.role(victim));
        let statement = Statement {
            network: None,
            node: id,
            parent,
            name: name.clone(),
            role,
            edition: NEWEST,
        };
        let (statement, key) = (statement.to_bytes(), self.config(liar).public_key.clone());
        let signature = toy_signature(&key, Purpose::Place, &statement);
        let put = Put {
            id,
            parent,
            name,
            role,
            edition: NEWEST,
            address: None,
            stale_ms: None,
            fresh: true,
            signed: Some(Signed::new(statement, key, signature)),
        };
        self.tell_tree(liar, to, Change::Put(put))
    }

    /// A host tells its neighbour that the node of a third one is gone, whatever place it has or
    /// will have. Says whether there is such a neighbour.
    pub fn announce_gone(&mut self, liar: HostId, to: HostId, victim: HostId) -> bool {
        let gone = Gone { id: self.id(victim), edition: u64::MAX, stale_ms: None, last_word: None };
        self.tell_tree(liar, to, Change::Gone(gone))
    }

    fn tell_tree(&mut self, liar: HostId, to: HostId, change: Change) -> bool {
        let header = Header::new(Kind::TREE, self.id(liar), self.id(to));
        let payload = body::write(&Tree { changes: vec![change] });
        self.inject(liar, to, Frame { header, payload })
    }
}

//! Visits: short stays of members in a network, with keys of their own. Whose each of them is, it
//! shows by its pass, to the server that it comes to and with every command that it gives.
//!
//! What the owner may its visits may, and an owner who is out takes all of them along. A pass says
//! nothing of who shows it: that the key is his, the handshake proves, or the signed command.

use super::NodeState;
use crate::body::Call;
use crate::id::{LinkId, NodeId};
use crate::outcome::{Refusal, RefusalKind};
use crate::pass::Pass;
use crate::standing::Standing;

impl NodeState {
    /// The pass that this node shows, if it is a visit.
    pub(super) fn own_pass(&self) -> Option<Pass> {
        self.standing.as_ref().and_then(Standing::pass)
    }

    /// A visit comes in by this link: whose is it?
    pub(super) fn check_visit(&mut self, link: LinkId, pass: Option<Pass>) -> Result<(), Refusal> {
        let Some(pass) = pass else {
            let text = "it showed no pass, so nobody knows whose visit it is; a new invite and a \
                        new directory make its machine a member again";
            return Err(Refusal::new(RefusalKind::NoPermission, text));
        };
        let Some(peer) = self.links.get(link).map(|known| known.peer) else { return Ok(()) };
        self.take_pass(peer, pass)?;
        if let Some(known) = self.links.get_mut(link) {
            known.pass = Some(pass);
        }
        Ok(())
    }

    /// A visit shows whose it is.
    pub(super) fn take_pass(&mut self, visit: NodeId, pass: Pass) -> Result<(), Refusal> {
        let Some(standing) = &self.standing else { return Ok(()) };
        if self.passes.get(visit) != Some(pass) {
            let checked = standing.check_pass(pass, visit);
            checked.map_err(|bad| Refusal::new(RefusalKind::NoPermission, bad.to_string()))?;
            self.passes.keep(visit, pass);
        }
        Ok(())
    }

    /// Whose visit gives this command? And nothing that somebody says counts who is out.
    pub(super) fn check_caller(&mut self, caller: NodeId, call: &Call) -> Result<(), Refusal> {
        if let Some(pass) = call.pass {
            self.take_pass(caller, pass)?;
        }
        if self.is_revoked(caller) {
            let text = format!("{} was revoked, and commands nobody", self.call(caller));
            return Err(Refusal::new(RefusalKind::NoPermission, text));
        }
        Ok(())
    }

    /// The pass by which a node here is known as somebody's visit.
    pub(super) fn pass_of(&self, node: NodeId) -> Option<Pass> {
        let link = self.links.child(node).and_then(|link| self.links.get(link));
        link.and_then(|link| link.pass).or_else(|| self.passes.get(node))
    }

    /// Whose visit it is; everybody else is his own man.
    pub(super) fn owner_of(&self, node: NodeId) -> NodeId {
        self.visit_of(node).unwrap_or(node)
    }

    /// Whose visit it is, if it is known as one.
    pub(super) fn visit_of(&self, node: NodeId) -> Option<NodeId> {
        self.pass_of(node).map(|pass| pass.owner())
    }
}

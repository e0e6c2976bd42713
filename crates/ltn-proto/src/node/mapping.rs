//! The map of the subtree and the place of this node in the tree: taking in what children and the
//! parent say, and passing on what changed.

use super::NodeState;
use crate::body::{self, Change, Gone, Place, Put};
use crate::event::Event;
use crate::frame::Kind;
use crate::id::{LinkId, NodeId};
use crate::limits::DEPTH_MAX;
use crate::links::Misbehaved;
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::CloseReason;
use crate::path::NodePath;
use crate::tree::Record;

/// Changes per frame: below the size of a frame even with the longest names and addresses, and few
/// enough that checking all their signatures takes no more than some milliseconds.
const CHANGES_PER_FRAME: usize = 32;

impl NodeState {
    /// Where this node is; in a fragment with its last known prefix.
    pub(super) fn path(&self) -> NodePath {
        self.path_from_names(Vec::new())
    }

    pub(super) fn path_from_names(&self, below: Vec<Name>) -> NodePath {
        let above = self.place.ancestors.iter().skip(1).map(|ancestor| ancestor.name.clone());
        // The top of a tree has no name in it: its path is `/`.
        let own = (!self.place.ancestors.is_empty()).then(|| self.name.clone());
        NodePath::from_names(above.chain(own).chain(below).collect())
    }

    /// Where that node is, if this one knows.
    pub(super) fn path_of(&self, id: NodeId) -> Option<NodePath> {
        if id == self.config.id {
            return Some(self.path());
        }
        if let Some(layer) = self.place.ancestors.iter().position(|a| a.id == id) {
            let names = self.place.ancestors[..=layer].iter().skip(1).map(|a| a.name.clone());
            return Some(NodePath::from_names(names.collect()));
        }
        if let Some(names) = self.tree.names_to(id) {
            return Some(self.path_from_names(names));
        }
        self.known.path_of(id).cloned()
    }

    /// What to call a node in a text for people.
    pub(super) fn call(&self, id: NodeId) -> String {
        match self.visit_of(id) {
            Some(owner) => format!("a visit of {}", self.name_or_id(owner)),
            None => self.name_or_id(id),
        }
    }

    fn name_or_id(&self, id: NodeId) -> String {
        if id == self.config.id {
            return self.name.to_string();
        }
        let named = self.tree.get(id).and_then(|record| record.name.as_ref());
        let above = self.place.ancestors.iter().find(|a| a.id == id).map(|a| &a.name);
        match (named.or(above), self.known.path_of(id)) {
            (Some(name), _) => name.to_string(),
            (None, Some(path)) => path.to_string(),
            (None, None) => format!("id:{}…", id.short()),
        }
    }

    /// Is it in the map, and not out of reach?
    pub(super) fn is_live(&self, id: NodeId) -> bool {
        self.tree.get(id).is_some_and(|record| record.stale_since.is_none())
    }

    pub(super) fn on_place(
        &mut self,
        now: Moment,
        link: LinkId,
        place: Place,
    ) -> Result<(), Misbehaved> {
        let peer = self.links.get(link).map(|l| l.peer);
        let too_deep = place.ancestors.len() > DEPTH_MAX;
        if too_deep && !self.looks_for_cycles() {
            return Ok(());
        }
        if place.ancestors.last().map(|a| a.id) != peer || too_deep {
            return Err(Misbehaved("a place that cannot be".to_owned()));
        }
        self.check_root(&place)?;
        let is_above = place.ancestors.iter().any(|a| a.id == self.config.id);
        if is_above && self.looks_for_cycles() {
            // The second line of defence: whatever went wrong above, a cycle ends here.
            self.close_link(now, link, CloseReason::Cycle, "this node is above that server");
            return Ok(());
        }
        self.set_place(now, place);
        Ok(())
    }

    /// This node is somewhere else now, and so is everything below it.
    pub(super) fn set_place(&mut self, now: Moment, place: Place) {
        if let (Some(parent), Some(above)) = (&mut self.uplink.parent, place.ancestors.last()) {
            parent.name = above.name.clone();
        }
        if place != self.place {
            let before = std::mem::replace(&mut self.place, place);
            self.place_changed(&before);
            self.known.forget_all();
            // Who is above cannot be below; what was heard of it there is older than this.
            for above in self.place.ancestors.iter().map(|a| a.id).collect::<Vec<_>>() {
                if self.tree.get(above).is_some() {
                    self.forget_node(above);
                }
            }
            let for_children = body::write(&self.place_of_children());
            for (_, link) in self.links.children().collect::<Vec<_>>() {
                self.say(link, Kind::PLACE, for_children.clone());
            }
            let (path, rooted) = (self.path(), self.is_rooted());
            self.event(Event::Placed { path, rooted });
        }
        self.tell_edges(now);
        self.confirm_own_place(now);
        self.send_audit_copies(now);
    }

    /// What a child says of its subtree.
    pub(super) fn on_tree(
        &mut self,
        now: Moment,
        link: LinkId,
        changes: Vec<Change>,
    ) -> Result<(), Misbehaved> {
        let Some(branch) = self.links.get(link).map(|l| l.peer) else { return Ok(()) };
        let mut lost = false;
        for change in changes {
            lost |= matches!(change, Change::Gone(_));
            match change {
                Change::Put(put) => self.take_put(now, branch, put)?,
                Change::Gone(gone) => self.take_gone(now, branch, &gone),
            }
        }
        if lost {
            self.after_loss(now);
        }
        Ok(())
    }

    fn take_put(&mut self, now: Moment, branch: NodeId, put: Put) -> Result<(), Misbehaved> {
        // A child speaks of what hangs below it, never of itself or of other branches.
        let below_server = self.tree.get(put.parent).is_some_and(|r| r.role.accepts_children());
        let hangs_there = below_server && self.tree.branch_of(put.parent) == Some(branch);
        let is_above_me = self.place.ancestors.iter().any(|ancestor| ancestor.id == put.id);
        // What is merely late is no lie, and costs no checking.
        let outdated = self.tree.is_outdated(put.id, put.edition);
        if !hangs_there || put.id == branch || is_above_me || outdated {
            self.counters.dropped += 1;
            return Ok(());
        }
        if !self.has_room(put.id, put.parent) {
            self.tell_crowd(now, branch);
            return Ok(());
        }
        let (signed, stated_name) = self.check_put(&put)?;
        self.make_room(now, put.id, put.parent);
        let record = Record {
            id: put.id,
            parent: put.parent,
            // A server below may not know yet, or not say, that this name is another's.
            name: put.name.filter(|name| !self.is_anothers_name(name, put.id)),
            role: put.role,
            edition: put.edition,
            address: put.address,
            stale_since: put.stale_ms.map(|ms| now - std::time::Duration::from_millis(ms)),
            signed,
            stated_name,
        };
        if put.fresh {
            self.tree.clear_below(put.id);
        }
        let moved_away = self.links.child(put.id);
        if self.tree.put(record).is_err() {
            self.counters.dropped += 1;
            return Ok(());
        }
        if let Some(edges) = &mut self.edges {
            edges.settle(put.id, put.parent);
        }
        if put.stale_ms.is_none() {
            self.roll_call_sees(now, put.id);
        }
        self.notice_home(put.id);
        if let Some(link) = moved_away {
            // It registered elsewhere below us, and its old connection has not noticed yet.
            self.close_link(now, link, CloseReason::Replaced, "registered elsewhere");
        }
        self.tell_put(put.id, put.fresh, now);
        Ok(())
    }

    fn take_gone(&mut self, now: Moment, branch: NodeId, gone: &Gone) {
        let Some(known) = self.tree.get(gone.id) else { return };
        let its_own = self.tree.branch_of(gone.id) == Some(branch) && gone.id != branch;
        if !its_own || known.edition > gone.edition {
            return;
        }
        let said = gone.last_word.and_then(CloseReason::read_last_word);
        // Who was out of reach is only forgotten; who was there has left that place.
        let was_there = known.stale_since.is_none();
        match gone.stale_ms {
            Some(ms) => self.lose(gone.id, (now, ms), said),
            None => {
                if was_there {
                    self.tree.end(gone.id);
                }
                self.forget_as(gone.id, said);
            }
        }
        if was_there {
            let said = self.signed_last_word(gone.id, said);
            self.roll_call_lost_one(now, gone.id, said);
        }
    }

    /// A registered child is gone, for this reason; perhaps it gave it itself.
    pub(super) fn on_child_lost(
        &mut self,
        now: Moment,
        child: NodeId,
        (reason, last_word): (CloseReason, Option<CloseReason>),
    ) {
        self.taken_edges.remove(&child);
        let Some(record) = self.tree.get(child).cloned() else { return };
        if record.parent != self.config.id {
            // It registered elsewhere below us meanwhile.
            return;
        }
        let away = record.name.as_ref().filter(|_| reason.invites_return());
        self.reservations.left(child, away, now);
        if record.role.is_listed() {
            let (role, name) = (record.role, record.name);
            self.event(Event::Left { child, role, name, reason });
        }
        let has_servers = self
            .tree
            .subtree(child)
            .iter()
            .skip(1)
            .any(|id| self.tree.get(*id).is_some_and(|below| below.role.is_server()));
        let comes_back = match reason {
            CloseReason::Moved
            | CloseReason::Leaving
            | CloseReason::Kicked
            | CloseReason::Revoked => false,
            // Its sub-servers go on without it; they must not vanish from the map.
            CloseReason::Stopping => has_servers,
            _ => record.role.is_server(),
        };
        if comes_back {
            self.lose(child, (now, 0), last_word);
        } else {
            self.tree.end(child);
            self.forget_as(child, last_word);
        }
        // Who moved can still answer, from where it is now.
        if reason != CloseReason::Moved {
            self.roll_call_lost_one(now, child, last_word);
            self.after_loss(now);
        }
    }

    /// A node is out of reach, since so many milliseconds before now, and may come back.
    fn lose(&mut self, id: NodeId, (now, ms): (Moment, u64), said: Option<CloseReason>) {
        let since = now - std::time::Duration::from_millis(ms);
        self.tree.mark_stale(id, since);
        if let Some(edition) = self.tree.get(id).map(|record| record.edition) {
            let (stale_ms, last_word) = (Some(ms), said.and_then(CloseReason::last_word));
            self.changes.push(Change::Gone(Gone { id, edition, stale_ms, last_word }));
        }
    }

    pub(super) fn forget_node(&mut self, id: NodeId) {
        self.forget_as(id, None);
    }

    /// A node has left, with this as its last word.
    fn forget_as(&mut self, id: NodeId, said: Option<CloseReason>) {
        let edition = self.tree.get(id).map(|record| record.edition);
        self.tree.remove(id);
        if let Some(edition) = edition {
            let (stale_ms, last_word) = (None, said.and_then(CloseReason::last_word));
            self.changes.push(Change::Gone(Gone { id, edition, stale_ms, last_word }));
        }
    }

    pub(super) fn after_loss(&mut self, now: Moment) {
        self.end_requests_to_lost(now);
        self.roll_call_lost(now);
    }

    /// Notes a record for the parent.
    pub(super) fn tell_put(&mut self, id: NodeId, fresh: bool, now: Moment) {
        if let Some(record) = self.tree.get(id) {
            self.changes.push(Change::Put(put_of(record, fresh, now)));
        }
    }

    /// Notes all records for a new parent.
    pub(super) fn tell_everything(&mut self, now: Moment) {
        let puts = self.tree.records().into_iter().map(|r| Change::Put(put_of(r, false, now)));
        self.changes = puts.collect();
        self.tell_changes();
    }

    /// Tells the parent what changed. It must come before anything that the changed nodes say.
    pub(super) fn tell_changes(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let changes = std::mem::take(&mut self.changes);
        let Some(link) = self.uplink.parent.as_ref().map(|parent| parent.link) else { return };
        for some in changes.chunks(CHANGES_PER_FRAME) {
            self.say(link, Kind::TREE, body::write(&body::Tree { changes: some.to_vec() }));
        }
    }
}

fn put_of(record: &Record, fresh: bool, now: Moment) -> Put {
    Put {
        id: record.id,
        parent: record.parent,
        // Who lost its name to another is listed without one.
        name: record.name.as_ref().and(record.stated_name.clone()),
        role: record.role,
        edition: record.edition,
        address: record.address.clone(),
        stale_ms: record.stale_since.map(|since| milliseconds(now, since)),
        fresh,
        signed: Some(record.signed.clone()),
    }
}

fn milliseconds(now: Moment, since: Moment) -> u64 {
    u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{ADDRESS_BYTES_MAX, Address};
    use crate::limits::{FRAME_PAYLOAD_BYTES_MAX, NAME_CHARS_MAX, STATEMENT_BYTES_MAX};
    use crate::role::Role;
    use crate::signature::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES};
    use crate::statement::Signed;

    #[test]
    fn the_longest_changes_fit_into_a_frame() {
        let longest = "\u{10400}".repeat(NAME_CHARS_MAX);
        let (statement, key) = (vec![0; STATEMENT_BYTES_MAX], vec![0; PUBLIC_KEY_BYTES]);
        let put = Put {
            id: NodeId::from_bytes([255; 32]),
            parent: NodeId::from_bytes([255; 32]),
            name: Some(Name::known(&longest).unwrap()),
            role: Role::Session,
            edition: u64::MAX,
            address: Some(Address::new(&"x".repeat(ADDRESS_BYTES_MAX))),
            stale_ms: Some(u64::MAX),
            fresh: true,
            signed: Some(Signed::new(statement, key, [255; SIGNATURE_BYTES])),
        };
        let changes = vec![Change::Put(put); CHANGES_PER_FRAME];
        let bytes = body::write(&body::Tree { changes }).len();
        assert!(bytes <= FRAME_PAYLOAD_BYTES_MAX, "{bytes}");
    }
}

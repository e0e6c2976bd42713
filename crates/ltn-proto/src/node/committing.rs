//! What has to be written down before this node goes on: the new higher server, before the old one
//! is left.

use super::NodeState;
use crate::body::{self, Register, Welcome};
use crate::durable::{Durable, WriteId};
use crate::event::{Event, Output};
use crate::frame::Kind;
use crate::moment::Moment;
use crate::outcome::{CloseReason, RefusalKind};
use crate::statement::Signed;
use crate::text::sanitise_line;
use crate::uplink::{Attempt, Committing, Wish};

impl NodeState {
    /// A number that is higher than all that this node used before, in whatever life.
    pub(super) const fn next_write(&mut self) -> WriteId {
        self.writes += 1;
        WriteId(self.writes)
    }

    pub(super) fn persist(&mut self, what: Durable) -> WriteId {
        let write = self.next_write();
        self.outputs.push_back(Output::Persist { write, what });
        write
    }

    /// A write is done. If it was the new parent's, its place is taken now and the old one left:
    /// whoever loses power here comes back to a parent that knows it.
    pub(super) fn on_persisted(&mut self, now: Moment, write: WriteId, done: Result<(), String>) {
        let is_it = |a: &Attempt| a.committing.as_ref().is_some_and(|c| c.write == write);
        let Some(attempt) = self.uplink.attempt.as_mut().filter(|a| is_it(a)) else { return };
        match (done, attempt.committing.take()) {
            (Ok(()), Some(committing)) => self.sign_for_place(*committing),
            (Err(why), _) => {
                let text = format!("the new higher server could not be written down: {why}");
                self.attempt_failed(now, RefusalKind::NotPossible, &text);
            }
            (Ok(()), None) => {}
        }
    }

    /// Everything is ready: the node registers there, and leaves where it was.
    pub(super) fn take_place(
        &mut self,
        now: Moment,
        (committing, wish): (Committing, Wish),
        (edition, signed): (u64, Signed),
    ) {
        let Committing { parent, kept, welcome, .. } = committing;
        let link = parent.link;
        let addresses = kept.addresses.clone();
        self.uplink.kept = Some(kept);
        self.links.register_parent(link);
        self.watch_link(now, link);
        let old = self.uplink.succeed(parent.clone());
        match wish {
            Wish::Return | Wish::Home => self.goals.arrive(&parent.address, now),
            Wish::Op { persist: true, .. } if old.is_none() => {
                self.goals.arrive(&parent.address, now);
            }
            _ => self.goals.belong(parent.address.clone(), now),
        }
        // Behind the arrival: which place is home was told by the addresses known before.
        self.goals.know_home(&addresses);
        let metadata = self.metadata_that_fits();
        let register = Register { edition, metadata, signed: Some(signed) };
        self.say(link, Kind::REGISTER, body::write(&register));
        self.show_charter(link, welcome.charter);
        self.show_owed(link);
        self.changes.clear();
        self.tell_everything(now);
        if let Some(old) = &old {
            self.requests.relink(old.link, link);
            self.drain_link(now, old.link);
        }
        self.recall_edges();
        let Welcome { name, name_reason, place, metadata, admin, .. } = welcome;
        if let Some(name) = &name {
            self.name = name.clone();
        }
        self.event(Event::Connected {
            parent: parent.id,
            parent_name: parent.name.clone(),
            address: parent.address.clone(),
            name,
            name_reason: name_reason.map(|reason| sanitise_line(&reason)),
            metadata,
            admin,
        });
        self.set_place(now, place);
        self.wish_came_true(now, wish, (&parent, old));
    }

    /// An attempt leads nowhere: its link goes, and what is written stays what it was.
    pub(super) fn drop_attempt(&mut self, now: Moment, attempt: &Attempt) {
        if attempt.committing.is_some() {
            self.persist(Durable::Parent(self.uplink.kept.clone()));
        }
        if let Some(link) = attempt.link {
            self.close_link(now, link, CloseReason::Leaving, "not joining");
        }
    }
}

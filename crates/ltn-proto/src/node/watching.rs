//! Others that want to hear of the nodes in this map: they are told what differs from what they
//! were told last.

use super::NodeState;
use super::answering::caller_of;
use crate::body::{self, Presence, Watch, Watching};
use crate::event::Output;
use crate::frame::{Frame, Header, Kind};
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::watches::{Batch, Shown};

impl NodeState {
    /// Somebody wants to hear of nodes: of the first server upwards whose map holds them all.
    pub(super) fn on_watch(&mut self, now: Moment, mut frame: Frame) {
        let caller = caller_of(&frame);
        let Ok(watch) = body::read::<Watch>(&frame.payload) else {
            let refusal = Refusal::new(RefusalKind::BadTarget, "a pattern that cannot be read");
            return self.reply(now, caller, Outcome::Refused(refusal));
        };
        let key = (caller.node, caller.request);
        if !self.path().contains(&watch.pattern.fixed_prefix()) {
            let above = self.uplink.parent.as_ref().map(|parent| parent.link);
            match above.filter(|_| frame.header.hops_left > 1) {
                Some(link) => {
                    frame.header.hops_left -= 1;
                    self.counters.forwarded += 1;
                    self.outputs.push_back(Output::Transmit { link, frame });
                }
                None => {
                    let why = self.not_my_area(&watch.pattern);
                    self.bounce(now, &frame.header, &why);
                }
            }
            return;
        }
        if watch.over {
            self.watches.end(key);
            return self.tree.record_changes(!self.watches.is_empty());
        }
        let is_first = self.watches.is_empty();
        let Some((told, anew)) = self.watches.renew(key, &watch.pattern, watch.taken, now) else {
            let text = format!("{} is watched by as many as it can tell", self.name);
            return self.reply(
                now,
                caller,
                Outcome::Refused(Refusal::new(RefusalKind::Busy, text)),
            );
        };
        if is_first {
            self.begin_to_show();
        }
        let mut header = Header::new(Kind::WATCHING, self.config.id, caller.node);
        header.id = caller.request;
        let payload = body::write(&Watching { told, anew });
        if self.send_out(now, Frame { header, payload }).is_err() {
            self.counters.dropped += 1;
        }
    }

    fn begin_to_show(&mut self) {
        self.tree.record_changes(true);
        self.watched_from = self.path();
        for id in self.tree.subtree(self.config.id) {
            if let Some(shown) = self.shown(id) {
                self.watches.show(id, shown);
            }
        }
    }

    /// How a node is now, as watchers see it.
    fn shown(&self, id: NodeId) -> Option<Shown> {
        let record = self.tree.get(id).filter(|record| record.role.is_listed())?;
        let (parent, role) = (record.parent, record.role);
        let lost = record.stale_since.is_some();
        Some(Shown { path: self.path_of(id)?, parent, role, lost })
    }

    /// Tells watchers what is new. Called once for each input, after all that it changed.
    pub(super) fn tell_presence(&mut self, now: Moment) {
        if self.watches.is_empty() {
            return;
        }
        if self.watched_from != self.path() {
            // All below have another path now.
            self.watched_from = self.path();
            self.tree.touch_all();
        }
        for id in self.tree.take_touched() {
            match self.shown(id) {
                Some(is) => self.watches.compare(id, Some(is)),
                // It may only be on its way to another place, or be told of anew.
                None => self.watches.doubt(id, now),
            }
        }
        while let Some(((watcher, number), batch)) = self.watches.next_batch() {
            let Batch { told, missed, news } = batch;
            let mut header = Header::new(Kind::PRESENCE, self.config.id, watcher);
            header.id = number;
            let payload = body::write(&Presence { told, missed, news });
            if self.send_out(now, Frame { header, payload }).is_err() {
                self.watches.end((watcher, number));
            }
        }
        self.tree.record_changes(!self.watches.is_empty());
    }

    /// Nodes that were doubtful for too long are gone, and watchers that are silent for too long.
    pub(super) fn on_watches_due(&mut self, now: Moment) {
        while let Some(id) = self.watches.pop_doubt(now) {
            let is = self.shown(id);
            self.watches.compare(id, is);
        }
        self.watches.expire(now);
        self.tree.record_changes(!self.watches.is_empty());
    }
}

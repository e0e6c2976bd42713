//! Who fits a pattern: answered from the map a page at a time, else passed on upwards.

use super::NodeState;
use super::answering::caller_of;
use crate::body::{self, Listed, Select, Selected, Siblings};
use crate::event::Output;
use crate::frame::{Frame, Header, Kind};
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::selector::Pattern;
use crate::tree::Record;

/// So much of a map goes into one page: it has to fit into one frame with the last record, the
/// heads of groups and the mark at its end.
const PAGE_BYTES: usize = 40 * 1024;

impl NodeState {
    /// Somebody looks for all who fit.
    pub(super) fn on_select(&mut self, now: Moment, mut frame: Frame) {
        let caller = caller_of(&frame);
        let Ok(select) = body::read::<Select>(&frame.payload) else {
            let refusal = Refusal::new(RefusalKind::BadTarget, "a pattern that cannot be read");
            return self.reply(now, caller, Outcome::Refused(refusal));
        };
        let above = self.uplink.parent.as_ref().map(|parent| parent.link);
        match (self.page_here(now, &select), above) {
            (Some(Ok(selected)), _) => {
                let mut header = Header::new(Kind::SELECTED, self.config.id, caller.node);
                header.id = caller.request;
                let payload = body::write(&selected);
                if self.send_out(now, Frame { header, payload }).is_err() {
                    self.counters.dropped += 1;
                }
            }
            (Some(Err(outcome)), _) => self.reply(now, caller, outcome),
            (None, Some(link))
                if frame.header.destination == NodeId::NOBODY && frame.header.hops_left > 1 =>
            {
                frame.header.hops_left -= 1;
                self.counters.forwarded += 1;
                self.outputs.push_back(Output::Transmit { link, frame });
            }
            (None, _) => {
                let why = self.not_my_area(&select.pattern);
                self.bounce(now, &frame.header, &why);
            }
        }
    }

    pub(super) fn not_my_area(&self, pattern: &Pattern) -> String {
        let (prefix, here) = (pattern.fixed_prefix(), self.path());
        format!("{prefix} is not below {here}, and the main server cannot be asked now")
    }

    /// A page of those who fit, if all of them would be in this node's map.
    pub(super) fn page_here(
        &self,
        now: Moment,
        select: &Select,
    ) -> Option<Result<Selected, Outcome>> {
        let (pattern, here) = (&select.pattern, self.path());
        let prefix = pattern.fixed_prefix();
        if !here.contains(&prefix) {
            return None;
        }
        if let Err(why) = self.find_path(&prefix) {
            return Some(Err(self.no_route(why)));
        }
        let progress = here.names().iter().fold(pattern.begin(), |p, name| pattern.step(p, name));
        let is_first = select.after.is_none();
        let own_fits = pattern.is_whole(progress) && pattern.fits_role(self.config.role);
        let total = is_first
            .then(|| self.tree.count(pattern, progress) + usize::from(own_fits))
            .map(|total| total as u64);
        if total == Some(0) {
            let text = self.nobody_fits(pattern);
            return Some(Err(Outcome::Refused(Refusal::new(RefusalKind::BadTarget, text))));
        }
        let page = self.tree.page(pattern, progress, select.after.as_ref(), PAGE_BYTES);
        let groups = page.groups.into_iter().map(|group| Siblings {
            parent: group.parent,
            path: self.path_from_names(group.names),
            lost_at: group.lost_at.and_then(|id| self.path_of(id)),
            nodes: group.records.into_iter().map(|record| self.listed(now, record)).collect(),
        });
        let above = self.uplink.parent.as_ref().map_or(self.config.id, |parent| parent.id);
        Some(Ok(Selected {
            at: here,
            top: (own_fits && is_first).then(|| self.listed_self()),
            above,
            groups: groups.collect(),
            total,
            version: self.tree.version(),
            next: page.next,
        }))
    }

    fn listed(&self, now: Moment, record: &Record) -> Listed {
        let stale_ms = record
            .stale_since
            .map(|since| u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX));
        self.with_counts(Listed {
            id: record.id,
            name: record.called(),
            role: record.role,
            edition: record.edition,
            address: record.address.clone(),
            stale_ms,
            servers: None,
            clients: None,
        })
    }

    /// With how many servers and clients are directly below it and in reach.
    fn with_counts(&self, mut listed: Listed) -> Listed {
        let (mut servers, mut clients) = (0, 0);
        for record in self.tree.children_of(listed.id).filter_map(|id| self.tree.get(id)) {
            if record.stale_since.is_none() && record.role.is_listed() {
                *(if record.role.is_server() { &mut servers } else { &mut clients }) += 1;
            }
        }
        listed.servers = Some(servers).filter(|count| *count > 0);
        listed.clients = Some(clients).filter(|count| *count > 0);
        listed
    }

    fn listed_self(&self) -> Listed {
        let (id, role) = (self.config.id, self.config.role);
        let address = self.config.address.clone();
        let name = self.name.clone();
        let edition = self.edition;
        let (servers, clients, stale_ms) = (None, None, None);
        self.with_counts(Listed { id, name, role, edition, address, stale_ms, servers, clients })
    }
}

#[cfg(test)]
mod tests;

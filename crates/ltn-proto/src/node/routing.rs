//! Passing on: by the header alone, and only for those who may speak on the link it came by.

use super::NodeState;
use crate::body;
use crate::event::Output;
use crate::fragments;
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::{LinkId, NodeId};
use crate::links::Phase;
use crate::moment::Moment;
use crate::text::span;

/// Where a frame goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hop {
    /// It is for this node.
    Here,
    /// Over this link.
    Over(LinkId),
    /// Nowhere, for this reason.
    Nowhere(String),
}

/// Where a data stream goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamHop {
    /// It is for this node.
    Here,
    /// To this neighbour.
    To(NodeId),
}

impl NodeState {
    /// A routed frame came in.
    pub(super) fn on_routed(&mut self, now: Moment, link: LinkId, mut frame: Frame) {
        if !self.may_speak(link, frame.header.source) {
            self.counters.forged_sources += 1;
            self.bounce(now, &frame.header, "its source does not live behind that link");
            return;
        }
        if frame.header.kind.is_speech() && self.is_silenced(frame.header.source) {
            self.silence(now, &frame.header);
            return;
        }
        if !self.spend_time(link, &mut frame.header) {
            let why = "its time was over on the way, and nobody waits for an answer any more";
            self.bounce(now, &frame.header, why);
            return;
        }
        if frame.header.kind == Kind::RESOLVE {
            self.on_resolve(now, frame);
            return;
        }
        if frame.header.destination == NodeId::NOBODY {
            match frame.header.kind {
                Kind::SELECT => return self.on_select(now, frame),
                Kind::WATCH => return self.on_watch(now, frame),
                _ => {}
            }
        }
        match self.next_hop(frame.header.destination) {
            Hop::Here => {
                self.arrived = Some(link);
                self.deliver(now, frame);
                self.arrived = None;
            }
            Hop::Over(out) if out == link => {
                self.bounce(now, &frame.header, "its way leads back to where it came from");
            }
            Hop::Over(out) => self.pass_on(now, out, frame),
            Hop::Nowhere(why) => self.bounce(now, &frame.header, &why),
        }
    }

    /// Takes what the way to here took from a frame's time, as far as this node can tell: half of
    /// the last round trip on that link, and never less than a millisecond. Is anything left?
    fn spend_time(&self, link: LinkId, header: &mut Header) -> bool {
        if header.time_left_ms == 0 {
            return true;
        }
        let round_trip = self.links.get(link).and_then(|link| link.round_trip);
        let way = round_trip.map_or(0, |(time, _)| time.as_millis() / 2).max(1);
        let left = u128::from(header.time_left_ms).saturating_sub(way);
        header.time_left_ms = u32::try_from(left).unwrap_or(u32::MAX);
        left > 0
    }

    /// May this node be the source of what comes by this link? A child speaks for its own subtree
    /// only; whoever is above speaks for all that is below it, which includes all that we have.
    fn may_speak(&self, link: LinkId, source: NodeId) -> bool {
        #[cfg(feature = "sim")]
        if self.mutant == Some(crate::sim::Mutant::NoOriginCheck) {
            return true;
        }
        let Some(known) = self.links.get(link) else { return false };
        match known.phase {
            Phase::Child => {
                let its_own = self.tree.branch_of(source) == Some(known.peer);
                its_own && self.is_live(source) && !self.is_revoked(source)
            }
            Phase::Parent | Phase::Draining => source != self.config.id,
            _ => false,
        }
    }

    pub(super) fn next_hop(&self, destination: NodeId) -> Hop {
        if destination == self.config.id {
            return Hop::Here;
        }
        if let Some(branch) = self.tree.branch_of(destination) {
            if let (true, Some(link)) = (self.is_live(destination), self.links.child(branch)) {
                return Hop::Over(link);
            }
            // It may have moved to where only the main server knows; else it is out of reach.
            if self.uplink.parent.is_none() {
                return Hop::Nowhere(self.out_of_reach(destination));
            }
        }
        match &self.uplink.parent {
            Some(parent) => Hop::Over(parent.link),
            None if self.is_rooted() => {
                Hop::Nowhere("no such node is in the network now".to_owned())
            }
            None => Hop::Nowhere("no such node here, and no way to the main server".to_owned()),
        }
    }

    fn out_of_reach(&self, id: NodeId) -> String {
        format!("{} is out of reach: its branch is lost", self.call(id))
    }

    /// The same with the time, where somebody asks for it.
    pub(super) fn out_of_reach_since(&self, now: Moment, id: NodeId) -> String {
        match self.tree.get(id).and_then(|record| record.stale_since) {
            Some(since) => {
                let span = span(now.since(since));
                let mut top = id;
                while let Some(above) = self.tree.get(top).map(|record| record.parent)
                    && self.tree.get(above).is_some_and(|record| record.stale_since.is_some())
                {
                    top = above;
                }
                let behind = match top == id {
                    true => String::new(),
                    false => format!(" behind {}", self.call(top)),
                };
                format!("{} is out of reach for {span}: its branch is lost{behind}", self.call(id))
            }
            None => self.out_of_reach(id),
        }
    }

    fn pass_on(&mut self, now: Moment, out: LinkId, mut frame: Frame) {
        frame.header.hops_left = frame.header.hops_left.saturating_sub(1);
        if frame.header.hops_left == 0 {
            self.bounce(now, &frame.header, "it was passed on too often");
        } else if self.links.get(out).is_some_and(|link| link.stalled) {
            self.bounce(now, &frame.header, "the next node on the way does not read");
        } else {
            self.counters.forwarded += 1;
            self.outputs.push_back(Output::Transmit { link: out, frame });
        }
    }

    /// Tells the source that its frame ends here, if it waits for an answer.
    pub(super) fn bounce(&mut self, now: Moment, header: &Header, why: &str) {
        if !header.flags.has(Flags::ANSWER_WANTED) {
            self.counters.dropped += 1;
            return;
        }
        let no_route = body::NoRoute { at: self.path().to_string(), text: why.to_owned() };
        let mut answer = Header::new(Kind::NO_ROUTE, self.config.id, header.source);
        answer.id = header.id;
        if self.send_out(now, Frame { header: answer, payload: body::write(&no_route) }).is_err() {
            self.counters.dropped += 1;
        }
    }

    /// Sends what this node itself says to wherever it has to go. Tells whether it left, or was
    /// delivered here; else why not.
    pub(super) fn send_out(&mut self, now: Moment, frame: Frame) -> Result<Option<LinkId>, String> {
        let way = self.way_to(frame.header.destination)?;
        match way {
            None => self.deliver(now, frame),
            Some(link) => {
                for frame in fragments::split(frame.header, frame.payload) {
                    self.outputs.push_back(Output::Transmit { link, frame });
                }
            }
        }
        Ok(way)
    }

    /// The link by which this node can say something to that one now; `None` for itself.
    pub(super) fn way_to(&mut self, node: NodeId) -> Result<Option<LinkId>, String> {
        match self.next_hop(node) {
            Hop::Here => Ok(None),
            Hop::Over(link) if self.links.get(link).is_some_and(|l| l.stalled) => {
                self.counters.dropped += 1;
                Err("the next node on the way does not read".to_owned())
            }
            Hop::Over(link) => Ok(Some(link)),
            Hop::Nowhere(why) => Err(why),
        }
    }

    /// Says something to a node that nobody waits for.
    pub(super) fn tell(&mut self, now: Moment, kind: Kind, to: NodeId, payload: bytes::Bytes) {
        let header = Header::new(kind, self.config.id, to);
        let _unreachable = self.send_out(now, Frame { header, payload });
    }

    /// Where a data stream from `source` to `destination` goes next, when it comes from this
    /// neighbour (`None`: from this very node). The same rules hold as for frames.
    ///
    /// # Errors
    /// Says where the way ends and why.
    pub fn stream_hop(
        &self,
        from: Option<NodeId>,
        source: NodeId,
        destination: NodeId,
    ) -> Result<StreamHop, crate::outcome::NoRoute> {
        let no_route = |text: String| crate::outcome::NoRoute { at: self.path().to_string(), text };
        let link = match from {
            None => None,
            Some(from) => Some(self.link_to(from).ok_or_else(|| {
                no_route("the stream comes from nobody who is joined here".to_owned())
            })?),
        };
        if link.is_some_and(|link| !self.may_speak(link, source)) {
            return Err(no_route("its source does not live behind that link".to_owned()));
        }
        if self.is_silenced(source) {
            return Err(no_route(format!("who opens it is muted at {}", self.name)));
        }
        match self.next_hop(destination) {
            Hop::Here => Ok(StreamHop::Here),
            Hop::Over(out) if Some(out) == link => {
                Err(no_route("its way leads back to where it came from".to_owned()))
            }
            Hop::Over(out) => match self.links.get(out) {
                Some(link) => Ok(StreamHop::To(link.peer)),
                None => Err(no_route("the next node on the way is gone".to_owned())),
            },
            Hop::Nowhere(why) => Err(no_route(why)),
        }
    }

    fn link_to(&self, neighbour: NodeId) -> Option<LinkId> {
        let parent = self.uplink.parent.as_ref().filter(|parent| parent.id == neighbour);
        parent.map(|parent| parent.link).or_else(|| self.links.child(neighbour))
    }
}

//! Answers that come in parts: what an answer says before it ends.
//!
//! Parts are for looking on. Whoever gives the answer puts into its end what has to be known, so a
//! part that finds its way full or gone is left out, and nobody waits for one.

use super::NodeState;
use crate::event::{Event, ManyEvent};
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::InboundId;
use crate::moment::Moment;
use crate::requests::Origin;
use crate::value::Value;

impl NodeState {
    /// Says a part of an answer to who waits for it.
    pub(super) fn tell_part(&mut self, now: Moment, inbound: InboundId, value: &Value) {
        let Some(caller) = self.inbound.caller(inbound) else { return };
        let mut header = Header::new(Kind::PART, self.config.id, caller.node);
        header.id = caller.request;
        header.flags = Flags::VALUE;
        let payload = value.to_cbor().into();
        let _left_out = self.send_out(now, Frame { header, payload });
    }

    /// A part of an answer that this node, or somebody through it, waits for.
    pub(super) fn on_part(&mut self, now: Moment, frame: &Frame) {
        if self.take_answer(frame).is_none() {
            return;
        }
        let id = frame.header.id;
        let has_room = self.requests.takes_part(id, frame.payload.len());
        let value = Value::from_cbor(&frame.payload).ok().filter(|_| has_room);
        let origin = self.requests.get(id).map(|open| open.origin.clone());
        match (value, origin) {
            (Some(value), Some(Origin::Local(op))) => {
                self.event(Event::Many(ManyEvent::Part { op, value }));
            }
            (Some(value), Some(Origin::Relay(inbound))) => self.tell_part(now, inbound, &value),
            _ => self.counters.dropped += 1,
        }
    }
}

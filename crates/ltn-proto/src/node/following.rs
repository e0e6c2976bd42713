//! What the program on this node watches: the wish is renewed, taken elsewhere when this node
//! moves or its way is lost, and what could not be heard is marked as a gap.

use super::NodeState;
use crate::body::{self, News, Presence, Watch, Watching};
use crate::event::{self, Event, ManyEvent, Output};
use crate::followings::Following;
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::{NodeId, OpId};
use crate::limits::FOLLOWINGS_MAX;
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::selector::{Pattern, Selector};

impl NodeState {
    pub(super) fn follow(&mut self, now: Moment, op: OpId, selector: &Selector) {
        let pattern = match selector {
            Selector::Many(pattern) => pattern.absolute(&self.speaker()),
            Selector::One(target) => {
                target.absolute(&self.speaker()).map(|path| Pattern::exactly(&path))
            }
        };
        let refusal = match &pattern {
            None => {
                let text = format!("`{selector}` is no place: a watch needs a path or a pattern");
                Some(Refusal::new(RefusalKind::BadTarget, text))
            }
            Some(_) if self.stopping.is_some() => {
                Some(Refusal::new(RefusalKind::Stopping, "this node is stopping"))
            }
            Some(_) if self.followings.len() >= FOLLOWINGS_MAX => {
                let text = format!("this node watches {FOLLOWINGS_MAX} places, which is the most");
                Some(Refusal::new(RefusalKind::Busy, text))
            }
            Some(_) => None,
        };
        match (refusal, pattern) {
            (None, Some(pattern)) => {
                let number = self.random.number();
                self.followings.begin(op, Following::new(pattern, number));
                self.say_watch(now, op);
            }
            (refusal, _) => {
                let refusal = refusal.unwrap_or_else(|| {
                    Refusal::new(RefusalKind::BadTarget, "a watch needs a place")
                });
                self.event(Event::Ended { op, outcome: Outcome::Refused(refusal) });
            }
        }
    }

    /// Says what is watched, for the first time or again.
    fn say_watch(&mut self, now: Moment, op: OpId) {
        let Some(following) = self.followings.get_mut(op) else { return };
        let (pattern, number) = (following.pattern.clone(), following.number);
        let taken = following.acknowledge();
        let prefix = pattern.fixed_prefix();
        let outcome = self.no_route(self.not_my_area(&pattern));
        let frame = self.watch_frame(number, &Watch { pattern, taken, over: false });
        let parent = self.uplink.parent.as_ref().map(|parent| parent.link);
        self.followings.said(op, now);
        if self.path().contains(&prefix) {
            self.on_watch(now, frame);
        } else if let Some(link) = parent {
            self.outputs.push_back(Output::Transmit { link, frame });
        } else {
            self.watch_failed(now, number, outcome);
        }
    }

    fn watch_frame(&self, number: u64, watch: &Watch) -> Frame {
        let mut header = Header::new(Kind::WATCH, self.config.id, NodeId::NOBODY);
        header.id = number;
        header.flags = Flags::ANSWER_WANTED;
        Frame { header, payload: body::write(watch) }
    }

    /// The program does not want to hear of it any more.
    pub(super) fn unfollow(&mut self, now: Moment, op: OpId) {
        let Some(Following { pattern, number, .. }) = self.followings.end(op) else { return };
        let prefix = pattern.fixed_prefix();
        let frame = self.watch_frame(number, &Watch { pattern, taken: 0, over: true });
        let parent = self.uplink.parent.as_ref().map(|parent| parent.link);
        if self.path().contains(&prefix) {
            self.on_watch(now, frame);
        } else if let Some(link) = parent {
            self.outputs.push_back(Output::Transmit { link, frame });
        }
    }

    /// The program has looked at so many news.
    pub(super) fn news_taken(&mut self, now: Moment, op: OpId, count: usize) {
        if self.followings.taken(op, count) {
            self.say_watch(now, op);
        }
    }

    pub(super) fn on_watching(&mut self, now: Moment, frame: &Frame) {
        let (Ok(Watching { told, anew }), Some((op, following))) =
            (body::read(&frame.payload), self.followings.numbered(frame.header.id))
        else {
            self.counters.late_replies += 1;
            return;
        };
        let missed = following.confirmed(frame.header.source, told, anew);
        let news = !following.stands;
        (following.begun, following.stands) = (true, true);
        self.followings.said(op, now);
        if missed {
            self.event(Event::Many(ManyEvent::Gap { op, missed: None }));
        }
        if news {
            self.event(Event::Many(ManyEvent::Watching { op }));
        }
    }

    pub(super) fn on_presence(&mut self, frame: &Frame) {
        let (Ok(Presence { told, missed, news }), Some((op, following))) =
            (body::read(&frame.payload), self.followings.numbered(frame.header.id))
        else {
            self.counters.late_replies += 1;
            return;
        };
        if following.server != Some(frame.header.source) {
            // A server that told of these places before this node moved.
            self.counters.late_replies += 1;
            return;
        }
        let complete = following.hear(news.len() as u64, told);
        if !complete || missed > 0 {
            let missed = Some(missed).filter(|_| complete);
            self.event(Event::Many(ManyEvent::Gap { op, missed }));
        }
        for News { kind, id, role, path, from } in news {
            let news = event::Presence { kind, id, role, path, from };
            self.event(Event::Many(ManyEvent::Presence { op, news }));
        }
    }

    /// Nobody tells of this now. Is the number one of a watch at all?
    pub(super) fn watch_failed(&mut self, now: Moment, number: u64, outcome: Outcome) -> bool {
        let Some((op, following)) = self.followings.numbered(number) else { return false };
        if following.begun {
            let why = match outcome {
                Outcome::NoRoute(why) => why.to_string(),
                Outcome::Refused(why) => why.to_string(),
                other => other.word().to_owned(),
            };
            self.watch_interrupted(op, why);
            self.followings.said(op, now);
        } else {
            self.followings.end(op);
            self.event(Event::Ended { op, outcome });
        }
        true
    }

    fn watch_interrupted(&mut self, op: OpId, why: String) {
        if let Some(following) = self.followings.get_mut(op)
            && std::mem::replace(&mut following.stands, false)
        {
            self.event(Event::Many(ManyEvent::Interrupted { op, why }));
        }
    }

    /// Watches go with the node: where it is elsewhere, or has another way up, they are said anew.
    pub(super) fn settle_followings(&mut self, now: Moment) {
        if self.followings.len() == 0 {
            return;
        }
        let base = (self.uplink.parent.as_ref().map(|parent| parent.link), self.path());
        if self.followed_from.as_ref() == Some(&base) {
            return;
        }
        let is_new = self.followed_from.replace(base).is_none();
        for op in self.followings.ops() {
            let stands = self.followings.get_mut(op).is_some_and(|following| following.begun);
            if stands && !is_new {
                self.say_watch(now, op);
            }
        }
    }

    pub(super) fn on_followings_due(&mut self, now: Moment) {
        while let Some(op) = self.followings.pop_due(now) {
            if self.followings.get_mut(op).is_some_and(Following::renew) {
                self.watch_interrupted(op, "nobody confirms it any more".to_owned());
            }
            self.say_watch(now, op);
        }
    }

    /// This node stops.
    pub(super) fn end_all_followings(&mut self) {
        for op in self.followings.ops() {
            self.followings.end(op);
            let refusal = Refusal::new(RefusalKind::Stopping, "this node is stopping");
            self.event(Event::Ended { op, outcome: Outcome::Refused(refusal) });
        }
    }
}

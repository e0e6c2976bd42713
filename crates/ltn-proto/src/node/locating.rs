//! Who is meant by a path, a name or an id: answered from the map, else passed on upwards.

use super::NodeState;
use super::answering::caller_of;
use crate::body::{self, Resolve, Resolved};
use crate::commands::nearest;
use crate::event::Output;
use crate::frame::{Frame, Header, Kind};
use crate::id::NodeId;
use crate::inbound::Caller;
use crate::limits::{CANDIDATES_MAX, SIMILAR_NAMES_MAX};
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::{NoRoute, Outcome, Refusal, RefusalKind};
use crate::path::{NodePath, Target};
use crate::requests::Stage;
use crate::value::Value;

impl NodeState {
    /// Somebody below looks for a node: the first server that knows answers, else it goes up.
    pub(super) fn on_resolve(&mut self, now: Moment, mut frame: Frame) {
        let caller = caller_of(&frame);
        let Ok(resolve) = body::read::<Resolve>(&frame.payload) else {
            let refusal = Refusal::new(RefusalKind::BadTarget, "a target that cannot be read");
            return self.reply(now, caller, Outcome::Refused(refusal));
        };
        let above = self.uplink.parent.as_ref().map(|parent| parent.link);
        let found = match &resolve {
            Resolve::Path(path) => self.find_path(path).map(Some),
            Resolve::Id(id) => Ok(Some(*id).filter(|id| self.path_of(*id).is_some())),
            Resolve::Name(name) => match self.find_name(name) {
                Ok(found) => Ok(found),
                Err(refusal) => return self.reply(now, caller, Outcome::Refused(refusal)),
            },
        };
        // What is out of reach here may be in reach from higher up.
        let certain = |id: NodeId| self.tree.get(id).is_none() || self.is_live(id);
        match (found, above) {
            (Ok(Some(id)), above) if above.is_none() || certain(id) => {
                self.say_where(now, caller, id);
            }
            (_, Some(link)) if frame.header.hops_left > 1 => {
                frame.header.hops_left -= 1;
                self.counters.forwarded += 1;
                self.outputs.push_back(Output::Transmit { link, frame });
            }
            (Err(why), _) => self.bounce(now, &frame.header, &why),
            (Ok(_), _) => {
                let text = match resolve {
                    Resolve::Name(name) => self.nobody_called(&name),
                    _ => "no such node is in the network now".to_owned(),
                };
                self.bounce(now, &frame.header, &text);
            }
        }
    }

    fn say_where(&mut self, now: Moment, caller: Caller, id: NodeId) {
        if id != self.config.id && self.tree.get(id).is_some() && !self.is_live(id) {
            let no_route =
                NoRoute { at: self.path().to_string(), text: self.out_of_reach_since(now, id) };
            return self.reply(now, caller, Outcome::NoRoute(no_route));
        }
        let Some(path) = self.path_of(id) else { return };
        let mut header = Header::new(Kind::RESOLVED, self.config.id, caller.node);
        header.id = caller.request;
        let payload = body::write(&Resolved { id, path });
        if self.send_out(now, Frame { header, payload }).is_err() {
            self.counters.dropped += 1;
        }
    }

    pub(super) fn on_resolved(&mut self, now: Moment, frame: &Frame) {
        let open = self.requests.get(frame.header.id);
        let resolving = open.filter(|open| open.stage == Stage::Resolving);
        let (Some(open), Ok(Resolved { id, path })) = (resolving, body::read(&frame.payload))
        else {
            self.counters.late_replies += 1;
            return;
        };
        if let Target::Id(asked) = open.target
            && asked != id
        {
            let text = format!(
                "a server on the way was asked where id:{}… is, and says it of id:{}…",
                asked.short(),
                id.short()
            );
            let refusal = Refusal::new(RefusalKind::Misbehaved, text);
            return self.end_request(now, frame.header.id, Outcome::Refused(refusal));
        }
        self.known.remember(id, path, now);
        self.on_found(now, frame.header.id, id);
    }

    /// The program wanted to know only where it is.
    pub(super) fn on_located(&mut self, now: Moment, id: u64, node: NodeId) {
        if self.wants_confirmed(id) {
            return self.confirm_place(now, id, node);
        }
        let path = self.path_of(node);
        let Some(path) = path else {
            let not_asked = self.requests.get(id).is_some_and(|open| open.from_memory);
            if not_asked && self.uplink.parent.is_some() {
                return self.search(now, id, &Resolve::Id(node));
            }
            let text = "no such node is in the network now".to_owned();
            let outcome = Outcome::NoRoute(NoRoute { at: self.path().to_string(), text });
            return self.end_request(now, id, outcome);
        };
        self.end_request(now, id, Outcome::Reply(located(node, &path)));
    }

    /// The node at this path, if this one can know it; else what is known of the way.
    pub(super) fn find_path(&self, path: &NodePath) -> Result<NodeId, String> {
        let here = self.path();
        if here.contains(path) {
            let below = &path.names()[here.layer()..];
            return self
                .tree
                .find(below)
                .map_err(|(found, last)| self.nobody_there(last, &below[found]));
        }
        if path.contains(&here) {
            let ancestor = self.place.ancestors.get(path.layer()).map(|a| a.id);
            return ancestor.ok_or_else(|| format!("{path} is not known here"));
        }
        Err(format!("{path} is not below {here}, and the main server cannot be asked now"))
    }

    /// The nearest that there is, and what hangs there.
    fn nobody_there(&self, above: NodeId, missing: &Name) -> String {
        let mut text =
            format!("{} is there and has nobody called `{missing}` below it", self.where_is(above));
        let children = self.tree.children_of(above).take(SIMILAR_NAMES_MAX);
        let names: Vec<Name> = children
            .filter_map(|id| self.tree.get(id).filter(|record| record.role.is_listed()))
            .filter_map(|record| record.name.clone())
            .collect();
        match nearest(missing.as_str(), names.iter().map(Name::as_str)) {
            Some(similar) => {
                let path = self.path_of(above).unwrap_or_default();
                let meant = names.iter().find(|name| name.as_str() == similar).cloned();
                let path = meant.map(|name| path.child(name).to_string()).unwrap_or_default();
                text += &format!("; did you mean {path}?");
            }
            None if names.is_empty() => text += ", nor anybody else",
            None => {
                let some: Vec<&str> = names.iter().take(CANDIDATES_MAX).map(Name::as_str).collect();
                let more = if names.len() > some.len() { ", …" } else { "" };
                text += &format!("; below it are {}{more}", some.join(", "));
            }
        }
        text
    }

    /// Nobody in the subtree has this name; who has one that is like it?
    pub(super) fn nobody_called(&self, name: &Name) -> String {
        let records = self.tree.records();
        let named = records.iter().filter(|record| record.role.is_listed());
        let names = named.filter_map(|record| record.name.as_ref()).take(SIMILAR_NAMES_MAX);
        match nearest(name.as_str(), names.map(Name::as_str)) {
            Some(similar) => format!("no node is called `{name}`; did you mean `{similar}`?"),
            None => format!("no node is called `{name}`"),
        }
    }

    /// The one node of this name in the subtree, if there is one.
    pub(super) fn find_name(&self, name: &Name) -> Result<Option<NodeId>, Refusal> {
        let mut found = self.tree.named(name);
        if found.iter().any(|id| self.is_live(*id)) {
            found.retain(|id| self.is_live(*id));
        }
        if name.clashes_with(&self.name) {
            found.push(self.config.id);
        }
        if found.len() <= 1 {
            return Ok(found.first().copied());
        }
        let paths = found.iter().take(CANDIDATES_MAX).filter_map(|id| self.path_of(*id));
        let candidates: Vec<String> = paths.map(|path| path.to_string()).collect();
        let text = format!("`{name}` is the name of several nodes: {}", candidates.join(", "));
        Err(Refusal::new(RefusalKind::BadTarget, text))
    }
}

/// What is answered to who wants to know where this node is.
pub(super) fn located(node: NodeId, path: &NodePath) -> Value {
    let place = [("id", node.to_string()), ("path", path.to_string())];
    Value::map(place.map(|(key, text)| (key, Value::from(text))))
}

//! New names for nodes that are in the tree: the parent decides, because a name has to be the only
//! one among siblings. The child asks it, or an admin tells it; both end as a frame that tells the
//! child, a record for everybody above, and a place for everybody below.

use std::time::Duration;

use bytes::Bytes;

use super::NodeState;
use super::broken::Duty;
use crate::body::{self, Refused, Rename};
use crate::event::Event;
use crate::frame::Kind;
use crate::id::{InboundId, LinkId, NodeId, OpId};
use crate::links::Misbehaved;
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::role::Role;
use crate::standing::Standing;
use crate::text::sanitise_line;
use crate::tree::Record;

/// How long the parent has to say what it thinks of a name.
const RENAME_TIME: Duration = Duration::from_secs(10);

/// A name that this node asked its parent for. One at a time.
#[derive(Debug, Clone)]
pub(super) struct Renaming {
    number: u64,
    link: LinkId,
    by: NamedBy,
    pub(super) due: Moment,
}

/// Whose wish a new name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// The program on this node.
    Program(OpId),
    /// Whoever called a command here.
    Command(InboundId),
}

impl NodeState {
    /// This node wants another name. It ends once, within ten seconds.
    pub(super) fn rename_self(&mut self, now: Moment, wanted: &str, by: NamedBy) {
        let name = match self.check_own_name(wanted) {
            Ok(name) => name,
            Err(refusal) => return self.rename_ended(now, by, Outcome::Refused(refusal)),
        };
        let Some(parent) = &self.uplink.parent else {
            return self.take_name(now, name, Some(by));
        };
        let link = parent.link;
        let number = self.random.number();
        self.renaming = Some(Renaming { number, link, by, due: now + RENAME_TIME });
        let wish = Rename { number, name: Some(name.to_string()), refused: None };
        self.say(link, Kind::RENAME, body::write(&wish));
    }

    /// What can be said against a name of this node's own before anybody is asked.
    fn check_own_name(&self, wanted: &str) -> Result<Name, Refusal> {
        let me = &self.name;
        let refuse = |kind, text: String| Err(Refusal::new(kind, text));
        if self.config.role.is_root() {
            let text = format!("the main server is always called {me}");
            return refuse(RefusalKind::NotPossible, text);
        }
        if self.config.role == Role::Session {
            return refuse(RefusalKind::NotPossible, "a visit has no name".to_owned());
        }
        if self.stopping.is_some() {
            return refuse(RefusalKind::Stopping, format!("{me} is stopping"));
        }
        if self.renaming.is_some() {
            let text = format!("{me} waits for the answer to another name; try again");
            return refuse(RefusalKind::Busy, text);
        }
        let name = Name::wanted(wanted)
            .map_err(|bad| Refusal::new(RefusalKind::BadArguments, bad.to_string()))?;
        if self.config.role == Role::Client && name.is_restricted_for_clients() {
            let text = format!("the name `{name}` is a word of the network's own");
            return refuse(RefusalKind::BadArguments, text);
        }
        Ok(name)
    }

    /// `RENAME` on a link: a child's wish, or the parent's word.
    pub(super) fn on_rename(
        &mut self,
        now: Moment,
        link: LinkId,
        payload: &Bytes,
    ) -> Result<(), Misbehaved> {
        let rename: Rename = body::read(payload)?;
        if self.uplink.is_parent_link(link) {
            return self.on_named(now, link, rename);
        }
        let Some(child) = self.links.get(link).map(|l| l.peer) else { return Ok(()) };
        let Some(wanted) = rename.name else {
            return Err(Misbehaved("a wish for a name without one".to_owned()));
        };
        if let Err(refusal) = self.name_child(child, &wanted, rename.number) {
            let Refusal { kind, text } = refusal;
            let refused = Some(Refused { kind, text });
            let answer = Rename { number: rename.number, name: None, refused };
            self.say(link, Kind::RENAME, body::write(&answer));
        }
        Ok(())
    }

    /// Gives a direct child another name and tells it so; `number` is that of its wish, or 0.
    pub(super) fn name_child(
        &mut self,
        child: NodeId,
        wanted: &str,
        number: u64,
    ) -> Result<Name, Refusal> {
        let Some(link) = self.links.child(child) else {
            let text = format!("{} is not joined to {}", self.call(child), self.name);
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        };
        let Some(mut record) = self.tree.get(child).cloned() else {
            return Err(Refusal::new(RefusalKind::NotPossible, "no such node is joined here"));
        };
        if record.role == Role::Session {
            return Err(Refusal::new(RefusalKind::NotPossible, "a visit has no name"));
        }
        let name = self
            .check_name(child, record.role, wanted)
            .map_err(|why| Refusal::new(RefusalKind::BadArguments, why))?;
        let old = record.name.replace(name.clone());
        if self.tree.put(record).is_err() {
            return Err(Refusal::new(RefusalKind::Busy, "it is on its way to another server"));
        }
        self.tell_name(link, (child, old, &name), number);
        Ok(name)
    }

    /// Here a new name holds at once; servers above are told when the child has said it
    /// (`on_stated`).
    fn tell_name(
        &mut self,
        link: LinkId,
        (child, old, name): (NodeId, Option<Name>, &Name),
        number: u64,
    ) {
        let told = Rename { number, name: Some(name.to_string()), refused: None };
        self.say(link, Kind::RENAME, body::write(&told));
        if old.as_ref() != Some(name) {
            self.event(Event::Renamed { node: child, old, name: name.clone() });
        }
    }

    /// Whoever is called as a member is that was invited by that name is called otherwise from now
    /// on: a child of this node by its id, others by their servers, and here by no name until then.
    pub(super) fn take_names_back(&mut self, now: Moment) {
        let is_concerned = |record: &&Record| {
            record.name.as_ref().is_some_and(|name| self.is_anothers_name(name, record.id))
        };
        let records = self.tree.records().into_iter().filter(is_concerned);
        let records: Vec<Record> = records.cloned().collect();
        for mut record in records {
            let child = record.id;
            let link = self.links.child(child).filter(|_| record.parent == self.config.id);
            let name = link.map(|_| self.free_name(child, &Name::unnamed(&child)));
            let old = std::mem::replace(&mut record.name, name.clone());
            if self.tree.put(record).is_err() {
                continue;
            }
            match (link, name) {
                (Some(link), Some(name)) => self.tell_name(link, (child, old, &name), 0),
                _ => self.tell_put(child, false, now),
            }
        }
    }

    /// Does this name belong to another member?
    pub(super) fn is_anothers_name(&self, name: &Name, node: NodeId) -> bool {
        let charter = self.standing.as_ref().map(Standing::charter);
        self.does(Duty::OwnNames)
            && charter.is_some_and(|charter| charter.is_anothers_name(name, node))
    }

    /// Was this member invited with this name?
    pub(super) fn is_own_name(&self, name: &Name, node: NodeId) -> bool {
        let charter = self.standing.as_ref().map(Standing::charter);
        charter.is_some_and(|charter| charter.is_own_name(name, node))
    }

    /// The parent's word: what this node is called, or why not.
    fn on_named(&mut self, now: Moment, link: LinkId, rename: Rename) -> Result<(), Misbehaved> {
        let Rename { number, name, refused } = rename;
        let asked = |waiting: &mut Renaming| waiting.number == number && waiting.link == link;
        match (refused, name) {
            (Some(Refused { kind, text }), _) => {
                if let Some(waiting) = self.renaming.take_if(asked) {
                    let refusal = Refusal::new(kind, sanitise_line(&text));
                    self.rename_ended(now, waiting.by, Outcome::Refused(refusal));
                }
            }
            (None, Some(text)) => {
                let name = Name::known(&text)
                    .map_err(|_| Misbehaved("a name that cannot be".to_owned()))?;
                let by = self.renaming.take_if(asked).map(|waiting| waiting.by);
                self.take_name(now, name, by);
            }
            (None, None) => return Err(Misbehaved("a word on names that says none".to_owned())),
        }
        Ok(())
    }

    /// From here on this node is called so, and asks for this name wherever it joins, also in its
    /// later lives.
    fn take_name(&mut self, now: Moment, name: Name, by: Option<NamedBy>) {
        self.config.name = Some(name.clone());
        let old = std::mem::replace(&mut self.name, name.clone());
        self.keep_name(name.clone(), by);
        if old == name {
            return;
        }
        let old = Some(old);
        self.state_new_name();
        // Everybody below has this name in its path.
        let for_children = body::write(&self.place_of_children());
        for (_, link) in self.links.children().collect::<Vec<_>>() {
            self.say(link, Kind::PLACE, for_children.clone());
        }
        self.event(Event::Renamed { node: self.config.id, old, name });
        let (path, rooted) = (self.path(), self.is_rooted());
        self.event(Event::Placed { path, rooted });
        self.notice_changed_metadata(now);
    }

    /// To be called after whatever may have ended the wait for the parent's word: its time, or the
    /// link to it.
    pub(super) fn check_renaming(&mut self, now: Moment) {
        let uplink = &self.uplink;
        let is_over =
            |waiting: &mut Renaming| waiting.due <= now || !uplink.is_parent_link(waiting.link);
        if let Some(waiting) = self.renaming.take_if(is_over) {
            let text = "the higher server did not say whether the name is free; look at s.info()";
            self.rename_ended(now, waiting.by, Outcome::Unknown(text.to_owned()));
        }
    }

    pub(super) fn rename_ended(&mut self, now: Moment, by: NamedBy, outcome: Outcome) {
        match by {
            NamedBy::Program(op) => self.event(Event::Ended { op, outcome }),
            NamedBy::Command(inbound) => self.answer_with(now, inbound, outcome),
        }
    }
}

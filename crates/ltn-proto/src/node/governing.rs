//! What is done about the people of a server: what they are called, who is heard, who is thrown
//! out, and who is meant.
//!
//! Muting and kicking bind an id. Who is muted is no source of anything here, and passes on and
//! answers as before.

use super::NodeState;
use super::renaming::NamedBy;
use super::running::Run;
use crate::event::Event;
use crate::frame::{Flags, Frame, Header, Kind};
use crate::id::{LinkId, NodeId};
use crate::inbound::Caller;
use crate::limits::KICK_LIFETIME;
use crate::moment::Moment;
use crate::name::Name;
use crate::outcome::{CloseReason, Outcome, Refusal, RefusalKind};
use crate::standing::Standing;
use crate::text::{quotable, span};

/// Who is not kicked, though joined from there, and why.
type Spared = (String, &'static str);

impl NodeState {
    /// `s.changename`: the caller's own name, or another's for who may do that.
    pub(super) fn change_name(&mut self, now: Moment, run: &Run) {
        match self.check_change_name(run) {
            Ok(node) if node == self.config.id => {
                self.rename_self(now, &run.raw_text(0), NamedBy::Command(run.inbound));
            }
            Ok(node) => {
                let before = self.call(node);
                match self.name_child(node, &run.raw_text(0), 0) {
                    Ok(name) => self.reply_text(now, run, format!("{before} is called {name} now")),
                    Err(Refusal { kind, text }) => self.refuse(now, run, kind, &text),
                }
            }
            Err(Refusal { kind, text }) => self.refuse(now, run, kind, &text),
        }
    }

    /// Whose name it is about, if it is the caller's to change.
    fn check_change_name(&self, run: &Run) -> Result<NodeId, Refusal> {
        let node = match run.arguments.get(1) {
            None => run.actor,
            Some(_) => self.find_person(&run.raw_text(1))?,
        };
        if node != run.actor && !self.is_admin(run.actor) {
            let text = format!("another's name is changed by an admin of {} only", self.name);
            return Err(Refusal::new(RefusalKind::NoPermission, text));
        }
        if node != self.config.id && self.links.child(node).is_none() {
            return Err(self.not_joined_here(node));
        }
        Ok(node)
    }

    /// `s.mute` and `s.unmute`: all that are named, or none of them.
    pub(super) fn change_muted(&mut self, now: Moment, command: &str, run: &Run) {
        let muted = command == "s.mute";
        let done = self.find_people(run).and_then(|nodes| {
            let done = self.set_muted(now, run.actor, &nodes, muted);
            done.map(|()| {
                let names = self.call_all(&nodes);
                let what = if muted { "muted" } else { "heard again" };
                (format!("{names} {what} at {}", self.name), nodes)
            })
        });
        self.answer_when_kept(now, run, done);
    }

    fn set_muted(
        &mut self,
        now: Moment,
        by: NodeId,
        nodes: &[NodeId],
        muted: bool,
    ) -> Result<(), Refusal> {
        let me = self.name.clone();
        if muted && nodes.iter().any(|node| *node == by || *node == self.config.id) {
            let text = format!("neither you nor {me} itself can be muted by you");
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        if muted {
            self.check_spares_owner(nodes)?;
        }
        for node in nodes {
            let changed =
                if muted { self.people.mute(*node) } else { Ok(self.people.unmute(*node)) };
            let changed = changed.map_err(|_| {
                Refusal::new(RefusalKind::Full, format!("{me} has muted as many as it can"))
            })?;
            if changed {
                let name = self.name_of(*node);
                self.event(Event::Muted { node: *node, name, muted, by });
                let text = if muted {
                    let by = self.call(by);
                    format!("{by} muted you: {me} looks at nothing that you say, ask or command")
                } else {
                    format!("{} lets you be heard again at {me}", self.call(by))
                };
                self.say_to(now, *node, text);
            }
        }
        Ok(())
    }

    /// Is this the main server of a network with members, or a visit of its owner?
    fn is_owner(&self, node: NodeId) -> bool {
        let root = self.standing.as_ref().map(Standing::root);
        root == Some(self.owner_of(node))
    }

    /// Whoever is admin by the owner's grace neither silences him nor throws him out.
    fn check_spares_owner(&self, nodes: &[NodeId]) -> Result<(), Refusal> {
        let Some(owner) = nodes.iter().find(|node| self.is_owner(**node)) else { return Ok(()) };
        let who = self.call(*owner);
        let text = format!("{who} is the main server or its owner: nobody mutes or kicks that");
        Err(Refusal::new(RefusalKind::NotPossible, text))
    }

    /// Is what this node says not looked at? The owner may have been muted by his key, before it
    /// was known whose that is.
    pub(super) fn is_silenced(&self, node: NodeId) -> bool {
        self.people.is_muted(node) && !self.is_owner(node)
    }

    /// What a muted node says goes no further than here.
    pub(super) fn silence(&mut self, now: Moment, header: &Header) {
        if !header.flags.has(Flags::ANSWER_WANTED) {
            self.counters.dropped += 1;
            return;
        }
        let caller = Caller { node: header.source, request: header.id, question: None };
        let text = format!("you are muted at {}; ask an admin there", self.name);
        let refusal = Refusal::new(RefusalKind::Muted, text);
        self.reply(now, caller, Outcome::Refused(refusal));
    }

    /// `s.kickuser`: all that are named, or none of them.
    pub(super) fn kick_users(&mut self, now: Moment, run: &Run) {
        let done = self.find_people(run).and_then(|nodes| {
            self.check_spares_owner(&nodes)?;
            self.check_kick(run, nodes)
        });
        let done = done.map(|nodes| self.kick_all(now, run.actor, nodes));
        self.answer_when_kept(now, run, done);
    }

    fn check_kick(&self, run: &Run, nodes: Vec<NodeId>) -> Result<Vec<NodeId>, Refusal> {
        for node in &nodes {
            let text = match self.links.child(*node) {
                None => return Err(self.not_joined_here(*node)),
                Some(_) if *node == run.actor => "you do not kick yourself; disconnect".to_owned(),
                Some(link) if Some(link) == self.arrived => {
                    format!("you speak through {}; kick it from elsewhere", self.call(*node))
                }
                Some(_) => continue,
            };
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        Ok(nodes)
    }

    /// Throws them out; what was done, and of whom something else is to be remembered now.
    fn kick_all(
        &mut self,
        now: Moment,
        by: NodeId,
        mut nodes: Vec<NodeId>,
    ) -> (String, Vec<NodeId>) {
        let names = self.call_all(&nodes);
        let (kicker, wait) = (self.call(by), span(KICK_LIFETIME));
        let mut freed = Vec::new();
        for node in &nodes {
            let Some(link) = self.links.child(*node) else { continue };
            freed.extend(self.people.kick(now, *node));
            let name = self.name_of(*node);
            self.event(Event::Kicked { node: *node, name, by });
            let text = format!("{kicker} kicked you; {} lets you in after {wait}", self.name);
            self.close_link(now, link, CloseReason::Kicked, &text);
        }
        nodes.extend(freed);
        (format!("{names} kicked, and not let in for {wait}"), nodes)
    }

    /// `s.kickip`: whoever is joined from these addresses, but not who says so.
    pub(super) fn kick_addresses(&mut self, now: Moment, run: &Run) {
        let done = self.find_addresses(run).map(|(nodes, spared)| {
            let (mut text, nodes) = self.kick_all(now, run.actor, nodes);
            if let Some((spared, why)) = spared {
                text += &format!("; {spared} is there too and stays, for {why}");
            }
            (text, nodes)
        });
        self.answer_when_kept(now, run, done);
    }

    /// Who is joined from there; and who also is, but is spared, and why.
    fn find_addresses(&self, run: &Run) -> Result<(Vec<NodeId>, Option<Spared>), Refusal> {
        let (mut nodes, mut spared) = (Vec::new(), None);
        for index in 0..run.arguments.len() {
            let wanted = run.raw_text(index);
            let mut anybody = false;
            for (node, link) in self.links.children().filter(|(_, link)| self.is_at(*link, &wanted))
            {
                anybody = true;
                if Some(link) == self.arrived {
                    spared = Some((self.call(node), "you speak through it"));
                } else if self.is_owner(node) {
                    spared = Some((self.call(node), "nobody kicks the owner of the main server"));
                } else if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
            if !anybody {
                let (me, wanted) = (&self.name, quotable(&wanted));
                let text = format!("nobody is joined to {me} from `{wanted}`");
                return Err(Refusal::new(RefusalKind::BadTarget, text));
            }
        }
        match &spared {
            Some((spared, why)) if nodes.is_empty() => {
                let text = format!("only {spared} is there, and {why}");
                Err(Refusal::new(RefusalKind::NotPossible, text))
            }
            _ => Ok((nodes, spared)),
        }
    }

    /// Does the other end speak from this address (with its port or without), or this place?
    fn is_at(&self, link: LinkId, wanted: &str) -> bool {
        let Some(remote) = self.links.get(link).map(|link| &link.remote) else { return false };
        match (remote.socket_addr(), wanted.trim_matches(['[', ']']).parse::<std::net::IpAddr>()) {
            (Some(socket), Ok(ip)) => socket.ip().to_canonical() == ip.to_canonical(),
            _ => remote.as_str() == wanted,
        }
    }

    /// What a node of this subtree is called.
    pub(super) fn name_of(&self, node: NodeId) -> Option<Name> {
        self.tree.get(node).and_then(|record| record.name.clone())
    }

    /// A line from this server to a node, as people would send one.
    pub(super) fn say_to(&mut self, now: Moment, node: NodeId, text: String) {
        let mut header = Header::new(Kind::CAST, self.config.id, node);
        header.flags = Flags::TEXT;
        if self.send_out(now, Frame { header, payload: text.into() }).is_err() {
            self.counters.dropped += 1;
        }
    }

    /// The refusal to do something to a node that is no neighbour below this one.
    pub(super) fn not_joined_here(&self, node: NodeId) -> Refusal {
        let (who, me) = (self.where_is(node), &self.name);
        let text = match self.tree.get(node) {
            Some(record) if record.stale_since.is_some() => format!("{who} is out of reach"),
            Some(record) => {
                let server = self.where_is(record.parent);
                format!("{who} is not joined to {me} itself; say it to its server, {server}")
            }
            None => format!("{who} is not joined to {me}; say it to its server"),
        };
        Refusal::new(RefusalKind::NotPossible, text)
    }
}

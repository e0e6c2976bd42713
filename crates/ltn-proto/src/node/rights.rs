//! Rights at one server: words given to nodes and taken from them, and the admin key.
//!
//! Who gave the key is admin on the one link that it came by, for what touches this server alone,
//! and hands nothing of it on.

use super::NodeState;
use super::running::Run;
use crate::body;
use crate::commands::{COMMANDS_WITH_KEY, CommandSpec, Reach};
use crate::event::{Event, KeyNews, KeyWish};
use crate::frame::Kind;
use crate::id::{InboundId, LinkId, NodeId};
use crate::keydesk::{AtDesk, NotNow};
use crate::limits::{KEY_BYTES_MAX, KEY_BYTES_MIN};
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::permissions::{Permission, Permissions};
use crate::requests::Question;
use crate::secret::Secret;
use crate::text::{quotable, span};

impl NodeState {
    /// Does this node hold the permission here, from wherever it speaks? A visit does if its owner
    /// does.
    pub(super) fn holds(&self, actor: NodeId, needed: &Permission) -> bool {
        self.owner_of(actor) == self.config.id
            || self.config.newcomers.allow(needed)
            || self.given_here(actor).is_some_and(|rights| rights.allow(needed))
            || self.granted_to(actor).allow(needed)
    }

    /// What it was given at this server. Between members the charter alone says who may more than
    /// everybody: what a server gave by itself would outlive the right of who had it given.
    pub(super) fn given_here(&self, node: NodeId) -> Option<&Permissions> {
        self.people.rights(node).filter(|_| self.standing.is_none())
    }

    /// May it run this command: by what it holds; where the command reaches no further than this
    /// server also by the key that it gave on this very link; where it is about the network by
    /// nothing but the charter?
    pub(super) fn may_run(&self, actor: NodeId, spec: &CommandSpec) -> bool {
        let needed = &spec.permission;
        match spec.reach {
            Reach::Server => self.holds(actor, needed) || self.is_admin_by_key(actor),
            Reach::Further => self.holds(actor, needed),
            Reach::Network => actor == self.config.id || self.granted_to(actor).allow(needed),
        }
    }

    /// Is it an admin of this server, in either way?
    pub(super) fn is_admin(&self, actor: NodeId) -> bool {
        self.holds(actor, &Permission::admin()) || self.is_admin_by_key(actor)
    }

    fn is_admin_by_key(&self, actor: NodeId) -> bool {
        self.direct_link(actor).is_some_and(|link| self.people.is_trusted(link))
    }

    /// The link that what is being looked at came by, if it is the actor's own and leads down.
    pub(super) fn direct_link(&self, actor: NodeId) -> Option<LinkId> {
        self.arrived.filter(|link| self.links.child(actor) == Some(*link))
    }

    /// What a node may do here, in words.
    pub(super) fn rights_in_words(&self, node: NodeId) -> String {
        let rights = self.rights_of(node);
        let words: Vec<&str> = rights.iter().map(Permission::as_str).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    }

    fn rights_of(&self, node: NodeId) -> Permissions {
        let given = self.given_here(node).into_iter().flat_map(Permissions::iter);
        let all = given.cloned().fold(self.config.newcomers.clone(), Permissions::with);
        let by_key = self.links.child(node).is_some_and(|link| self.people.is_trusted(link));
        if by_key { all.with(Permission::admin()) } else { all }
    }

    /// `s.getrights`, `s.removerights` for the caller; `s.giverights`, `s.takerights` for others.
    pub(super) fn change_rights(&mut self, now: Moment, command: &str, run: &Run) {
        let done = match command {
            "s.getrights" => self.give_rights(now, run, run.actor, 0),
            "s.removerights" => self.take_rights(now, run, run.actor, 0),
            _ => self
                .find_all(&run.raw_text(0), run.actor)
                .and_then(|nodes| self.change_rights_of(now, command, run, nodes)),
        };
        self.answer_when_kept(now, run, done);
    }

    /// Of several nodes those are passed over that were given none of what is taken.
    fn change_rights_of(
        &mut self,
        now: Moment,
        command: &str,
        run: &Run,
        mut nodes: Vec<NodeId>,
    ) -> Result<(String, Vec<NodeId>), Refusal> {
        let gives = command == "s.giverights";
        if !gives && nodes.len() > 1 {
            let words = words(run, 1)?;
            let given = |node: &NodeId| self.people.rights(*node);
            nodes.retain(|node| given(node).is_some_and(|g| words.iter().any(|w| g.allow(w))));
        }
        let is_one = nodes.len() == 1;
        let (mut lines, mut changed) = (Vec::new(), Vec::new());
        for node in nodes {
            let done = match gives {
                true => self.give_rights(now, run, node, 1),
                false => self.take_rights(now, run, node, 1),
            };
            match done {
                Ok((line, _)) => {
                    let place = format!("{}: ", self.where_is(node));
                    lines.push(if is_one { line } else { place + &line });
                    changed.push(node);
                }
                // What was done before holds, and is told.
                Err(refusal) if !changed.is_empty() => lines.push(refusal.text),
                Err(refusal) => return Err(refusal),
            }
        }
        if changed.is_empty() {
            let text = format!("nobody of them was given any of that at {}", self.name);
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        Ok((lines.join("\n"), changed))
    }

    fn give_rights(
        &mut self,
        now: Moment,
        run: &Run,
        node: NodeId,
        from: usize,
    ) -> Result<(String, Vec<NodeId>), Refusal> {
        let words = words(run, from)?;
        if self.standing.is_some() {
            let text = "in a network with members all rights stand in its charter: \
                        `ltn grant MEMBER PERMISSION --at SERVER`";
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        if node == self.config.id {
            return Err(Refusal::new(RefusalKind::NotPossible, "a server may do everything here"));
        }
        let hands_on = node != run.actor || words.contains(&Permission::admin());
        if hands_on && !self.holds(run.actor, &Permission::admin()) {
            let text = "who is admin by the key alone gives no rights to others, and not `admin`";
            return Err(Refusal::new(RefusalKind::NoPermission, text));
        }
        if self.people.give(node, &words).is_err() {
            let text = format!("{} can hold no more rights", self.name);
            return Err(Refusal::new(RefusalKind::Full, text));
        }
        self.rights_changed(now, node, run.actor);
        Ok((self.holds_now(node), vec![node]))
    }

    fn take_rights(
        &mut self,
        now: Moment,
        run: &Run,
        node: NodeId,
        from: usize,
    ) -> Result<(String, Vec<NodeId>), Refusal> {
        let words = words(run, from)?;
        let everybodys = words.iter().find(|word| self.config.newcomers.iter().any(|w| w == *word));
        if let Some(word) = everybodys {
            let text = format!("everybody at {} holds `{word}`; it is not taken away", self.name);
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        if self.people.take(node, &words).is_empty() {
            let text = format!("{} was given none of that at {}", self.call(node), self.name);
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        self.rights_changed(now, node, run.actor);
        Ok((self.holds_now(node), vec![node]))
    }

    fn holds_now(&self, node: NodeId) -> String {
        format!("{} holds {} at {}", self.call(node), self.rights_in_words(node), self.name)
    }

    fn rights_changed(&mut self, now: Moment, node: NodeId, by: NodeId) {
        let (rights, name) = (self.rights_of(node), self.name_of(node));
        self.event(Event::RightsChanged { node, name, by, rights });
        if node != by && node != self.config.id {
            let text = format!(
                "{}: you hold {} at {}",
                self.call(by),
                self.rights_in_words(node),
                self.name
            );
            self.say_to(now, node, text);
        }
    }

    /// `s.removeadmin`: the caller's own, or that of others.
    pub(super) fn remove_admin(&mut self, now: Moment, run: &Run) {
        let done = self.check_remove_admin(run);
        let done = done.map(|nodes| {
            let names = self.call_all(&nodes);
            for node in &nodes {
                if let Some(link) = self.links.child(*node) {
                    self.people.distrust_link(link);
                }
                self.people.take(*node, &[Permission::admin()]);
                self.rights_changed(now, *node, run.actor);
            }
            (format!("{names}: no admin of {} any more", self.name), nodes)
        });
        self.answer_when_kept(now, run, done);
    }

    fn check_remove_admin(&self, run: &Run) -> Result<Vec<NodeId>, Refusal> {
        let me = &self.name;
        if self.config.newcomers.allow(&Permission::admin()) {
            let text = format!("everybody is admin of {me}, as its network is open");
            return Err(Refusal::new(RefusalKind::NotPossible, text));
        }
        if !run.arguments.is_empty() && !self.is_admin(run.actor) {
            let text = format!("others are made no admins by admins of {me} only");
            return Err(Refusal::new(RefusalKind::NoPermission, text));
        }
        let nodes = if run.arguments.is_empty() { vec![run.actor] } else { self.find_people(run)? };
        match nodes.iter().find(|node| !self.rights_of(**node).allow(&Permission::admin())) {
            Some(node) => {
                let text = format!("{} is no admin of {me}", self.call(*node));
                Err(Refusal::new(RefusalKind::NotPossible, text))
            }
            None => Ok(nodes),
        }
    }

    /// `s.getadmin`: the key is given to the shell, which alone can tell whether it is right.
    pub(super) fn get_admin(&mut self, now: Moment, run: &Run) {
        let me = &self.name;
        let link = match self.check_get_admin(run) {
            Ok(Some(link)) => link,
            Ok(None) => return self.reply_text(now, run, format!("you are an admin of {me}")),
            Err(Refusal { kind, text }) => return self.refuse(now, run, kind, &text),
        };
        if let Err(why) = self.key_desk.try_key(now, run.actor) {
            return self.refuse(now, run, RefusalKind::Busy, &not_now(why));
        }
        let who = AtDesk { node: run.actor, link: Some(link) };
        self.bring_to_key_desk(now, run, who, KeyWish::Check(Secret::new(run.raw_text(0))));
    }

    /// The link that becomes an admin's if the key is right; `None` for who is one anyway.
    fn check_get_admin(&self, run: &Run) -> Result<Option<LinkId>, Refusal> {
        let me = &self.name;
        if self.is_admin(run.actor) {
            return Ok(None);
        }
        let not_possible = |text: String| Err(Refusal::new(RefusalKind::NotPossible, text));
        let Some(link) = self.direct_link(run.actor) else {
            return not_possible(format!(
                "only who is joined to {me} itself becomes admin by a key"
            ));
        };
        if !self.key_desk.has_key {
            return not_possible(format!("{me} has no admin key, so nobody becomes admin by one"));
        }
        if run.arguments.is_empty() {
            let text = format!("you are no admin of {me}; s.getadmin(adminkey) makes you one");
            return Err(Refusal::new(RefusalKind::BadArguments, text));
        }
        Ok(Some(link))
    }

    /// `s.setadminkey`: the shell keeps its hash.
    pub(super) fn set_admin_key(&mut self, now: Moment, run: &Run) {
        let link = self.direct_link(run.actor);
        if link.is_none() && run.actor != self.config.id {
            let text = format!("a key is set only by who is joined to {} itself", self.name);
            return self.refuse(now, run, RefusalKind::NotPossible, &text);
        }
        if self.standing.is_some() && run.actor != self.config.id {
            let text = "in a network with members the key of a server is set at its machine \
                        (--admin-key-file): else who is no admin any more would know it";
            return self.refuse(now, run, RefusalKind::NotPossible, text);
        }
        let key = Secret::new(run.raw_text(0));
        let length = key.reveal().len();
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&length) {
            let text = format!("an admin key has {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes");
            return self.refuse(now, run, RefusalKind::BadArguments, &text);
        }
        let who = AtDesk { node: run.actor, link };
        self.bring_to_key_desk(now, run, who, KeyWish::Keep(key));
    }

    fn bring_to_key_desk(&mut self, now: Moment, run: &Run, who: AtDesk, wish: KeyWish) {
        match self.key_desk.wait(run.inbound, who) {
            Ok(()) => self.event(Event::AdminKey { inbound: run.inbound, wish }),
            Err(why) => self.refuse(now, run, RefusalKind::Busy, &not_now(why)),
        }
    }

    /// What the shell has to say about keys.
    pub(super) fn on_key_news(&mut self, now: Moment, news: KeyNews) {
        match news {
            KeyNews::Known(has_key) => self.key_desk.has_key = has_key,
            KeyNews::Checked { inbound, right } => self.on_key_checked(now, inbound, right),
            KeyNews::Kept { inbound, error } => self.on_key_kept(now, inbound, error),
        }
    }

    fn on_key_checked(&mut self, now: Moment, inbound: InboundId, right: bool) {
        let Some(AtDesk { node, link }) = self.key_desk.done(inbound) else { return };
        if !right {
            let name = self.name_of(node);
            self.event(Event::WrongKey { node, name });
            let text = format!("that is not the admin key of {}", self.name);
            let refusal = Refusal::new(RefusalKind::NoPermission, text);
            return self.answer_with(now, inbound, Outcome::Refused(refusal));
        }
        self.key_desk.was_right(node);
        let Some(link) = link.filter(|link| self.links.child(node) == Some(*link)) else {
            let text = "the connection that the key came by is gone";
            let refusal = Refusal::new(RefusalKind::Lost, text);
            return self.answer_with(now, inbound, Outcome::Refused(refusal));
        };
        self.people.trust_link(link);
        self.rights_changed(now, node, node);
        let text = format!("you are an admin of {} as long as you stay joined to it", self.name);
        self.answer_with(now, inbound, Outcome::Reply(text.into()));
    }

    fn on_key_kept(&mut self, now: Moment, inbound: InboundId, error: Option<String>) {
        let Some(AtDesk { link, .. }) = self.key_desk.done(inbound) else { return };
        let outcome = match error {
            Some(error) => Outcome::Failed(error),
            None => {
                self.key_desk.has_key = true;
                // Who came in by the old key has to know the new one.
                self.people.trust_only(link);
                let me = &self.name;
                let text = format!("{me} has a new admin key, and keeps nothing but its hash");
                Outcome::Reply(text.into())
            }
        };
        self.answer_with(now, inbound, outcome);
    }

    /// A key is given to neighbours only: every server on a longer way could read it.
    pub(super) fn check_key_stays_here(
        &self,
        node: NodeId,
        question: &Question,
    ) -> Result<(), Refusal> {
        let parent = self.uplink.parent.as_ref().is_some_and(|parent| parent.id == node);
        let is_near = parent || node == self.config.id || self.links.child(node).is_some();
        if is_near || question.kind != Kind::CALL || !carries_key(&question.payload) {
            return Ok(());
        }
        let text = "a key is given only to the server that this node is joined to, because every \
                    server on a longer way could read it";
        Err(Refusal::new(RefusalKind::NotPossible, text))
    }

    /// `s.getadminkey`: what can be said of it.
    pub(super) fn about_admin_key(&self) -> String {
        let me = &self.name;
        if self.key_desk.has_key {
            format!(
                "{me} keeps nothing but a hash of its admin key, so nobody can show it; \
                 s.setadminkey(new_key) sets another one"
            )
        } else {
            format!("{me} has no admin key, so s.getadmin is off; s.setadminkey(new_key) sets one")
        }
    }
}

fn carries_key(payload: &[u8]) -> bool {
    let call = body::read::<body::Call>(payload);
    call.is_ok_and(|call| COMMANDS_WITH_KEY.contains(&call.command.as_str()))
}

fn not_now(why: NotNow) -> String {
    match why {
        NotNow::TooOften(wait) => format!("too many wrong keys; try again in {}", span(wait)),
        NotNow::Busy => "other keys are being looked at; try again in a moment".to_owned(),
    }
}

/// The permissions that are named from this argument on.
fn words(run: &Run, from: usize) -> Result<Vec<Permission>, Refusal> {
    let word = |index| {
        let text = run.raw_text(index);
        Permission::word(&text).ok_or_else(|| {
            let text = quotable(&text);
            let text = format!("`{text}` is no permission: one word of letters, digits, `_`, `-`");
            Refusal::new(RefusalKind::BadArguments, text)
        })
    };
    (from..run.arguments.len()).map(word).collect()
}

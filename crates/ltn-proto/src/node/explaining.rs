//! `s.why`: may a node run a command here, by which rule, and how is that changed?
//!
//! It only looks; what it looks at is what decides when the command comes.

use super::NodeState;
use super::running::Run;
use crate::commands::{CommandSpec, Reach};
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::{Refusal, RefusalKind};
use crate::permissions::Permission;
use crate::text::quotable;
use crate::value::Value;

/// Why a node may run a command, or may not.
struct Verdict {
    may: bool,
    rule: String,
    change: String,
}

impl NodeState {
    pub(super) fn explain(&mut self, now: Moment, run: &Run) {
        let (who, typed) = (run.raw_text(0), run.raw_text(1));
        let (command, known) = self.command_meant(&typed);
        let found = match who.parse::<NodeId>() {
            Ok(id) => Ok(id),
            Err(_) => self.find_person(&who),
        };
        let answer = match (found, known) {
            (Err(refusal), _) => Err(refusal),
            (Ok(_), None) => {
                let text = format!("{} has no command `{}`", self.name, quotable(&command));
                Err(Refusal::new(RefusalKind::NotOffered, text))
            }
            (Ok(id), Some(spec)) => Ok(self.verdict_in_words(id, &spec)),
        };
        match answer {
            Ok(value) => self.answer_with(now, run.inbound, crate::outcome::Outcome::Reply(value)),
            Err(Refusal { kind, text }) => self.refuse(now, run, kind, &text),
        }
    }

    /// The command of this name, which may have been said without its `s.`.
    fn command_meant(&self, typed: &str) -> (String, Option<CommandSpec>) {
        let spec = |name: &str| self.offers.command(name).map(|(spec, _)| spec.clone());
        let whole = format!("s.{typed}");
        match (spec(typed), spec(&whole)) {
            (None, Some(known)) => (whole, Some(known)),
            (known, _) => (typed.to_owned(), known),
        }
    }

    fn verdict_in_words(&self, who: NodeId, spec: &CommandSpec) -> Value {
        let (command, needed) = (&spec.name, &spec.permission);
        let Verdict { may, rule, change } = self.verdict(who, spec);
        let here = self.path().to_string();
        let called = self.call(who);
        let verb = if may { "may" } else { "cannot" };
        let text = format!(
            "{called} {verb} run {command} at {here}\n  rule: {rule}\n  decided by: {here} itself, \
             when the command comes\n  to change it: {change}"
        );
        Value::map([
            ("may", Value::from(may)),
            ("needs", needed.as_str().into()),
            ("rule", rule.into()),
            ("layer", here.into()),
            ("change", change.into()),
            ("text", text.into()),
        ])
    }

    /// What a person types for it.
    fn typed(&self, who: NodeId) -> String {
        let called = self.call(who);
        if called.ends_with('…') { who.to_string() } else { called }
    }

    fn verdict(&self, who: NodeId, spec: &CommandSpec) -> Verdict {
        let (me, called) = (&self.name, self.typed(who));
        let (command, needed) = (&spec.name, &spec.permission);
        let by_charter_alone = spec.reach == Reach::Network;
        let yes = |rule: String, change: String| Verdict { may: true, rule, change };
        if self.is_revoked(who) {
            let rule = "its key was revoked, so nothing that it says counts".to_owned();
            let change = "nothing brings a revoked key back; `ltn invite` lets a new one in";
            return Verdict { may: false, rule, change: change.to_owned() };
        }
        // A visit may what its owner may, and is given nothing in its own name.
        let (who, called) = match self.visit_of(who) {
            Some(owner) => (owner, self.typed(owner)),
            None => (who, called),
        };
        if who == self.config.id {
            let rule = format!("it is {me} itself, which may do everything here");
            return yes(rule, "this does not change".to_owned());
        }
        if self.config.newcomers.allow(needed) && !by_charter_alone {
            let rule = format!("everybody at {me} holds `{needed}`");
            return yes(rule, format!("start {me} with other rights for everybody (--newcomers)"));
        }
        if self.given_here(who).is_some_and(|rights| rights.allow(needed)) && !by_charter_alone {
            let rule = format!("it was given that at {me} (s.giverights)");
            return yes(rule, format!("`s.takerights({called}, {needed})` at {me}"));
        }
        if let Some(scope) = self.grant_for(who, needed) {
            let rule = format!("the network's charter grants it `{needed}` {scope}");
            return yes(rule, format!("`ltn ungrant {called} {needed}`"));
        }
        if self.may_run(who, spec) {
            let rule = format!("it gave the admin key of {me} on the link that it has now");
            return yes(rule, format!("`s.removeadmin({called})` at {me}"));
        }
        let rule = format!(
            "{command} needs `{needed}`: everybody at {me} has less, nothing was given to it here, \
             and no grant of the network's charter covers {me}"
        );
        let path = self.path().to_string();
        let change = match self.standing {
            Some(_) => format!("`ltn grant {called} {needed} --at {path}`"),
            None => format!("`s.giverights({called}, {needed})` at {me}"),
        };
        Verdict { may: false, rule, change }
    }

    /// Where the grant holds that lets it do this here.
    fn grant_for(&self, who: NodeId, needed: &Permission) -> Option<String> {
        let charter = self.standing.as_ref()?.charter();
        let ancestors = &self.place.ancestors;
        let allows = |grant: &&crate::charter::Grant| {
            let what = grant.what.iter().cloned();
            let all =
                what.fold(crate::permissions::Permissions::none(), |all, word| all.with(word));
            grant.who == who && all.allow(needed)
        };
        charter.grants.iter().filter(allows).find_map(|grant| {
            if grant.scope == charter.root {
                return Some("everywhere".to_owned());
            }
            if grant.scope == self.config.id {
                return Some("here and below".to_owned());
            }
            let above = ancestors.iter().find(|above| above.id == grant.scope)?;
            Some(format!("at {} and below", above.name))
        })
    }
}

//! What people are told who ask: `s.help` and `s.info` in all their forms.

use std::collections::BTreeSet;

use super::NodeState;
use super::running::{Run, count};
use crate::commands::{CommandSpec, nearest};
use crate::id::NodeId;
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::permissions::Permission;
use crate::text::{quotable, span};
use crate::value::Value;

/// What comes of asking for help with a word that is no command's.
const PROJECT: &str = "LocalThingsNetwork: a layered network for the things on your own machines. \
    A main server is the root, sub-servers hang below it, clients join anywhere, and everybody \
    can message, ask and command everybody else, by path, name or id.";

impl NodeState {
    /// How many servers and clients are joined here, in words.
    pub(super) fn counts(&self) -> (String, String) {
        let servers = self.own_servers().len();
        let listed = |id: &NodeId| self.tree.get(*id).is_some_and(|r| r.role.is_listed());
        let all = self.tree.children_of(self.config.id).filter(listed).count();
        (count(servers, "server"), count(all - servers, "client"))
    }

    /// `s.info`: this server, the commands, or nodes by name; more for an admin.
    pub(super) fn info(&mut self, now: Moment, run: &Run) {
        if run.arguments.is_empty() {
            let about = self.about_server(now, self.is_admin(run.actor));
            return self.answer_with(now, run.inbound, Outcome::Reply(about));
        }
        let mut lines = Vec::new();
        for index in 0..run.arguments.len() {
            let wanted = run.raw_text(index);
            match self.find_all(&wanted, NodeId::NOBODY) {
                Ok(nodes) => {
                    let about = nodes.iter().map(|node| self.about_node(now, *node, run.actor));
                    lines.extend(about);
                }
                Err(_) if wanted == "commands" => lines.push(self.all_commands()),
                Err(Refusal { kind, text }) => return self.refuse(now, run, kind, &text),
            }
        }
        self.reply_text(now, run, lines.join("\n"));
    }

    fn about_server(&self, now: Moment, for_admin: bool) -> Value {
        let mut value = self.metadata(now);
        let Value::Map(map) = &mut value else { return value };
        let (servers, clients) = self.counts();
        map.insert("path".to_owned(), self.path().to_string().into());
        map.insert("joined".to_owned(), format!("{servers}, {clients}").into());
        map.insert("services".to_owned(), self.services_value(now));
        if for_admin {
            let everybody: Vec<&str> =
                self.config.newcomers.iter().map(Permission::as_str).collect();
            let muted = self.people.muted().map(|node| Value::from(self.call(node)));
            let rights = self.people.with_rights().map(|(node, _)| {
                Value::from(format!("{}: {}", self.call(node), self.rights_in_words(node)))
            });
            map.insert("everybody_may".to_owned(), everybody.join(", ").into());
            map.insert("muted".to_owned(), Value::list(muted));
            map.insert("rights".to_owned(), Value::list(rights));
            map.insert("has_admin_key".to_owned(), self.key_desk.has_key.into());
        }
        value
    }

    /// One line about a node, and what admins, or the node itself, may know.
    fn about_node(&self, now: Moment, node: NodeId, asker: NodeId) -> String {
        let record = self.tree.get(node);
        let address = match record {
            Some(record) => record.address.clone(),
            None => self.config.address.clone().filter(|_| node == self.config.id),
        };
        let role = match record {
            Some(record) => format!("a {}", record.role),
            None if node == self.config.id => format!("a {}", self.config.role),
            None => "known here by its place only".to_owned(),
        };
        let stale = record.and_then(|r| r.stale_since).map_or(String::new(), |since| {
            format!(", out of reach for {}", span(now.since(since)))
        });
        let ping = self.round_trip_to(node).map_or(String::new(), |round_trip| {
            format!(", ping {:.2} ms", round_trip.as_secs_f64() * 1e3)
        });
        let (name, path) = (self.call(node), self.where_is(node));
        let at = address.map_or_else(|| node.to_string(), |address| address.to_string());
        let line = format!("{name} is {role} at {path}, {at}{stale}{ping}");
        if node == self.config.id || !(asker == node || self.is_admin(asker)) {
            return line;
        }
        let muted = if self.people.is_muted(node) { "; muted" } else { "" };
        let link = self.links.child(node).and_then(|link| self.links.get(link));
        let joined = link.map_or(String::new(), |link| {
            format!("; joined for {} from {}", span(now.since(link.opened)), link.remote)
        });
        format!("{line}\n  may: {}{muted}{joined}", self.rights_in_words(node))
    }

    /// `s.help`: in general, or about what is named.
    /// Nothing at all if one of the words means nothing here.
    pub(super) fn help(&self, run: &Run) -> Result<String, Refusal> {
        if run.arguments.is_empty() {
            return Ok(self.general_help());
        }
        let words: Vec<String> = (0..run.arguments.len()).map(|at| run.raw_text(at)).collect();
        let told: Result<Vec<_>, _> = words.iter().map(|word| self.help_on(word)).collect();
        told.map(|told| told.join("\n"))
    }

    fn general_help(&self) -> String {
        let names: Vec<&str> = self.offers.commands().map(|spec| spec.name.as_str()).collect();
        format!(
            "{} is a {} at {}. Type a command like s.info(), or text for people.\n{}\n\
             s.help(commands) lists all with their arguments, s.help(project), s.help(server), \
             s.help({}), s.help(s.ping, s.info) tell more.",
            self.name,
            self.config.role,
            self.path(),
            names.join(" "),
            self.categories()
                .iter()
                .next()
                .map_or_else(|| "commands".to_owned(), |category| format!("{category} commands")),
        )
    }

    fn help_on(&self, word: &str) -> Result<String, Refusal> {
        let category = word.strip_suffix(" commands").unwrap_or(word);
        let is_it =
            |spec: &&CommandSpec| spec.name == word || spec.name.strip_prefix("s.") == Some(word);
        let of_category = |spec: &&CommandSpec| !category.is_empty() && spec.category == category;
        let lines = |fits: &dyn Fn(&&CommandSpec) -> bool| {
            self.offers.commands().filter(|spec| fits(spec)).map(help_line).collect::<Vec<_>>()
        };
        let by_name = lines(&is_it);
        if !by_name.is_empty() {
            return Ok(by_name.join("\n"));
        }
        match word {
            "commands" => return Ok(self.all_commands()),
            "project" => return Ok(PROJECT.to_owned()),
            "server" => return Ok(self.help_on_server()),
            _ => {}
        }
        let by_category = lines(&of_category);
        if !by_category.is_empty() {
            return Ok(by_category.join("\n"));
        }
        let names = self.offers.commands().map(|spec| spec.name.as_str());
        let hint =
            nearest(word, names).map_or(String::new(), |it| format!("; did you mean `{it}`?"));
        let categories: Vec<&str> = self.categories().into_iter().collect();
        let word = quotable(word);
        let categories = categories.join(", ");
        let text = format!("nothing here is called `{word}`{hint} (categories: {categories})");
        Err(Refusal::new(RefusalKind::NotOffered, text))
    }

    fn help_on_server(&self) -> String {
        let (servers, clients) = self.counts();
        let description = match self.config.description.as_str() {
            "" => String::new(),
            text => format!(": {text}"),
        };
        let address = self.config.address.as_ref().map_or(String::new(), |at| format!(" at {at}"));
        format!(
            "{} is a {}{address}, in the tree at {}{description}. {servers} and {clients} are \
             joined to it. s.info() tells more, s.info(name) of one of them.",
            self.name,
            self.config.role,
            self.path()
        )
    }

    /// All commands with their arguments, by category.
    fn all_commands(&self) -> String {
        let mut lines = Vec::new();
        for category in self.categories() {
            lines.push(format!("{category} commands:"));
            let of_it = self.offers.commands().filter(|spec| spec.category == category);
            lines.extend(of_it.map(|spec| format!("  {}", help_line(spec))));
        }
        let others = self.offers.commands().filter(|spec| spec.category.is_empty());
        lines.extend(others.map(help_line));
        lines.join("\n")
    }

    fn categories(&self) -> BTreeSet<&str> {
        let all = self.offers.commands().map(|spec| spec.category.as_str());
        all.filter(|category| !category.is_empty()).collect()
    }
}

fn help_line(spec: &CommandSpec) -> String {
    let needs = if spec.permission == Permission::user() {
        String::new()
    } else {
        format!(" (needs {})", spec.permission)
    };
    let twice = if spec.dangerous { " (asks for confirmation)" } else { "" };
    format!("{} – {}{needs}{twice}", spec.usage(), spec.description)
}

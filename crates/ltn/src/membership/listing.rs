//! Who is in, out and invited, and how members are called, in words.

use std::collections::BTreeMap;
use std::time::Duration;

use ltn_proto::registry::{Member, OpenInvite, Registry};
use ltn_proto::{Charter, Grant, NodeId, Permission, Role, Value};

use super::MAIN_NAME;
use super::network::Network;
use crate::admin_commands::answer;

impl Network {
    /// Everybody, the main server first and then by name, and the invites that nobody has used.
    pub(super) async fn list(&self) -> Value {
        let mut members = self.members().await;
        let charter = self.charter().await;
        let order = |(id, member): &(NodeId, Member)| {
            (*id != charter.root, called(*id, member).to_lowercase(), *id)
        };
        members.sort_by_key(order);
        let names: BTreeMap<NodeId, String> =
            members.iter().map(|(id, member)| (*id, called(*id, member))).collect();
        let rest = |rest: Duration| format!(" for {} s more", rest.as_secs());
        let rests = |book: &Registry| -> Vec<String> {
            charter
                .grants
                .iter()
                .map(|of| book.rest_of(of).map_or_else(String::new, rest))
                .collect()
        };
        let rests = self.look(rests).await;
        let (mut lines, mut entries) = (Vec::new(), Vec::new());
        for (id, member) in members {
            let name = called(id, &member);
            let grants: Vec<String> = charter
                .grants
                .iter()
                .zip(&rests)
                .filter(|(grant, _)| grant.who == id)
                .map(|(grant, rest)| grant_in_words(grant, &charter, &names) + rest)
                .collect();
            let out = charter.is_revoked(id);
            let state = if out { ", out" } else { "" };
            let may = match grants.join("; ") {
                words if words.is_empty() => String::new(),
                words => format!(", holds {words}"),
            };
            let by = member.by.map(|by| inviter(by, &names, &charter));
            let let_in = by.map_or_else(String::new, |by| format!(", invited by {by}"));
            lines.push(format!("{name}: {}{state}{let_in}{may} ({id})", member.role));
            entries.push(Value::map([
                ("name", Value::from(name)),
                ("role", member.role.as_str().into()),
                ("id", id.to_string().into()),
                ("under", member.place.map(|place| place.to_string()).into()),
                ("revoked", out.into()),
                ("by", member.by.and_then(|by| names.get(&by).cloned()).into()),
                ("by_id", member.by.map(|by| by.to_string()).into()),
                ("holds", Value::list(grants.iter().map(String::as_str))),
            ]));
        }
        let mut invites = Vec::new();
        for invite in self.open_invites().await {
            let (line, entry) = self.tell_invite(invite).await;
            lines.push(line);
            invites.push(entry);
        }
        match answer(&lines, "members", Value::List(entries)) {
            Value::Map(mut told) => {
                told.insert("invites".to_owned(), Value::List(invites));
                Value::Map(told)
            }
            other => other,
        }
    }

    /// What everybody is called.
    pub(crate) async fn names(&self) -> BTreeMap<NodeId, String> {
        self.look(Registry::names).await
    }

    async fn tell_invite(&self, invite: OpenInvite) -> (String, Value) {
        let OpenInvite { id, wish, seconds } = invite;
        let by = match wish.by {
            Some(by) => self.call(by).await,
            None => MAIN_NAME.to_owned(),
        };
        let name = wish.name.map(|name| name.to_string());
        let replaces = match wish.replaces {
            Some(old) => Some(self.call(old).await),
            None => None,
        };
        let what = match (&replaces, wish.admin) {
            (Some(old), _) => format!(" in place of {old}"),
            (None, true) => ", holds `admin`".to_owned(),
            (None, false) => String::new(),
        };
        let line = format!(
            "invited: {}{}{what}, by {by}, good for {seconds} s more (invite {id})",
            name.as_ref().map_or_else(String::new, |name| format!("{name}: ")),
            wish.role,
        );
        let entry = Value::map([
            ("number", Value::from(id.to_string())),
            ("name", name.into()),
            ("role", wish.role.as_str().into()),
            ("admin", wish.admin.into()),
            ("replaces", replaces.into()),
            ("by", by.into()),
            ("seconds", seconds.into()),
        ]);
        (line, entry)
    }

    /// A member by name, role and id: whoever reads it knows who is meant.
    pub(super) async fn describe(&self, id: NodeId) -> String {
        match self.member(id).await {
            Some(member) => format!("{} ({}, {id})", called(id, &member), member.role),
            None => id.to_string(),
        }
    }
}

fn inviter(by: NodeId, names: &BTreeMap<NodeId, String>, charter: &Charter) -> String {
    let name = names.get(&by).cloned().unwrap_or_else(|| by.to_string());
    if charter.is_revoked(by) { format!("{name}, who is out") } else { name }
}

fn grant_in_words(grant: &Grant, charter: &Charter, names: &BTreeMap<NodeId, String>) -> String {
    let what = in_words(&grant.what);
    if grant.scope == charter.root {
        return what;
    }
    let out = if charter.is_revoked(grant.scope) { ", which is out" } else { "" };
    match names.get(&grant.scope) {
        Some(name) => format!("{what} below `{name}`{out}"),
        None => format!("{what} below {}{out}", grant.scope),
    }
}

fn called(id: NodeId, member: &Member) -> String {
    match (&member.name, member.role) {
        (Some(name), _) => name.to_string(),
        (None, Role::MainServer) => MAIN_NAME.to_owned(),
        (None, _) => format!("id:{}…", id.short()),
    }
}

/// Permissions as they stand in a sentence.
pub(super) fn in_words(what: &[Permission]) -> String {
    what.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

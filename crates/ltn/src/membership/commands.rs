//! The commands of a network with members: who is in, who is invited, who is out, who may what.
//!
//! A running main server offers them to its admins; at one that does not run, its owner does the
//! same on the book in the state directory ([`Network::run`]). What they change is decided by the
//! book; this room reads arguments and puts answers into words.

use std::sync::Arc;
use std::time::Duration;

use ltn_proto::registry::{InviteWish, Member};
use ltn_proto::{
    Address, CommandSpec, Grant, Name, NodeId, NodePath, ParameterKind, Permission, Reach, Refusal,
    RefusalKind, Role, Value,
};

use super::network::{MembershipError, Network};
use crate::admin_commands::answer;
use crate::envelope::close;
use crate::error::TalkError;
use crate::handlers::{Action, Offer};
use crate::node::Node;
use crate::words::HandlerError;

/// An invite is good for so long, unless said.
const INVITE_TIME: Duration = Duration::from_secs(3_600);
/// What the commands are listed under.
const CATEGORY: &str = "members";
/// The commands that say something which nobody on the way may read, and which of their arguments
/// is the key that the answer is closed for ([`crate::AnswerKey`]).
const WITH_SECRET: [(&str, usize); 3] = [("s.invite", 5), ("s.replace", 2), ("s.backup", 0)];

/// Where a command is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    /// The running main server; without it the network is looked at in its state directory.
    pub(super) node: Option<&'a Node>,
    /// Where the main server is reached.
    pub(super) hints: &'a [Address],
}

fn specs() -> [CommandSpec; 7] {
    let spec = |name: &str, description: &str| {
        let spec = CommandSpec::new(name, description).category(CATEGORY).reach(Reach::Network);
        spec.permission(Permission::admin())
    };
    let text = ParameterKind::Text;
    [
        spec("s.members", "who is a member of this network, and who is out"),
        spec("s.invite", "a line that lets one machine join, good once")
            .required("role", text)
            .optional("name", text)
            .optional("under", text)
            .optional("seconds", ParameterKind::Int)
            .optional("admin", ParameterKind::Any)
            .optional("reader", ParameterKind::Any),
        spec("s.replace", "an invite for new hardware that takes over a member's name and rights")
            .required("member", text)
            .optional("seconds", ParameterKind::Int)
            .optional("reader", ParameterKind::Any),
        spec("s.revoke", "refuse a member's key from now on, everywhere and for ever")
            .required("member", text)
            .dangerous(),
        spec("s.grant", "let a member do something, in a subtree, for a time")
            .required("member", text)
            .required("permission", text)
            .optional("scope", text)
            .optional("seconds", ParameterKind::Int)
            .dangerous(),
        spec("s.backup", "all that the main server needs to begin again elsewhere")
            .required("reader", ParameterKind::Any),
        spec("s.ungrant", "take permissions from a member again, wherever they were given")
            .required("member", text)
            .one_or_more("permission", text)
            .dangerous(),
    ]
}

/// Offers them at the running main server.
pub(super) async fn offer(network: &Network, node: &Node) -> Result<(), TalkError> {
    for spec in specs() {
        let (network, here) = (network.clone(), node.without_queues());
        let name = spec.name.clone();
        let run: Action = Arc::new(move |call| {
            let (network, node, name) = (network.clone(), here.clone(), name.clone());
            Box::pin(async move {
                let is_near = call.direct || call.from == node.id();
                if !is_near && is_secret(&name) && reader_in(&name, &call.arguments).is_none() {
                    let text = "this is secret, and every server on the way could read it: use \
                                `ltn invite`, `ltn replace` and `ltn backup`, which send a key \
                                that the answer is closed for";
                    return Err(refuse(text).into());
                }
                if name == "s.backup" && !network.is_owner(call.from).await {
                    return Err(only_for_the_owner().into());
                }
                let hints = node.addresses();
                let here = Here { node: Some(&node), hints: &hints };
                network.carry_out(here, &name, &call.arguments).await
            })
        });
        let name = spec.name.clone();
        node.put_on_offer(&name, Offer::Command(spec, run)).await?;
    }
    Ok(())
}

impl Network {
    /// Does what the command of this name (`s.invite`, …) does at a running main server, for the
    /// owner of its state directory ([`Network::open`]).
    ///
    /// # Errors
    /// Says what cannot be; nothing changed.
    pub async fn run(&self, command: &str, arguments: &[Value]) -> Result<Value, MembershipError> {
        let spec = specs().into_iter().find(|spec| spec.name == command);
        let spec = spec.ok_or_else(|| MembershipError::new(format!("no command `{command}`")))?;
        let arguments = spec.check(arguments.to_vec()).map_err(MembershipError::new)?;
        let here = Here { node: None, hints: &self.home().hints };
        let done = self.carry_out(here, command, &arguments).await;
        done.map_err(|error| match error {
            HandlerError::Refused(refusal) => refusal.into(),
            HandlerError::Failed(text) => MembershipError::new(text),
        })
    }

    /// Does it, and closes the answer for who asked with a key.
    async fn carry_out(
        &self,
        here: Here<'_>,
        command: &str,
        arguments: &[Value],
    ) -> Result<Value, HandlerError> {
        let Some(reader) = reader_in(command, arguments) else {
            return self.decide(here, command, arguments).await;
        };
        let closed = |answer: &Value| {
            let reader = reader.as_bytes().unwrap_or_default();
            close(reader, command, answer).map_err(|error| bad(error.to_string()))
        };
        // Before anything is done: a key that is none loses the answer.
        closed(&Value::Null)?;
        let answer = self.decide(here, command, arguments).await?;
        Ok(closed(&answer)?)
    }

    async fn decide(
        &self,
        here: Here<'_>,
        command: &str,
        arguments: &[Value],
    ) -> Result<Value, HandlerError> {
        let said = Said(arguments);
        match command {
            "s.members" => Ok(self.list().await),
            "s.invite" => self.make_invite(here, &said).await,
            "s.replace" => self.make_replacement(here, &said).await,
            "s.revoke" => {
                let who = self.find(here, said.needed(0)).await?;
                self.revoke(who).await.map_err(refused)?;
                let called = self.call(who).await;
                Ok(Value::from(format!("{called} is out: its key is refused from now on")))
            }
            "s.grant" => self.give(here, &said).await,
            "s.backup" => Ok(Value::Bytes(self.backup_content().await.map_err(refused)?)),
            _ => {
                let who = self.find(here, said.needed(0)).await?;
                let what = said.words(1)?;
                let changed = self.ungrant(who, &what).await.map_err(refused)?;
                let called = self.call(who).await;
                if changed == 0 {
                    return Err(refuse(&format!("{called} was given none of that")).into());
                }
                Ok(Value::from(format!("{called} holds {} no more", in_words(&what))))
            }
        }
    }

    async fn list(&self) -> Value {
        let members = self.members().await;
        let charter = self.charter().await;
        let (mut lines, mut entries) = (Vec::new(), Vec::new());
        for (id, member) in members {
            let name = called(id, &member);
            let grants: Vec<String> = charter
                .grants
                .iter()
                .filter(|grant| grant.who == id)
                .map(|grant| self.grant_in_words(grant, &charter))
                .collect();
            let out = charter.is_revoked(id);
            let state = if out { ", out" } else { "" };
            let may = match grants.join("; ") {
                words if words.is_empty() => String::new(),
                words => format!(", holds {words}"),
            };
            lines.push(format!("{name}: {}{state}{may} ({id})", member.role));
            entries.push(Value::map([
                ("name", Value::from(name)),
                ("role", member.role.as_str().into()),
                ("id", id.to_string().into()),
                ("under", member.place.map(|place| place.to_string()).into()),
                ("revoked", out.into()),
                ("holds", Value::list(grants.iter().map(String::as_str))),
            ]));
        }
        answer(&lines, "members", Value::List(entries))
    }

    fn grant_in_words(&self, grant: &Grant, charter: &ltn_proto::Charter) -> String {
        let what = in_words(&grant.what);
        if grant.scope == charter.root { what } else { format!("{what} below {}", grant.scope) }
    }

    async fn make_invite(&self, here: Here<'_>, said: &Said<'_>) -> Result<Value, HandlerError> {
        let role = match said.needed(0) {
            "client" => Role::Client,
            "sub-server" | "sub" => Role::SubServer,
            other => {
                let text = format!("`{other}` is no role to be invited as: `client`, `sub-server`");
                return Err(bad(text).into());
            }
        };
        let name = said.optional(1).map(Name::wanted).transpose();
        let name = name.map_err(|why| bad(why.to_string()))?;
        let place = said.optional(2).map(str::parse::<NodePath>).transpose();
        let place = place.map_err(|why| bad(why.to_string()))?;
        let admin = said.0.get(4).is_some_and(|value| {
            matches!(value, Value::Bool(true)) || value.as_text() == Some("admin")
        });
        let seconds = said.seconds(3)?.unwrap_or(INVITE_TIME).as_secs();
        let wish = InviteWish { role, name, place, admin, replaces: None, seconds };
        self.line_for(here, wish).await
    }

    async fn make_replacement(
        &self,
        here: Here<'_>,
        said: &Said<'_>,
    ) -> Result<Value, HandlerError> {
        let old = self.find(here, said.needed(0)).await?;
        let members = self.members().await;
        let member = members.into_iter().find(|(id, _)| *id == old).map(|(_, member)| member);
        let member = member.ok_or_else(|| refuse("it is no member any more"))?;
        let Member { role, name, place, .. } = member;
        let seconds = said.seconds(1)?.unwrap_or(INVITE_TIME).as_secs();
        let wish = InviteWish { role, name, place, admin: false, replaces: Some(old), seconds };
        self.line_for(here, wish).await
    }

    async fn line_for(&self, here: Here<'_>, wish: InviteWish) -> Result<Value, HandlerError> {
        let seconds = wish.seconds;
        let invite = self.invite_by(wish, here.hints).await.map_err(refused)?;
        Ok(Value::map([
            ("line", Value::from(invite.to_string())),
            ("role", invite.role.as_str().into()),
            ("name", invite.name.map(|name| name.to_string()).into()),
            ("seconds", seconds.into()),
            ("addresses", Value::list(invite.hints.iter().map(Address::as_str))),
        ]))
    }

    async fn give(&self, here: Here<'_>, said: &Said<'_>) -> Result<Value, HandlerError> {
        let who = self.find(here, said.needed(0)).await?;
        let word = said.needed(1);
        let word =
            Permission::word(word).ok_or_else(|| bad(format!("`{word}` is no permission")))?;
        let scope = match said.optional(2) {
            None | Some("/") => self.root().id(),
            Some(text) => self.find(here, text).await?,
        };
        let time = said.seconds(3)?;
        let what = vec![word];
        self.grant_at((who, scope), what.clone(), time).await.map_err(refused)?;
        let at = match scope == self.root().id() {
            true => "everywhere".to_owned(),
            false => format!("at {} and below", self.call(scope).await),
        };
        let until = time.map_or_else(String::new, |time| {
            format!(", until the main server has run for {} s more", time.as_secs())
        });
        let called = self.call(who).await;
        Ok(Value::from(format!("{called} holds {} {at}{until}", in_words(&what))))
    }

    /// The member that is meant: by its id, the name that it was invited with, or its path.
    async fn find(&self, here: Here<'_>, text: &str) -> Result<NodeId, HandlerError> {
        let found = self.look_for(text).await;
        let Some(node) = here.node.filter(|_| found.is_err()) else { return Ok(found?) };
        match node.locate(text).await {
            Ok(location) => Ok(self.look_for(&location.id.to_string()).await?),
            Err(_) => Ok(found?),
        }
    }
}

/// Does this command say something that nobody on the way may read?
fn is_secret(command: &str) -> bool {
    WITH_SECRET.iter().any(|(name, _)| *name == command)
}

/// The key that the answer to this command is closed for, if one was given.
fn reader_in<'a>(command: &str, arguments: &'a [Value]) -> Option<&'a Value> {
    let (_, at) = WITH_SECRET.iter().find(|(name, _)| *name == command)?;
    arguments.get(*at).filter(|reader| **reader != Value::Null)
}

/// What a command was given.
struct Said<'a>(&'a [Value]);

impl Said<'_> {
    fn needed(&self, at: usize) -> &str {
        self.optional(at).unwrap_or_default()
    }

    fn optional(&self, at: usize) -> Option<&str> {
        self.0.get(at).and_then(Value::as_text).filter(|text| !text.is_empty())
    }

    fn seconds(&self, at: usize) -> Result<Option<Duration>, Refusal> {
        match self.0.get(at) {
            None | Some(Value::Null | Value::Int(0)) => Ok(None),
            Some(value) => match value.as_u64() {
                Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
                None => Err(bad("a time is a number of seconds".to_owned())),
            },
        }
    }

    fn words(&self, from: usize) -> Result<Vec<Permission>, Refusal> {
        let word = |value: &Value| {
            let text = value.as_text().unwrap_or_default();
            Permission::word(text).ok_or_else(|| bad(format!("`{text}` is no permission")))
        };
        self.0.iter().skip(from).map(word).collect()
    }
}

fn called(id: NodeId, member: &Member) -> String {
    match (&member.name, member.role) {
        (Some(name), _) => name.to_string(),
        (None, Role::MainServer) => super::MAIN_NAME.to_owned(),
        (None, _) => format!("id:{}…", id.short()),
    }
}

fn in_words(what: &[Permission]) -> String {
    what.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The backup has the key of the network in it: who has that is an admin for ever.
fn only_for_the_owner() -> Refusal {
    let text = "a backup holds the key of the network, so the owner of the main server alone gets \
                one: `ltn backup` at its machine";
    Refusal::new(RefusalKind::NoPermission, text)
}

fn refuse(text: &str) -> Refusal {
    Refusal::new(RefusalKind::NotPossible, text)
}

fn bad(text: String) -> Refusal {
    Refusal::new(RefusalKind::BadArguments, text)
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn refused(error: MembershipError) -> HandlerError {
    refuse(&error.to_string()).into()
}

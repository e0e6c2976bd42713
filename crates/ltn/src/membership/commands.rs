//! The commands of a network with members: who is in, who is invited, who is out, who may what.
//!
//! A running main server offers them to its admins; at one that does not run, its owner does the
//! same on the book in the state directory ([`Network::run`]). What they change is decided by the
//! book; this room reads arguments and puts answers into words.

use std::sync::Arc;
use std::time::Duration;

use ltn_proto::registry::{InviteWish, Member};
use ltn_proto::{
    Address, Audited, CommandSpec, Name, NodeId, NodePath, ParameterKind, Permission, Reach,
    Refusal, RefusalKind, Role, Value,
};

use super::listing::in_words;
use super::network::{MembershipError, Network};
use crate::envelope::close;
use crate::error::TalkError;
use crate::handlers::{Action, Forecast, Foretell, Offer};
use crate::node::Node;
use crate::words::{HandlerError, Invocation};

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
    /// Which member wants it; nobody if it is the owner of the main server.
    pub(super) by: Option<NodeId>,
}

fn specs() -> [CommandSpec; 8] {
    let spec = |name: &str, description: &str| {
        let spec = CommandSpec::new(name, description).category(CATEGORY).reach(Reach::Network);
        spec.permission(Permission::admin())
    };
    let text = ParameterKind::Text;
    [
        spec("s.members", "who is a member of this network, who is out, who is invited"),
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
        spec("s.uninvite", "withdraw an invite that nobody has used")
            .required("number_or_name", text),
        spec("s.revoke", "refuse a member's key from now on, everywhere and for ever")
            .required("member", text)
            .foretold(),
        spec("s.grant", "let a member do something, in a subtree, for a time")
            .required("member", text)
            .required("permission", text)
            .optional("scope", text)
            .optional("seconds", ParameterKind::Int)
            .foretold(),
        spec("s.backup", "all that the main server needs to begin again elsewhere")
            .required("reader", ParameterKind::Any),
        spec("s.ungrant", "take permissions from a member again, wherever they were given")
            .required("member", text)
            .one_or_more("permission", text)
            .foretold(),
    ]
}

/// Offers them at the running main server.
pub(super) async fn offer(network: &Network, node: &Node) -> Result<(), TalkError> {
    for spec in specs() {
        let (name, foretold) = (spec.name.clone(), spec.foretold);
        let (at, here, command) = (network.clone(), node.without_queues(), name.clone());
        let run: Action = Arc::new(move |call| {
            let (network, node, command) = (at.clone(), here.clone(), command.clone());
            // Who asked may not wait for the end: what is begun is done, and written down, or not.
            let running = async move { network.run_at(&node, &command, &call).await };
            Box::pin(whole(running))
        });
        let (at, here, command) = (network.clone(), node.without_queues(), name.clone());
        let foretell: Foretell = Arc::new(move |call| {
            let (network, node, command) = (at.clone(), here.clone(), command.clone());
            Box::pin(async move { network.foretell_at(&node, &command, &call).await })
        });
        let offer = match foretold {
            true => Offer::Foretold(spec, foretell, run),
            false => Offer::Command(spec, run),
        };
        node.put_on_offer(&name, offer).await?;
    }
    Ok(())
}

/// Goes on to the end, also when nobody waits for it any more.
async fn whole(
    running: impl Future<Output = Result<Value, HandlerError>> + Send + 'static,
) -> Result<Value, HandlerError> {
    let ended = tokio::spawn(running).await;
    ended.unwrap_or_else(|error| Err(HandlerError::Failed(error.to_string())))
}

impl Network {
    /// Somebody runs a command at the running main server.
    async fn run_at(
        &self,
        node: &Node,
        command: &str,
        call: &Invocation,
    ) -> Result<Value, HandlerError> {
        let is_near = call.direct || call.from == node.id();
        if !is_near && is_secret(command) && reader_in(command, &call.arguments).is_none() {
            let text = "this is secret, and every server on the way could read it: use `ltn \
                        invite`, `ltn replace` and `ltn backup`, which send a key that the answer \
                        is closed for";
            return Err(refuse(text).into());
        }
        if command == "s.backup" && !self.is_owner(call.from).await {
            return Err(only_for_the_owner().into());
        }
        let hints = node.addresses();
        let here = Here { node: Some(node), hints: &hints, by: self.inviter(call.from).await };
        if let Some((_, targets)) = self.forecast(here, command, &call.arguments).await?
            && targets != call.confirmed
        {
            let text = "another member is meant by that now than when it was confirmed";
            return Err(Refusal::new(RefusalKind::BadToken, text).into());
        }
        self.carry_out(here, command, &call.arguments).await
    }

    /// Somebody wants to know what a command would do at the running main server.
    async fn foretell_at(
        &self,
        node: &Node,
        command: &str,
        call: &Invocation,
    ) -> Result<Forecast, HandlerError> {
        let here = Here { node: Some(node), hints: &[], by: None };
        let told = self.forecast(here, command, &call.arguments).await?;
        Ok(told.ok_or_else(|| refuse("nobody can say what that would do"))?)
    }

    /// What [`Self::run`] would do, in words, and to whom; nothing for what is done unasked.
    ///
    /// # Errors
    /// Says what cannot be.
    pub async fn foretell(
        &self,
        command: &str,
        arguments: &[Value],
    ) -> Result<Option<String>, MembershipError> {
        let arguments = checked(command, arguments)?;
        let here = Here { node: None, hints: &[], by: None };
        let told = self.forecast(here, command, &arguments).await?;
        Ok(told.map(|(text, _)| text))
    }

    /// Does what the command of this name (`s.invite`, …) does at a running main server, for the
    /// owner of its state directory ([`Network::open`]).
    ///
    /// # Errors
    /// Says what cannot be; nothing changed.
    pub async fn run(&self, command: &str, arguments: &[Value]) -> Result<Value, MembershipError> {
        let arguments = checked(command, arguments)?;
        let here = Here { node: None, hints: &self.home().hints, by: None };
        let spec = specs().into_iter().find(|spec| spec.name == command);
        let why = Audited::new(self.root().id(), command, spec.as_ref(), &arguments);
        self.because(Some(why)).await;
        let done = self.carry_out(here, command, &arguments).await;
        // What changed nothing is the reason of nothing.
        self.because(None).await;
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
            "s.uninvite" => self.withdraw(said.needed(0)).await,
            "s.revoke" => {
                let who = self.find(here, said.needed(0)).await?;
                self.revoke(who).await.map_err(refused)?;
                let (called, stay) = (self.call(who).await, self.who_stays(who).await);
                let when = match here.node {
                    Some(_) => "its key is refused from now on",
                    None => {
                        "that is written down, and its key is refused as soon as the main server \
                         runs and others have heard of it"
                    }
                };
                Ok(Value::from(format!("{called} is out: {when}{stay}")))
            }
            "s.grant" => self.give(here, &said).await,
            "s.backup" => Ok(Value::Bytes(self.backup_content().await.map_err(refused)?)),
            _ => {
                let who = self.find(here, said.needed(0)).await?;
                let what = self.held(who, said.words(1)?).await;
                let changed = self.ungrant(who, &what).await.map_err(refused)?;
                let called = self.call(who).await;
                if changed == 0 {
                    return Err(refuse(&format!("{called} was given none of that")).into());
                }
                let stay = self.who_stays_without(who, &what).await;
                Ok(Value::from(format!("{called} holds {} no more{stay}", in_words(&what))))
            }
        }
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
        let admin = match said.0.get(4) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(admin)) => *admin,
            Some(Value::Text(text)) if text == "admin" => true,
            Some(_) => {
                let text = "the last argument is `admin`, or left out";
                return Err(bad(text.to_owned()).into());
            }
        };
        let seconds = said.seconds(3)?.unwrap_or(INVITE_TIME).as_secs();
        let by = here.by;
        let wish = InviteWish { role, name, place, admin, replaces: None, seconds, by };
        self.line_for(here, wish).await
    }

    async fn make_replacement(
        &self,
        here: Here<'_>,
        said: &Said<'_>,
    ) -> Result<Value, HandlerError> {
        // Whoever holds the line takes over, so a place that anybody may take says nothing here.
        let old = self.look_for(said.needed(0)).await?;
        let member = self.member(old).await;
        let member = member.ok_or_else(|| refuse("it is no member any more"))?;
        let Member { role, name, place, .. } = member;
        let seconds = said.seconds(1)?.unwrap_or(INVITE_TIME).as_secs();
        let (admin, replaces, by) = (false, Some(old), here.by);
        let wish = InviteWish { role, name, place, admin, replaces, seconds, by };
        self.line_for(here, wish).await
    }

    async fn line_for(&self, here: Here<'_>, wish: InviteWish) -> Result<Value, HandlerError> {
        let seconds = wish.seconds;
        let mut remarks = Vec::new();
        if self.has_earlier_line(&wish).await {
            remarks.push("An earlier line for the same machine is withdrawn by that.".to_owned());
        }
        if let (Some(node), Some(place)) = (here.node, &wish.place)
            && let Err(error) = node.locate(place.clone()).await
        {
            remarks.push(format!(
                "There is no server {place} now: {error}. The line is good all the same; `ltn \
                 uninvite` withdraws it."
            ));
        }
        let invite = self.invite_by(wish, here.hints).await.map_err(refused)?;
        Ok(Value::map([
            ("line", Value::from(invite.to_string())),
            ("role", invite.role.as_str().into()),
            ("name", invite.name.map(|name| name.to_string()).into()),
            ("seconds", seconds.into()),
            ("addresses", Value::list(invite.hints.iter().map(Address::as_str))),
            ("number", invite.id.to_string().into()),
            ("remarks", Value::list(remarks.iter().map(String::as_str))),
        ]))
    }

    async fn withdraw(&self, text: &str) -> Result<Value, HandlerError> {
        let invite = self.uninvite(text).await.map_err(refused)?;
        let name = invite.wish.name.map_or_else(String::new, |name| format!(" for {name}"));
        Ok(Value::from(format!("invite {}{name} is withdrawn: nobody gets in with it", invite.id)))
    }

    async fn give(&self, here: Here<'_>, said: &Said<'_>) -> Result<Value, HandlerError> {
        let Giving { who, what, scope, time } = self.giving(here, said).await?;
        self.grant_at((who, scope), vec![what.clone()], time).await.map_err(refused)?;
        let (called, what) = (self.describe(who).await, in_words(&[what]));
        Ok(Value::from(format!("{called} holds {what} {}", self.extent(scope, time).await)))
    }

    /// What a grant is about.
    pub(super) async fn giving(&self, here: Here<'_>, said: &Said<'_>) -> Result<Giving, Refusal> {
        let who = self.find(here, said.needed(0)).await?;
        let word = said.needed(1);
        let what =
            Permission::word(word).ok_or_else(|| bad(format!("`{word}` is no permission")))?;
        let scope = match said.optional(2) {
            None | Some("/") => self.root().id(),
            Some(text) => self.find(here, text).await?,
        };
        Ok(Giving { who, what, scope, time: said.seconds(3)? })
    }

    /// The member that is meant: by its id or the name that it was invited with. A name that it has
    /// taken in the tree says nothing, because anybody may take one. Its path does, as long as it
    /// is shown whom it means before anything is done: see [`Network::foretell`].
    pub(super) async fn find(&self, here: Here<'_>, text: &str) -> Result<NodeId, Refusal> {
        if !text.starts_with('/') {
            return self.look_for(text).await;
        }
        let Some(node) = here.node else {
            let text = format!(
                "`{text}` is a place, and the main server does not run, so nobody can tell who is \
                 there: say its name or id"
            );
            return Err(Refusal::new(RefusalKind::BadTarget, text));
        };
        match node.locate(text).await {
            Ok(location) => self.look_for(&location.id.to_string()).await,
            Err(error) => Err(Refusal::new(RefusalKind::BadTarget, error.to_string())),
        }
    }
}

/// What a grant is about.
pub(super) struct Giving {
    pub(super) who: NodeId,
    pub(super) what: Permission,
    pub(super) scope: NodeId,
    pub(super) time: Option<Duration>,
}

/// The arguments of this command as they are declared.
fn checked(command: &str, arguments: &[Value]) -> Result<Vec<Value>, MembershipError> {
    let spec = specs().into_iter().find(|spec| spec.name == command);
    let spec = spec.ok_or_else(|| MembershipError::new(format!("no command `{command}`")))?;
    spec.check(arguments.to_vec()).map_err(MembershipError::new)
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
pub(super) struct Said<'a>(pub(super) &'a [Value]);

impl Said<'_> {
    pub(super) fn needed(&self, at: usize) -> &str {
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

    pub(super) fn words(&self, from: usize) -> Result<Vec<Permission>, Refusal> {
        let word = |value: &Value| {
            let text = value.as_text().unwrap_or_default();
            Permission::word(text).ok_or_else(|| bad(format!("`{text}` is no permission")))
        };
        self.0.iter().skip(from).map(word).collect()
    }
}

/// The backup has the key of the network in it: who has that is an admin for ever.
fn only_for_the_owner() -> Refusal {
    let text = "a backup holds the key of the network, so the owner of the main server alone gets \
                one: `ltn backup` at its machine";
    Refusal::new(RefusalKind::NoPermission, text)
}

pub(super) fn refuse(text: &str) -> Refusal {
    Refusal::new(RefusalKind::NotPossible, text)
}

fn bad(text: String) -> Refusal {
    Refusal::new(RefusalKind::BadArguments, text)
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn refused(error: MembershipError) -> HandlerError {
    refuse(&error.to_string()).into()
}

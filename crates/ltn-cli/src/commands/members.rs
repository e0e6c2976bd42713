//! What is done to the members of a network: `ltn members`, `uninvite`, `revoke`, `grant`,
//! `ungrant`.
//!
//! The main server does it, asked by an admin; while it does not run, the owner of its state
//! directory does the same there.

use ltn::{AnswerKey, EnvelopeError, Network, StateError, Target, Value, holds_member};

use crate::args::{GrantArgs, MembersArgs, RevokeArgs, UngrantArgs, UninviteArgs, VisitArgs};
use crate::commands::invite::seconds;
use crate::commands::run::asking;
use crate::commands::visit::{Asking, Order, consent, visiting};
use crate::output::{Output, readable};
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &MembersArgs) -> Result<Ending, Trouble> {
    let order = ("s.members", Vec::new());
    // A list changes nothing, so nobody is asked.
    let (output, value) =
        at_main_server(&args.visit, "ltn members", order, Asking::Skipped).await?;
    tell(output, &value)
}

pub(crate) async fn uninvite(args: &UninviteArgs) -> Result<Ending, Trouble> {
    let order = ("s.uninvite", vec![args.invite.as_str().into()]);
    let (output, value) =
        at_main_server(&args.visit, "ltn uninvite", order, Asking::Skipped).await?;
    tell(output, &value)
}

pub(crate) async fn revoke(args: &RevokeArgs) -> Result<Ending, Trouble> {
    let verb = format!("ltn revoke {}", args.member);
    let order = ("s.revoke", vec![args.member.as_str().into()]);
    let asking = asking(args.yes, &args.visit)?;
    let (output, value) = at_main_server(&args.visit, &verb, order, asking).await?;
    tell(output, &value)
}

pub(crate) async fn grant(args: &GrantArgs) -> Result<Ending, Trouble> {
    let time = args.time.as_deref().map(settings::span).transpose()?;
    let scope = args.at.as_deref().unwrap_or("/");
    let words = [args.member.as_str(), args.permission.as_str(), scope];
    let arguments = words.into_iter().map(Value::from).chain(time.map(seconds)).collect();
    let order = ("s.grant", arguments);
    // Who and what was typed; there is nothing more to show.
    let (output, value) = at_main_server(&args.visit, "ltn grant", order, Asking::Skipped).await?;
    tell(output, &value)
}

pub(crate) async fn ungrant(args: &UngrantArgs) -> Result<Ending, Trouble> {
    let mut arguments: Vec<Value> = vec![args.member.as_str().into()];
    arguments.extend(args.permission.iter().map(|word| Value::from(word.as_str())));
    let order = ("s.ungrant", arguments);
    let (output, value) =
        at_main_server(&args.visit, "ltn ungrant", order, Asking::Skipped).await?;
    tell(output, &value)
}

fn tell(output: Output, value: &Value) -> Result<Ending, Trouble> {
    output.map(value, &readable(value));
    Ok(Ending::All)
}

/// The same for what nobody on the way may read: the answer is closed for a key that is made for
/// it and goes along as the last argument, which the signature of the command covers.
pub(crate) async fn in_secret(
    args: &VisitArgs,
    verb: &str,
    (command, mut arguments): (&str, Vec<Value>),
) -> Result<(Output, Value), Trouble> {
    let broken = |error: EnvelopeError| Trouble::failed(error.to_string());
    let key = AnswerKey::make().map_err(|error| broken(error).nothing_done())?;
    arguments.push(key.public());
    let (output, closed) =
        at_main_server(args, verb, (command, arguments), Asking::Skipped).await?;
    Ok((output, key.open(command, &closed).map_err(broken)?))
}

/// Has a command done at the main server, running or not.
pub(crate) async fn at_main_server(
    args: &VisitArgs,
    verb: &str,
    (command, arguments): (&str, Vec<Value>),
    asking: Asking,
) -> Result<(Output, Value), Trouble> {
    let output = Output::new(args.json);
    if let Some(network) = at_rest(args).await? {
        let unchanged = |error| Trouble::usage(format!("{error}. Nothing was changed"));
        if let Some(text) = network.foretell(command, &arguments).await.map_err(unchanged)? {
            output.remark(&text);
            consent(output, asking)?;
        }
        let done = network.run(command, &arguments).await;
        return done.map(|value| (output, value)).map_err(unchanged);
    }
    let order = Order {
        target: Target::Root,
        shown: "the main server".to_owned(),
        command: command.to_owned(),
        arguments,
    };
    let mut answer = Value::Null;
    visiting(args, verb, async |visitor| {
        answer = visitor.order(&order, asking).await?;
        Ok(Ending::All)
    })
    .await?;
    Ok((output, answer))
}

/// The network, if the state directory that is meant is its main server's and that does not run.
async fn at_rest(args: &VisitArgs) -> Result<Option<Network>, Trouble> {
    if args.to.is_some() || args.mode.open {
        return Ok(None);
    }
    let directory = args.state.clone().or_else(settings::default_state);
    let Some(directory) = directory.filter(|directory| holds_member(directory)) else {
        return Ok(None);
    };
    match Network::open(&directory).await {
        Ok(network) => Ok(network),
        Err(StateError::InUse { .. }) => Ok(None),
        Err(error) => Err(Trouble::state(&error)),
    }
}

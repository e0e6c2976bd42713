//! `ltn why`: may a node run a command at another one, by which rule, and how is that changed?

use ltn::{CallReply, Target, Value};

use crate::args::WhyArgs;
use crate::commands::visit::{Visitor, visiting};
use crate::console;
use crate::output::readable;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &WhyArgs) -> Result<Ending, Trouble> {
    let claim = match args.claim.as_str() {
        "may" => true,
        "cannot" => false,
        other => {
            let text = format!("`{other}`: say `may` or `cannot`");
            return Err(Trouble::usage(text).hint("for example `ltn why lamp may s.restart /hall`"));
        }
    };
    let target = console::target(&args.target)?;
    visiting(&args.visit, "ltn why NODE may COMMAND TARGET", async |visitor| {
        let who = find(visitor, &args.node).await?;
        let command = args.command.trim_end_matches("()");
        let asked = vec![Value::from(who), command.into()];
        let trouble = |error| Trouble::talk(&args.target, "s.why", &error);
        let reply = visitor.within(visitor.node.call(target.clone(), "s.why", asked)).await;
        let CallReply::Done(answer) = reply.map_err(trouble)? else {
            return Err(Trouble::failed("there came no answer"));
        };
        visitor.output.map(&answer, &readable(&answer));
        let is_so = answer.get("may").and_then(Value::as_bool) == Some(claim);
        Ok(if is_so { Ending::All } else { Ending::Some })
    })
    .await
}

/// The id of a node that is in the tree, or of a member that is away.
async fn find(visitor: &Visitor, text: &str) -> Result<String, Trouble> {
    let located = visitor.within(visitor.node.locate(console::target(text)?)).await;
    let error = match located {
        Ok(found) => return Ok(found.id.to_string()),
        Err(error) => error,
    };
    let members = visitor.within(visitor.node.call(Target::Root, "s.members", vec![])).await;
    let Ok(CallReply::Done(members)) = members else {
        return Err(Trouble::talk(text, "ltn why", &error));
    };
    let named = |member: &&Value| {
        let is = |key: &str| member.get(key).and_then(Value::as_text) == Some(text);
        let is_out = member.get("revoked").and_then(Value::as_bool) == Some(true);
        is("name") && !is_out || is("id")
    };
    let members = members.get("members").and_then(Value::as_list).unwrap_or_default();
    let member = members.iter().find(named).and_then(|member| member.get("id")?.as_text());
    let none = || Trouble::usage(format!("no node or member is called `{text}`"));
    member.map(str::to_owned).ok_or_else(none)
}

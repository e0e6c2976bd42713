//! `ltn move`: a server or client goes below another server, or each of several does.

use ltn::{Addressee, MovePlan, NodeId, RefusalKind, Selector, TalkError, Target, Value, Whom};

use crate::args::MoveArgs;
use crate::commands::many::{self, Deed};
use crate::commands::run::asking;
use crate::commands::visit::{Asking, Order, Visitor, visiting};
use crate::console;
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &MoveArgs) -> Result<Ending, Trouble> {
    let (whom, under) = (console::selector(&args.target)?, console::target(&args.under)?);
    let return_after = args.return_after.as_deref().map(settings::span).transpose()?;
    let asking = asking(args.yes, &args.visit)?;
    visiting(&args.visit, "ltn move NODE --under SERVER", async |visitor| {
        let under = find(visitor, under, &args.under).await?;
        let mut arguments = vec![Value::from(under.to_string())];
        arguments.extend(return_after.map(|time| Value::from(time.as_secs_f64())));
        let node = match whom {
            Selector::One(target) => find(visitor, target, &args.target).await?,
            many @ Selector::Many(_) => {
                return all_of_them(visitor, (args, asking), (many, under), arguments).await;
            }
        };
        if args.dry_run {
            return rehearse(visitor, (node, under), &args.target).await;
        }
        let order = Order {
            target: Target::Id(node),
            shown: args.target.clone(),
            command: "move".to_owned(),
            arguments,
        };
        let moved = visitor.order(&order, asking).await?;
        settle(visitor, (node, under), &args.target).await;
        let text = moved.get("text").and_then(Value::as_text).unwrap_or("moved");
        let path = moved.get("path").cloned().unwrap_or(Value::Null);
        let fields =
            [("moved", Value::from(true)), ("id", node.to_string().into()), ("path", path)];
        visitor.output.tell(&fields, text);
        Ok(Ending::All)
    })
    .await
}

/// Each of several goes by its own grant, and ends by itself: a roll call. Those below others go
/// first, so that each is asked where it is.
async fn all_of_them(
    visitor: &Visitor,
    (args, asking): (&MoveArgs, Asking),
    (many, under): (Selector, NodeId),
    arguments: Vec<Value>,
) -> Result<Ending, Trouble> {
    let found = visitor.within(visitor.node.select(many)).await;
    let mut nodes = found.map_err(|error| Trouble::talk(&args.target, "move", &error))?;
    // Nobody goes below itself, and who is there already need not go.
    nodes.retain(|node| node.id != under && node.parent != under);
    if nodes.is_empty() {
        let text = format!("all who fit `{}` are below {} already", args.target, args.under);
        return Err(Trouble::usage(text));
    }
    if args.dry_run {
        let mut ending = Ending::All;
        for node in nodes {
            if let Err(trouble) = rehearse(visitor, (node.id, under), &node.path.to_string()).await
            {
                visitor.output.remark(&trouble.to_string());
                ending = Ending::Some;
            }
        }
        return Ok(ending);
    }
    let these =
        nodes.iter().map(|node| Addressee { id: node.id, path: node.path.clone(), token: None });
    let deed = Deed { shown: &args.target, what: "move" };
    let these = Whom::These(these.collect());
    let (ending, moved) = many::order(visitor, these, (deed, arguments), asking).await?;
    // Who did not say himself that he went may be there without anybody having wanted it.
    for node in nodes.iter().filter(|node| node.role.is_server() && moved.contains(&node.id)) {
        settle(visitor, (node.id, under), &node.path.to_string()).await;
    }
    Ok(ending)
}

/// A server that an admin moved belongs there; if the main server does not take that, the rights of
/// others over that place do not reach it.
async fn settle(visitor: &Visitor, (node, under): (NodeId, NodeId), shown: &str) {
    if visitor.node.network_id().is_none() {
        return;
    }
    match visitor.within(visitor.node.settle(node, under)).await {
        Ok(()) => {}
        // It did not go there.
        Err(TalkError::Refused(refusal)) if refusal.kind == RefusalKind::BadTarget => {}
        Err(why) => visitor.output.remark(&format!(
            "ltn: rights over that place do not reach {shown}: the main server was not told that \
             it belongs there ({why})"
        )),
    }
}

/// What is signed is about ids: whom a place means, the main server says.
async fn find(visitor: &Visitor, target: Target, shown: &str) -> Result<NodeId, Trouble> {
    if let (Target::Id(id), Some(_)) = (&target, visitor.node.network_id()) {
        return Ok(*id);
    }
    let found = visitor.within(visitor.node.locate_confirmed(target)).await;
    found.map(|found| found.id).map_err(|error| Trouble::talk(shown, "move", &error))
}

/// Says what would change.
async fn rehearse(
    visitor: &Visitor,
    (node, under): (NodeId, NodeId),
    shown: &str,
) -> Result<Ending, Trouble> {
    let plan = visitor.within(visitor.node.plan_move(node, under)).await;
    let plan = plan.map_err(|error| Trouble::talk(shown, "move", &error))?;
    visitor.output.tell(&fields(&plan), &words(&plan));
    Ok(Ending::All)
}

fn words(plan: &MovePlan) -> String {
    let width = plan.places.iter().map(|(from, _)| from.to_string().chars().count()).max();
    let width = width.unwrap_or(0);
    let line = |(from, to): &(ltn::NodePath, ltn::NodePath)| {
        let (from, layers) = (from.to_string(), (from.layer(), to.layer()));
        format!("{from:<width$}  ->  {to}  (layer {} -> {})", layers.0, layers.1)
    };
    let all = 1 + plan.servers + plan.clients;
    let more = all.saturating_sub(plan.places.len() as u64);
    let mut lines: Vec<String> = plan.places.iter().map(line).collect();
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines.extend(plan.name_reason.clone());
    let what = if all == 1 { "1 node".to_owned() } else { format!("{all} nodes") };
    lines.push(format!("{what} would move; nothing was done"));
    lines.join("\n")
}

fn fields(plan: &MovePlan) -> Vec<(&'static str, Value)> {
    let pair = |(from, to): &(ltn::NodePath, ltn::NodePath)| {
        let pair = [("before", from.to_string()), ("after", to.to_string())];
        Value::map(pair.map(|(key, path)| (key, Value::from(path))))
    };
    vec![
        ("moved", false.into()),
        ("id", plan.node.to_string().into()),
        ("under", plan.under.to_string().into()),
        ("places", Value::list(plan.places.iter().map(pair))),
        ("servers", plan.servers.into()),
        ("clients", plan.clients.into()),
        ("name_reason", plan.name_reason.clone().into()),
    ]
}
